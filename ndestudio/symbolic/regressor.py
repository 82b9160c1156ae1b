"""Symbolic regression in scikit-learn's manner. scikit-learn itself is not needed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float

from ndestudio.expression.tree import Expr
from ndestudio.progress import Reporter, SilentReporter
from ndestudio.symbolic.engine import SearchConfig, SearchProblem
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.inputs import (
    Targets,
    check_features,
    feature_names,
    not_fitted,
    r_squared,
    read_samples,
    read_weights,
    sklearn_tags,
    target_names,
)
from ndestudio.symbolic.presets import resolve_operators
from ndestudio.symbolic.table import FrontTable

if TYPE_CHECKING:
    import sympy

FEWEST_ROWS_TO_SPLIT = 60
"""From this many rows on, a fifth of them ranks the candidates instead of fitting them, unless `held_out` says otherwise."""


class SymbolicRegressor:
    """Find a formula ``y = f(X)`` by symbolic regression.

    With several columns of `y` (at most 8) one formula is found for each; they are searched together and share terms.

    Parameters
    ----------
    operators : str or sequence of str, default="+ - * / exp sin cos" as a tuple
        A preset (`"polynomial"`, `"rational"`, `"trigonometric"`, `"kinetics"`) or any of
        `+ - * / ^ neg exp log sqrt sin cos tan tanh abs min max square cube inv`.
    seconds : float or None, default=20.0
        Wall-time limit of the search in seconds.
    evaluations : int or None, default=None
        Limit on expressions evaluated. With `seconds=None` a run is reproducible to the bit.
    seed : int, default=0
        Seed of the random generators and of the held-out rows.
    threads : int, default=0
        Worker threads; 0 takes all cores. The result does not depend on it.
    max_size : int, default=30
        Largest complexity of a formula (with several targets: on average over them).
    max_depth : int or None, default=None
        Largest depth of a formula's tree.
    complexity : mapping of str to int or None, default=None
        Complexity of operators, `constant` and `variable` where it is not 1.
    target_loss : float, default=1e-14
        The search ends when a formula reaches this normalised mean squared error (NMSE, dimensionless).
    loss : {"squares", "absolute", "huber"}, default="squares"
        Error of a row.
    huber_delta : float, default=1.35
        Where Huber's loss turns from square to linear, in standard deviations of `y`.
    noise : float or None, default=None
        Standard deviation of the noise of `y` relative to that of `y`, where it is known.
    held_out : float or None, default=None
        Fraction of rows that rank the formulas but do not fit them. None: a fifth from 60 rows on, none below.
    guesses : sequence of str, default=()
        Formulas to begin with, in the names of the features.
    units : sequence of str or None, default=None
        Unit of each feature, such as `"mg/L/h"` or `"m s^-2"`; formulas that break dimensions are not considered. What
        numbers may be is said by the option `wildcards`; see ``EvolutionEngine``.
    unit_y : str, sequence of str or None, default=None
        Unit of `y`, or of each of several targets.
    template : str, default=""
        What is known of the formula, with unknown functions of stated arguments in it, such as
        `"k*x - f(x, y)"` or `"a*x/(b + x) + f(x)*g(y)"`. The functions are searched for; names that are neither
        features nor functions are parameters, fitted with them; without unknown functions these are all that is fitted.
        ``front_`` holds the parts of each candidate.
    engine : str, default="evolution"
        What searches.
    options : mapping or None, default=None
        Settings that only this engine has.

    Attributes
    ----------
    front_ : Front
        Pareto front of error against complexity; ``front`` shows it as a table.
    expression_ : Expr
        The chosen formula (of the first target, where there are several).
    expressions_ : tuple of Expr
        The chosen formulas of all targets.
    target_names_ : tuple of str
        Column labels of `y` where it was a data frame, else `y0`, `y1`, ...
    n_features_in_ : int
        Number of columns of `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column labels, where `X` was a data frame.
    names_ : tuple of str
        Name of each feature in formulas: its label where that is an identifier, else `x0`, `x1`, ...
    outcome_, sentence_ : str
        How the search ended; the same for a person.

    Examples
    --------
    >>> import numpy as np
    >>> from ndestudio.symbolic import SymbolicRegressor
    >>> X = np.random.default_rng(0).uniform(0.1, 4.0, (100, 2))
    >>> model = SymbolicRegressor(operators="rational", seconds=5).fit(X, X[:, 1] / (1 + X[:, 1]))
    >>> print(model.sympy())  # doctest: +SKIP
    x1/(x1 + 1)
    """

    _estimator_type = "regressor"

    def __init__(
        self,
        operators: str | Sequence[str] = ("+", "-", "*", "/", "exp", "sin", "cos"),
        *,
        seconds: float | None = 20.0,
        evaluations: int | None = None,
        seed: int = 0,
        threads: int = 0,
        max_size: int = 30,
        max_depth: int | None = None,
        complexity: Mapping[str, int] | None = None,
        target_loss: float = 1e-14,
        loss: str = "squares",
        huber_delta: float = 1.35,
        noise: float | None = None,
        held_out: float | None = None,
        guesses: Sequence[str] = (),
        units: Sequence[str] | None = None,
        unit_y: str | Sequence[str] | None = None,
        template: str = "",
        engine: str = "evolution",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.operators = operators
        self.seconds = seconds
        self.evaluations = evaluations
        self.seed = seed
        self.threads = threads
        self.max_size = max_size
        self.max_depth = max_depth
        self.complexity = complexity
        self.target_loss = target_loss
        self.loss = loss
        self.huber_delta = huber_delta
        self.noise = noise
        self.held_out = held_out
        self.guesses = guesses
        self.units = units
        self.unit_y = unit_y
        self.template = template
        self.engine = engine
        self.options = options

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, reporter: Reporter | None = None) -> Self:
        """Search for formulas.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Samples of the features, in their units.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Target, in its unit, or several that share terms.
        sample_weight : array-like of shape (n_samples,) or None
            Non-negative weight of each row.
        reporter : Reporter or None
            Receives events and may stop the search.

        Returns
        -------
        SymbolicRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            For NaN, infinity or values near overflow, a constant target, a single row, too many features, an unknown
            operator or setting; the text says which and what to do.
        """
        from ndestudio.symbolic.losses import check_problem
        from ndestudio.symbolic.registry import ENGINES

        samples, target, labels = read_samples(X, y)
        names = feature_names(labels, samples.shape[1])
        weights = read_weights(sample_weight, len(target))
        config = self._config()
        check_problem(SearchProblem(samples, target, names, weights))
        problem = self._problem(samples, target, names, weights)
        searcher = ENGINES.get(self.engine)
        self._one_target = target.ndim == 1
        result = searcher.search(problem, config, SilentReporter() if reporter is None else reporter)
        self.n_features_in_ = samples.shape[1]
        if labels is not None:
            self.feature_names_in_ = np.asarray(labels, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.names_ = names
        self.target_names_ = target_names(y, problem.targets)
        self.outcome_, self.sentence_ = result.outcome, result.sentence
        self._take(result.front, problem)
        return self

    def predict(self, X: Any, index: int | None = None) -> Targets:
        """Values of a formula.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Samples of the features, in the units of the fit.
        index : int or None
            Row of ``front``; None takes the chosen one.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            In the unit of `y`; not finite where the formula has no value.
        """
        from ndestudio.expression import evaluate

        expressions = self._member(index).expressions
        samples, _, labels = read_samples(X, None, needs_y=False)
        check_features(self, samples.shape[1], labels)
        columns = {name: samples[:, position] for position, name in enumerate(self.names_)}
        with np.errstate(all="ignore"):
            values = [np.broadcast_to(np.asarray(evaluate(e, columns), float), len(samples)) for e in expressions]
        return np.array(values[0]) if self._one_target else np.stack(values, axis=1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2 of ``predict(X)``, its mean over several targets.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,) or None

        Returns
        -------
        float
            1 is perfect, 0 no better than the mean; minus infinity where the formula has no value on a row.
        """
        _, target, _ = read_samples(X, y)
        predicted = self.predict(X)
        if predicted.shape != target.shape:
            raise ValueError(f"y has the shape {target.shape}; the formulas give {predicted.shape}")
        return r_squared(target, predicted, read_weights(sample_weight, len(target)))

    @property
    def front(self) -> FrontTable:
        """The Pareto front as a table: `for row in model.front`, `model.front.to_polars()`."""
        if not hasattr(self, "front_"):
            raise not_fitted(self)
        return FrontTable(self.front_)

    def sympy(self, index: int | None = None) -> sympy.Expr | list[sympy.Expr]:
        """A formula of the front (None: the chosen one) as a SymPy expression; a list of them for several targets."""
        from ndestudio.expression import to_sympy

        found = [to_sympy(expression) for expression in self._member(index).expressions]
        return found[0] if self._one_target else found

    def latex(self, index: int | None = None, digits: int | None = 5) -> str | list[str]:
        """A formula of the front (None: the chosen one) as LaTeX, numbers to `digits` significant digits (None: all); a list
        of them for several targets."""
        from ndestudio.expression import to_latex

        found = [to_latex(expression, digits=digits) for expression in self._member(index).expressions]
        return found[0] if self._one_target else found

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Settings by name (`deep` is there for scikit-learn; no setting is an estimator)."""
        del deep
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change settings; an unknown name is an error that lists the known ones."""
        known = self._parameter_names()
        for name, value in parameters.items():
            if name not in known:
                raise ValueError(f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {known!r}.")
            setattr(self, name, value)
        return self

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def _config(self) -> SearchConfig:
        operators, costs = resolve_operators(
            self.operators if isinstance(self.operators, str) else tuple(self.operators), self.complexity
        )
        if self.loss not in ("squares", "absolute", "huber"):
            raise ValueError(f"unknown loss `{self.loss}`; known are squares, absolute, huber")
        return SearchConfig(
            operators=operators,
            max_size=self.max_size,
            max_depth=self.max_depth,
            complexity=costs,
            seconds=self.seconds,
            evaluations=self.evaluations,
            target_loss=self.target_loss,
            seed=self.seed,
            threads=self.threads,
            loss=self.loss,  # type: ignore[arg-type]
            huber_delta=self.huber_delta,
            noise=self.noise,
            options=dict(self.options or {}),
        )

    def _problem(
        self,
        X: Float[np.ndarray, "sample input"],
        y: Targets,
        names: tuple[str, ...],
        weights: Float[np.ndarray, " sample"] | None,
    ) -> SearchProblem:
        fraction = (0.2 if len(y) >= FEWEST_ROWS_TO_SPLIT else 0.0) if self.held_out is None else self.held_out
        if not 0.0 <= fraction < 1.0:
            raise ValueError(f"held_out is {fraction}; it must be at least 0 and below 1")
        order = np.random.default_rng(self.seed).permutation(len(y))
        count = round(fraction * len(y))
        out, kept = np.sort(order[:count]), np.sort(order[count:])
        return SearchProblem(
            X[kept],
            y[kept],
            names,
            weights=None if weights is None else weights[kept],
            X_held_out=X[out] if count else None,
            y_held_out=y[out] if count else None,
            units=None if self.units is None else tuple(self.units),
            unit_y=self.unit_y if self.unit_y is None or isinstance(self.unit_y, str) else tuple(self.unit_y),
            guesses=tuple(self.guesses),
            template=self.template,
        )

    def _take(self, front: Front, problem: SearchProblem) -> None:
        """Keep the front; a search that found nothing at all falls back to the mean of the target."""
        if not front.candidates:
            from ndestudio.expression.tree import Number

            means = np.atleast_1d(np.average(problem.y, axis=0, weights=problem.weights))
            first, *others = (Number(float(value)) for value in means)
            mean = Candidate(len(means), 1.0, first, others=tuple(others))
            front = Front((mean,), best=0, reason="the search found no formula; this is the mean of the target")
        self.front_ = front
        self.expressions_: tuple[Expr, ...] = self._member(None).expressions
        self.expression_: Expr = self.expressions_[0]

    def _member(self, index: int | None) -> Candidate:
        if not hasattr(self, "front_"):
            raise not_fitted(self)
        candidates = self.front_.candidates
        chosen = self.front_.best if index is None else index
        if not -len(candidates) <= chosen < len(candidates):
            raise IndexError(f"the front has {len(candidates)} members; there is none with index {chosen}")
        return candidates[chosen]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "front_")

    def __sklearn_tags__(self) -> Any:
        return sklearn_tags()

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name in defaults
            if name != "self" and hasattr(self, name) and not _same(getattr(self, name), defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and bool(a == b))
