"""`ndestudio recover`: would a known law be found with these settings, on data like these?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.cli.command import Command, add_data, add_overrides
from ndestudio.cli.exit_codes import DONE, FAILED, INTERRUPTED
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from ndestudio.distil.result import Recovery
    from ndestudio.fitting.result import Fit
    from ndestudio.progress import Reporter
    from ndestudio.project.project import Spec

_DIGITS = 4


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC.toml", type=Path, help="data, model and settings; or a project (.nde)")
    parser.add_argument(
        "--law",
        action="append",
        default=[],
        metavar="HOLE=FORMULA",
        help="formula of an unknown function, as 'growth = r*x*(1 - x/K)'; once for each",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="value of a parameter of the law, as K=5"
    )
    parser.add_argument(
        "--noise", type=float, metavar="PART", help="noise as a part of the spread (default: as in the data)"
    )
    parser.add_argument("--fit-law", action="store_true", help="fit the constants of the law to the real data first")
    parser.add_argument("-o", "--output", metavar="FILE.json", type=Path, help="write the verdict to a file, too")
    add_data(parser)
    add_overrides(parser)


def _command(options: Namespace) -> int:
    """Run the recovery test as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow, overridden, read_job
    from ndestudio.jobs import Failed
    from ndestudio.project.spec import with_files

    spec, fit = read_job(options.spec)
    if options.data:
        spec = with_files(spec, tuple(str(path.resolve()) for path in options.data))
    spec = overridden(spec, seed=options.seed, engine=options.engine, device=options.device)
    spec = with_law(spec, options.law, options.set, options.noise)
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _recover, spec, options.fit_law, fit)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    verdict: Recovery = ended.result
    if options.output is not None:
        _write(options.output, verdict)
    if not options.quiet:
        print(report(verdict), flush=True)
    if interrupted:
        return INTERRUPTED
    return DONE if verdict.outcome in ("found", "rough", "near") else FAILED


def with_law(spec: Spec, laws: Sequence[str], values: Sequence[str], noise: float | None) -> Spec:
    """The spec with the law of the command line put over that of its table.

    Raises:
        SpecError: something that is not `NAME=...`.
    """
    import msgspec

    formulas = {**spec.recovery.formulas, **dict(_pair(text, "--law", "HOLE=FORMULA") for text in laws)}
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


def report(verdict: Recovery) -> str:
    """The verdict with what was compared, for a terminal."""
    from ndestudio.expression.text import short_text

    lines = [verdict.sentence]
    for hole in verdict.holes:
        lines += ["", f"{hole.hole}({', '.join(hole.arguments)})", f"  chosen  {short_text(hole.truth, _DIGITS)}"]
        lines.append(f"  found   {short_text(hole.found, _DIGITS) if hole.found is not None else 'still a network'}")
        if hole.error is not None:
            lines.append(f"  apart   {hole.error:.2%} of the spread, where the data lead")
    if verdict.parameters:
        lines += ["", "Parameters (chosen, found)"]
        lines += [f"  {name:<12} {true:<12.5g} {found:.5g}" for name, (true, found) in verdict.parameters.items()]
    lines += ["", "Noise that was added"]
    lines += [f"  {name:<12} {level:.4g}" for name, level in verdict.noise.items()]
    return "\n".join(lines)


def _recover(spec: Spec, fit_law: bool, fit: Fit | None, *, reporter: Reporter) -> Recovery:
    from ndestudio.project.pipeline import recover

    return recover(spec, reporter, fit_law=fit_law, fit=fit)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise SpecError(f"{option} {text}: write {form}")
    return name.split("(")[0].strip(), value.strip()


def _write(path: Path, verdict: Recovery) -> None:
    from ndestudio.expression.text import short_text
    from ndestudio.json_text import json_text

    content: dict[str, Any] = {
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        "holes": [
            {
                "name": hole.hole,
                "chosen": short_text(hole.truth, 17),
                "found": short_text(hole.found, 17) if hole.found is not None else None,
                "constants": hole.constants,
                "apart": hole.error,
            }
            for hole in verdict.holes
        ],
        "parameters": {name: {"chosen": a, "found": b} for name, (a, b) in verdict.parameters.items()},
        "errors": dict(verdict.errors),
        "errors of the law": dict(verdict.floor),
        "noise": dict(verdict.noise),
        "seconds": dict(verdict.seconds),
    }
    try:
        path.write_text(json_text(content), encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None


COMMAND = Command(
    "recover SPEC.toml",
    "would a known law be found with these settings, on data like these?",
    _command,
    "Make data from a chosen law at the times, gaps and noise of the real ones, train and distil on them, and say whether "
    "the law was found. The law is that of the table [recovery] of the spec, or of --law and --set. Exit code: 0 found "
    "(or not to be told apart), 1 not found, 2 bad input, 130 interrupted.",
    _arguments,
)
