"""Whether an explicit solver will do for a model."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Trajectory
from ndestudio.export.track import Track
from ndestudio.model.fitted import FittedModel

EXPLICIT_LIMIT = 3e4
"""Fastest decay rate times duration above which an explicit solver would need more than about this many steps / 3."""


def is_stiff(model: FittedModel, tracks: tuple[Track, ...], samples: int = 5) -> bool:
    """True when the fastest decay of the linearised model is far shorter than the longest trajectory.

    Looks at the eigenvalues of a difference Jacobian along the first trajectory (at its start only, where the model cannot
    be simulated).
    """
    from ndestudio.model.simulate import simulate

    track = tracks[0]
    forcing = track_inputs(model, track)
    times = np.linspace(track.start, track.stop, samples)
    try:
        states = simulate(model, times, track.initial, forcing).states
    except (ValueError, ArithmeticError):
        states = track.initial[None, :]
    fastest = 0.0
    for t, y in zip(times, states, strict=False):
        if np.all(np.isfinite(y)):
            u = None if forcing is None else forcing.input_at(np.array([t]))[0]
            jacobian = _jacobian(model, float(t), y, u)
            if np.all(np.isfinite(jacobian)):
                fastest = max(fastest, float(np.max(-np.linalg.eigvals(jacobian).real)))
    return fastest * max(other.stop - other.start for other in tracks) > EXPLICIT_LIMIT


def track_inputs(model: FittedModel, track: Track) -> Trajectory | None:
    """A bare trajectory that carries the inputs of ``track`` in the order of the model's input columns.

    Columns that the equations do not use are 0; None if they use none.
    """
    if not track.inputs:
        return None
    t = np.unique(np.concatenate([[track.start, track.stop], *(times for times, _ in track.inputs)]))
    columns = np.full((len(t), len(model.inputs)), 0.0)
    for name, (times, values) in zip(model.system.inputs, track.inputs, strict=True):
        columns[:, model.inputs.index(name)] = np.interp(t, times, values)
    return Trajectory(track.name, t, np.full((len(t), len(model.measured)), np.nan), columns, np.zeros(len(t), np.int8))


def _jacobian(
    model: FittedModel, t: float, y: Float[np.ndarray, " state"], u: Float[np.ndarray, " input"] | None
) -> Float[np.ndarray, "state state"]:
    from ndestudio.model.simulate import field

    scale = model.scale if model.scale is not None else np.maximum(np.abs(y), 1e-6)
    columns = []
    for index in range(len(y)):
        step = np.zeros_like(y)
        step[index] = 1e-6 * max(abs(float(y[index])), 1e-3 * float(scale[index]))
        difference = np.asarray(field(model, t, y + step, u)) - np.asarray(field(model, t, y - step, u))
        columns.append(difference / (2.0 * step[index]))
    return np.stack(columns, axis=-1)
