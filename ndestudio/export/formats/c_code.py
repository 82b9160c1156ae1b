"""A model as a complete C99 program with its own adaptive solver."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from ndestudio.export.code import (
    commented,
    csv_field,
    filled,
    header,
    number_list,
    number_text,
    places,
    remark,
    unit_remark,
    unit_text,
    used_in,
    wrapped,
)
from ndestudio.export.content import Content, Quantity
from ndestudio.export.event_parts import event_names, some_given_up
from ndestudio.export.exporter import Exporter, Trial
from ndestudio.export.formats.c_delays import SOURCE, delay_functions
from ndestudio.export.formats.c_events import (
    AFTER,
    BEFORE,
    CONDITIONS,
    FIRST,
    FLAGS,
    FLOW,
    GIVE,
    REPEAT,
    RUN,
    dose_table,
    event_functions,
)
from ndestudio.export.formats.c_noise import MAIN as MAIN_NOISE
from ndestudio.export.formats.c_noise import NAMES as NOISE_NAMES
from ndestudio.export.formats.c_noise import OBSERVE as OBSERVE_NOISE
from ndestudio.export.formats.c_noise import simulation, spread_function
from ndestudio.export.formats.c_noise import usage as noise_usage
from ndestudio.export.formats.c_solvers import DERIVATIVE, EXPLICIT, EXPLICIT_SOURCE, IMPLICIT, IMPLICIT_SOURCE
from ndestudio.export.formats.c_texts import (
    BEGIN,
    BEGIN_EVENTS,
    GELU,
    INPUTS,
    LAYER,
    MAIN,
    NO_INPUTS,
    OBSERVE,
    PREPARE,
    SIGMOID,
    SOFTPLUS,
    SWISH,
    TABLE,
    USAGE,
)
from ndestudio.export.formats.python_code import with_delays
from ndestudio.export.helpers import definitions, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.networks import ExportedNetwork, exported
from ndestudio.export.paths import InputTable
from ndestudio.export.printer import ATOM, Printer
from ndestudio.export.track import Track
from ndestudio.expression.tree import Call, Expr, Number, walk


class CPrinter(Printer):
    language: ClassVar[str] = "c"
    pi: ClassVar[str] = "3.141592653589793"

    def power(self, base: Expr, exponent: Expr) -> tuple[str, int]:
        if exponent == Number(0.5):
            return f"sqrt({self(base)})", ATOM
        return f"pow({self(base)}, {self(exponent)})", ATOM


def c_code(content: Content) -> str:
    """The program: `cc -std=c99 model.c -lm -o model && ./model` prints a CSV."""
    functions = used(content)
    own = NOISE_NAMES if content.noises else ()
    names = identifiers(content.names, "c", (*names_taken(functions, "c"), *event_names(content), *own))
    usage = USAGE.replace("@SOLVER@", IMPLICIT_SOURCE if content.stiff else EXPLICIT_SOURCE)
    usage = noise_usage(content) if content.noises else usage
    if content.delays is not None:
        usage += f"\n{SOURCE}"
        content, names = with_delays(content, names)
    write = CPrinter(names, content.networks)
    lines = commented([_comment(line) for line in (*header(content, names), "", *usage.splitlines())], "//")
    lines += [
        "",
        "#include <math.h>",
        *(["#include <stdint.h>"] if content.noises else []),
        "#include <stdio.h>",
        "#include <stdlib.h>",
        "#include <string.h>",
        "",
    ]
    lines += ["enum {", f"    N_STATES = {len(content.states)},", f"    N_OUTPUTS = {len(content.outputs)},"]
    lines += [f"    N_INPUTS = {len(content.inputs)},"]
    lines += [f"    N_NOISES = {len(content.noises)},"] if content.noises else []
    lines += [f"    N_DELAYS = {len(content.delays.slots)},"] if content.delays is not None else []
    lines += [f"    N_EVENTS = {len(content.events)},"] if content.events else []
    lines += [f"    N_CONDITIONS = {len(content.conditions)},"] if content.conditions else []
    lines += [f"    N_TRAJECTORIES = {len(content.tracks)}", "};", ""]
    lines += _parameters(content)
    lines += _tables(content)
    # the networks bring those of their constraints
    present = _network_functions(content)
    for definition in definitions(functions, "c", present):
        lines += [*definition.splitlines(), ""]
    if content.networks:
        lines += _networks(content, names, write)
    lines += _field(content, write, names)
    if content.outputs:
        lines += ["", *_outputs(content, write, names)]
    if content.noises:
        lines += spread_function(content, write, names, _unpacking, _comment)
    lines += ["", *_inputs(content)]
    if content.noises:
        return "\n".join([*lines, "", *simulation(content).splitlines(), "", *_noise_main(content).splitlines(), ""])
    lines += ["", *_solver(content, write, names)]
    lines += [*_events(content, write, names), *_main(content).splitlines()]
    return "\n".join(lines) + "\n"


def _solver(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    """`derivative` and `integrate`, with what delays need before them."""
    pieces = {"EARLIER": "", "NAMED": "", "NEXT": "next_kink", "KEEP": ""}
    lines: list[str] = []
    if content.delays is not None:
        lines = delay_functions(content, content.delays, write, names, _unpacking)
        earlier = "    double earlier[N_DELAYS];\n    earlier_values(experiment, t, inside, earlier);\n"
        keep = "            keep(*t, h, state, next, k);\n"
        pieces = {"EARLIER": earlier, "NAMED": "earlier, ", "NEXT": "next_joint", "KEEP": keep}
    source = DERIVATIVE + (IMPLICIT if content.stiff else EXPLICIT)
    return [*lines, *filled(source, **pieces).splitlines(), ""]


def _events(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    if not content.events:
        return []
    kinds = {event.kind for event in content.events}
    lines = event_functions(content, write, names, _unpacking)
    run, waits = RUN, bool(content.conditions)
    pieces = {"FLAGS": FLAGS, "FIRST": FIRST, "BEFORE": BEFORE, "AFTER": AFTER} if waits else {}
    run = filled(
        run,
        **dict.fromkeys(("FLAGS", "FIRST", "BEFORE", "AFTER"), "") | pieces,
        CONDITIONS=CONDITIONS if waits else FLOW,
    )
    until = " && t < one->until" if some_given_up(content) else ""
    give = filled(GIVE, UNTIL=until) if content.doses else ""
    plan = {"REPEAT": REPEAT if "every" in kinds else "", "GIVE": give}
    return [*(part for line in lines for part in filled(line, **plan).splitlines() or [""]), *run.splitlines(), ""]


def _main(content: Content) -> str:
    titles = ",".join(csv_field(title) for title in _titles(content))
    simple = {
        "BEGIN": BEGIN + (PREPARE if content.delays is not None else ""),
        "STATE": "state",
        "TIME": "t",
        "ADVANCE": "integrate(experiment, &t, stop, state, &step)",
    }
    stepped = {"BEGIN": BEGIN_EVENTS, "STATE": "r.state", "TIME": "r.t", "ADVANCE": "advance(experiment, &r, stop)"}
    pieces = stepped if content.events else simple
    observe = filled(OBSERVE, **pieces) if content.outputs else ""
    return filled(MAIN.replace("@OBSERVE@\n", observe), TITLES=text(titles), **pieces)


def _noise_main(content: Content) -> str:
    titles = ",".join(csv_field(title) for title in _titles(content))
    return filled(MAIN_NOISE, TITLES=text(titles), OBSERVE=OBSERVE_NOISE if content.outputs else "")


def text(value: str) -> str:
    """A C string literal (`?` is escaped: two of them could begin a trigraph)."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?") + '"'


def _comment(line: str) -> str:
    """A `//` comment neither ends in a backslash nor holds a trigraph."""
    return line.replace("\\", "/").replace("??", "? ?")


def _titles(content: Content) -> list[str]:
    outputs = [quantity for quantity, _ in content.outputs]
    return [content.time_title, *(quantity.title for quantity in (*content.states, *outputs))]


def _trailing(quantity: Quantity) -> str:
    return _comment(" ".join(part for part in (quantity.name, remark(unit_text(quantity.unit), quantity.note)) if part))


def _parameters(content: Content) -> list[str]:
    if not content.parameters:
        return []
    lines = ["static const double parameters[] = {"]
    lines += [f"    {number_text(quantity.value)}, // {_trailing(quantity)}" for quantity in content.parameters]
    return [*lines, "};", ""]


def _tables(content: Content) -> list[str]:
    """Typical magnitudes, inputs and initial values."""
    lines: list[str] = []
    if not content.noises:
        lines = [
            "// Typical magnitude of each state, for the tolerance.",
            "static const double magnitude[N_STATES] = {",
        ]
        lines += [*wrapped(number_list(content.scale), "    "), "};", ""]
    if content.inputs:
        lines += TABLE.splitlines()
        for index, track in enumerate(content.tracks):
            for row, one in enumerate(_pieces(track)):
                lines += _array(f"breaks_{index}_{row}", one.breaks)
                lines += _array(f"coefficients_{index}_{row}", np.concatenate(one.coefficients))
    if content.doses:
        lines += [
            "typedef struct {",
            "    int event;",
            f"    double t, amount{', until' if some_given_up(content) else ''};",
            "} dose;",
            "",
        ]
        lines += [line for index in range(len(content.tracks)) for line in dose_table(content, index)]
    lines += ["typedef struct {", "    const char *name;", "    double start, stop;", "    double initial[N_STATES];"]
    lines += ["    table inputs[N_INPUTS];"] if content.inputs else []
    lines += ["    int n_doses;", "    const dose *doses;"] if content.doses else []
    lines += ["} track;", "", "static const track tracks[N_TRAJECTORIES] = {"]
    for index, track in enumerate(content.tracks):
        lines += ["    {", f"        {text(track.name)}, {number_text(track.start)}, {number_text(track.stop)},"]
        lines += ["        {", *wrapped(number_list(track.initial), " " * 12), "        },"]
        if track.inputs:
            lines.append("        {")
            for row, one in enumerate(_pieces(track)):
                size = f"{len(one.breaks)}, {len(one.coefficients)}"
                lines.append(f"            {{{size}, breaks_{index}_{row}, coefficients_{index}_{row}}},")
            lines.append("        },")
        if content.doses:
            n = sum(len(track.doses(k)) for k in range(len(content.events)))
            lines.append(f"        {n}, {f'doses_{index}' if n else 'NULL'},")
        lines.append("    },")
    return [*lines, "};", ""]


def _pieces(track: Track) -> list[InputTable]:
    """The program goes no further than the end of the trajectory."""
    return [one.until(track.stop) for one in track.inputs]


def _array(name: str, values: Float[np.ndarray, "..."]) -> list[str]:
    return [f"static const double {name}[] = {{", *wrapped(number_list(values), "    "), "};", ""]


def _unpacking(
    content: Content,
    expressions: Iterable[Expr],
    names: Mapping[str, str],
    given: Collection[str] = ("t", "state", "forcing"),
) -> list[str]:
    """Names in ``expressions`` as constants; what is ``given`` to the function and not used is said to be so."""
    expressions = tuple(expressions)
    found = places(content, expressions, element="{}[{}]", parameter=lambda k, _: f"parameters[{k}]", first=0)
    lines = [
        f"    const double {names[quantity.name]} = {place};{_comment(unit_remark(quantity, ' // '))}"
        for quantity, place in found
    ]
    used = {quantity for quantity, _ in found}
    taken = {"t"} if used_in(expressions, ("t",)) else set()
    taken |= {"state"} if used.intersection(content.states) else set()
    taken |= {"forcing"} if used.intersection(content.inputs) else set()
    unused = [f"(void){name};" for name in given if name not in taken]
    return [*lines, *([f"    {' '.join(unused)}"] if unused else [])]


def _field(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    lines = ["// Time derivative of each state."]
    earlier = "" if content.delays is None else "const double *earlier, "
    lines += [f"static void field(double t, const double *state, {earlier}const double *forcing, double *rate)", "{"]
    lines += _unpacking(content, content.equations, names)
    if content.delays is not None:
        slots = enumerate(content.delays.slots)
        lines += [f"    const double {names[slot]} = earlier[{k}]; // {_comment(slot)}" for k, slot in slots]
    for index, (quantity, rhs) in enumerate(zip(content.states, content.equations, strict=True)):
        lines.append(f"    rate[{index}] = {write(rhs)}; // {_comment(f'd({quantity.name})/dt')}")
    return [*lines, "}"]


def _outputs(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    expressions = [expr for _, expr in content.outputs]
    lines = ["// Observed quantities, computed from the states."]
    lines += ["static void outputs(double t, const double *state, const double *forcing, double *observed)", "{"]
    lines += _unpacking(content, expressions, names)
    for index, (quantity, expr) in enumerate(content.outputs):
        lines.append(f"    observed[{index}] = {write(expr)}; // {_comment(quantity.title)}")
    return [*lines, "}"]


def _inputs(content: Content) -> list[str]:
    source = INPUTS if content.inputs else NO_INPUTS
    if content.noises:  # steps of one length end where they end
        source = source.split("\n\n")[0]
    return [*source.splitlines()]


def _network_functions(content: Content) -> set[str]:
    """What activations and constraints of the networks call."""
    networks = [exported(network) for network in content.networks.values()]
    found = {network.activation for network in networks}
    for network in networks:
        found |= {node.function for node in walk(network.output) if isinstance(node, Call)}
    return found | ({"sigmoid"} if "swish" in found else set())


def _networks(content: Content, names: Mapping[str, str], write: Printer) -> list[str]:
    networks = {neural_term: exported(network) for neural_term, network in content.networks.items()}
    functions = _network_functions(content)
    lines = ["// Terms that are still neural.", ""]
    if "sigmoid" in functions:
        lines += [*SIGMOID.splitlines(), ""]
    for name, source in (("softplus", SOFTPLUS), ("swish", SWISH), ("gelu", GELU)):
        lines += [*source.splitlines(), ""] if name in functions else []
    lines += [*LAYER.splitlines(), ""]
    for neural_term, network in networks.items():
        lines += _neural_term(names[neural_term], network, names, write)
    return lines


def _neural_term(name: str, network: ExportedNetwork, names: Mapping[str, str], write: Printer) -> list[str]:
    lines: list[str] = []
    for index, (weights, biases) in enumerate(network.layers):
        lines += [*_array(f"weights_{name}_{index}", weights), *_array(f"biases_{name}_{index}", biases)]
    arguments = ", ".join(f"double {names[argument]}" for argument in network.arguments)
    lines += [
        f"static double {name}({arguments})",
        "{",
        f"    double this_layer[{network.width}], next_layer[{network.width}];",
    ]
    for index, (entering, center, scale) in enumerate(
        zip(network.inputs, number_list(network.center), number_list(network.scale), strict=True)
    ):
        lines.append(f"    this_layer[{index}] = ({write(entering)} - ({center}))/({scale});")
    here, there = "this_layer", "next_layer"
    for index, (weights, _) in enumerate(network.layers):
        rows, columns = weights.shape
        activation = network.activation if index < len(network.layers) - 1 else "NULL"
        sizes = f"{rows}, {columns}, {activation}"
        lines.append(f"    layer(weights_{name}_{index}, biases_{name}_{index}, {sizes}, {here}, {there});")
        here, there = there, here
    lines.append(f"    const double raw = {here}[0];")
    return [*lines, f"    return {write(network.output)};", "}", ""]


_FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror")


def _rerun(trial: Trial) -> Sequence[str] | str:
    compiler = next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        return "Not run: there is no C compiler on this machine."
    trial.run([compiler, *_FLAGS, trial.file, "-lm", "-o", "model"])
    if trial.noise is not None:
        numbers = (trial.points, trial.noise.paths, trial.noise.seed, trial.noise.steps)
        given = [trial.noise.increments] if trial.noise.increments else []
        return [str(trial.folder / "model"), trial.trajectory, *map(str, numbers), *given]
    return [str(trial.folder / "model"), trial.trajectory, str(trial.points)]


EXPORTER = Exporter(
    "c",
    "C99",
    "model.c",
    lambda subject, options: c_code(subject.content),
    label="C99",
    description="No dependencies",
    language="c",
    delays=True,
    events=True,
    noise=True,
    rerun=_rerun,
)
