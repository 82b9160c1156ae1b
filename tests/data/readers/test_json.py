"""JSON as programs write it: records, columns, lists of runs, nested, lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.errors import DataError


def read(folder: Path, value: Any, name: str = "a.json", **config: object) -> Dataset:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return load(DataConfig(files=(name,), **config), base=folder)  # pyright: ignore[reportArgumentType]


RECORDS = [{"t": place, "x": place**2 + 0.5} for place in range(4)]
FORMS: dict[str, Any] = {
    "records": RECORDS,
    "columns": {"t": [0, 1, 2, 3], "x": [0.5, 1.5, 4.5, 9.5], "by": "someone"},
    "columns below a key": {"meta": {"version": 3}, "data": {"t": [0, 1, 2, 3], "x": [0.5, 1.5, 4.5, 9.5]}},
    "records below a key": {"count": 4, "results": RECORDS},
    "split": {"columns": ["t", "x"], "index": [0, 1, 2, 3], "data": [[0, 0.5], [1, 1.5], [2, 4.5], [3, 9.5]]},
    "table": {
        "schema": {"fields": [{"name": "t", "type": "number"}, {"name": "x", "type": "number"}]},
        "data": RECORDS,
    },
    "columns of rows": {"t": {str(place): place for place in range(4)}, "x": {str(k): k**2 + 0.5 for k in range(4)}},
    "rows by number": {str(place): row for place, row in enumerate(RECORDS)},
    "rows under a header": [["t", "x"], [0, 0.5], [1, 1.5], [2, 4.5], [3, 9.5]],
    "series": {"results": [{"series": [{"columns": ["t", "x"], "values": [[k, k**2 + 0.5] for k in range(4)]}]}]},
    "nested records": [{"t": row["t"], "values": {"x": row["x"]}} for row in RECORDS],
    "lines": "\n".join(map(json.dumps, RECORDS)) + "\n",
    "pretty": json.dumps(RECORDS, indent=2),
    "with a byte order mark": "\ufeff" + json.dumps(RECORDS),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_table(tmp_path: Path, form: str) -> None:
    (one,) = read(tmp_path, FORMS[form]).trajectories
    assert one.t.tolist() == [0, 1, 2, 3]
    assert one.measured[:, 0].tolist() == [0.5, 1.5, 4.5, 9.5]
    assert one.measured.shape[1] == 1
    assert preview(tmp_path / "a.json").format == "json"


RUNS = [{"name": "A", "dose": 5, "t": [0, 1, 2], "x": [1, 2, 3]}, {"name": "B", "dose": 7, "t": [0, 4], "x": [4, 5]}]
RUN_FORMS: dict[str, Any] = {
    "list": RUNS,
    "by name": {run["name"]: {key: run[key] for key in ("dose", "t", "x")} for run in RUNS},
    "below a key": {"experiments": RUNS},
    "of records": [
        {
            "id": run["name"],
            "dose": run["dose"],
            "samples": [{"t": t, "x": x} for t, x in zip(run["t"], run["x"], strict=True)],
        }
        for run in RUNS
    ],
    "side by side": {"t": [run["t"] for run in RUNS], "x": [run["x"] for run in RUNS]},
    "lines": "\n".join(map(json.dumps, RUNS)),
}


@pytest.mark.parametrize("form", RUN_FORMS)
def test_forms_of_several_runs(tmp_path: Path, form: str) -> None:
    data = read(tmp_path, RUN_FORMS[form])
    assert [one.t.tolist() for one in data.trajectories] == [[0, 1, 2], [0, 4]]
    assert [one.measured[:, 0].tolist() for one in data.trajectories] == [[1, 2, 3], [4, 5]]
    if form != "side by side":
        assert [one.name for one in data.trajectories] == ["A", "B"]
        assert [one.inputs[0, 0] for one in data.trajectories] == [5, 7]


def test_values_that_are_missing_and_units(tmp_path: Path) -> None:
    data = read(tmp_path, '{"units": {"x": "mm", "t": "s"}, "t": [0, 1, 2], "x": [1, null, 3], "y": [NaN, 5, 6]}')
    assert np.array_equal(data.trajectories[0].measured, [[1, np.nan], [np.nan, 5], [3, 6]], equal_nan=True)
    assert (data.time.unit, data.measured[0].unit) == ("s", "mm")


def test_rows_by_date(tmp_path: Path) -> None:
    data = read(tmp_path, {"2020-03-01": {"cases": 3}, "2020-03-02": {"cases": 5}, "2020-03-05": {"cases": 8}})
    assert data.trajectories[0].t.tolist() == [0, 1, 4]
    assert data.measured_names == ("cases",)


def test_vectors_in_records_are_columns(tmp_path: Path) -> None:
    data = read(tmp_path, [{"t": k, "pos": {"x": k, "y": 2 * k}, "v": [k, 5 - k]} for k in range(4)])
    assert data.measured_names == ("pos_x", "pos_y", "v_1", "v_2")
    assert data.trajectories[0].measured[3].tolist() == [3, 6, 3, 2]


def test_records_with_more_than_the_others(tmp_path: Path) -> None:
    data = read(tmp_path, [{"t": 0, "x": 1}, {"t": 1, "x": 2, "more": {"deep": [7, 8]}}, {"t": 2, "x": 3, "tags": []}])
    columns = dict(zip(data.measured_names, data.trajectories[0].measured.T, strict=True))
    assert columns["x"].tolist() == [1, 2, 3]
    assert np.array_equal(columns["more_deep_2"], [np.nan, 8, np.nan], equal_nan=True)


SYSTEMS = [
    {
        "id": 11,
        "eq": "c_0*x_0",
        "dim": 1,
        "consts": [[0.7]],
        "init": [[1.0], [2.0]],
        "solutions": [
            [{"success": True, "t": [0, 1, 2], "y": [[1, 2, 4]]}, {"success": True, "t": [0, 1, 2], "y": [[2, 4, 8]]}]
        ],
    },
    {
        "id": 12,
        "eq": "x_1 | -x_0",
        "dim": 2,
        "eq_description": "Oscillator",
        "init": [[1.0, 0.0]],
        "solutions": [[{"success": True, "t": [0, 1, 2], "y": [[1, 0.5, -0.4], [0, -0.8, -0.9]]}]],
    },
    {"id": 13, "eq": "-x_0", "dim": 1, "init": [[3.0]], "solutions": [[{"t": [0, 1, 2], "y": [[3, 1, 0.4]]}]]},
]


def test_a_list_of_systems_with_solutions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='12: Oscillator: `key = "12"`'):
        read(tmp_path, SYSTEMS)
    data = read(tmp_path, SYSTEMS, key="12")
    assert data.measured_names == ("x_0", "x_1")
    assert data.trajectories[0].measured[2].tolist() == [-0.4, -0.9]
    data = read(tmp_path, SYSTEMS, key="11")
    assert [one.measured[:, 0].tolist() for one in data.trajectories] == [[1, 2, 4], [2, 4, 8]]
    # of one dimension each, and still different systems
    with pytest.raises(DataError, match="do not belong together"):
        read(tmp_path, [SYSTEMS[0], SYSTEMS[2]])
    assert read(tmp_path, SYSTEMS[1:2]).measured_names == ("x_0", "x_1")


def test_json_under_another_ending(tmp_path: Path) -> None:
    read(tmp_path, RECORDS, "a.txt")
    assert preview(tmp_path / "a.txt").format == "json"
    (tmp_path / "b.csv").write_text("[1] 0.5 2\n[2] 0.6 3\n", encoding="utf-8")
    assert preview(tmp_path / "b.csv").format == "text"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"t": [0, 1], "x": [1, 2', "ends too early"),
        ('{"t": [0, 1], "x": [1, two]}', "near `.*two"),
        ('{"t": 0, "x": 1}\n{"t": 1, "x" 2}\n', "row 2: this is no JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "no values"),
        ('{"a": 1}', "no variable of the file is a vector"),
        ('"hello"', "no variable of the file is a vector"),
        ("[]", "no values"),
    ],
)
def test_what_is_no_table_is_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, text)
