"""Measured series of a stochastic model as transitions: where it was, how long it took, where it came to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import DataError
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import observed_states

LONGEST = 8.0
"""Times of the median step from which a transition is a gap: it says little of the law, and its density is hard to have."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """Pairs of neighbouring measurements.

    Parameters
    ----------
    t, h
        Time of the first of the two, and the time to the second.
    y, later
        States at both, in the units of the model.
    u, u_later
        Inputs at both.
    run
        Place of the trajectory in the data.
    row
        Row of the second measurement in its trajectory.
    gaps
        How many transitions were left out because they take too long.
    """

    t: Float[np.ndarray, " n"]
    h: Float[np.ndarray, " n"]
    y: Float[np.ndarray, "state n"]
    later: Float[np.ndarray, "state n"]
    u: Float[np.ndarray, "input n"]
    u_later: Float[np.ndarray, "input n"]
    run: Int[np.ndarray, " n"]
    row: Int[np.ndarray, " n"]
    gaps: int = 0

    def __len__(self) -> int:
        return len(self.t)

    def where(self, chosen: Int[np.ndarray, " m"]) -> Transitions:
        """Some of them."""
        c = chosen
        return Transitions(
            self.t[c],
            self.h[c],
            self.y[:, c],
            self.later[:, c],
            self.u[:, c],
            self.u_later[:, c],
            self.run[c],
            self.row[c],
            self.gaps,
        )


def transitions(model: FittedModel, dataset: Dataset, part: Part | None = Part.TRAIN, every: int = 1) -> Transitions:
    """Transitions between neighbouring complete rows; rows that miss a state are passed over.

    Parameters
    ----------
    part
        Both rows belong to it (of `validation` and `test` the second alone, so that none is lost); None: all rows.
    every
        Take each ``every``-th row only: data that were sampled more coarsely.

    Raises
    ------
    DataError
        A state is not measured, or there are no two rows that follow each other.
    """
    columns = measured_columns(model, dataset)
    found: list[tuple[np.ndarray, ...]] = []
    for place, one in enumerate(dataset.trajectories):
        values = np.stack([(one.measured[:, k] - offset) / factor for k, offset, factor in columns])
        rows = np.flatnonzero(np.isfinite(values).all(axis=0))[::every]
        if part is Part.TRAIN:
            rows = rows[one.part[rows] == Part.TRAIN]
        first, second = rows[:-1], rows[1:]
        if part in (Part.VALIDATION, Part.TEST):
            kept = one.part[second] == part
            first, second = first[kept], second[kept]
        u = one.input_at(one.t).T if one.inputs.shape[1] else np.zeros((0, len(one.t)))
        t = one.t
        found.append(
            (
                t[first],
                t[second] - t[first],
                values[:, first],
                values[:, second],
                u[:, first],
                u[:, second],
                np.full(len(first), place),
                second,
            )
        )
    joined = [np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True)]
    if not joined[0].size and part in (None, Part.TRAIN):
        raise DataError("no two measurements with all states follow each other, so nothing can be learned of the noise")
    t, h, y, next_y, u, next_u, run, row = joined
    every_one = Transitions(t, h, y, next_y, u, next_u, run, row)
    if not len(every_one):
        return every_one
    kept = np.flatnonzero(every_one.h <= LONGEST * np.median(every_one.h))
    chosen = every_one.where(kept)
    return replace(chosen, gaps=len(every_one) - len(kept))


def measured_columns(model: FittedModel, dataset: Dataset) -> list[tuple[int, float, float]]:
    """For each state the column that shows it, with column = offset + factor*state.

    Raises
    ------
    DataError
        A state is not measured.
    """
    seen = observed_states(model.system, model.parameters, dataset.measured_names)
    found = []
    for state in model.system.states:
        if state not in seen:
            raise DataError(
                f"the state `{state}` is not measured; the likelihood of transitions needs a column for each state of a model with noise"
            )
        column, offset, factor = seen[state]
        found.append((dataset.measured_names.index(column), offset, factor))
    return found
