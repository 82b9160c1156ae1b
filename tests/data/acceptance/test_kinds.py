"""Files of many programs and instruments give their values, or a question; none of them is read as something else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.loading import load
from ndestudio.errors import DataError

EXAMPLES = Path(__file__).resolve().parents[1] / "instruments"
N = math.nan

INSTRUMENTS: dict[str, tuple[str, str, Sequence[float], Mapping[str, Sequence[float]]]] = {
    "siglent.csv": ("siglent", "s", [-2e-8, -1e-8, 0, 1e-8], {"CH1": [1.25, 1.5, 1.75, 2], "CH2": [0.5, 0.25, 0, -0.25]}),
    "siglent-old.csv": ("siglent-old", "s", [-2e-6, -1e-6, 0, 1e-6, 2e-6, 3e-6], {"voltage": [1.25, 1.5, 1.75, 2, 2.25, 2.5]}),
    "rigol-mso5000.csv": ("rigol-mso5000", "s", [-3e-4, -2e-4, -1e-4, 0], {"CH1": [0.12, 0.16, 0.2, 0.24], "CH2": [2.5, 2.25, 2, 1.75]}),
    "noaa-buoy.txt": ("noaa-buoy", "h", [0, 1, 2, 3], {"WVHT": [1.5, N, 1.3, 1.2], "PRES": [1014, 1014.5, 1015, 1015.5]}),
    "noaa-isd-lite.txt": ("noaa-isd-lite", "h", [0, 1, 2, 3], {"air_temperature": [-41, -45, -48, -51], "dew_point": [-72, -75, N, -81]}),
    "noaa-ghcn-daily.csv": ("XX000000001", "d", [0, 1, 2], {"TMAX": [111, 61, 22], "TMIN": [33, -6, -22]}),
    "noaa-gml-monthly.txt": ("noaa-gml-monthly", "yr", [1974.375, 1974.4583, 1974.5417, 1974.625, 1974.9583], {"average": [333.13, 332.09, 331.1, 329.14, 329.64]}),
    "noaa-gml-monthly-csv.csv": ("noaa-gml-monthly-csv", "yr", [1958.2027, 1958.2877, 1958.3699, 1958.4548], {"average": [315.71, 317.45, 317.51, 317.27]}),
    "picoscope.csv": ("picoscope", "ms", [-1, -0.5, 0, 0.5, 1], {"Channel_A": [12.5, 13.5, 15.25, N, 11.25]}),
    "pasco.csv": ("Run #2", "s", [0, 0.05, 0.1], {"Position": [0.7, 0.8, 0.9]}),
    "gamry.dta": ("gamry", "s", [0.5, 1, 1.5, 2], {"Vf": [1.01, 1.02, 1.03, 1.04], "Im": [1e-3, 9e-4, 8e-4, 7.5e-4]}),
    "ec-lab.mpt": ("ec-lab", "s", [0, 1, 2, 3], {"Ewe": [1.01, 1.02, 1.03, 1.04], "I": [0.5, 0.4, 0.35, 0.3]}),
    "tga-instruments.txt": ("tga-instruments", "min", [0, 0.1, 0.2, 0.3], {"Temperature": [25.5, 26.5, 27.5, 28.5], "Weight": [10.5, 10.49, 10.47, 10.44]}),
    "tecan-magellan.txt": ("tecan-magellan", "min", [0, 5, 10, 15], {"A1": [0.085, 0.091, 0.103, 0.125], "A2": [0.086, 0.09, 0.101, 0.121]}),
    "bmg-rows.csv": ("A/Sample X2", "s", [0, 300, 600, 900], {"value": [0.086, 0.09, 0.101, 0.121]}),
    "bmg-time-row.csv": ("A02", "min", [0, 30, 60, 90], {"value": [0.086, 0.09, 0.101, 0.121]}),
    "nonmem-data-with-comments.csv": ("2", "", [1, 2], {"DV": [8.5, 7.25]}),
    "home-assistant.csv": ("home-assistant", "h", [0, 1, 2, 3], {"sensor_temp": [20.5, 20.75, N, 21.5], "sensor_hum": [55, 56, N, 57]}),
    "sea-bird-cnv.cnv": ("sea-bird-cnv", "seconds", [0, 0.25, 0.5, 0.75], {"Temperature": [10.5, 10.6, 10.7, 10.8], "Salinity_Practical": [35.1, 35.2, N, 35.3]}),
    "grace-xvg.xvg": ("grace-xvg", "ps", [0, 1, 2, 3], {"Potential": [-100.5, -101.5, -102.25, -101.75], "Temperature": [300.1, 299.5, 300.5, 301]}),
    "netlogo-behaviorspace.csv": ("2", "", [0, 1, 2, 3], {"count_sheep": [200, 203, 206, 209], "count_wolves": [50, 49, 48, 47]}),
    "labview-lvm.lvm": ("labview-lvm", "", [0, 0.5, 1, 1.5], {}),
    "dwd.txt": ("44", "h", [0, 1, 2], {"TT_TU": [6.6, N, 6.1], "RF_TU": [95, 94, 93.5]}),
}  # fmt: skip


def read(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Dataset:
    (folder / name).write_bytes(text.encode(encoding))
    return load(DataConfig(files=(name,)), base=folder)


def holds(data: Dataset, name: str, unit: str, t: Sequence[float], values: Mapping[str, Sequence[float]]) -> None:
    trajectory = data.trajectory(name)
    np.testing.assert_allclose(trajectory.t, t, rtol=1e-12, atol=1e-15)
    assert data.time.unit == unit
    for column, expected in values.items():
        np.testing.assert_allclose(trajectory.measured[:, data.measured_names.index(column)], expected, err_msg=column)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_files_of_instruments_give_their_values(name: str) -> None:
    holds(load(DataConfig(files=(name,)), base=EXAMPLES), *INSTRUMENTS[name])


KINDS: dict[str, tuple[str, str, str, Sequence[float], Mapping[str, Sequence[float]]]] = {
    "pandas, names in two rows": (
        ",pot1,pot1,pot2,pot2\n,mass,pH,mass,pH\nhours,,,,\n0,5,7,6,7.5\n2,5.5,6.9,6.25,7.25\n4,6,6.8,7,7\n",
        "table", "h", [0, 2, 4], {"pot1_mass": [5, 5.5, 6], "pot1_pH": [7, 6.9, 6.8], "pot2_mass": [6, 6.25, 7], "pot2_pH": [7.5, 7.25, 7]},
    ),
    "pandas, a second row that says nothing": (
        "Price,Open,Volume\nTicker,XYZ,XYZ\nDate,,\n2021-03-30,5.5,100\n2021-03-31,5.75,90\n2021-04-01,6,120\n",
        "table", "d", [0, 1, 2], {"Open": [5.5, 5.75, 6], "Volume": [100, 90, 120]},
    ),
    "R, row names that go through all runs": (
        '"rownames","Plot","age","height"\n"1","a",10,1.5\n"2","a",25,2.5\n"3","a",31,2.75\n"4","b",10,1.25\n"5","b",25,2\n"6","b",31,2.5\n',
        "b", "", [10, 25, 31], {"height": [1.25, 2, 2.5]},
    ),
    "French sheet, blanks between thousands": (
        "Date;Heure;Masse (g)\r\n30/04/2021;23:00;998,5\r\n01/05/2021;00:00;1 001,25\r\n01/05/2021;01:00;1 004\r\n",
        "table", "h", [0, 1, 2], {"Masse": [998.5, 1001.25, 1004]},
    ),
    "Swiss sheet, apostrophes between thousands": (
        "Datum;Menge\n30.04.2021;980.5\n01.05.2021;1'020.25\n02.05.2021;1'044.75\n",
        "table", "d", [0, 1, 2], {"Menge": [980.5, 1020.25, 1044.75]},
    ),
    "newest row first": (
        "site,time,level\nn,3,30\ns,3,31\nn,2,20\ns,2,21\nn,1,10\ns,1,11\n", "s", "", [1, 2, 3], {"level": [11, 21, 31]},
    ),
    "newest row first, a long table": (
        "utc,parameter,value,unit\n2021-04-30T02:00:00Z,o3,7.5,ppb\n2021-04-30T01:00:00Z,o3,8.5,ppb\n2021-04-30T00:00:00Z,o3,9,ppb\n"
        "2021-04-30T02:00:00Z,no,1.5,ppb\n2021-04-30T01:00:00Z,no,2.5,ppb\n2021-04-30T00:00:00Z,no,3,ppb\n",
        "table", "h", [0, 1, 2], {"o3": [9, 8.5, 7.5], "no": [3, 2.5, 1.5]},
    ),
    "InfluxDB, an empty first column": (
        ",result,table,_time,_value,_field\n,,0,2021-04-30T00:00:00Z,5.5,p\n,,0,2021-04-30T02:00:00Z,5.75,p\n,,0,2021-04-30T04:00:00Z,6,p\n"
        ",,1,2021-04-30T00:00:00Z,1.5,q\n,,1,2021-04-30T02:00:00Z,1.25,q\n,,1,2021-04-30T04:00:00Z,1,q\n",
        "table", "h", [0, 2, 4], {"p": [5.5, 5.75, 6], "q": [1.5, 1.25, 1]},
    ),
    "Vensim, times across": (
        "Time (Month)\t0\t1\t2\t3\nStock\t50\t49.5\t48\t46.25\nFlow : base\t0.5\t1.5\t1.75\t2.25\n",
        "table", "Month", [0, 1, 2, 3], {"Stock": [50, 49.5, 48, 46.25], "Flow_base": [0.5, 1.5, 1.75, 2.25]},
    ),
    "COPASI, commas": (
        "# Time,[X],Values[total],(v1).Flux\n0,5,7,0.5\n1,4.5,7,0.25\n2,4.25,7,0.125\n",
        "table", "", [0, 1, 2], {"X": [5, 4.5, 4.25], "v1_Flux": [0.5, 0.25, 0.125]},
    ),
    "HOBO, German": (
        '"Diagrammtitel: Bach"\n"#";"Datum Zeit, GMT+01:00";"Temp, °C (LGR S/N: 7, SEN S/N: 7)"\n1;30.04.21 23:00:00;8,5\n2;01.05.21 00:00:00;8,25\n3;01.05.21 01:00:00;8\n',
        "table", "h", [0, 1, 2], {"Temp": [8.5, 8.25, 8]},
    ),
    "Tektronix, five columns of settings above": (
        "Model,MSO64\nRecord Length,3\nSample Interval,1e-03\nVertical Units,V\nLabel,\nTIME,CH2\n-1e-3,0.5\n0,0.75\n1e-3,1\n",
        "table", "s", [-1e-3, 0, 1e-3], {"CH2": [0.5, 0.75, 1]},
    ),
    "percent signs behind numbers": (
        "Zeit;pO2\n0;100%\n1;95,5%\n2;91 %\n", "table", "", [0, 1, 2], {"pO2": [100, 95.5, 91]},
    ),
    "blocks with numbers in their names": (
        "Time1\tSignal1\tFit1\tTime2\tSignal2\tFit2\n0\t1\t1.1\t0.5\t2\t2.1\n1\t1.5\t1.6\t1.5\t3\t3.1\n2\t2\t2.1\t2.5\t4\t4.1\n",
        "2", "", [0.5, 1.5, 2.5], {"Signal": [2, 3, 4], "Fit": [2.1, 3.1, 4.1]},
    ),
    "LTspice": (
        "time\tV(in)\tV(out)\tI(R2)\n0\t1\t0\t0.5\n1e-6\t1\t0.25\t0.375\n2e-6\t1\t0.5\t0.25\n",
        "table", "", [0, 1e-6, 2e-6], {"V_in": [1, 1, 1], "V_out": [0, 0.25, 0.5], "I_R2": [0.5, 0.375, 0.25]},
    ),
    "Markdown": (
        "| time | x |\n|:-----|---:|\n| 0 | 5 |\n| 1 | 5.5 |\n| 2 | 6 |\n", "table", "", [0, 1, 2], {"x": [5, 5.5, 6]},
    ),
    "Swedish sheet, points in clocks": (
        "Datum;Klockan;Nivå (m)\n2021-04-30;23.30;1,25\n2021-05-01;00.00;1,5\n2021-05-01;00.30;1,75\n",
        "table", "min", [0, 30, 60], {"Niva": [1.25, 1.5, 1.75]},
    ),
    "French sheet, an h in clocks": (
        "Date;Heure;pH\n30/04/2021;23h30;7,25\n01/05/2021;00h00;7,5\n01/05/2021;00h30;7,75\n",
        "table", "min", [0, 30, 60], {"pH": [7.25, 7.5, 7.75]},
    ),
    "Finnish weather": (
        "Vuosi;Kk;Pv;Klo;Aikavyöhyke;Sade (mm)\n2021;4;30;23:00;UTC;1.5\n2021;5;1;00:00;UTC;0\n2021;5;1;01:00;UTC;0.5\n",
        "table", "h", [0, 1, 2], {"Sade": [1.5, 0, 0.5]},
    ),
    "quarters": ("Period,GDP\n2019Q3,100\n2019Q4,101\n2020Q1,99\n", "table", "d", [0, 92, 184], {"GDP": [100, 101, 99]}),
    "exponents of Fortran": ("time x\n0.0D+00 1.5D+00\n1.0D-01 2.5D+01\n2.0D-01 3.5D+02\n", "table", "", [0, 0.1, 0.2], {"x": [1.5, 25, 350]}),
    "Tektronix TDS": (
        "Record Length,3,,-0.001,0.25,\nSample Interval,0.001,,0,0.5,\nSource,CH3,,0.001,0.75,\nVertical Units,V,,0.002,1,\n",
        "table", "", [-1e-3, 0, 1e-3, 2e-3], {"CH3": [0.25, 0.5, 0.75, 1]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_files_give_their_values(kind: str, tmp_path: Path) -> None:
    text, name, unit, t, values = KINDS[kind]
    holds(read(tmp_path, text), name, unit, t, values)


def test_a_coded_dose_is_a_dose(tmp_path: Path) -> None:
    data = read(tmp_path, "ID,TIME,DV,AMT,EVID,CMT\n1,0,0,250,101,1\n1,1,4.5,0,0,2\n1,2,3.5,0,0,2\n1,4,2.5,0,0,2\n")
    assert [(one.time, one.amount) for one in data.trajectory("1").doses] == [(0.0, 250.0)]


def test_rows_turned_round_are_told(tmp_path: Path) -> None:
    data = read(tmp_path, "time,x\n3,5\n2,6\n1,7\n")
    assert data.trajectory("table").measured[:, 0].tolist() == [7.0, 6.0, 5.0]
    assert any("turned round" in note for note in data.notes)
    with pytest.raises(DataError, match="the time falls from 3 to 1"):
        read(tmp_path, "time,x\n3,5\n1,6\n2,7\n")


def test_several_tables_with_times_across_are_told(tmp_path: Path) -> None:
    table = "Cycle Nr.,1,2,3\nTime [s],{0},{1},{2}\nTemp. [°C],30,30,30\nC4,{3},{4},{5}\n\n"
    text = "Method name: k\n\n" + table.format(0, 60, 120, 0.5, 0.75, 1) + table.format(5, 65, 125, 50, 75, 100)
    data = read(tmp_path, text)
    decision = next(one for one in data.decisions if one.topic == "table" and len(one.choices) == 2 and not one.certain)
    assert [choice.changes for choice in decision.choices] == [{"header_row": 3}, {"header_row": 8}]
    second = load(DataConfig(files=("table.csv",), header_row=8), base=tmp_path)
    holds(second, "table", "s", [5, 65, 125], {"C4": [50, 75, 100]})


def test_workbooks_with_times_across(tmp_path: Path) -> None:
    xlsxwriter = pytest.importorskip("xlsxwriter")
    pytest.importorskip("fastexcel")
    rows = [
        ["Application: Tecan i-control"], [], ["Start Time:", "5/6/2020 10:11:12 AM"], [], ["Cycle Nr.", 1, 2, 3], ["Time [s]", 0, 60.5, 121],
        ["Temp. [°C]", 30, 30.5, 31], ["F7", 0.25, 0.5, 0.75], [], ["End Time:", "5/6/2020 11:11:12 AM"],
    ]  # fmt: skip
    book = xlsxwriter.Workbook(str(tmp_path / "plate.xlsx"))
    sheet = book.add_worksheet()
    for place, row in enumerate(rows):
        sheet.write_row(place, 0, row)
    book.close()
    holds(
        load(DataConfig(files=("plate.xlsx",)), base=tmp_path), "plate", "s", [0, 60.5, 121], {"F7": [0.25, 0.5, 0.75]}
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("time,a\n0,55\n1,-9999\n2,65\n3,72\n", "`a` holds -9999 in one row"),
        ('"rownames","dose","rate","group"\n"1",2,76,"x"\n"2",2,47,"x"\n"3",6,97,"x"\n"4",2,50,"y"\n"5",2,60,"y"\n', "no column looks like the time"),
        ("year,month,a,a_sd\n2001,1,5.5,0.1\n2001,2,5.75,-9.5\n2001,3,6,0.2\n", "add `-9.5` to the missing markers"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_asked(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, text)
