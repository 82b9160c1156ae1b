"""What other engines are given, and how one of their candidates is chosen without the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.interpolate import make_smoothing_spline

from benchmarks.discovery.measurements import Measurements
from benchmarks.discovery.told import Question
from ndestudio.errors import EquationError
from ndestudio.expression import Expr, evaluate, parse_expression
from ndestudio.expression.tree import Number, walk

EDGE = 2
"""Samples at either end of a trajectory whose slopes are not used: a spline's are worst there."""
AHEAD = 8
"""Samples over which candidates predict from smoothed values."""
STEPS = 2
"""Runge-Kutta steps a sample."""


def write_slopes(made: Measurements, asked: Question, path: Path) -> None:
    """Smoothed arguments X, slopes Y of what is sought, and raw values V, each [trajectory, time, column]."""
    X, Y, V = [], [], []
    for t, values, u in zip(made.t, made.values, made.u, strict=True):
        smooth, slopes = smoothed(t, values)
        columns = _columns(made, asked, t, smooth, u)
        known = [_at(asked.known.get(state), columns, len(t)) for state in asked.sought]
        order = [made.system.states.index(state) for state in asked.sought]
        kept = slice(EDGE, -EDGE)
        X.append(np.column_stack([columns[name] for name in asked.arguments])[kept])
        Y.append((slopes[:, order] - np.column_stack(known))[kept])
        raw = _columns(made, asked, t, values, u)
        V.append(np.column_stack([raw[name] for name in asked.arguments]))
    np.savez(path, X=np.array(X), Y=np.array(Y), V=np.array(V), t=np.array(made.t))


def smoothed(t: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes of smoothing splines, their stiffness by generalised cross-validation (Craven & Wahba 1978)."""
    scale = float(t[-1] - t[0]) / (len(t) - 1)
    splines = [make_smoothing_spline((t - t[0]) / scale, column) for column in values.T]
    x = (t - t[0]) / scale
    return (
        np.column_stack([spline(x) for spline in splines]),
        np.column_stack([spline.derivative()(x) / scale for spline in splines]),
    )


def _columns(
    made: Measurements, asked: Question, t: np.ndarray, states: np.ndarray, u: np.ndarray
) -> dict[str, np.ndarray]:
    del asked
    return {
        **dict(zip(made.system.states, states.T, strict=True)),
        **dict(zip(made.system.inputs, u.T, strict=True)),
        "t": t,
    }


def _at(expr: Expr | None, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    if expr is None:
        return np.zeros(count)
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(expr, columns), float), (count,))


def chosen(candidates: Mapping[str, Sequence[str]], made: Measurements, asked: Question) -> dict[str, str]:
    """The candidates of that index with the smallest information criterion (Schwarz 1978) of predictions ahead.

    From the smoothed values at each sample the laws are integrated over `AHEAD` samples and compared with what was measured
    there; the truth is not looked at. Empty if no system of candidates can be integrated.
    """
    count = min((len(members) for members in candidates.values()), default=0)
    best: tuple[float, int] = (math.inf, -1)
    for index in range(count):
        texts = {state: members[index] for state, members in candidates.items()}
        best = min(best, (_criterion(texts, made, asked), index))
    return {} if best[1] < 0 else {state: members[best[1]] for state, members in candidates.items()}


def _criterion(texts: Mapping[str, str], made: Measurements, asked: Question) -> float:
    try:
        laws = {state: parse_expression(text) for state, text in asked.whole(texts).items()}
    except EquationError:
        return math.inf
    constants = sum(isinstance(node, Number) for text in texts.values() for node in walk(parse_expression(text)))
    spread = np.concatenate(made.values).std(axis=0)
    errors = []
    for t, values, u in zip(made.t, made.values, made.u, strict=True):
        start, _ = smoothed(t, values)
        ahead = _predicted(laws, made, t, start, u)
        errors.append((ahead - values[AHEAD:]) / spread)
    error = float(np.mean(np.concatenate(errors) ** 2))
    if not math.isfinite(error):
        return math.inf
    n = sum(one.size for one in errors) / AHEAD
    return n * math.log(max(error, 1e-20)) + constants * math.log(n)


def _predicted(
    laws: Mapping[str, Expr], made: Measurements, t: np.ndarray, start: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """States `AHEAD` samples after each sample, all integrated at once."""
    y, first = start[:-AHEAD].T.copy(), np.arange(len(t) - AHEAD)

    def slopes(at: np.ndarray, y: np.ndarray) -> np.ndarray:
        index = np.interp(at, t, np.arange(len(t)))
        inputs = {name: np.interp(index, np.arange(len(t)), u[:, k]) for k, name in enumerate(made.system.inputs)}
        columns = {**dict(zip(made.system.states, y, strict=True)), **inputs, "t": at}
        with np.errstate(all="ignore"):
            return np.stack([np.broadcast_to(evaluate(law, columns), at.shape) for law in laws.values()])

    with np.errstate(all="ignore"):
        for k in range(AHEAD):
            h = (t[first + k + 1] - t[first + k]) / STEPS
            for step in range(STEPS):
                at = t[first + k] + step * h
                a = slopes(at, y)
                b = slopes(at + h / 2, y + h / 2 * a)
                c = slopes(at + h / 2, y + h / 2 * b)
                y = y + h / 6 * (a + 2 * b + 2 * c + slopes(at + h, y + h * c))
    return y.T
