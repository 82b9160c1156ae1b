"""A template without an unknown function is a formula whose form is known: its parameters are fitted, nothing is searched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SettingError
from ndestudio.expression import evaluate, to_text
from ndestudio.expression.numeric import as_number, fold
from ndestudio.expression.tree import Expr, size, substitute
from ndestudio.progress import Progress, Reporter
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.losses import normalised_loss
from ndestudio.symbolic.template import Template

DRAWN = 4000
"""Starts that are drawn, each with a factor of 0.01 to 100 of 1 or of the size of a column, and evaluated once."""
FOLLOWED = 16
"""The best of them, which are followed to a minimum."""
_STEPS = 300

Values = Float[np.ndarray, " parameter"]


def fit_template(
    problem: SearchProblem,
    template: Template,
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None = None,
) -> SearchResult:
    """Fit the parameters of a template by least squares from many starts.

    Parameters
    ----------
    problem : SearchProblem
        Samples [sample, input], one target.
    template : Template
        Without unknown functions.
    config : SearchConfig
        Its loss, seed, time limit, target loss and the option `start` (parameter -> value) are respected.

    Returns
    -------
    SearchResult
        A front of one formula; an outcome with a sentence where none has finite values.
    """
    began = time.monotonic()
    fit = _Fit(problem, template, config)
    best: tuple[float, Values] | None = None
    stopped = False
    starts = fit.starts()
    for number, start in enumerate(starts):
        reporter.emit(Progress(number / len(starts), text="fitting the parameters of the template"))
        stopped = reporter.should_stop()
        if stopped or (best is not None and config.seconds and time.monotonic() - began > config.seconds):
            break
        found = fit.descend(start)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
            if on_front is not None:
                on_front(fit.front(found[1], time.monotonic() - began))
            if fit.loss(found[1]) <= config.target_loss:
                break
    if best is None:
        if stopped:
            return SearchResult(Front(), "stopped", "Stopped before the parameters of the template were fitted.")
        return SearchResult(
            Front(), "failed", f"the template `{to_text(template.expression)}` has no finite value on all samples"
        )
    front = fit.front(best[1], time.monotonic() - began)
    loss = front.candidates[0].loss
    outcome = "stopped" if stopped else "solved" if loss <= config.target_loss else "limit"
    return SearchResult(
        front,
        outcome,
        f"The template has no unknown function; its {len(template.parameters)} parameters were fitted, with an error (NMSE) of "
        f"{loss:.2g}.",
    )


class _Fit:
    """Least squares of one template on the samples of a problem."""

    def __init__(self, problem: SearchProblem, template: Template, config: SearchConfig) -> None:
        self._problem, self._template, self._config = problem, template, config
        self._y = np.asarray(problem.y, float).ravel()
        self._columns = {name: np.asarray(problem.X[:, k], float) for k, name in enumerate(problem.names)}
        self._root = np.sqrt(np.ones(len(self._y)) if problem.weights is None else problem.weights)
        self._spread = float(np.std(self._y)) or 1.0
        self._evaluated = 0

    def starts(self) -> list[Values]:
        """The most promising of many random starts, those that were asked for first."""
        given = self._given()
        names = self._template.parameters
        if not names:
            return [np.zeros(0)]
        generator = np.random.default_rng([self._config.seed, 7])
        sizes = np.array([1.0, *(_size(column) for column in (*self._columns.values(), self._y))])
        drawn = 10.0 ** generator.uniform(-2.0, 2.0, (DRAWN, len(names)))
        drawn *= sizes[generator.integers(len(sizes), size=drawn.shape)] ** generator.integers(0, 2, drawn.shape)
        drawn *= np.where(generator.random(drawn.shape) < 0.2, -1.0, 1.0)
        for k, name in enumerate(names):
            if name in given:
                drawn[: DRAWN // 2, k] = given[name]
        with np.errstate(all="ignore"):
            errors = np.array([self._cost(one) for one in drawn])
        order = np.argsort(np.where(np.isfinite(errors), errors, np.inf), kind="stable")
        return [drawn[k] for k in order[:FOLLOWED]]

    def _given(self) -> Mapping[str, float]:
        start = self._config.options.get("start", {})
        if not isinstance(start, Mapping) or not all(isinstance(v, int | float) for v in start.values()):
            raise SettingError(f"option `start` must map parameters of the template to numbers, not {start!r}")
        for name in start:
            if name not in self._template.parameters:
                known = ", ".join(self._template.parameters) or "none"
                raise SettingError(
                    f"option `start` names `{name}`, which is no parameter of the template; they are {known}"
                )
        return start

    def descend(self, start: Values) -> tuple[float, Values] | None:
        """Cost and place of the minimum below ``start``; None where nothing is finite."""
        from scipy.optimize import least_squares

        if not len(start):
            cost = self._cost(start)
            return (cost, start) if np.isfinite(cost) else None
        kinds = {"squares": "linear", "huber": "huber", "absolute": "soft_l1"}
        scale = self._config.huber_delta if self._config.loss == "huber" else 1e-3
        with np.errstate(all="ignore"):
            try:
                found = least_squares(
                    self._residuals,
                    start,
                    x_scale=np.maximum(np.abs(start), 1e-300),
                    loss=kinds[self._config.loss],
                    f_scale=1.0 if self._config.loss == "squares" else scale,
                    max_nfev=_STEPS,
                    xtol=1e-12,
                    ftol=1e-14,
                    gtol=1e-14,
                )
            except (ValueError, np.linalg.LinAlgError):  # not finite at the start or in a derivative
                return None
        return (float(found.cost), found.x) if np.isfinite(found.cost) else None

    def _residuals(self, values: Values) -> Float[np.ndarray, " sample"]:
        self._evaluated += 1
        known = {**self._columns, **dict(zip(self._template.parameters, map(float, values), strict=True))}
        predicted = np.broadcast_to(np.asarray(evaluate(self._template.expression, known), float), self._y.shape)
        return self._root * (predicted - self._y) / self._spread

    def _cost(self, values: Values) -> float:
        return float(np.sum(self._residuals(values) ** 2))

    def formula(self, values: Values) -> Expr:
        return fold(substitute(self._template.expression, self._named(values)))

    def _named(self, values: Values) -> dict[str, Expr]:
        return dict(_named(self._template.parameters, values))

    def loss(self, values: Values) -> float:
        p = self._problem
        return normalised_loss(self.formula(values), p.names, p.X, self._y, p.weights, self._config)

    def front(self, values: Values, seconds: float) -> Front:
        p, expression = self._problem, self.formula(values)
        held = None
        if p.X_held_out is not None and p.y_held_out is not None:
            held = normalised_loss(
                expression, p.names, p.X_held_out, np.ravel(p.y_held_out), None, self._config, scale_of=self._y
            )
        candidate = Candidate(size(expression), self.loss(values), expression, held, parts=self._named(values))
        reason = "the template has no unknown function: it is the only formula"
        return Front((candidate,), 1, self._evaluated, seconds, 0, reason, self._evaluated, seconds)


def _named(names: Sequence[str], values: Values) -> Iterator[tuple[str, Expr]]:
    for name, value in zip(names, values, strict=True):
        yield name, as_number(float(value))


def _size(column: Float[np.ndarray, " sample"]) -> float:
    """Median magnitude, 1 where that is 0."""
    return float(np.median(np.abs(column))) or 1.0
