"""Instruments and programs that are known by the first lines of their files, and the rules by which these are read.

The rules are data (`instruments.toml` beside this module); a new instrument is one entry there and one example file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from ndestudio.data.config import DataConfig
from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import suggestion
from ndestudio.data.tables.finder import Given
from ndestudio.data.tables.layout import Clock, Layout, RawRow
from ndestudio.decoding import from_toml
from ndestudio.errors import DataError

_LINES = 400
"""Header and metadata are looked for in so many lines."""
_FILE = Path(__file__).with_name("instruments.toml")


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names that match ``pattern`` are written as ``name``, which may hold groups of the pattern (`\\1`)."""

    pattern: str
    name: str


class CountedTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time that is counted: `start + i*step` in the i-th row.

    Attributes
    ----------
    start, step
        Patterns of the lines that hold these numbers, in their first group.
    label, unit
        Of the time.
    """

    start: str
    step: str
    label: str = "time"
    unit: str = "s"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How files of one instrument or program are known and read. Patterns are regular expressions, searched in lines.

    Attributes
    ----------
    name, title
        For specs, and for people.
    signs
        Each must be found in one of the first ``within`` lines.
    endings
        Of its files; () for any.
    delimiter, decimal
        As in ``DataConfig``; a pattern with a group that finds the sign in a line if it begins with `^`.
    comment
        As in ``DataConfig``.
    header
        1-based line with the names of the columns, or a pattern of it; 0: there is none; None leaves it to the finder.
    units
        Line with the units, counted from that of the names (0: there is none), or a pattern of it. The first cell of a line
        that is found by a pattern names the line.
    first
        First line of numbers, counted from that of the names.
    skip
        Pattern of lines inside the table that are no part of it.
    transposed
        Whether the names stand in the first column and each further column is a row of the table. The table begins at
        ``header`` and ends before an empty line.
    columns
        As in ``DataConfig``.
    drop
        Pattern of the names of columns that are left out.
    names
        Names of the columns in files without any; `{key}` stands for what ``metadata`` found.
    metadata
        Key -> pattern whose first group is the value.
    rename
        Applied to the names of the columns, in this order.
    group
        Pattern of names that hold the name of a run in a group `group` and that of the quantity in a group `name`.
    unit_names
        Unit in the file -> unit as usual ("": none).
    unit_of
        Name of a column -> its unit.
    clock
        The time, where it is counted and not written.
    missing
        Cells that mean "not measured".
    settings
        Fields of ``DataConfig`` that suit such files, as far as a person says nothing else.
    source
        Where the format is described.
    """

    name: str
    title: str
    signs: tuple[str, ...]
    within: int = 30
    endings: tuple[str, ...] = ()
    delimiter: str | None = None
    decimal: str | None = None
    comment: str | None = None
    header: int | str | None = None
    units: int | str | None = None
    first: int | None = None
    skip: str = ""
    transposed: bool = False
    columns: tuple[str, ...] = ()
    drop: str = ""
    names: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    rename: tuple[Rename, ...] = ()
    group: str = ""
    unit_names: dict[str, str] = {}
    unit_of: dict[str, str] = {}
    clock: CountedTime | None = None
    missing: tuple[str, ...] = ()
    settings: dict[str, str | float | bool | list[str]] = {}
    source: str = ""


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instrument: tuple[Rule, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which they are tried."""
    return from_toml(_FILE.read_bytes(), _Rules).instrument


@dataclass(frozen=True)
class Recognised:
    """A rule and the first lines of the file to which it applies."""

    rule: Rule
    lines: tuple[str, ...]

    def given(self, config: DataConfig) -> Given:
        """What rule and person say of the rows; the person is heard first."""
        header, units, first = self._rows()
        if self.rule.transposed:
            return Given(header)
        return Given(
            header if config.header_row is None else config.header_row,
            units if config.units_row is None and config.header_row is None else config.units_row,
            first if config.first_row is None and config.header_row is None else config.first_row,
            config.last_row,
        )

    def dialect(self, config: DataConfig) -> DataConfig:
        """The configuration with delimiter, decimal sign and comment sign of the rule, where the person said none."""
        found = {
            "delimiter": _named_sign(self._sign(self.rule.delimiter)),
            "decimal": self._sign(self.rule.decimal),
            "comment": self.rule.comment,
        }
        changes = {name: value for name, value in found.items() if value is not None and getattr(config, name) is None}
        return msgspec.structs.replace(config, **changes) if changes else config

    def applied(self, layout: Layout, rows: Sequence[RawRow], decimal: str) -> Layout:
        """A layout with names, units, columns, time and missing values of the rule."""
        rule = self.rule
        names, units = list(layout.names), list(layout.units)
        if rule.names and not any(names):
            keys = {key: self._value(pattern) or "" for key, pattern in rule.metadata.items()}
            named = [_named(name.format(**keys)) if name else "" for name in rule.names]
            names = [*named[: layout.width], *names[len(named) :]]
        if isinstance(rule.units, str):
            units = self._units_line(rule.units, rows, units)
        groups = list(layout.groups)
        if rule.group:
            matches = [re.match(rule.group, name) for name in names]
            if all(matches):
                groups = [match["group"].strip() for match in matches if match]
                names = [match["name"].strip() for match in matches if match]
        names = [_renamed(name, rule.rename) for name in names]
        units = [rule.unit_names.get(unit.strip("[]() "), unit) for unit in units]
        names = [
            f"{name} [{rule.unit_of[name]}]" if name in rule.unit_of and not unit else name
            for name, unit in zip(names, units, strict=True)
        ]
        layout = replace(
            layout,
            names=tuple(names),
            units=tuple(units),
            groups=tuple(groups),
            missing=rule.missing,
            instrument=rule.name,
            sure_units=True,
        )
        if rule.drop:
            kept = tuple(one for one in layout.columns if not re.search(rule.drop, names[one]))
            layout = replace(layout, columns=kept or layout.columns)
        return replace(layout, clock=self._clock(decimal))

    def skips(self, number: int, line: str) -> bool:
        """Whether a line of the table is no part of it."""
        header, _, first = self._rows()
        above = first - 1 if first is not None else header or 0
        return bool(self.rule.skip) and number > above and re.search(self.rule.skip, line) is not None

    def columns(self, config: DataConfig) -> DataConfig:
        """The configuration with the columns of the rule, where the person named none."""
        if config.columns or not self.rule.columns:
            return config
        return msgspec.structs.replace(config, columns=self.rule.columns)

    def decision(self) -> Decision:
        """That the rule was taken, and how not to take it."""
        return Decision(
            "table",
            f"The first lines are those of {self.rule.title}; the file was read accordingly.",
            choices=(
                Choice(self.rule.title, {"instrument": self.rule.name}),
                Choice("any table", {"instrument": ""}),
            ),
        )

    def which(self, chosen: int | None) -> list[Decision]:
        """Which of several tables with rows and columns exchanged was taken.

        Parameters
        ----------
        chosen
            The line where it begins, if the person said so.
        """
        pattern = self.rule.header
        if not self.rule.transposed or not isinstance(pattern, str):
            return []
        places = [number for number, line in enumerate(self.lines, 1) if re.search(pattern, line)]
        if len(places) < 2:
            return []
        taken = chosen if chosen in places else places[0]
        return [
            Decision(
                "table",
                f"The file holds {len(places)} tables; that from line {taken} on was taken.",
                choices=tuple(Choice(f"from line {place}", {"header_row": place}) for place in places),
                chosen=places.index(taken),
                certain=chosen is not None,
            )
        ]

    def _rows(self) -> tuple[int | None, int | None, int | None]:
        rule = self.rule
        header = self.line_of(rule.header) if isinstance(rule.header, str) else rule.header
        if rule.transposed:
            return 1, None, None
        if header is None:
            return None, None, None
        units = None if rule.units is None or isinstance(rule.units, str) else rule.units and header + rule.units
        units = 0 if isinstance(rule.units, str) else units
        return header, units, None if rule.first is None else header + rule.first

    def line_of(self, pattern: str) -> int | None:
        return next((number for number, line in enumerate(self.lines, 1) if re.search(pattern, line)), None)

    def _value(self, pattern: str) -> str | None:
        for line in self.lines:
            if match := re.search(pattern, line):
                return match[1].strip()
        return None

    def _sign(self, sign: str | None) -> str | None:
        return self._value(sign) if sign is not None and sign.startswith("^") and len(sign) > 1 else sign

    def _units_line(self, pattern: str, rows: Sequence[RawRow], units: list[str]) -> list[str]:
        line = self.line_of(pattern)
        row = next((row for row in rows if row.line == line), None)
        if row is None:
            return units
        return [units[0], *((row.cells[index] if index < len(row.cells) else "") for index in range(1, len(units)))]

    def _clock(self, decimal: str) -> Clock | None:
        if self.rule.clock is None:
            return None
        found = [self._value(pattern) for pattern in (self.rule.clock.start, self.rule.clock.step)]
        try:
            start, step = (float((text or "").replace(decimal, ".")) for text in found)
        except ValueError:
            return None
        return Clock(start, step, self.rule.clock.label, self.rule.clock.unit, decimal)


def recognise(lines: Sequence[str], ending: str, config: DataConfig) -> Recognised | None:
    """The rule that fits the first lines of a file, or that the person names; None if there is none.

    Raises
    ------
    DataError
        There is no rule of the name that the person gave.

    Parameters
    ----------
    lines
        First lines, cells of a sheet joined by tabs.
    ending
        Of the file, lower case with the dot.
    """
    if config.instrument == "":
        return None
    if config.instrument is not None and config.instrument not in {rule.name for rule in rules()}:
        names = [rule.name for rule in rules()]
        raise DataError(f"there is no instrument `{config.instrument}`{suggestion(config.instrument, names)}")
    for rule in rules():
        named = config.instrument == rule.name
        if config.instrument is not None and not named:
            continue
        if not named and rule.endings and ending not in rule.endings:
            continue
        first = lines[: rule.within]
        if named or all(any(re.search(sign, line) for line in first) for sign in rule.signs):
            found = Recognised(rule, tuple(lines[:_LINES]))
            if isinstance(rule.header, str) and found.line_of(rule.header) is None:
                continue
            return found
    return None


def transposed(rows: Sequence[RawRow], found: Recognised, header_row: int | None = None) -> list[RawRow]:
    """The table of a rule whose names stand in the first column, with rows and columns exchanged.

    Parameters
    ----------
    header_row
        The line where it begins, of several tables; None: the first one.
    """
    header = found.line_of(found.rule.header) if isinstance(found.rule.header, str) else found.rule.header
    header = header_row or header
    region: list[RawRow] = []
    for row in rows:
        if row.line < (header or 1):
            continue
        if region and row.gap:
            break
        region.append(row)
    width = max((row.filled for row in region), default=0)
    grid = [tuple(row.cells[place] if place < len(row.cells) else "" for row in region) for place in range(width)]
    return [RawRow(place + 1, cells) for place, cells in enumerate(grid) if any(cells)]


def _named(name: str) -> str:
    """A name without the brackets of a unit that the file does not tell."""
    bare = name.replace("[]", "").strip()
    return bare if bare[:1] not in ("", "[") else f"signal {bare}".strip()


def _renamed(name: str, renames: Sequence[Rename]) -> str:
    for one in renames:
        name = re.sub(one.pattern, one.name, name)
    return name.strip()


def _named_sign(sign: str | None) -> str | None:
    return {"tab": "\t", "comma": ",", "semicolon": ";"}.get((sign or "").lower(), sign)
