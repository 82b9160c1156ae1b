"""Encoders: from the history of a run to a normal distribution of its start, the same code for NumPy and JAX.

`gru`: a gated recurrent unit that reads the rows backwards in time (Cho et al. 2014, Learning phrase representations; backwards as in
Rubanova, Chen and Duvenaud 2019, Latent ODEs for irregularly-sampled time series).
`cde`: a neural controlled differential equation dh = F(h) dX (Kidger, Morrill, Foster and Lyons 2020, Neural controlled differential
equations for irregular time series) along the rectilinear path X of what was seen last, how often, and the time, backwards;
each straight piece by one step of Heun's method.
`signature`: the log-signature to depth 2 of that path (Levy areas; Morrill et al. 2021, Neural rough differential equations).

The distribution has a full covariance L L', with L lower triangular.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ndestudio.fitting.config import EncoderKind
from ndestudio.fitting.latent.history import History

PROJECTED = 10
"""Channels to which the path of a history is reduced, by a trained linear map."""
START_SD = 0.7
"""Standard deviation at the begin of a training (the prior's is 1)."""
Weights = Mapping[str, Any]


def fresh_encoder(
    kind: EncoderKind, width: int, measured: int, known: int, states: int, seed: int
) -> dict[str, np.ndarray]:
    """Untrained weights.

    Parameters
    ----------
    measured, known
        Columns of a ``History``.
    states
        Encoded ones.
    """
    generator = np.random.default_rng([seed, 0x1A7E])

    def matrix(fan_out: int, fan_in: int, factor: float = 1.0) -> np.ndarray:
        return factor * generator.normal(size=(fan_out, fan_in)) / np.sqrt(fan_in)

    outputs = 2 * states + states * (states - 1) // 2
    found: dict[str, np.ndarray] = {}
    if kind == "gru":
        features = 2 * measured + known + 2
        found |= {
            "enter": matrix(3 * width, features),
            "recur": matrix(2 * width, width),
            "recur_new": matrix(width, width),
        }
        found |= {"bias": np.concatenate([np.ones(width), np.zeros(2 * width)])}
        read = width
    else:
        channels = 2 * measured + known + 1
        found |= {"project": matrix(PROJECTED, channels)}
        if kind == "cde":
            found |= {"begin": matrix(width, PROJECTED), "begin_bias": np.zeros(width)}
            found |= {"hidden": matrix(width, width), "hidden_bias": np.zeros(width)}
            found |= {"field": matrix(width * PROJECTED, width, 0.5), "field_bias": np.zeros(width * PROJECTED)}
            read = width
        else:
            read = 2 * PROJECTED + PROJECTED * (PROJECTED - 1) // 2
    found |= {"read": matrix(width, read), "read_bias": np.zeros(width)}
    found |= {"out": matrix(outputs, width, 0.1), "out_bias": np.zeros(outputs)}
    found["out_bias"][states : 2 * states] = np.log(START_SD)
    return found


def encode(kind: str, weights: Weights, history: History, xp: Any = np) -> tuple[Any, Any]:
    """Means [run, encoded] and Cholesky factors [run, encoded, encoded] of the starts, in ``Coordinates``."""
    features = READERS[kind](weights, history, xp)
    hidden = xp.tanh(features @ weights["read"].T + weights["read_bias"])
    return gaussian(hidden @ weights["out"].T + weights["out_bias"], xp)


def gaussian(out: Any, xp: Any = np) -> tuple[Any, Any]:
    """Mean and Cholesky factor from [run, 2 n + n (n - 1)/2] numbers."""
    states = round((np.sqrt(9.0 + 8.0 * out.shape[-1]) - 3.0) / 2.0)
    mean, sd = out[..., :states], xp.exp(xp.clip(out[..., states : 2 * states], -7.0, 2.0))
    rows = []
    at = 2 * states
    zero = xp.zeros_like(sd[..., 0])
    for i in range(states):
        below = [sd[..., i] * out[..., at + j] for j in range(i)]
        at += i
        rows.append(xp.stack([*below, sd[..., i], *([zero] * (states - i - 1))], axis=-1))
    return mean, xp.stack(rows, axis=-2)


def _scan(step: Any, carry: Any, xs: tuple[Any, ...], xp: Any) -> Any:
    """Carry ``carry`` over the first axis of ``xs``."""
    if xp is not np:
        from ndestudio.solve.jax_backend import get_jax

        return get_jax().lax.scan(lambda c, x: (step(c, *x), None), carry, xs)[0]
    for x in zip(*xs, strict=True):
        carry = step(carry, *x)
    return carry


def _sigmoid(z: Any, xp: Any) -> Any:
    return 0.5 * (1.0 + xp.tanh(0.5 * z))


def _gru(weights: Weights, history: History, xp: Any) -> Any:
    after = xp.concatenate([history.t[:, 1:], history.t[:, -1:]], axis=1)
    gap = xp.where(history.valid > 0, xp.maximum(after - history.t, 0.0), 0.0)
    rows = xp.concatenate(
        [history.values, history.present, history.known, history.t[..., None], gap[..., None]], axis=-1
    )
    enter = rows @ weights["enter"].T + weights["bias"]
    width = weights["read"].shape[1]

    def step(h: Any, x: Any, valid: Any) -> Any:
        gates = _sigmoid(x[:, : 2 * width] + h @ weights["recur"].T, xp)
        keep, reset = gates[:, :width], gates[:, width:]
        new = xp.tanh(x[:, 2 * width :] + (reset * h) @ weights["recur_new"].T)
        return xp.where(valid[:, None] > 0, keep * h + (1.0 - keep) * new, h)

    begin = xp.zeros((history.values.shape[0], width))
    backwards = (xp.swapaxes(enter, 0, 1)[::-1], xp.swapaxes(history.valid, 0, 1)[::-1])
    return _scan(step, begin, backwards, xp)


def _path(weights: Weights, history: History, xp: Any) -> tuple[Any, Any, Any]:
    """The projected rectilinear path backwards in time: its first point, and the changes of each row, first those of the time,
    then those of the values [row, run, channel]. Padding does not move."""
    valid = xp.swapaxes(history.valid, 0, 1)[::-1][..., None]
    values, present, known = (xp.swapaxes(a, 0, 1)[::-1] for a in history[:3])
    t = xp.swapaxes(history.t, 0, 1)[::-1][..., None]
    held, points = xp.zeros_like(values[0]), []
    counts = xp.cumsum(present, axis=0) / xp.maximum(valid.sum(axis=0), 1.0)
    before_known, before_t = xp.zeros_like(known[0]), xp.ones_like(t[0])
    for n in range(values.shape[0]):
        seen = (present[n] > 0) & (valid[n] > 0)
        held = xp.where(seen, values[n], held)
        before_known = xp.where(valid[n] > 0, known[n], before_known)
        before_t = xp.where(valid[n] > 0, t[n], before_t)
        points.append((before_t, xp.concatenate([held, counts[n], before_known], axis=-1)))
    times = xp.stack([one[0] for one in points])
    others = xp.stack([one[1] for one in points])
    by_time = xp.diff(times, axis=0, prepend=xp.ones_like(times[:1]))
    by_value = xp.diff(others, axis=0, prepend=xp.zeros_like(others[:1]))
    clock, rest = weights["project"][:, :1], weights["project"][:, 1:]
    return clock[:, 0] + xp.zeros((values.shape[1], 1)), by_time @ clock.T, by_value @ rest.T


def _cde(weights: Weights, history: History, xp: Any) -> Any:
    first, by_time, by_value = _path(weights, history, xp)
    h = xp.tanh(first @ weights["begin"].T + weights["begin_bias"])

    def field(h: Any, dx: Any) -> Any:
        inner = xp.tanh(h @ weights["hidden"].T + weights["hidden_bias"])
        matrix = xp.tanh(inner @ weights["field"].T + weights["field_bias"])
        return xp.einsum("rwc,rc->rw", matrix.reshape(*h.shape, -1), dx)

    def piece(h: Any, dx: Any) -> Any:
        slope = field(h, dx)
        return h + 0.5 * (slope + field(h + slope, dx))

    return _scan(lambda h, dt, dv: piece(piece(h, dt), dv), h, (by_time, by_value), xp)


def _signature(weights: Weights, history: History, xp: Any) -> Any:
    first, by_time, by_value = _path(weights, history, xp)
    pieces = xp.stack([by_time, by_value], axis=1).reshape(-1, *by_time.shape[1:])
    begin = xp.cumsum(pieces, axis=0) - pieces
    middle = begin + 0.5 * pieces
    area = xp.einsum("nri,nrj->rij", middle, pieces)
    pairs = [(i, j) for i, j in itertools.combinations(range(pieces.shape[-1]), 2)]
    rows, columns = np.array(pairs).T
    areas = 0.5 * (area[:, rows, columns] - area[:, columns, rows])
    return xp.concatenate([first, pieces.sum(axis=0), areas], axis=-1)


READERS = {"gru": _gru, "cde": _cde, "signature": _signature}
"""What reads a history, by the setting `encoder` of `[train.latent]`."""
