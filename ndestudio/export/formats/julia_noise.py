"""How Julia programs simulate noise: an SDEProblem, with increments from a file as a noise grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.printer import Printer

NAMES = (
    "spread", "NOISES", "SDEProblem", "EM", "EulerHeun", "NoiseGrid", "StochasticDiffEq", "DiffEqNoiseProcess", "split",
    "readlines", "sqrt", "path", "paths", "seed", "steps", "increments", "cumsum", "zeros",
)  # fmt: skip
"""Identifiers of these programs."""

USAGE = """\
julia model.jl                                      prints a path of the first trajectory as CSV
julia model.jl NAME [POINTS [PATHS [SEED [STEPS]]]]   another one; STEPS between two points: more until what you look at stays
julia model.jl NAME POINTS 1 0 STEPS INCREMENTS.csv   along given increments of the Wiener processes, a row for each step
include("model.jl"); problem()                      gives the SDEProblem of the first trajectory
Method: @METHOD@"""


def usage(content: Content) -> str:
    """How the program is used; its first line says what it needs."""
    return filled(USAGE, METHOD=_method(content))


def _method(content: Content) -> str:
    if content.calculus == "stratonovich":
        return "EulerHeun() for the sense of Stratonovich; other methods of StochasticDiffEq for that sense can take its place"
    return "EM() for the sense of Ito; other methods of StochasticDiffEq for that sense can take its place"


def spread_function(
    content: Content, write: Printer, names: Mapping[str, str], unpacking: Callable[..., list[str]]
) -> list[str]:
    """`spread(t, state, forcing, p)`: the diffusion as a matrix."""
    lines = ["", "# What each noise is multiplied by (columns) in the equation of each state (rows)."]
    lines += ["function spread(t, state, forcing, p)"]
    lines += unpacking(content, [expr for row in content.spread for expr in row], names)
    lines += [f"    b = zeros({len(content.states)}, {len(content.noises)})"]
    for i, (quantity, row) in enumerate(zip(content.states, content.spread, strict=True), start=1):
        for j, (noise, term) in enumerate(zip(content.noises, row, strict=True), start=1):
            lines.append(f"    b[{i}, {j}] = {write(term)}  # {quantity.name}, {noise}")
    return [*lines, "    return b", "end"]


def simulation(content: Content) -> str:
    """`problem`, `simulate` and `main`."""
    solver = "EulerHeun()" if content.calculus == "stratonovich" else "EM()"
    return filled(_SIMULATE, SOLVER=solver, STATES=str(len(content.states)), NOISES=str(len(content.noises)))


_SIMULATE = """\
# The equations as StochasticDiffEq takes them; `noise` is a process of DiffEqNoiseProcess, or nothing.
function problem(; track = TRAJECTORIES[1], parameters = PARAMETERS, noise = nothing, seed = 0)
    drift(state, p, t) = field(t, state, inputs(t, track), p)
    diffusion(state, p, t) = spread(t, state, inputs(t, track), p)
    return SDEProblem(drift, diffusion, track.initial, (track.start, track.stop), parameters;
        noise_rate_prototype = zeros(@STATES@, @NOISES@), noise = noise, seed = seed)
end

# States at the times of a path; `steps` steps of one length between two of `points` points.
function simulate(points; track = TRAJECTORIES[1], parameters = PARAMETERS, seed = 0, steps = 10, increments = nothing)
    times = collect(range(track.start, track.stop; length = points))
    grid = collect(range(track.start, track.stop; length = (points - 1) * steps + 1))
    noise = increments === nothing ? nothing : NoiseGrid(grid, [[zeros(@NOISES@)]; cumsum(increments)])
    asked = problem(; track, parameters, noise, seed)
    found = solve(asked, @SOLVER@; dt = grid[2] - grid[1], adaptive = false, saveat = times)
    return times, found.u
end

function main()
    found = isempty(ARGS) ? 1 : findfirst(track -> track.name == ARGS[1], TRAJECTORIES)
    found === nothing && error("there is no trajectory called $(ARGS[1])")
    track = TRAJECTORIES[found]
    number(place, otherwise) = length(ARGS) >= place ? parse(Int, ARGS[place]) : otherwise
    points, paths, seed, steps = number(2, 201), number(3, 1), number(4, 0), number(5, 10)
    increments = nothing
    if length(ARGS) > 5
        increments = [parse.(Float64, split(line, ",")) for line in readlines(ARGS[6])]
    end
    println(join(["path"; TIME; STATES; OUTPUTS], ","))
    for path in 1:paths
        times, states = simulate(points; track, seed = seed * paths + path, steps, increments)
        for (t, state) in zip(times, states)
            println(join([path; t; state; outputs(t, state, inputs(t, track), PARAMETERS)], ","))
        end
    end
end

if abspath(PROGRAM_FILE) == @__FILE__
    main()
end"""
