"""What is written in a format is read again; damaged files are refused with a sentence, and nothing else happens."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import h5py
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file, savemat

from ndestudio.data import DataConfig, load
from ndestudio.errors import DataError

Columns = dict[str, np.ndarray]


def _npz(path: Path, columns: Columns) -> None:
    np.savez(path, **columns)  # pyright: ignore[reportArgumentType]


def _mat(path: Path, columns: Columns) -> None:
    savemat(path, columns)


def _mat_rows(path: Path, columns: Columns) -> None:
    names = [name for name in columns if name != "time"]
    savemat(
        path,
        {
            "out": {
                "time": columns["time"][:, None],
                "signals": {
                    "values": np.column_stack([columns[name] for name in names]),
                    "dimensions": len(names),
                    "label": "v",
                },
            }
        },
    )


def _h5(path: Path, columns: Columns) -> None:
    with h5py.File(path, "w", track_order=True) as file:
        for name, values in columns.items():
            file.create_dataset(f"run/{name}", data=values, chunks=True, compression="gzip")


def _h5_table(path: Path, columns: Columns) -> None:
    table = np.zeros(len(columns["time"]), dtype=[(name, "f8") for name in columns])
    for name, values in columns.items():
        table[name] = values
    with h5py.File(path, "w") as file:
        file["log"] = table


def _nc3(path: Path, columns: Columns) -> None:
    with netcdf_file(path, "w") as file:
        file.createDimension("time", len(columns["time"]))
        for name, values in columns.items():
            file.createVariable(name, "d", ("time",))[:] = values


def _nc4(path: Path, columns: Columns) -> None:
    with h5py.File(path, "w") as file:
        made = {name: file.create_dataset(name, data=values) for name, values in columns.items()}
        made["time"].make_scale("time")
        for name, one in made.items():
            if name != "time":
                one.dims[0].attach_scale(made["time"])


def _plain(columns: Columns) -> dict[str, list[float | None]]:
    return {name: [None if np.isnan(one) else float(one) for one in values] for name, values in columns.items()}


def _json(path: Path, columns: Columns) -> None:
    path.write_text(json.dumps(_plain(columns)), encoding="utf-8")


def _jsonl(path: Path, columns: Columns) -> None:
    rows = zip(*_plain(columns).values(), strict=True)
    path.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows), encoding="utf-8")


def _feather(path: Path, columns: Columns) -> None:
    pl.DataFrame(_plain(columns)).write_ipc(path)


def _db(path: Path, columns: Columns) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE m ({', '.join(columns)})")
        rows = list(zip(*_plain(columns).values(), strict=True))
        connection.executemany(f"INSERT INTO m VALUES ({','.join('?' * len(columns))})", rows)
        connection.commit()


def _duckdb(path: Path, columns: Columns) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE m ({', '.join(f'{name} DOUBLE' for name in columns)})")
        rows = list(zip(*_plain(columns).values(), strict=True))
        connection.executemany(f"INSERT INTO m VALUES ({','.join('?' * len(columns))})", rows)


WRITERS: dict[str, Callable[[Path, Columns], None]] = {
    "a.npz": _npz,
    "a.mat": _mat,
    "simulink.mat": _mat_rows,
    "a.h5": _h5,
    "table.h5": _h5_table,
    "classic.nc": _nc3,
    "a.nc": _nc4,
    "a.json": _json,
    "a.jsonl": _jsonl,
    "a.feather": _feather,
    "a.db": _db,
    "a.duckdb": _duckdb,
}

numbers = st.floats(-1e12, 1e12, allow_subnormal=False)


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    """A time and one to three columns in two to nine rows, some values missing but none of the first two rows."""
    rows = draw(st.integers(2, 9))
    steps = draw(st.lists(st.floats(0.01, 100), min_size=rows, max_size=rows))
    columns = {"time": np.cumsum(steps)}
    for place in range(draw(st.integers(1, 3))):
        values = np.array(draw(st.lists(numbers, min_size=rows, max_size=rows)))
        for row in draw(st.lists(st.integers(2, rows), max_size=2)):
            values[row:] = np.nan if row < rows else values[row:]
        columns[f"v_{place + 1}"] = values
    return columns


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=8)
@given(columns=tables())
def test_what_is_written_is_read(name: str, columns: Columns) -> None:
    with tempfile.TemporaryDirectory() as folder:
        WRITERS[name](Path(folder, name), columns)
        states = tuple(one for one in columns if one != "time")
        label = {"simulink.mat": "v"}.get(name)
        config = DataConfig(
            files=(name,), time="time", trajectory="", states=(label,) if label and len(states) == 1 else states
        )
        (one,) = load(config, base=folder).trajectories
    assert np.array_equal(one.t, columns["time"])
    assert np.array_equal(one.measured, np.column_stack([columns[state] for state in states]), equal_nan=True)


@pytest.mark.parametrize("name", [one for one in WRITERS if one != "a.duckdb"])
def test_any_damage_is_a_sentence(tmp_path: Path, name: str) -> None:
    random = np.random.default_rng(3)
    t = np.linspace(0.0, 1.0, 40)
    WRITERS[name](tmp_path / name, {"time": t, "v_1": np.cos(t), "v_2": np.sin(t)})
    raw = (tmp_path / name).read_bytes()
    for trial in range(24):
        damaged = bytearray(raw[: random.integers(1, len(raw))] if trial % 3 == 0 else raw)
        for place in random.integers(0, len(damaged), 4 if trial % 3 else 1):
            damaged[place] = random.integers(256)
        (tmp_path / name).write_bytes(damaged)
        try:
            load(DataConfig(files=(name,)), base=tmp_path)
        except DataError as error:
            assert str(error)
