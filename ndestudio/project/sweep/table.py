"""The table of a sweep: a row for each result, for Parquet, CSV and whatever reads them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.errors import SpecError
from ndestudio.project.store import write_atomically
from ndestudio.project.sweep.row import Row

if TYPE_CHECKING:
    import polars

_FIGURES = ("train_error", "validation_error", "test_error")
_SUFFIXES = (".parquet", ".csv", ".xlsx", ".duckdb")


def table(rows: Sequence[Row]) -> polars.DataFrame:
    """Columns: number, one for each setting, outcome and sentence, errors (NRMSE), complexity, equations (a line for each state),
    `parameter.NAME` (in the units of the spec), `seconds.STAGE`, worker, program, ended (ISO 8601), key."""
    import polars

    settings = _names(one.values for one in rows)
    parameters = _names(one.parameters for one in rows)
    stages = _names(one.seconds for one in rows)
    columns: dict[str, polars.Series] = {"number": polars.Series([one.number for one in rows], dtype=polars.Int64)}
    for name in settings:
        columns[name] = _settings([one.values.get(name) for one in rows])
    columns["outcome"] = polars.Series([one.outcome for one in rows], dtype=polars.String)
    columns["sentence"] = polars.Series([one.sentence for one in rows], dtype=polars.String)
    for name in _FIGURES:
        columns[name] = polars.Series([getattr(one, name) for one in rows], dtype=polars.Float64)
    columns["complexity"] = polars.Series([one.complexity for one in rows], dtype=polars.Int64)
    columns["equations"] = polars.Series(["\n".join(one.equations) for one in rows], dtype=polars.String)
    for name in parameters:
        values = [one.parameters.get(name) for one in rows]
        columns[f"parameter.{name}"] = polars.Series(values, dtype=polars.Float64)
    for name in stages:
        columns[f"seconds.{name}"] = polars.Series([one.seconds.get(name) for one in rows], dtype=polars.Float64)
    for name in ("worker", "program", "ended", "key"):
        columns[name] = polars.Series([getattr(one, name) for one in rows], dtype=polars.String)
    return polars.DataFrame(columns)


def write_table(rows: Sequence[Row], path: Path) -> Path:
    """Write the table, by the suffix of ``path``: `.parquet`, `.csv`, `.xlsx`, or `.duckdb` (table `sweep`).

    Raises
    ------
    SpecError
        Another suffix, something that is not installed, or a file that cannot be written.
    """
    suffix = path.suffix.lower()
    frame = table(rows)
    try:
        if suffix == ".parquet":
            write_atomically(path, frame.write_parquet)
        elif suffix == ".csv":
            write_atomically(path, frame.write_csv)
        elif suffix == ".xlsx":
            frame.write_excel(path)
        elif suffix == ".duckdb":
            _write_duckdb(frame, path)
        else:
            raise SpecError(f"{path}: a table is written as {', '.join(_SUFFIXES)}; name such a file")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file") from None
    except ImportError as error:
        raise SpecError(f"{path}: `{error.name}` is needed for such a file; install it, or write .parquet") from None
    return path


def _write_duckdb(frame: polars.DataFrame, path: Path) -> None:
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        passed = Path(folder) / "sweep.parquet"
        frame.write_parquet(passed)
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE OR REPLACE TABLE sweep AS SELECT * FROM read_parquet(?)", [str(passed)])


def _names(mappings: Any) -> list[str]:
    return list(dict.fromkeys(name for one in mappings for name in one))


def _settings(values: list[Any]) -> polars.Series:
    """Numbers as numbers, anything mixed or nested as text."""
    import polars

    given = [one for one in values if one is not None]
    for kinds, dtype in (((bool,), polars.Boolean), ((int,), polars.Int64), ((int, float), polars.Float64)):
        if given and all(isinstance(one, kinds) and (bool in kinds or not isinstance(one, bool)) for one in given):
            return polars.Series(values, dtype=dtype)
    return polars.Series([None if one is None else str(one) for one in values], dtype=polars.String)
