"""Weights of a network that vary with one of its arguments, such as time, along known functions.

The weights W and biases b of the first layer become W(s) = W_0 + sum_j W_j psi_j(s), and b likewise, with psi_j sines and
cosines, polynomials or steps of s, the argument scaled to -1..1 over its interval: the Galerkin and the piecewise
constant form of depth-varying weights of Massaroli, Poli, Park, Yamashita and Asama (2020), Dissecting Neural ODEs,
NeurIPS, section 3.1 (Chebyshev polynomials: Trefethen 2019, Approximation Theory and Approximation Practice). Later
layers are shared, so a term costs a layer and not a network, and without hidden layers f(x, t) = a(t) x + b(t).

Such a layer is an ordinary one of more arguments, [x, psi_1, ..., x psi_1, ...], and that is how it is computed and exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ndestudio.expression.numeric import as_number, evaluate
from ndestudio.expression.tree import Binary, Call, Expr, Name, Number, substitute
from ndestudio.model.config import BasisConfig, NetworkConfig
from ndestudio.model.fitted import NetworkWeights

SCALED = "s"
EDGE = 1e6
"""Steepness of a step: it rises within a millionth of half the interval, so that it has a formula in every language."""


def basis_of(config: NetworkConfig, arguments: Sequence[str]) -> tuple[int, BasisConfig] | None:
    """The argument (its position) that the weights vary with, and how; None if they are constant."""
    for k, argument in enumerate(arguments):
        if argument in config.basis:
            return k, config.basis[argument]
    return None


@cache
def functions(kind: str, terms: int) -> tuple[Expr, ...]:
    """psi_1, psi_2, ... as formulas of ``SCALED``; the constant 1 comes before them.

    `fourier`: a sine and a cosine for each of ``terms`` multiples of the basic frequency, one period over the interval.
    `polynomial`: Chebyshev polynomials up to degree ``terms``, held beyond the interval. `pieces`: ``terms`` equal pieces.
    """
    s: Expr = Name(SCALED)
    match kind:
        case "fourier":
            angles = [Binary("*", as_number(np.pi * k), s) for k in range(1, terms + 1)]
            return tuple(Call(name, (angle,)) for angle in angles for name in ("sin", "cos"))
        case "polynomial":
            held = Call("max", (Number(-1.0), Call("min", (Number(1.0), s))))
            series = [np.polynomial.chebyshev.cheb2poly([0.0] * k + [1.0]) for k in range(1, terms + 1)]
            return tuple(substitute(_horner(coefficients), {SCALED: held}) for coefficients in series)
        case "pieces":
            edges = -1.0 + 2.0 * np.arange(1, terms) / terms
            return tuple(_step(s, float(edge)) for edge in edges)
    raise ValueError(f"no such basis: {kind!r}")


def _horner(coefficients: np.ndarray) -> Expr:
    value: Expr = as_number(float(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        value = Binary("*", value, Name(SCALED))
        if coefficient:
            value = Binary("+", value, as_number(float(coefficient)))
    return value


def _step(s: Expr, edge: float) -> Expr:
    ramp = Binary("+", Binary("*", Number(EDGE), Binary("-", s, as_number(edge))), Number(0.5))
    return Call("max", (Number(0.0), Call("min", (Number(1.0), ramp))))


def width(config: NetworkConfig, arguments: Sequence[str]) -> int:
    """Numbers that enter the first layer."""
    found = basis_of(config, arguments)
    if found is None:
        return len(arguments)
    others, count = len(arguments) - 1, len(functions(found[1].kind, found[1].terms))
    return others + count + others * count


def expand(config: NetworkConfig, arguments: Sequence[str], z: Any, xp: Any = np) -> Any:
    """What enters the first layer, [..., feature], from scaled arguments z [..., argument]."""
    found = basis_of(config, arguments)
    if found is None:
        return z
    k, basis = found
    psi = [evaluate(f, {SCALED: z[..., k]}, xp) for f in functions(basis.kind, basis.terms)]
    others = [z[..., i] for i in range(len(arguments)) if i != k]
    return xp.stack([*others, *psi, *[p * x for p in psi for x in others]], axis=-1)


def expand_formulas(config: NetworkConfig, arguments: Sequence[str], scaled: Sequence[Expr]) -> tuple[Expr, ...]:
    """The same as formulas; ``scaled``: formulas of the scaled arguments."""
    found = basis_of(config, arguments)
    if found is None:
        return tuple(scaled)
    k, basis = found
    psi = [substitute(f, {SCALED: scaled[k]}) for f in functions(basis.kind, basis.terms)]
    others = [one for i, one in enumerate(scaled) if i != k]
    return (*others, *psi, *[Binary("*", p, x) for p in psi for x in others])


def scaled(network: NetworkWeights) -> tuple[Expr, ...]:
    """The scaled arguments of a network as formulas."""
    return tuple(
        Binary("/", Binary("-", Name(name), as_number(float(center))), as_number(float(scale)))
        for name, center, scale in zip(network.arguments, network.input_center, network.input_scale, strict=True)
    )


def interval(basis: BasisConfig, low: float, high: float) -> tuple[float, float]:
    """Center and half width of the interval: as set, else the range of the data."""
    start = low if basis.start is None else basis.start
    end = high if basis.end is None else basis.end
    return 0.5 * (start + end), 0.5 * (end - start) if end > start else 1.0


def piece(config: NetworkConfig, scale: Sequence[float], arguments: Sequence[str]) -> float:
    """Width of a piece of piecewise constant weights, in the unit of time; inf for all others."""
    found = basis_of(config, arguments)
    if found is None or found[1].kind != "pieces" or arguments[found[0]] != "t":
        return float("inf")
    return 2.0 * float(scale[found[0]]) / found[1].terms
