"""Candidates in their equations: constants refitted through the solver, trajectories simulated, scores gathered."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.distil.choice import CandidateScores, scores
from ndestudio.distil.forms import simplest
from ndestudio.distil.laws import held, is_written_as_law
from ndestudio.distil.result import NeuralTermSamples
from ndestudio.expression.bounded import Budget
from ndestudio.expression.tree import Expr
from ndestudio.fitting.candidates import Candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.result import Population
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter

LITTLE = 0.25
"""Loss (squared error over the spread) from which on a model explains little of the training rows."""
CHAOTIC = 1e3
"""Change of the trajectories by a change of what is fitted, both in units of their sizes, from which on constants stay as the
search found them where they explain little."""
HOPELESS = 3.0
"""Root mean square error, in spreads, of a refitted formula that is not worth simulating."""
STEP = 1e-7
MOST_SENSITIVE = 1e12
SIMULATION_SECONDS = 4.0
"""Wall time a candidate's simulations may take together; a formula that needs more is no candidate."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A model with some neural terms replaced, after refitting: what it is, how it does, and what speaks for it.

    Parameters
    ----------
    expressions
        Neural term -> formula with refitted numbers, in its simplest form.
    kept
        Neural term -> magnitudes of numbers in its formula that are not fitted.
    population
        Of random parameters, where it was estimated with the formulas in place.
    """

    model: FittedModel
    metrics: Metrics
    scores: CandidateScores
    expressions: Mapping[str, Expr]
    kept: Mapping[str, frozenset[float]] = field(default_factory=dict)
    sentence: str = ""
    population: Population | None = None


@dataclass(frozen=True, eq=False)
class Judge:
    """Substitutes formulas into a model and judges the result on one data set.

    Parameters
    ----------
    refit
        Whether constants are refitted; without, they stay as the search found them.
    train
        Settings of the final refits.
    samples
        Of each neural term, filled as they come.
    budget
        What rewriting a formula may cost.
    tried
        What came of each model that was tried out: shortened and rounded formulas come to the same one again and again.
    """

    dataset: Dataset
    candidates: Candidates
    refit: bool
    should_stop: Callable[[], bool]
    train: TrainConfig
    reporter: Reporter
    samples: Mapping[str, NeuralTermSamples]
    budget: Budget = field(default_factory=Budget)
    tried: dict[Hashable, Trial] = field(default_factory=dict)

    def try_out(
        self,
        model: FittedModel,
        expressions: Mapping[str, Expr],
        kept: Mapping[str, frozenset[float]] | None = None,
        iterations: int = 30,
        enough: float = math.inf,
    ) -> Trial:
        """``model`` with ``expressions`` in the places of their neural terms, refitted and simulated.

        Parameters
        ----------
        enough
            Training error (root mean square, in spreads) above which refitting is soon given up.
        """
        from ndestudio.model.replace import replace_neural_term

        kept = dict(kept or {})
        kept |= {name: held(one) | kept.get(name, frozenset()) for name, one in expressions.items()}
        for neural_term, expression in expressions.items():
            model = replace_neural_term(model, neural_term, expression, keep=kept[neural_term])
        numbers = tuple(sorted((name, *sorted(values)) for name, values in kept.items() if values))
        key = (_numbers_and_form(model), numbers, tuple(expressions), iterations, enough)
        if key not in self.tried:
            trial = self.judge(model, tuple(expressions), kept, iterations, enough)
            if self.should_stop():  # cut short
                return trial
            self.tried[key] = trial
        return self.tried[key]

    def judge(
        self,
        model: FittedModel,
        neural_terms: Sequence[str],
        kept: Mapping[str, frozenset[float]] | None = None,
        iterations: int = 30,
        enough: float = math.inf,
    ) -> Trial:
        """Refit the constants of ``model``, in which ``neural_terms`` are formulas (if asked for), and simulate it."""
        from ndestudio.model.replace import formula_filled
        from ndestudio.solve.scipy_reference import simulate_all

        model, sentence, hopeless = self._tuned(model, iterations, enough)
        # LSODA would spend seconds on following a formula that runs away
        simulations = {} if hopeless else dict(simulate_all(model, self.dataset, seconds=SIMULATION_SECONDS))
        failed = next((item.sentence for item in simulations.values() if item.sentence), "")
        filled = {neural_term: formula_filled(model, neural_term) for neural_term in neural_terms}
        formulas = {
            neural_term: formula if is_written_as_law(formula) else simplest(formula, self.budget)
            for neural_term, formula in filled.items()
            if formula is not None
        }
        found = scores(model, self.candidates.measure, simulations, formulas, self.samples)
        digits = sum(extra_digits(formula, self.samples.get(neural_term)) for neural_term, formula in formulas.items())
        metrics = _no_metrics(self.dataset) if hopeless else score(model, self.dataset, simulations=simulations)
        return Trial(model, metrics, replace(found, digits=digits), formulas, kept or {}, sentence or failed)

    def _tuned(self, model: FittedModel, iterations: int, enough: float) -> tuple[FittedModel, str, bool]:
        """The refitted model, a sentence about what went wrong, and whether there is no point in simulating it."""
        if not self.refit or not iterations:
            return model, "", False
        tuned = self.candidates.fit(model, self.should_stop, iterations, enough)
        hopeless = tuned.loss > HOPELESS**2
        sentence = tuned.sentence or ("the formula does not follow the training rows at all" if hopeless else "")
        # where trajectories part whatever the law, a lower loss is chance: the search knew the slopes
        kept = LITTLE < tuned.loss < np.inf and self.candidates.sensitivity(model) > CHAOTIC
        return model if kept else tuned.model, sentence, hopeless

    def is_chance(self, trial: Trial) -> bool:
        """Whether the loss of a model says nothing about its constants: it is high, and trajectories part as in chaos."""
        return self.objective(trial) > LITTLE and self.candidates.sensitivity(trial.model) > CHAOTIC

    def objective(self, trial: Trial) -> float:
        """What training would make smallest, at the model of a trial."""
        return self.candidates.objective(trial.model)

    def refitted(self, trial: Trial) -> Trial:
        """``trial`` with its constants fitted to the end, noise levels included."""
        from ndestudio.fitting import refit

        fit = refit(trial.model, self.dataset, self.train, self.reporter)
        if fit.outcome == "diverged":
            return trial
        again = self.judge(fit.model, tuple(trial.expressions), trial.kept, iterations=0)
        return replace(again, population=fit.population)


def _numbers_and_form(model: FittedModel) -> Hashable:
    """Equal for models that a refit cannot tell apart."""
    initial = {name: np.asarray(values).tolist() for name, values in model.initial.items()}
    networks = tuple((name, id(network)) for name, network in model.networks.items())
    return model.system.rhs, repr(sorted(model.parameters.items())), repr(sorted(initial.items())), networks


def _no_metrics(dataset: Dataset) -> Metrics:
    """Infinite errors in every part that has rows."""
    whole = dict.fromkeys((*dataset.measured_names, "mean"), math.inf)
    parts = {part: dict(whole) if dataset.has(part) else {} for part in Part}
    return Metrics(parts[Part.TRAIN], parts[Part.VALIDATION], parts[Part.TEST])


def extra_digits(formula: Expr, samples: NeuralTermSamples | None) -> float:
    """Nats that the constants of a formula need beyond the usual precision.

    A constant c whose relative error e moves the formula by k e of its spread must be given k times more exactly than one
    that merely scales it.
    """
    if samples is None or not len(samples.y):
        return 0.0
    return sum(math.log(max(1.0, size)) for size in sensitivities(formula, samples))


def sensitivities(formula: Expr, samples: NeuralTermSamples) -> list[float]:
    """|c df/dc| of each constant over the spread of the neural term, root mean square over the samples."""
    from ndestudio.expression import evaluate
    from ndestudio.model.replace import parametrise

    form, values = parametrise(formula, "constant")
    columns = {name: samples.X[:, k] for k, name in enumerate(samples.arguments)}
    spread = float(np.std(samples.y)) or 1.0
    found = []
    with np.errstate(all="ignore"):
        for name, value in values.items():
            ends = [evaluate(form, {**columns, **values, name: value * (1.0 + e)}) for e in (-STEP, STEP)]
            change = np.broadcast_to((ends[1] - ends[0]) / (2.0 * STEP), samples.y.shape)
            size = float(np.sqrt(np.mean(change**2))) / spread
            found.append(size if math.isfinite(size) else MOST_SENSITIVE)
    return [min(size, MOST_SENSITIVE) for size in found]
