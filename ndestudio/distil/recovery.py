"""The recovery test: would this pipeline, on data like these, find a law that is known?"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.law import chosen_law, measure, noise_levels
from ndestudio.distil.result import Distillation, FoundHole, Recovery
from ndestudio.distil.structure import difference
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.config import ModelConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Note, Phase, Reporter, SilentReporter

ALIKE = 0.05
"""Difference of two formulas, relative to the spread of the true one, up to which they count as the same within the data."""
CLOSE = 0.25
"""Relative difference of constants up to which a law counts as found, not as found roughly."""
_DIGITS = 3


def recovery_test(
    model: ModelConfig,
    dataset: Dataset,
    config: RecoveryConfig,
    train: TrainConfig = TrainConfig(),
    distil: DistilConfig = DistilConfig(),
    reporter: Reporter | None = None,
    fit: Fit | None = None,
) -> Recovery:
    """Make data from a chosen law at the times, gaps and noise of ``dataset``; train and distil on them; compare.

    The networks start afresh and the parameters at their start values: nothing of the law is told to the pipeline.

    Arguments:
        fit: a training on the real data; its parameters, initial values and residuals make the synthetic data more alike.

    Returns:
        The verdict. A training that fails and a stop are outcomes, not exceptions.

    Raises:
        SpecError: the law cannot be used or simulated, saying why.
    """
    reporter = reporter or SilentReporter()
    began = time.monotonic()
    reporter.emit(Phase("synthesising", "making data from the chosen law"))
    law = chosen_law(model, dataset, config, fit.model if fit is not None else None)
    noise = noise_levels(dataset, config, fit.noise if fit is not None else None)
    synthetic = measure(law, dataset, noise, config.seed, train.log_states)
    test = _Test(law, synthetic, noise, model, train, distil, config)
    if reporter.should_stop():
        return test.ended("stopped", "Stopped before anything was trained.")
    return test.run(reporter, time.monotonic() - began)


@dataclass
class _Test:
    """The law and its data, and what is made of them."""

    law: FittedModel
    dataset: Dataset
    noise: np.ndarray
    model: ModelConfig
    train: TrainConfig
    distil: DistilConfig
    config: RecoveryConfig
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, reporter: Reporter, synthesising: float) -> Recovery:
        from ndestudio.distil.pipeline import distil
        from ndestudio.fitting.fit_model import fit

        self.seconds["synthesising"] = synthesising
        began = time.monotonic()
        trained = fit(self.model, self.dataset, self.train, reporter)
        self.seconds["train"] = time.monotonic() - began
        if trained.outcome is Outcome.DIVERGED:
            return self.ended("failed", f"The training on data of the chosen law failed: {trained.sentence}")
        if reporter.should_stop():
            return self.ended("stopped", "Stopped before the formulas were searched.")
        reporter.emit(Note(trained.sentence))
        began = time.monotonic()
        found = distil(trained.model, self.dataset, self.distil, reporter, self.train, ensemble=trained.ensemble)
        self.seconds["distil"] = time.monotonic() - began
        if not found.holes:
            return self.ended(found.outcome if found.outcome == "stopped" else "failed", found.sentence)
        return self.judged(found)

    def judged(self, found: Distillation) -> Recovery:
        """Compare what was found with the law."""
        holes = tuple(self._hole(name, found) for name in self.law.replacements if self._wanted(name))
        same = all(hole.constants is not None for hole in holes)
        whole = None if same else self._equations(found.model)
        apart = max((hole.constants or 0.0 for hole in holes), default=0.0) if same else whole
        parameters = {
            name: (float(self.law.parameters[name]), float(found.model.parameters[name]))
            for name in self.law.parameters
            if name in found.model.parameters and not _added(self.law, name)
        }
        if found.outcome == "stopped":
            outcome = "stopped"
        elif apart is not None:
            outcome = "found" if apart <= CLOSE else "rough"
        else:
            outcome = "near" if all(_alike(hole) for hole in holes) else "missed"
        errors, floor = _means(found.metrics), _means(score(self.law, self.dataset))
        sentence = _sentence(outcome, holes, apart, whole is not None) + _followed(errors, floor)
        return self.ended(outcome, sentence, holes, parameters, errors, floor)

    def _wanted(self, name: str) -> bool:
        return self.distil.holes is None or name in self.distil.holes

    def _hole(self, name: str, found: Distillation) -> FoundHole:
        from ndestudio.expression.numeric import evaluate
        from ndestudio.model.replace import formula_filled

        truth = formula_filled(self.law, name)
        formula = formula_filled(found.model, name)
        assert truth is not None
        truth = _with_parameters(truth, self.law)
        arguments = self.law.replacements[name].arguments
        if formula is None or name not in found.holes:
            return FoundHole(name, arguments, truth, None, None, None)
        formula = _with_parameters(formula, found.model)
        X = found.holes[name].samples.X
        values = {argument: X[:, k] for k, argument in enumerate(arguments)}
        true, mine = (np.broadcast_to(evaluate(expr, values), len(X)) for expr in (truth, formula))
        return FoundHole(name, arguments, truth, formula, difference(truth, formula), _relative(mine - true, true))

    def _equations(self, model: FittedModel) -> float | None:
        """How far the constants of the whole equations are apart: a term may have moved between a hole and the known part."""
        from ndestudio.model.replace import numbers_filled

        truth, mine = numbers_filled(self.law), numbers_filled(model)
        apart = [difference(truth[state], mine[state]) for state in truth if not model.networks]
        known = [value for value in apart if value is not None]
        return max(known) if apart and len(known) == len(apart) else None

    def ended(
        self,
        outcome: str,
        sentence: str,
        holes: tuple[FoundHole, ...] = (),
        parameters: Mapping[str, tuple[float, float]] | None = None,
        errors: Mapping[str, float] | None = None,
        floor: Mapping[str, float] | None = None,
    ) -> Recovery:
        noise = dict(zip(self.dataset.measured_names, map(float, self.noise), strict=True))
        return Recovery(
            outcome,
            sentence,
            holes,
            parameters or {},
            errors or {},
            floor or {},
            noise,
            self.model,
            self.train,
            self.distil,
            self.config,
            self.seconds,
        )


def _added(law: FittedModel, name: str) -> bool:
    return any(name in item.parameters for item in law.replacements.values())


def _with_parameters(formula: Expr, model: FittedModel) -> Expr:
    """Numbers in the place of the model's own parameters, where a formula uses them."""
    from ndestudio.expression.numeric import as_number, fold
    from ndestudio.expression.tree import substitute

    return fold(substitute(formula, {name: as_number(float(value)) for name, value in model.parameters.items()}))


def _relative(errors: np.ndarray, truth: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        scale = float(np.std(truth)) or float(np.sqrt(np.mean(truth**2))) or 1.0
        value = float(np.sqrt(np.mean(errors**2)) / scale)
    return value if math.isfinite(value) else math.inf


def _alike(hole: FoundHole) -> bool:
    return hole.constants is not None or (hole.error is not None and hole.error <= ALIKE)


def _means(metrics: Metrics) -> dict[str, float]:
    parts = {"training": metrics.train, "validation": metrics.validation, "test": metrics.test}
    return {name: part["mean"] for name, part in parts.items() if "mean" in part}


def _sentence(outcome: str, holes: tuple[FoundHole, ...], apart: float | None, moved: bool) -> str:
    if outcome == "stopped":
        return "Stopped before the formulas were fitted together; there is no verdict yet."
    if outcome in ("found", "rough") and apart is not None:
        where = (
            "the same equations, a term having moved between a hole and the known part"
            if moved
            else "the same structure"
        )
        within = f"constants within {_percent(apart)}"
        if outcome == "rough":
            return f"Found, but not precisely: {where}; constants are off by up to {_percent(apart)}."
        return f"Found: {where}, {within}."
    others = "; ".join(_instead(hole) for hole in holes if hole.constants is None)
    if outcome == "near":
        return f"Not the same formula, but one that these data cannot tell from it: {others}."
    return f"Not found: {others}."


def _instead(hole: FoundHole) -> str:
    if hole.found is None:
        return f"{hole.hole} stayed a network"
    apart = "" if hole.error is None else f", {_percent(hole.error)} apart where the data lead"
    return f"{hole.hole} = {short_text(hole.found, _DIGITS)} instead of {short_text(hole.truth, _DIGITS)}{apart}"


def _followed(errors: Mapping[str, float], floor: Mapping[str, float]) -> str:
    for part in ("validation", "test", "training"):
        if part in errors:
            return (
                f" It follows the {part} data to {_percent(errors[part])} of their spread, the law itself to "
                f"{_percent(floor.get(part, math.nan))}."
            )
    return ""


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return "no finite part"
    return f"{100 * value:.2g}%" if value < 0.1 else f"{100 * value:.0f}%"
