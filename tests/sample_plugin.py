"""A tiny installed package that adds one thing of each kind, and one that is broken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ADDED: Mapping[str, str] = {
    "engines": "sample = ndestudio_sample:MeanEngine",
    "solvers": "sample = ndestudio_sample:SOLVER",
    "readers": "sample = ndestudio_sample:READER",
    "exporters": "sample = ndestudio_sample:EXPORTER",
    "functions": "sample = ndestudio_sample:HALVED",
}
"""Group of entry points -> the line that the good package has in it."""

BROKEN: Mapping[str, str] = {
    "engines": "shattered = ndestudio_broken:Engine",
    "exporters": "latex = ndestudio_sample:EXPORTER\nhollow = ndestudio_sample:HOLLOW",
    "functions": "impostor = ndestudio_sample:HOLLOW",
}

_GOOD = '''
"""What a package writes to add an engine, a solver, a reader, an exporter and a function."""

import numpy as np

from ndestudio.data.readers.arrays import ArrayReader
from ndestudio.export import Exporter
from ndestudio.expression import Number
from ndestudio.expression.functions import Function
from ndestudio.solve.fixed_grid import FixedGrid
from ndestudio.solve.tableau import Tableau
from ndestudio.symbolic import Candidate, Front, SearchResult


class MeanEngine:
    name, title, takes_templates = "sample", "Mean of the samples", False

    def unavailable(self):
        return None

    def search(self, problem, config, reporter, on_front=None):
        front = Front((Candidate(1, 1.0, Number(float(np.mean(problem.y)))),), best=0)
        return SearchResult(front, "limit", "The mean was taken.")


def _columns(path, name):
    lines = path.read_text().splitlines()
    table = np.array([[float(cell) for cell in line.split("~")] for line in lines[1:]])
    return dict(zip(lines[0].split("~"), table.T)), ()


SOLVER = FixedGrid(Tableau("sample", 2, ((), (0.5,)), (0.0, 1.0), (0.0, 0.5)), "Midpoint, fixed grid")
READER = ArrayReader("sample", _columns, "Sample table", (".sample",), ())
EXPORTER = Exporter(
    "sample",
    "Sample form",
    "model.sample",
    lambda subject, options: f"states: {', '.join(subject.model.system.states)}\\n",
    description="Names of the states",
)
HALVED = Function(
    "halved",
    ("x",),
    "half of x",
    lambda xp, x: x / 2,
    lambda x: x / 2,
    ("1/2",),
    units="same",
    definition="x/2",
    code=dict.fromkeys(("python", "jax", "julia", "matlab", "c", "sympy"), ""),
)
HOLLOW = object()
'''

_BAD = """
def _break():
    raise RuntimeError("the licence server is away")


_break()
"""


def install(folder: Path, *, broken: bool = False) -> Path:
    """Write the installed package ``ndestudio-sample`` (and the broken one) into a folder for ``sys.path``."""
    _write(folder, "ndestudio_sample", "1.0", ADDED)
    (folder / "ndestudio_sample.py").write_text(_GOOD, encoding="utf-8")
    if broken:
        _write(folder, "ndestudio_broken", "0.3", BROKEN)
        (folder / "ndestudio_broken.py").write_text(_BAD, encoding="utf-8")
    return folder


def _write(folder: Path, name: str, version: str, groups: Mapping[str, str]) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    lines = [f"[ndestudio.{group}]\n{entries}\n" for group, entries in groups.items()]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def table(folder: Path) -> Path:
    """A file in the format of the sample reader: x' = -0.7 x."""
    from math import exp

    path = folder / "decay.sample"
    rows = [f"{t / 10}~{3 * exp(-0.07 * t)}" for t in range(30)]
    path.write_text("\n".join(["t~x", *rows]) + "\n", encoding="utf-8")
    return path
