"""A model as a MATLAB function file (it runs in GNU Octave as well)."""

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
from ndestudio.export.exporter import Exporter, Trial
from ndestudio.export.formats.matlab_delays import LOOP as LOOP_DELAYS
from ndestudio.export.formats.matlab_delays import delay_functions
from ndestudio.export.formats.matlab_events import LOOP, LOOP_CONDITIONS, dose_rows, event_functions
from ndestudio.export.formats.matlab_noise import MAIN as MAIN_NOISE
from ndestudio.export.formats.matlab_noise import NAMES as NOISE_NAMES
from ndestudio.export.formats.matlab_noise import spread_function
from ndestudio.export.formats.matlab_noise import usage as noise_usage
from ndestudio.export.formats.python_code import with_delays
from ndestudio.export.helpers import definitions, names_taken, used
from ndestudio.export.names import identifiers
from ndestudio.export.networks import ExportedNetwork, exported
from ndestudio.export.printer import IntegerExponents, Printer
from ndestudio.export.track import Track
from ndestudio.expression.tree import Expr


class MatlabPrinter(IntegerExponents):
    language: ClassVar[str] = "matlab"
    power_operator: ClassVar[str] = "^"


def matlab(content: Content) -> str:
    """The file: `model` prints a CSV; `[t, states, observed] = model(trajectory, points)` returns the numbers."""
    functions = used(content)
    own = NOISE_NAMES if content.noises else ()
    names = identifiers(content.names, "matlab", (*names_taken(functions, "matlab"), *event_names(content, 1), *own))
    content, names = with_delays(content, names)
    write = MatlabPrinter(names, content.networks)
    scale = ", ".join(number_list(content.scale))
    solver = "ode15s" if content.stiff else "ode45"
    loop = LOOP_CONDITIONS if content.conditions else LOOP if content.events else _LOOP
    loop = loop if content.delays is None else LOOP_DELAYS
    main = filled(
        MAIN_NOISE if content.noises else _MAIN,
        N_NOISES=str(len(content.noises)),
        LOOP=filled(loop, SOLVER=solver),
        SCALE=scale,
        RTOL="1e-9" if content.stiff else "1e-10",
        ATOL="1e-7" if content.stiff else "1e-12",
        TIME=text(csv_field(content.time_title)),
        STATES=_titles(content.states),
        OUTPUTS=_titles(quantity for quantity, _ in content.outputs),
        N_OUTPUTS=str(len(content.outputs)),
    )
    head, body = main.split("@HEADER@\n")
    lines = [
        *head.splitlines(),
        *commented(
            [*(noise_usage(content) if content.noises else _USAGE).splitlines(), "", *header(content, names)], "%"
        ),
        *body.splitlines(),
    ]
    lines += ["", *_trajectories(content), "", *_parameters(content, names), "", *_field(content, write, names)]
    lines += ["", *_outputs(content, write, names), "", *_inputs(content)]
    if content.noises:
        lines += spread_function(content, write, names, _unpacking)
    if content.delays is not None:
        lines += ["", *delay_functions(content, content.delays, write, names, _unpacking)]
    if content.events:
        lines += ["", *(filled(line, SOLVER=solver) for line in event_functions(content, write, names, _unpacking))]
    for source in definitions(functions, "matlab", ("sigmoid",) if content.networks else ()):
        lines += ["", *source.splitlines()]
    if content.networks:
        lines += ["", *_NETWORK.splitlines()]
        for neural_term, network in content.networks.items():
            lines += ["", *_neural_term(names[neural_term], exported(network), names, write)]
    return "\n".join(lines) + "\n"


def text(value: str) -> str:
    """A MATLAB character vector."""
    return "'" + value.replace("'", "''") + "'"


def _titles(quantities: Iterable[Quantity]) -> str:
    return f"{{{', '.join(text(csv_field(quantity.title)) for quantity in quantities)}}}"


def _row(values: Float[np.ndarray, "..."], indent: str) -> list[str]:
    """Numbers of a matrix literal, continued over lines."""
    lines = wrapped(number_list(values), indent)
    return [*(f"{line} ..." for line in lines[:-1]), *lines[-1:]]


def _trajectories(content: Content) -> list[str]:
    lines = [
        "function tracks = trajectories()",
        f"% Start, stop, initial value of each state{_contents(content)}.",
    ]
    doses = ", 'doses', {}" if content.doses else ""
    lines.append(f"tracks = struct('name', {{}}, 'start', {{}}, 'stop', {{}}, 'initial', {{}}, 'inputs', {{}}{doses});")
    for index, track in enumerate(content.tracks, start=1):
        lines += _track(index, track)
        lines += dose_rows(content, index - 1, f"tracks({index})") if content.doses else []
    return [*lines, "end"]


def _contents(content: Content) -> str:
    told = "; of each input where its pieces begin, and their coefficients of 1, s, s^2, ..., s since then"
    return (told if content.inputs else ", inputs") + ("; event, time, amount of doses" if content.doses else "")


def _track(index: int, track: Track) -> list[str]:
    place = f"tracks({index})"
    lines = [f"{place}.name = {text(track.name)};", f"{place}.start = {number_text(track.start)};"]
    lines += [f"{place}.stop = {number_text(track.stop)};"]
    lines += [f"{place}.initial = [{'; '.join(number_list(track.initial))}];", f"{place}.inputs = {{}};"]
    for row, table in enumerate((one.until(track.stop) for one in track.inputs), start=1):
        lines += [f"{place}.inputs{{{row}, 1}} = [ ...", *_row(table.breaks, "    ")]
        lines[-1] += "];"
        lines.append(f"{place}.inputs{{{row}, 2}} = [ ...")
        for column in table.coefficients:
            lines += _row(column, "    ")
            lines[-1] += "; ..."
        lines[-1] = lines[-1].removesuffix("; ...") + "];"
    return lines


def _parameters(content: Content, names: Mapping[str, str]) -> list[str]:
    lines = ["function p = parameters()", "p = struct();"]
    for quantity in content.parameters:
        note = remark(unit_text(quantity.unit), quantity.note)
        lines.append(f"p.{names[quantity.name]} = {number_text(quantity.value)};{f' % {note}' if note else ''}")
    return [*lines, "end"]


def _unpacking(content: Content, expressions: Iterable[Expr], names: Mapping[str, str]) -> list[str]:
    found = places(content, expressions, element="{}({})", parameter=lambda _, q: f"p.{names[q.name]}", first=1)
    return [f"{names[quantity.name]} = {place};{unit_remark(quantity, ' % ')}" for quantity, place in found]


def _field(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    earlier = "" if content.delays is None else "earlier, "
    lines = [f"function rate = field(t, state, {earlier}forcing, p)", "% Time derivative of each state."]
    lines += _unpacking(content, content.equations, names)
    if content.delays is not None:
        lines += [f"{names[slot]} = earlier({k}); % {slot}" for k, slot in enumerate(content.delays.slots, start=1)]
    lines.append(f"rate = zeros({len(content.states)}, 1);")
    for index, (quantity, rhs) in enumerate(zip(content.states, content.equations, strict=True), start=1):
        lines.append(f"rate({index}) = {write(rhs)}; % d({quantity.name})/dt")
    return [*lines, "end"]


def _outputs(content: Content, write: Printer, names: Mapping[str, str]) -> list[str]:
    expressions = [expr for _, expr in content.outputs]
    lines = ["function observed = outputs(t, state, forcing, p)", "% Observed quantities, computed from the states."]
    lines += _unpacking(content, expressions, names)
    lines.append(f"observed = zeros(1, {len(content.outputs)});")
    for index, (quantity, expr) in enumerate(content.outputs, start=1):
        lines.append(f"observed({index}) = {write(expr)}; % {quantity.title}")
    return [*lines, "end"]


def _inputs(content: Content) -> list[str]:
    lines = ["function forcing = inputs(t, track, inside)"]
    lines += [
        "% At time t, by the piece that is in force at the time `inside`; before the first piece its first value."
    ]
    lines.append(f"forcing = zeros(1, {len(content.inputs)});")
    if content.inputs:
        lines += _INTERPOLATE.splitlines()
    return [*lines, "end"]


def _neural_term(name: str, network: ExportedNetwork, names: Mapping[str, str], write: Printer) -> list[str]:
    arguments = [names[argument] for argument in network.arguments]
    lines = [
        f"function value = {name}({', '.join(arguments)})",
        "% A term that is still neural: weights, biases of each layer.",
    ]
    lines += ["persistent layers", "if isempty(layers)"]
    for index, (weights, biases) in enumerate(network.layers, start=1):
        rows, columns = weights.shape
        lines += [f"    layers{{{index}, 1}} = reshape([ ...", *_row(weights, " " * 8)]
        lines[-1] += f"], {columns}, {rows}).';"
        lines += [f"    layers{{{index}, 2}} = [ ...", *_row(biases, " " * 8)]
        lines[-1] += "].';"
    lines.append("end")
    lines.append(f"centre = [{'; '.join(number_list(network.center))}];")
    lines.append(f"spread = [{'; '.join(number_list(network.scale))}];")
    lines.append(
        f"raw = network(layers, @{network.activation}, ([{'; '.join(map(write, network.inputs))}] - centre) ./ spread);"
    )
    return [*lines, f"value = {write(network.output)};", "end"]


_USAGE = """\
MODEL Simulate the model.
  model                                     prints the first trajectory as CSV
  [t, states, observed] = model(name, n)    n points of a trajectory, one row each"""

_INTERPOLATE = """\
for k = 1:size(track.inputs, 1)
    breaks = track.inputs{k, 1};
    columns = track.inputs{k, 2};
    place = max(1, sum(breaks <= inside));
    elapsed = (inside >= breaks(1)) * max(t - breaks(place), 0);
    for power = size(columns, 1):-1:1
        forcing(k) = forcing(k) * elapsed + columns(power, place);
    end
end"""

_NETWORK = """\
function raw = network(layers, activation, h)
% Output of a multilayer perceptron.
for k = 1:size(layers, 1)
    if k > 1
        h = activation(h);
    end
    h = layers{k, 1} * h + layers{k, 2};
end
raw = h(1);
end

function z = sigmoid(z)
z = 0.5 * (1.0 + tanh(0.5 * z));
end

function z = softplus(z)
z = max(z, 0.0) + log1p(exp(-abs(z)));
end

function z = swish(z)
z = z .* sigmoid(z);
end

function z = gelu(z)
z = 0.5 * z .* (1.0 + tanh(0.7978845608028654 * (z + 0.044715 * z.^3)));
end"""

_MAIN = """\
function [t, states, observed] = model(trajectory, points)
@HEADER@
tracks = trajectories();
track = tracks(1);
if nargin > 0
    found = find(strcmp({tracks.name}, trajectory), 1);
    if isempty(found)
        error('there is no trajectory called %s', trajectory);
    end
    track = tracks(found);
end
if nargin < 2
    points = 201;
end
p = parameters();
t = linspace(track.start, track.stop, points).';
states = zeros(points, numel(track.initial));
states(1, :) = track.initial.';
options = odeset('RelTol', @RTOL@, 'AbsTol', @ATOL@ * [@SCALE@]);
% The solver starts anew where a piece of an input begins.
knots = [];
for k = 1:size(track.inputs, 1)
    knots = [knots, track.inputs{k, 1}];
end
knots = unique(knots(knots > track.start & knots < track.stop));
@LOOP@observed = zeros(points, @N_OUTPUTS@);
for k = 1:points
    observed(k, :) = outputs(t(k), states(k, :).', inputs(t(k), track, t(k)), p);
end
if nargout == 0
    titles = [{@TIME@}, @STATES@, @OUTPUTS@];
    fprintf('%s\\n', strjoin(titles, ','));
    fprintf([repmat('%.17g,', 1, numel(titles) - 1), '%.17g\\n'], [t, states, observed].');
    clear t states observed
end
end"""


_LOOP = """\
edges = [track.start, knots, track.stop];
state = track.initial;
for k = 1:numel(edges) - 1
    inside = find(t > edges(k) & t <= edges(k + 1));
    if edges(k + 1) - edges(k) <= 1e-15 * abs(edges(k + 1))
        % Two times that differ by rounding alone.
        states(inside, :) = repmat(state.', numel(inside), 1);
        continue
    end
    middle = 0.5 * (edges(k) + edges(k + 1));
    asked = unique([edges(k); t(inside); middle; edges(k + 1)]);
    [~, found] = @SOLVER@(@(time, y) field(time, y, inputs(time, track, middle), p), asked, state, options);
    if size(found, 1) < numel(asked)
        error('the solver stopped between %g and %g', edges(k), edges(k + 1));
    end
    [~, rows] = ismember(t(inside), asked);
    states(inside, :) = found(rows, :);
    state = found(end, :).';
end
"""


def _rerun(trial: Trial) -> Sequence[str] | str:
    octave = shutil.which("octave-cli") or shutil.which("octave")
    if octave is None:
        return "Not run: neither MATLAB nor Octave is on this machine."
    name = trial.trajectory.replace("'", "''")
    if trial.noise is not None:
        noise = trial.noise
        given = f", '{noise.increments}'" if noise.increments else ""
        script = f"[t, states] = model('{name}', {trial.points}, {noise.paths}, {noise.seed}, {noise.steps}{given}); "
        script += "printf('path\\n'); for k = 1:size(states, 3); printf(['%d,', repmat('%.17g,', 1, size(states, 2)), "
        script += "'%.17g\\n'], [k*ones(numel(t), 1), t, states(:, :, k)].'); end"
        return [octave, "--no-gui", "--norc", "--quiet", "--eval", script]
    script = f"[t, states] = model('{name}', {trial.points}); printf('t\\n'); "
    script += "printf([repmat('%.17g,', 1, size(states, 2)), '%.17g\\n'], [t, states].');"
    return [octave, "--no-gui", "--norc", "--quiet", "--eval", script]


EXPORTER = Exporter(
    "matlab",
    "MATLAB",
    "model.m",
    lambda subject, options: matlab(subject.content),
    label="MATLAB",
    description="With ode45",
    language="matlab",
    delays=True,
    events=True,
    noise=True,
    rerun=_rerun,
)
