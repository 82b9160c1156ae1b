"""Events in Python programs: functions that both Python forms share, and how the SciPy form simulates them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.event_parts import (
    changed,
    dose_numbers,
    event_text,
    given_name,
    program_kind,
    some_given_up,
    times_of,
)
from ndestudio.export.printer import Printer
from ndestudio.expression.tree import Expr

Unpacking = Callable[[Content, Iterable[Expr], Mapping[str, str]], list[str]]


def event_functions(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    """`event_0(...)` and so on, `moments(p)` and `conditions(t, state, p)`, with the tables that go with them."""
    lines: list[str] = []
    given = given_name(content, names)
    for k, event in enumerate(content.events):
        new = dict(changed(content, event))
        lines += ["", "", f"def event_{k}(t, state, forcing, p, {given}):", f'    """{_said(event_text(event))}"""']
        lines += [*unpacking(content, new.values(), names), "    return ["]
        for i, quantity in enumerate(content.states):
            lines.append(f"        {write(new[i]) if i in new else f'state[{i}]'},  # {quantity.name}")
        lines.append("    ]")
    lines += ["", "", f"EVENTS = [{', '.join(f'event_{k}' for k in range(len(content.events)))}]"]
    kinds = ", ".join(f'"{program_kind(event)}"' for event in content.events)
    lines.append(f"KINDS = [{kinds}]")
    times = times_of(content)
    lines += ["", "", f"def moments(p, {given}=1.0):"]
    lines += [
        '    """Times of each event as they are written: one, several, interval with first and last, or how much later than'
    ]
    lines += ['    in the data a dose comes."""']
    lines += unpacking(content, [expr for _, some in times for expr in some], names)
    lines += ["    return [", *(f"        [{', '.join(map(write, some))}]," for _, some in times), "    ]"]
    if content.conditions:
        waiting = [event for event in content.events if event.condition is not None]
        written = [event.condition for event in waiting if event.condition is not None]
        lines += [
            "",
            "",
            "# Number of the event of each condition.",
            f"WAITING = [{', '.join(map(str, content.conditions))}]",
        ]
        lines += ["", "", "def conditions(t, state, p):", '    """Events happen where one of these rises through 0."""']
        lines += [*unpacking(content, written, names), "    return ["]
        lines += [f"        {write(one)}," for one in written] + ["    ]"]
    return lines


def dose_rows(content: Content, track: int) -> list[str]:
    """The doses of a trajectory as an entry of its table."""
    lines = ['        "doses": {']
    for k, event in enumerate(content.events):
        if event.of_data:
            lines.append(f"            {k}: [")
            lines += [f"                ({', '.join(row)})," for row in dose_numbers(content, content.tracks[track], k)]
            lines.append("            ],")
    return [*lines, "        },"]


def schedule(content: Content) -> str:
    """The function `schedule`."""
    given_up = some_given_up(content)
    add = "if time < until:\n                    " if given_up else ""
    return filled(SCHEDULE, UNTIL=", until" if given_up else "", ADD=add)


def _said(text: str) -> str:
    """Text within a docstring."""
    return text.replace('"', "'")


SCHEDULE = '''\
def schedule(trajectory, p):
    """(time, number of the event, amount) of all that happens at times known beforehand, in the order of time.

    Of several at one time the first in the equations comes first.
    """
    found = []
    for number, (kind, times) in enumerate(zip(KINDS, moments(p))):
        if kind == "every":
            interval, first, last = times
            if not interval > 0.0:
                raise ValueError(f"an event is to happen every {interval}; the interval must be above 0")
            count = int(np.floor((last - first) / interval * (1.0 + 1e-12) + 1e-9))
            found += [(first + k * interval, number, 0.0) for k in range(count + 1)]
        elif kind == "dose":
            for time, amount@UNTIL@ in TRAJECTORIES[trajectory]["doses"][number]:
                time += moments(p, amount)[number][0]
                @ADD@found.append((time, number, amount))
        else:
            found += [(time, number, 0.0) for time in times]
    return sorted(found, key=lambda one: one[0])'''

SIMULATE = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory.

    At the time of an event they are those after it, at the last time those before it.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    start, stop = track["start"], max(t[-1], track["start"])
    y = np.array(track["initial"])
    states = np.full((len(t), len(y)), np.nan)
    states[t == start] = y
    known = [one for one in schedule(name, parameters) if start <= one[0] < stop]
    here = start
    # The solver starts anew at events, and where a piece of an input begins.
    for end in sorted({*knots(name, start, stop), *(time for time, _, _ in known), stop}):
        if end > here:
            y = piece(t, states, name, parameters, rtol, here, end, y)
            here = end
        before = inputs(end, name, np.nextafter(end, -np.inf))
        for time, number, amount in known:
            if time == end:
                y = np.array(EVENTS[number](end, y, before, parameters, amount), dtype=float)
                states[t == end] = y
    return states


def piece(t, states, name, parameters, rtol, begin, end, y):
    """States at the end of a piece without events; those at the times t go into `states`."""
    inside = (t > begin) & (t <= end)
    if end - begin <= 1e-15 * abs(end):
        # two times that differ by rounding alone
        states[inside] = y
        return y
    middle = 0.5 * (begin + end)
    solution = solve_ivp(
        lambda time, state: field(time, state, inputs(time, name, middle), parameters),
        (begin, end),
        y,
        method="LSODA",
        t_eval=np.unique(np.append(t[inside], end)),
        rtol=rtol,
        atol=rtol * np.array([@SCALE@]) * 1e-2,
    )
    if not solution.success:
        raise RuntimeError(f"the solver stopped at {TIME} = {solution.t[-1]}: {solution.message}")
    # LSODA counts a solution that is not a number as a success
    if not np.isfinite(solution.y).all():
        raise RuntimeError(f"the solution has no finite value from some time between {begin} and {end} on")
    states[inside] = solution.y.T[np.searchsorted(solution.t, t[inside])]
    return solution.y[:, -1]'''

SIMULATE_CONDITIONS = '''\
LOOKS = 400  # times at which conditions are looked at, at least
MOST = 500  # events under conditions; more come from a law that jumps ever faster


def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory.

    At the time of an event they are those after it, at the last time those before it.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    start, stop = track["start"], max(t[-1], track["start"])
    y = np.array(track["initial"])
    states = np.full((len(t), len(y)), np.nan)
    states[t == start] = y
    known = [one for one in schedule(name, parameters) if start <= one[0] < stop]
    here, count = start, 0
    true = [value > 0.0 for value in conditions(start, y, parameters)]
    # The solver starts anew at events, and where a piece of an input begins.
    for end in sorted({*knots(name, start, stop), *(time for time, _, _ in known), stop}):
        middle = 0.5 * (here + end)
        while here < end:
            reached, y, crossed = piece(t, states, name, parameters, rtol, (here, end, middle), y, true, (stop - start) / LOOKS)
            above = [value > 0.0 for value in conditions(reached, y, parameters)]
            now = [not true[k] if k in crossed else above[k] for k in range(len(true))]
            came = [k for k in range(len(true)) if now[k] and not true[k]]
            here, true = reached, now
            if came:
                y, true = happen(came, here, y, true, name, parameters, middle)
                states[t == here] = y
                count += 1
                if count > MOST:
                    raise RuntimeError(f"more than {MOST} events happen up to {TIME} = {here}; they come ever faster")
        now = [one for one in known if one[0] == end]
        if now:
            before = conditions(end, y, parameters)
            left = inputs(end, name, np.nextafter(end, -np.inf))
            for _, number, amount in now:
                y = np.array(EVENTS[number](end, y, left, parameters, amount), dtype=float)
            after = conditions(end, y, parameters)
            true = [value > 0.0 for value in after]
            came = [k for k in range(len(true)) if before[k] <= 0.0 < after[k]]
            if came:
                y, true = happen(came, end, y, true, name, parameters, np.nextafter(end, -np.inf))
            states[t == end] = y
    return states


def happen(came, now, y, true, name, parameters, inside):
    """States after events whose conditions came true, and after those that come true by them; which conditions are true."""
    left, done = inputs(now, name, inside), []
    while came:
        k, came = came[0], came[1:]
        if k in done:
            continue
        done.append(k)
        before = conditions(now, y, parameters)
        y = np.array(EVENTS[WAITING[k]](now, y, left, parameters, 0.0), dtype=float)
        after = conditions(now, y, parameters)
        came = came + [j for j in range(len(true)) if before[j] <= 0.0 < after[j] and j not in done]
    value = np.array(conditions(now, y, parameters))
    true = [one > 0.0 for one in value]
    moved = np.array(conditions(now, y * (1.0 + 1e-6) + 1e-12, parameters))
    ahead = 1e-7 * (1.0 + abs(now))
    slope = np.array(field(now, y, inputs(now, name), parameters))
    then = np.array(conditions(now + ahead, y + ahead * slope, parameters))
    for k in done:
        # It is 0 here but for rounding: it has to become false before it can come true again.
        if abs(value[k]) <= 1e-9 * (1.0 + abs(moved[k] - value[k]) / 1e-6):
            true[k] = bool(then[k] >= value[k])
    return y, true


def piece(t, states, name, parameters, rtol, places, y, true, longest):
    """How far it goes without a condition that changes, the states there, and which conditions change."""

    def watch(k):
        def value(time, state):
            return conditions(time, state, parameters)[k]

        value.terminal, value.direction = True, -1.0 if true[k] else 1.0
        return value

    begin, end, middle = places
    if end - begin <= 1e-15 * abs(end):
        # two times that differ by rounding alone
        states[(t > begin) & (t <= end)] = y
        return end, y, []
    solution = solve_ivp(
        lambda time, state: field(time, state, inputs(time, name, middle), parameters),
        (begin, end),
        y,
        method="@METHOD@",
        events=[watch(k) for k in range(len(true))],
        dense_output=True,
        max_step=longest,
        rtol=rtol,
        atol=rtol * np.array([@SCALE@]) * 1e-2,
    )
    if not solution.success or not np.isfinite(solution.y).all():
        raise RuntimeError(f"the solver stopped at {TIME} = {solution.t[-1]}: {solution.message}")
    reached = solution.t[-1]
    inside = (t > begin) & (t <= reached)
    if inside.any():
        states[inside] = solution.sol(t[inside]).T
    return reached, solution.y[:, -1], [k for k, found in enumerate(solution.t_events) if len(found)]'''
