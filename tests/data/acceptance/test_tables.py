"""The table in a file is found wherever it stands, with its names and units, or the file's layout is asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data import DataConfig, Dataset, load
from ndestudio.data.readers.base import Head
from ndestudio.data.readers.registry import reader_for
from ndestudio.data.readers.text import TextReader
from ndestudio.data.tables.instruments import rules
from ndestudio.errors import DataError
from ndestudio.progress import SilentReporter

EXAMPLES = Path(__file__).resolve().parents[1] / "instruments"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "readers"

EXPECTED: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "berkeley-madonna.txt": (("TIME", "prey", "predator"), ("0", "10", "2.5"), ("0.5", "13.25", "3.125")),
    "bionetgen.gdat": (
        ("time", "Atot", "AB"),
        ("0.00000000E+00", "1.00000000E+02", "0.00000000E+00"),
        ("1.00000000E+00", "6.25000000E+01", "3.75000000E+01"),
    ),
    "biotek-gen5.txt": (
        ("Time", "T° 660", "B1", "B2", "B3"),
        ("0:00:00", "30.0", "0.101", "0.099", "0.102"),
        ("0:20:00", "30.0", "0.139", "0.130", "0.141"),
    ),
    "campbell-toa5.dat": (
        ("TIMESTAMP", "RECORD", "AirTC_Avg [Deg C]", "Rain_mm_Tot [mm]"),
        ("2019-10-05 01:00:00", "40", "7.25", "0.2"),
        ("2019-10-05 03:00:00", "42", "6.5", "0"),
    ),
    "copasi.txt": (
        ("Time", "substrate", "total flux", "product.ParticleNumber"),
        ("0", "5", "0.25", "0"),
        ("1", "4.25", "0.15", "18"),
    ),
    "dwd.txt": (
        ("STATIONS_ID", "MESS_DATUM", "QN_9", "TT_TU", "RF_TU"),
        ("44", "2007040100", "5", "6.6", "95.0"),
        ("44", "2007040102", "5", "6.1", "93.5"),
    ),
    "fluxnet.csv": (
        ("TIMESTAMP_START", "TIMESTAMP_END", "SW_IN_F", "LE_F_MDS", "LE_F_MDS_QC"),
        ("200507010000", "200507010030", "0", "", "3"),
        ("200507010100", "200507010130", "1.25", "11.5", "0"),
    ),
    "hobo.csv": (
        ("#", "Date Time", "Temp [°F]", "Intensity [lum/ft²]", "End Of File"),
        ("1", "03/04/19 10:00:00 AM", "50.5", "12.25", ""),
        ("4", "03/04/19 10:25:10 AM", "", "", "Logged"),
    ),
    "keysight-infiniivision.csv": (
        ("time [s]", "CH1 [V]", "CH3 [V]"),
        ("-2.5E-06", "0.5", "1.25"),
        ("-0.5E-06", "1", "1.75"),
    ),
    "labview-lvm-no-x.lvm": (("X_Value", "Sensor [Volts]"), ("0,5", "1,5"), ("1,25", "2,5")),
    "labview-lvm.lvm": (
        ("X_Value", "Voltage [Volts]", "Pressure [Pa]"),
        ("0.000000", "1.250000", "100.500000"),
        ("1.500000", "2.000000", "102.750000"),
    ),
    "nonmem-table.tab": (
        ("ID", "TIME", "DV", "PRED"),
        ("1.0000E+00", "0.0000E+00", "5.0000E-01", "5.5000E-01"),
        ("2.0000E+00", "2.5000E+00", "6.7500E+00", "6.5000E+00"),
    ),
    "pangaea.tab": (
        ("Date/Time", "Depth water [m]", "POC [mg/m**2/day]"),
        ("2009-03-01", "500", "3.25"),
        ("2009-03-31", "500", "2.75"),
    ),
    "reddyproc.txt": (
        ("Year", "DoY", "Hour", "NEE [umolm-2s-1]", "Rg [Wm-2]"),
        ("1998", "1", "0.5", "-1.25", "0"),
        ("1998", "1", "1.5", "0.75", "2.5"),
    ),
    "rigol-sequence.csv": (("time [s]", "CH1 [V]", "CH2 [V]"), ("-0.0015", "1.25", "0.5"), ("-0.0005", "1.75", "0")),
    "rigol.csv": (("time [s]", "CH1 [V]", "CH2 [V]"), ("-6.0e-03", "1.04", "0.5"), ("-4.0e-03", "1.2", "0")),
    "tecan-i-control-rows.csv": (("Time [s]", "Temp. [°C]", "D1"), ("0", "25.5", "0.125"), ("241", "25", "0.5")),
    "tecan-i-control.csv": (
        ("Time [s]", "Temp. [°C]", "C1", "C2"),
        ("0", "30,1", "0,0825", "0,08"),
        ("901,5", "30", "0,15", "0,145"),
    ),
    "tektronix-mso.csv": (
        ("TIME [s]", "CH1 [V]", "CH4 [V]"),
        ("-2.0e-2", "0.125", "1.5"),
        ("1.0e-2", "0.75", "0.75"),
    ),
    "usgs-rdb.txt": (
        ("agency_cd", "site_no", "datetime", "tz_cd", "98765_00065", "98765_00065_cd"),
        ("USGS", "09999999", "2020-06-01 00:00", "EST", "2.31", "P"),
        ("USGS", "09999999", "2020-06-01 00:45", "EST", "2.4", "P"),
    ),
    "vernier-graphical-analysis.csv": (
        ("block", "Time (s)", "Temperature (°C)"),
        ("Run 1", "0", "20.5"),
        ("Run 2", "0.5", "22.5"),
    ),
    "vernier-logger-pro.txt": (
        ("Time [s]", "Angle [rad]", "Force [N]"),
        ("0", "0.25", "1.5"),
        ("0.1", "0.1", "0.75"),
    ),
    "xppaut.dat": (("", "", ""), ("0", "1", "0.5"), ("0.15", "0.9", "0.625")),
}


def head(folder: Path, text: str, **config: object) -> Head:
    path = folder / "data.csv"
    path.write_text(text, encoding="utf-8")
    return TextReader().head(path, DataConfig(**config), path.name)  # pyright: ignore[reportArgumentType]


def read(folder: Path, text: str, **config: object) -> Dataset:
    (folder / "data.csv").write_text(text, encoding="utf-8")
    return load(DataConfig(files=("data.csv",), **config), base=folder)  # pyright: ignore[reportArgumentType]


def values(data: Dataset, trajectory: int = 0) -> list[list[float]]:
    return data.trajectories[trajectory].measured.T.tolist()


@pytest.mark.parametrize("name", EXPECTED)
def test_files_of_instruments(name: str) -> None:
    found = TextReader().head(EXAMPLES / name, DataConfig(), name)
    headers, first, last = EXPECTED[name]
    assert (found.headers, found.cells[0], found.cells[-1]) == (headers, first, last)
    assert not found.problems


def test_each_rule_has_an_example_that_is_known_by_it() -> None:
    examples = {path.stem: path for path in EXAMPLES.iterdir()}
    assert set(examples) == {rule.name for rule in rules()}
    for name, path in examples.items():
        found = TextReader().head(path, DataConfig(), path.name)
        assert found.layout is not None and found.layout.instrument == name
        assert any(choice.changes == {"instrument": ""} for one in found.decisions for choice in one.choices)


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.stem)
def test_the_whole_file_has_the_cells_of_its_head(path: Path) -> None:
    found = TextReader().head(path, DataConfig(), path.name)
    assert found.layout is not None
    kinds = dict.fromkeys(range(len(found.headers)), "text")
    for index in range(len(found.headers)):
        cells = [row[index].replace(",", ".") for row in found.cells if row[index]]
        if cells and all(
            cell.lstrip("+-").replace(".", "", 1).replace("E+", "").replace("e-", "").isdigit() for cell in cells
        ):
            kinds[index] = "number"
    table = TextReader().read(path, found, kinds, DataConfig(), SilentReporter())  # pyright: ignore[reportArgumentType]
    numbers = [index for index, kind in kinds.items() if kind == "number"]
    assert numbers
    for index in numbers:
        seen = [float(row[index].replace(",", ".")) if row[index] else np.nan for row in found.cells]
        assert np.allclose(table.columns[index][: len(seen)], seen, rtol=1e-12, atol=0, equal_nan=True)
    assert table.rows.tolist()[: len(found.rows)] == list(found.rows)


def test_no_instrument_where_the_person_says_so(tmp_path: Path) -> None:
    path = EXAMPLES / "rigol-sequence.csv"
    found = TextReader().head(path, DataConfig(instrument=""), path.name)
    assert found.headers[:2] == ("X [Sequence]", "CH1 [Volt]")
    with pytest.raises(DataError, match="no instrument `rigl`; did you mean `rigol`"):
        TextReader().head(path, DataConfig(instrument="rigl"), path.name)


def test_names_and_values_above_a_table(tmp_path: Path) -> None:
    found = head(tmp_path, "Run,12\nStrain,K-12\nTemperature,37\n\nhours,cells,glucose\n0,1.5,20\n2,3,18\n4,6,14\n")
    assert found.headers == ("hours", "cells", "glucose")
    assert found.rows == (6, 7, 8)


@pytest.mark.parametrize(
    ("above", "names"),
    [
        ("Owner;Berg\nRig;R2\nRecipe;B\n", "day;N"),
        ("Owner;Berg\nRecipe;B\n", "hours;V"),
        ("Batch 9\n", "hours  day_length(h)"),
    ],
)
def test_names_that_are_units_too_stand_below_settings(tmp_path: Path, above: str, names: str) -> None:
    sign = ";" if ";" in names else "  "
    rows = "".join(f"{k}{sign}{20 - k * k}\n" for k in range(4))
    found = head(tmp_path, f"{above}{names}\n{rows}")
    assert found.headers == tuple(names.split(sign))


def test_names_and_units_below_settings(tmp_path: Path) -> None:
    found = head(tmp_path, "Owner;Berg\nRig;R2\nDauer;Kraft\nh;N\n0;20\n1;18\n2;14\n")
    assert found.headers == ("Dauer [h]", "Kraft [N]")


def test_a_row_of_units_that_is_partly_filled(tmp_path: Path) -> None:
    found = head(tmp_path, "day;plot;flux;temp\n;;mg m-2 h-1;degC\n0;3;1,5;20\n1;3;1,25;21\n")
    assert found.headers == ("day", "plot", "flux [mg m-2 h-1]", "temp [degC]")


def test_units_that_are_names_can_be_said_to_be_so(tmp_path: Path) -> None:
    text = "a,b\nm,h\n0,1\n1,2\n2,4\n"
    assert head(tmp_path, text).headers == ("a [m]", "b [h]")
    assert head(tmp_path, text, header_row=2).headers == ("m", "h")
    assert head(tmp_path, text, units_row=0).headers == ("a", "b")
    assert head(tmp_path, text, header_row=0).headers == ("", "")


@pytest.mark.parametrize("below", ["Mean,1.75\n", "Average;;\n", "\nresults\nslope,2\n", "Total,7\nn,4\n"])
def test_what_stands_below_a_table(tmp_path: Path, below: str) -> None:
    data = read(tmp_path, "time,x\n0,1\n1,1.5\n2,2\n3,2.5\n" + below)
    assert values(data) == [[1, 1.5, 2, 2.5]]
    (decision,) = [
        one
        for one in head(tmp_path, "time,x\n0,1\n1,1.5\n2,2\n3,2.5\n" + below).decisions
        if one.sentence.startswith("The table ends")
    ]
    assert decision.choices[0].changes == {"last_row": 5}


def test_last_row_is_obeyed_in_small_and_in_long_files(tmp_path: Path) -> None:
    data = read(tmp_path, "time,x\n0,1\n1,1.5\n2,2\n3,2.5\n", last_row=4)
    assert values(data) == [[1, 1.5, 2]]
    long = "time,x\n" + "".join(f"{k},{k}.5\n" for k in range(22_000)) + "the end\n"
    data = read(tmp_path, long, last_row=22_001)
    assert data.rows == 22_000
    assert values(data)[0][-1] == 21_999.5
    data = read(tmp_path, long)
    assert data.rows == 22_000
    assert any("ends in line 22001" in note for note in data.notes)
    data = read(tmp_path, long, first_row=20_002)
    assert (data.rows, data.time.label, data.trajectories[0].t[0]) == (2_000, "time", 20_000)


def test_two_tables_below_each_other(tmp_path: Path) -> None:
    text = "time,x\n0,1\n1,2\n2,3\n3,4\n4,5\n\nwell,a,b\n1,2,3\n2,3,4\n3,4,5\n"
    assert values(read(tmp_path, text)) == [[1, 2, 3, 4, 5]]
    (decision,) = [one for one in head(tmp_path, text).decisions if "2 tables" in one.sentence]
    assert not decision.certain
    other = dict(decision.choices[1].changes)
    assert head(tmp_path, text, **other).headers == ("well", "a", "b")


def test_tables_beside_each_other(tmp_path: Path) -> None:
    text = "North,,South,\ntime,level,time,level\nd,cm,d,cm\n0,10,0,20\n1,11,2,22\n2,13,4,25\n3,14,,\n"
    data = read(tmp_path, text)
    assert [one.name for one in data.trajectories] == ["North", "South"]
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1, 2, 3], [0, 2, 4]]
    assert [values(data, 0), values(data, 1)] == [[[10, 11, 13, 14]], [[20, 22, 25]]]
    assert (data.time.unit, data.measured[0].title) == ("d", "level [cm]")
    data = read(tmp_path, text, columns=("C:D",))
    assert values(data) == [[20, 22, 25]]


def test_tables_beside_each_other_with_one_time(tmp_path: Path) -> None:
    found = head(tmp_path, "A,,B,\ntime,x,time,x\n0,1,0,5\n1,2,1,6\n2,3,2,7\n")
    assert found.headers == ("time", "A x", "B x")


def test_different_tables_beside_each_other_are_asked_about(tmp_path: Path) -> None:
    text = "time,x,time,y\n0,1,0,5\n1,2,3,6\n2,3,5,7\n"
    with pytest.raises(DataError, match="columns = ") as caught:
        read(tmp_path, text)
    assert caught.value.decision is not None
    assert values(read(tmp_path, text, columns=("C:D",))) == [[5, 6, 7]]


def test_texts_among_numbers_are_no_header(tmp_path: Path) -> None:
    text = "time,x,y\n0,1,2\n1,off,off\n2,off,off\n3,3,4\n4,4,5\n5,5,6\n"
    found = head(tmp_path, text)
    assert (found.headers, found.rows) == (("time", "x", "y"), (2, 3, 4, 5, 6, 7))
    assert read(tmp_path, text, missing=("off",)).rows == 6
    assert head(tmp_path, "time,x\nMean,2\n0,1\n1,2\n2,3\n").headers == ("time", "x")


def test_names_that_are_numbers(tmp_path: Path) -> None:
    assert head(tmp_path, "time,1,2\n0,5,6\n1,6,7\n2,7,8\n").headers == ("time", "1", "2")


def test_names_of_rows_as_r_writes_them(tmp_path: Path) -> None:
    found = head(tmp_path, '"time" "x"\n"1" 0 1.5\n"2" 1 2.5\n"3" 2 3.5\n')
    assert found.headers == ("", "time", "x")


@pytest.mark.parametrize("delimiter", ["^", "~", "::", "&"])
def test_rare_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = [["time", "x", "y"], ["0", "1.5", "2"], ["1", "2.5", "3"], ["2", "3.5", "1"]]
    data = read(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert values(data) == [[1.5, 2.5, 3.5], [2, 3, 1]]


def test_signs_between_thousands(tmp_path: Path) -> None:
    assert values(read(tmp_path, 'time,x\n0,"1,250"\n1,"980"\n2,"12,000"\n')) == [[1250, 980, 12000]]
    assert values(read(tmp_path, "time;x\n0;1.250,5\n1;980,25\n2;12.000,0\n")) == [[1250.5, 980.25, 12000]]
    with pytest.raises(DataError, match="thousands"):
        read(tmp_path, 'time,x\n0,"1,250"\n1,"2,250"\n')
    assert values(read(tmp_path, 'time,x\n0,"1,250"\n1,"2,250"\n', thousands=",")) == [[1250, 2250]]


def test_a_workbook_whose_first_sheet_is_text(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet("About").write_column(0, 0, ["Project", "People"])
        sheet = book.add_worksheet("Runs")
        sheet.merge_range(0, 0, 0, 1, "First")
        sheet.merge_range(0, 2, 0, 3, "Second")
        sheet.write_row(1, 0, ["time", "x", "time", "x"])
        sheet.write_row(2, 0, ["h", "g", "h", "g"])
        for row, cells in enumerate([(0, 1.5, 0, 2.5), (1, 1.25, 2, 2.25), (2, 1, 4, 2)]):
            sheet.write_row(3 + row, 0, cells)
    data = load(DataConfig(files=("a.xlsx",)), base=tmp_path)
    assert [one.name for one in data.trajectories] == ["First", "Second"]
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1, 2], [0, 2, 4]]
    assert data.measured[0].title == "x [g]"
    assert any("Sheet `Runs` of 2" in note for note in data.notes)


def test_durations_of_a_workbook_go_on_beyond_a_day(tmp_path: Path) -> None:
    from datetime import timedelta

    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        form = book.add_format({"num_format": "[h]:mm:ss"})
        sheet.write_row(0, 0, ["elapsed", "x"])
        for row in range(3):
            sheet.write(1 + row, 0, timedelta(hours=18 * row, seconds=row), form)
            sheet.write_number(1 + row, 1, row + 0.5)
    path = tmp_path / "a.xlsx"
    found = reader_for(path).head(path, DataConfig(), path.name)
    assert [row[0] for row in found.cells] == ["0:00:00", "18:00:01", "36:00:02"]


def test_tables_in_random_dialects(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    for _ in range(100):
        text, expected, headers = _random_table(chance)
        try:
            found = head(tmp_path, text)
            assert found.layout is not None
            data = read(tmp_path, text, time="time", trajectory="")
        except DataError as error:
            raise AssertionError(f"{error}\n{text}") from error
        assert tuple(found.headers) == headers, text
        assert np.array_equal(np.column_stack([data.trajectories[0].t, data.trajectories[0].measured]), expected), text


def _random_table(chance: np.random.Generator) -> tuple[str, np.ndarray, tuple[str, ...]]:
    """A table with some of: preamble, comments, units, trailing delimiters, empty lines, a footer."""
    rows, columns = int(chance.integers(4, 30)), int(chance.integers(2, 7))
    delimiter, decimal = [(",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ","), ("|", ".")][chance.integers(6)]
    table = np.column_stack([0.5 * np.arange(rows), chance.normal(size=(rows, columns)).round(3)])
    names = ["time", *(f"flow{k}" for k in range(columns))]
    units = ["h", *(str(chance.choice(["mg/L", "degC", "m s-1", "W m-2"])) for _ in range(columns))]
    lines: list[str] = []
    if chance.random() < 0.3:
        lines += [f"# {word}" for word in ("made by hand", "second remark")]
    if chance.random() < 0.3:
        lines += [delimiter.join(pair) for pair in (("Operator", "somebody"), ("Run", "12"), ("Place", "lab"))] + [""]
    if chance.random() < 0.2:
        lines.append("A title of the table")
    tail = delimiter if chance.random() < 0.2 else ""
    lines.append(delimiter.join(names) + tail)
    with_units = chance.random() < 0.4
    if with_units:
        lines.append(delimiter.join(units) + tail)
    for row in table:
        lines.append(delimiter.join(f"{value:.3f}".replace(".", decimal) for value in row) + tail)
        if chance.random() < 0.02:
            lines.append("")
    if chance.random() < 0.2:
        lines += ["", delimiter.join(["Mean", *["1"] * columns])]
    headers = tuple(f"{name} [{unit}]" for name, unit in zip(names, units, strict=True)) if with_units else tuple(names)
    newline = "\r\n" if chance.random() < 0.3 else "\n"
    return newline.join(lines) + newline, table.round(3), headers


SHARED_TABLES: dict[str, tuple[tuple[str, ...], int, int]] = {
    "toa5.dat": (("TIMESTAMP", "RECORD", "Tw_Avg [Deg C]", "Level [m]"), 5, 9),
    "pangaea.tab": (("Date/Time", "Temp [deg C]", "Sal"), 10, 13),
    "nonmem_table.tab": (("ID", "TIME", "DV", "IPRED", "EVID"), 3, 9),
    "labview.lvm": (("X_Value", "Sine [Volts]", "Cosine [Volts]"), 13, 15),
    "biotek_gen5.csv": (("Time", "T° 600", "A1", "A2"), 10, 12),
    "tektronix.csv": (("time [s]", "CH1 [V]"), 1, 6),
    "header_after_blank.csv": (("time", "x", "y"), 5, 7),
    "units_row_some.csv": (("time", "flag", "site", "NEE [umol m-2 s-1]", "H [W m-2]"), 3, 5),
    "copasi_report.txt": (("Time", "A_obs", "B"), 2, 5),
    "footer.csv": (("time", "x"), 2, 5),
    "first_sheet_is_info.xlsx": (("t [h]", "X [g/L]"), 2, 6),
    "two_header_rows.csv": (("block", "time [h]", "biomass [g/L]"), 4, 7),
    "usgs.rdb": (("agency_cd", "site_no", "datetime", "77_00060_00003", "77_00060_00003_cd"), 5, 12),
    "hobo.csv": (("#", "Date Time", "Temp [°C]", "RH [%]", "Stopped"), 3, 7),
    "rigol_sequence.csv": (("time [s]", "CH1 [V]"), 3, 6),
    "tracker.txt": (("t", "x", "y"), 3, 6),
}


@pytest.mark.parametrize("name", SHARED_TABLES)
def test_tables_of_the_shared_folder(name: str) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/data/readers/{name} is not here")
    found = reader_for(path).head(path, DataConfig(), name)
    headers, first, last = SHARED_TABLES[name]
    assert (tuple(found.headers), found.rows[0], found.rows[-1]) == (headers, first, last)
    assert not found.problems
