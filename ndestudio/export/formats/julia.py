"""A model as a Julia program for OrdinaryDiffEq."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
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
    wrapped,
)
from ndestudio.export.content import Content, Quantity
from ndestudio.export.event_parts import event_names
from ndestudio.export.exporter import Exporter, RunFailed, Trial
from ndestudio.export.formats.julia_delays import SIMULATE as SIMULATE_DELAYS
from ndestudio.export.formats.julia_delays import delay_functions
from ndestudio.export.formats.julia_events import (
    BEGIN_CONDITIONS,
    FOLD,
    HAPPEN,
    HAPPEN_CONDITIONS,
    INPUTS,
    KNOWN,
    MORE,
    NO_INPUTS,
    PIECE,
    PIECE_CONDITIONS,
    SAID,
    SETTLE,
    SIMULATE,
    dose_rows,
    event_functions,
)
from ndestudio.export.formats.julia_noise import NAMES as NOISE_NAMES
from ndestudio.export.formats.julia_noise import simulation as noise_simulation
from ndestudio.export.formats.julia_noise import spread_function
from ndestudio.export.formats.julia_noise import usage as noise_usage
from ndestudio.export.formats.python_code import with_delays
from ndestudio.export.helpers import definitions, imports, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.networks import ExportedNetwork, exported
from ndestudio.export.paths import periodic
from ndestudio.export.printer import IntegerExponents, Printer
from ndestudio.export.track import Track
from ndestudio.expression.tree import Expr


class JuliaPrinter(IntegerExponents):
    language: ClassVar[str] = "julia"
    power_operator: ClassVar[str] = "^"


def julia(content: Content) -> str:
    """The program: `julia model.jl` prints a CSV; `include("model.jl"); simulate(t)` gives the states."""
    functions = used(content)
    own = NOISE_NAMES if content.noises else ()
    names = identifiers(content.names, "julia", (*names_taken(functions, "julia"), *event_names(content, 1), *own))
    content, names = with_delays(content, names)
    write = JuliaPrinter(names, content.networks)
    solvers = ["StochasticDiffEq", "DiffEqNoiseProcess"] if content.noises else ["OrdinaryDiffEq"]
    packages = [*(f"using {one}" for one in solvers), *imports(functions, "julia")]
    needed = " and ".join(line.removeprefix("using ") for line in packages)
    usage = _USAGE.replace("@PACKAGES@", f"packages {needed}" if len(packages) > 1 else f"package {needed}")
    if content.noises:
        usage = usage.splitlines()[0] + "\n" + noise_usage(content)
    lines = commented([*header(content, names), "", *usage.splitlines()], "#")
    lines += ["", *packages, "", f"const TIME = {text(csv_field(content.time_title))}"]
    lines += [f"const STATES = {_titles(content.states)}", f"const OUTPUTS = {_titles(q for q, _ in content.outputs)}"]
    lines += [
        f"const INPUTS = {_titles(content.inputs)}",
        "",
        *_parameters(content, names),
        "",
        *_trajectories(content),
    ]
    for source in definitions(functions, "julia", ("sigmoid",) if content.networks else ()):
        lines += ["", *source.splitlines()]
    if content.networks:
        lines += ["", *_NETWORK.splitlines()]
        for neural_term, network in content.networks.items():
            lines += ["", *_neural_term(names[neural_term], exported(network), names, write)]
    lines += ["", *_field(content, write, names), "", *_outputs(content, write, names)]
    if content.noises:
        lines += spread_function(content, write, names, _unpacking)
        lines += ["", *_inputs(content).splitlines()]
        return "\n".join([*lines, "", *noise_simulation(content).splitlines()]) + "\n"
    if content.delays is not None:
        lines += ["", *delay_functions(content, content.delays, write, names, _unpacking)]
    if content.events:
        lines += event_functions(content, write, names, _unpacking)
    return "\n".join([*lines, "", *_simulation(content).splitlines(), "", *_MAIN.splitlines()]) + "\n"


def _inputs(content: Content) -> str:
    repeats = any(periodic(track.inputs) for track in content.tracks)
    return filled(INPUTS, FOLD=FOLD if repeats else "", MORE=MORE if repeats else "") if content.inputs else NO_INPUTS


def _simulation(content: Content) -> str:
    inputs = _inputs(content)
    if content.delays is not None:
        return inputs + "\n" + filled(SIMULATE_DELAYS, SCALE=", ".join(number_list(content.scale)))
    pieces = {"SCALE": ", ".join(number_list(content.scale)), "PIECE": PIECE}
    pieces |= dict.fromkeys(("SAID", "BEGIN", "EVENTS", "TIMES", "HAPPEN"), "")
    if content.events:
        pieces |= {
            "SAID": SAID,
            "BEGIN": KNOWN,
            "EVENTS": ", and at events",
            "TIMES": "first.(known); ",
            "HAPPEN": HAPPEN,
        }
    if content.conditions:
        pieces |= {"BEGIN": KNOWN + BEGIN_CONDITIONS, "PIECE": PIECE_CONDITIONS, "HAPPEN": HAPPEN_CONDITIONS}
    return inputs + "\n" + filled(SIMULATE, **pieces) + (SETTLE if content.conditions else "")


def text(value: str) -> str:
    """A Julia string literal without interpolation."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def _titles(quantities: Iterable[Quantity]) -> str:
    return f"String[{', '.join(text(csv_field(quantity.title)) for quantity in quantities)}]"


def _parameters(content: Content, names: Mapping[str, str]) -> list[str]:
    lines = ["const PARAMETERS = ("]
    for quantity in content.parameters:
        note = remark(unit_text(quantity.unit), quantity.note)
        lines.append(f"    {names[quantity.name]} = {number_text(quantity.value)},{f'  # {note}' if note else ''}")
    return [*lines, ")"] if content.parameters else ["const PARAMETERS = NamedTuple()"]


def _trajectories(content: Content) -> list[str]:
    told = "; of each input where its pieces begin, and their coefficients of 1, s, s^2, ..., s since then"
    told = (told if content.inputs else ", inputs") + ("; event, time, amount of doses" if content.doses else "")
    lines = [f"# Start, stop, initial value of each state{told}.", "const TRAJECTORIES = ["]
    repeats = any(periodic(track.inputs) for track in content.tracks)
    for index, track in enumerate(content.tracks):
        lines += [*_track(track, repeats), *(dose_rows(content, index) if content.doses else []), "    ),"]
    return [*lines, "]"]


def _track(track: Track, repeats: bool) -> list[str]:
    lines = ["    (", f"        name = {text(track.name)},", f"        start = {number_text(track.start)},"]
    lines += [
        f"        stop = {number_text(track.stop)},",
        f"        initial = [{', '.join(number_list(track.initial))}],",
    ]
    lines.append("        inputs = [")
    for one in track.inputs:
        lines += [
            "            (",
            "                breaks = [",
            *wrapped(number_list(one.breaks), " " * 20),
            "                ],",
        ]
        lines.append("                coefficients = [")
        for column in one.coefficients:
            lines += _vector(column, " " * 20)
        lines.append("                ],")
        if repeats:
            numbers = number_list(np.array([one.low, one.high, one.period]))
            lines.append(f"                repeats = ({', '.join(numbers)}),  # within which times, and after which")
        lines.append("            ),")
    return [*lines, "        ],"]


def _vector(values: Float[np.ndarray, "..."], indent: str) -> list[str]:
    return [f"{indent}[", *wrapped(number_list(values), indent + "    "), f"{indent}],"]


def _unpacking(content: Content, expressions: Iterable[Expr], names: Mapping[str, str]) -> list[str]:
    found = places(content, expressions, element="{}[{}]", parameter=lambda _, q: f"p.{names[q.name]}", first=1)
    return [f"    {names[quantity.name]} = {place}{unit_remark(quantity, '  # ')}" for quantity, place in found]


def _field(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    earlier = "" if content.delays is None else "earlier, "
    lines = ["# Time derivative of each state.", f"function field(t, state, {earlier}forcing, p)"]
    lines += _unpacking(content, content.equations, names)
    if content.delays is not None:
        lines += [f"    {names[slot]} = earlier[{k}]  # {slot}" for k, slot in enumerate(content.delays.slots, start=1)]
    lines.append("    return [")
    lines += [
        f"        {write(rhs)},  # d({q.name})/dt" for q, rhs in zip(content.states, content.equations, strict=True)
    ]
    return [*lines, "    ]", "end"]


def _outputs(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    expressions = [expr for _, expr in content.outputs]
    lines = ["# Observed quantities, computed from the states.", "function outputs(t, state, forcing, p)"]
    lines += _unpacking(content, expressions, names)
    lines.append("    return Float64[")
    lines += [f"        {write(expr)},  # {quantity.name}" for quantity, expr in content.outputs]
    return [*lines, "    ]", "end"]


def _neural_term(name: str, network: ExportedNetwork, names: Mapping[str, str], write: Printer) -> list[str]:
    arguments = ", ".join(names[argument] for argument in network.arguments)
    table = f"WEIGHTS_{name}"
    lines = [f"# Weights and biases of each layer of {name}, which is still neural.", f"const {table} = ["]
    for weights, biases in network.layers:
        rows, columns = weights.shape
        lines += ["    (", "        permutedims(reshape([", *wrapped(number_list(weights), " " * 12)]
        lines += [f"        ], {columns}, {rows})),", *_vector(biases, " " * 8), "    ),"]
    lines += ["]", f"function {name}({arguments})"]
    centre, scale = ", ".join(number_list(network.center)), ", ".join(number_list(network.scale))
    entering = ", ".join(map(write, network.inputs))
    lines.append(f"    raw = network({table}, {network.activation}, ([{entering}] .- [{centre}]) ./ [{scale}])")
    return [*lines, f"    return {write(network.output)}", "end"]


_USAGE = """\
Needs the @PACKAGES@.
julia model.jl                  prints the first trajectory as CSV
julia model.jl NAME [POINTS]    another one
include("model.jl"); simulate(t)  gives the states at the times t, one vector each"""

_NETWORK = """\
sigmoid(z) = 0.5 * (1.0 + tanh(0.5 * z))
softplus(z) = max(z, 0.0) + log1p(exp(-abs(z)))
swish(z) = z * sigmoid(z)
gelu(z) = 0.5 * z * (1.0 + tanh(0.7978845608028654 * (z + 0.044715 * z^3)))

# Output of a multilayer perceptron.
function network(layers, activation, h)
    for (index, (matrix, bias)) in enumerate(layers)
        h = index > 1 ? activation.(h) : h
        h = matrix * h .+ bias
    end
    return h[1]
end"""

_MAIN = """\
function main()
    found = isempty(ARGS) ? 1 : findfirst(track -> track.name == ARGS[1], TRAJECTORIES)
    found === nothing && error("there is no trajectory called $(ARGS[1])")
    track = TRAJECTORIES[found]
    points = length(ARGS) > 1 ? parse(Int, ARGS[2]) : 201
    times = collect(range(track.start, track.stop; length = points))
    println(join([TIME; STATES; OUTPUTS], ","))
    for (t, state) in zip(times, simulate(times; track))
        println(join([t; state; outputs(t, state, inputs(t, track), PARAMETERS)], ","))
    end
end

if abspath(PROGRAM_FILE) == @__FILE__
    main()
end"""


def _rerun(trial: Trial) -> Sequence[str] | str:
    program = shutil.which("julia")
    if program is None:
        return "Not run: Julia is not on this machine."
    package = "OrdinaryDiffEq" if trial.noise is None else "StochasticDiffEq"
    try:
        trial.run([program, "--startup-file=no", "-e", f"using {package}"])
    except RunFailed:
        return f"Not run: Julia is here, but its package {package} does not load."
    if trial.noise is not None:
        numbers = (trial.points, trial.noise.paths, trial.noise.seed, trial.noise.steps)
        given = [trial.noise.increments] if trial.noise.increments else []
        return [program, "--startup-file=no", trial.file, trial.trajectory, *map(str, numbers), *given]
    return [program, "--startup-file=no", trial.file, trial.trajectory, str(trial.points)]


EXPORTER = Exporter(
    "julia",
    "Julia (OrdinaryDiffEq)",
    "model.jl",
    lambda subject, options: julia(subject.content),
    label="Julia",
    description="With OrdinaryDiffEq",
    language="julia",
    delays=True,
    events=True,
    noise=True,
    rerun=_rerun,
)
