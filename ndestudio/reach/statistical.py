"""Statistical tubes: ellipsoids through the farthest of many starts, with a confidence that needs no assumption.

After Stochastic Lagrangian Reachability and GoTube (Gruenbacher et al. 2020, On the verification of neural ODEs with stochastic
guarantees; 2022, GoTube: scalable statistical verification of continuous-depth models), with another proof. There, spherical
caps around sampled starts cover the ball with a probability that rests on Lipschitz constants estimated from the same samples,
and whose samples grow exponentially with the number of states. Here, the tube's shape comes from one set of starts, and its
size is checked by another, independent one: of n starts drawn from the ball, all within the tube, the share outside is at most
1 - (1 - confidence)^(1/n) with that confidence (Wilks 1941, Ann. Math. Statist. 12, 91), for any equations and any number of states.
Beyond this, the farthest starts are moved uphill along the stretching of the flow, until none gets farther out.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SettingError
from ndestudio.reach.ellipsoid import Ellipsoids, around, linear_fit
from ndestudio.reach.flow import Flow
from ndestudio.reach.tube import ReachTube, ball_text, percent
from ndestudio.solve.jax_backend import one_thread

SHAPED = 80
"""Starts that shape the tube, and no fewer than ``PER_COORDINATE`` for each unit coordinate."""
SHAPED_ALONE = 40
"""The same, where each start is solved alone (events at times of its own)."""
PER_COORDINATE = 20
CLIMBERS, CLIMBS = 16, 6
"""Farthest starts that are moved uphill, and steps of that."""
GAIN = 1e-3
"""Part by which the farthest one must move outwards for another step."""
LEAST = 1.01
"""The tube is widened by this at least."""
SHOWN = 24
"""Trajectories that are kept for pictures."""


def needed(confidence: float, outside: float) -> int:
    """Starts to draw so that, when all lie inside, at most ``outside`` of the starts lie outside with ``confidence``."""
    return math.ceil(math.log1p(-confidence) / math.log1p(-outside))


def statistical_tube(
    flow: Flow,
    *,
    confidence: float,
    outside: float,
    mu: float,
    samples: int | None,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> ReachTube:
    """The tube of a flow.

    Parameters
    ----------
    confidence, outside, mu, samples, seed
        As in ``TubeConfig``.
    should_stop
        Asked between the stages; when true, the tube is made of what there is, and says so.
    """
    least = needed(confidence, outside)
    count = least if samples is None else samples
    if count < least:
        raise SettingError(
            f"{count} samples cannot show that at most {percent(outside)} of the starts lie outside with a confidence of "
            f"{percent(confidence)}; draw {least} or more, or ask for less"
        )
    # threads that wait for each other cost more than these small matrices
    with one_thread():
        rng = np.random.default_rng(seed)
        shaped = SHAPED_ALONE if flow.single else SHAPED
        shaping = flow.starts.surface(max(shaped, PER_COORDINATE * flow.starts.size), rng)
        flow.choose_steps(shaping)
        x = flow.states(shaping)
        _refuse_runaways(flow, x)
        shape = around(x, shaping, flow.error)
        drawn = flow.starts.inside(count, rng)
        far = flow.farthest(drawn, shape)
        shown = flow.states(drawn[:SHOWN])
        if not np.isfinite(far).all():
            _refuse_runaways(flow, flow.states(drawn))
        found = max(1.0, float(far.max()))
        climbed = found
        if not (should_stop() or flow.single):
            order = np.argsort(-far)[: CLIMBERS // 2]
            begin = np.concatenate(
                [drawn[order], shaping[np.argsort(-shape.distances(x).max(axis=1))[: CLIMBERS // 2]]]
            )
            climbed = max(found, _climb(flow, shape, begin, x, shaping))
    widened = min(mu, max(LEAST, 1.0 + 2.0 * (climbed / found - 1.0)))
    return _tube(flow, shape.scaled(climbed * widened), shown, confidence, count, widened)


def _climb(
    flow: Flow,
    shape: Ellipsoids,
    unit: Float[np.ndarray, "start unit"],
    x: Float[np.ndarray, "sample time state"],
    shaping: Float[np.ndarray, "sample unit"],
) -> float:
    """The largest distance that starts reach when they are moved along the gradient that the stretching of the flow gives.

    At the time where a start is farthest out, its squared distance has the gradient 2 J^T P^-1 (x - c), with J how starts
    stretch there, fitted to the starts that shaped the tube. On the surface of the ball the direction of the gradient is a step
    of the power method.
    """
    slopes = linear_fit(x, shaping)[1:]
    moving = len(flow.starts.moving)
    best, step = 0.0, 1.0
    reached = np.zeros(len(unit))
    for _ in range(CLIMBS):
        y = flow.states(unit)
        distances = shape.distances(y)
        when, now = distances.argmax(axis=1), distances.max(axis=1)
        if not np.isfinite(now).all():
            break
        gained = float(now.max()) > (1.0 + GAIN) * best
        best = max(best, float(now.max()))
        if not gained:
            break
        step = step if (now > reached).any() else 0.5 * step
        reached = np.maximum(reached, now)
        solved = np.linalg.solve(shape.shape[when], (y[np.arange(len(y)), when] - shape.centre[when])[..., None])
        uphill = np.einsum("usi,si->su", slopes[:, when], solved[..., 0])
        ball, box = uphill[:, :moving], uphill[:, moving:]
        ball = ball / np.maximum(np.linalg.norm(ball, axis=1, keepdims=True), 1e-300)
        unit = flow.starts.nearest((1.0 - step) * unit + step * np.concatenate([ball, np.sign(box)], axis=1))
        lengths = np.linalg.norm(unit[:, :moving], axis=1, keepdims=True)
        unit[:, :moving] /= np.where(lengths > 0, lengths, 1.0)
    return best


def _tube(
    flow: Flow,
    ellipsoids: Ellipsoids,
    shown: Float[np.ndarray, "start time state"],
    confidence: float,
    count: int,
    widened: float,
) -> ReachTube:
    outside = -math.expm1(math.log1p(-confidence) / count)
    half = ellipsoids.half_widths
    system, starts = flow.model.system, flow.starts
    radius = dict(zip(system.states, starts.radius.tolist(), strict=True))
    limits = {
        name: (float(a), float(b)) for name, a, b in zip(starts.parameters, starts.lower, starts.upper, strict=True)
    }
    sentence = (
        f"A statistical tube: with a confidence of {percent(confidence)}, at least {percent(1.0 - outside)} of the starts "
        f"{ball_text(radius, starts.parameters)}, drawn evenly, stay inside at all {len(flow.t)} times ({count:,} starts were drawn and "
        f"all did). It reaches {widened:.3g} times as far as the farthest start that a search uphill found. It says nothing certain about single starts."
    )
    return ReachTube(
        kind="statistical",
        sentence=sentence,
        states=system.states,
        t=flow.t,
        centre=ellipsoids.centre,
        lower=ellipsoids.centre - half,
        upper=ellipsoids.centre + half,
        factor=ellipsoids.factor,
        paths=shown,
        confidence=confidence,
        outside=outside,
        samples=count,
        widened=widened,
        radius=radius,
        parameters=limits,
    )


def _refuse_runaways(flow: Flow, x: Float[np.ndarray, "start time state"]) -> None:
    lost = ~np.isfinite(x).all(axis=2)
    if lost.any():
        first = float(flow.t[int(np.argmax(np.any(lost, axis=0)))])
        raise SettingError(
            f"{int(np.any(lost, axis=1).sum())} of {len(x)} starts have no finite solution, the first from t = {first:g} on, so that no tube "
            "of finite size holds them; make the radius smaller or end before"
        )
