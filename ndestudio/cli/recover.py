"""`ndestudio recover`: would a known law be found with these settings, on data like these?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ndestudio.cli.displays import display_for
from ndestudio.cli.main import DONE, FAILED, INTERRUPTED
from ndestudio.cli.run import failed, follow, overridden
from ndestudio.errors import SpecError
from ndestudio.expression.text import short_text
from ndestudio.jobs import Failed
from ndestudio.json_text import json_text
from ndestudio.progress import Reporter
from ndestudio.project.project import Spec
from ndestudio.project.spec import load_spec, with_files

if TYPE_CHECKING:
    import argparse

    from ndestudio.distil.result import Recovery
    from ndestudio.train.result import Fit

_DIGITS = 4


def recover_command(options: argparse.Namespace) -> int:
    """Run the recovery test as the command line says; returns the exit code."""
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


def read_job(path: Path) -> tuple[Spec, Fit | None]:
    """The spec in a file, and the fit where the file is a project."""
    if path.suffix.lower() != ".nde":
        return load_spec(path), None
    from ndestudio.project.store import load_project

    project = load_project(path)
    return project.spec, project.fit


def _recover(spec: Spec, fit_law: bool, fit: Fit | None, *, reporter: Reporter) -> Recovery:
    from ndestudio.project.pipeline import recover

    return recover(spec, reporter, fit_law=fit_law, fit=fit)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise SpecError(f"{option} {text}: write {form}")
    return name.split("(")[0].strip(), value.strip()


def _write(path: Path, verdict: Recovery) -> None:
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
