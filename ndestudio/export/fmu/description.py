"""`modelDescription.xml` of both versions of FMI.

FMI 2.0.5, chapter 2.2, and FMI 3.0.1, chapter 2.4 (https://fmi-standard.org). Value references count as `native/instance.c` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ndestudio.export.code import header
from ndestudio.export.content import Content, Quantity
from ndestudio.export.event_parts import event_text
from ndestudio.export.fmu.program import start_inputs
from ndestudio.export.fmu.units import base_unit, rate_unit
from ndestudio.expression.tree import Expr, names
from ndestudio.figures.text import plain

STEPS = 500


@dataclass(frozen=True)
class Variable:
    """One variable of the description.

    Parameters
    ----------
    kind
        `Float64`, `Int32` or `Boolean`, as FMI 3.0 calls them.
    derivative
        Place of the state of which it is the derivative, in the list of variables.
    depends
        Places of the states and inputs that its formula reads; None where that is not asked.
    """

    name: str
    causality: str
    variability: str
    kind: str = "Float64"
    initial: str = ""
    start: str = ""
    unit: str = ""
    description: str = ""
    nominal: str = ""
    least: str = ""
    most: str = ""
    derivative: int | None = None
    depends: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Variables:
    """All variables, in the order of their value references, and which are what."""

    all: tuple[Variable, ...]
    states: range
    rates: range
    outputs: range
    indicators: range
    units: tuple[str, ...] = field(default=())


def variables(content: Content) -> Variables:
    """The variables of a model."""
    taken = {one.name for one in (*content.states, *content.inputs, *content.parameters)}
    taken |= {quantity.name for quantity, _ in content.outputs}
    n, m = len(content.states), len(content.inputs)
    places = {one.name: 1 + k for k, one in enumerate(content.states)}
    places |= {one.name: 1 + 2 * n + k for k, one in enumerate(content.inputs)}
    places["t"] = 0
    time = content.time.unit
    found = [Variable(_free("time", taken), "independent", "continuous", unit=time, description=content.time.note)]
    for k, (one, value) in enumerate(zip(content.states, content.tracks[0].initial, strict=True)):
        nominal = abs(float(content.scale[k])) or 1.0
        found.append(_real(one, "output", "continuous", "exact", float(value), nominal=repr(nominal), depends=(1 + k,)))
    for k, (one, rhs) in enumerate(zip(content.states, content.equations, strict=True)):
        name = _free(f"der({one.name})", taken)
        found.append(
            Variable(
                name,
                "local",
                "continuous",
                initial="calculated",
                unit=rate_unit(one.unit, time),
                derivative=1 + k,
                depends=_read(rhs, places),
                description=f"time derivative of {one.name}",
            )
        )
    found += [
        _real(one, "input", "continuous", "", value)
        for one, value in zip(content.inputs, start_inputs(content), strict=True)
    ]
    for one, expr in content.outputs:
        # a state that is observed as it is has its name already
        name = (
            one.name
            if one.name not in {state.name for state in content.states}
            else _free(f"{one.name} (observed)", taken)
        )
        found.append(
            Variable(name, "output", "continuous", initial="calculated", unit=one.unit, depends=_read(expr, places))
        )
    timing = _of_times(content)
    found += [
        _real(one, "parameter", "fixed" if one.name in timing else "tunable", "exact", one.value)
        for one in content.parameters
    ]
    found += [
        Variable(
            _free("trajectory", taken), "parameter", "fixed", "Int32", "exact", "1", least="1", most=str(len(content.tracks)),
            description="whose doses and measured inputs are taken, and whose initial values where none other are set: "
            + ", ".join(f"{k + 1} {track.name}" for k, track in enumerate(content.tracks[:20])),
        ),
        Variable(
            _free("measured_inputs", taken), "parameter", "fixed", "Boolean", "exact", "false",
            description="take the inputs that were measured along the trajectory in place of those that are connected",
        ),
    ]  # fmt: skip
    first = len(found)
    for k, number in enumerate(content.conditions):
        event = content.events[number]
        assert event.condition is not None
        found.append(
            Variable(
                _free(f"condition_{k + 1}", taken),
                "local",
                "continuous",
                initial="calculated",
                depends=_read(event.condition, places),
                description=f"rises through 0 where an event happens: {event_text(event)}",
            )
        )
    outputs = range(1 + 2 * n + m, 1 + 2 * n + m + len(content.outputs))
    units = tuple(dict.fromkeys(one.unit for one in found if one.unit))
    return Variables(tuple(found), range(1, 1 + n), range(1 + n, 1 + 2 * n), outputs, range(first, len(found)), units)


def _real(one: Quantity, causality: str, variability: str, initial: str, value: float, **more: object) -> Variable:
    return Variable(one.name, causality, variability, "Float64", initial, repr(value), one.unit, one.note, **more)  # type: ignore[arg-type]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _read(expr: Expr, places: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sorted(places[name] for name in names(expr) if name in places))


def _of_times(content: Content) -> set[str]:
    """Parameters that times of events read: these are laid out at the begin, and then stay."""
    return {name for event in content.events for time in event.times for name in names(time)}


def described(content: Content, version: int, name: str, token: str, date: str, files: Iterable[str]) -> bytes:
    """The XML.

    Parameters
    ----------
    version
        Of FMI, 2 or 3.
    name
        Identifier of the model, which libraries have as their name.
    token
        Identifier of this FMU.
    date
        ISO 8601 with seconds and `Z`, "" to leave it out.
    files
        Names of C files among the sources (FMI 2; FMI 3 has a file of its own for them).
    """
    found = variables(content)
    root = Element("fmiModelDescription", _head(content, version, name, token, date, len(content.conditions)))
    _interfaces(root, version, name, tuple(files))
    if found.units:
        _units(SubElement(root, "UnitDefinitions"), found.units)
    categories = SubElement(root, "LogCategories")
    SubElement(categories, "Category", name="logStatusError", description="What went wrong, as a sentence")
    first = content.tracks[0]
    span = first.stop - first.start
    experiment = {
        "startTime": repr(first.start),
        "stopTime": repr(first.stop),
        "tolerance": "1e-08",
        "stepSize": repr(span / STEPS),
    }
    SubElement(root, "DefaultExperiment", experiment)
    listed = SubElement(root, "ModelVariables")
    for k, one in enumerate(found.all):
        (_scalar if version == 2 else _typed)(listed, k, one)
    _structure(SubElement(root, "ModelStructure"), version, found)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, plain(value))
    indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="utf-8") + b"\n"


def _head(content: Content, version: int, name: str, token: str, date: str, indicators: int) -> dict[str, str]:
    mapping: dict[str, str] = {}
    head = {
        "fmiVersion": "2.0" if version == 2 else "3.0",
        "modelName": content.title,
        "guid" if version == 2 else "instantiationToken": token,
        "description": " ".join(
            line if line.endswith(".") else f"{line};" for line in header(content, mapping) if line
        ),
        "generationTool": content.origin.program,
        "variableNamingConvention": "flat",
    }
    if date:
        head["generationDateAndTime"] = date
    if version == 2:
        head["numberOfEventIndicators"] = str(indicators)
    return head


def _interfaces(root: Element, version: int, name: str, files: tuple[str, ...]) -> None:
    state = "FMUstate" if version == 2 else "FMUState"
    common = {"modelIdentifier": name, f"canGetAndSet{state}": "true", f"canSerialize{state}": "true"}
    exchange, co_simulation = dict(common), dict(common, canHandleVariableCommunicationStepSize="true")
    if version == 2:
        for one in (exchange, co_simulation):
            one |= {"providesDirectionalDerivative": "true", "canNotUseMemoryManagementFunctions": "true"}
    else:
        exchange |= {"providesDirectionalDerivatives": "true", "needsCompletedIntegratorStep": "true"}
        co_simulation |= {"providesDirectionalDerivatives": "true"}
    for tag, attributes in (("ModelExchange", exchange), ("CoSimulation", co_simulation)):
        made = SubElement(root, tag, attributes)
        if version == 2:
            sources = SubElement(made, "SourceFiles")
            for file in files:
                SubElement(sources, "File", name=file)


def _units(parent: Element, units: Iterable[str]) -> None:
    for text in units:
        made = SubElement(parent, "Unit", name=text)
        known = base_unit(text)
        if known is not None:
            SubElement(made, "BaseUnit", known.attributes())


def _scalar(parent: Element, reference: int, one: Variable) -> None:
    """A variable of FMI 2.0."""
    made = SubElement(parent, "ScalarVariable", name=one.name, valueReference=str(reference))
    if one.description:
        made.set("description", one.description)
    made.set("causality", one.causality)
    made.set("variability", one.variability)
    if one.initial:
        made.set("initial", one.initial)
    tag = {"Float64": "Real", "Int32": "Integer", "Boolean": "Boolean"}[one.kind]
    # the place of the state in the list, from 1 on
    more = {"derivative": str(one.derivative + 1)} if one.derivative is not None else {}
    SubElement(made, tag, _attributes(one) | more)


def _typed(parent: Element, reference: int, one: Variable) -> None:
    """A variable of FMI 3.0."""
    made = SubElement(parent, one.kind, name=one.name, valueReference=str(reference))
    if one.description:
        made.set("description", one.description)
    made.set("causality", one.causality)
    made.set("variability", one.variability)
    if one.initial:
        made.set("initial", one.initial)
    for key, value in _attributes(one).items():
        made.set(key, value)
    if one.derivative is not None:
        made.set("derivative", str(one.derivative))


def _attributes(one: Variable) -> dict[str, str]:
    found = {"unit": one.unit, "min": one.least, "max": one.most, "nominal": one.nominal, "start": one.start}
    return {key: value for key, value in found.items() if value}


def _structure(parent: Element, version: int, found: Variables) -> None:
    outputs, rates = [*found.states, *found.outputs], list(found.rates)
    unknowns = [*found.rates, *found.outputs]
    if version == 2:
        for tag, some in (("Outputs", outputs), ("Derivatives", rates), ("InitialUnknowns", sorted(unknowns))):
            if some:
                made = SubElement(parent, tag)
                for k in some:
                    depends = {} if tag == "InitialUnknowns" else _depends(found.all[k], 1)
                    SubElement(made, "Unknown", {"index": str(k + 1)} | depends)
        return
    for tag, some in (("Output", outputs), ("ContinuousStateDerivative", rates), ("InitialUnknown", sorted(unknowns))):
        for k in some:
            depends = {} if tag == "InitialUnknown" else _depends(found.all[k], 0)
            SubElement(parent, tag, {"valueReference": str(k)} | depends)
    for k in found.indicators:
        SubElement(parent, "EventIndicator", {"valueReference": str(k)} | _depends(found.all[k], 0))


def _depends(one: Variable, first: int) -> dict[str, str]:
    """An absent list is one of all, an empty one of none."""
    return {} if one.depends is None else {"dependencies": " ".join(str(k + first) for k in one.depends)}
