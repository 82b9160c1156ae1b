"""Delays in a MATLAB file: the method of steps with ode45, since dde23 is of order 3 only and not in Octave."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.content import Content
from ndestudio.export.printer import Printer
from ndestudio.problem.delays import Delays

Unpacking = Callable[..., list[str]]


def delay_functions(
    content: Content, delays: Delays, write: Printer, names: Mapping[str, str], unpacking: Unpacking
) -> list[str]:
    """`lags`, `past`, and what reads the solution so far."""
    lines = [
        "function ago = lags(p)",
        "% How long ago each delayed value was.",
        *unpacking(content, delays.lags, names),
    ]
    lines += [f"ago = [{', '.join(map(write, delays.lags))}];", "end", ""]
    lines += ["function value = past(t, which_state, track, p)", "% A state, by its number, before the begin."]
    given = [(k, one) for k, one in enumerate(delays.past, start=1) if one is not None]
    lines += [*unpacking(content, [one for _, one in given], names), "switch which_state"]
    for k, one in given:
        lines += [f"    case {k}", f"        value = {write(one)};"]
    lines += ["    otherwise", "        value = track.initial(which_state);", "end", "end", ""]
    return [*lines, *_EARLIER.replace("@OF@", ", ".join(str(k + 1) for k in delays.of)).splitlines()]


_EARLIER = """\
function values = earlier_values(t, inside, history, track, p)
% The delayed values at time t; whether they lie before the begin is asked for the time `inside`.
of = [@OF@];
ago = lags(p);
values = zeros(1, numel(ago));
for k = 1:numel(ago)
    then = t - ago(k);
    if inside - ago(k) <= track.start || numel(history.t) < 2
        values(k) = past(then, of(k), track, p);
        continue
    end
    place = min(max(sum(history.t <= then), 1), numel(history.t) - 1);
    h = history.t(place + 1) - history.t(place);
    if h == 0
        values(k) = history.y(of(k), place);
        continue
    end
    % Cubic Hermite between the steps of the solver.
    s = (then - history.t(place)) / h;
    y = history.y(of(k), place:place + 1);
    slope = h * history.slope(of(k), place:place + 1);
    values(k) = (1 - s)^2 * ((1 + 2*s) * y(1) + s * slope(1)) + s^2 * ((3 - 2*s) * y(2) + (s - 1) * slope(2));
end
end

function points = joints(track, ago)
% Where pieces begin: where derivatives jump, and at least once in each shortest delay.
if ~(min(ago) > 0)
    error('a delay must be above 0');
end
span = track.stop - track.start;
sums = 0;
points = 0;
for order = 1:8
    sums = bsxfun(@plus, sums(:), ago(:).');
    sums = unique(sums(sums < span));
    points = [points; sums(:)];
end
points = unique([points; (min(ago):min(ago):span).']);
points = track.start + points([true; diff(points) > 1e-12 * span]).';
end"""

LOOP = """\
ago = lags(p);
edges = joints(track, ago);
near = 1e-12 * (track.stop - track.start);
for knot = knots
    if min(abs(edges - knot)) > near
        edges = [edges, knot];
    end
end
edges = [sort(edges(edges < track.stop - near)), track.stop];
options = odeset(options, 'Refine', 1);
state = track.initial;
history = struct('t', zeros(1, 0), 'y', zeros(numel(state), 0), 'slope', zeros(numel(state), 0));
for k = 1:numel(edges) - 1
    middle = 0.5 * (edges(k) + edges(k + 1));
    rate = @(time, y) field(time, y, earlier_values(time, middle, history, track, p), inputs(time, track, middle), p);
    [steps, found] = @SOLVER@(rate, [edges(k), edges(k + 1)], state, options);
    if steps(end) < edges(k + 1)
        error('the solver stopped between %g and %g', edges(k), edges(k + 1));
    end
    slopes = zeros(numel(state), numel(steps));
    for n = 1:numel(steps)
        slopes(:, n) = rate(steps(n), found(n, :).');
    end
    history.t = [history.t, steps(:).'];
    history.y = [history.y, found.'];
    history.slope = [history.slope, slopes];
    inside = find(t > edges(k) & t <= edges(k + 1));
    for n = inside.'
        place = min(find(steps <= t(n), 1, 'last'), numel(steps) - 1);
        h = steps(place + 1) - steps(place);
        s = (t(n) - steps(place)) / h;
        y = found(place:place + 1, :);
        slope = h * slopes(:, place:place + 1).';
        states(n, :) = (1 - s)^2 * ((1 + 2*s) * y(1, :) + s * slope(1, :)) + s^2 * ((3 - 2*s) * y(2, :) + (s - 1) * slope(2, :));
    end
    state = found(end, :).';
end
"""
