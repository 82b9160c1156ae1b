"""From the rows of files, as their tables have them, to one row for each trajectory and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ndestudio.data.assemble import Rows
from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Column
from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.data.names import identifier, split_header, unique_labels
from ndestudio.data.plan import Plan
from ndestudio.data.roles import Analysed
from ndestudio.data.shape.assign import unknown
from ndestudio.data.shape.events import plain_texts, with_doses
from ndestudio.data.shape.long import observables, pivot
from ndestudio.data.shape.replicates import NAMELESS, averaged, find_replicates, stacked
from ndestudio.data.shape.rest import SHOWN
from ndestudio.data.shape.sentinels import could_mark, find_sentinels, ruled, sentinel_question
from ndestudio.data.shape.together import FEWEST, MEAN, STATES, TRAJECTORIES, rows_together
from ndestudio.data.shape.vocabulary import word
from ndestudio.errors import DataError

_ROWS = 4096


@dataclass(frozen=True)
class Quantity:
    """A column of the dataset, and the names by which a person may call it."""

    column: Column
    answers_to: tuple[str, ...]

    @property
    def label(self) -> str:
        return self.column.label

    @property
    def alias(self) -> str:
        return self.column.name


def quantity(column: Analysed) -> Quantity:
    return Quantity(Column(column.alias, column.label, column.unit), column.answers_to)


@dataclass
class Shaped:
    """What is known while rows are put into shape.

    Parameters
    ----------
    covariates
        Names in equations of the inputs with one value for each trajectory.
    """

    sources: list[Rows]
    measured: list[Quantity]
    inputs: list[Quantity]
    covariates: set[str]
    notes: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def reshape(plan: Plan, sources: Sequence[Rows], config: DataConfig, per_hour: float = 1.0) -> Shaped:
    """Rows with a measured column for each quantity, and the doses of each trajectory.

    Parameters
    ----------
    per_hour
        Units of the time in an hour where the time was a clock, else 1.

    Raises
    ------
    DataError
        Names that no quantity has, values that cannot be what they were taken for.
    """
    shaped = Shaped(
        list(sources),
        [quantity(one) for one in plan.measured],
        [quantity(one) for one in plan.inputs],
        set(plan.covariates),
    )
    _code_texts(plan, shaped)
    if plan.events:
        places = [k for k, one in enumerate(shaped.inputs) if one.alias in shaped.covariates]
        found = [with_doses(one, places, per_hour, config.below, config.from_first_dose) for one in shaped.sources]
        shaped.sources = [one for one, _ in found]
        shaped.notes += [note for _, notes in found for note in notes]
    if plan.observable is not None:
        _pivot(plan, shaped, config)
    _marks(plan, shaped, config)
    if len(shaped.sources) > 1 and not plan.trajectory and plan.observable is None and config.states is None:
        _constants_of_files(shaped, config)
    _replicates(plan, shaped, config)
    _rows_together(shaped, config)
    return shaped


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each column, gaps aside."""
    low, high = np.full((2, values.shape[1]), np.nan)
    for first in range(0, len(values), _ROWS):
        columns = values[first : first + _ROWS].T.copy()  # a few rows at a time, which stay in the cache
        low = np.fmin(low, np.fmin.reduce(columns, axis=1))
        high = np.fmax(high, np.fmax.reduce(columns, axis=1))
    return low, high


def _constants_of_files(shaped: Shaped, config: DataConfig) -> None:
    """Columns with one value in each of several files, and not the same in all, as covariates."""
    for place in reversed(range(len(shaped.measured))):
        values = [source.measured[np.isfinite(source.measured[:, place]), place] for source in shaped.sources]
        if any(len(one) < FEWEST for one in values) or any(np.ptp(one) > 0 for one in values):
            continue
        if len({float(one[0]) for one in values}) < 2 or len(shaped.measured) == 1:
            continue
        moved = shaped.measured.pop(place)
        shaped.inputs.append(moved)
        shaped.covariates.add(moved.alias)
        shaped.sources = [
            columns_at(
                replace(source, inputs=np.column_stack([source.inputs, source.measured[:, place]])),
                [k for k in range(source.measured.shape[1]) if k != place],
            )
            for source in shaped.sources
        ]
        sentence = f"`{moved.label}` has one value in each file, and was taken as a covariate."
        choices = (
            Choice("covariate", {"covariates": (*config.covariates, moved.label)}),
            Choice("left out", {"ignore": (*config.ignore, moved.label)}),
        )
        shaped.notes.append(sentence)
        shaped.decisions.append(Decision("role", sentence, moved.label, choices))


def _marks(plan: Plan, shaped: Shaped, config: DataConfig) -> None:
    """Numbers that mark missing values, taken out where the person or the format says so, and asked about elsewhere."""
    rule = ruled(plan.headers)
    whole = {name for one in plan.measured for name in one.answers_to} if plan.observable is not None else set()
    for part, columns in (("measured", shaped.measured), ("inputs", shaped.inputs)):
        for k, one in enumerate(columns):
            names = [
                name for name in config.sentinels if name in one.answers_to or (part == "measured" and name in whole)
            ]
            marks = {mark for name in names for mark in config.sentinels[name]}
            if not names:
                marks = {mark for known in config.sentinels.values() for mark in known} | set(
                    rule.missing if rule else ()
                )
            count = _take_out(shaped, part, k, tuple(marks)) if marks else 0
            if count:
                why = f" (files of {rule.name} have them so)" if rule and not names else ""
                shown = " and ".join(f"{mark:g}" for mark in sorted(marks))
                shaped.notes.append(
                    f"`{one.label}`: {count} values {shown} mark what was not measured{why} and are missing."
                )
    told = {name for name in config.sentinels for one in (*shaped.measured, *shaped.inputs) if name in one.answers_to}
    told |= {one.label for one in shaped.measured} if whole & set(config.sentinels) else set()
    found = find_sentinels(_by_label(shaped, told))
    if found:
        values = _by_label(shaped, told)
        raise question(
            sentinel_question(
                found, {label: int(np.isin(values[label], marks).sum()) for label, marks in found.items()}
            ),
            plan.path,
        )


def _take_out(shaped: Shaped, part: str, place: int, marks: tuple[float, ...]) -> int:
    count = 0
    for source in shaped.sources:
        values = source.measured if part == "measured" else source.inputs
        hit = np.isin(values[:, place], marks)
        values[hit, place] = np.nan
        count += int(hit.sum())
    return count


def _by_label(shaped: Shaped, left_out: set[str]) -> dict[str, np.ndarray]:
    """All values of each column but those left out (by any of their names)."""
    found = {}
    for part, columns in (("measured", shaped.measured), ("inputs", shaped.inputs)):
        sources = [source for source in shaped.sources if len(source.t)]
        whole = [source.measured if part == "measured" else source.inputs for source in sources]
        if not columns or not whole:
            continue
        lows, highs = zip(*map(_ends, whole), strict=True)
        low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
        for k, one in enumerate(columns):
            # only a column that has a mark at an end can hold any, and few do
            if not left_out.intersection(one.answers_to) and could_mark(low[k], high[k]):
                parts = [(source.measured if part == "measured" else source.inputs)[:, k] for source in shaped.sources]
                found[one.label] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return found


def _replicates(plan: Plan, shaped: Shaped, config: DataConfig) -> None:
    found, decision = find_replicates([one.label for one in shaped.measured], config, config.value or NAMELESS)
    if decision is None or decision.chosen is None:
        return
    if plan.observable is not None:  # else the plan says it
        shaped.decisions.append(decision)
        shaped.notes.append(decision.sentence)
    answer = decision.choices[decision.chosen]
    if answer is STATES:
        return
    alone = [one for k, one in enumerate(shaped.measured) if k not in found.places]
    units = {stem: shaped.measured[next(iter(places.values()))].column.unit for stem, places in found.stems.items()}
    taken = {one.alias for one in (*shaped.inputs, *alone)}
    new = [_named(stem, unit, taken, config) for stem, unit in units.items()]
    put = averaged if answer is MEAN else stacked
    shaped.sources = [put(source, found) for source in shaped.sources]
    shaped.measured = [*new, *alone]
    if alone and answer is TRAJECTORIES:
        names = ", ".join(f"`{one.label}`" for one in alone)
        shaped.notes.append(f"{names} has no replicates and goes with `{found.names[0]}`.")


def _rows_together(shaped: Shaped, config: DataConfig) -> None:
    inputs, measured = [one.label for one in shaped.inputs], [one.label for one in shaped.measured]
    together = [rows_together(source, inputs, measured, config) for source in shaped.sources]
    shaped.sources = [one for one, _, _ in together]
    shaped.notes += [note for _, notes, _ in together for note in notes]
    decisions = [one for _, _, decisions in together for one in decisions]
    shaped.decisions += decisions[:1]


def _code_texts(plan: Plan, shaped: Shaped) -> None:
    """Texts of covariates as numbers, the same in all files."""
    for place, column in enumerate(plan.inputs):
        if column.index not in plan.texts:
            continue
        texts = [source.texts[place] for source in shaped.sources]
        names = sorted({str(one) for cells in texts for one in np.unique(cells.astype(str)) if one})
        code = {name: float(k) for k, name in enumerate(names)}
        for source, cells in zip(shaped.sources, texts, strict=True):
            source.inputs[:, place] = [code.get(str(one), np.nan) for one in cells]
        shown = ", ".join(f"`{name}` = {k}" for k, name in enumerate(names[:SHOWN])) + (
            ", ..." if names[SHOWN:] else ""
        )
        shaped.notes.append(f"The texts of `{column.label}` are numbered: {shown}.")
        one = shaped.inputs[place]
        shaped.inputs[place] = replace(one, column=replace(one.column, levels=tuple(names)))


def _pivot(plan: Plan, shaped: Shaped, config: DataConfig) -> None:
    """The quantities of a long table as columns, those that the person named as inputs among the inputs."""
    assert plan.observable is not None
    sources = [
        one if one.observable is None else replace(one, observable=plain_texts(one.observable))
        for one in shaped.sources
    ]
    names = observables([text for one in sources if one.observable is not None for text in one.observable])
    found = _quantities(names, plan, config, _units(plan, sources))
    _check_names(plan, found)
    ordered = word(plan.observable.label) != "observableid"
    wide = [pivot(source, names, ordered) for source in sources]
    shaped.sources = [one for one, _ in wide]
    shaped.notes += [note for _, notes in wide for note in notes]
    use = _uses(found, config)
    for role in ("covariate", "input"):
        for place in (k for k, one in enumerate(use) if one == role):
            shaped.inputs.append(found[place])
            shaped.sources = [
                replace(one, inputs=np.column_stack([one.inputs, one.measured[:, place]])) for one in shaped.sources
            ]
            if role == "covariate":
                shaped.covariates.add(found[place].alias)
    keep = [k for k, one in enumerate(use) if one == "state"]
    order = {name: k for k, name in enumerate(config.states or ())}
    keep.sort(key=lambda k: min((order[name] for name in found[k].answers_to if name in order), default=len(order)))
    shaped.measured = [found[k] for k in keep]
    shaped.sources = [columns_at(one, keep) for one in shaped.sources]


def columns_at(source: Rows, keep: Sequence[int]) -> Rows:
    """A source with some of its measured columns."""
    if list(keep) == list(range(source.measured.shape[1])):
        return source
    deviation = None if source.deviation is None else source.deviation[:, list(keep)]
    ends = None if source.ends is None else source.ends[:, list(keep)]
    return replace(source, measured=source.measured[:, list(keep)], deviation=deviation, ends=ends)


def _units(plan: Plan, sources: Sequence[Rows]) -> dict[str, str]:
    """The unit of each quantity, where a column says it."""
    units: dict[str, str] = {}
    for source in sources:
        if source.units is None or source.observable is None:
            continue
        pairs = np.array([source.observable.astype(str), source.units.astype(str)])
        found, first = np.unique(pairs, axis=1, return_index=True)
        for (name, unit), row in zip(found.T, first, strict=True):
            if unit and units.setdefault(str(name), str(unit)) != unit:
                raise DataError(
                    f"`{name}` is given in `{units[str(name)]}` and in `{unit}`; convert one of them, or name them as two "
                    "quantities",
                    path=source.path,
                    row=int(source.rows[row]),
                    column=plan.unit.label if plan.unit else None,
                )
    return units


def _quantities(names: Sequence[str], plan: Plan, config: DataConfig, units: Mapping[str, str]) -> list[Quantity]:
    """A column for each name in a long table; one for whole numbers is called after the column of values."""
    parts = [split_header(name) for name in names]
    value = plan.measured[0].label
    numbered = all(name.isdigit() for name in names)
    labels = [
        f"{value}_{name}" if numbered and len(names) > 1 else value if numbered else label
        for name, (label, _) in zip(names, parts, strict=True)
    ]
    taken = {one.alias for one in plan.inputs}
    found = []
    for name, label, (_, unit) in zip(names, unique_labels(labels), parts, strict=True):
        found.append(_named(label, units.get(name) or unit or plan.measured[0].unit, taken, config, name))
    return found


def _named(label: str, unit: str, taken: set[str], config: DataConfig, name: str = "") -> Quantity:
    """A column of the dataset as the person calls it; ``name`` is another name that they may use."""
    given = next((config.names[one] for one in (label, name) if one in config.names), label)
    alias = identifier(given, taken)
    taken.add(alias)
    answers = tuple(one for one in dict.fromkeys((label, alias, name)) if one)
    return Quantity(
        Column(alias, label, next((config.units[one] for one in answers if one in config.units), unit)), answers
    )


def _check_names(plan: Plan, found: Sequence[Quantity]) -> None:
    known = [name for one in found for name in one.answers_to]
    for name, where in plan.unknown:
        if name not in known:
            raise unknown(name, where, [*known, *(one.label for one in plan.columns)], plan.path)


def _uses(found: Sequence[Quantity], config: DataConfig) -> list[str]:
    def named(one: Quantity, names: Sequence[str] | Mapping[str, object]) -> bool:
        return any(name in names for name in one.answers_to)

    return [
        "covariate"
        if named(one, config.covariates)
        else "input"
        if named(one, config.inputs)
        else "ignore"
        if named(one, config.ignore) or (config.states and not named(one, config.states))
        else "state"
        for one in found
    ]
