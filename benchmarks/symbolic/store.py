"""Results on disk, one line of JSON per task, so that a run may be cut off and taken up again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.symbolic.run import Row


class Store:
    """Rows by (engine, problem, seed, noise); written as they come. Without a path they are only kept."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path else None
        self._rows: dict[tuple[str, str, int, float], Row] = {}
        if self.path and self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):  # the last line of an interrupted run may be cut off
                    row = Row(**json.loads(line))
                    self._rows[row.key] = row

    @property
    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def has(self, engine: str, problem: str, seed: int, noise: float) -> bool:
        return (engine, problem, seed, noise) in self._rows

    def add(self, row: Row) -> None:
        self._rows[row.key] = row
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
