"""Columns that are readings of one quantity: `x_rep1`, `x_rep2`, ..."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ndestudio.data.assemble import Rows
from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dose
from ndestudio.data.decisions import Decision
from ndestudio.data.scatter import of_readings
from ndestudio.data.shape.together import MEAN, STATES, TRAJECTORIES, positive, refuse_limits
from ndestudio.data.shape.vocabulary import REPLICATES

_WORD = "|".join(sorted(REPLICATES, key=len, reverse=True))
_REPLICATE = rf"(?P<rep>(?:{_WORD})[\s_.#-]*(?:\d+|[a-z]))"
_AFTER = re.compile(rf"(?:(?P<stem>.*?)[\s_.\-(,:|]+|){_REPLICATE}\)?", re.IGNORECASE)
_BEFORE = re.compile(rf"{_REPLICATE}[\s_.\-:|]+(?P<stem>.+)", re.IGNORECASE)
_PERHAPS = re.compile(r"(?P<stem>.+?)[\s_.-]+(?P<rep>[Rr]\d+)")
_NUMBERED = re.compile(r"(?P<stem>.*?[a-z])(?P<gap>[\s_.-]*)(?P<rep>\d+)", re.IGNORECASE)
NAMELESS = "value"
"""What a quantity is called of which only the numbers of the readings are written."""


@dataclass(frozen=True)
class Replicates:
    """Which columns are readings of one quantity.

    Parameters
    ----------
    stems
        Name of each quantity -> name of a reading (`rep1`) -> place of its column.
    """

    stems: Mapping[str, Mapping[str, int]]

    @property
    def names(self) -> list[str]:
        """The names of all readings, in order of appearance."""
        return list(dict.fromkeys(name for one in self.stems.values() for name in one))

    @property
    def places(self) -> frozenset[int]:
        return frozenset(place for one in self.stems.values() for place in one.values())


def find_replicates(
    labels: Sequence[str], config: DataConfig, value: str = NAMELESS
) -> tuple[Replicates, Decision | None]:
    """Columns that say in their names that they are readings of one quantity; with numbers alone (`A1`, `A2`) only where
    the person says that there are such.

    Parameters
    ----------
    labels
        Of the measured columns.
    value
        What a quantity without a name is called.
    """
    stems = _stems(labels, (_AFTER, _BEFORE), value)
    if not stems and config.replicates in ("mean", "trajectories"):
        stems = _stems(labels, (_PERHAPS,), value) or _stems(labels, (_NUMBERED,), value)
    perhaps = not stems and config.replicates is None
    if perhaps:
        stems = _stems(labels, (_PERHAPS,), value)
    if not stems:
        return Replicates({}), None
    found = Replicates(stems)
    answers = {"trajectories": 0, "mean": 1, "states": 2}
    chosen = answers[config.replicates or ("states" if perhaps else "trajectories")]
    said = (
        "each is a trajectory of its own",
        "their mean was taken, with its standard deviation",
        "each is a quantity of its own",
    )
    columns = ", ".join(f"`{label}`" for k, label in enumerate(labels) if k in found.places)
    of = f"`{next(iter(stems))}`" if len(stems) == 1 else "one quantity each: " + ", ".join(f"`{one}`" for one in stems)
    sentence = f"The columns {columns} {'may be' if perhaps else 'are'} replicates of {of}; {said[chosen]}."
    certain = config.replicates is not None
    return found, Decision("shape", sentence, None, (TRAJECTORIES, MEAN, STATES), chosen, certain)


def _stems(labels: Sequence[str], patterns: Sequence[re.Pattern[str]], value: str) -> dict[str, dict[str, int]]:
    stems: dict[str, dict[str, int]] = {}
    for place, label in enumerate(labels):
        match = next((one for pattern in patterns if (one := pattern.fullmatch(label.strip()))), None)
        if match is not None:
            stems.setdefault((match["stem"] or value).strip(), {}).setdefault(match["rep"], place)
    return {stem: found for stem, found in stems.items() if len(found) > 1}


def stacked(source: Rows, found: Replicates) -> Rows:
    """The readings of each name as trajectories of their own; columns without replicates go with the first."""
    alone = [k for k in range(source.measured.shape[1]) if k not in found.places]
    base = source.group if source.group is not None else np.full(len(source.t), "", dtype=object)
    parts, groups, doses = [], [], dict[str, tuple[Dose, ...]](source.doses)
    ends: list[np.ndarray] = []
    for number, name in enumerate(found.names):
        part = np.full((len(source.t), len(found.stems) + len(alone)), np.nan)
        for k, columns in enumerate(found.stems.values()):
            if name in columns:
                part[:, k] = source.measured[:, columns[name]]
        if number == 0:
            part[:, len(found.stems) :] = source.measured[:, alone]
        parts.append(part)
        if source.ends is not None:
            own = np.full((*part.shape, 2), np.nan)
            for k, columns in enumerate(found.stems.values()):
                if name in columns:
                    own[:, k] = source.ends[:, columns[name]]
            if number == 0:
                own[:, len(found.stems) :] = source.ends[:, alone]
            ends.append(own)
        group = [f"{one}/{name}" if one else name for one in base]
        groups.append(group)
        doses.update(
            {
                new: source.doses[old or source.stem]
                for new, old in zip(group, base, strict=True)
                if (old or source.stem) in source.doses
            }
        )
    rows = np.tile(np.arange(len(source.t)), len(parts))
    group = np.array([one for names in groups for one in names], dtype=object)
    return replace(
        source.rows_at(rows),
        measured=np.concatenate(parts),
        group=group,
        deviation=None,
        doses=doses,
        ends=np.concatenate(ends) if ends else None,
    )


def averaged(source: Rows, found: Replicates) -> Rows:
    """The mean of the readings, with its standard deviation by how far readings scatter."""
    refuse_limits(source)
    alone = [k for k in range(source.measured.shape[1]) if k not in found.places]
    means, deviations = [], []
    for columns in found.stems.values():
        values = source.measured[:, list(columns.values())]
        known = np.isfinite(values).sum(axis=1)
        mean = np.where(known > 0, np.nansum(values, axis=1) / np.maximum(known, 1), np.nan)
        means.append(mean)
        time = np.repeat(np.arange(len(mean)), values.shape[1])
        deviations.append(np.where(known > 0, of_readings(values.ravel(), time, mean).deviation, np.nan))
    own = np.full((len(source.t), len(alone)), np.nan) if source.deviation is None else source.deviation[:, alone]
    measured = np.column_stack([*means, source.measured[:, alone]])
    return replace(source, measured=measured, deviation=positive(np.column_stack([*deviations, own])))
