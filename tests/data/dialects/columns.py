"""What a table holds: columns of numbers, what the rows belong to, and columns that are no measurements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from tests.data.dialects.clocks import Times, times

NAN = math.nan
NUMERIC = ("numbers", "unit by name", "excel")

QUANTITIES = (
    ("biomass", "g/L"), ("Temperatur", "°C"), ("Temperature", "degC"), ("glucose", "mmol/L"), ("pH", ""), ("Druck", "bar"),
    ("OD600", ""), ("T", "K"), ("S", "g/L"), ("H", "W/m2"), ("D", "1/h"), ("DO", "%"), ("V", "mL"), ("feed total", "mL"),
    ("Biomasse", "g/L"), ("x", ""), ("y", ""), ("prey", ""), ("predator", ""), ("CO2", "ppm"), ("vitesse", "m/s"),
    ("presión", "kPa"), ("Konzentration", "mg/L"), ("voltage", "V"), ("current", "mA"), ("cum_feed", "L"), ("X", "g/L"),
    ("P", ""), ("residence time", "h"), ("doubling time", "min"), ("age", ""), ("day length", "h"), ("dt", "s"), ("N", ""), ("n", ""), ("theta", "rad"), ("Niederschlag", "mm"), ("flow rate", "L/h"), ("infected", ""), ("NH4", "mg/L"),
)  # fmt: skip
RUNS = ("run", "experiment", "batch", "Versuch", "subject", "culture", "replicate", "sample_id", "plate", "patient")
MISSING = ("", "", "NA", "NaN", "n/a", "-", "null", "#N/A", "nan")
SENTINELS = ("-9999", "-999", "-99.9", "1e20", "-9999.0", "9999", "999.9", "-99")


@dataclass
class Run:
    """One run: its name ("" if there is one only), seconds (see ``Times``), and label -> values."""

    name: str
    seconds: list[float]
    values: dict[str, list[float]]


@dataclass
class Table:
    """A table of known content before it is written.

    Parameters
    ----------
    header
        Names with units, one for each column.
    rows
        Cells; numbers with a decimal point.
    numeric
        Columns whose cells are numbers, for which the decimal sign is the file's.
    aside
        Labels of columns that are no measurements.
    open
        What the program may well ask about.
    told
        Whether the header tells the unit of times that are plain numbers.
    """

    header: list[tuple[str, str]]
    rows: list[list[str]]
    numeric: set[int]
    times: Times
    runs: list[Run]
    features: list[str]
    aside: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    told: bool = False


def quantities(rng: Random, count: int) -> list[tuple[str, str]]:
    """Different quantities."""
    found = rng.sample(QUANTITIES, count)
    lower = [name.lower() for name, _ in found]
    return [one for index, one in enumerate(found) if one[0].lower() not in lower[:index]]


def series(rng: Random, count: int) -> list[str]:
    """Numbers of one column as they are written."""
    style = rng.choices(("smooth", "rising", "whole", "scientific", "noise", "counts"), (4, 2, 1.5, 1, 1, 0.7))[0]
    scale = 10 ** rng.uniform(-2, 4)
    phase, rate = rng.uniform(0, 6), rng.uniform(0.05, 0.8)
    value, found = rng.uniform(0.2, 2), []
    places, exponent = rng.choice((2, 3, 4)), rng.choice("eE")
    for index in range(count):
        if style == "rising":
            value += rng.uniform(0.01, 0.2)
            one = value
        elif style == "noise":
            one = rng.gauss(0, 1)
        else:
            one = 2 + math.sin(phase + rate * index) + rng.gauss(0, 0.01)
        if style == "whole":
            found.append(str(round(one * 10 * max(scale, 1))))
        elif style == "counts":
            found.append(str(index * 3 + rng.randint(1, 3)))
        elif style == "scientific":
            found.append(f"{one * 10 ** rng.choice((-9, -8)):.{places}e}".replace("e", exponent))
        else:
            found.append(f"{one * scale:.{places}f}")
    return found


def holes(rng: Random, table: Table, columns: list[int], labels: list[str]) -> None:
    """Cells that were not measured, marks for them, and cells below a limit."""
    kind = rng.choices(("", "missing", "sentinel", "below"), (6, 2, 1, 0.6))[0]
    if not kind or len(table.rows) < 8:
        return
    table.features.append(kind)
    mark = rng.choice(MISSING) if kind == "missing" else rng.choice(SENTINELS)
    if kind != "missing":
        table.open.add(kind)
    where = [index for index, run in enumerate(table.runs) for _ in run.seconds]
    place = [row for run in table.runs for row in range(len(run.seconds))]
    for column, label in zip(columns, labels, strict=True):
        if rng.random() < 0.4:
            continue
        if kind == "sentinel" and any(0.01 * abs(float(mark)) < abs(_number(row[column])) for row in table.rows):
            continue  # near the measurements a number is one of them
        for row in rng.sample(range(1, len(table.rows) - 1), rng.randint(2, max(2, len(table.rows) // 6))):
            limit = table.rows[row][column]
            table.rows[row][column] = mark if kind != "below" else f"{rng.choice('<<≤')}{limit.lstrip('-')}"
            table.runs[where[row]].values[label][place[row]] = NAN


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0


def wide(rng: Random) -> Table:
    """A column for each quantity, of one run or of several."""
    count = rng.choice((1, 1, 1, 2, 3, 5))
    length = rng.randint(6, 40) if count == 1 else rng.randint(5, 15)
    clock = times(rng, length)
    named = quantities(rng, rng.randint(1, 5))
    labels = [label for label, _ in named if label not in clock.names] or ["signal"]
    named = [one for one in named if one[0] in labels] or [("signal", "")]
    keys = _keys(rng, count)
    runs, rows = [], []
    for key in keys:
        columns = [series(rng, length) for _ in labels]
        runs.append(
            Run(
                "/".join(key),
                list(clock.seconds),
                {label: [float(cell) for cell in column] for label, column in zip(labels, columns, strict=True)},
            )
        )
        rows += [[*cells, *key, *one] for cells, *one in zip(clock.cells, *columns, strict=True)]
    names = [] if count == 1 else rng.sample(RUNS, 1) if len(keys[0]) == 1 else ["subject", "occasion"]
    width = len(clock.names)
    header = [(name, clock.unit if index == 0 else "") for index, name in enumerate(clock.names)]
    header += [*((name, "") for name in names), *named]
    first = width + len(names)
    numeric = {*range(first, first + len(labels)), *([0] if clock.form in NUMERIC else [])}
    table = Table(header, rows, numeric, clock, runs, ["wide" if count == 1 else f"{len(names)} run columns"])
    holes(rng, table, list(range(first, first + len(labels))), labels)
    _further(rng, table, keys, length)
    _shuffled(rng, table, width)
    return table


def _keys(rng: Random, count: int) -> list[tuple[str, ...]]:
    if count == 1:
        return [()]
    if count > 3 or rng.random() < 0.3:
        return [(f"S{index // 2 + 1}", str(index % 2 + 1)) for index in range(2 * (count // 2))]
    style = rng.choice(("{}", "R{}", "batch {}"))
    return [(style.format(index + 1),) for index in range(count)]


def _further(rng: Random, table: Table, keys: list[tuple[str, ...]], length: int) -> None:
    """Columns that are no measurements: what is constant within runs, row numbers, flags, texts."""
    kinds = []
    if len(keys) > 1 and rng.random() < 0.4:
        kinds.append("covariate")
    if rng.random() < 0.2:
        kinds.append(rng.choice(("flag", "remark", "row number", "station", "phase", "second clock")))
    for kind in kinds:
        if kind == "second clock" and not (table.times.moment and len(table.times.names) == 1):
            continue
        table.features.append(kind)
        if kind == "second clock":
            name = rng.choice(("elapsed_h", "Elapsed time (h)", "hours"))
            cells = [f"{one / 3600:.6f}" for run in table.runs for one in run.seconds]
            table.numeric.add(len(table.header))
        elif kind == "phase":
            third = max(length // 3, 1)
            cells = [("lag", "growth", "rest")[min(k // third, 2)] for _ in table.runs for k in range(length)]
            name = "phase"
        elif kind == "covariate":
            name, cells = rng.choice(("pH_set", "dose", "temperature_set")), []
            values = [f"{5 + 0.5 * index:g}" for index in range(len(keys))]
            cells = [value for value in values for _ in range(length)]
            table.numeric.add(len(table.header))
        elif kind == "flag":
            name, cells = rng.choice(("QC", "flag", "quality_flag")), [rng.choice("0012") for _ in table.rows]
        elif kind == "remark":
            name, cells = "remark", [rng.choice(("", "", "ok", "filter changed")) for _ in table.rows]
        elif kind == "station":
            name, cells = rng.choice(("station_id", "site")), ["FR01"] * len(table.rows)
        else:
            name, cells = (
                rng.choice(("#", "No.", "index", "id", "", "Unnamed: 0")),
                [str(one + 1) for one in range(len(table.rows))],
            )
        table.header.append((name, ""))
        table.aside.add(name)
        for row, cell in zip(table.rows, cells, strict=True):
            row.append(cell)


def _shuffled(rng: Random, table: Table, width: int) -> None:
    """The time is not always first."""
    if rng.random() < 0.75:
        return
    table.features.append("time not first")
    rest = list(range(width, len(table.header)))
    at = rng.randint(1, len(rest))
    at = 1 if rng.random() < 0.3 and table.header[rest[0]][0] in RUNS else at
    order = [*rest[:at], *range(width), *rest[at:]]
    table.header = [table.header[one] for one in order]
    table.rows = [[row[one] for one in order] for row in table.rows]
    table.numeric = {new for new, old in enumerate(order) if old in table.numeric}


def long(rng: Random) -> Table:
    """One column says which quantity, another its value."""
    length, count = rng.randint(6, 15), rng.choice((1, 1, 2, 3))
    clock = times(rng, length)
    labels = [label for label, _ in quantities(rng, rng.randint(2, 4))]
    names = rng.choice((("variable", "value"), ("observable", "measurement"), ("parameter", "value"), ("analyte", "result"),
                        ("Messgröße", "Wert"), ("species", "concentration")))  # fmt: skip
    keys = [(f"R{index + 1}",) for index in range(count)] if count > 1 else [()]
    runs, rows = [], []
    for key in keys:
        columns = {label: series(rng, length) for label in labels}
        values = {label: [float(cell) for cell in cells] for label, cells in columns.items()}
        runs.append(Run("/".join(key), list(clock.seconds), values))
        if rng.random() < 0.5:
            rows += [[*clock.cells[k], *key, label, columns[label][k]] for k in range(length) for label in labels]
        else:
            rows += [[*clock.cells[k], *key, label, columns[label][k]] for label in labels for k in range(length)]
    header = [(name, clock.unit if index == 0 else "") for index, name in enumerate(clock.names)]
    header += [*([(rng.choice(RUNS), "")] if count > 1 else []), (names[0], ""), (names[1], "")]
    numeric = {len(header) - 1, *([0] if clock.form in NUMERIC else [])}
    open = {"long"} if names[0] == "species" else set()  # it may be a name of runs
    return Table(header, rows, numeric, clock, runs, ["long"], open=open)


def across(rng: Random) -> Table:
    """The times stand in the header, a row is a run."""
    length, count = rng.randint(5, 12), rng.randint(2, 5)
    clock = times(rng, length)
    while len(clock.names) > 1 or clock.form not in ("iso", "day first", "month first", "numbers"):
        clock = times(rng, length)
    name = rng.choice(("Country", "strain", "sample", "well", "region"))
    runs, rows = [], []
    for index in range(count):
        cells = series(rng, length)
        key = f"{name[0].upper()}{index + 1}"
        runs.append(Run(key, list(clock.seconds), {"": [float(cell) for cell in cells]}))
        rows.append([key, *cells])
    header = [(name, ""), *((cell, "") for (cell,) in clock.cells)]
    return Table(header, rows, set(range(1, length + 1)), clock, runs, ["dates across"], open={"across"})


def replicates(rng: Random) -> Table:
    """Several readings of a quantity, in columns or in rows."""
    length, count = rng.randint(6, 15), rng.randint(2, 3)
    clock = times(rng, length)
    label, unit = rng.choice([one for one in QUANTITIES if len(one[0]) > 2])
    columns = [series(rng, length) for _ in range(count)]
    runs = [
        Run(str(k + 1), list(clock.seconds), {label: [float(cell) for cell in one]}) for k, one in enumerate(columns)
    ]
    header = [(name, clock.unit if index == 0 else "") for index, name in enumerate(clock.names)]
    style = rng.choice(("{}_rep{}", "{}_R{}", "{} rep {}"))
    header += [(style.format(label, k + 1), unit) for k in range(count)]
    width = len(clock.names)
    rows = [[*cells, *one] for cells, *one in zip(clock.cells, *columns, strict=True)]
    numeric = {*range(width, width + count), *([0] if clock.form in NUMERIC else [])}
    return Table(header, rows, numeric, clock, runs, ["replicates"], open={"replicates"})
