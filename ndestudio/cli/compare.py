"""`ndestudio compare`: the model beside its mechanistic part and a plain neural ODE."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.cli.command import Command, add_data, add_executor, add_overrides
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from ndestudio.fitting.comparison_result import Compared, Comparison
    from ndestudio.fitting.result import Fit
    from ndestudio.progress import Reporter
    from ndestudio.project.kept import Place
    from ndestudio.project.project import Spec


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="data, model and settings; or a project (.nde)")
    parser.add_argument("-o", "--output", metavar="FILE.json", type=Path, help="write the table to a file, too")
    add_data(parser)
    add_overrides(parser)
    add_executor(parser)


def _command(options: Namespace) -> int:
    """Compare as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow, overridden, placed, read_job, with_data
    from ndestudio.jobs import Failed

    spec, fit = read_job(options.spec)
    if options.data or options.import_settings:
        spec, fit = with_data(spec, options.data, options.import_settings), None
    changed = overridden(spec, seed=options.seed, engine=options.engine, device=options.device, solver=options.solver)
    known = fit if changed.train == spec.train else None
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _compare, changed, known, placed(changed, options))
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: Comparison = ended.result
    if options.output is not None:
        _write(options.output, found)
    if not options.quiet:
        print(report(found), flush=True)
    return INTERRUPTED if interrupted else DONE if found.models else FAILED


def report(found: Comparison) -> str:
    """The comparison as a table, for a terminal."""
    titles = ("model", "train", found.held_out if found.held_out != "none" else "held out", "k", "AIC", "AICc", "BIC")
    rows = [titles, *(_cells(one) for one in found.models)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(titles))]
    lines = [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    made = [f"{one.name}: {one.words}." for one in found.models if one.words and one.words != "as written"]
    return "\n".join([*lines, "", found.sentence, *made, *found.notes])


def _cells(one: Compared) -> tuple[str, ...]:
    i = one.information
    figures = (i.parameters, i.aic, i.aicc, i.bic) if i is not None else (None,) * 4
    return (one.name, _percent(one.train_error), _percent(one.held_out), *(_figure(value) for value in figures))


def _percent(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2%}"


def _figure(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.1f}"


def _compare(spec: Spec, fit: Fit | None, place: Place, *, reporter: Reporter) -> Comparison:
    from ndestudio.project.kept import opened
    from ndestudio.project.pipeline import compare

    with opened(place) as executor:
        return compare(spec, reporter, fit=fit, executor=executor)


def _write(path: Path, found: Comparison) -> None:
    from ndestudio.json_text import json_text

    models: list[dict[str, Any]] = []
    for one in found.models:
        i = one.information
        models.append(
            {
                "name": one.name,
                "made": one.words,
                "equations": one.config.equations,
                "outcome": str(one.fit.outcome),
                "train error": one.train_error,
                "held-out error": one.held_out,
                "values": i.values if i else None,
                "parameters": i.parameters if i else None,
                "AIC": i.aic if i else None,
                "AICc": i.aicc if i else None,
                "BIC": i.bic if i else None,
            }
        )
    content = {"sentence": found.sentence, "supported": found.chosen, "held out": found.held_out, "models": models}
    try:
        path.write_text(json_text(content), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None


COMMAND = Command(
    "compare SPEC.toml",
    "the model beside its mechanistic part and a plain neural ODE",
    _command,
    "Fit the model of a spec, its mechanistic part (unknown functions taken out) and a plain neural ODE to the same data; "
    "print held-out errors and information criteria, and which model the data support. A model with noise is compared with its drift "
    "and errors of measurement, and with both: is the noise in the law or in the instrument? Exit code: 0 done, 1 failed, "
    "2 bad input, 130 interrupted.",
    _arguments,
)
