"""How the JAX form simulates events: a scan over pieces between them, so that it can be differentiated and jitted."""

from __future__ import annotations

INPUTS = '''\
@functools.cache
def pieces(trajectory):
    """Of all inputs of a trajectory: breaks [input, piece], coefficients [power, input, piece]@MORE@."""
    tables = TRAJECTORIES[trajectory]["inputs"]
    shape = len(tables), max(len(one["breaks"]) for one in tables)
    breaks = np.full(shape, np.inf)
    coefficients = np.zeros((max(len(one["coefficients"]) for one in tables), *shape))
    for row, one in enumerate(tables):
        breaks[row, : len(one["breaks"])] = one["breaks"]
        for power, column in enumerate(one["coefficients"]):
            coefficients[power, row, : len(column)] = column
    return breaks, coefficients@REPEATS@


def inputs(t, trajectory, side="right"):
    """Inputs at time t, by polynomials of the time since a piece began; with side="left" what they were just before.

    Before the first piece an input has its first value.
    """
@FOLD@    rows = jnp.arange(len(breaks))
    k = jax.vmap(lambda line, time: jnp.searchsorted(line, time, side=side))(jnp.array(breaks), now) - 1
    k = jnp.maximum(k, 0)
    s = jnp.maximum(now - jnp.array(breaks)[rows, k], 0.0)
    value = jnp.zeros_like(s)
    for columns in coefficients[::-1]:
        value = value * s + jnp.array(columns)[rows, k]
    return value
'''

PLAIN = """\
    breaks, coefficients = pieces(trajectory)
    now = jnp.full(len(breaks), t)
"""

FOLD = """\
    breaks, coefficients, (low, high, period) = pieces(trajectory)
    once = np.where(period > 0.0, period, 1.0)
    away = jnp.ceil(jnp.maximum(t - high, 0.0) / once) - jnp.ceil(jnp.maximum(low - t, 0.0) / once)
    now = t - period * away
"""

REPEATS = ', np.array([one["repeats"] for one in tables]).T'

CONTROL = '''\
def controller(track, rtol):
    """Steps by the local error; they end where a piece of an input begins."""
    control = diffrax.PIDController(rtol=rtol, atol=rtol * 1e-2 * jnp.array([@SCALE@])@LONGEST@)
    kinks = sorted({float(knot) for one in track["inputs"] for knot in one["breaks"]})
    if kinks:
        control = diffrax.ClipStepSizeController(control, jump_ts=jnp.array(kinks))
    return control
'''

SCHEDULE = '''\
def schedule(trajectory, p):
    """Time, number of the event and amount of all that happens at times known beforehand, in the order of time.

    Of several at one time the first in the equations comes first. Of `every`, as many as there can be; those beyond the
    last time never happen. If there should be more than that, their times are NaN.
    """
    found = [(jnp.zeros(0), 0, jnp.zeros(0))]
    for number, (kind, times) in enumerate(zip(KINDS, moments(p))):
        if kind == "every":
            interval, first, last = times
            count = jnp.floor((last - first) / interval * (1.0 + 1e-12) + 1e-9)
            k = jnp.arange(REPETITIONS[number])
            times = jnp.where(k <= count, first + k * interval, jnp.inf)
            times = jnp.where((interval > 0.0) & (count < REPETITIONS[number]), times, jnp.nan)
            found.append((times, number, jnp.zeros(len(k))))
        elif kind == "dose":
            rows = jnp.array(TRAJECTORIES[trajectory]["doses"][number]).reshape(-1, @WIDTH@)
            times = rows[:, 0] + moments(p, rows[:, 1])[number][0]
@GIVEN_UP@            found.append((times, number, rows[:, 1]))
        else:
            found.append((jnp.array(times, dtype=jnp.float64), number, jnp.zeros(len(times))))
    numbers = jnp.concatenate([jnp.full(len(times), number) for times, number, _ in found])
    times, amounts = (jnp.concatenate([one[place] for one in found]) for place in (0, 2))
    order = jnp.argsort(times, stable=True)
    return times[order], numbers[order], amounts[order]


def changed(number, t, y, forcing, p, amount):
    """States after the event of that number."""

    def one(event):
        return lambda y: jnp.stack([jnp.asarray(value, dtype=y.dtype) for value in event(t, y, forcing, p, amount)])

    return jax.lax.switch(number, [one(event) for event in EVENTS], y)
'''

SIMULATE = '''\
def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory.

    At the time of an event they are those after it, at the last time those before it.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t, y = jnp.asarray(t, dtype=jnp.float64), jnp.array(track["initial"])
    start = jnp.asarray(track["start"], dtype=jnp.float64)
    stop = jnp.maximum(t[-1], start)
    times, numbers, amounts = schedule(name, parameters)

    def rate(time, state, p):
        return jnp.stack([jnp.asarray(value) for value in field(time, state, inputs(time, name), p)])

    def piece(carry, event):
        here, y, states = carry
        time, number, amount = event
        end = jnp.clip(time, here, stop)
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            @SOLVER@,
            here,
            end,
            None,
            y,
            args=parameters,
            saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=jnp.clip(t, here, end)), diffrax.SubSaveAt(t1=True)]),
            stepsize_controller=controller(track, rtol),
            max_steps=10**6,
        )
        rows, y = found.ys[0], found.ys[1][0]
        states = jnp.where(((t > here) & (t <= end))[:, None], rows, states)
        happens = (time >= start) & (time < stop)
        after = changed(number, end, y, inputs(end, name, "left"), parameters, amount)
        y = jnp.where(happens, after, y)
        states = jnp.where((happens & (t == end))[:, None], y, states)
        return (end, y, states), None

    # One more piece leads to the end.
    events = (jnp.append(times, jnp.inf), jnp.append(numbers, 0), jnp.append(amounts, 0.0))
    states = jnp.where((t == start)[:, None], y, jnp.full((len(t), len(y)), jnp.nan))
    (_, _, states), _ = jax.lax.scan(piece, (start, y, states), events)
    return states
'''

SIMULATE_CONDITIONS = '''\
LOOKS = 400  # times at which conditions are looked at, at least
MOST = 100  # changes of conditions; with more of them the states are NaN from there on


def simulate(t, trajectory=None, parameters=PARAMETERS, rtol=1e-10):
    """States at the increasing times t [time, state] from the initial values at the start of the trajectory.

    At the time of an event they are those after it, at the last time those before it.
    """
    name = next(iter(TRAJECTORIES)) if trajectory is None else trajectory
    track = TRAJECTORIES[name]
    t, y = jnp.asarray(t, dtype=jnp.float64), jnp.array(track["initial"])
    start = jnp.asarray(track["start"], dtype=jnp.float64)
    stop = jnp.maximum(t[-1], start)
    times, numbers, amounts = schedule(name, parameters)
    times, numbers, amounts = jnp.append(times, jnp.inf), jnp.append(numbers, 0), jnp.append(amounts, 0.0)

    def rate(time, state, args):
        return jnp.stack([jnp.asarray(value) for value in field(time, state, inputs(time, name), args[0])])

    def values(time, y):
        return jnp.stack([jnp.asarray(value, dtype=jnp.float64) for value in conditions(time, y, parameters)])

    def apart(t, y, args):
        p, signs, margins = args
        return signs * jnp.stack([jnp.asarray(value) for value in conditions(t, y, p)]) - margins

    def settle(now, y, came):
        """States after the events whose conditions came true, and those that come true by them; which are true then."""

        def one(_, held):
            y, queue, place, end = held
            k = queue[place]
            before = values(now, y)
            after = changed(jnp.array(WAITING)[k], now, y, inputs(now, name, "left"), parameters, 0.0)
            rose = (before <= 0.0) & (values(now, after) > 0.0)
            for j in range(len(WAITING)):
                new = (place < end) & rose[j] & ~(queue == j).any()
                queue = jnp.where(new, queue.at[end].set(j), queue)
                end = end + new
            y = jnp.where(place < end, after, y)
            return y, queue, place + 1, end

        queue = jnp.argsort(~came, stable=True)
        queue = jnp.where(jnp.arange(len(WAITING)) < came.sum(), queue, -1)
        held = (y, queue, jnp.asarray(0), came.sum())
        y, queue, _, _ = jax.lax.fori_loop(0, len(WAITING), one, held)
        value, moved = values(now, y), values(now, y * (1.0 + 1e-6) + 1e-12)
        ahead = 1e-7 * (1.0 + jnp.abs(now))
        then = values(now + ahead, y + ahead * rate(now, y, (parameters, None)))
        # One that has just happened is 0 here but for rounding: it has to become false before it can come true again.
        touching = jnp.abs(value) <= 1e-9 * (1.0 + jnp.abs(moved - value) / 1e-6)
        done = (queue[:, None] == jnp.arange(len(WAITING))).any(axis=0)
        return y, jnp.where(done & touching, then >= value, value > 0.0)

    def piece(carry, _):
        here, y, states, true, n = carry
        end = jnp.clip(times[n], here, stop)
        # One number for all conditions, so that the first in time is found; it rises through 0 where one of them changes.
        signs = jnp.where(true, -1.0, 1.0)
        args = (parameters, signs, 2.0 * jnp.maximum(signs * values(here, y), 0.0))
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            @SOLVER@,
            here,
            end,
            None,
            y,
            args=args,
            saveat=diffrax.SaveAt(subs=[diffrax.SubSaveAt(ts=jnp.clip(t, here, end)), diffrax.SubSaveAt(t1=True)]),
            stepsize_controller=controller(track, rtol, (stop - start) / LOOKS),
            event=diffrax.Event(
                lambda t, y, args, **_: jnp.max(apart(t, y, args)), optimistix.Bisection(1e-14, 1e-14), direction=True
            ),
            max_steps=10**6,
        )
        rows, y = found.ys[0], found.ys[1][0]
        reached = jnp.where(found.event_mask, found.ts[1][0], end)
        left = apart(reached, y, args)
        crossed = found.event_mask & ((left > 0.0) | (left == jnp.max(left)))
        states = jnp.where(((t > here) & (t <= reached))[:, None], rows, states)
        now = jnp.where(crossed, ~true, values(reached, y) > 0.0)
        came = now & ~true
        # What is scheduled comes one after the other, and then what came true by all of it.
        due = (times[n] == reached) & (reached < stop) & ~found.event_mask
        before, forcing = values(reached, y), inputs(reached, name, "left")

        def scheduled(_, held):
            y, n = held
            here = due & (times[n] == reached)
            after = changed(numbers[n], reached, y, forcing, parameters, amounts[n])
            return jnp.where(here, after, y), jnp.minimum(n + here, len(times) - 1)

        y, n = jax.lax.fori_loop(0, SAME, scheduled, (y, n))
        then = values(reached, y) > 0.0
        came, now = came | (due & (before <= 0.0) & then), jnp.where(due, then, now)
        after, settled = settle(reached, y, came)
        y, true = jnp.where(came.any(), after, y), jnp.where(came.any(), settled, now)
        states = jnp.where(((came.any() | due) & (t == reached) & (t < stop))[:, None], y, states)
        return (reached, y, states, true, n), None

    states = jnp.where((t == start)[:, None], y, jnp.full((len(t), len(y)), jnp.nan))
    first = jnp.searchsorted(times, start, side="left")
    carry = (start, y, states, values(start, y) > 0.0, first)
    (_, _, states, _, _), _ = jax.lax.scan(piece, carry, None, length=len(times) + MOST)
    return states
'''
