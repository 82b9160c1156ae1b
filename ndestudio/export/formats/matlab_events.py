"""Events in a MATLAB file: their functions, when they happen, and the simulation from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.event_parts import changed, dose_numbers, event_text, given_name, some_given_up, times_of
from ndestudio.export.printer import Printer

Unpacking = Callable[..., list[str]]


def event_functions(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    """`event_1` and so on, `happens`, `schedule`, and `conditions` where events wait for some."""
    lines = [
        "function after = happens(number, t, state, forcing, p, given)",
        "% States after an event.",
        "switch number",
    ]
    for k in range(1, len(content.events) + 1):
        lines += [f"    case {k}", f"        after = event_{k}(t, state, forcing, p, given);"]
    lines += ["end", "end"]
    for k, event in enumerate(content.events, start=1):
        new = changed(content, event)
        lines += [
            "",
            f"function after = event_{k}(t, state, forcing, p, {given_name(content, names)})",
            f"% {event_text(event)}",
        ]
        lines += [*unpacking(content, [expr for _, expr in new], names), "after = state;"]
        lines += [f"after({i + 1}) = {write(expr)}; % {content.states[i].name}" for i, expr in new] + ["end"]
    return [*lines, "", *_schedule(content, write, names, unpacking), *_conditions(content, write, names, unpacking)]


def _schedule(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    times = times_of(content)
    kinds = {event.kind for event in content.events}
    lines = ["function known = schedule(track, p)"]
    lines += [
        "% Time, number of the event and amount of all that happens at times known beforehand, in the order of time;"
    ]
    lines += ["% of several at one time the first in the equations comes first."]
    lines += [*unpacking(content, [expr for _, some in times for expr in some], names), "known = zeros(0, 3);"]
    for k, (event, some) in enumerate(times, start=1):
        said = f" % {event_text(event)}"
        if event.kind == "every":
            lines.append(f"known = [known; repeated({', '.join(map(write, some))}, {k})];{said}")
        elif event.of_data:
            later = f"@({given_name(content, names)}) {write(some[0])}"
            lines.append(f"known = [known; doses(track, {later}, {k})];{said}")
        else:
            lines += [f"known = [known; {write(one)}, {k}, 0.0];{said}" for one in some]
    lines += ["known = in_order(known);", "end", "", *_IN_ORDER.splitlines()]
    lines += ["", *_REPEATED.splitlines()] if "every" in kinds else []
    drop = "rows = rows(rows(:, 1) < mine(:, 4), :);\n" if some_given_up(content) else ""
    return [*lines, *(["", *filled(_DOSES, DROP=drop).splitlines()] if content.doses else [])]


def _conditions(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    if not content.conditions:
        return []
    written = [one.condition for one in content.events if one.condition is not None]
    lines = ["", "function value = conditions(t, state, p)", "% Events happen where one of these rises through 0."]
    lines += [*unpacking(content, written, names), f"value = zeros(1, {len(written)});"]
    lines += [f"value({k}) = {write(one)};" for k, one in enumerate(written, start=1)] + ["end"]
    waiting = " ".join(str(k + 1) for k in content.conditions)
    return [*lines, "", *_SETTLE.replace("@WAITING@", waiting).splitlines()]


def dose_rows(content: Content, index: int, place: str) -> list[str]:
    """The doses of a trajectory: number of the event, time, amount."""
    rows = [(k + 1, row) for k in range(len(content.events)) for row in dose_numbers(content, content.tracks[index], k)]
    if not rows:
        return [f"{place}.doses = zeros(0, {4 if some_given_up(content) else 3});"]
    return [f"{place}.doses = [ ...", *(f"    {k}, {', '.join(row)}; ..." for k, row in rows), "];"]


_IN_ORDER = """\
function known = in_order(known)
[~, order] = sort(known(:, 1));
known = known(order, :);
end"""

_REPEATED = """\
function rows = repeated(interval, first, last, number)
if ~(interval > 0)
    error('the interval of a repeated event must be above 0');
end
count = floor((last - first) / interval * (1 + 1e-12) + 1e-9);
times = first + (0:count).' * interval;
rows = [times, repmat([number, 0], numel(times), 1)];
end"""

_DOSES = """\
function rows = doses(track, later, number)
mine = track.doses(track.doses(:, 1) == number, :);
rows = [mine(:, 2) + arrayfun(later, mine(:, 3)), mine(:, 1), mine(:, 3)];
@DROP@end"""

LOOP = """\
known = schedule(track, p);
known = known(known(:, 1) >= track.start & known(:, 1) < track.stop, :);
edges = unique([track.start, knots, known(:, 1).', track.stop]);
state = track.initial;
here = track.start;
for k = 1:numel(edges)
    if edges(k) - here > 0 && edges(k) - here <= 1e-15 * abs(edges(k))
        % Two times that differ by rounding alone.
        states(t > here & t <= edges(k), :) = repmat(state.', sum(t > here & t <= edges(k)), 1);
        here = edges(k);
    end
    if edges(k) > here
        inside = find(t > here & t <= edges(k));
        middle = 0.5 * (here + edges(k));
        asked = unique([here; t(inside); middle; edges(k)]);
        [~, found] = @SOLVER@(@(time, y) field(time, y, inputs(time, track, middle), p), asked, state, options);
        if size(found, 1) < numel(asked)
            error('the solver stopped between %g and %g', here, edges(k));
        end
        [~, rows] = ismember(t(inside), asked);
        states(inside, :) = found(rows, :);
        state = found(end, :).';
        here = edges(k);
    end
    % At the time of an event the states are those after it, at the last time those before it.
    before = inputs(here, track, here - eps(here));
    for row = find(known(:, 1) == here).'
        state = happens(known(row, 2), here, state, before, p, known(row, 3));
        states(t == here, :) = repmat(state.', sum(t == here), 1);
    end
end
"""

LOOP_CONDITIONS = """\
known = schedule(track, p);
known = known(known(:, 1) >= track.start & known(:, 1) < track.stop, :);
edges = unique([track.start, knots, known(:, 1).', track.stop]);
state = track.initial;
here = track.start;
true_now = conditions(here, state, p) > 0;
% Conditions are looked at 400 times at least; more than 500 events come from a law that jumps ever faster.
longest = (track.stop - track.start) / 400;
count = 0;
for k = 1:numel(edges)
    middle = 0.5 * (here + edges(k));
    rate = @(time, y) field(time, y, inputs(time, track, middle), p);
    if edges(k) - here > 0 && edges(k) - here <= 1e-15 * abs(edges(k))
        % Two times that differ by rounding alone.
        states(t > here & t <= edges(k), :) = repmat(state.', sum(t > here & t <= edges(k)), 1);
        here = edges(k);
    end
    while here < edges(k)
        inside = find(t > here & t <= edges(k));
        looks = linspace(here, edges(k), max(3, ceil((edges(k) - here) / longest) + 1)).';
        asked = unique([here; t(inside); looks; edges(k)]);
        [~, found] = @SOLVER@(rate, asked, state, options);
        if size(found, 1) < numel(asked)
            error('the solver stopped between %g and %g', here, edges(k));
        end
        last = numel(asked);
        for n = 2:numel(asked)
            if any((conditions(asked(n), found(n, :).', p) > 0) ~= true_now)
                last = n;
                break
            end
        end
        % One number for all conditions rises through 0 where one of them changes.
        signs = 1 - 2 * true_now;
        if n == last && any((conditions(asked(n), found(n, :).', p) > 0) ~= true_now)
            low = asked(n - 1);
            begin = found(n - 1, :).';
            margins = 2 * max(signs .* conditions(low, begin, p), 0);
            apart = @(time) max(signs .* conditions(time, flow(rate, low, time, begin, options), p) - margins);
            if apart(low) < 0
                reached = fzero(apart, [low, asked(n)]);
            else
                reached = low;
            end
            state = flow(rate, low, reached, begin, options);
            left = signs .* conditions(reached, state, p) - margins;
            crossed = left == max(left) | left > 0;
        else
            reached = edges(k);
            state = found(end, :).';
            crossed = false(size(true_now));
        end
        inside = find(t > here & t <= reached);
        [~, rows] = ismember(t(inside), asked);
        states(inside, :) = found(rows, :);
        here = reached;
        now = conditions(here, state, p) > 0;
        now(crossed) = ~true_now(crossed);
        came = find(now & ~true_now);
        true_now = now;
        if ~isempty(came)
            count = count + 1;
            if count > 500
                error('more than 500 events happen up to %g; they come ever faster', here);
            end
            [state, true_now] = settle(came, here, state, true_now, track, p);
            states(t == here, :) = repmat(state.', sum(t == here), 1);
        end
    end
    % At the time of an event the states are those after it, at the last time those before it.
    rows = find(known(:, 1) == here).';
    if ~isempty(rows)
        before = conditions(here, state, p);
        left = inputs(here, track, here - eps(here));
        for row = rows
            state = happens(known(row, 2), here, state, left, p, known(row, 3));
        end
        after = conditions(here, state, p);
        true_now = after > 0;
        came = find(before <= 0 & after > 0);
        if ~isempty(came)
            [state, true_now] = settle(came, here, state, true_now, track, p);
        end
        states(t == here, :) = repmat(state.', sum(t == here), 1);
    end
end
"""

_SETTLE = """\
function [state, true_now] = settle(came, now, state, true_now, track, p)
% States after events whose conditions came true, and after those that come true by them; which conditions are true.
waiting = [@WAITING@];
left = inputs(now, track, now - eps(now));
done = [];
while ~isempty(came)
    k = came(1);
    came = came(2:end);
    if any(done == k)
        continue
    end
    done = [done, k];
    before = conditions(now, state, p);
    state = happens(waiting(k), now, state, left, p, 0.0);
    after = conditions(now, state, p);
    came = [came, find(before <= 0 & after > 0 & ~ismember(1:numel(waiting), done))];
end
value = conditions(now, state, p);
moved = conditions(now, state * (1 + 1e-6) + 1e-12, p);
ahead = 1e-7 * (1 + abs(now));
then = conditions(now + ahead, state + ahead * field(now, state, inputs(now, track, now), p), p);
true_now = value > 0;
for k = done
    % It is 0 here but for rounding: it has to become false before it can come true again.
    if abs(value(k)) <= 1e-9 * (1 + abs(moved(k) - value(k)) / 1e-6)
        true_now(k) = then(k) >= value(k);
    end
end
end

function state = flow(rate, begin, stop, state, options)
% The state at the end of a short time.
if stop > begin
    [~, found] = @SOLVER@(rate, [begin, stop], state, options);
    state = found(end, :).';
end
end"""
