"""What the transitions say of a trained network, as samples with weights that a search can fit.

For a network f in drift or diffusion, u = d log p/df and I = E[u^2] of each transition make f + u/I a sample of what f should
be, with the weight I: least squares on these is a step of Fisher's scoring for any form of f (iteratively reweighted least
squares, McCullagh and Nelder 1989, section 2.5). Transitions from one place are put together, so that the search has few rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ndestudio.fitting.stochastic.arguments import call_arguments
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.networks import evaluate_network

PER_CELL, MOST_CELLS = 20, 256
"""Transitions that are put together, and how many places there are at most."""
NUDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Response:
    """Samples of a network, or of its square, with their information.

    Parameters
    ----------
    X
        Arguments, physical units.
    y
        What the transitions there say.
    information
        1/variance of each.
    root, target
        What transitions say of several places at once, where it is known: the sum of squares of ``target - root @ values`` is
        twice the misfit.
    """

    X: Float[np.ndarray, "cell argument"]
    y: Float[np.ndarray, " cell"]
    information: Float[np.ndarray, " cell"]
    root: Float[np.ndarray, "row cell"] | None = None
    target: Float[np.ndarray, " row"] | None = None

    def misfit(self, values: Float[np.ndarray, " cell"]) -> float:
        """Minus the log likelihood of ``values``, in nats, but for a constant."""
        b, left = self.goal, self.white(values)
        return 0.5 * float(np.sum((b - left) ** 2))

    def white(self, values: Float[np.ndarray, "cell *more"]) -> Float[np.ndarray, "row *more"]:
        """``values`` at the cells in units of their errors."""
        if self.root is not None:
            return self.root @ values
        return (np.sqrt(self.information) * values.T).T

    @property
    def goal(self) -> Float[np.ndarray, " row"]:
        """What ``white`` should come to."""
        return self.white(self.y) if self.target is None else self.target


def responses(model: FittedModel, name: str, data: Transitions, parts: int) -> tuple[Response, Response]:
    """Samples of the network ``name``, and of its square."""
    network = model.networks[name]
    X = call_arguments(model, name, data.t, data.y, data.u)
    value = evaluate_network(network, X)
    additive = network.config.sign == "any" and network.config.lower is None and network.config.upper is None
    additive = additive and not network.config.factor
    size = NUDGE * (abs(network.output_scale) if additive else 1.0)
    shifted = [_moments(_nudged(model, name, network, sign * size, additive), data, parts) for sign in (-1.0, 0.0, 1.0)]
    (m_less, p_less), (m, p), (m_more, p_more) = shifted
    dm, dp = (m_more - m_less) / (2 * size), (p_more - p_less) / (2 * size)
    inverse = np.linalg.inv(np.moveaxis(p, 2, 0))
    r, dm, dp = (data.later - m).T, dm.T, np.moveaxis(dp, 2, 0)
    toward, turned = np.einsum("nij,nj->ni", inverse, r), inverse @ dp
    score = np.einsum("ni,ni->n", dm, toward)
    score += 0.5 * (np.einsum("ni,nij,nj->n", toward, dp, toward) - np.trace(turned, axis1=1, axis2=2))
    information = np.einsum("ni,nij,nj->n", dm, inverse, dm) + 0.5 * np.einsum("nij,nji->n", turned, turned)
    if not additive:
        scale = np.where(np.abs(value) > 1e-12, value, 1e-12)
        score, information = score / scale, information / scale**2
    labels = cells(X, int(np.clip(len(X) // PER_CELL, 8, MOST_CELLS)))
    direct = _joined(X, labels, score, information, network, squared=False)
    double = np.where(np.abs(value) > 1e-12, 2 * value, 1e-12)
    return direct, _joined(X, labels, score / double, information / double**2, network, squared=True)


def _joined(
    X: Float[np.ndarray, "n argument"],
    labels: Int[np.ndarray, " n"],
    score: Float[np.ndarray, " n"],
    information: Float[np.ndarray, " n"],
    network: NetworkWeights,
    *,
    squared: bool,
) -> Response:
    count = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=count)
    center = np.stack([np.bincount(labels, X[:, k], count) / sizes for k in range(X.shape[1])], axis=1)
    weight = np.bincount(labels, information, count)
    at = evaluate_network(network, center)
    y = (at**2 if squared else at) + np.bincount(labels, score, count) / weight
    kept = np.isfinite(y) & np.isfinite(weight) & (weight > 0)
    return Response(center[kept], y[kept], weight[kept])


def cells(X: Float[np.ndarray, "n argument"], count: int) -> Int[np.ndarray, " n"]:
    """Cells of about equally many points, halved along the argument of the largest spread."""
    scale = np.maximum(X.std(axis=0), 1e-300)
    groups = [np.arange(len(X))]
    while len(groups) < count:
        groups.sort(key=len)
        largest = groups.pop()
        axis = int(np.argmax(X[largest].std(axis=0) / scale))
        order = largest[np.argsort(X[largest, axis], kind="stable")]
        groups += [order[: len(order) // 2], order[len(order) // 2 :]]
        if len(order) < 4:
            break
    labels = np.empty(len(X), dtype=int)
    for k, group in enumerate(groups):
        labels[group] = k
    return labels


def _nudged(model: FittedModel, name: str, network: NetworkWeights, by: float, additive: bool) -> FittedModel:
    if additive:
        biases = (*network.biases[:-1], network.biases[-1] + by / network.output_scale)
        changed = replace(network, biases=biases)
    else:
        changed = replace(network, output_scale=network.output_scale * (1.0 + by))
    return replace(model, networks={**model.networks, name: changed})


def _moments(model: FittedModel, data: Transitions, parts: int) -> tuple[np.ndarray, np.ndarray]:
    space = stochastic_space(model)
    return TransitionLikelihood(space, data, "moments", parts).moments(space.theta)
