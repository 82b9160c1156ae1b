"""SQLite, DuckDB and Feather files: the table that is meant, read without a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import duckdb
import numpy as np
import polars as pl
import pytest

from ndestudio.data import DataConfig, Dataset, load, preview
from ndestudio.data.readers import sqlite as sqlite_reader
from ndestudio.data.readers.registry import reader_for
from ndestudio.errors import DataError


def read(path: Path, **config: object) -> Dataset:
    return load(DataConfig(files=(str(path),), **config))  # pyright: ignore[reportArgumentType]


def sqlite(path: Path, *statements: str, rows: Sequence[tuple[object, ...]] = ()) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        if rows:
            connection.executemany(f"INSERT INTO m VALUES ({','.join('?' * len(rows[0]))})", rows)
        connection.commit()
    return path


def test_a_table_of_sqlite(tmp_path: Path) -> None:
    rows = [(0.5 * k, k if k != 2 else None, f"2020-01-0{k + 1}") for k in range(5)]
    path = sqlite(tmp_path / "a.db", 'CREATE TABLE m (time REAL, "x [mm]" REAL, day TEXT)', rows=rows)
    data = read(path, time="time", states=("x",))
    (one,) = data.trajectories
    assert one.t.tolist() == [0, 0.5, 1, 1.5, 2]
    assert np.array_equal(one.measured[:, 0], [0, 1, np.nan, 3, 4], equal_nan=True)
    assert data.measured[0].unit == "mm"
    assert preview(path).format == "sqlite"
    assert read(path, time="day").trajectories[0].t.tolist() == [0, 1, 2, 3, 4]


def test_cells_of_other_types_are_texts(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "a.db", "CREATE TABLE m (t, x)", rows=[(0, 1.25), (1, "broken"), (2, 3), (3, 3.5), (4, 6)])
    with pytest.raises(DataError, match=r"row 2, column `x`: `broken` is not a number"):
        read(path)
    data = read(path, missing=("broken",))
    assert np.array_equal(data.trajectories[0].measured[:, 0], [1.25, np.nan, 3, 3.5, 6], equal_nan=True)


def test_one_of_several_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    sqlite(
        path,
        "CREATE TABLE notes (k, v)",
        "INSERT INTO notes VALUES ('a', 'b'), ('c', 'd')",
        "CREATE TABLE m (t, x)",
        rows=[(0, 1), (1, 2), (2, 4)],
    )
    data = read(path)
    assert data.trajectories[0].measured[:, 0].tolist() == [1, 2, 4]
    assert preview(path).choices == ("notes", "m")
    (decision,) = reader_for(path).head(path, DataConfig(), "a").decisions
    assert decision.certain and "only one with a time" in decision.sentence
    sqlite(path, "CREATE VIEW doubled AS SELECT t, 2 * x AS x FROM m")
    with pytest.raises(DataError, match='`key = "doubled"`') as caught:
        read(path)
    assert caught.value.decision is not None
    assert read(path, key="doubled").trajectories[0].measured[:, 0].tolist() == [2, 4, 8]
    with pytest.raises(DataError, match="no table `dubled`; did you mean `doubled`"):
        read(path, key="dubled")


def test_nothing_is_written_beside_a_database(tmp_path: Path) -> None:
    sqlite(tmp_path / "a.db", "PRAGMA journal_mode = WAL", "CREATE TABLE m (t, x)", rows=[(0, 1), (1, 2)])
    before = sorted(one.name for one in tmp_path.iterdir())
    read(tmp_path / "a.db")
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_changes_that_were_not_written_back_yet_are_seen(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE m (t, x)")
        connection.executemany("INSERT INTO m VALUES (?, ?)", [(0, 1), (1, 2), (2, 7)])
        connection.commit()
        assert read(tmp_path / "a.db").trajectories[0].measured[:, 0].tolist() == [1, 2, 7]


def test_a_view_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_reader, "_MOST_STEPS", 2_000_000)
    endless = "WITH RECURSIVE r(t, x) AS (SELECT 1, 1 UNION ALL SELECT t + 1, x FROM r) SELECT t, x FROM r"
    path = sqlite(tmp_path / "a.db", f"CREATE VIEW m AS {endless}")
    with pytest.raises(DataError, match="the view has too many rows"):
        read(path)


def test_a_table_of_duckdb(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE m AS SELECT i * 0.5 AS t, CASE WHEN i = 2 THEN NULL ELSE i * i END AS x, "
            "DATE '2020-01-01' + i::INT AS day, (i * 1.5)::DECIMAL(10, 2) AS z, 'r' || (i // 3) AS run FROM range(6) r(i)"
        )
        connection.execute("CREATE SCHEMA lab; CREATE TABLE lab.other AS SELECT 1 AS a")
    path = tmp_path / "a.duckdb"
    data = read(path, time="t", states=("x", "z"), trajectory="run")
    assert [one.name for one in data.trajectories] == ["r0", "r1"]
    measured = np.concatenate([one.measured for one in data.trajectories])
    assert np.array_equal(measured[:, 0], [0, 1, np.nan, 9, 16, 25], equal_nan=True)
    assert measured[:, 1].tolist() == [0, 1.5, 3, 4.5, 6, 7.5]
    assert preview(path).choices == ("lab.other", "m")
    assert read(path, time="day", trajectory="", states=("x",)).trajectories[0].t.tolist() == [0, 1, 2, 3, 4, 5]


def test_duckdb_reads_no_other_files(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("t,x\n1,2\n2,3\n", encoding="utf-8")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(f"CREATE VIEW m AS SELECT * FROM read_csv('{tmp_path / 'b.csv'}')")
    with pytest.raises(DataError, match="not readable as a DuckDB database"):
        read(tmp_path / "a.duckdb")


def test_duckdb_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "duckdb", None)
    (tmp_path / "a.db").write_bytes(bytes(8) + b"DUCK" + bytes(100))
    with pytest.raises(DataError, match=r"pip install \"ndestudio\[duckdb\]\""):
        preview(tmp_path / "a.db")


@pytest.mark.parametrize("form", ["uncompressed", "lz4", "zstd", "stream"])
def test_feather(tmp_path: Path, form: str) -> None:
    frame = pl.DataFrame(
        {"time": [0.0, 1, 2, 3], "x": [1, 2, 3, 4], "y": [5, None, 7, 8], "run": ["a", "a", "b", "b"]},
        schema_overrides={"run": pl.Categorical},
    )
    path = tmp_path / "a.feather"
    if form == "stream":
        frame.write_ipc_stream(path)
    else:
        frame.write_ipc(path, compression=cast(Any, form))
    data = read(path)
    assert [one.name for one in data.trajectories] == ["a", "b"]
    assert data.trajectories[1].measured[:, 0].tolist() == [3, 4]
    shown = preview(path)
    assert (shown.format, shown.row_count) == ("feather", 4)


def test_feather_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(DataError, match="Feather of version 1"):
        preview(tmp_path / "a.feather")
