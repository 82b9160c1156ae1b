"""Results of PEtab problems as tables, in the columns of the format."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ndestudio.exchange.petab.objective import Objective, PetabEvaluation
from ndestudio.exchange.petab.problem import PetabProblem
from ndestudio.exchange.petab.tables import read_table


def simulation_rows(problem: PetabProblem, found: PetabEvaluation) -> tuple[list[str], list[list[str]]]:
    """The measurement tables with `simulation` in the place of `measurement`: header and rows."""
    header: list[str] = []
    rows: list[dict[str, str]] = []
    for path in problem.files["measurement"]:
        for row in read_table(path):
            header += [name for name in row if name not in header]
            rows.append(row)
    shown = ["simulation" if name == "measurement" else name for name in header]
    values = [
        [repr(float(value)) if name == "measurement" else row.get(name, "") for name in header]
        for row, value in zip(rows, found.simulated, strict=True)
    ]
    return shown, values


def gradient_rows(objective: Objective, gradient: np.ndarray) -> tuple[list[str], list[list[str]]]:
    """Derivatives of the log likelihood by what is estimated, on the linear scale."""
    rows = [[name, repr(float(value))] for name, value in zip(objective.labels, gradient, strict=True)]
    return ["parameterId", "value"], rows


def parameter_rows(problem: PetabProblem) -> tuple[list[str], list[list[str]]]:
    """The parameter tables with the nominal values of ``problem``."""
    values = {one.name: one.nominal for one in problem.parameters if one.estimate}
    header: list[str] = []
    rows: list[dict[str, str]] = []
    for path in problem.files["parameter"]:
        for row in read_table(path):
            header += [name for name in row if name not in header]
            rows.append(row)
    if "nominalValue" not in header:
        header.append("nominalValue")
    for row in rows:
        if row["parameterId"] in values:
            row["nominalValue"] = repr(values[row["parameterId"]])
    return header, [[row.get(name, "") for name in header] for row in rows]


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in TSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def write_table(path: Path, table: tuple[Sequence[str], Sequence[Sequence[str]]]) -> None:
    """A table as a file."""
    path.write_text(table_text(*table), "utf-8")
