"""A model as a Python program that needs NumPy and SciPy only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from ndestudio.blackbox.label import Label, is_label
from ndestudio.export.code import (
    filled,
    header,
    number_list,
    number_text,
    places,
    remark,
    unit_remark,
    unit_text,
    wrapped,
)
from ndestudio.export.content import Content, Quantity
from ndestudio.export.event_parts import event_names, some_given_up
from ndestudio.export.exporter import Exporter, Trial
from ndestudio.export.formats.python_black_boxes import IMPORTS, refused, simulate_steps
from ndestudio.export.formats.python_black_boxes import call as black_box_call
from ndestudio.export.formats.python_black_boxes import definitions as black_box_definitions
from ndestudio.export.formats.python_events import SIMULATE, SIMULATE_CONDITIONS, dose_rows, event_functions, schedule
from ndestudio.export.formats.python_noise import MAIN as MAIN_NOISE
from ndestudio.export.formats.python_noise import NAMES as NOISE_NAMES
from ndestudio.export.formats.python_noise import simulation, spread_function, usage, vectorised
from ndestudio.export.formats.python_texts import (
    FOLD,
    FOUND,
    FOUND_FOLDED,
    INPUTS,
    MAIN,
    NETWORK,
    NO_INPUTS,
    ROOTS,
    SIMULATE_DELAYS,
    SIMULATE_PLAIN,
    USAGE,
)
from ndestudio.export.helpers import definitions, imports, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.networks import ExportedNetwork, exported
from ndestudio.export.paths import InputTable, periodic
from ndestudio.export.printer import ATOM, IntegerExponents, Printer
from ndestudio.expression.delays import with_slots
from ndestudio.expression.functions import Function
from ndestudio.expression.tree import Expr
from ndestudio.problem.delays import Delays


class PythonPrinter(IntegerExponents):
    language: ClassVar[str] = "python"
    pi: ClassVar[str] = "np.pi"
    boxes: Sequence[Label] = ()

    def call(self, function: str, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        if is_label(function):
            return black_box_call(function, [self(argument) for argument in arguments], self.boxes), ATOM
        return super().call(function, arguments)


def python_code(content: Content) -> str:
    """The program: `python model.py` prints a CSV; `import model; model.simulate(t)` gives the states."""
    functions = used(content)
    own = (*(NOISE_NAMES if content.noises else ()), "black_box")
    names = identifiers(content.names, "python", (*names_taken(functions, "python"), *event_names(content), *own))
    content, names = with_delays(content, names)
    write = PythonPrinter(names, content.networks)
    write.boxes = content.black_boxes
    lines = docstring(header(content, names), usage(content, "model") if content.noises else USAGE)
    lines += ["import argparse", *(IMPORTS if content.black_boxes else []), "import csv", "import sys"]
    lines += ["from bisect import bisect_right"] if content.inputs else []
    lines += ["", "import numpy as np"]
    lines += [] if content.noises else ["from scipy.integrate import solve_ivp"]
    lines += [*imports(functions, "python"), "", *tables(content)]
    lines += helper_functions(content, functions, "python")
    if content.black_boxes:
        lines += ["", *black_box_definitions(content.black_boxes)]
    if content.networks:
        text = vectorised(content, functions, NETWORK) if content.noises else NETWORK
        lines += network_tables(content, names, write, "np", text)
    lines += algebraic_functions(content, write, names, ROOTS)
    lines += ["", "", *field_function(content, write, names)]
    if content.noises:
        lines += ["", "", *spread_function(content, write, names, unpacking)]
    if content.delays is not None:
        lines += ["", "", *delay_functions(content, content.delays, write, names)]
    if content.events:
        lines += [*event_functions(content, write, names, unpacking), "", "", *schedule(content).splitlines()]
    lines += ["", "", *output_function(content, write, names), "", "", *_inputs(content)]
    if content.noises:
        return "\n".join(
            [*lines, "", "", *simulation(content, functions).splitlines(), "", "", *MAIN_NOISE.splitlines(), ""]
        )
    scale = ", ".join(number_list(content.scale))
    simulate = filled(_simulate(content), SCALE=scale, METHOD="Radau" if content.stiff else "DOP853")
    lines += ["", "", *simulate.splitlines(), "", "", *MAIN.splitlines()]
    return "\n".join(lines) + "\n"


def _simulate(content: Content) -> str:
    if content.step:
        return simulate_steps(content.step)
    if content.delays is not None:
        return SIMULATE_DELAYS
    if content.conditions:
        return SIMULATE_CONDITIONS
    return SIMULATE if content.events else SIMULATE_PLAIN


def _inputs(content: Content) -> list[str]:
    """`inputs(t, trajectory, inside)` and `knots(trajectory, start, stop)`."""
    if not content.inputs:
        return [*NO_INPUTS.splitlines()]
    repeats = any(periodic(track.inputs) for track in content.tracks)
    text = filled(INPUTS, FOLD=FOLD if repeats else "", FOUND=FOUND_FOLDED if repeats else FOUND)
    return text.splitlines()


def docstring(lines: list[str], usage: str) -> list[str]:
    """A module docstring; backslashes and quotes of user text are disarmed."""
    safe = [line.replace("\\", "/").replace('"', "'") for line in lines]
    return [f'"""{safe[0]}', *safe[1:], "", *usage.splitlines(), '"""', ""]


def text(value: str) -> str:
    """A Python string literal."""
    return json.dumps(value, ensure_ascii=False)


def tables(content: Content) -> list[str]:
    """Parameters, names, initial values and inputs as module constants."""
    lines = [f"TIME = {text(content.time_title)}"]
    lines += [f"STATES = {_titles(content.states)}", f"OUTPUTS = {_titles(q for q, _ in content.outputs)}"]
    lines += [f"INPUTS = {_titles(content.inputs)}"]
    lines += [f"NOISES = [{', '.join(map(text, content.noises))}]"] if content.noises else []
    lines += ["", "PARAMETERS = {"]
    for quantity in content.parameters:
        note = remark(unit_text(quantity.unit), quantity.note)
        lines.append(f"    {text(quantity.name)}: {number_text(quantity.value)},{f'  # {note}' if note else ''}")
    lines += [
        "}",
        "",
        f"# Start, stop, initial value of each state{_contents(content)}.",
        "TRAJECTORIES = {",
    ]
    repeats = any(periodic(track.inputs) for track in content.tracks)
    for index, track in enumerate(content.tracks):
        lines += [f"    {text(track.name)}: {{", f'        "start": {number_text(track.start)},']
        lines.append(f'        "stop": {number_text(track.stop)},')
        lines.append(f'        "initial": [{", ".join(number_list(track.initial))}],')
        lines.append('        "inputs": [')
        for one in track.inputs:
            lines += _input(one, repeats)
        lines.append("        ],")
        lines += dose_rows(content, index) if content.doses else []
        lines.append("    },")
    return [*lines, "}"]


def _contents(content: Content) -> str:
    """What else there is of each trajectory."""
    told = "; of each input where its pieces begin, and their coefficients of 1, s, s**2, ..., s since then"
    return (told if content.inputs else ", inputs") + (
        f"; (time, {_columns(content)}) of the doses of events" if content.doses else ""
    )


def _columns(content: Content) -> str:
    return "amount, until when at most" if some_given_up(content) else "amount"


def _input(one: InputTable, repeats: bool) -> list[str]:
    lines = ["            {", '                "breaks": [', *wrapped(number_list(one.breaks), " " * 20)]
    lines += ["                ],", '                "coefficients": [']
    for column in one.coefficients:
        lines += _array(column, " " * 20)
    lines.append("                ],")
    if repeats:
        numbers = number_list(np.array([one.low, one.high, one.period]))
        lines.append(f'                "repeats": ({", ".join(numbers)}),  # within which times, and after which')
    return [*lines, "            },"]


def network_tables(
    content: Content, names: Mapping[str, str], write: Printer, xp: str, source: str = NETWORK
) -> list[str]:
    """Weights of the terms that are still neural, and one function for each."""
    networks = {neural_term: exported(network) for neural_term, network in content.networks.items()}
    lines = ["", "# Weights and biases of each layer; arguments are centred and scaled first.", "NETWORKS = {"]
    for neural_term, network in networks.items():
        lines += [f"    {text(neural_term)}: {{", '        "layers": [']
        for weights, biases in network.layers:
            lines += ["            (", f"                {xp}.array(", "                    ["]
            for row in weights:
                lines += _array(row, " " * 24)
            lines += ["                    ]", "                ),", f"                {xp}.array("]
            lines += [_array_end(line) for line in _array(biases, " " * 20)]
            lines += ["                ),", "            ),"]
        lines.append("        ],")
        lines.append(f'        "center": {xp}.array([{", ".join(number_list(network.center))}]),')
        lines.append(f'        "scale": {xp}.array([{", ".join(number_list(network.scale))}]),')
        lines.append("    },")
    lines += ["}", "", "", *source.replace("@xp@", xp).splitlines()]
    for neural_term, network in networks.items():
        lines += ["", "", *_neural_term_function(neural_term, network, names, write)]
    return lines


def helper_functions(content: Content, functions: Sequence[Function], language: str) -> list[str]:
    """Functions of the equations that the language does not have; networks bring a `sigmoid` of their own."""
    present = ("sigmoid",) if content.networks else ()
    return [line for text in definitions(functions, language, present) for line in ("", "", *text.splitlines())]


def field_function(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    """`field(t, y, u, p)`: time derivative of the states."""
    earlier, said = ("", "") if content.delays is None else ("earlier, ", ", `earlier` the delayed values")
    lines = [
        f"def field(t, state, {earlier}forcing, p):",
        f'    """Time derivative of each state; `forcing` are the inputs at time `t`, `p` the parameters{said}."""',
    ]
    lines += [*unpacking(content, content.equations, names), *_solved(content, names)]
    if content.delays is not None:
        lines += [f"    {names[slot]} = earlier[{k}]  # {slot}" for k, slot in enumerate(content.delays.slots)]
    return [*lines, *_returned(zip((f"d({q.name})/dt" for q in content.states), content.equations, strict=True), write)]


def with_delays(content: Content, names: Mapping[str, str]) -> tuple[Content, dict[str, str]]:
    """The content with delayed values as names of their own, and identifiers for them."""
    chosen = dict(names)
    if content.delays is None:
        return content, chosen
    taken = {*chosen.values()}
    for k, (slot, state) in enumerate(zip(content.delays.slots, content.delays.of, strict=True), 1):
        name = f"{chosen[content.states[state].name]}_earlier_{k}"
        while name in taken:
            name += "_"
        taken.add(name)
        chosen[slot] = name
    return replace(content, equations=tuple(with_slots(one) for one in content.equations)), chosen


def delay_functions(content: Content, delays: Delays, write: Printer, names: Mapping[str, str]) -> list[str]:
    """`lags(p)`: how long ago each delayed value was; `past(t, which_state, first_state, p)`: a state before the begin."""
    lines = ["# Number of the state of each delayed value.", f"DELAYED = [{', '.join(map(str, delays.of))}]", "", ""]
    lines += ["def lags(p):", '    """How long ago each delayed value was."""', *unpacking(content, delays.lags, names)]
    lines += _returned(zip(delays.slots, delays.lags, strict=True), write)
    lines += [
        "",
        "",
        "def past(t, which_state, first_state, p):",
        '    """A state, by its number, before the begin."""',
    ]
    given = [(k, one) for k, one in enumerate(delays.past) if one is not None]
    lines += unpacking(content, [one for _, one in given], names)
    for k, one in given:
        lines += [f"    if which_state == {k}:", f"        return {write(one)}"]
    return [*lines, "    return first_state[which_state]"]


def algebraic_functions(content: Content, write: Printer, names: Mapping[str, str], roots: str) -> list[str]:
    """`residuals(...)`, `starts(...)` and `roots(...)` of the algebraic equations; nothing without any."""
    if not content.algebraic:
        return []
    residuals, starts = [one.residual for one in content.algebraic], [one.start for one in content.algebraic]
    lines = [
        "",
        "",
        "def residuals(unknown, t, state, forcing, p):",
        '    """What the algebraic equations say is zero."""',
    ]
    lines += unpacking(content, residuals, names)
    lines += [f"    {names[one.name]} = unknown[{k}]" for k, one in enumerate(content.algebraic)]
    lines += _returned(((one.name, one.residual) for one in content.algebraic), write)
    lines += ["", "", "def starts(t, state, forcing, p):", '    """Where the search for the roots begins."""']
    lines += [
        *unpacking(content, starts, names),
        *_returned(((one.name, one.start) for one in content.algebraic), write),
    ]
    return [*lines, "", "", *roots.splitlines()]


def _solved(content: Content, names: Mapping[str, str]) -> list[str]:
    if not content.algebraic:
        return []
    return [f"    {', '.join(names[one.name] for one in content.algebraic)}, = roots(t, state, forcing, p)"]


def output_function(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    """`outputs(t, y, u, p)`: the observed quantities."""
    expressions = [expr for _, expr in content.outputs]
    lines = ["def outputs(t, state, forcing, p):", '    """Observed quantities, computed from the states."""']
    lines += [*unpacking(content, expressions, names), *_solved(content, names)]
    return [*lines, *_returned(((quantity.name, expr) for quantity, expr in content.outputs), write)]


def _returned(named: Iterable[tuple[str, Expr]], write: Printer) -> list[str]:
    items = [f"        {write(expr)},  # {name}" for name, expr in named]
    return ["    return [", *items, "    ]"] if items else ["    return []"]


def unpacking(content: Content, expressions: Iterable[Expr], names: Mapping[str, str]) -> list[str]:
    """Assignments that give the names in ``expressions`` their values."""
    found = places(content, expressions, element="{}[{}]", parameter=lambda _, q: f"p[{text(q.name)}]", first=0)
    return [f"    {names[quantity.name]} = {place}{unit_remark(quantity, '  # ')}" for quantity, place in found]


def _neural_term_function(
    neural_term: str, network: ExportedNetwork, names: Mapping[str, str], write: Printer
) -> list[str]:
    arguments = [names[argument] for argument in network.arguments]
    lines = [f"def {names[neural_term]}({', '.join(arguments)}):", '    """A term that is still neural."""']
    lines.append(
        f"    raw = network(NETWORKS[{text(neural_term)}], {network.activation}, [{', '.join(map(write, network.inputs))}])"
    )
    return [*lines, f"    return {write(network.output)}"]


def _array(values: Float[np.ndarray, "..."], indent: str) -> list[str]:
    return [f"{indent}[", *wrapped(number_list(values), indent + "    "), f"{indent}],"]


def _array_end(line: str) -> str:
    return line[:-1] if line.endswith("],") else line


def _titles(quantities: Iterable[Quantity]) -> str:
    return f"[{', '.join(text(quantity.title) for quantity in quantities)}]"


def run_python(trial: Trial) -> Sequence[str]:
    """How a Python program is run again."""
    if trial.noise is not None:
        return [sys.executable, "-I", trial.file, f"--trajectory={trial.trajectory}", *noise_options(trial)]
    # -I leaves the folder and the user's own packages out; arguments with = allow names that begin with -
    return [sys.executable, "-I", trial.file, f"--trajectory={trial.trajectory}", f"--points={trial.points}"]


def noise_options(trial: Trial) -> list[str]:
    """Options of a program with noise."""
    noise = trial.noise
    assert noise is not None
    given = [f"--increments={noise.increments}"] if noise.increments else []
    return [
        f"--points={trial.points}",
        f"--paths={noise.paths}",
        f"--seed={noise.seed}",
        f"--steps={noise.steps}",
        *given,
    ]


EXPORTER = Exporter(
    "python",
    "Python (NumPy, SciPy)",
    "model.py",
    lambda subject, options: python_code(subject.content),
    label="Python",
    description="With NumPy and SciPy",
    language="python",
    delays=True,
    events=True,
    algebraic=True,
    noise=True,
    black_boxes=refused,
    rerun=run_python,
)
