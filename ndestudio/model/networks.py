"""Neural terms as plain functions of arrays, the same code for NumPy and JAX.

    z = MLP((x - center) / scale)        N = output_scale * z,  or a softplus or sigmoid of z       neural term = N *
    factors

Sign, bounds and monotonicity are properties of N, so of the neural term wherever its factors are positive.

``NetworkWeights`` and the trained module hold *raw* weights, those that gradients act on. With monotone arguments the
weights in use differ from them (``effective_weights``); since only raw ones are ever stored, training resumes exactly.

Monotonicity is by construction: hidden units are divided into free ones, which see only the free arguments, and
monotone ones; every weight on a path from a monotone argument to the output is kept non-negative by a softplus (in the
first layer non-positive for decreasing arguments), and the activations rise. Units with a convex activation take turns
with their concave mirror image, without which only convex functions could be had (Runje and Shankaranarayana 2023,
Constrained Monotonic Neural Networks, ICML).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int8

from ndestudio.expression.compiled import compile_system
from ndestudio.model import basis
from ndestudio.model.config import NetworkConfig
from ndestudio.model.fitted import NetworkWeights
from ndestudio.model.transforms import inverse_softplus, logit, sigmoid, softplus

FREE, RISING, FALLING, CUT = 0, 1, -1, 2
"""What a weight may be: anything, >= 0, <= 0, nothing."""


def activation(name: str, z: Any, xp: Any) -> Any:
    match name:
        case "tanh":
            return xp.tanh(z)
        case "softplus":
            return softplus(z, xp)
        case "sin":
            return xp.sin(z)
        case "swish":
            return z * sigmoid(z, xp)
        case "gelu":  # Hendrycks and Gimpel 2016, the tanh form
            return 0.5 * z * (1.0 + xp.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))
    raise ValueError(f"no such activation: {name!r}")


def layer_sizes(config: NetworkConfig, arguments: Sequence[str]) -> list[int]:
    """Units of each layer, what enters first and the one output last."""
    return [basis.width(config, arguments), *[config.width] * config.depth, 1]


def weight_signs(config: NetworkConfig, arguments: Sequence[str]) -> list[Int8[np.ndarray, "_out _in"]] | None:
    """What each weight may be (``FREE``, ``RISING``, ``FALLING``, ``CUT``); None if all are free."""
    directions = tuple(config.monotone.get(argument, "") for argument in arguments)
    if not any(directions):
        return None
    return _weight_signs(tuple(layer_sizes(config, arguments)), directions)


@lru_cache(maxsize=256)
def _weight_signs(sizes: tuple[int, ...], directions: tuple[str, ...]) -> list[Int8[np.ndarray, "_out _in"]]:
    code = {"": FREE, "increasing": RISING, "decreasing": FALLING}
    column = np.array([code[direction] for direction in directions], dtype=np.int8)
    constrained = np.array([direction != "" for direction in directions])
    signs = []
    for layer, units in enumerate(sizes[1:], start=1):
        last = layer == len(sizes) - 1
        follows = np.ones(units, dtype=bool)
        if not last and not constrained.all():
            follows = np.arange(units) < (units + 1) // 2
        sign = np.zeros((units, len(constrained)), dtype=np.int8)
        for k, bound in enumerate(constrained):
            if bound:
                sign[:, k] = np.where(follows, column[k] if layer == 1 else RISING, CUT)
        signs.append(sign)
        constrained = follows
    return signs


def effective_weights(
    config: NetworkConfig, arguments: Sequence[str], weights: Sequence[Any], xp: Any = np
) -> list[Any]:
    """The weights in use, from the raw ones."""
    signs = weight_signs(config, arguments)
    if signs is None:
        return list(weights)
    used = []
    for raw, sign in zip(weights, signs, strict=True):
        positive = softplus(raw, xp)
        direction = np.where(sign == FALLING, -1.0, 1.0).astype(raw.dtype)
        used.append(xp.where(sign == FREE, raw, xp.where(sign == CUT, xp.zeros_like(raw), direction * positive)))
    return used


def _mirror(config: NetworkConfig, units: int) -> Float[np.ndarray, " unit"] | None:
    """-1 for units that use the mirrored activation -a(-z)."""
    if not config.monotone or config.activation != "softplus":
        return None
    return np.where(np.arange(units) % 2 == 1, -1.0, 1.0)


def constrain(config: NetworkConfig, z: Any, output_scale: Any, xp: Any = np) -> Any:
    """N from z: a rising function of z in every case, so that monotonicity is kept."""
    lower, upper = config.lower, config.upper
    if config.sign == "positive":
        return output_scale * softplus(z, xp)
    if config.sign == "negative":
        return -output_scale * softplus(-z, xp)
    if lower is not None and upper is not None:
        return lower + (upper - lower) * sigmoid(z, xp)
    if lower is not None:
        return lower + output_scale * softplus(z, xp)
    if upper is not None:
        return upper - output_scale * softplus(-z, xp)
    return output_scale * z


def apply_network(
    config: NetworkConfig,
    arguments: Sequence[str],
    weights: Sequence[Any],
    biases: Sequence[Any],
    center: Any,
    scale: Any,
    output_scale: Any,
    X: Any,
    xp: Any = np,
) -> Any:
    """Value of a neural term.

    Parameters
    ----------
    weights, biases
        Raw ones, layer by layer.
    X
        Arguments in physical units, [..., argument].
    xp
        `numpy` or `jax.numpy`.

    Returns
    -------
    Any
        [...], in physical units.
    """
    h = basis.expand(config, arguments, (X - center) / scale, xp)
    layers = list(zip(effective_weights(config, arguments, weights, xp), biases, strict=True))
    for weight, bias in layers[:-1]:
        h = _activated(config, h @ weight.T + bias, xp)
    weight, bias = layers[-1]
    value = constrain(config, (h @ weight.T + bias)[..., 0], output_scale, xp)
    for k, argument in enumerate(arguments):
        if argument in config.factor:
            value = value * X[..., k]
    return value


def _activated(config: NetworkConfig, z: Any, xp: Any) -> Any:
    mirror = _mirror(config, z.shape[-1])
    if mirror is None:
        return activation(config.activation, z, xp)
    mirror = mirror.astype(z.dtype)
    return mirror * activation(config.activation, mirror * z, xp)


def evaluate_network(network: NetworkWeights, X: Float[np.ndarray, "... argument"]) -> Float[np.ndarray, "..."]:
    """Value of a trained neural term at X[..., argument], physical units."""
    with np.errstate(all="ignore"):
        value = apply_network(
            network.config,
            network.arguments,
            network.weights,
            network.biases,
            network.input_center,
            network.input_scale,
            network.output_scale,
            np.asarray(X, dtype=float),
        )
    return np.asarray(value)


def array_neural_term(network: NetworkWeights) -> Callable[..., Any]:
    """The neural term as a function of as many broadcastable arrays as it has arguments (for ``evaluate``)."""

    def neural_term(*arguments: Any) -> Any:
        return evaluate_network(network, np.stack(np.broadcast_arrays(*arguments), axis=-1))

    return neural_term


def scalar_neural_term(network: NetworkWeights) -> Callable[..., float]:
    """The neural term as a fast function of as many floats as it has arguments (for ``compile_system``).

    Constraints on weights and the scaling of the arguments are worked into the matrices beforehand.
    """
    config = network.config
    weights = [
        np.ascontiguousarray(w, dtype=float) for w in effective_weights(config, network.arguments, network.weights)
    ]
    biases = [np.asarray(b, dtype=float) for b in network.biases]
    enter = _entering(network)
    if enter is None:
        biases[0] = biases[0] - weights[0] @ (network.input_center / network.input_scale)
        weights[0] = weights[0] / network.input_scale
    mirrors = [_mirror(config, len(bias)) for bias in biases[:-1]]
    hidden = list(zip(weights[:-1], biases[:-1], mirrors, strict=True))
    last_weight, last_bias = np.ascontiguousarray(weights[-1][0]), float(biases[-1][0])
    factors = [k for k, argument in enumerate(network.arguments) if argument in config.factor]
    plain = config.activation == "tanh"
    dot, tanh, name = np.dot, np.tanh, config.activation
    linear = config.sign == "any" and config.lower is None and config.upper is None
    output_scale = float(network.output_scale)

    def neural_term(*x: float) -> float:
        h = np.array(x if enter is None else [f(x) for f in enter])
        for weight, bias, mirror in hidden:
            z = dot(weight, h)
            z += bias
            if plain:
                h = tanh(z, z)
            elif mirror is None:
                h = activation(name, z, np)
            else:
                h = mirror * activation(name, mirror * z, np)
        z = float(dot(last_weight, h)) + last_bias
        value = output_scale * z if linear else float(constrain(config, z, output_scale))
        for k in factors:
            value *= x[k]
        return value

    return neural_term


def _entering(network: NetworkWeights) -> Sequence[Callable[[Sequence[float]], float]] | None:
    """Functions of the arguments that enter the first layer; None if these are the arguments themselves."""
    if not network.config.basis:
        return None
    formulas = basis.expand_formulas(network.config, network.arguments, basis.scaled(network))
    return compile_system(formulas, {name: k for k, name in enumerate(network.arguments)}, {})


def fresh_network(
    name: str,
    config: NetworkConfig,
    arguments: Sequence[str],
    seed: int,
    *,
    center: Float[np.ndarray, " argument"] | None = None,
    scale: Float[np.ndarray, " argument"] | None = None,
    output_scale: float = 1.0,
) -> NetworkWeights:
    """An untrained neural term: LeCun-normal weights, the last layer a tenth of that, so that it starts near "no
    correction".

    The same ``name``, ``seed`` and settings give the same weights.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    sizes = layer_sizes(config, arguments)
    weights, biases = [], []
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        factor = 0.1 if layer == len(sizes) - 2 else 1.0
        weights.append(factor * generator.normal(size=(fan_out, fan_in)) / np.sqrt(fan_in))
        biases.append(np.zeros(fan_out))
    signs = weight_signs(config, arguments)
    if signs is not None:
        for weight, sign in zip(weights, signs, strict=True):
            bound = (sign == RISING) | (sign == FALLING)
            weight[bound] = inverse_softplus(np.maximum(np.abs(weight[bound]), 1e-3))
    biases[-1][:] = _neutral_bias(config)
    return NetworkWeights(
        config=config,
        arguments=tuple(arguments),
        weights=tuple(weights),
        biases=tuple(biases),
        input_center=np.zeros(len(arguments)) if center is None else np.asarray(center, dtype=float),
        input_scale=np.ones(len(arguments)) if scale is None else np.asarray(scale, dtype=float),
        output_scale=float(output_scale),
    )


def _neutral_bias(config: NetworkConfig) -> float:
    """The bias of the last layer with which the neural term starts as near to 0 as its constraints allow without
    saturating."""
    if config.lower is not None and config.upper is not None:
        return float(logit(np.clip(-config.lower / (config.upper - config.lower), 0.05, 0.95)))
    if config.sign == "positive" or config.lower is not None:
        return -2.0
    return 2.0 if config.sign == "negative" or config.upper is not None else 0.0
