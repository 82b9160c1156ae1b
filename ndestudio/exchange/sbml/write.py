"""A ``KineticModel`` as SBML Level 3 Version 1: states are parameters with rate rules, whatever they stand for.

That says exactly what our equations say: no compartment, no unit and no stoichiometry stands between a formula and its meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import quoteattr

from ndestudio.errors import ExportError
from ndestudio.exchange.kinetic import KineticModel, Trigger
from ndestudio.exchange.packages import package
from ndestudio.exchange.sbml.mathml import mathml
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.tree import Expr, names
from ndestudio.expression.units import BASE, parse_unit

NAMESPACE = "http://www.sbml.org/sbml/level3/version1/core"
CONTINUOUS, PARAMETER = "SBO:0000062", "SBO:0000002"
"""Terms of the Systems Biology Ontology: continuous framework; quantitative systems description parameter."""
RESERVED = frozenset({"time", "avogadro", "delay", "pi", "true", "false", "exponentiale", "infinity", "notanumber"})
"""Names that programs which go through text read as something else."""
_KINDS: dict[str, str] = dict(
    zip(BASE, ("metre", "gram", "second", "ampere", "kelvin", "mole", "candela", "item"), strict=True)
)


def sbml_text(model: KineticModel, notes: Sequence[str] = (), *, annotation: str = "", guard: bool = False) -> str:
    """The file.

    Parameters
    ----------
    notes
        Sentences about where the model comes from.
    annotation
        An XML element that goes along.
    guard
        See ``mathml``.

    Raises
    ------
    ExportError
        Something that SBML cannot say.
    """
    aliases = aliases_of([*model.rates, *model.quantities, *model.constants])
    units = _Units()
    write = lambda expr: mathml(expr, aliases, guard=guard)  # noqa: E731
    assigned = _assigned(model)
    parameters = []
    for name in (*model.rates, *model.quantities, *model.constants):
        given = model.constants.get(name, math.nan)
        start = model.initial.get(name)
        if start is not None and name not in assigned:
            given = float(evaluate(start, {}))
        attributes = f'constant="{"true" if name in model.constants else "false"}" sboTerm="{PARAMETER}"'
        value = f' value="{given!r}"' if math.isfinite(given) and name not in model.quantities else ""
        unit = units.name(model.units.get(name, ""))
        unit = f' units="{unit}"' if unit else ""
        title = model.titles.get(name, "") or (name if aliases.get(name, name) != name else "")
        title = f" name={quoteattr(_plain(title))}" if title else ""
        parameters.append(f'<parameter id="{aliases.get(name, name)}"{title}{value}{unit} {attributes}/>')
    starts = [
        f'<initialAssignment symbol="{aliases.get(name, name)}">{write(model.initial[name])}</initialAssignment>'
        for name in assigned
    ]
    rules = [
        f'<assignmentRule variable="{aliases.get(name, name)}">{write(expr)}</assignmentRule>'
        for name, expr in model.quantities.items()
    ]
    rules += [
        f'<rateRule variable="{aliases.get(name, name)}">{write(expr)}</rateRule>' for name, expr in model.rates.items()
    ]
    events = [_event(one, k, aliases, write) for k, one in enumerate(model.triggers)]
    told = "".join(f"<p>{_told(line)}</p>" for line in [*notes, *_alias_notes(aliases)])
    inner = "".join(
        [
            f'<notes><body xmlns="http://www.w3.org/1999/xhtml">{told}</body></notes>' if told else "",
            f"<annotation>{annotation}</annotation>" if annotation else "",
            _list("UnitDefinitions", units.definitions),
            _list("Parameters", parameters),
            _list("InitialAssignments", starts),
            _list("Rules", rules),
            _list("Events", events),
        ]
    )
    identifier = re.sub(r"\W", "_", model.name, flags=re.ASCII) or "model"
    identifier = identifier if re.match(r"[A-Za-z_]", identifier) else f"_{identifier}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="{NAMESPACE}" level="3" version="1">\n'
        f'<model id="{identifier}" name={quoteattr(_plain(model.name))} sboTerm="{CONTINUOUS}">\n{inner}</model></sbml>\n'
    )


def problems(text: str) -> list[str]:
    """What libSBML's consistency check finds wrong in a file (errors, no warnings)."""
    sbml = package("libsbml")
    document = sbml.readSBMLFromString(text)
    document.setConsistencyChecks(sbml.LIBSBML_CAT_UNITS_CONSISTENCY, False)
    document.checkConsistency()
    found = (document.getError(k) for k in range(document.getNumErrors()))
    return [" ".join(one.getMessage().split()) for one in found if one.getSeverity() >= sbml.LIBSBML_SEV_ERROR]


def _list(kind: str, elements: Sequence[str]) -> str:
    if not elements:
        return ""
    inner = "\n".join(elements)
    return f"<listOf{kind}>\n{inner}\n</listOf{kind}>\n"


def _told(line: str) -> str:
    """A sentence as XML, with `>` as it is."""
    return _plain(line).replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")


def _plain(text: str) -> str:
    """A text without characters that XML has not."""
    return "".join(one if one.isprintable() else " " for one in text)


def _assigned(model: KineticModel) -> list[str]:
    """Names whose value at the begin is a formula."""
    return [name for name, expr in model.initial.items() if names(expr) and name not in model.quantities]


def aliases_of(known: Iterable[str]) -> dict[str, str]:
    """Names that SBML, or programs that go through text, would not take, and what they are called there."""
    taken, found = set(known), {}
    for name in list(taken):
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        plain = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        if plain.lower() in RESERVED:
            plain += "_"
        while plain != name and plain in taken:
            plain += "_"
        if plain != name:
            taken.add(plain)
            found[name] = plain
    return found


def _alias_notes(aliases: Mapping[str, str]) -> list[str]:
    return [f"{name} is called {alias} here." for name, alias in sorted(aliases.items())]


def _event(one: Trigger, place: int, aliases: Mapping[str, str], write: object) -> str:
    assert callable(write)
    flags = f'initialValue="{str(one.holds_before).lower()}" persistent="{str(one.persistent).lower()}"'
    parts = [f"<trigger {flags}>{write(one.condition)}</trigger>"]
    if one.priority is not None:
        parts.append(f"<priority>{write(one.priority)}</priority>")
    if one.delay is not None:
        parts.append(f"<delay>{write(one.delay)}</delay>")
    changes = [
        f'<eventAssignment variable="{aliases.get(name, name)}">{write(value)}</eventAssignment>'
        for name, value in one.changes
    ]
    parts.append(_list("EventAssignments", changes))
    name = re.sub(r"\W", "_", one.name, flags=re.ASCII) or f"event_{place + 1}"
    return f'<event id="{name}" useValuesFromTriggerTime="{str(one.values_then).lower()}">{"".join(parts)}</event>'


class _Units:
    """Unit definitions that are used, each once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.definitions: list[str] = []

    def name(self, text: str) -> str:
        """The name of a unit in the file; "" for none, and for one that SBML has no base for."""
        if not text:
            return ""
        if text in self._names:
            return self._names[text]
        try:
            unit = parse_unit(text)
        except ValueError:
            return ""
        if unit.unknown or unit.zero:
            return ""
        identifier = f"unit_{len(self._names) + 1}"
        units, size = [], unit.size
        for base, power in unit.powers.items():
            # the size of the whole stands with the first
            multiplier = size ** (1 / float(power))
            units.append(
                f'<unit kind="{_KINDS[base]}" exponent="{float(power)!r}" scale="0" multiplier="{multiplier!r}"/>'
            )
            size = 1.0
        if not units:
            units.append(f'<unit kind="dimensionless" exponent="1" scale="0" multiplier="{unit.size!r}"/>')
        title = quoteattr(_plain(text))
        self.definitions.append(
            f'<unitDefinition id="{identifier}" name={title}>{_list("Units", units)}</unitDefinition>'
        )
        self._names[text] = identifier
        return identifier


def check_states(model: KineticModel) -> None:
    """Refuse a model without a value for something.

    Raises
    ------
    ExportError
        A state without an initial value.
    """
    for name in model.rates:
        start: Expr | None = model.initial.get(name)
        if start is None or (not names(start) and math.isnan(float(evaluate(start, {})))):
            raise ExportError(f"the state `{name}` has no initial value, which SBML needs")
