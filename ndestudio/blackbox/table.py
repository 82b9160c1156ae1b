"""Tables as black boxes: multilinear interpolation on a grid, read from a CSV file. Data, so nothing needs to be allowed."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ndestudio.errors import BlackBoxError

MOST_BYTES = 64 * 2**20


def header(path: str | Path) -> tuple[str, ...]:
    """Names of the columns. Raises BlackBoxError."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            return tuple(cell.strip() for cell in next(csv.reader(file), []))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BlackBoxError(f"the table `{path}` cannot be read: {error}") from None


class TableBox:
    """Values on the grid that the first columns span; NaN outside it, since nothing is known there.

    Parameters
    ----------
    arguments
        Columns that are arguments, in the order of the call; the others are outputs.
    """

    exact = True

    def __init__(self, path: str, arguments: tuple[str, ...]) -> None:
        names = header(path)
        missing = next((name for name in arguments if name not in names), None)
        if missing is not None:
            raise BlackBoxError(f"the table `{path}` has no column `{missing}`; it has {', '.join(names)}")
        if Path(path).stat().st_size > MOST_BYTES:
            raise BlackBoxError(f"the table `{path}` is larger than {MOST_BYTES // 2**20} MiB")
        try:
            rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, encoding="utf-8-sig")
        except ValueError as error:
            raise BlackBoxError(f"the table `{path}` must hold numbers below its header: {error}") from None
        if rows.shape[1] != len(names) or not np.isfinite(rows).all():
            raise BlackBoxError(
                f"the table `{path}` needs a finite number in each of its {len(names)} columns, in each row"
            )
        self.outputs = tuple(name for name in names if name not in arguments)
        columns = [names.index(name) for name in arguments]
        self.axes = [np.unique(rows[:, k]) for k in columns]
        shape = tuple(len(axis) for axis in self.axes)
        if len(rows) != int(np.prod(shape)) or min(shape) < 2:
            raise BlackBoxError(
                f"the table `{path}` has {len(rows)} rows; its arguments {', '.join(arguments)} take {' x '.join(map(str, shape))} "
                "values, and a grid needs one row for each combination, two values of each at least"
            )
        places = tuple(np.searchsorted(axis, rows[:, k]) for axis, k in zip(self.axes, columns, strict=True))
        self.grid = np.full((*shape, len(self.outputs)), np.nan)
        self.grid[places] = rows[:, [names.index(name) for name in self.outputs]]
        if np.isnan(self.grid).any():
            raise BlackBoxError(
                f"the table `{path}` gives some combination of its arguments twice, and another one not at all"
            )

    def _corners(self, X: Float[np.ndarray, "point argument"]):
        """Of each point: the cell, the place in it (0 to 1), its widths, and whether it is inside."""
        cells, parts, widths = [], [], []
        inside = np.ones(len(X), dtype=bool)
        for axis, x in zip(self.axes, X.T, strict=True):
            with np.errstate(invalid="ignore"):
                inside &= (x >= axis[0]) & (x <= axis[-1])
            cell = np.clip(np.searchsorted(axis, x, side="right") - 1, 0, len(axis) - 2)
            width = axis[cell + 1] - axis[cell]
            cells.append(cell)
            widths.append(width)
            parts.append((x - axis[cell]) / width)
        return cells, np.array(parts), np.array(widths), inside

    def values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        cells, parts, _, inside = self._corners(X)
        total = np.zeros((len(X), self.grid.shape[-1]))
        for corner in itertools.product((0, 1), repeat=len(cells)):
            weight = np.prod([p if up else 1.0 - p for p, up in zip(parts, corner, strict=True)], axis=0)
            total += weight[:, None] * self.grid[tuple(c + up for c, up in zip(cells, corner, strict=True))]
        total[~inside] = np.nan
        return total

    def jacobian(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output argument"]:
        cells, parts, widths, inside = self._corners(X)
        total = np.zeros((len(X), self.grid.shape[-1], len(cells)))
        for corner in itertools.product((0, 1), repeat=len(cells)):
            here = self.grid[tuple(c + up for c, up in zip(cells, corner, strict=True))]
            factors = [p if up else 1.0 - p for p, up in zip(parts, corner, strict=True)]
            for k, up in enumerate(corner):
                others = np.prod([f for j, f in enumerate(factors) if j != k], axis=0) * np.ones(len(X))
                total[:, :, k] += ((1.0 if up else -1.0) * others / widths[k])[:, None] * here
        total[~inside] = np.nan
        return total

    def close(self) -> None:
        return None
