"""The reference solver, in SciPy: what the window, the metrics and the exports simulate with. No JAX, no derivatives.

LSODA (Petzold 1983, SIAM J. Sci. Stat. Comput. 4, 136; Hindmarsh's ODEPACK) switches between stiff and non-stiff methods by
itself; where it gives up on a finite solution, Radau IIA (Hairer and Wanner 1996, Solving Ordinary Differential Equations
II, section IV.8) takes over. A solve has a budget, so that it can never hang.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.model.basis import piece
from ndestudio.model.diffusion import refuse_noise
from ndestudio.model.evaluate import observe, point_field
from ndestudio.model.fitted import FittedModel, Simulation
from ndestudio.model.jumps import Jumps
from ndestudio.model.schedule import Schedule, schedule
from ndestudio.problem.conditions import Condition, initial_state, unsettled
from ndestudio.problem.problem import Problem
from ndestudio.solve.base import Solution, SolverSettings, ordinary
from ndestudio.solve.delays_reference import solve_with_delays
from ndestudio.solve.happenings import solve_with_conditions
from ndestudio.solve.tableau import SDIRK4, Tableau
from ndestudio.solve.time_grid import OFF

PointField = Callable[[float, Sequence[float]], list[float]]
RTOL, ATOL = 1e-8, 1e-10
NONE: Float[np.ndarray, " break"] = np.zeros(0)


@dataclass(frozen=True)
class Budget:
    """What one simulation may cost: seconds of wall time and evaluations of the field."""

    seconds: float = 10.0
    evaluations: int = 500_000


def simulate(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    inputs: Trajectory | ControlPath | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    *,
    budget: Budget = Budget(),
    events: Schedule | None = None,
) -> Simulation:
    """Solve the model from ``y0`` at ``t[0]``.

    Parameters
    ----------
    t
        Times of the result, not decreasing.
    inputs
        Where the inputs come from (needed only if the equations use any).
    rtol, atol
        Tolerances; the absolute one in units of ``model.scale``.
    budget
        What may be spent.
    events
        What happens meanwhile; None: what the model says, with the doses of a trajectory that is given.

    Returns
    -------
    Simulation
        NaN from where it failed on, with a sentence; nothing is raised for numerical reasons.

    Raises
    ------
    EquationError
        The equations use an input and ``inputs`` is None.
    """
    refuse_noise(model.system, "`simulate`")
    t, y0 = np.asarray(t, dtype=float), np.asarray(y0, dtype=float)
    control = inputs.control if isinstance(inputs, Trajectory) else inputs
    scale = np.ones(len(y0)) if model.scale is None else np.asarray(model.scale, dtype=float)
    if model.system.step:
        states, sentence = step_by_step(point_field(model, control), model.system.step, t, y0, budget.seconds)
        u = control(t) if control is not None else None
        return Simulation(t=t, states=states, measured=observe(model, t, states, u), sentence=sentence)
    if model.system.delays:
        states, sentence = solve_with_delays(
            model,
            t,
            y0,
            control,
            rtol=rtol,
            atol=atol * scale,
            longest_step=longest_step(model, control),
            seconds=budget.seconds,
            evaluations=budget.evaluations,
        )
        u = control(t) if control is not None else None
        return Simulation(t=t, states=states, measured=observe(model, t, states, u), sentence=sentence)
    if events is None:
        events = schedule(model.system, model.parameters, inputs if isinstance(inputs, Trajectory) else None)
    jumps = Jumps(model, control, events)
    if jumps.waiting and len(t) > 1 and t[-1] > t[0] and np.isfinite(y0).all():
        states, events, sentence = solve_with_conditions(
            jumps,
            point_field(model, control),
            t,
            y0,
            rtol=rtol,
            atol=atol * scale,
            breaks=control.jumps if control is not None and model.system.inputs else NONE,
            longest_step=longest_step(model, control),
            seconds=budget.seconds,
            evaluations=budget.evaluations,
        )
        u = control(t) if control is not None else None
        return Simulation(t=t, states=states, measured=observe(model, t, states, u), sentence=sentence, events=events)
    states, sentence = _with_events(
        jumps,
        t,
        y0,
        lambda times, begin, left: integrate(
            point_field(model, control),
            times,
            begin,
            rtol=rtol,
            atol=atol * scale,
            longest_step=longest_step(model, control),
            breaks=control.jumps if control is not None and model.system.inputs else NONE,
            ramps=control.ramps if control is not None and model.system.inputs else (),
            names=model.system.states,
            budget=left,
        ),
        budget,
    )
    u = control(t) if control is not None else None
    return Simulation(t=t, states=states, measured=observe(model, t, states, u), sentence=sentence, events=events)


def _with_events(
    jumps: Jumps,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    solve: Callable[[Any, Any, Budget], tuple[Float[np.ndarray, "time state"], str]],
    budget: Budget,
) -> tuple[Float[np.ndarray, "time state"], str]:
    """Solve from event to event; at the time of an event the states are those after it, at the last time those before."""
    if not len(t):
        return solve(t, y0, budget)
    begin, end = float(t[0]), float(t[-1])
    happen = jumps.events.within(begin, end)
    if not len(happen.t):
        return solve(t, y0, budget)
    states, deadline = np.full((len(t), len(y0)), np.nan), time.monotonic() + budget.seconds
    y, here = np.asarray(y0, dtype=float), begin
    for until in [*np.unique(happen.t), end]:
        last = until == end
        asked = (t >= here) & ((t <= until) if last else (t < until))
        times = np.concatenate([[here], t[asked], [until]])
        left = Budget(max(deadline - time.monotonic(), 0.01), budget.evaluations)
        rows, sentence = solve(times, y, left)
        states[asked] = rows[1:-1]
        if sentence or not np.isfinite(rows[-1]).all():
            return states, sentence
        y, here = jumps.after(until, rows[-1]) if not last else rows[-1], until
    return states, ""


def longest_step(model: FittedModel, control: ControlPath | None) -> float:
    """Steps longer than the widest gap of the inputs could leap over a pulse, or over a piece of weights; 0: no limit."""
    widths = [piece(one.config, one.input_scale.tolist(), one.arguments) for one in model.networks.values()]
    shortest = min(widths, default=float("inf"))
    if control is not None and model.system.inputs:
        shortest = min(shortest, control.widest_gap([model.inputs.index(name) for name in model.system.inputs]))
    return shortest if np.isfinite(shortest) else 0.0


def simulate_trajectory(
    model: FittedModel,
    dataset: Dataset,
    trajectory: Trajectory | str,
    *,
    t: Float[np.ndarray, " time"] | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
    budget: Budget = Budget(),
) -> Simulation:
    """Simulate one trajectory of ``dataset`` from the model's initial values (or from the first measurements).

    Parameters
    ----------
    t
        Times of the result, which may begin after the trajectory does; None: those of the trajectory.
    rtol, atol, budget
        As for ``simulate``.
    """
    if isinstance(trajectory, str):
        trajectory = dataset.trajectory(trajectory)
    y0 = initial_state(model, trajectory)
    if sentence := unsettled(model, trajectory, y0):
        times = trajectory.t if t is None else np.asarray(t, dtype=float)
        states = np.full((len(times), len(y0)), np.nan)
        return Simulation(
            t=times, states=states, measured=np.full((len(times), len(model.measured)), np.nan), sentence=sentence
        )
    if t is None:
        return simulate(model, trajectory.t, y0, trajectory, rtol, atol, budget=budget)
    t = np.asarray(t, dtype=float)
    late = len(t) > 0 and t[0] > trajectory.t[0]
    times = np.concatenate([trajectory.t[:1], t]) if late else t
    result = simulate(model, times, y0, trajectory, rtol, atol, budget=budget)
    if not late:
        return result
    return Simulation(t=t, states=result.states[1:], measured=result.measured[1:], sentence=result.sentence)


def simulate_all(
    model: FittedModel, dataset: Dataset, *, rtol: float = RTOL, atol: float = ATOL, seconds: float = 30.0
) -> Mapping[str, Simulation]:
    """All trajectories of ``dataset``; those left when ``seconds`` are over are NaN and say so."""
    end = time.monotonic() + seconds
    found = {}
    for trajectory in dataset.trajectories:
        left = Budget(seconds=max(0.01, min(Budget().seconds, end - time.monotonic())))
        found[trajectory.name] = simulate_trajectory(model, dataset, trajectory, rtol=rtol, atol=atol, budget=left)
    return found


@dataclass(frozen=True)
class Reference:
    """LSODA and Radau as a ``Solver``: accurate for stiff and other equations, black boxes too; no derivatives."""

    title: str = "LSODA and Radau (reference)"
    implicit: ClassVar[bool] = True
    adaptive: ClassVar[bool] = False
    trains: ClassVar[bool] = False
    grid: ClassVar[Tableau] = SDIRK4

    def refuses(self, problem: Problem) -> str | None:
        return ordinary(problem, "`reference`", traced=False, delays=True)

    def traced(self, settings: SolverSettings, trained: int) -> None:
        return None

    def solve(
        self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]
    ) -> list[Solution]:
        model = problem.space.fitted(theta, {})
        found = [simulate(model, one.t, one.initial, one.control, events=one.events) for one in conditions]
        return [Solution(one.t, one.states, one.sentence) for one in found]

    def linearise(self, problem: Problem, theta: Float[np.ndarray, " theta"], conditions: Sequence[Condition]) -> None:
        return None


REFERENCE = Reference()


def step_by_step(
    function: PointField, each: float, t: Float[np.ndarray, " time"], y0: Float[np.ndarray, " state"], seconds: float
) -> tuple[Float[np.ndarray, "time state"], str]:
    """A system in steps of length ``each`` from ``t[0]`` on; between two steps a state is where the last one left it."""
    states, deadline = np.full((len(t), len(y0)), np.nan), time.monotonic() + seconds
    if not len(t) or not np.isfinite(y0).all():
        return states, "" if not len(t) else "a start is not a finite number"
    numbers = np.floor((t - t[0]) / each + OFF).astype(int)
    y, done = np.asarray(y0, dtype=float), 0
    for number in range(int(numbers[-1]) + 1):
        here = numbers == number
        states[here] = y
        done += int(here.sum())
        if done == len(t):
            break
        if number & 255 == 255 and time.monotonic() > deadline:
            return (
                states,
                f"the simulation stops at t = {t[0] + number * each:.6g}: {seconds:.3g} s of computing are over",
            )
        with np.errstate(all="ignore"):
            y = y + each * np.array(function(float(t[0]) + number * each, y.tolist()))
        if not np.isfinite(y).all():
            return (
                states,
                f"the simulation stops at t = {t[0] + number * each:.6g}: the equations have no finite value there",
            )
    return states, ""


class _Spent(Exception):
    """The budget is used up; ``sentence`` says which part of it."""


class _Meter:
    """Counts evaluations of a field and remembers how far in time they went."""

    def __init__(self, function: PointField, start: float, budget: Budget) -> None:
        self._function = function
        self._budget = budget
        self._deadline = time.monotonic() + budget.seconds
        self.evaluations = 0
        self.reached = start
        self.last: list[float] = []

    def __call__(self, t: float, y: Float[np.ndarray, " state"]) -> list[float]:
        self.evaluations += 1
        if t > self.reached:
            self.reached = t
        if self.evaluations & 255 == 0 or self.evaluations > self._budget.evaluations:
            self.check()
        self.last = point = y.tolist()
        return self._function(t, point)

    def check(self) -> None:
        if self.evaluations > self._budget.evaluations:
            raise _Spent(f"more than {self._budget.evaluations} evaluations of the equations were needed")
        if time.monotonic() > self._deadline:
            raise _Spent(f"more than {self._budget.seconds:.3g} s of computing were needed")

    def remaining(self) -> Budget:
        return Budget(max(0.0, self._deadline - time.monotonic()), max(0, self._budget.evaluations - self.evaluations))


def integrate(
    function: PointField,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    *,
    rtol: float,
    atol: Float[np.ndarray, " state"],
    longest_step: float = 0.0,
    breaks: Float[np.ndarray, " break"] = NONE,
    ramps: Sequence[tuple[float, float]] = (),
    names: Sequence[str] = (),
    budget: Budget = Budget(),
) -> tuple[Float[np.ndarray, "time state"], str]:
    """Solve dy/dt = function(t, y) from ``y0`` at ``t[0]``.

    Parameters
    ----------
    t
        Times of the result, not decreasing.
    longest_step
        No step is longer than this (0: no limit).
    breaks
        Times where ``function`` jumps; steps end there.
    ramps
        Begin and end of very short times in which ``function`` is very large, in order (see ``ControlPath.ramps``).
    names
        Of the states, for the sentence.

    Returns
    -------
    states : Float[np.ndarray, "time state"]
        NaN from where it failed on.
    sentence : str
        About that, "" if it did not fail.
    """
    states = np.full((len(t), len(y0)), np.nan)
    if len(t) == 0 or not np.isfinite(y0).all():
        return states, "" if len(t) == 0 else f"the start of {_names(names, ~np.isfinite(y0))} is not a finite number"
    states[0] = y0
    moving = t > t[0]
    states[~moving] = y0
    if not moving.any():
        return states, ""
    stops = _stops(float(t[0]), float(t[-1]), breaks, ramps)
    if stops:
        settings = {"rtol": rtol, "atol": atol, "longest_step": longest_step, "names": names}
        return _in_stretches(function, t, y0, stops, settings, budget)
    times = np.concatenate([t[:1], t[moving]])
    meter = _Meter(function, float(t[0]), budget)
    with np.errstate(all="ignore"):
        rows, reason = _solve(meter, times, y0, rtol, atol, longest_step)
    states[moving] = rows[1:]
    return states, _sentence(t, states, names, _runaway(meter, y0, names) or reason)


def _stops(
    begin: float, end: float, breaks: Float[np.ndarray, " break"], ramps: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Begin and end of each ramp and, twice the same, each break between them."""
    inside = [(a, b) for a, b in ramps if a >= begin and b <= end]
    alone = breaks[(breaks > begin) & (breaks < end)]
    if inside:
        starts, ends = np.array(inside).T
        k = np.searchsorted(starts, alone, side="right") - 1
        alone = alone[(k < 0) | (alone > ends[k])]
    return sorted([*inside, *((one, one) for one in alone.tolist())])


def _in_stretches(
    function: PointField,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    stops: Sequence[tuple[float, float]],
    settings: dict[str, Any],
    budget: Budget,
) -> tuple[Float[np.ndarray, "time state"], str]:
    """As ``integrate``, anew from each stop: a method with memory that is only told to end its steps at critical times leads across
    what lies between two of them. Each ramp is gone over by itself, in its own time from 0 to 1."""
    states, deadline = np.full((len(t), len(y0)), np.nan), time.monotonic() + budget.seconds
    y, here = np.asarray(y0, dtype=float), float(t[0])
    for begin, end in [*stops, (float(t[-1]), float(t[-1]))]:
        asked = (t >= here) & ((t <= end) if begin == t[-1] else (t < end))
        times = np.concatenate([[here], np.minimum(t[asked], begin), [begin]])
        before = np.nextafter(begin, here) if begin > here else begin
        left = Budget(max(deadline - time.monotonic(), 0.01), budget.evaluations)
        # at its end a stretch must not see what begins there
        rows, sentence = integrate(
            lambda s, x, stop=before: function(min(s, stop), x), times, y, budget=left, **settings
        )
        states[asked] = rows[1:-1]
        if sentence:
            return states, sentence
        y, here = rows[-1], end
        if end > begin:
            y, sentence = _over_ramp(function, begin, end, y, settings)
            if sentence:
                return states, sentence
    return states, ""


def _over_ramp(
    function: PointField, begin: float, end: float, y: Float[np.ndarray, " state"], settings: dict[str, Any]
) -> tuple[Float[np.ndarray, " state"], str]:
    from scipy.integrate import solve_ivp

    length, stop = end - begin, np.nextafter(end, begin)

    def along(s: float, x: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        return length * np.array(function(min(begin + s * length, stop), x.tolist()))

    with np.errstate(all="ignore"):
        moved = solve_ivp(along, (0.0, 1.0), y, rtol=max(settings["rtol"], 1e-12), atol=settings["atol"])
    if moved.success and np.isfinite(moved.y[:, -1]).all():
        return moved.y[:, -1], ""
    return (
        y,
        f"the simulation stops at the jump of an input at t = {end:.6g}: the equations have no finite value along it",
    )


def _solve(
    meter: _Meter,
    times: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    rtol: float,
    atol: Float[np.ndarray, " state"],
    longest_step: float,
) -> tuple[Float[np.ndarray, "time state"], str]:
    rows = np.full((len(times), len(y0)), np.nan)
    rows[0] = y0
    reason = ""
    try:
        whole = _lsoda(meter, times, y0, rtol, atol, longest_step)
        if whole is not None:
            return _until_bad(whole), ""
    except _Spent as spent:
        reason = str(spent)
    # odeint leaves memory of any content after a failure, so the part that went well is computed once more
    count = int(np.searchsorted(times, meter.reached, side="right"))
    again = _Meter(meter._function, float(times[0]), Budget(max(2.0, meter._budget.seconds), meter.evaluations + 1000))
    while count > 1:
        try:
            part = _lsoda(again, times[:count], y0, rtol, atol, longest_step)
        except _Spent:
            break
        if part is not None:
            rows[:count] = _until_bad(part)
            break
        count -= 1 if count < 8 else max(1, count // 16)
    if reason:
        return rows, reason
    return _continue_with_radau(meter, times, rows, rtol, atol)


def _runaway(meter: _Meter, y0: Float[np.ndarray, " state"], names: Sequence[str]) -> str:
    """Which state was growing beyond all bounds where the solver gave up, "" if none was."""
    size = 1e6 * (1.0 + float(np.max(np.abs(y0))))
    grown = [name for name, value in zip(names, meter.last, strict=False) if size < abs(value)]
    return f"`{grown[0]}` grows beyond all bounds near t = {meter.reached:.6g}" if grown else ""


def _until_bad(rows: Float[np.ndarray, "time state"]) -> Float[np.ndarray, "time state"]:
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        rows = rows.copy()
        rows[int(np.argmax(bad)) :] = np.nan
    return rows


def _lsoda(
    meter: _Meter,
    times: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    rtol: float,
    atol: Float[np.ndarray, " state"],
    longest_step: float,
) -> Float[np.ndarray, "time state"] | None:
    """All rows, or None if LSODA gave up."""
    from scipy.integrate import ODEintWarning, odeint

    # the message is read from the output; a warning would reach the user's terminal from a worker thread
    warnings.filterwarnings("ignore", category=ODEintWarning)
    try:
        rows, details = odeint(
            meter,
            y0,
            times,
            tfirst=True,
            rtol=rtol,
            atol=atol,
            hmax=longest_step,
            mxstep=20_000,
            full_output=True,
        )
    except ODEintWarning:
        return None
    return rows if details["message"] == "Integration successful." else None


def _continue_with_radau(
    meter: _Meter,
    times: Float[np.ndarray, " time"],
    rows: Float[np.ndarray, "time state"],
    rtol: float,
    atol: Float[np.ndarray, " state"],
) -> tuple[Float[np.ndarray, "time state"], str]:
    from scipy.integrate import Radau

    last = int(np.sum(np.isfinite(rows).all(axis=1))) - 1
    left = meter.remaining()
    patient = _Meter(meter._function, float(times[last]), Budget(left.seconds, min(left.evaluations, 20_000)))

    def function(t: float, y: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
        return np.array(patient(t, y))

    reason = "the step size became too small"
    if _runaway(meter, rows[0], ["y"] * rows.shape[1]):
        return rows, reason
    try:
        tolerances: dict[str, Any] = {"rtol": max(rtol, 1e-10), "atol": atol}
        solver = Radau(function, float(times[last]), rows[last], float(times[-1]), **tolerances)
        while solver.status == "running":
            solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                return rows, reason
            inside = (times > solver.t_old) & (times <= solver.t)
            if inside.any():
                rows[inside] = solver.dense_output()(times[inside]).T
    except _Spent:
        return rows, f"{reason}, and an implicit method made no headway within its budget"
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return rows, reason
    return _until_bad(rows), ""


def _sentence(
    t: Float[np.ndarray, " time"], states: Float[np.ndarray, "time state"], names: Sequence[str], reason: str
) -> str:
    bad = ~np.isfinite(states).all(axis=1)
    if not bad.any():
        return ""
    k = int(np.argmax(bad))
    before = states[max(k - 1, 0)]
    if not reason:
        reason = "the equations have no finite value there"
    values = ", ".join(f"{name} = {value:.3g}" for name, value in list(zip(names, before, strict=False))[:6])
    return f"the simulation stops between t = {t[max(k - 1, 0)]:.6g} and {t[k]:.6g} ({values} before): {reason}"


def _names(names: Sequence[str], which: np.ndarray) -> str:
    return ", ".join(f"`{name}`" for name, bad in zip(names, which, strict=False) if bad) or "a state"
