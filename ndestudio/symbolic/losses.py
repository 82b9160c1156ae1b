"""Errors of a formula on samples, and whether samples can be searched at all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.expression.tree import Expr
from ndestudio.symbolic.engine import SearchConfig, SearchProblem

MOST_INPUTS = 1000
"""Columns of X that are accepted. A search draws variables blindly, so beyond some dozens its chances fall quickly."""
LARGEST = 1e150
"""Values above it overflow when squared."""


def normalised_loss(
    expression: Expr,
    names: tuple[str, ...],
    X: Float[np.ndarray, "sample input"],
    y: Float[np.ndarray, " sample"],
    weights: Float[np.ndarray, " sample"] | None = None,
    config: SearchConfig | None = None,
    scale_of: Float[np.ndarray, " other"] | None = None,
) -> float:
    """Weighted mean error over the weighted variance of the target (NMSE for squared errors); infinite where not finite.

    Parameters
    ----------
    config
        Whose ``loss`` is taken (squares without it). Absolute errors are divided by the standard deviation.
    scale_of
        Target whose variance is the unit, where it is not ``y`` itself (held-out rows).
    """
    from ndestudio.expression import evaluate

    columns: dict[str, Any] = {name: X[:, index] for index, name in enumerate(names)}
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(evaluate(expression, columns), float), y.shape)
        w = np.ones_like(y) if weights is None else weights
        spread = _deviation(y, w) if scale_of is None else _deviation(scale_of, np.ones_like(scale_of))
        residual = (values - y) / (spread if spread > 0 else 1.0)
        loss = float(np.sum(w * _rho(residual, config)) / np.sum(w))
    return loss if math.isfinite(loss) else math.inf


def _rho(residual: Float[np.ndarray, " sample"], config: SearchConfig | None) -> Float[np.ndarray, " sample"]:
    kind = "squares" if config is None else config.loss
    if kind == "absolute":
        return np.abs(residual)
    if kind == "huber":
        delta = 1.35 if config is None else config.huber_delta
        size = np.abs(residual)
        return np.where(size <= delta, size**2, delta * (2.0 * size - delta))
    return residual**2


def _deviation(y: Float[np.ndarray, " sample"], w: Float[np.ndarray, " sample"]) -> float:
    mean = float(np.sum(w * y) / np.sum(w))
    return math.sqrt(float(np.sum(w * (y - mean) ** 2) / np.sum(w)))


def check_problem(problem: SearchProblem) -> None:
    """Raise ValueError, with what was seen and what to do, for samples no search can use."""
    X, y = problem.X, problem.y
    if X.ndim != 2 or y.ndim not in (1, 2):
        raise ValueError(f"X must have two axes and y one or two; they have {X.ndim} and {y.ndim}")
    rows, columns = X.shape
    if rows != len(y):
        raise ValueError(f"X has {rows} rows and y has {len(y)}; they must be the same samples")
    if len(problem.names) != columns:
        raise ValueError(f"X has {columns} columns and {len(problem.names)} names are given")
    if rows < 2:
        raise ValueError(
            f"a formula cannot be learned from {rows} sample{'s' * (rows != 1)} (n_samples={rows}); give two or more"
        )
    if columns == 0:
        raise ValueError("X has 0 features; at least one column is needed")
    if columns > MOST_INPUTS:
        raise ValueError(
            f"X has {columns} columns and a search takes at most {MOST_INPUTS}; select columns first, for instance by "
            "their mutual information with y"
        )
    _check_numbers(X, "X")
    _check_numbers(y, "y")
    _check_weights(problem, rows)
    for place, target in enumerate(y.reshape(rows, -1).T):
        if not float(np.ptp(target)) > 0:
            which = "y" if y.ndim == 1 else f"column {place} of y"
            raise ValueError(f"{which} is constant ({target[0]:g} in all {rows} rows); there is nothing to search for")


def _check_weights(problem: SearchProblem, rows: int) -> None:
    w = problem.weights
    if w is None:
        return
    if w.shape != (rows,):
        raise ValueError(f"weights must have one value per row ({rows}); their shape is {w.shape}")
    if not np.isfinite(w).all() or (w < 0).any():
        raise ValueError("weights must be finite and not negative")
    if int((w > 0).sum()) < 2:
        raise ValueError(f"all weights but {int((w > 0).sum())} are zero; at least two samples must count")


def _check_numbers(values: Float[np.ndarray, "..."], name: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        where = np.argwhere(bad)[0]
        kind = "NaN" if np.isnan(values[tuple(where)]) else "infinity"
        column = f", column {where[1]}" if values.ndim == 2 else ""
        raise ValueError(
            f"{name} holds {kind} in row {where[0]}{column} ({int(bad.sum())} such values in all); remove or fill those rows first"
        )
    largest = float(np.max(np.abs(values)))
    if largest > LARGEST:
        raise ValueError(
            f"{name} holds values as large as {largest:.3g}, whose squares overflow; rescale it, for instance by its largest value"
        )
