"""How programs in Python (NumPy) simulate noise: many paths at once, by a seed or along increments from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ndestudio.export.code import filled
from ndestudio.export.content import Content
from ndestudio.export.printer import Printer
from ndestudio.expression.functions import Function

Unpacking = Callable[..., list[str]]

USAGE = """\
python @FILE@.py                      prints a path of the first trajectory as CSV
python @FILE@.py --trajectory NAME    another one; --points N, --paths N, --seed N, --output FILE
  --steps N                           steps between two points; halve them until what you look at stays
  --increments FILE                   along given increments of the Wiener processes: a row for each step, comma-separated
import @FILE@; @FILE@.simulate(t)     states at the times t [path, time, state]
Method: @METHOD@"""

NAMES = ("spread", "brownian", "every_path", "simulate", "increments", "NOISES", "given", "found")
"""Identifiers of these programs."""


def usage(content: Content, file: str) -> str:
    """How the program is used."""
    return filled(USAGE, FILE=file, METHOD=method(content))


def method(content: Content) -> str:
    """What programs simulate by, in the sense that the equations are meant in."""
    if content.calculus == "stratonovich":
        return "stochastic Heun with steps of one length, which converges to Stratonovich's integral"
    return "Euler-Maruyama with steps of one length, which converges to Ito's integral"


def spread_function(content: Content, write: Printer, names: Mapping[str, str], unpacking: Unpacking) -> list[str]:
    """`spread(t, y, u, p)`: the diffusion, and `NOISES`."""
    lines = [
        "def spread(t, state, forcing, p):",
        '    """What each noise is multiplied by in the equation of each state, one state after the other."""',
        *unpacking(content, [expr for row in content.spread for expr in row], names),
        "    return [",
    ]
    for quantity, row in zip(content.states, content.spread, strict=True):
        lines += [
            f"        {write(term)},  # {quantity.name}, {noise}"
            for noise, term in zip(content.noises, row, strict=True)
        ]
    return [*lines, "    ]"]


def simulation(content: Content, functions: Iterable[Function]) -> str:
    """`every_path`, `brownian` and `simulate`."""
    one_by_one = any(function.takes.count("c") or function.gives == "c" for function in functions)
    step = _HEUN if content.calculus == "stratonovich" else _EULER
    return filled(_SIMULATE, EVERY=_LOOP if one_by_one else _ARRAYS, STEP=step, METHOD=method(content))


def vectorised(content: Content, functions: Iterable[Function], network: str) -> str:
    """The function `network` for arrays of paths, where the program has them."""
    if any(function.takes.count("c") or function.gives == "c" for function in functions):
        return network
    network = network.replace(
        'h = (@xp@.array(arguments) - weights["center"]) / weights["scale"]',
        "given = @xp@.stack(@xp@.broadcast_arrays(*map(@xp@.atleast_1d, arguments)))\n"
        '    h = (given - weights["center"][:, None]) / weights["scale"][:, None]',
    )
    return network.replace("h = matrix @ h + bias", "h = matrix @ h + bias[:, None]")


_ARRAYS = """\
    values = function(t, y, forcing, p)
    return np.stack([np.broadcast_to(np.asarray(value, dtype=float), y.shape[1:]) for value in values])"""

_LOOP = """\
    return np.array([function(t, column, forcing, p) for column in y.T], dtype=float).T"""

_EULER = """\
        y = y + a * h + np.einsum("ijp,jp->ip", b, w)"""

_HEUN = """\
        ahead = y + a * h + np.einsum("ijp,jp->ip", b, w)
        a_ahead, b_ahead = rates(grid[k + 1], ahead)
        y = y + 0.5 * (a + a_ahead) * h + 0.5 * np.einsum("ijp,jp->ip", b + b_ahead, w)"""

_SIMULATE = '''\
def every_path(function, t, y, forcing, p):
    """What a function gives for each path of y [state, path]."""
@EVERY@


def brownian(lengths, paths, seed):
    """Increments of independent Wiener processes over steps of these lengths [step, noise, path]."""
    drawn = np.random.default_rng(seed).standard_normal((len(lengths), len(NOISES), paths))
    return np.sqrt(lengths)[:, None, None] * drawn


def simulate(t, trajectory=None, parameters=PARAMETERS, paths=1, seed=0, steps=10, increments=None):
    """States at the increasing times t [path, time, state] from the initial values at the start of the trajectory.

    By @METHOD@:
    `steps` of them between two times. With `increments` [step, noise, path] along these, and not by the seed.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    edges = t if t[0] == track["start"] else np.append(track["start"], t)
    parts = np.arange(steps) / steps
    grid = np.append((edges[:-1, None] + np.diff(edges)[:, None] * parts).ravel(), edges[-1])
    lengths = np.diff(grid)
    if not (lengths > 0.0).all():
        raise ValueError("the times must increase, and begin at the start of the trajectory or after it")
    if increments is None:
        increments = brownian(lengths, paths, seed)
    if increments.shape[:2] != (len(lengths), len(NOISES)):
        raise ValueError(f"increments are needed of {len(lengths)} steps and {len(NOISES)} noises, not {increments.shape[:2]}")
    y = np.repeat(np.array(track["initial"])[:, None], increments.shape[2], axis=1)

    def rates(time, y):
        forcing = inputs(time, name)
        b = every_path(spread, time, y, forcing, parameters)
        return every_path(field, time, y, forcing, parameters), b.reshape(len(y), len(NOISES), -1)

    found = [y]
    for k, (h, w) in enumerate(zip(lengths, increments)):
        a, b = rates(grid[k], y)
@STEP@
        if (k + 1) % steps == 0:
            found.append(y)
    return np.stack(found, axis=1).transpose(2, 1, 0)[:, len(edges) - len(t) :]'''

MAIN = """\
def main():
    parser = argparse.ArgumentParser(description="Simulate paths of the model and write a CSV.")
    parser.add_argument("--trajectory", default=next(iter(TRAJECTORIES)), choices=list(TRAJECTORIES))
    parser.add_argument("--points", type=int, default=201)
    parser.add_argument("--paths", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=10, help="between two points")
    parser.add_argument("--increments", help="CSV of increments of the Wiener processes, one row for each step")
    parser.add_argument("--output", help="file to write; standard output if left out")
    options = parser.parse_args()
    track = TRAJECTORIES[options.trajectory]
    times = np.linspace(track["start"], track["stop"], options.points)
    given = None
    if options.increments:
        given = np.loadtxt(options.increments, delimiter=",", ndmin=2)[:, :, None]
    settings = {"paths": options.paths, "seed": options.seed, "steps": options.steps, "increments": given}
    found = np.asarray(simulate(times, options.trajectory, **settings))
    stream = open(options.output, "w", newline="", encoding="utf-8") if options.output else sys.stdout
    writer = csv.writer(stream, lineterminator="\\n")
    writer.writerow(["path", TIME, *STATES, *OUTPUTS])
    for number, states in enumerate(found, start=1):
        for t, y in zip(times, states):
            row = outputs(t, y, inputs(t, options.trajectory), PARAMETERS) if OUTPUTS else []
            writer.writerow([number, *(repr(float(value)) for value in (t, *y, *row))])
    if options.output:
        stream.close()


if __name__ == "__main__":
    main()"""
