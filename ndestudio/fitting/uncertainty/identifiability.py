"""Sentences about parameters that the data do not determine, and about what takes their place.

The near-null directions of the Fisher information are the large ones of its inverse. The share of a parameter's
variance that is gone once a neural term is known, its squared multiple correlation with the neural term's weights,
tells whether the two trade off; how the neural term moves along with the parameter tells in what respect: its level, a
part in proportion to an argument, or its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ndestudio.fitting.prepared import PreparedFit
from ndestudio.fitting.uncertainty.laplace import Uncertainty
from ndestudio.model.fitted import FittedModel
from ndestudio.model.networks import evaluate_network
from ndestudio.problem.dynamics import NeuralTermShape
from ndestudio.solve.jax_backend import one_thread

UNSURE = 0.6
"""Standard deviation of the trained number (which is of order one) from which a parameter counts as undetermined."""
TIED = 0.98
"""Correlation from which two parameters, or a parameter and a neural term, count as tied to each other."""
LOOSE = 0.03
"""A parameter that is this certain beside a neural term needs no warning, however much more certain it could be."""
ALIKE = 0.9
"""Share of a neural term's movement that a form explains to be named."""
POINTS = 400


def identify(problem: PreparedFit, model: FittedModel, found: Uncertainty) -> tuple[str, ...]:
    """Warnings; none where every parameter is determined.

    Parameters
    ----------
    model
        The fitted one, whose networks know where the data support them.
    """
    deviation = np.sqrt(np.maximum(np.diag(found.covariance), 0.0))
    unsure = [
        name
        for name, width in zip(found.names, deviation, strict=True)
        if width > UNSURE and name not in found.profiled
    ]
    with one_thread():
        beside = list(_neural_terms(problem, model, found, deviation))
    notes = [sentence for _, sentence in beside]
    explained = {name for name, _ in beside}
    for first, second, value in _pairs(found, deviation):
        if {first, second} <= explained:
            continue
        explained |= {first, second}
        notes.append(
            f"`{first}` and `{second}` are tied to each other (correlation {value:.3f}): the data determine a combination "
            "of the two better than each." + (" Fix one of them." if {first, second} & set(unsure) else "")
        )
    rest = [name for name in unsure if name not in explained]
    together = _combination(found, rest)
    if together:
        return (*notes, together)
    return (*notes, *(_lonely(name, problem) for name in rest))


def _lonely(name: str, problem: PreparedFit) -> str:
    if problem.structure.neural_terms:
        neural_terms = " and ".join(f"`{neural_term.name}`" for neural_term in problem.structure.neural_terms)
        return f"The data hardly determine `{name}` beside the learned {neural_terms}. Fix it, bound it, or constrain the neural term."
    return f"The data hardly determine `{name}`: fix it, bound it, or measure more."


def _pairs(found: Uncertainty, deviation: Float[np.ndarray, " parameter"]) -> Iterator[tuple[str, str, float]]:
    with np.errstate(all="ignore"):
        correlation = found.covariance / np.outer(deviation, deviation)
    for i in range(len(found.names)):
        for j in range(i):
            if abs(correlation[i, j]) > TIED:
                yield found.names[j], found.names[i], float(correlation[i, j])


def _combination(found: Uncertainty, names: Sequence[str]) -> str:
    """One sentence for three or more parameters that are loose in one direction only."""
    if len(names) < 3:
        return ""
    at = [found.names.index(name) for name in names]
    values, vectors = np.linalg.eigh(found.covariance[np.ix_(at, at)])
    part = [name for name, x in zip(names, vectors[:, -1], strict=True) if abs(x) > 0.2]
    if values[-1] < ALIKE * values.sum() or len(part) < 3:
        return ""
    listed = ", ".join(f"`{name}`" for name in part[:-1]) + f" and `{part[-1]}`"
    return f"{listed} trade off: the data determine combinations of them only. Fix one of them, or measure more."


def _neural_terms(
    problem: PreparedFit, model: FittedModel, found: Uncertainty, deviation: Float[np.ndarray, " parameter"]
) -> Iterator[tuple[str, str]]:
    """(parameter, sentence) for each that trades off with a neural term."""
    normal = found.normal
    slices = problem.structure.neural_term_slices()
    for name, width in zip(found.names, deviation, strict=True):
        if width < LOOSE:
            continue
        i = int(normal.place(np.array([problem.structure.parameters.index(name)]))[0])
        ties = []
        for shape in problem.structure.neural_terms:
            place = slices[shape.name]
            if normal.moves[place].all():
                at = normal.place(np.arange(place.start, place.stop))
                ties.append((_multiple(normal.inverse, i, at), shape, place, at))
        if not ties:
            continue
        value, shape, place, at = max(ties, key=lambda tie: tie[0])
        if value > TIED:
            move = normal.inverse[at, i] / normal.inverse[i, i]
            aspect = _aspect(model, shape, found.point.theta[place], move)
            yield (
                name,
                f"`{name}` and {aspect} trade off (correlation {value:.3f}): the data determine them together better than "
                f"each. Fix `{name}`, or constrain the neural term.",
            )


def _multiple(C: Float[np.ndarray, "n n"], i: int, at: np.ndarray) -> float:
    """Multiple correlation of unknown ``i`` with the unknowns ``at``."""
    try:
        factor = scipy.linalg.cho_factor(C[np.ix_(at, at)], lower=True)
    except scipy.linalg.LinAlgError:
        return 0.0
    share = float(C[i, at] @ scipy.linalg.cho_solve(factor, C[at, i])) / float(C[i, i])
    return float(np.sqrt(np.clip(share, 0.0, 1.0)))


def _aspect(
    model: FittedModel, shape: NeuralTermShape, theta: Float[np.ndarray, " weight"], move: Float[np.ndarray, " weight"]
) -> str:
    """What of the neural term moves with the parameter, in words."""
    network = model.networks[shape.name]
    support = network.support
    if support is None or len(support) < 3:
        return f"`{shape.name}`"
    X = support[:: max(1, len(support) // POINTS)]

    def value(flat: Float[np.ndarray, " weight"]) -> Float[np.ndarray, " point"]:
        weights, biases = shape.unpack(flat)
        return evaluate_network(replace(network, weights=tuple(weights), biases=tuple(biases)), X)

    step = 1e-3 / max(float(np.linalg.norm(move)), 1e-12)
    change = (value(theta + step * move) - value(theta - step * move)) / (2 * step)
    forms = [(f"the level of `{shape.name}`", np.ones(len(X)))]
    for k, argument in enumerate(shape.arguments):
        forms.append((f"the part of `{shape.name}` proportional to `{argument}`", X[:, k]))
    forms.append((f"the size of `{shape.name}`", value(theta)))
    for k, argument in enumerate(shape.arguments):
        for j in range(k):
            words = f"the part of `{shape.name}` proportional to `{shape.arguments[j]}*{argument}`"
            forms.append((words, X[:, j] * X[:, k]))
    shares = [_share(change, form) for _, form in forms]
    best = int(np.argmax(shares))
    return forms[best][0] if shares[best] > ALIKE else f"`{shape.name}`"


def _share(change: Float[np.ndarray, " point"], form: Float[np.ndarray, " point"]) -> float:
    """Share of the squared change that a multiple of ``form`` explains."""
    whole = float(change @ change) * float(form @ form)
    return float(change @ form) ** 2 / whole if whole > 0 and np.isfinite(whole) else 0.0
