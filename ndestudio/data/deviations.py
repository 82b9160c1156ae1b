"""Columns that hold the standard deviation of a measured column: `x_sd` beside `x`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.errors import DataError

_WORDS = "sd|std|stdev|sdev|sigma|se|sem|err|error|uncertainty"
_AFTER = re.compile(rf"(?P<base>.+?)_+(?:{_WORDS})", re.IGNORECASE)
_BEFORE = re.compile(rf"(?:{_WORDS})_+(?P<base>.+)", re.IGNORECASE)
_MEANS = ("mean", "avg", "average", "mittelwert", "moyenne", "media")
LEAST = 0.1
"""A deviation of 0 counts as this part of the column's median: nothing is known exactly, and it would outweigh all else."""


def measured_by(label: str, labels: Sequence[str]) -> str | None:
    """The column whose standard deviation a column holds, by its name (`x_sd`, `sigma_x`, `x error`); None if it is none."""
    word = _word(label)
    for pattern in (_AFTER, _BEFORE):
        found = pattern.fullmatch(word)
        if found is not None:
            for other in labels:
                if other != label and found["base"].lower() in (_word(other).lower(), _of_mean(other)):
                    return other
    if word.lower() in _WORDS.split("|"):  # `mean` and `sd`, of one quantity that the header does not name
        return next((other for other in labels if _word(other).lower() in _MEANS), None)
    return None


def _word(label: str) -> str:
    return re.sub(r"\W+", "_", label).strip("_")


def _of_mean(label: str) -> str:
    """`x` of a column `x_mean` or `mean_x`."""
    parts = [part for part in _word(label).lower().split("_") if part not in _MEANS]
    return "_".join(parts)


def cleaned(
    values: Float[np.ndarray, " row"], *, path: str | None, column: str, rows: Sequence[int] | np.ndarray
) -> tuple[Float[np.ndarray, " row"], str]:
    """Positive deviations (NaN: unknown), and a note about those that were 0 ("": none).

    Raises
    ------
    DataError
        A negative one, or none that is positive.
    """
    bad = np.flatnonzero(values < 0)
    if bad.size:
        raise DataError(
            f"{values[bad[0]]:g} is no standard deviation, which cannot be negative; correct it, add `{values[bad[0]]:g}` to the "
            "missing markers if it says that none is known, or ignore the column",
            path=path,
            row=int(rows[bad[0]]),
            column=column,
        )
    positive = values[values > 0]
    if not positive.size:
        raise DataError("no standard deviation is positive; ignore the column", path=path, column=column)
    least = LEAST * float(np.median(positive))
    zero = values == 0
    if not zero.any():
        return values, ""
    note = f"{int(zero.sum())} standard deviations in `{column}` are 0; they count as {least:.3g}."
    return np.where(zero, least, values), note


def relative_weights(
    deviations: Sequence[Float[np.ndarray, "time measured"] | None], shapes: Sequence[tuple[int, int]]
) -> list[Float[np.ndarray, "time measured"]]:
    """Weight 1/sd^2 of each value over the mean of its column, 1 where the deviation is unknown."""
    raw = [
        np.full(shape, np.nan) if one is None else 1.0 / one**2 for one, shape in zip(deviations, shapes, strict=True)
    ]
    stacked = np.concatenate(raw)
    known = np.isfinite(stacked)
    mean = np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    mean = np.where(mean > 0, mean, 1.0)
    return [np.where(np.isfinite(one), one / mean, 1.0) for one in raw]
