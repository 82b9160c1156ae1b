"""`ndestudio paths`: simulate a stochastic model."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE
from ndestudio.cli.tables import write_table
from ndestudio.errors import ProjectError, SpecError

if TYPE_CHECKING:
    import numpy as np

    from ndestudio.data.dataset import Trajectory
    from ndestudio.model.fitted import FittedModel
    from ndestudio.solve.stochastic.paths import StochasticPaths

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def _arguments(parser: ArgumentParser) -> None:
    from ndestudio.solve.stochastic.methods import METHODS

    parser.add_argument(
        "source", metavar="SPEC|PROJECT", type=Path, help="a spec whose tables give all numbers, or a project (.nde)"
    )
    parser.add_argument("--until", type=float, metavar="T", help="last time (default: that of the data, else 10)")
    parser.add_argument(
        "--points", type=int, default=200, metavar="N", help="times of the result (default: %(default)s)"
    )
    parser.add_argument("--paths", type=int, default=200, metavar="N", help="how many paths (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the Brownian paths (default: %(default)s)")
    parser.add_argument(
        "--method", default="auto", help=f"auto (default: the highest order for the noise), {', '.join(METHODS)}"
    )
    parser.add_argument(
        "--substeps", type=int, default=10, metavar="N", help="steps between two times (default: %(default)s)"
    )
    parser.add_argument(
        "--halvings", type=int, default=0, metavar="N", help="halve all steps N times, along the same Brownian paths"
    )
    parser.add_argument("--each", action="store_true", help="write each path, not quantiles")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="file to write; default: the terminal")


def _command(options: Namespace) -> int:
    """Simulate as the command line says; returns the exit code."""
    import numpy as np

    from ndestudio.solve.stochastic.paths import simulate_paths

    model, trajectory = _model(options.source)
    if options.points < 2:
        raise SpecError(f"--points {options.points}: a result has at least 2 times")
    begin, end = (0.0, 10.0) if trajectory is None else (float(trajectory.t[0]), float(trajectory.t[-1]))
    end = end if options.until is None else options.until
    if not end > begin:
        raise SpecError(f"--until {end:g} does not lie after the begin at {begin:g}")
    found = simulate_paths(
        model,
        np.linspace(begin, end, options.points),
        _start(model, trajectory),
        options.paths,
        seed=options.seed,
        method=options.method,
        substeps=options.substeps,
        halvings=options.halvings,
        inputs=trajectory,
    )
    _write(found, options.output, each=options.each)
    print(f"{options.paths} paths by `{found.method}`, steps of {found.step:.3g}, seed {found.seed}.", file=sys.stderr)
    if found.sentence:
        print(found.sentence, file=sys.stderr)
    return DONE


def _model(source: Path) -> tuple[FittedModel, Trajectory | None]:
    from ndestudio.export.gather import job
    from ndestudio.model.stated import stated_model
    from ndestudio.project.spec import load_spec
    from ndestudio.project.store import load_project

    if source.suffix != ".nde":
        return stated_model(load_spec(source).model), None
    project = load_project(source)
    model = job(project).model
    if model is None or project.dataset is None:
        raise ProjectError(f"{source} holds no trained model; train it first (`ndestudio run`, or the window)")
    return model, project.dataset.trajectories[0]


def _start(model: FittedModel, trajectory: Trajectory | None) -> np.ndarray:
    from ndestudio.model.initial import model_start

    return next(iter(model.initial.values())) if trajectory is None else model_start(model, trajectory)


def _write(found: StochasticPaths, path: Path | None, *, each: bool) -> None:
    if each:
        header = ["t", *(f"{name}_{k + 1}" for name in found.names for k in range(len(found.states)))]
        columns = [found.states[k, :, s] for s in range(len(found.names)) for k in range(len(found.states))]
    else:
        header = ["t", *(f"{name}_{round(100 * level)}" for name in found.names for level in LEVELS)]
        quantiles = found.quantiles(LEVELS)
        columns = [quantiles[k, :, s] for s in range(len(found.names)) for k in range(len(LEVELS))]
    rows = zip(found.t.tolist(), *(column.tolist() for column in columns), strict=True)
    write_table(path, header, rows)


COMMAND = Command(
    "paths SPEC|PROJECT",
    "simulate a model with noise: many paths, quantiles",
    _command,
    "Simulate a stochastic model: quantiles of many paths, or each path, as CSV. The seed determines the Brownian paths, which "
    "stay the same when steps are halved.",
    _arguments,
)
