"""Reading of large text files beside ``polars.read_csv``, in one process: seconds, processor seconds, peak memory.

    python -m benchmarks.reading [--rows 4000000] [--only plain,missing] [--repeat 3] [--folder /tmp]

Files are written to a temporary folder and deleted. Ours ends in a dataset (roles, checks, SHA-256), polars in a frame.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from ndestudio.data import DataConfig, load, preview

COLUMNS = 9


@dataclass(frozen=True)
class Case:
    """A file, how it is loaded here, and how polars reads it."""

    name: str
    write: Callable[[Path, int], None]
    config: DataConfig
    peer: Callable[[Path], pl.DataFrame]


@dataclass(frozen=True)
class Figures:
    """Of one call: wall and processor seconds, and by how much the resident memory rose at most (MB)."""

    seconds: float
    cpu: float
    memory: float


def measured(call: Callable[[], object]) -> Figures:
    """Run a call and measure it."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    done.set()
    watcher.join()
    del result
    return Figures(seconds, cpu, (peak - before) / 2**20)


def _numbers(rows: int, first: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(first)
    return {f"x{k}": chance.normal(size=rows).round(7) for k in range(COLUMNS)}


def _written(path: Path, rows: int, columns: Callable[[int, int], dict[str, object]], **options: object) -> None:
    """Write in pieces, so that the process stays small."""
    with path.open("wb") as stream:
        for first in range(0, rows, 250_000):
            count = min(250_000, rows - first)
            frame = pl.DataFrame(columns(first, count))
            frame.write_csv(stream, include_header=first == 0, **options)  # pyright: ignore[reportArgumentType,reportCallIssue]


def _plain(path: Path, rows: int) -> None:
    _written(path, rows, lambda first, n: {"time": np.arange(first, first + n) * 0.5, **_numbers(n, first)})


def _missing(path: Path, rows: int) -> None:
    def columns(first: int, n: int) -> dict[str, object]:
        numbers = _numbers(n, first)
        chance = np.random.default_rng(first + 1)
        for values in numbers.values():
            values[chance.random(n) < 0.02] = -9999.0
        return {"time": np.arange(first, first + n) * 0.5, **numbers}

    _written(path, rows, columns)


def _dates(path: Path, rows: int, form: str = "%Y-%m-%dT%H:%M:%S", step: int = 1) -> None:
    def columns(first: int, n: int) -> dict[str, object]:
        moments = np.datetime64("2001-01-01T00:00:00", "us") + (step * 1_000_000 * np.arange(first, first + n)).astype(
            "timedelta64[us]"
        )
        return {"time": moments, **_numbers(n, first)}

    _written(path, rows, columns, datetime_format=form)


def _quotes(path: Path, rows: int) -> None:
    def columns(first: int, n: int) -> dict[str, object]:
        return {"time": np.arange(first, first + n) * 0.5, "site": ["pond, north"] * n, **_numbers(n, first)}

    _written(path, rows, columns)


def _day_first(name: str, form: str) -> Case:
    def peer(path: Path) -> pl.DataFrame:
        return pl.read_csv(path).with_columns(pl.col("time").str.to_datetime(form))

    return Case(name, lambda path, rows: _dates(path, rows, form, 60), DataConfig(), peer)


CASES = (
    Case("plain", _plain, DataConfig(), lambda path: pl.read_csv(path)),
    Case("missing", _missing, DataConfig(missing=("-9999",)), lambda path: pl.read_csv(path, null_values=["-9999.0"])),
    Case("dates", _dates, DataConfig(), lambda path: pl.read_csv(path, try_parse_dates=True)),
    _day_first("points", "%d.%m.%Y %H:%M"),
    _day_first("slashes", "%d/%m/%Y %H:%M"),
    Case("quotes", _quotes, DataConfig(trajectory=""), lambda path: pl.read_csv(path)),
)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    options = parser.parse_args()
    print(
        f"{'case':8} {'MB':>6} {'polars s':>9} {'ours s':>7} {'ratio':>6} {'cpu ratio':>9} {'MB rise':>13} {'ratio':>6} preview s"
    )
    for case in CASES:
        if options.only and case.name not in options.only.split(","):
            continue
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / f"{case.name}.csv"
            case.write(path, options.rows)
            _one(case, path, options.repeat)


def _one(case: Case, path: Path, repeat: int) -> None:
    preview(path, case.config)  # what is loaded on first use does not count
    shown = measured(lambda: preview(path, case.config))
    config = DataConfig(files=(str(path),), missing=case.config.missing, trajectory=case.config.trajectory)
    pairs = [(measured(lambda: case.peer(path)), measured(lambda: load(config))) for _ in range(repeat)]
    peers, ours = zip(*pairs, strict=True)
    seconds = min(one.seconds for one in peers), min(one.seconds for one in ours)
    cpu = min(one.cpu for one in peers), min(one.cpu for one in ours)
    memory = max(one.memory for one in peers), max(one.memory for one in ours)
    print(
        f"{case.name:8} {path.stat().st_size / 1e6:6.0f} {seconds[0]:9.2f} {seconds[1]:7.2f} {seconds[1] / seconds[0]:6.2f} "
        f"{cpu[1] / cpu[0]:9.2f} {memory[0]:6.0f} {memory[1]:6.0f} {memory[1] / memory[0]:6.2f} {shown.seconds:9.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
