"""The recovery test: would this pipeline, on data like these, find a known ground truth?"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.drawn import DrawnNoise, drawn_noise, in_words, pieces_between, spreads_of, with_drawn_runs
from ndestudio.distil.ground_truth import chosen_ground_truth, measure
from ndestudio.distil.result import Distillation, FoundNeuralTerm, Recovery
from ndestudio.distil.structure import difference
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import refuse_written_noise
from ndestudio.model.encoders import refuse_encoder
from ndestudio.model.fitted import FittedModel
from ndestudio.model.schedule import schedule
from ndestudio.problem.conditions import initial_state
from ndestudio.progress import Note, Phase, Reporter, SilentReporter
from ndestudio.solve.event_times import happening

ALIKE = 0.05
"""Difference of two formulas, relative to the spread of the true one, up to which they count as the same within the data."""
CLOSE = 0.25
"""Relative difference of constants up to which a ground truth counts as found, not as found roughly."""
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
    """Make data from a chosen ground truth at the times, gaps and noise of ``dataset``; train and distil on them;
    compare.

    The noise of each column is drawn from the law that the settings give it; where parameters differ from run to run, each run gets a
    value drawn from the population.

    The networks start afresh and the parameters at their start values: nothing of the ground truth is told to the
    pipeline.

    Parameters
    ----------
    fit
        A training on the real data; its parameters, initial values and residuals make the synthetic data more alike.

    Returns
    -------
    Recovery
        The assessment. A training that fails and a stop are outcomes, not exceptions.

    Raises
    ------
    SpecError
        The ground truth cannot be used or simulated, saying why.
    """
    refuse_written_noise(model, "the recovery test", dataset.measured_names)
    refuse_encoder(model, "the recovery test")
    reporter = reporter or SilentReporter()
    began = time.monotonic()
    reporter.emit(Phase("synthesising", "making data from the chosen ground truth"))
    ground_truth = chosen_ground_truth(model, dataset, config, fit.model if fit is not None else None)
    spreads = spreads_of(ground_truth, fit.model if fit is not None else None)
    ground_truth = with_drawn_runs(ground_truth, spreads, config.seed) if spreads else ground_truth
    cuts = _jumps(ground_truth, dataset)
    if cuts and fit is None and config.noise is None:
        few = not any(pieces_between(one, 0, cuts.get(one.name, np.zeros(0))) for one in dataset.trajectories)
        reporter.emit(Note(_FEW_BETWEEN if few else _BETWEEN))
    noise = drawn_noise(dataset, config, train, fit, cuts)
    synthetic = measure(ground_truth, dataset, noise, config.seed)
    test = _Test(ground_truth, synthetic, noise, spreads, noise.levels(dataset), model, train, distil, config)
    if reporter.should_stop():
        return test.ended("stopped", "Stopped before anything was trained.")
    return test.run(reporter, time.monotonic() - began)


_BETWEEN = (
    "The noise of the data is told between doses and other events; where that is too much or too little, give `noise` in [recovery], or "
    "test a project that is trained."
)
_FEW_BETWEEN = (
    "Too few values lie between doses and other events to tell noise from them: it is taken around curves that lead over them, and is "
    "likely too much. Give `noise` in [recovery], or test a project that is trained."
)


def _jumps(model: FittedModel, dataset: Dataset) -> dict[str, np.ndarray]:
    """Trajectory -> times on the way at which states jump."""
    found = {}
    for one in dataset.trajectories if model.system.events else ():
        begin = initial_state(model, one)
        times = happening(model, one.control, schedule(model.system, model.parameters, one), one.t, begin).t
        inner = np.unique(times[(times > one.t[0]) & (times < one.t[-1])])
        if len(inner):
            found[one.name] = inner
    return found


@dataclass
class _Test:
    """The ground truth and its data, and what is made of them."""

    ground_truth: FittedModel
    dataset: Dataset
    noise: DrawnNoise
    spreads: Mapping[str, float]
    levels: Mapping[str, float]
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
            return self.ended("failed", f"The training on data of the chosen ground truth failed: {trained.sentence}")
        if reporter.should_stop():
            return self.ended("stopped", "Stopped before the formulas were searched.")
        reporter.emit(Note(trained.sentence))
        began = time.monotonic()
        found = distil(trained.model, self.dataset, self.distil, reporter, self.train, ensemble=trained.ensemble)
        self.seconds["distil"] = time.monotonic() - began
        if not found.neural_terms:
            return self.ended(found.outcome if found.outcome == "stopped" else "failed", found.sentence)
        return self.judged(found)

    def judged(self, found: Distillation) -> Recovery:
        """Compare what was found with the ground truth."""
        neural_terms = tuple(
            self._neural_term(name, found) for name in self.ground_truth.replacements if self._wanted(name)
        )
        same = all(neural_term.constants is not None for neural_term in neural_terms)
        whole = None if same else self._equations(found.model)
        apart = max((neural_term.constants or 0.0 for neural_term in neural_terms), default=0.0) if same else whole
        parameters = {
            name: (float(self.ground_truth.parameters[name]), float(found.model.parameters[name]))
            for name in self.ground_truth.parameters
            if name in found.model.parameters and not _added(self.ground_truth, name)
        }
        if found.population is not None:
            seen = {one.state: one.sd for one in found.population.effects}
            parameters |= {f"sd({state})": (sd, seen[state]) for state, sd in self.spreads.items() if state in seen}
        if found.outcome == "stopped":
            outcome = "stopped"
        elif apart is not None:
            outcome = "found" if apart <= CLOSE else "rough"
        else:
            outcome = "near" if all(_alike(neural_term) for neural_term in neural_terms) else "missed"
        errors, floor = _means(found.metrics), _means(score(self.ground_truth, self.dataset))
        sentence = _sentence(outcome, neural_terms, apart, whole is not None) + _followed(errors, floor)
        return self.ended(outcome, sentence, neural_terms, parameters, errors, floor)

    def _wanted(self, name: str) -> bool:
        return self.distil.neural_terms is None or name in self.distil.neural_terms

    def _neural_term(self, name: str, found: Distillation) -> FoundNeuralTerm:
        from ndestudio.expression.numeric import evaluate
        from ndestudio.model.replace import formula_filled

        truth = formula_filled(self.ground_truth, name)
        formula = formula_filled(found.model, name)
        assert truth is not None
        truth = _with_parameters(truth, self.ground_truth)
        arguments = self.ground_truth.replacements[name].arguments
        if formula is None or name not in found.neural_terms:
            return FoundNeuralTerm(name, arguments, truth, None, None, None)
        formula = _with_parameters(formula, found.model)
        X = found.neural_terms[name].samples.X
        values = {argument: X[:, k] for k, argument in enumerate(arguments)}
        true, mine = (np.broadcast_to(evaluate(expr, values), len(X)) for expr in (truth, formula))
        return FoundNeuralTerm(
            name, arguments, truth, formula, difference(truth, formula), _relative(mine - true, true)
        )

    def _equations(self, model: FittedModel) -> float | None:
        """How far the constants of the whole equations are apart: a term may have moved between a neural term and the
        known part."""
        from ndestudio.model.replace import numbers_filled

        truth, mine = numbers_filled(self.ground_truth), numbers_filled(model)
        apart = [difference(truth[state], mine[state]) for state in truth if not model.networks]
        known = [value for value in apart if value is not None]
        return max(known) if apart and len(known) == len(apart) else None

    def ended(
        self,
        outcome: str,
        sentence: str,
        neural_terms: tuple[FoundNeuralTerm, ...] = (),
        parameters: Mapping[str, tuple[float, float]] | None = None,
        errors: Mapping[str, float] | None = None,
        floor: Mapping[str, float] | None = None,
    ) -> Recovery:
        laws = zip(self.dataset.measured_names, self.noise.laws, self.noise.log, strict=True)
        return Recovery(
            outcome,
            sentence,
            neural_terms,
            parameters or {},
            errors or {},
            floor or {},
            self.levels,
            self.model,
            self.train,
            self.distil,
            self.config,
            self.seconds,
            {name: in_words(law, self.levels[name], log) for name, law, log in laws},
        )


def _added(ground_truth: FittedModel, name: str) -> bool:
    return any(name in item.parameters for item in ground_truth.replacements.values())


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


def _alike(neural_term: FoundNeuralTerm) -> bool:
    return neural_term.constants is not None or (neural_term.error is not None and neural_term.error <= ALIKE)


def _means(metrics: Metrics) -> dict[str, float]:
    parts = {"training": metrics.train, "validation": metrics.validation, "test": metrics.test}
    return {name: part["mean"] for name, part in parts.items() if "mean" in part}


def _sentence(outcome: str, neural_terms: tuple[FoundNeuralTerm, ...], apart: float | None, moved: bool) -> str:
    if outcome == "stopped":
        return "Stopped before the formulas were fitted together; there is no assessment yet."
    if outcome in ("found", "rough") and apart is not None:
        where = (
            "the same equations, a term having moved between a neural term and the known part"
            if moved
            else "the same structure"
        )
        within = f"constants within {_percent(apart)}"
        if outcome == "rough":
            return f"Found, but not precisely: {where}; constants are off by up to {_percent(apart)}."
        return f"Found: {where}, {within}."
    others = "; ".join(_instead(neural_term) for neural_term in neural_terms if neural_term.constants is None)
    if outcome == "near":
        return f"Not the same formula, but one that these data cannot tell from it: {others}."
    return f"Not found: {others}."


def _instead(neural_term: FoundNeuralTerm) -> str:
    if neural_term.found is None:
        return f"{neural_term.neural_term} stayed a network"
    apart = "" if neural_term.error is None else f", {_percent(neural_term.error)} apart where the data lead"
    return f"{neural_term.neural_term} = {short_text(neural_term.found, _DIGITS)} instead of {short_text(neural_term.truth, _DIGITS)}{apart}"


def _followed(errors: Mapping[str, float], floor: Mapping[str, float]) -> str:
    for part in ("validation", "test", "training"):
        if part in errors:
            return (
                f" It follows the {part} data to {_percent(errors[part])} of their spread, the ground truth itself to "
                f"{_percent(floor.get(part, math.nan))}."
            )
    return ""


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return "no finite part"
    return f"{100 * value:.2g}%" if value < 0.1 else f"{100 * value:.0f}%"
