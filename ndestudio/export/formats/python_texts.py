"""Text that programs in Python (NumPy, SciPy) share."""

from __future__ import annotations

USAGE = """\
python model.py                      prints the first trajectory as CSV
python model.py --trajectory NAME    another one; --points N, --output FILE
import model; model.simulate(t)      states at the times t, one row each"""

NETWORK = '''\
def tanh(z):
    return @xp@.tanh(z)


def sin(z):
    return @xp@.sin(z)


def sigmoid(z):
    return 0.5 * (1.0 + @xp@.tanh(0.5 * z))


def softplus(z):
    return @xp@.logaddexp(z, 0.0)


def swish(z):
    return z * sigmoid(z)


def gelu(z):
    return 0.5 * z * (1.0 + @xp@.tanh(0.7978845608028654 * (z + 0.044715 * z**3)))


def network(weights, activation, arguments):
    """Output of a multilayer perceptron."""
    h = (@xp@.array(arguments) - weights["center"]) / weights["scale"]
    for index, (matrix, bias) in enumerate(weights["layers"]):
        if index > 0:
            h = activation(h)
        h = matrix @ h + bias
    return h[0]'''

NO_INPUTS = '''\
def inputs(t, trajectory, inside=None):
    """The model has no inputs."""
    return []


def knots(trajectory, start, stop):
    """The model has no inputs."""
    return []'''

INPUTS = '''\
def inputs(t, trajectory, inside=None):
    """Inputs at time t: a polynomial of the time since a piece began, of the piece at the time `inside` (t if left out).

    Before the first piece an input has its first value.
    """
    values = []
    for one in TRAJECTORIES[trajectory]["inputs"]:
        now, where = t, t if inside is None else inside
@FOLD@        k = bisect_right(one["breaks"], where) - 1
        s = max(now - one["breaks"][k], 0.0) if k >= 0 else 0.0
        value = 0.0
        for column in reversed(one["coefficients"]):
            value = value * s + column[max(k, 0)]
        values.append(value)
    return values


def knots(trajectory, start, stop):
    """Times between start and stop at which a piece of an input begins."""
@FOUND@    return sorted(knot for knot in found if start < knot < stop)'''

FOLD = """\
        low, high, period = one["repeats"]
        if period:
            away = period * (np.ceil(max(where - high, 0.0) / period) - np.ceil(max(low - where, 0.0) / period))
            now, where = now - away, where - away
"""

FOUND = """\
    found = {float(knot) for one in TRAJECTORIES[trajectory]["inputs"] for knot in one["breaks"]}
"""

FOUND_FOLDED = """\
    found = set()
    for one in TRAJECTORIES[trajectory]["inputs"]:
        low, high, period = one["repeats"]
        if not period:
            found |= {float(knot) for knot in one["breaks"]}
            continue
        # beyond the last ones that are used, those of the last period again
        found |= {knot for knot in one["breaks"] if knot <= high}
        last = [knot for knot in one["breaks"] if high - period < knot <= high]
        found |= {knot + n * period for knot in last for n in range(1, int(max(stop - high, 0.0) / period) + 2)}
"""

SIMULATE_PLAIN = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory."""
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    y = np.array(track["initial"])
    states = np.full((len(t), len(y)), np.nan)
    states[t == track["start"]] = y
    # The solver starts anew where a piece of an input begins.
    edges = [track["start"], *knots(name, track["start"], t[-1]), max(t[-1], track["start"])]
    for begin, end in zip(edges[:-1], edges[1:]):
        inside = (t > begin) & (t <= end)
        if 0.0 < end - begin <= 1e-15 * abs(end):
            # two times that differ by rounding alone
            states[inside] = y
            continue
        middle = 0.5 * (begin + end)
        solution = solve_ivp(
            lambda time, state: field(time, state, inputs(time, name, middle), parameters),
            (begin, end),
            y,
            method="LSODA",
            t_eval=np.unique(np.append(t[inside], end)) if end > begin else None,
            rtol=rtol,
            atol=rtol * np.array([@SCALE@]) * 1e-2,
        )
        if not solution.success:
            raise RuntimeError(f"the solver stopped at {TIME} = {solution.t[-1]}: {solution.message}")
        # LSODA counts a solution that is not a number as a success
        if not np.isfinite(solution.y).all():
            raise RuntimeError(f"the solution has no finite value from some time between {begin} and {end} on")
        states[inside] = solution.y.T[: np.count_nonzero(inside)]
        y = solution.y[:, -1]
    return states'''

SIMULATE_DELAYS = '''\
def joints(start, stop, longest, ago):
    """Where the solver starts anew: where derivatives jump, and at least once in each shortest delay."""
    points, sums, near = {start}, {0.0}, 1e-12 * longest
    for _ in range(8):
        sums = {total + lag for total in sums for lag in ago if total + lag < longest}
        points |= {start + total for total in sums}
    points |= {start + k * min(ago) for k in range(1, int(longest / min(ago)) + 1)}
    found = sorted(point for point in points if point < stop - near)
    return [*(point for k, point in enumerate(found) if k == 0 or point - found[k - 1] > near), stop]


def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory.

    By the method of steps: each piece is no longer than the shortest delay, and reads the pieces before it.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t = np.atleast_1d(np.asarray(t, dtype=float))
    start, first = track["start"], np.array(track["initial"])
    y = first
    states = np.full((len(t), len(y)), np.nan)
    states[t == start] = y
    ago = lags(parameters)
    if not min(ago) > 0.0:
        raise RuntimeError(f"a delay is {min(ago)}; it must be above 0")
    ends, pieces = [], []

    def earlier(time):
        found = []
        for k, lag in zip(DELAYED, ago):
            then = time - lag
            place = int(np.searchsorted(ends, then - 1e-12 * max(abs(then), 1.0)))
            if then <= start or not pieces:
                found.append(past(then, k, first, parameters))
            else:
                found.append(pieces[min(place, len(pieces) - 1)](then)[k])
        return found

    edges = joints(start, max(t[-1], start), max(t[-1] - start, 1e-300), ago)
    # It starts anew where a piece of an input begins, too.
    near = 1e-12 * max(t[-1] - start, 1e-300)
    edges = sorted({*edges, *(one for one in knots(name, start, t[-1]) if min(abs(one - edge) for edge in edges) > near)})
    for begin, end in zip(edges[:-1], edges[1:]):
        inside = (t > begin) & (t <= end)
        middle = 0.5 * (begin + end)
        solution = solve_ivp(
            lambda time, state: field(time, state, earlier(time), inputs(time, name, middle), parameters),
            (begin, end),
            y,
            method="DOP853",
            dense_output=True,
            rtol=rtol,
            atol=rtol * np.array([@SCALE@]) * 1e-2,
        )
        if not solution.success or not np.isfinite(solution.y).all():
            raise RuntimeError(f"the solver stopped at {TIME} = {solution.t[-1]}: {solution.message}")
        ends.append(end)
        pieces.append(solution.sol)
        if inside.any():
            states[inside] = solution.sol(t[inside]).T
        y = solution.y[:, -1]
    return states'''

MAIN = """\
def main():
    parser = argparse.ArgumentParser(description="Simulate the model and write a CSV.")
    parser.add_argument("--trajectory", default=next(iter(TRAJECTORIES)), choices=list(TRAJECTORIES))
    parser.add_argument("--points", type=int, default=201)
    parser.add_argument("--output", help="file to write; standard output if left out")
    options = parser.parse_args()
    track = TRAJECTORIES[options.trajectory]
    times = np.linspace(track["start"], track["stop"], options.points)
    states = simulate(times, options.trajectory)
    stream = open(options.output, "w", newline="", encoding="utf-8") if options.output else sys.stdout
    writer = csv.writer(stream, lineterminator="\\n")
    writer.writerow([TIME, *STATES, *OUTPUTS])
    for t, y in zip(times, states):
        row = outputs(t, y, inputs(t, options.trajectory), PARAMETERS) if OUTPUTS else []
        writer.writerow([repr(float(value)) for value in (t, *y, *row)])
    if options.output:
        stream.close()


if __name__ == "__main__":
    main()"""

ROOTS = '''\
def roots(t, state, forcing, p):
    """The unknowns of the algebraic equations, by Newton's method with steps halved as long as they do not help."""
    z = np.array(starts(t, state, forcing, p), dtype=float)
    least = 1e-6 * np.where(z != 0.0, np.abs(z), 1.0)
    with np.errstate(all="ignore"):
        for _ in range(60):
            value, matrix = np.array(residuals(z, t, state, forcing, p), dtype=float), []
            for k in range(len(z)):
                ahead = z.copy()
                ahead[k] += 1e-7 * (abs(z[k]) + 1e3 * least[k])
                change = np.array(residuals(ahead, t, state, forcing, p), dtype=float) - value
                matrix.append(change / (ahead[k] - z[k]))
            matrix = np.array(matrix).T
            if not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0.0:
                break
            step = -np.linalg.solve(matrix, value)
            far, share = np.max(np.abs(step) / (np.abs(z) + least)), 1.0
            if far <= 1e-7:
                return z + step
            for _ in range(30):
                ahead = np.array(residuals(z + share * step, t, state, forcing, p), dtype=float)
                if np.max(np.abs(np.linalg.solve(matrix, ahead)) / (np.abs(z) + least)) <= (1.0 - share / 4.0) * far:
                    break
                share /= 2.0
            z = z + share * step
    return np.full(len(z), np.nan)'''
