"""The noise of each measured column, as the window shows and edits it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ndestudio.decoding import converted
from ndestudio.errors import NdeStudioError
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.session import commands
from ndestudio.session.ports import Context

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset
    from ndestudio.fitting.result import NoiseLevel

KINDS: tuple[tuple[str, str], ...] = (
    ("", "as all columns"),
    ("constant", "normal, constant"),
    ("proportional", "normal, growing with the value"),
    ("log-normal", "log-normal: errors multiply"),
    ("student", "heavy tails (Student's t)"),
    ("poisson", "counts (Poisson)"),
    ("negative_binomial", "counts that scatter more"),
)
"""What the noise of a column can be, and what it is called; "": what the setting `noise` says."""
NUMBERS: tuple[str, ...] = ("constant", "proportional", "freedom", "dispersion", "below", "above", "resolution")
"""Settings of a kind, in the order in which they are shown."""


@dataclass(frozen=True)
class NoiseRow:
    """A measured column.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    numbers
        Setting -> number that was given. ``usable``: settings that the kind has.
    found
        What the last fit found, in words.
    limits
        How many values the data say to lie beyond a limit.
    """

    column: str
    unit: str
    kind: str
    numbers: Mapping[str, float]
    usable: frozenset[str]
    found: str = ""
    limits: int = 0


@dataclass(frozen=True)
class ColumnNoiseState:
    """Arguments: rows: of the measured columns. problem: why these settings do not go together or with the data, "" if they do."""

    rows: tuple[NoiseRow, ...] = ()
    problem: str = ""


@dataclass
class ColumnNoiseController:
    """Intents of the table of noise, each one step that can be undone."""

    context: Context
    _checked: tuple[Any, str] = field(default=(None, ""))

    def choose_kind(self, column: str, kind: str) -> None:
        """Another kind of noise; numbers that it does not have are dropped."""
        train = self.context.workspace.project.spec.train
        logs = tuple(name for name in train.log_states if name != column)
        given = {name: value for name, value in train.column_noise.items() if name != column}
        if kind:
            own = "constant" if kind == "log-normal" else kind
            usable = _usable(kind)
            kept = {name: value for name, value in _numbers(train.column_noise.get(column)).items() if name in usable}
            given[column] = converted({"kind": own, **kept}, ColumnNoise)
        self._edit(column, column_noise=given, log_states=(*logs, column) if kind == "log-normal" else logs)

    def set_number(self, column: str, name: str, text: str) -> None:
        """Give a number of the noise, or with an empty text let it be estimated (a limit: there is none)."""
        train = self.context.workspace.project.spec.train
        before = train.column_noise.get(column) or ColumnNoise(
            kind="proportional" if train.noise == "proportional" and column not in train.log_states else "constant"
        )
        try:
            value = float(text) if text.strip() else None
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            self.context.notifier.toast(f"{name} of {column}: `{text.strip()}` is no number.", "warning", "")
            self.context.navigation.refresh()
            return
        changed = msgspec.structs.replace(before, **{name: value})
        self._edit(column, column_noise={**train.column_noise, column: changed})

    def state(self, found: Mapping[str, NoiseLevel]) -> ColumnNoiseState:
        """The rows, with what the last fit found."""
        project = self.context.workspace.project
        if project.dataset is None:
            return ColumnNoiseState()
        rows = tuple(_row(project.dataset, k, project.spec.train, found) for k in range(len(project.dataset.measured)))
        return ColumnNoiseState(rows, self._problem(project.dataset, project.spec.train))

    def _problem(self, dataset: Dataset, train: TrainConfig) -> str:
        from ndestudio.fitting.noise_settings import check_noise, for_limits

        key = (dataset, train.column_noise, train.log_states, train.noise, train.loss)
        known = self._checked[0]
        if known is None or known[0] is not dataset or known[1:] != key[1:]:
            try:
                check_noise(dataset, for_limits(train, dataset))
                problem = ""
            except NdeStudioError as error:
                problem = str(error).removeprefix("[train.column_noise] ")
            self._checked = (key, problem)
        return self._checked[1]

    def _edit(self, column: str, **changes: Any) -> None:
        project = self.context.workspace.project
        self.context.workspace.edit(f"Noise of {column}", commands.with_train(project, **changes))


def _row(dataset: Dataset, k: int, train: TrainConfig, found: Mapping[str, NoiseLevel]) -> NoiseRow:
    column = dataset.measured[k]
    settings = train.column_noise.get(column.name)
    kind = "" if settings is None else settings.kind
    if column.name in train.log_states and kind in ("", "constant"):
        kind = "log-normal"
    limits = 0
    if column.name in dataset.censored_columns:
        ends = (one.ends[:, k, 0] for one in dataset.trajectories if one.ends is not None)
        limits = sum(int((one == one).sum()) for one in ends)
    level = found.get(column.name)
    return NoiseRow(
        column.name,
        column.unit,
        kind,
        _numbers(settings),
        _usable(kind),
        level.law(column.unit) if level is not None else "",
        limits,
    )


def _usable(kind: str) -> frozenset[str]:
    from ndestudio.fitting.noise_settings import USED

    if kind == "log-normal":
        return frozenset(("constant", "below", "above"))
    return frozenset(USED[kind]) if kind else frozenset()


def _numbers(settings: ColumnNoise | None) -> dict[str, float]:
    if settings is None:
        return {}
    return {name: value for name in NUMBERS if (value := getattr(settings, name)) is not None}
