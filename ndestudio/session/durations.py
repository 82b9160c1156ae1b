"""How long a training or a search will still take, learned from earlier ones of the same shape.

A stage ends when it has converged, so what is done of its budget says little of when that is. What says more is how long the
same stages took before, on problems of about the same size with the same settings: these times are kept between sessions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ndestudio.decoding import from_json

_RUNS = 5
"""Earlier runs of a shape that are kept."""
_SHAPES = 200
_ONE_RUN = (0.6, 1.6)
"""What is made of a single earlier run: it may have been a short or a long one."""
_SEVERAL = (0.85, 1.2)
_EARLY = 0.3
"""Part of a stage's budget that it needs at least, as far as one can say before any run."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rest:
    """Seconds that are left, between two limits; `high` None: nobody knows how long at most."""

    low: float
    high: float | None


class Durations:
    """Seconds of the stages of earlier runs.

    Parameters
    ----------
    path
        File they are kept in; None: nowhere.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known = self._read()

    def learn(self, shape: str, seconds: Mapping[str, float]) -> None:
        """A run has ended by itself.

        Parameters
        ----------
        shape
            What its time depends on, as words: see ``shape``.
        seconds
            Stage -> seconds it took, without pauses.
        """
        runs = [*self._known.pop(shape, []), {name: round(float(value), 2) for name, value in seconds.items()}]
        self._known[shape] = runs[-_RUNS:]
        while len(self._known) > _SHAPES:
            self._known.pop(next(iter(self._known)))
        self._write()

    def rest(
        self, shape: str, spent: Mapping[str, float], active: str, fraction: float | None, pending: Collection[str]
    ) -> Rest | None:
        """Seconds until a run ends.

        Parameters
        ----------
        spent
            Stage -> seconds so far, of the stages entered.
        active
            The stage that goes on.
        fraction
            Of its budget that is done, None while unknown.
        pending
            Stages that may still come.

        Returns
        -------
        Rest | None
            None where nothing can be said.
        """
        earlier = self._known.get(shape, [])
        if earlier:
            return _by_earlier(earlier, spent, active)
        if fraction is None or not 0.05 < fraction < 1.0 or spent.get(active, 0.0) < 1.0:
            return None
        budget = spent[active] * (1.0 - fraction) / fraction
        return Rest(_EARLY * budget, None if pending else budget)

    def _read(self) -> dict[str, list[dict[str, float]]]:
        if self._path is None:
            return {}
        try:
            return from_json(self._path.read_bytes(), dict[str, list[dict[str, float]]])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError):
            _log.warning("times of earlier runs in %s cannot be read; they are learned anew", self._path, exc_info=True)
            return {}

    def _write(self) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(msgspec.json.encode(self._known))
        except OSError:
            _log.warning("times of runs cannot be written to %s", self._path, exc_info=True)


def shape(purpose: str, *parts: object, sizes: Sequence[int] = ()) -> str:
    """What the time of a run depends on, as words; sizes count by powers of two."""
    return " ".join([purpose, *map(str, parts), *(str(max(size, 1).bit_length()) for size in sizes)])


def words(rest: Rest | None, duration) -> str:  # type: ignore[no-untyped-def]
    """A rest for a person: one number where it is known well, a range while it is not.

    Parameters
    ----------
    duration
        Writes seconds.
    """
    if rest is None:
        return ""
    if rest.high is None:
        return f"more than {duration(rest.low)} left" if rest.low >= 1.0 else ""
    if rest.high < 1.5:
        return "about 1 s left"
    if rest.high - rest.low <= max(2.0, 0.35 * rest.high):
        return f"about {duration(0.5 * (rest.low + rest.high))} left"
    return f"{duration(rest.low)} to {duration(rest.high)} left"


def _by_earlier(earlier: Sequence[Mapping[str, float]], spent: Mapping[str, float], active: str) -> Rest:
    """As long as the stages that are still to come took before, and what the running one took longer than it has by now."""
    later = [sum(value for name, value in run.items() if name not in spent) for run in earlier]
    here = [run.get(active, 0.0) - spent.get(active, 0.0) for run in earlier]
    shorter, longer = _ONE_RUN if len(earlier) == 1 else _SEVERAL
    if max(here) <= 0:  # longer than ever: it may well take as long again
        return Rest(shorter * min(later), longer * max(later) + spent.get(active, 0.0))
    rests = [max(one, 0.0) + other for one, other in zip(here, later, strict=True)]
    return Rest(shorter * min(rests), longer * max(rests))
