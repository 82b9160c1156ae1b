"""Whether an explicit solver suits a model: its fastest decay against the steps it is given.

The fastest decay is the largest -Re of the eigenvalues of the Jacobian along trajectories; an explicit method simulates it
as a decay only in steps below ``stability_limit`` over that rate (Hairer and Wanner 1996, Solving Ordinary Differential
Equations II, section IV.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.data.control_path import ControlPath
from ndestudio.data.dataset import Dataset
from ndestudio.model.evaluate import field
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import Rows, whole_rows
from ndestudio.solve.jacobian import by_differences
from ndestudio.solve.scipy_reference import Budget, simulate, simulate_trajectory
from ndestudio.solve.tableau import Tableau
from ndestudio.solve.time_grid import grid_times

LOOKED_AT = 4
"""Trajectories along which the Jacobian is looked at."""
POINTS = 50
"""Points on each of them."""
TYPICAL = 0.9
"""A decay counts if it is slower at no more than this share of the points: short transients are no stiffness."""
BUDGET = 1.0
"""Seconds for simulating states that were not measured."""
EXPLICIT_LIMIT = 3e4
"""Fastest decay rate times duration above which an explicit program would need more than about this many steps / 3."""


@dataclass(frozen=True)
class Stiffness:
    """A model too stiff for its grid.

    Parameters
    ----------
    time
        Of the fastest decay (1/rate), in the unit of time.
    needed
        Steps for a stable simulation.
    steps
        Those it has.
    """

    time: float
    needed: int
    steps: int
    method: str

    def sentence(self, when: str) -> str:
        """What is the matter and what to do; ``when``: such as `"At the start values"`."""
        return (
            f"{when} the equations are stiff: the fastest decay takes about {self.time:.2g} (in the unit of time), for which "
            f"the explicit training solver (`{self.method}`) needs about {self.needed} steps instead of {self.steps}. "
            "Choose the solver `auto` or an implicit one, such as `sdirk4`."
        )

    def switched(self, when: str, method: str) -> str:
        """That an implicit solver takes over."""
        return (
            f"{when} the equations are stiff: the fastest decay takes about {self.time:.2g} (in the unit of time), for which "
            f"an explicit solver needs about {self.needed} steps. Training goes on with the implicit solver `{method}`, in "
            "64 bits, its steps placed by step-doubling."
        )


def stability_limit(method: Tableau) -> float:
    """Largest h*rate at which a decay is simulated as one: where |R(-z)| first exceeds 1.

    R(z) = 1 + z b (I - z A)^-1 1 (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, section IV.2).
    """
    size = method.stages
    a = np.zeros((size, size))
    for k, row in enumerate(method.a):
        a[k, : len(row)] = row
    z = np.linspace(0.01, 10.0, 1000)
    inverse = np.linalg.solve(np.eye(size) + z[:, None, None] * a, np.ones((len(z), size, 1)))[..., 0]
    beyond = np.flatnonzero(np.abs(1.0 - z * (inverse @ np.array(method.b))) > 1.0)
    return float(z[beyond[0]]) if beyond.size else float(z[-1])


def stiffness(model: FittedModel, dataset: Dataset, method: Tableau, steps: int) -> Stiffness | None:
    """How stiff ``model`` is along the data; None where ``steps`` steps of ``method`` will do, and for delays, which only
    explicit methods solve."""
    if method.implicit or model.system.delays:
        return None
    found, limit = [], stability_limit(method)
    for row in whole_rows(dataset, with_test=False)[:LOOKED_AT]:
        index = np.unique(np.linspace(0, len(row.index) - 1, POINTS).astype(int))
        t = row.t[index]
        rates = decay_rates(model, t, _states(model, dataset, row)[index], row.trajectory.control(t))
        knots = grid_times(row.t, steps)
        here = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, steps - 1)
        seen = np.isfinite(rates)
        found.append(np.stack([rates[seen], np.diff(knots)[here][seen]]))
    rates, h = np.concatenate(found, axis=1) if found else np.zeros((2, 0))
    if not rates.size:
        return None
    ratio = float(np.quantile(rates * h, TYPICAL)) / limit
    if ratio <= 1.0:
        return None
    return Stiffness(1.0 / float(np.quantile(rates, TYPICAL)), int(np.ceil(ratio * steps)), steps, method.name)


def decay_rates(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    y: Float[np.ndarray, "time state"],
    u: Float[np.ndarray, "time input"],
) -> Float[np.ndarray, " time"]:
    """Fastest decay of the linearised equations at each point, by central differences; NaN where there is no value."""
    scale = model.scale if model.scale is not None else np.maximum(np.nanmax(np.abs(y), axis=0), 1e-6)

    def slope(wide: Float[np.ndarray, "state copy time"]) -> Float[np.ndarray, "state copy time"]:
        return np.moveaxis(field(model, t, np.moveaxis(wide, 0, -1), u), -1, 0)

    with np.errstate(all="ignore"):
        _, by_state = by_differences(slope, y.T, np.asarray(scale)[:, None], relative=1e-6, central=True)
    jacobian = np.moveaxis(by_state, -1, 0)
    rates = np.full(len(t), np.nan)
    usable = np.isfinite(jacobian).all(axis=(1, 2))
    if usable.any():
        rates[usable] = np.max(-np.linalg.eigvals(jacobian[usable]).real, axis=1)
    return rates


def is_stiff(
    model: FittedModel,
    t: Float[np.ndarray, " time"],
    y0: Float[np.ndarray, " state"],
    control: ControlPath | None,
    longest: float,
) -> bool:
    """Whether the fastest decay is so short against ``longest`` that an explicit program would take very many steps.

    Parameters
    ----------
    t
        Times along the trajectory from ``y0`` at which the Jacobian is looked at (at its start only, where the model cannot
        be simulated).
    longest
        Longest time that is simulated.
    """
    if model.system.delays:
        return False
    y = simulate(model, t, y0, control).states
    seen = np.isfinite(y).all(axis=1)
    u = np.zeros((len(t), len(model.inputs))) if control is None else control(t)
    rates = decay_rates(model, t[seen], y[seen], u[seen]) if seen.any() else np.zeros(0)
    return float(np.nanmax(rates, initial=0.0)) * longest > EXPLICIT_LIMIT


def _states(model: FittedModel, dataset: Dataset, row: Rows) -> Float[np.ndarray, "time state"]:
    """Measured states as measured, the others as simulated by the accurate solver (NaN where it gets nowhere)."""
    states, names = model.system.states, dataset.measured_names
    direct = {k: names.index(s) for k, s in enumerate(states) if s in names and s not in model.system.outputs}
    trajectory = row.trajectory
    y = np.full((len(trajectory.t), len(states)), np.nan)
    for k, column in direct.items():
        y[:, k] = trajectory.measured[:, column]
    if len(direct) < len(states):
        simulated = simulate_trajectory(model, dataset, trajectory, budget=Budget(BUDGET)).states
        hidden = [k for k in range(len(states)) if k not in direct]
        y[: len(simulated), hidden] = simulated[:, hidden]
    return y[row.index]
