"""`reach_tube`: where the states can be, if the start is anywhere in a ball."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import EquationError, SettingError
from ndestudio.expression.parse import did_you_mean
from ndestudio.model.fitted import FittedModel
from ndestudio.model.schedule import schedule
from ndestudio.model.stated import STATED
from ndestudio.problem.conditions import initial_state
from ndestudio.reach.config import Method, TubeConfig
from ndestudio.reach.flow import Flow, no_inputs, refuse
from ndestudio.reach.interval import interval_tube
from ndestudio.reach.starts import StartSet
from ndestudio.reach.statistical import SHOWN, statistical_tube
from ndestudio.reach.tube import ReachTube, fingerprint
from ndestudio.reach.unsafe import check, verdicts

LOOKED_AT = 200
"""Drawn starts among which the search for one that gets into an unsafe set begins."""


def reach_tube(
    model: FittedModel,
    t: Float[np.ndarray, " time"] | Sequence[float],
    start: Mapping[str, float] | Sequence[float] | Float[np.ndarray, " state"],
    radius: float | Mapping[str, float] = 0.01,
    *,
    parameters: Mapping[str, tuple[float, float]] | None = None,
    inputs: Trajectory | ControlPath | None = None,
    unsafe: Sequence[str] = (),
    method: Method = "statistical",
    confidence: float = 0.99,
    outside: float = 0.01,
    mu: float = 1.1,
    samples: int | None = None,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> ReachTube:
    """Where the states can be at the times ``t`` if the start is anywhere in a ball and parameters anywhere in their limits.

    Parameters
    ----------
    t
        Times of the tube, increasing, in the unit of the model; the first one is that of the start.
    start
        Middle of the ball of starts, by name or in the order of the states.
    radius
        Of the ball, in the units of the states; by name an ellipsoid, and states that are not named have one known start.
    parameters
        Parameter -> lower and upper limit; constant in time, anywhere between.
    inputs
        Where inputs (and doses) come from.
    unsafe
        Conditions that should never hold, such as `"x > 3 and y < 1"`; see ``ReachTube.verdicts``.
    method
        `"statistical"`: any model, with a confidence. `"interval"`: models of formulas, an enclosure of all starts.
    confidence, outside
        At most the share ``outside`` of the starts, drawn evenly, leaves a statistical tube, with this confidence.
    mu
        A statistical tube reaches at most so many times as far as the farthest start that was found.
    samples
        Starts that check a statistical tube; None: as many as the confidence asks for.
    seed
        Of the starts that are drawn.

    Raises
    ------
    EquationError
        The model has noise or delays, or lacks an input; or, for `"interval"`, what has no enclosure here.
    SettingError
        Numbers that make no sense, or starts whose solutions end before.

    Notes
    -----
    Gruenbacher et al. 2020, On the verification of neural ODEs with stochastic guarantees; 2022, GoTube; for the confidence Wilks
    1941, Ann. Math. Statist. 12, 91. See ``statistical`` and ``interval``.
    """
    refuse(model)
    t = _times(t)
    _check(confidence, outside, mu)
    starts = start_set(model, start, radius, parameters or {})
    path = inputs.control if isinstance(inputs, Trajectory) else inputs
    if model.system.inputs and path is None:
        raise EquationError(f"the equations use the input `{model.system.inputs[0]}`; give a trajectory that has it")
    control = path if path is not None else no_inputs(t, len(model.inputs))
    happen = schedule(model.system, model.parameters, inputs if isinstance(inputs, Trajectory) else None)
    flow = Flow(fixed(model, parameters or {}), starts, t, control, happen)
    sets = check(flow, unsafe)
    if method == "interval":
        tube = interval_tube(flow, should_stop=should_stop)
        tube = replace(tube, paths=_paths(flow, seed))
    elif method == "statistical":
        tube = statistical_tube(
            flow, confidence=confidence, outside=outside, mu=mu, samples=samples, seed=seed, should_stop=should_stop
        )
    else:
        raise SettingError(f"there is no tube `{method}`; choose `statistical` or `interval`")
    tube = replace(tube, made_of=fingerprint(model))
    if not sets:
        return tube
    drawn = starts.inside(LOOKED_AT, np.random.default_rng(seed + 1))
    return replace(tube, verdicts=verdicts(flow, tube, sets, seed, drawn))


def _paths(flow: Flow, seed: int) -> Float[np.ndarray, "path time state"]:
    unit = flow.starts.surface(SHOWN, np.random.default_rng(seed))
    flow.choose_steps(unit)
    return flow.states(unit)


def tube_of(
    model: FittedModel,
    dataset: Dataset | None,
    config: TubeConfig,
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ReachTube:
    """The tube that a spec asks for.

    Parameters
    ----------
    dataset
        None: a model whose tables give all numbers, without inputs.
    limits
        Confidence limits of parameters, for ``TubeConfig.intervals``.

    Raises
    ------
    SettingError
        Names that the model or the data do not have, and what ``reach_tube`` refuses.
    """
    trajectory, states = None, model.system.states
    if dataset is not None:
        trajectory = dataset.trajectory(config.trajectory) if config.trajectory else dataset.trajectories[0]
        begin = np.asarray(initial_state(model, trajectory), dtype=float)
    else:
        begin = np.asarray(model.initial[STATED], dtype=float)
    _known(config.start, states, "state")
    middle = {name: config.start.get(name, float(begin[k])) for k, name in enumerate(states)}
    first, last = (float(trajectory.t[0]), float(trajectory.t[-1])) if trajectory is not None else (0.0, 0.0)
    span = last - first if config.duration is None else config.duration
    if not span > 0:
        raise SettingError("a tube needs time to pass; set `duration` in [tube] to how long it should be")
    if config.points < 2:
        raise SettingError("a tube has 2 times or more; set `points` in [tube]")
    times = first + np.linspace(0.0, span, config.points)
    known = {name: one for name, one in (limits or {}).items() if name in model.system.parameters}
    given = {**(known if config.intervals else {}), **config.parameters}
    return reach_tube(
        model,
        times,
        middle,
        config.radius,
        parameters=given,
        inputs=trajectory,
        unsafe=config.unsafe,
        method=config.method,
        confidence=config.confidence,
        outside=config.outside,
        mu=config.mu,
        samples=config.samples,
        seed=config.seed,
        should_stop=should_stop,
    )


def start_set(
    model: FittedModel,
    start: Mapping[str, float] | Sequence[float] | Float[np.ndarray, " state"],
    radius: float | Mapping[str, float],
    parameters: Mapping[str, tuple[float, float]],
) -> StartSet:
    """The set of starts, checked.

    Raises
    ------
    SettingError
        A name that is not known, a state without a start, a radius below 0, limits the wrong way round, or nothing uncertain.
    """
    states = model.system.states
    if isinstance(start, Mapping):
        _known(start, states, "state")
        missing = [name for name in states if name not in start]
        if missing:
            raise SettingError(f"the state `{missing[0]}` has no start; give one")
        start = [float(start[name]) for name in states]
    centre = np.asarray(start, dtype=float)
    if centre.shape != (len(states),) or not np.isfinite(centre).all():
        raise SettingError(f"the start is {len(states)} finite numbers, one for each of {', '.join(states)}")
    if isinstance(radius, Mapping):
        _known(radius, states, "state")
        radii = np.array([float(radius.get(name, 0.0)) for name in states])
    else:
        radii = np.full(len(states), float(radius))
    if not (np.isfinite(radii).all() and (radii >= 0).all()):
        raise SettingError("a radius is a number, 0 or above")
    _known(parameters, model.system.parameters, "parameter")
    for name, (low, high) in parameters.items():
        if not (np.isfinite([low, high]).all() and low <= high):
            raise SettingError(
                f"the limits of `{name}` are {low:g} and {high:g}; give two finite numbers, the lower one first"
            )
    moving = {name: one for name, one in parameters.items() if one[1] > one[0]}
    if not moving and not (radii > 0).any():
        raise SettingError("nothing is uncertain: set a radius above 0, or limits of a parameter")
    lower, upper = (np.array([one[k] for one in moving.values()], dtype=float) for k in (0, 1))
    return StartSet(centre, radii, tuple(moving), lower, upper)


def fixed(model: FittedModel, parameters: Mapping[str, tuple[float, float]]) -> FittedModel:
    """The model with parameters whose limits are equal set to them."""
    known = {name: float(low) for name, (low, high) in parameters.items() if low == high}
    return replace(model, parameters={**model.parameters, **known}) if known else model


def _times(t: Float[np.ndarray, " time"] | Sequence[float]) -> Float[np.ndarray, " time"]:
    t = np.asarray(t, dtype=float)
    if t.ndim != 1 or len(t) < 2 or not (np.isfinite(t).all() and (np.diff(t) > 0).all()):
        raise SettingError("a tube needs two or more times that increase")
    return t


def _check(confidence: float, outside: float, mu: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise SettingError(f"the confidence is {confidence:g}; it is a share between 0 and 1, such as 0.99")
    if not 0.0 < outside < 1.0:
        raise SettingError(f"`outside` is {outside:g}; it is a share of the starts between 0 and 1, such as 0.01")
    if not mu > 1.0:
        raise SettingError(
            f"`mu` is {mu:g}; a tube reaches farther than what was found, so that it is above 1, such as 1.1"
        )


def _known(given: Mapping[str, object], names: Sequence[str], what: str) -> None:
    for name in given:
        if name not in names:
            raise SettingError(f"there is no {what} `{name}`{did_you_mean(name, names)}")
