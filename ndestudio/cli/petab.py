"""`ndestudio petab`: a PEtab problem evaluated and fitted."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE, INTERRUPTED

if TYPE_CHECKING:
    import numpy as np

    from ndestudio.exchange.petab.fit import PetabFit
    from ndestudio.exchange.petab.objective import Objective, PetabEvaluation
    from ndestudio.exchange.petab.problem import PetabProblem
    from ndestudio.progress import Reporter


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "problem", metavar="PROBLEM.yaml", type=Path, help="a problem of PEtab 1 or 2, with or without SciML"
    )
    parser.add_argument("--fit", nargs="?", const=20, type=int, metavar="N", help="fit it from N starts (20)")
    parser.add_argument("--gradient", action="store_true", help="derivatives of the log likelihood, too")
    parser.add_argument(
        "--distil",
        action="store_true",
        help="put formulas in the place of its networks (after --fit, those it has found); with --write a problem without networks",
    )
    parser.add_argument(
        "--write",
        metavar="FOLDER",
        type=Path,
        help="write the problem as files of PEtab 2, as it is after fits and formulas",
    )
    parser.add_argument(
        "--seconds", type=float, default=300.0, metavar="S", help="what fits may take (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the starts (default: %(default)s)")
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="folder for simulations.tsv, gradient.tsv and parameters.tsv"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Evaluate and fit as the command line says; returns the exit code."""
    from ndestudio.cli.execution import prepare
    from ndestudio.exchange.petab.derivatives import programs
    from ndestudio.exchange.petab.objective import Objective
    from ndestudio.exchange.petab.read import read_petab
    from ndestudio.exchange.petab.report import gradient_rows, parameter_rows, simulation_rows, write_table

    if options.output is not None:
        prepare(options.output)
    problem, code = read_petab(options.problem), DONE
    say = (lambda text: None) if options.quiet else (lambda text: print(text, flush=True))
    say("\n".join(_described(problem)))
    theta = None
    if options.fit is not None:
        fit, code = _fits(problem, options)
        if fit is None:
            return code
        problem, theta = fit.fitted, fit.best.theta
        say("\n".join(_ranked(fit)))
    if options.distil:
        problem, theta, code = _distilled(problem, theta, options), None, code
    if options.write is not None:
        _write(problem, theta, options.write)
    objective = Objective(problem)
    found = objective.evaluate(theta)
    say("\n".join(_numbers(found)))
    slopes = (
        programs(objective).linearise(objective.nominal if theta is None else theta, rows=False)
        if options.gradient
        else None
    )
    if slopes is not None:
        say(
            "\n".join(
                f"d llh / d {name} = {value:.10g}"
                for name, value in zip(objective.labels, slopes.gradient, strict=True)
            )
        )
    if options.output is not None:
        write_table(options.output / "simulations.tsv", simulation_rows(problem, found))
        write_table(options.output / "parameters.tsv", parameter_rows(problem))
        if slopes is not None:
            write_table(options.output / "gradient.tsv", gradient_rows(objective, slopes.gradient))
        if objective.hybrid.blocks:
            _write_networks(objective, theta, options.output)
    return code


def _described(problem: PetabProblem) -> list[str]:
    estimated = len(problem.estimated) + sum(one.estimate for one in problem.arrays)
    lines = [
        f"{problem.name}: PEtab {problem.version}, {len(problem.measurements)} measurements in {len(problem.experiments)} "
        f"experiments, {estimated} parameters to estimate"
        + (f", networks {', '.join(problem.networks)}" if problem.networks else "")
    ]
    return lines + [f"note: {one}" for one in problem.model.notes]


def _numbers(found: PetabEvaluation) -> list[str]:
    lines = [f"log likelihood  {found.llh:.10g}", f"chi2            {found.chi2:.10g}"]
    if found.log_priors:
        lines.append(f"log prior       {found.log_prior:.10g}")
        lines.append(f"log posterior   {found.log_posterior:.10g} (not normalised)")
    return lines + ([found.sentence] if found.sentence else [])


def _fits(problem: PetabProblem, options: Namespace) -> tuple[PetabFit | None, int]:
    """Fits from many starts, shown as they go, and the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow
    from ndestudio.errors import SpecError
    from ndestudio.jobs import Failed

    if options.fit < 1:
        raise SpecError(f"--fit {options.fit}: a fit needs at least one start")
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _fit, problem, options.fit, options.seed, options.seconds)
    if isinstance(ended, Failed):
        return None, INTERRUPTED if interrupted else failed(ended)
    return ended.result, INTERRUPTED if interrupted else DONE


def _fit(problem: PetabProblem, starts: int, seed: int, seconds: float, *, reporter: Reporter) -> PetabFit:
    from ndestudio.exchange.petab.fit import fit_petab

    return fit_petab(problem, starts, seed=seed, seconds=seconds, reporter=reporter)


def _ranked(fit: PetabFit) -> list[str]:
    lines = [f"{len(fit.starts)} fits; the best has the objective {fit.best.objective:.10g} ({fit.best.sentence})"]
    close = sum(math.isclose(one.objective, fit.best.objective, abs_tol=0.1) for one in fit.starts)
    lines.append(f"{close} of them within 0.1 of it")
    numbers = [(name, value) for name, value in zip(fit.labels, fit.best.theta, strict=True) if "[" not in name]
    return lines + [f"    {name} = {value:.8g}" for name, value in numbers]


def _distilled(problem: PetabProblem, theta: np.ndarray | None, options: Namespace) -> PetabProblem:
    """The problem with formulas in the place of its networks."""
    from ndestudio.exchange.petab.distil import distil_petab
    from ndestudio.expression.text import to_text

    found = distil_petab(problem, theta, seconds=options.seconds, seed=options.seed)
    if not options.quiet:
        for out, formula in found.formulas.items():
            print(f"{out} = {to_text(formula)}")
        print(f"log likelihood {found.before:.10g} with networks, {found.after:.10g} with formulas", flush=True)
    return found.problem


def _write(problem: PetabProblem, theta: np.ndarray | None, folder: Path) -> None:
    import sys

    from ndestudio.exchange.petab.distil import with_numbers
    from ndestudio.exchange.petab.write import write_petab

    written = write_petab(problem if theta is None else with_numbers(problem, theta), folder)
    for note in written.notes:
        print(f"note: {note}", file=sys.stderr)
    print(written.yaml, flush=True)


def _write_networks(objective: Objective, theta: object, folder: Path) -> None:
    import numpy as np

    from ndestudio.exchange.sciml.arrays import write_arrays

    whole = objective.nominal if theta is None else np.asarray(theta)
    arrays = whole[len(objective.estimated) :]
    names = objective.problem.networks
    write_arrays(folder / "networks.hdf5", {name: objective.hybrid.weights(name, arrays, np) for name in names})


COMMAND = Command(
    usage="petab PROBLEM.yaml [--fit] [--distil]",
    summary="evaluate, fit, distil and write a problem of PEtab",
    run=_command,
    description="Log likelihood, chi2 and simulations of a PEtab problem (versions 1 and 2, extension SciML); its derivatives, fits "
    "from many starts, formulas in the place of its networks, and the problem written as PEtab 2.",
    arguments=_arguments,
)
