"""Terms that are still neural, in the form in which every language writes them.

value = output(raw, arguments), raw = W_n act(... act(W_1 (x - center)/scale + b_1) ...) + b_n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.model import basis
from ndestudio.model.fitted import NetworkWeights

RAW = "raw"
"""Name of the raw network output in ``ExportedNetwork.output``."""


@dataclass(frozen=True, eq=False)
class ExportedNetwork:
    """A trained neural term.

    Parameters
    ----------
    inputs
        What enters the first layer, before it is centred and scaled: the arguments, or formulas of them.
    layers
        (weights [out, in], biases [out]) of each layer; all but the last are followed by the activation.
    activation
        `tanh`, `softplus`, `gelu` (by tanh), `swish` or `sin`.
    output
        Value of the neural term from ``RAW`` and the arguments.
    """

    arguments: tuple[str, ...]
    inputs: tuple[Expr, ...]
    layers: tuple[tuple[Float[np.ndarray, "_out _in"], Float[np.ndarray, " _out"]], ...]
    activation: str
    center: Float[np.ndarray, " input"]
    scale: Float[np.ndarray, " input"]
    output: Expr

    @property
    def width(self) -> int:
        """Size of the widest layer, inputs included."""
        return max(len(self.inputs), *(len(biases) for _, biases in self.layers))


def exported(network: NetworkWeights) -> ExportedNetwork:
    """``network`` with its constraints worked into the numbers and its output written as an expression.

    Units with a mirrored activation -a(-z) become ordinary ones by changing signs of the weights before and behind them.
    """
    from ndestudio.model.networks import effective_weights

    config = network.config
    used = effective_weights(config, network.arguments, [np.asarray(raw, dtype=float) for raw in network.weights])
    weights = [np.array(matrix, dtype=float) for matrix in used]
    biases = [np.array(bias, dtype=float) for bias in network.biases]
    for index in range(len(weights) - 1):
        if config.monotone and config.activation == "softplus":
            signs = np.where(np.arange(len(biases[index])) % 2 == 1, -1.0, 1.0)
            weights[index] = signs[:, None] * weights[index]
            biases[index] = signs * biases[index]
            weights[index + 1] = weights[index + 1] * signs
    inputs: tuple[Expr, ...] = tuple(map(Name, network.arguments))
    center, scale = np.asarray(network.input_center, dtype=float), np.asarray(network.input_scale, dtype=float)
    if config.basis:
        inputs = basis.expand_formulas(config, network.arguments, basis.scaled(network))
        center, scale = np.zeros(len(inputs)), np.ones(len(inputs))
    return ExportedNetwork(
        network.arguments,
        inputs,
        tuple(zip(weights, biases, strict=True)),
        config.activation,
        center,
        scale,
        _output(network),
    )


def _output(network: NetworkWeights) -> Expr:
    """The constraint of ``ndestudio.model.networks.constrain`` and the factors, as an expression."""
    config, raw = network.config, Name(RAW)
    scale = Number(float(network.output_scale))
    rising = Binary("*", scale, Call("softplus", (raw,)))
    falling = Binary("*", scale, Call("softplus", (Negate(raw),)))
    value: Expr
    if config.sign == "positive":
        value = rising
    elif config.sign == "negative":
        value = Negate(falling)
    elif config.lower is not None and config.upper is not None:
        span = Number(float(config.upper - config.lower))
        value = Binary("+", Number(float(config.lower)), Binary("*", span, Call("sigmoid", (raw,))))
    elif config.lower is not None:
        value = Binary("+", Number(float(config.lower)), rising)
    elif config.upper is not None:
        value = Binary("-", Number(float(config.upper)), falling)
    else:
        value = Binary("*", scale, raw)
    for argument in network.arguments:
        if argument in config.factor:
            value = Binary("*", value, Name(argument))
    return value
