"""Fits of PEtab problems from many starts.

Noise that is normal makes least squares, also where its size is estimated: with r the residual over the noise s,
-log density = r^2/2 + log s + const = (r^2 + (sqrt(2 log s + C))^2)/2 + const, so that s adds a residual of its own
(Raue et al. 2013, Lessons learned from quantitative dynamical modeling in systems biology, PLoS ONE 8, e74335, text S1).
Other noise and priors are minimised by L-BFGS-B. Parameters are fitted on their scales, within their bounds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.exchange.petab.derivatives import Linearised, programs
from ndestudio.exchange.petab.objective import Objective
from ndestudio.exchange.petab.problem import PetabProblem, Scale
from ndestudio.progress import Progress, Reporter, SilentReporter
from ndestudio.solve.forward_sensitivity import COARSE

OFFSET = 50.0
"""C above: it keeps the root real for noise above exp(-25)."""
WORST = 1e150
"""Cost of what cannot be simulated."""
STEPS = 200
CLOSE = 1e-6


@dataclass(frozen=True, eq=False)
class Start:
    """One fit.

    Parameters
    ----------
    theta
        Where it ended, linear scale; labels are those of the objective.
    objective
        Negative log likelihood, or negative log posterior (not normalised) where there are priors.
    sentence
        How it ended.
    """

    theta: Float[np.ndarray, " estimated"]
    objective: float
    evaluations: int
    seconds: float
    sentence: str


@dataclass(frozen=True, eq=False)
class PetabFit:
    """Fits from several starts, the best first."""

    problem: PetabProblem
    labels: tuple[str, ...]
    starts: tuple[Start, ...]

    @property
    def best(self) -> Start:
        return self.starts[0]

    @property
    def fitted(self) -> PetabProblem:
        """The problem with the best numbers as its nominal ones (arrays as they are)."""
        found = dict(zip(self.labels, self.best.theta.tolist(), strict=True))
        parameters = tuple(
            replace(one, nominal=found[one.name]) if one.name in found else one for one in self.problem.parameters
        )
        return replace(self.problem, parameters=parameters)


def fit_petab(
    problem: PetabProblem,
    starts: int = 20,
    *,
    seed: int = 0,
    seconds: float = 300.0,
    steps: int = STEPS,
    reporter: Reporter = SilentReporter(),
) -> PetabFit:
    """Fit what a problem estimates.

    Parameters
    ----------
    starts
        Fits; the first from the nominal values where all are known, the others from draws of the priors of starts, or
        uniform between the bounds on the scale of each parameter. Arrays of networks start at what their files say.
    seconds
        No further start is made after that, and none goes on.
    steps
        Evaluations with derivatives of each.

    Raises
    ------
    DataError, EquationError
        The problem does not fit together.
    """
    objective = Objective(problem)
    scaling = _Scaling(objective)
    rng = np.random.default_rng(seed)
    deadline = time.monotonic() + seconds
    found: list[Start] = []
    for k in range(starts):
        if found and (time.monotonic() > deadline or reporter.should_stop()):
            break
        best = f", best objective {min(one.objective for one in found):.6g}" if found else ""
        reporter.emit(Progress(k / starts, text=f"start {k + 1} of {starts}{best}"))
        x0 = scaling.draw(rng, first=k == 0)
        found.append(_one(objective, scaling, x0, steps, lambda: time.monotonic() > deadline or reporter.should_stop()))
    ranked = sorted(found, key=lambda one: one.objective if math.isfinite(one.objective) else math.inf)
    return PetabFit(problem, objective.labels, tuple(ranked))


class _Scaling:
    """Between what is fitted and the linear scale."""

    def __init__(self, objective: Objective) -> None:
        self.parameters = objective.estimated
        self.size = len(objective.nominal)
        self.nominal = objective.nominal
        arrays = self.size - len(self.parameters)
        linear: list[Scale] = ["lin"] * arrays
        self.scales: list[Scale] = [*(one.scale for one in self.parameters), *linear]
        low = np.array([*(self._scaled(one.lower, one.scale) for one in self.parameters), *[-math.inf] * arrays])
        high = np.array([*(self._scaled(one.upper, one.scale) for one in self.parameters), *[math.inf] * arrays])
        self.low, self.high = low, high

    @staticmethod
    def _scaled(value: float, scale: Scale) -> float:
        if scale == "lin" or math.isinf(value):
            return value
        return -math.inf if value <= 0 else (math.log(value) if scale == "log" else math.log10(value))

    def scaled(self, theta: np.ndarray) -> np.ndarray:
        return np.array([self._scaled(float(v), s) for v, s in zip(theta, self.scales, strict=True)])

    def linear(self, x: np.ndarray) -> np.ndarray:
        logs, tens = (np.array([s == kind for s in self.scales], dtype=bool) for kind in ("log", "log10"))
        with np.errstate(over="ignore"):
            return np.where(logs, np.exp(np.where(logs, x, 0.0)), np.where(tens, 10.0 ** np.where(tens, x, 0.0), x))

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """Derivative of the linear numbers by the scaled ones."""
        factor = {"lin": None, "log": 1.0, "log10": math.log(10.0)}
        return np.array([1.0 if factor[s] is None else v * factor[s] for v, s in zip(theta, self.scales, strict=True)])

    def draw(self, rng: np.random.Generator, *, first: bool) -> np.ndarray:
        """Where a fit starts."""
        nominal = self.scaled(self.nominal)
        if first and np.isfinite(nominal).all():
            return np.clip(nominal, self.low, self.high)
        x = nominal.copy()
        for k, one in enumerate(self.parameters):
            if one.start is not None and one.start.kind in ("uniform", "normal", "laplace"):
                a, b = one.start.numbers
                drawn = {"uniform": rng.uniform, "normal": rng.normal, "laplace": rng.laplace}[one.start.kind](a, b)
                x[k] = drawn if one.start.scale != "lin" else self._scaled(float(drawn), one.scale)
            else:
                near = nominal[k] if math.isfinite(nominal[k]) else 0.0
                low = self.low[k] if math.isfinite(self.low[k]) else min(near, self.high[k]) - 3.0
                high = self.high[k] if math.isfinite(self.high[k]) else max(near, self.low[k]) + 3.0
                x[k] = rng.uniform(low, high)
        return np.clip(x, self.low, self.high)


class _Ended(Exception):
    pass


def _one(objective: Objective, scaling: _Scaling, x0: np.ndarray, steps: int, over: Callable[[], bool]) -> Start:
    begin = time.monotonic()
    tracked = _Tracked(objective, scaling, over)
    squares = not any(one.laplace for one, _ in objective.groups) and not any(
        one is not None for one in (*(p.prior for p in objective.estimated), *objective.hybrid.priors())
    )
    try:
        sentence = (_squares if squares else _general)(tracked, x0, scaling, steps)
    except _Ended:
        sentence = "stopped before it had converged"
    theta = scaling.linear(tracked.best_x if tracked.best_x is not None else x0)
    return Start(theta, tracked.best, tracked.evaluations, time.monotonic() - begin, sentence)


class _Tracked:
    """Evaluations of a fit, of which the best is kept."""

    def __init__(self, objective: Objective, scaling: _Scaling, over: Callable[[], bool]) -> None:
        self._objective, self._scaling, self._over = objective, scaling, over
        self._programs = programs(objective)
        self._last: tuple[bytes, Linearised, np.ndarray] | None = None
        self.best, self.best_x, self.evaluations = math.inf, None, 0

    def at(self, x: np.ndarray, *, rows: bool) -> tuple[Linearised, np.ndarray]:
        """The problem linearised, and derivatives of the linear numbers by the scaled ones."""
        if self._last is not None and self._last[0] == x.tobytes():
            return self._last[1], self._last[2]
        if self._over():
            raise _Ended
        theta = self._scaling.linear(x)
        found = self._programs.linearise(theta, rows=rows, accuracy=COARSE)
        self.evaluations += 1
        cost = -found.llh - sum(self._objective.log_priors(theta).values())
        if cost < self.best:
            self.best, self.best_x = cost, x.copy()
        slopes = self._scaling.slopes(theta)
        self._last = (x.tobytes(), found, slopes)
        return found, slopes

    def prior_slopes(self, x: np.ndarray) -> np.ndarray:
        return self._objective.prior_slopes(self._scaling.linear(x))

    def log_prior(self, x: np.ndarray) -> float:
        return float(sum(self._objective.log_priors(self._scaling.linear(x)).values()))


def _squares(tracked: _Tracked, x0: np.ndarray, scaling: _Scaling, steps: int) -> str:
    from scipy.optimize import least_squares

    def whole(x: np.ndarray) -> np.ndarray:
        found, _ = tracked.at(x, rows=True)
        with np.errstate(all="ignore"):
            extra = np.sqrt(np.maximum(2.0 * np.log(found.noise) + OFFSET, 0.0))
        both = np.concatenate([found.residual, extra])
        return both if np.isfinite(both).all() else np.full(len(both), 1e6)

    def jacobian(x: np.ndarray) -> np.ndarray:
        found, slopes = tracked.at(x, rows=True)
        assert found.residual_by is not None and found.noise_by is not None
        with np.errstate(all="ignore"):
            root = np.sqrt(np.maximum(2.0 * np.log(found.noise) + OFFSET, 1e-12))
            by = np.concatenate([found.residual_by, found.noise_by / (found.noise * root)[:, None]]) * slopes
        return np.where(np.isfinite(by), by, 0.0)

    low, high = scaling.low, scaling.high
    wide = high > low
    inside = np.where(wide, np.clip(x0, low + 1e-9 * np.minimum(high - low, 1.0), high - 1e-9 * np.minimum(high - low, 1.0)), x0)  # fmt: skip
    solve: Any = least_squares  # its stub knows no function for the Jacobian
    result = solve(
        whole, inside, jacobian, bounds=(low, np.where(wide, high, high + 1e-9)), x_scale=1.0, ftol=CLOSE**1.5, xtol=1e-8, gtol=1e-8,
        max_nfev=steps,
    )  # fmt: skip
    return "converged" if result.status > 0 else "as many steps as are allowed"


def _general(tracked: _Tracked, x0: np.ndarray, scaling: _Scaling, steps: int) -> str:
    from scipy.optimize import minimize

    def cost(x: np.ndarray) -> tuple[float, np.ndarray]:
        found, slopes = tracked.at(x, rows=False)
        value = -found.llh - tracked.log_prior(x)
        if not math.isfinite(value):
            return WORST, np.zeros(len(x))
        gradient = -(found.gradient + tracked.prior_slopes(x)) * slopes
        return value, np.where(np.isfinite(gradient), gradient, 0.0)

    bounds = list(zip(scaling.low, scaling.high, strict=True))
    result: Any = minimize(
        cost, x0, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxfun": steps, "maxiter": steps}
    )
    return "converged" if result.success else " ".join(str(result.message).split()).lower()
