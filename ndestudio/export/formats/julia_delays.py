"""Delays in a Julia program: the method of steps over the dense solutions of the pieces before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.content import Content
from ndestudio.export.printer import Printer
from ndestudio.problem.delays import Delays

Unpacking = Callable[..., list[str]]


def delay_functions(
    content: Content, delays: Delays, write: Printer, names: Mapping[str, str], unpacking: Unpacking
) -> list[str]:
    """`lags`, `past` and `joints`."""
    lines = [
        "# Number of the state of each delayed value.",
        f"const DELAYED = [{', '.join(str(k + 1) for k in delays.of)}]",
    ]
    lines += ["", "# How long ago each delayed value was.", "function lags(p)", *unpacking(content, delays.lags, names)]
    lines += [f"    return [{', '.join(map(write, delays.lags))}]", "end"]
    lines += ["", "# A state, by its number, before the begin.", "function past(t, which_state, first_state, p)"]
    given = [(k, one) for k, one in enumerate(delays.past, start=1) if one is not None]
    lines += unpacking(content, [one for _, one in given], names)
    for k, one in given:
        lines += [f"    if which_state == {k}", f"        return {write(one)}", "    end"]
    return [*lines, "    return first_state[which_state]", "end", "", *_JOINTS.splitlines()]


_JOINTS = """\
# Where the solver starts anew: where derivatives jump, and at least once in each shortest delay.
function joints(start, stop, ago)
    longest = stop - start
    points, sums = Set([0.0]), Set([0.0])
    for _ in 1:8
        sums = Set(total + lag for total in sums for lag in ago if total + lag < longest)
        union!(points, sums)
    end
    union!(points, (k * minimum(ago) for k in 1:floor(Int, longest / minimum(ago))))
    found = Float64[]
    for point in sort(collect(points))
        if (isempty(found) || point - found[end] > 1e-12 * longest) && point < longest * (1 - 1e-12)
            push!(found, point)
        end
    end
    return start .+ found
end"""

SIMULATE = """\
# States at the increasing times t from the initial values at the start of the trajectory.
# By the method of steps: each piece is no longer than the shortest delay, and reads the pieces before it.
function simulate(t; track = TRAJECTORIES[1], parameters = PARAMETERS, reltol = 1e-10)
    start, stop = track.start, max(t[end], track.start)
    first_state = float.(track.initial)
    state = first_state
    states = [fill(NaN, length(state)) for _ in t]
    for i in eachindex(t)
        t[i] == start && (states[i] = copy(state))
    end
    stop > start || return states
    ago = lags(parameters)
    minimum(ago) > 0 || error("a delay is $(minimum(ago)); it must be above 0")
    ends, pieces = Float64[], Any[]
    # Whether a delayed value lies before the begin is asked for the time `inside`.
    function earlier(time, inside)
        return map(DELAYED, ago) do k, lag
            then = time - lag
            (inside - lag <= start || isempty(pieces)) && return past(then, k, first_state, parameters)
            place = searchsortedfirst(ends, then - 1e-12 * max(abs(then), 1.0))
            return pieces[min(place, length(pieces))](then)[k]
        end
    end
    edges = joints(start, stop, ago)
    near = 1e-12 * (stop - start)
    append!(edges, [knot for knot in knots(track, start, stop) if minimum(abs.(edges .- knot)) > near])
    edges = [sort(edges); stop]
    abstol = reltol * 1e-2 * [@SCALE@]
    for (begin_at, end_at) in zip(edges[1:(end - 1)], edges[2:end])
        middle = 0.5 * (begin_at + end_at)
        rate = (y, p, time) -> field(time, y, earlier(time, middle), inputs(time, track, middle), p)
        problem = ODEProblem(rate, state, (begin_at, end_at), parameters)
        solution = solve(problem, Vern7(lazy = false); reltol, abstol, maxiters = 10^7)
        solution.t[end] < end_at && error("the solver stopped at $(solution.t[end])")
        for i in eachindex(t)
            begin_at < t[i] <= end_at && (states[i] = solution(t[i]))
        end
        push!(ends, end_at)
        push!(pieces, solution)
        state = solution.u[end]
    end
    return states
end
"""
