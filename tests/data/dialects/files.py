"""A table of known content as a file in a random dialect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from tests.data.dialects.columns import Table, across, long, replicates, wide

_SIGNS = ((",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", "."), (" ", "."), (" ", ","))


@dataclass(frozen=True, eq=False)
class Made:
    """A file of known content."""

    name: str
    content: bytes
    table: Table

    @property
    def open(self) -> bool:
        """Whether a person could not tell everything either."""
        return bool(self.table.open) or self.table.times.open

    @property
    def families(self) -> tuple[str, ...]:
        return (f"time: {self.table.times.form}", *(f"table: {one}" for one in self.table.features))


def make(seed: int) -> Made:
    """The file of a seed."""
    rng = Random(seed)
    table = rng.choices((wide, long, across, replicates), (12, 3, 1, 1))[0](rng)
    delimiter, decimal = rng.choice(_SIGNS)
    if delimiter == " " and not _fits_blanks(table):
        delimiter = rng.choice(("\t", ";"))
    table.features.append({",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blanks"}[delimiter])
    table.features += ["decimal comma"] if decimal == "," else []
    rows = _with_signs(rng, table, delimiter, decimal)
    quoted = rng.choices(("", "all", "texts"), (7, 1, 2))[0] if delimiter != " " else ""
    if delimiter != " " and not quoted and rng.random() < 0.08:
        table.features.append("padded")
        rows = [[cell.rjust(9) for cell in row] for row in rows]
    lines = [_line(cells, delimiter, quoted, rng) for cells in rows]
    head = _head(rng, table, delimiter, quoted, rows)
    above, below = _above(rng, table, delimiter), _below(rng, table, delimiter)
    if delimiter in ";," and rng.random() < 0.05:
        table.features.append("trailing delimiter")
        head, lines = [one + delimiter for one in head], [one + delimiter for one in lines]
    text = rng.choice(("\n", "\n", "\r\n")).join([*above, *head, *lines, *below, ""])
    ending = {",": "csv", ";": "csv", "\t": "tsv"}.get(delimiter, "txt") if rng.random() < 0.7 else "txt"
    return Made(f"table{seed}.{ending}", _encoded(rng, table, text), table)


def _fits_blanks(table: Table) -> bool:
    return not any(" " in cell or not cell for row in table.rows for cell in row)


def _encoded(rng: Random, table: Table, text: str) -> bytes:
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "cp1252", "utf-16"))
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8")
    if encoding != "utf-8":
        table.features.append(encoding)
    return content


def _with_signs(rng: Random, table: Table, delimiter: str, decimal: str) -> list[list[str]]:
    """Cells with the decimal sign of the file and, rarely, signs between thousands."""
    between = ""
    if rng.random() < 0.06:
        between = rng.choice([one for one in (",.'" if decimal == "." else ".' ") if one not in (decimal, delimiter)])
    found, grouped = [], False
    for row in table.rows:
        cells = []
        for index, cell in enumerate(row):
            plain = index in table.numeric and index != 0 and re.fullmatch(r"\d+(\.\d+)?", cell)
            if plain and between and float(cell) >= 1000:
                whole, _, rest = cell.partition(".")
                cell = f"{int(whole):,}".replace(",", "§") + (f".{rest}" if rest else "")
                grouped = True
            if index in table.numeric:
                cell = cell.replace(".", decimal)
            cells.append(cell.replace("§", between))
        found.append(cells)
    if grouped:
        table.features.append("thousands")
        table.open.add("thousands")
    return found


def _line(cells: list[str], delimiter: str, quoted: str, rng: Random) -> str:
    if delimiter == " ":
        return rng.choice((" ", "  ", "   ")).join(cells)
    return delimiter.join(_cell(cell, delimiter, quoted) for cell in cells)


def _cell(cell: str, delimiter: str, quoted: str) -> str:
    text = not re.fullmatch(r"-?[\d.,]*([eE][+-]?\d+)?", cell)
    return f'"{cell}"' if delimiter in cell or quoted == "all" or (quoted == "texts" and text) else cell


def _head(rng: Random, table: Table, delimiter: str, quoted: str, rows: list[list[str]]) -> list[str]:
    style = rng.choice(("[]", "[]", "()", "()", "row", "/", "none", "joined", "no header"))
    if "dates across" in table.features:
        style = "[]"
    if style == "no header" and not _plain_enough(table):
        style = "none"
    known = {name for name, _ in table.header}
    table.features.append(f"units {style}")
    if style == "no header":
        return []
    if style == "row" and (delimiter == " " or not any(unit for _, unit in table.header)):
        style = "none"
    names = []
    clock = table.times
    for name, unit in table.header:
        if style in ("[]", "()") and unit:
            blank = " " if delimiter != " " else ""
            names.append(f"{name}{blank}{style[0]}{unit}{style[1]}")
        elif style == "/" and unit and "/" not in unit and "/" not in name and "%" not in unit:
            names.append(f"{name}/{unit}" if delimiter == " " else f"{name} / {unit}")
        elif style == "joined" and unit.isalpha() and f"{name}_{unit}" not in known:
            names.append(f"{name}_{unit}")
        else:
            names.append(name)
    if delimiter == " ":
        names = [name.replace(" ", "_") for name in names]
    own = next((name for name, (label, _) in zip(names, table.header, strict=True) if label == clock.names[0]), "")
    table.told = style == "row" or (bool(clock.unit) and own != clock.names[0]) or "_" in clock.names[0]
    found = [_line(names, delimiter, quoted, rng)]
    if style == "row":
        found.append(_line([unit for _, unit in table.header], delimiter, quoted, rng))
    return found


def _plain_enough(table: Table) -> bool:
    """Whether a table can be told without names: one run whose first column alone is the time."""
    if table.times.form in ("unix", "excel", "compact") or "long" in table.features:
        return False
    return (
        len(table.runs) == 1
        and len(table.times.names) == 1
        and not table.aside
        and table.header[0][0] in table.times.names
    )


def _above(rng: Random, table: Table, delimiter: str) -> list[str]:
    kind = rng.choices(("", "pairs", "comments", "title", "block", "numbers"), (6, 1, 1, 1, 0.4, 0.6))[0]
    if kind:
        table.features.append(f"above: {kind}")
    sign = delimiter if delimiter != " " else ": "
    if kind == "pairs":
        return [
            sign.join(one) for one in (("Operator", "Miller"), ("Instrument", "Rx-200"), ("Method", "A"))
        ] + rng.choice(([], [""]))
    if kind == "numbers":
        return [sign.join(one) for one in (("Sample rate", "10"), ("Channels", "4"), ("Device", "LX"))] + [""]
    if kind == "comments":
        mark = rng.choice(("# ", "% ", "// "))
        return [mark + one for one in ("measured in 2021", "operator: Miller", "volume = 2.5 L")]
    if kind == "title":
        return ["Fermentation 17", *rng.choice(([""], []))]
    return ["/* exported", "   by a program", "*/"] if kind == "block" else []


def _below(rng: Random, table: Table, delimiter: str) -> list[str]:
    kind = rng.choices(("", "text", "blank and text", "table"), (8, 0.7, 0.7, 0.5))[0]
    if kind:
        table.features.append(f"below: {kind}")
    if kind == "text":
        return [rng.choice(("End of data", "# end", "Source: own measurements"))]
    if kind == "blank and text":
        return ["", "Exported by a program", "All rights reserved"]
    if kind == "table":
        sign = delimiter
        return ["", sign.join(("peak", "area")), *(sign.join((str(one), str(one * 7))) for one in (1, 2, 3))]
    return []
