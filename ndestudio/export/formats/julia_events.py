"""Paths of inputs and events in a Julia program, and its simulation from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.event_parts import changed, dose_numbers, event_text, given_name, some_given_up, times_of
from ndestudio.export.printer import Printer

Unpacking = Callable[..., list[str]]


def event_functions(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    """`event_1` and so on, `schedule`, and `conditions` where events wait for some."""
    lines: list[str] = []
    for k, event in enumerate(content.events, start=1):
        new = dict(changed(content, event))
        lines += [
            "",
            f"# {event_text(event)}",
            f"function event_{k}(t, state, forcing, p, {given_name(content, names)})",
        ]
        lines += [*unpacking(content, new.values(), names), "    return ["]
        for i, quantity in enumerate(content.states):
            lines.append(f"        {write(new[i]) if i in new else f'state[{i + 1}]'},  # {quantity.name}")
        lines += ["    ]", "end"]
    each = ", ".join(f"event_{k}" for k in range(1, len(content.events) + 1))
    lines += ["", f"const EVENTS = ({each},)"]
    return [*lines, *_schedule(content, write, names, unpacking), *_conditions(content, write, names, unpacking)]


def _schedule(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    times = times_of(content)
    kinds = {event.kind for event in content.events}
    lines = [""]
    lines += [*_REPEATED.splitlines(), ""] if "every" in kinds else []
    given_up = some_given_up(content)
    doses = filled(
        _DOSES, UNTIL=", until" if given_up else "", ADD="time + later(amount) < until && " if given_up else ""
    )
    lines += [*doses.splitlines(), ""] if content.doses else []
    lines += [
        "# (time, number of the event, amount) of all that happens at times known beforehand, in the order of time; of several"
    ]
    lines += ["# at one time the first in the equations comes first.", "function schedule(track, p)"]
    lines += [
        *unpacking(content, [expr for _, some in times for expr in some], names),
        "    known = Tuple{Float64,Int,Float64}[]",
    ]
    for k, (event, some) in enumerate(times, start=1):
        said = f"  # {event_text(event)}"
        if event.kind == "every":
            lines.append(f"    append!(known, repeated({', '.join(map(write, some))}, {k})){said}")
        elif event.of_data:
            later = f"{given_name(content, names)} -> {write(some[0])}"
            lines.append(f"    append!(known, doses(track, {later}, {k})){said}")
        else:
            lines += [f"    push!(known, ({write(one)}, {k}, 0.0)){said}" for one in some]
    return [*lines, "    return sort(known; by = first, alg = MergeSort)", "end"]


def _conditions(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    if not content.conditions:
        return []
    written = [one.condition for one in content.events if one.condition is not None]
    waiting = ", ".join(str(k + 1) for k in content.conditions)
    lines = ["", "# Number of the event of each condition.", f"const WAITING = [{waiting}]"]
    lines += ["", "# Events happen where one of these rises through 0.", "function conditions(t, state, p)"]
    return [
        *lines,
        *unpacking(content, written, names),
        "    return [",
        *(f"        {write(one)}," for one in written),
        "    ]",
        "end",
    ]


def dose_rows(content: Content, index: int) -> list[str]:
    """The doses of a trajectory: number of the event, time, amount."""
    lines = [f"        doses = NTuple{{{4 if some_given_up(content) else 3},Float64}}["]
    for k in range(len(content.events)):
        lines += [
            f"            ({k + 1}.0, {', '.join(row)})," for row in dose_numbers(content, content.tracks[index], k)
        ]
    return [*lines, "        ],"]


_REPEATED = """\
function repeated(interval, first, last, number)
    interval > 0 || error("the interval of a repeated event must be above 0")
    count = floor(Int, (last - first) / interval * (1 + 1e-12) + 1e-9)
    return [(first + k * interval, number, 0.0) for k in 0:count]
end"""

_DOSES = """\
function doses(track, later, number)
    found = Tuple{Float64,Int,Float64}[]
    for (event, time, amount@UNTIL@) in track.doses
        event == number || continue
        @ADD@push!(found, (time + later(amount), number, amount))
    end
    return found
end"""

NO_INPUTS = """\
inputs(t, track, inside = t) = Float64[]

knots(track, start, stop) = Float64[]
"""

INPUTS = """\
# An input at time t, by the piece that is in force at the time `inside`; before the first piece its first value.
function interpolate(one, t, inside)
@FOLD@    place = searchsortedlast(one.breaks, inside)
    elapsed = place > 0 ? max(t - one.breaks[place], zero(t)) : zero(t)
    value = zero(elapsed)
    for column in reverse(one.coefficients)
        value = value * elapsed + column[max(place, 1)]
    end
    return value
end

inputs(t, track, inside = t) = [interpolate(one, t, inside) for one in track.inputs]

# Times between start and stop at which a piece of an input begins.
function knots(track, start, stop)
    found = Float64[]
    for one in track.inputs
        append!(found, one.breaks)
@MORE@    end
    return sort(unique(filter(knot -> start < knot < stop, found)))
end
"""

FOLD = """\
    low, high, period = one.repeats
    if period > 0
        away = period * (ceil(max(inside - high, 0.0) / period) - ceil(max(low - inside, 0.0) / period))
        t, inside = t - away, inside - away
    end
"""

MORE = """\
        low, high, period = one.repeats
        if period > 0
            # Beyond the last ones that are used, those of the last period again.
            resize!(found, length(found) - length(one.breaks))
            append!(found, filter(knot -> knot <= high, one.breaks))
            last = filter(knot -> high - period < knot <= high, one.breaks)
            for n in 1:(ceil(Int, max(stop - high, 0.0) / period) + 1)
                append!(found, last .+ n * period)
            end
        end
"""

SIMULATE = """\
# States at the increasing times t from the initial values at the start of the trajectory.@SAID@
function simulate(t; track = TRAJECTORIES[1], parameters = PARAMETERS, reltol = 1e-10)
    start, stop = track.start, max(t[end], track.start)
    state = float.(track.initial)
    states = [fill(NaN, length(state)) for _ in t]
    record!(states, t, start, state)
@BEGIN@    here = start
    # The solver starts anew where a piece of an input begins@EVENTS@.
    for until in sort(unique([knots(track, start, stop); @TIMES@stop]))
@PIECE@@HAPPEN@    end
    return states
end

# A state at those of the times t that are the time `now`.
function record!(states, t, now, state)
    for i in eachindex(t)
        t[i] == now && (states[i] = copy(state))
    end
end

# The solution from `here` to `until` by the pieces of inputs that are in force between them, which goes into `states`.
function piece!(states, t, track, parameters, state, here, until, middle, reltol; more...)
    if until - here <= 1e-15 * abs(until)
        # Two times that differ by rounding alone.
        for i in eachindex(t)
            here < t[i] <= until && (states[i] = copy(state))
        end
        return until, state
    end
    rate = (y, p, time) -> field(time, y, inputs(time, track, middle), p)
    problem = ODEProblem(rate, state, (here, until), parameters)
    abstol = reltol * 1e-2 * [@SCALE@]
    solution = solve(problem, AutoVern7(Rodas5P()); reltol, abstol, maxiters = 10^7, more...)
    reached = solution.t[end]
    for i in eachindex(t)
        here < t[i] <= reached && (states[i] = solution(t[i]))
    end
    return reached, solution.u[end]
end
"""

SAID = """
# At the time of an event they are those after it, at the last time those before it."""

KNOWN = """\
    known = filter(one -> start <= one[1] < stop, schedule(track, parameters))
"""

PIECE = """\
        if until > here
            reached, state = piece!(states, t, track, parameters, state, here, until, 0.5 * (here + until), reltol)
            reached < until && error("the solver stopped at $reached")
            here = until
        end
"""

HAPPEN = """\
        for (time, number, amount) in known
            time == until || continue
            state = EVENTS[number](until, state, inputs(until, track, prevfloat(until)), parameters, amount)
            record!(states, t, until, state)
        end
"""

BEGIN_CONDITIONS = """\
    truth = conditions(start, state, parameters) .> 0
    # Conditions are looked at 400 times at least; more than 500 events come from a law that jumps ever faster.
    dtmax, count = (stop - start) / 400, 0
"""

PIECE_CONDITIONS = """\
        middle = 0.5 * (here + until)
        while here < until
            # One number for all conditions rises through 0 where one of them changes.
            signs = ifelse.(truth, -1.0, 1.0)
            margins = 2 .* max.(signs .* conditions(here, state, parameters), 0.0)
            apart = (y, time) -> signs .* conditions(time, y, parameters) .- margins
            hit = Ref(false)
            stop_here! = integrator -> (hit[] = true; terminate!(integrator))
            callback = ContinuousCallback((y, time, _) -> maximum(apart(y, time)), stop_here!, nothing)
            reached, state = piece!(states, t, track, parameters, state, here, until, middle, reltol; callback, dtmax)
            hit[] || reached == until || error("the solver stopped at $reached")
            left = apart(state, reached)
            crossed = hit[] .& ((left .== maximum(left)) .| (left .> 0))
            now = ifelse.(crossed, .!truth, conditions(reached, state, parameters) .> 0)
            came = findall(now .& .!truth)
            here, truth = reached, now
            if !isempty(came)
                count += 1
                count > 500 && error("more than 500 events happen up to $here; they come ever faster")
                state, truth = settle(came, here, state, track, parameters)
                record!(states, t, here, state)
            end
        end
"""

HAPPEN_CONDITIONS = """\
        now = filter(one -> one[1] == until, known)
        if !isempty(now)
            before, left = conditions(until, state, parameters), inputs(until, track, prevfloat(until))
            for (_, number, amount) in now
                state = EVENTS[number](until, state, left, parameters, amount)
            end
            after = conditions(until, state, parameters)
            truth = after .> 0
            came = findall((before .<= 0) .& (after .> 0))
            if !isempty(came)
                state, truth = settle(came, until, state, track, parameters)
            end
            record!(states, t, until, state)
        end
"""

SETTLE = """\

# States after events whose conditions came true, and after those that come true by them; which conditions are true then.
function settle(came, now, state, track, parameters)
    left, done = inputs(now, track, prevfloat(now)), Int[]
    while !isempty(came)
        k, came = came[1], came[2:end]
        k in done && continue
        push!(done, k)
        before = conditions(now, state, parameters)
        state = EVENTS[WAITING[k]](now, state, left, parameters, 0.0)
        after = conditions(now, state, parameters)
        append!(came, [j for j in eachindex(after) if before[j] <= 0 && after[j] > 0 && !(j in done)])
    end
    value = conditions(now, state, parameters)
    moved = conditions(now, state .* (1 + 1e-6) .+ 1e-12, parameters)
    ahead = 1e-7 * (1 + abs(now))
    later = conditions(now + ahead, state .+ ahead .* field(now, state, inputs(now, track), parameters), parameters)
    truth = value .> 0
    for k in done
        # It is 0 here but for rounding: it has to become false before it can come true again.
        if abs(value[k]) <= 1e-9 * (1 + abs(moved[k] - value[k]) / 1e-6)
            truth[k] = later[k] >= value[k]
        end
    end
    return state, truth
end
"""
