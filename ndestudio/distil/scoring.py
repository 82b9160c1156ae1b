"""Candidates in their equations: constants refitted through the solver, trajectories simulated, evidence gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ndestudio.data.dataset import Dataset
from ndestudio.distil.choice import Evidence, evidence
from ndestudio.distil.forms import simplest
from ndestudio.distil.tuning import Tuner
from ndestudio.expression.tree import Expr
from ndestudio.model.fitted import FittedModel
from ndestudio.model.metrics import Metrics, score
from ndestudio.progress import Reporter
from ndestudio.train.config import TrainConfig

SIMULATION_SECONDS = 10.0
"""Wall time a candidate's simulations may take together; a formula that needs more is no candidate."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A model with some holes replaced, after refitting: what it is, how it does, and what speaks for it.

    Arguments:
        expressions: hole -> formula with refitted numbers, in its simplest form.
        kept: hole -> magnitudes of numbers in its formula that are not fitted.
    """

    model: FittedModel
    metrics: Metrics
    evidence: Evidence
    expressions: Mapping[str, Expr]
    kept: Mapping[str, frozenset[float]] = field(default_factory=dict)
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Judge:
    """Puts formulas into a model and judges the result on one data set.

    Arguments:
        refit: whether constants are refitted; without, they stay as the search found them.
    """

    dataset: Dataset
    tuner: Tuner
    refit: bool
    should_stop: Callable[[], bool]
    train: TrainConfig
    reporter: Reporter

    def try_out(
        self,
        model: FittedModel,
        expressions: Mapping[str, Expr],
        kept: Mapping[str, frozenset[float]] | None = None,
        iterations: int = 30,
    ) -> Trial:
        """``model`` with ``expressions`` in the places of their holes, refitted and simulated."""
        from ndestudio.model.replace import replace_hole

        kept = kept or {}
        for hole, expression in expressions.items():
            model = replace_hole(model, hole, expression, keep=kept.get(hole, frozenset()))
        return self.judge(model, tuple(expressions), kept, iterations)

    def judge(
        self,
        model: FittedModel,
        holes: Sequence[str],
        kept: Mapping[str, frozenset[float]] | None = None,
        iterations: int = 30,
    ) -> Trial:
        """Refit the constants of ``model``, in which ``holes`` are formulas (if asked for), and simulate it."""
        from ndestudio.model.replace import formula_filled
        from ndestudio.model.simulate import simulate_all

        model, sentence = self._tuned(model, iterations)
        simulations = dict(simulate_all(model, self.dataset, seconds=SIMULATION_SECONDS))
        failed = next((item.sentence for item in simulations.values() if item.sentence), "")
        filled = {hole: formula_filled(model, hole) for hole in holes}
        formulas = {hole: simplest(formula) for hole, formula in filled.items() if formula is not None}
        return Trial(
            model,
            score(model, self.dataset, simulations=simulations),
            evidence(model, self.dataset, simulations, tuple(formulas.values())),
            formulas,
            kept or {},
            failed or sentence,
        )

    def _tuned(self, model: FittedModel, iterations: int) -> tuple[FittedModel, str]:
        if not self.refit or not iterations:
            return model, ""
        if self.tuner.batch is None:
            from ndestudio.train import refit

            fit = refit(model, self.dataset, self.train, self.reporter)
            return fit.model, fit.sentence if fit.outcome == "diverged" else ""
        tuned = self.tuner.tune(model, self.should_stop, iterations)
        return tuned.model, tuned.sentence

    def refit_compiled(self, trial: Trial) -> Trial:
        """``trial`` with its constants refitted by the training engine, whose solver is the exact one."""
        from ndestudio.train import refit

        fit = refit(trial.model, self.dataset, self.train, self.reporter)
        if fit.outcome == "diverged":
            return trial
        return self.judge(fit.model, tuple(trial.expressions), trial.kept, iterations=0)
