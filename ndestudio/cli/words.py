"""Results as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.fitting.metrics import Metrics
    from ndestudio.fitting.result import Fit
    from ndestudio.model.fitted import FittedModel
    from ndestudio.project.project import Project


def equations(model: FittedModel, digits: int) -> list[str]:
    """`d(x)/dt = ...` of each state and the events, numbers filled in."""
    from ndestudio.expression import short_text
    from ndestudio.model.events import text_of
    from ndestudio.model.replace import algebraic_filled, events_filled, numbers_filled
    from ndestudio.model.steps import left_side, next_values

    step = model.system.step
    filled = next_values(numbers_filled(model), step)
    written = [f"{left_side(state, step)} = {short_text(expr, digits)}" for state, expr in filled.items()]
    written += [f"0 = {short_text(expr, digits)}  for {name}" for name, expr in algebraic_filled(model).items()]
    return [*written, *(text_of(event) for event in events_filled(model, digits))]


def errors(metrics: Metrics) -> list[str]:
    """One line for each part of the data that has rows."""
    parts = {"training": metrics.train, "validation": metrics.validation, "test": metrics.test}
    return [f"{name} error {_error_text(part)}" for name, part in parts.items() if part]


def _error_text(part: Mapping[str, float]) -> str:
    each = ", ".join(f"{name} {value:.4f}" for name, value in part.items() if name != "mean")
    return f"{part.get('mean', math.nan):.4f} ({each})"


def summary(project: Project, folder: Path, written: list[Path]) -> str:
    """What a finished job came to."""
    from ndestudio.data.dataset_words import time_taken
    from ndestudio.export.gather import job
    from ndestudio.expression import short_text
    from ndestudio.model.replace import formula_filled

    results = job(project)
    if results.model is None:
        return f"Nothing was trained; what was reached is in {folder}"
    distillation, digits = project.distillation, project.spec.export.digits
    told = [] if results.dataset is None else ["Time", f"  {time_taken(results.dataset).sentence}", ""]
    lines = [*told, *_training(project.fit)]
    lines += ["Equations", *(f"  {line}" for line in equations(results.model, digits)), ""]
    if distillation is not None and distillation.neural_terms:
        lines.append("Formulas")
        for name, neural_term in distillation.neural_terms.items():
            filled = formula_filled(results.model, name)
            lines.append(
                f"  {name} = {short_text(filled, digits)}" if filled is not None else f"  {name} is still a network"
            )
            lines.append(f"    {neural_term.explanation}")
        lines.append("")
        if distillation.next_run is not None:
            lines += ["What to measure next", f"  {distillation.next_run.sentence}", ""]
    if results.metrics is not None:
        lines.append("Errors of the simulated model (RMSE over standard deviation)")
        lines += [f"  {line}" for line in errors(results.metrics)]
    lines += ["", "Seconds", "  " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in project.seconds.items())]
    lines += ["", f"Files in {folder}", *(f"  {path}" for path in _shown(written, folder))]
    return "\n".join(lines)


def _training(fit: Fit | None) -> list[str]:
    """How the training ended, and that what follows was not fitted where it failed."""
    if fit is None:
        return []
    failed = fit.outcome == "diverged"
    more = (
        ["  The constants below were not fitted: they are the start values or where the search broke off."]
        if failed
        else []
    )
    return ["Training", f"  {fit.sentence}", *more, ""]


def _shown(written: list[Path], folder: Path) -> list[str]:
    names = []
    for path in written:
        try:
            names.append(path.relative_to(folder).as_posix())
        except ValueError:
            names.append(str(path))
    return sorted(names)
