"""Tables of doses and events as NONMEM and Monolix have them: which rows are doses, and what is a measurement.

The columns and codes are those of NONMEM (NONMEM Users Guide, Part IV, PREDPP) and Monolix (`AMT`, `ADM`, `TINF`, `YTYPE`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.assemble import Rows
from ndestudio.data.cells import is_missing, number
from ndestudio.data.config import DataConfig, DoseConfig
from ndestudio.data.dataset import Dose
from ndestudio.data.roles import Analysed, find
from ndestudio.data.shape.below import Answer, ask
from ndestudio.data.shape.vocabulary import DOSES, word
from ndestudio.errors import DataError

FIELDS: tuple[str, ...] = DoseConfig.__struct_fields__
CODED = 100
"""From here on `EVID` is the code of RxODE and nlmixr for a dose (wwxxyz: 101 is a bolus into compartment 1)."""
KINDS = (0.0, 1.0, 2.0, 3.0, 4.0)
"""Kinds of rows (`EVID`) of NONMEM and Monolix."""
ROUNDED = 0.02
"""Relative difference of an amount and its rate times its duration that rounding explains."""
MOST = 100_000
"""Further doses (`ADDL`) of one row: more are a mistake in the file."""
_COMPANIONS = frozenset(
    {"evid", "mdv", "dv", "cmt", "adm", "rate", "addl", "ii", "ss", "tinf", "dvid", "ytype", "y", "cens"}
)


@dataclass(frozen=True)
class Events:
    """Where the columns of doses and events are: a setting of `[data.doses]` -> index."""

    places: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.places)

    @property
    def doses(self) -> bool:
        """Whether there are doses or events, not flags of limits alone."""
        return not set(self.places) <= {"censored", "limit"}


def find_events(columns: Sequence[Analysed], taken: Sequence[int], config: DataConfig) -> Events:
    """The columns of doses and events, by the settings and by the usual names.

    Parameters
    ----------
    taken
        Columns that the person gave another use.
    """
    asked = config.doses
    if asked.amount == "" and asked.event == "":
        return Events({})
    words = {word(one.label): one.index for one in reversed(columns)}
    places: dict[str, int] = {}
    for name in FIELDS:
        wish = getattr(asked, name)
        if wish is not None:
            place = find(columns, wish) if wish else None
        else:
            known = (words[one] for one in DOSES[name] if one in words)
            place = next((one for one in known if one not in taken), None)
        if place is not None and place not in places.values():
            places[name] = place
    named = asked.amount or asked.event
    if not (named or _is_table_of_doses(words, places, columns)):
        return Events(_flags_of_limits(places, columns))
    return Events(places)


def _flags_of_limits(places: Mapping[str, int], columns: Sequence[Analysed]) -> dict[str, int]:
    """The columns that say which values lie beyond a limit, in a table without doses; none where they hold anything but flags."""
    place = places.get("censored")
    if place is None or columns[place].kind != "number":
        return {}
    values = columns[place].values[np.isfinite(columns[place].values)]
    if not len(values) or not np.isin(values, (-1.0, 0.0, 1.0)).all():
        return {}
    return {name: places[name] for name in ("censored", "limit") if name in places}


def _is_table_of_doses(words: Mapping[str, int], places: Mapping[str, int], columns: Sequence[Analysed]) -> bool:
    if "evid" in words and {"dv", "y", "amt", "mdv"} & set(words):
        return True
    amount = places.get("amount")
    if amount is None or columns[amount].kind != "number":
        return False
    if word(columns[amount].label) == "amt":
        return bool(_COMPANIONS & set(words))
    # `dose` and `amount` are mostly covariates: only beside the columns of events are they amounts given in this row
    return bool({"evid", "mdv"} & set(words))


def event_rows(columns: Sequence[Analysed], events: Events) -> Bool[np.ndarray, " row"]:
    """Which rows of the head are no measurements."""
    rows = len(columns[0].texts) if columns else 0
    found = {name: columns[place].values for name, place in events.places.items() if columns[place].kind == "number"}
    return ~measurements(found, rows)


def measurements(events: Mapping[str, Float[np.ndarray, " row"]], rows: int) -> Bool[np.ndarray, " row"]:
    """Which rows are measurements, by `EVID`, else by `AMT`, and by `MDV`."""
    measured = np.ones(rows, dtype=bool)
    if "event" in events:
        measured &= ~(np.nan_to_num(events["event"]) != 0)
    elif "amount" in events:
        measured &= ~(np.nan_to_num(events["amount"]) != 0)
    if "not_measured" in events:
        measured &= ~(np.nan_to_num(events["not_measured"]) != 0)
    return measured


def with_doses(
    source: Rows,
    covariates: Sequence[int],
    per_hour: float,
    below: Answer | None = None,
    from_first_dose: bool = False,
) -> tuple[Rows, list[str]]:
    """The rows of a source without those that are only doses, and the doses of each trajectory.

    Parameters
    ----------
    covariates
        Places of inputs with one value in each trajectory: known from any of its rows.
    per_hour
        Units of the time in an hour, where the time was a clock: `II`, `DUR` and `RATE` are in hours there. Else 1.
    below
        What values are that `CENS` says to be limits.
    from_first_dose
        Whether the row of a dose stays where the trajectory has none before it.

    Returns
    -------
    tuple[Rows, list[str]]
        Measurements of rows that are none are missing (NaN) there. A row of a dose in which nothing was written as a
        measurement and no input has a value is left out.
    """
    events = source.events
    measured = measurements(events, len(source.t))
    _refuse_unknown_kinds(source)
    doses = _all_doses(source, per_hour)
    values = np.where(measured[:, None], source.measured, np.nan)
    censored = measured & (np.nan_to_num(source.events.get("censored", np.zeros(len(measured)))) != 0)
    if censored.any() and below is None:
        row = int(np.flatnonzero(censored)[0])
        raise ask(f"{values[row, 0]:g} (censored)", ".", path=source.path or "", row=int(source.rows[row]), column=None)
    ends = source.ends
    if below == "missing":
        values[censored] = np.nan
    elif below == "censored" and censored.any():
        values, ends = _between(source, values, censored)
    forcing = np.isfinite(np.delete(source.inputs, list(covariates), axis=1)).any(axis=1)
    empty = ~measured & ~np.isfinite(source.measured).any(axis=1) & ~forcing
    if from_first_dose:
        empty &= ~_begins(source, _given(events, len(source.t)), ~empty)
    inputs = _everywhere(source, covariates)
    kept = replace(
        source,
        measured=values,
        inputs=inputs,
        doses={key: tuple(found) for key, found in doses.items()},
        events={},
        ends=ends,
    )
    notes = _notes(source, doses, np.where(measured[:, None], source.measured, np.nan))
    if censored.any():
        said = "missing" if below == "missing" else "taken as the limits that they are"
        said = "known to lie beyond a limit and no more" if below == "censored" else said
        notes.append(f"{int(censored.sum())} censored values are {said}.")
    return kept.rows_at(np.flatnonzero(~empty)), notes


def _between(
    source: Rows, values: Float[np.ndarray, "row measured"], censored: Bool[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, "row measured"], Float[np.ndarray, "row measured 2"]]:
    """Values with the limit in the place of what is flagged, and the ends between which these lie.

    A second number (`LLOQ`, `LIMIT`) beyond the value, as seen from the side where it is said to be, is the limit itself; one on
    that side is the other end of an interval (Monolix).
    """
    values = values.copy()
    ends = np.full((*values.shape, 2), np.nan) if source.ends is None else source.ends.copy()
    flags = np.nan_to_num(source.events["censored"])
    second = source.events.get("limit", np.full(len(flags), np.nan))
    for row in np.flatnonzero(censored):
        above, other = flags[row] < 0, second[row]
        for k in range(values.shape[1]):
            value = values[row, k]
            limit, end = value, -np.inf
            if np.isfinite(other):
                turned = (-value, -other) if above else (value, other)
                limit, end = (other, -np.inf) if not turned[1] < turned[0] else (value, other if not above else -other)
            if np.isfinite(limit):
                values[row, k] = limit
                ends[row, k] = (limit, -end) if above else (end, limit)
    return values, ends


def _all_doses(source: Rows, per_hour: float) -> dict[str, list[Dose]]:
    """The doses of each trajectory; those that were to follow (`ADDL`) and come after a later reset or steady state (`SS` = 1) are
    given up there, as in NONMEM."""
    rows: dict[str, list[list[Dose]]] = {}
    for row in np.flatnonzero(_given(source.events, len(source.t))):
        group = str(source.group[row]) if source.group is not None else source.stem
        where = "" if source.compartments is None else str(source.compartments[row])
        rows.setdefault(group, []).append(_doses(source, int(row), where, per_hour))
    found: dict[str, list[Dose]] = {}
    for group, each in rows.items():
        emptied = [one[0].time for one in each if one[0].reset or one[0].steady_state not in (0, 2)]
        for first, *later in each:
            end = min((time for time in emptied if time > first.time), default=np.inf)
            found.setdefault(group, []).extend([first, *(one for one in later if one.time < end)])
    return found


def _begins(source: Rows, given: Bool[np.ndarray, " row"], kept: Bool[np.ndarray, " row"]) -> Bool[np.ndarray, " row"]:
    """Rows of doses that come before all rows that are kept of their trajectory: it begins there."""
    found = np.zeros(len(source.t), dtype=bool)
    names = source.group.astype(str) if source.group is not None else np.zeros(len(source.t), dtype=str)
    for name in np.unique(names[given]):
        mine = names == name
        doses = np.flatnonzero(mine & given)
        first = doses[np.argmin(source.t[doses])]
        others = source.t[mine & kept]
        found[first] = len(others) > 0 and source.t[first] < others.min()
    return found


def _everywhere(source: Rows, covariates: Sequence[int]) -> Float[np.ndarray, "row input"]:
    """The inputs, covariates that some rows of a trajectory leave out filled in from its first row that has them."""
    inputs = source.inputs.copy()
    names = np.zeros(len(source.t), dtype=int)
    if source.group is not None:
        names = np.unique(source.group.astype(str), return_inverse=True)[1]
    for place in covariates:
        known = np.flatnonzero(np.isfinite(inputs[:, place]))
        found, first = np.unique(names[known], return_index=True)
        value = np.full(names.max(initial=0) + 1, np.nan)
        value[found] = inputs[known[first], place]
        inputs[:, place] = np.where(np.isfinite(inputs[:, place]), inputs[:, place], value[names])
    return inputs


def _given(events: Mapping[str, np.ndarray], rows: int) -> Bool[np.ndarray, " row"]:
    if "event" in events:
        kind = np.nan_to_num(events["event"])
        return (kind == 1) | (kind == 4) | (kind == 3) | (kind >= CODED)
    if "amount" in events:
        return np.nan_to_num(events["amount"]) != 0
    return np.zeros(rows, dtype=bool)


def _refuse_unknown_kinds(source: Rows) -> None:
    """A row whose `EVID` is not known would lose its dose without a word."""
    kinds = np.nan_to_num(source.events.get("event", np.zeros(len(source.t))))
    coded = (kinds >= CODED) & (kinds % 100 == 1) & (kinds < 100 * CODED)
    if source.compartments is None:
        coded &= kinds < 2 * CODED
    unknown = np.flatnonzero(~(np.isin(kinds, KINDS) | coded))
    if len(unknown):
        raise DataError(
            f"the kind of event (EVID) {kinds[unknown[0]]:g} is not known; known are 0 (a measurement), 1 (a dose, with RATE, CMT and SS), "
            "2 (another event), 3 (a reset) and 4 (a reset with a dose); write the row with one of these",
            path=source.path,
            row=int(source.rows[unknown[0]]),
        )


def _doses(source: Rows, row: int, compartment: str, per_hour: float) -> list[Dose]:
    def at(field: str, default: float) -> float:
        value = source.events[field][row] if field in source.events else np.nan
        return float(value) if np.isfinite(value) else default

    kind = at("event", 1.0)
    amount = 0.0 if kind == 3 else at("amount", float("nan"))
    rate, duration = at("rate", 0.0), at("duration", 0.0) * per_hour
    rate /= per_hour if rate > 0 else 1.0
    if rate < 0 and rate not in (-1.0, -2.0):
        raise DataError(
            f"the rate {rate:g} of a dose is not known; a rate is above 0, 0 (all at once), -1 (the model has the rate) or -2 (it has the duration)",
            path=source.path,
            row=int(source.rows[row]),
        )
    if rate > 0 and duration == 0:
        duration = amount / rate
    elif duration > 0 and rate == 0:
        rate = amount / duration
    elif duration > 0 and rate > 0 and not abs(rate * duration - amount) <= ROUNDED * abs(amount):
        raise DataError(
            f"the amount {amount:g} is not the rate {rate:g} times the duration {duration:g}; leave one of the three out, or correct the row",
            path=source.path,
            row=int(source.rows[row]),
        )
    interval, count = at("interval", 0.0) * per_hour, at("additional", 0.0)
    if (count > 0 and not interval > 0) or count > MOST:
        raise DataError(
            f"{count:g} further doses are to follow each after {interval:g}; give a number of further doses (ADDL) up to {MOST:,} "
            "with an interval (II) above 0, or correct the row",
            path=source.path,
            row=int(source.rows[row]),
        )
    first = Dose(
        time=float(source.t[row]),
        amount=amount,
        rate=rate,
        duration=duration,
        compartment=compartment,
        steady_state=int(at("steady_state", 0.0)),
        interval=interval,
        reset=kind in (3.0, 4.0),
    )
    later = [
        replace(first, time=first.time + k * interval, steady_state=0, reset=False) for k in range(1, int(count) + 1)
    ]
    return [first, *later]


def _notes(source: Rows, doses: Mapping[str, Sequence[Dose]], measured: Float[np.ndarray, "row measured"]) -> list[str]:
    every = [dose for found in doses.values() for dose in found]
    where = f"{source.path}: " if source.path else ""
    notes = (
        [f"{where}{len(every)} doses in {len(doses)} trajectories are kept apart from the measurements."]
        if every
        else []
    )
    taken = int((np.isfinite(source.measured) & ~np.isfinite(measured)).sum())
    if taken:
        notes.append(f"{where}{taken} values in rows of doses and events are no measurements and count as missing.")
    if any(not np.isfinite(dose.amount) for dose in every):
        notes.append(f"{where}no amount is written for some doses; it is unknown (NaN).")
    if any(dose.rate < 0 for dose in every):
        notes.append(
            f"{where}doses with a rate of -1 or -2 are infusions whose rate or duration a model has to estimate."
        )
    return notes


def plain_texts(texts: np.ndarray) -> np.ndarray:
    """Texts that name something, whole numbers among them written plainly; "" where there is none."""
    known = {text: plain(str(text)) for text in set(texts)}
    if all(text == name for text, name in known.items()):
        return texts
    return np.array([known[text] for text in texts], dtype=object)


def plain(text: str) -> str:
    """A whole number written as `1.0000E+00` or `1.0` as `1`; any other text as it is, "" for a mark of a missing one."""
    text = text.strip()
    if text.isdigit():
        return text
    if is_missing(text):
        return ""
    value = number(text)
    whole = value is not None and np.isfinite(value) and value == int(value) and abs(value) < 1e15
    return str(int(value)) if value is not None and whole else text
