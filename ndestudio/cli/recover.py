"""`ndestudio recover`: would a known ground truth be found with these settings, on data like these?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.cli.command import Command, add_data, add_executor, add_overrides
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from ndestudio.distil.repeated_recovery import Recoveries
    from ndestudio.distil.result import Recovery
    from ndestudio.fitting.result import Fit
    from ndestudio.progress import Reporter
    from ndestudio.project.kept import Place
    from ndestudio.project.project import Spec

_DIGITS = 4


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="data, model and settings; or a project (.nde)")
    parser.add_argument(
        "--ground-truth",
        "--law",
        action="append",
        default=[],
        metavar="NEURAL_TERM=FORMULA",
        help="formula of an unknown function, as 'growth = r*x*(1 - x/K)'; once for each",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a parameter of the ground truth, as K=5",
    )
    parser.add_argument(
        "--noise", type=float, metavar="PART", help="noise as a part of the spread (default: as in the data)"
    )
    parser.add_argument(
        "--fit-ground-truth",
        "--fit-law",
        action="store_true",
        help="fit the constants of the ground truth to the real data first",
    )
    parser.add_argument("-o", "--output", metavar="FILE.json", type=Path, help="write the assessment to a file, too")
    add_data(parser)
    parser.add_argument(
        "--repeats",
        type=int,
        default=1,
        metavar="N",
        help="make the test with N draws of noise (seeds from `recovery.seed` on) and say how often the ground truth was found",
    )
    add_overrides(parser)
    add_executor(parser)


def _command(options: Namespace) -> int:
    """Run the recovery test as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow, overridden, placed, read_job, with_data
    from ndestudio.jobs import Failed

    spec, fit = read_job(options.spec)
    spec = with_data(spec, options.data, options.import_settings)
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device, solver=options.solver)
    spec = with_ground_truth(spec, options.ground_truth, options.set, options.noise)
    with display_for(quiet=options.quiet) as display:
        place = placed(spec, options)
        ended, interrupted = follow(display, _recover, spec, options.fit_ground_truth, fit, options.repeats, place)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    if options.repeats > 1:
        return _repeated(ended.result, options, interrupted)
    assessment: Recovery = ended.result
    if options.output is not None:
        _write(options.output, assessment)
    if not options.quiet:
        print(report(assessment), flush=True)
    if interrupted:
        return INTERRUPTED
    return DONE if assessment.outcome in ("found", "rough", "near") else FAILED


def with_ground_truth(spec: Spec, ground_truths: Sequence[str], values: Sequence[str], noise: float | None) -> Spec:
    """The spec with the ground truth of the command line put over that of its table.

    Raises
    ------
    SpecError
        Something that is not `NAME=...`.
    """
    import msgspec

    formulas = {
        **spec.recovery.formulas,
        **dict(_pair(text, "--ground-truth", "NEURAL_TERM=FORMULA") for text in ground_truths),
    }
    parameters = dict(spec.recovery.parameters)
    for text in values:
        name, value = _pair(text, "--set", "NAME=VALUE")
        try:
            parameters[name] = float(value)
        except ValueError:
            raise SpecError(f"--set {text}: `{value}` is no number") from None
    recovery = msgspec.structs.replace(spec.recovery, formulas=formulas, parameters=parameters)
    if noise is not None:
        recovery = msgspec.structs.replace(recovery, noise=noise)
    return msgspec.structs.replace(spec, recovery=recovery)


def report(assessment: Recovery) -> str:
    """The assessment with what was compared, for a terminal."""
    from ndestudio.expression.text import short_text

    lines = [assessment.sentence]
    for neural_term in assessment.neural_terms:
        lines += [
            "",
            f"{neural_term.neural_term}({', '.join(neural_term.arguments)})",
            f"  chosen  {short_text(neural_term.truth, _DIGITS)}",
        ]
        lines.append(
            f"  found   {short_text(neural_term.found, _DIGITS) if neural_term.found is not None else 'still a network'}"
        )
        if neural_term.error is not None:
            lines.append(f"  apart   {neural_term.error:.2%} of the spread, where the data lead")
    if assessment.parameters:
        lines += ["", "Parameters (chosen, found)"]
        lines += [f"  {name:<12} {true:<12.5g} {found:.5g}" for name, (true, found) in assessment.parameters.items()]
    lines += ["", "Noise that was added"]
    lines += [f"  {name:<12} {assessment.laws.get(name, f'{level:.4g}')}" for name, level in assessment.noise.items()]
    return "\n".join(lines)


def _repeated(found: Recoveries, options: Namespace, interrupted: bool) -> int:
    """Say how often the ground truth was found; returns the exit code."""
    if options.output is not None:
        _write_content(options.output, {"sentence": found.sentence, "tests": [_content(one) for one in found.tests]})
    if not options.quiet:
        lines = [f"  seed {one.config.seed:<4} {one.outcome:<8} {one.sentence}" for one in found.tests]
        print("\n".join([found.sentence, "", *lines]), flush=True)
    if interrupted:
        return INTERRUPTED
    return DONE if found.found else FAILED


def _recover(
    spec: Spec, fit_ground_truth: bool, fit: Fit | None, repeats: int, place: Place, *, reporter: Reporter
) -> Recovery | Recoveries:
    from ndestudio.project.kept import opened
    from ndestudio.project.pipeline import recover, recover_repeatedly

    if repeats == 1:
        return recover(spec, reporter, fit_ground_truth=fit_ground_truth, fit=fit)
    with opened(place) as executor:
        return recover_repeatedly(
            spec, repeats, reporter, fit_ground_truth=fit_ground_truth, fit=fit, executor=executor
        )


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise SpecError(f"{option} {text}: write {form}")
    return name.split("(")[0].strip(), value.strip()


def _write(path: Path, assessment: Recovery) -> None:
    _write_content(path, _content(assessment))


def _content(assessment: Recovery) -> dict[str, Any]:
    from ndestudio.expression.text import short_text

    return {
        "outcome": assessment.outcome,
        "sentence": assessment.sentence,
        "neural_terms": [
            {
                "name": neural_term.neural_term,
                "chosen": short_text(neural_term.truth, 17),
                "found": short_text(neural_term.found, 17) if neural_term.found is not None else None,
                "constants": neural_term.constants,
                "apart": neural_term.error,
            }
            for neural_term in assessment.neural_terms
        ],
        "parameters": {name: {"chosen": a, "found": b} for name, (a, b) in assessment.parameters.items()},
        "errors": dict(assessment.errors),
        "errors of the ground truth": dict(assessment.floor),
        "noise": dict(assessment.noise),
        "noise laws": dict(assessment.laws),
        "seconds": dict(assessment.seconds),
    }


def _write_content(path: Path, content: dict[str, Any]) -> None:
    from ndestudio.json_text import json_text

    try:
        path.write_text(json_text(content), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None


COMMAND = Command(
    "recover SPEC.toml",
    "would a known ground truth be found with these settings, on data like these?",
    _command,
    "Make data from a chosen ground truth at the times, gaps and noise of the real ones, train and distil on them, and say whether "
    "the ground truth was found. The ground truth is that of the table [recovery] of the spec, or of --ground-truth and --set. Exit code: 0 found "
    "(or not to be told apart), 1 not found, 2 bad input, 130 interrupted.",
    _arguments,
)
