"""Formulas in their equations: all constants fitted by the likelihood, and the length of the whole description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.distil.stochastic.formulas import length
from ndestudio.distil.stochastic.responses import Response
from ndestudio.errors import EquationError
from ndestudio.expression.tree import Expr
from ndestudio.fitting.stochastic.check import intervals
from ndestudio.fitting.stochastic.descent import Theta, scoring
from ndestudio.fitting.stochastic.grid_choice import fitted_on_grid, grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood, autonomous
from ndestudio.fitting.stochastic.space import dynamics_of, stochastic_space
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import formula_filled, replace_neural_term

EXACT_GRID = 4
FAR = 100.0
"""Nats by which a fit is worse than the best so far, so that it needs no exact likelihood."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A model with formulas in the place of networks.

    Parameters
    ----------
    nats
        Description length: minus the log likelihood of training and held-out transitions, and the lengths of the formulas.
    held_out
        Mean log likelihood of a held-out transition, NaN without any.
    """

    model: FittedModel
    likelihood: TransitionLikelihood
    theta: Theta
    nats: float
    train: float
    held_out: float
    formulas: Mapping[str, Expr]

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95% limits of the constants by the observed information."""
        return intervals(self.likelihood, self.theta)


class Judge:
    """Puts formulas into a model and fits all constants.

    Parameters
    ----------
    model
        With its networks.
    points
        Network -> where the data are, for the lengths of formulas.
    """

    def __init__(self, model: FittedModel, dataset: Dataset, points: Mapping[str, Response], parts: int) -> None:
        self.model, self.dataset, self.points, self.parts = model, dataset, points, parts
        self.data = transitions(model, dataset)
        held = [transitions(model, dataset, part) for part in (Part.VALIDATION,) if dataset.has(part)]
        self.held = next((one for one in held if len(one)), None)
        one_state = len(model.system.states) == 1
        self.on_grid = one_state and autonomous(dynamics_of(model)) and grid_of(model, self.data) is not None
        self.least = np.inf
        self.known: dict[tuple[tuple[str, Expr], ...], Judged | None] = {}

    def judge(self, formulas: Mapping[str, Expr]) -> Judged | None:
        """The model with ``formulas`` put in and fitted; None where it has no likelihood."""
        key = tuple(sorted(formulas.items(), key=lambda item: item[0]))
        if key not in self.known:
            try:
                self.known[key] = self._judged(formulas)
            except (EquationError, np.linalg.LinAlgError):
                self.known[key] = None
        return self.known[key]

    def exactly(self, one: Judged) -> Judged | None:
        """The same on a grid that is finer still, for formulas of nearly the same length: where a diffusion comes near to 0, a
        density is the last to be exact."""
        if one.likelihood.grid is None:
            return one
        found = fitted_on_grid(one.likelihood, one.theta, fineness=EXACT_GRID)
        if found is None:
            return None
        likelihood, theta, _ = found
        return self._described(likelihood, theta, one.formulas)

    def _judged(self, formulas: Mapping[str, Expr]) -> Judged | None:
        model = self.model
        for name, expr in formulas.items():
            model = replace_neural_term(model, name, expr)
        space = stochastic_space(model, train_networks=False)
        likelihood = TransitionLikelihood(space, self.data, "moments", self.parts)
        if self.on_grid:
            found = fitted_on_grid(likelihood, space.theta, most=self.least + FAR)
            if found is None:
                return None
            likelihood, theta, reason = found
        else:
            theta, reason = scoring(likelihood, space.theta, steps=20)
        value = -float(np.sum(likelihood.each(theta)))
        if reason == "stuck" or not np.isfinite(value):
            return None
        self.least = min(self.least, value)
        return self._described(likelihood, theta, formulas)

    def _described(self, likelihood: TransitionLikelihood, theta: Theta, formulas: Mapping[str, Expr]) -> Judged | None:
        value = -float(np.sum(likelihood.each(theta)))
        fitted = likelihood.space.fitted(theta, {})
        known = {name: formula_filled(fitted, name) for name in formulas}
        found = {name: expr for name, expr in known.items() if expr is not None}
        nats, held = value, np.nan
        if self.held is not None:
            each = likelihood.on(self.held).each(theta)
            held, nats = float(np.mean(each)), nats - float(np.sum(each))
        for name, expr in found.items():
            arguments = self.model.networks[name].arguments
            nats += length(expr, arguments, self.points[name].X, len(self.data))
        if not np.isfinite(nats):
            return None
        return Judged(fitted, likelihood, theta, nats, -value / len(self.data), held, found)
