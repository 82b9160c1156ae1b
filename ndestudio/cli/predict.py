"""`ndestudio predict`: the future of runs from their histories, by a model with an encoder."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE
from ndestudio.cli.tables import write_table
from ndestudio.errors import ProjectError, SpecError

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset, Dose, Trajectory
    from ndestudio.fitting.latent.result import RunPrediction


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", type=Path, help="a project (.nde) whose model has an encoder")
    parser.add_argument(
        "--run",
        metavar="NAME",
        action="append",
        default=[],
        help="a run to predict, again for more (default: those held out)",
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="other data files, with the columns of the spec",
    )
    parser.add_argument(
        "--dose",
        metavar="TIME=AMOUNT",
        action="append",
        default=[],
        help="what if: given after the history in place of the doses of the data, again for more",
    )
    parser.add_argument("--no-dose", action="store_true", help="what if: nothing is given after the history")
    parser.add_argument("--level", type=float, default=0.9, metavar="P", help="of the bands (default: %(default)s)")
    parser.add_argument("--until", type=float, metavar="T", help="last time (default: that of the run)")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="file to write; default: the terminal")


def _command(options: Namespace) -> int:
    """Predict as the command line says; returns the exit code."""
    from ndestudio.export.gather import job
    from ndestudio.fitting.latent.predict import predict_run
    from ndestudio.project.store import load_project

    project = load_project(options.project)
    gathered = job(project)
    if gathered.model is None or project.fit is None or project.dataset is None:
        raise ProjectError(f"{options.project} holds no trained model; train it first (`ndestudio run`, or the window)")
    dataset = project.dataset
    if options.data:
        dataset = _other_data(project, options.data)
    doses = _doses(options.dose) if options.dose or options.no_dose else None
    found = [
        predict_run(gathered.model, project.fit.latent, one, doses=doses, level=options.level, until=options.until)
        for one in _runs(dataset, options.run, everyone=bool(options.data))
    ]
    _write(found, options.output)
    for one in found:
        if one.effective < FEW:
            print(
                f"{one.name}: the history fits the model badly; its bands rest on {one.effective:.0f} draws only.",
                file=sys.stderr,
            )
    return DONE


FEW = 15.0
"""Draws in effect below which bands are little more than a guess."""


def _other_data(project: object, files: list[Path]) -> Dataset:
    from ndestudio.data import load
    from ndestudio.model.statements import data_for
    from ndestudio.progress import SilentReporter
    from ndestudio.project.project import Project
    from ndestudio.project.spec import with_files

    assert isinstance(project, Project) and project.dataset is not None
    spec = with_files(project.spec, tuple(str(one) for one in files))
    dataset = load(data_for(spec.data, spec.model.equations), SilentReporter(), None)
    if (dataset.measured_names, dataset.input_names) != (project.dataset.measured_names, project.dataset.input_names):
        raise SpecError("the other data files have other columns than those the model was trained on")
    return dataset


def _runs(dataset: Dataset, names: list[str], *, everyone: bool) -> list[Trajectory]:
    from ndestudio.data.dataset import Part
    from ndestudio.data.names import suggestion

    known = [one.name for one in dataset.trajectories]
    for name in names:
        if name not in known:
            raise SpecError(f"--run {name}: there is no such run{suggestion(name, known)}")
    if names:
        return [dataset.trajectory(name) for name in names]
    held = [one for one in dataset.trajectories if one.part[0] != Part.TRAIN]
    return list(dataset.trajectories) if everyone or not held else held


def _doses(given: list[str]) -> list[Dose]:
    from ndestudio.data.dataset import Dose

    found = []
    for text in given:
        time, equals, amount = text.partition("=")
        try:
            found.append(Dose(float(time), float(amount)))
        except ValueError:
            equals = ""
        if not equals:
            raise SpecError(
                f"`--dose {text}` is not understood; write `--dose 7=2.5` for an amount of 2.5 at the time 7"
            )
    return found


def _rows(found: list[RunPrediction], places: list[int]) -> Iterator[list[str | float]]:
    for one in found:
        seen = (one.mean, one.median, one.lower, one.upper)
        hidden = (one.states, one.state_lower, one.state_upper)
        for n, t in enumerate(one.t):
            row = [float(part[n, k]) for k in range(len(one.measured)) for part in seen]
            row += [float(part[n, k]) for k in places for part in hidden]
            yield [one.name, float(t), *row]


def _write(found: list[RunPrediction], path: Path | None) -> None:
    """A row for each time of each run: mean, median and band of each measured column, mean and band of each state."""
    if not found:
        raise SpecError("there is no run to predict")
    first = found[0]
    header = [
        "run",
        "t",
        *(f"{name}_{what}" for name in first.measured for what in ("mean", "median", "lower", "upper")),
    ]
    states = [name for name in first.state_names if name not in first.measured]
    places = [first.state_names.index(name) for name in states]
    header += [f"{name}_{what}" for name in states for what in ("mean", "lower", "upper")]
    write_table(path, header, _rows(found, places))


COMMAND = Command(
    "predict PROJECT",
    "the future of runs from their histories, with bands",
    _command,
    "Predict runs from their histories, by a model whose starts are read by an encoder: mean, median and band of each column, as CSV. "
    "With --dose or --no-dose, what would happen if something else were given after the history.",
    _arguments,
)
