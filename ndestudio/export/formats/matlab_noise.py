"""How MATLAB programs simulate noise: steps of one length with MATLAB's own generator, or increments from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.formats.python_noise import method
from ndestudio.export.printer import Printer

NAMES = ("spread", "increments", "paths", "seed", "steps", "rng", "randn", "dlmread", "path", "ahead", "noise_step")
"""Identifiers of these programs."""


def spread_function(
    content: Content, write: Printer, names: Mapping[str, str], unpacking: Callable[..., list[str]]
) -> list[str]:
    """`spread(t, state, forcing, p)`: the diffusion as a matrix."""
    lines = ["", "function b = spread(t, state, forcing, p)"]
    lines += ["% What each noise is multiplied by (columns) in the equation of each state (rows)."]
    lines += unpacking(content, [expr for row in content.spread for expr in row], names)
    lines += [f"b = zeros({len(content.states)}, {len(content.noises)});"]
    for i, (quantity, row) in enumerate(zip(content.states, content.spread, strict=True), start=1):
        for j, (noise, term) in enumerate(zip(content.noises, row, strict=True), start=1):
            lines.append(f"b({i}, {j}) = {write(term)}; % {quantity.name}, {noise}")
    return [*lines, "end", "", *(HEUN if content.calculus == "stratonovich" else EULER).splitlines()]


def usage(content: Content) -> str:
    """How the file is used."""
    return filled(_USAGE, METHOD=method(content))


_USAGE = """\
MODEL Simulate paths of the model.
  model                                       prints a path of the first trajectory as CSV
  [t, states, observed] = model(name, n, paths, seed, steps)
                                              n points of paths of a trajectory [time, state, path]
  ... = model(name, n, 1, 0, steps, increments)
                                              along given increments [step, noise] of the Wiener processes, or a CSV file of them
Method: @METHOD@;
steps between two points: more until what you look at stays. Generator: randn after rng(seed)."""

EULER = """\
function state = noise_step(t, h, w, state, track, p)
% One step along the increments w of the Wiener processes.
forcing = inputs(t, track, t);
state = state + field(t, state, forcing, p) * h + spread(t, state, forcing, p) * w;
end"""

HEUN = """\
function state = noise_step(t, h, w, state, track, p)
% One step along the increments w of the Wiener processes.
forcing = inputs(t, track, t);
first = field(t, state, forcing, p) * h + spread(t, state, forcing, p) * w;
ahead = state + first;
forcing = inputs(t + h, track, t + h);
state = state + 0.5 * (first + field(t + h, ahead, forcing, p) * h + spread(t + h, ahead, forcing, p) * w);
end"""

MAIN = """\
function [t, states, observed] = model(trajectory, points, paths, seed, steps, increments)
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
if nargin < 3
    paths = 1;
end
if nargin < 4
    seed = 0;
end
if nargin < 5
    steps = 10;
end
p = parameters();
t = linspace(track.start, track.stop, points).';
h = (track.stop - track.start) / ((points - 1) * steps);
if nargin < 6
    rng(seed);
elseif ischar(increments)
    increments = dlmread(increments, ',');
end
if nargin >= 6 && (paths ~= 1 || size(increments, 1) ~= (points - 1) * steps || size(increments, 2) ~= @N_NOISES@)
    error('increments are needed of %d steps and %d noises, for one path', (points - 1) * steps, @N_NOISES@);
end
states = zeros(points, numel(track.initial), paths);
observed = zeros(points, @N_OUTPUTS@, paths);
for path = 1:paths
    state = track.initial;
    for n = 1:points
        if n > 1
            for k = 1:steps
                if nargin < 6
                    w = sqrt(h) * randn(@N_NOISES@, 1);
                else
                    w = increments((n - 2) * steps + k, :).';
                end
                state = noise_step(track.start + h * ((n - 2) * steps + k - 1), h, w, state, track, p);
            end
        end
        states(n, :, path) = state.';
        observed(n, :, path) = outputs(t(n), state, inputs(t(n), track, t(n)), p);
    end
end
if nargout == 0
    titles = [{'path', @TIME@}, @STATES@, @OUTPUTS@];
    fprintf('%s\\n', strjoin(titles, ','));
    for path = 1:paths
        rows = [path * ones(points, 1), t, states(:, :, path), observed(:, :, path)];
        fprintf(['%d,', repmat('%.17g,', 1, numel(titles) - 2), '%.17g\\n'], rows.');
    end
    clear t states observed
end
end"""
