"""From a trained hybrid model to equations: sample, search, put back, refit, validate, choose."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ndestudio.data.dataset import Dataset
from ndestudio.distil.choice import choose
from ndestudio.distil.combine import JudgedHole, combine
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.finish import drop_terms, put_together, round_constants
from ndestudio.distil.forms import complexity, simplest
from ndestudio.distil.result import Distillation, HoleDistillation, HoleSamples, ScoredCandidate, held_out, percent
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.distil.search import Searched, hole_loss, search_hole, shortlist, skeleton
from ndestudio.errors import EngineUnavailable, EquationError, SettingError
from ndestudio.expression.bounded import Budget
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import CandidateScored, Event, Note, Phase, Progress, Reporter, SilentReporter
from ndestudio.symbolic.engine import Engine
from ndestudio.symbolic.front import Candidate
from ndestudio.symbolic.presets import resolve_operators

NO_WORSE = 1.0 + 1e-3
"""Ratio of objectives that counts as not worse."""
FAR_WORSE = 5.0
"""Ratio of training errors beyond which a candidate is not refitted to the end."""


def distil(
    model: FittedModel,
    dataset: Dataset,
    config: DistilConfig = DistilConfig(),
    reporter: Reporter = SilentReporter(),
    train: TrainConfig = TrainConfig(),
    *,
    ensemble: Sequence[FittedModel] = (),
    engine: Engine | None = None,
) -> Distillation:
    """Replace the neural holes of ``model`` by formulas.

    Arguments:
        ensemble: models of other seeds; their disagreement says how far a hole is to be trusted.
        engine: used instead of the one that ``config`` names.

    Returns:
        The distilled model with all fronts and candidates. A search that finds nothing, an engine that is missing and a stop
        are outcomes with a sentence.

    Raises:
        SettingError: settings that name what does not exist (a hole, an operator, an engine, an option), saying which.
    """
    work = _Work(model, dataset, config, reporter, train, tuple(ensemble))
    searcher = engine or _engine(config.engine)
    holes = _wanted(model, config)
    resolve_operators(config.operators, config.complexity)
    missing = searcher.unavailable()
    if missing is not None or not holes:
        return work.nothing(
            searcher.name, "failed" if missing else "done", missing or "the model has no neural hole left"
        )
    work.prepare()
    judged: dict[str, JudgedHole] = {}
    for index, hole in enumerate(holes):
        if reporter.should_stop():
            break
        searched = work.search(hole, searcher, 2 * index + 1, 2 * len(holes) + 1)
        if searched is not None:
            judged[hole] = work.judge_candidates(hole, searched, 2 * index + 2, 2 * len(holes) + 1)
    return work.finish(judged, holes, searcher.name)


@dataclass
class _Work:
    """What one distillation shares between its steps."""

    model: FittedModel
    dataset: Dataset
    config: DistilConfig
    reporter: Reporter
    train: TrainConfig
    ensemble: tuple[FittedModel, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    noise: float | None = None
    samples: dict[str, HoleSamples] = field(default_factory=dict)
    judge: Judge = field(init=False)
    costs: Mapping[str, int] = field(default_factory=dict)
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget(should_stop=self.reporter.should_stop)

    def prepare(self) -> None:
        """How good the hybrid model is, and steps short enough to refit candidates."""
        with self._timed("simulation"):
            _, self.costs = resolve_operators(self.config.operators, self.config.complexity)
            error = score(self.model, self.dataset, seconds=10.0).train.get("mean", 0.0)
            # a hole cannot be truer than the trajectories it was trained on; below a percent it is as good as noiseless
            self.noise = error if 0.01 < error < 1.0 else None
            candidates = make_candidates(self.model, self.dataset, self.train)
        self.judge = Judge(
            self.dataset,
            candidates,
            self.config.refit,
            self.reporter.should_stop,
            self.train,
            _Quiet(self.reporter),
            self.samples,
            self.budget,
        )

    def search(self, hole: str, engine: Engine, index: int, total: int) -> Searched | None:
        """Sample and search; None, with a note, when that failed."""
        self.reporter.emit(Phase("search", f"Searching formulas for {hole}", index, total))
        with self._timed("search"):
            try:
                searched = search_hole(
                    self.model, self.dataset, hole, self.config, engine, self.reporter, self.ensemble, self.noise
                )
            except EngineUnavailable as error:
                self._note(str(error), "error")
                return None
            except SettingError:
                raise
            except (ValueError, RuntimeError) as error:
                self._note(f"`{hole}` could not be searched: {error}", "warning")
                return None
        if not searched.front.candidates:
            self._note(f"`{hole}` stays neural: {searched.result.sentence}", "warning")
            return None
        return searched

    def judge_candidates(self, hole: str, searched: Searched, index: int, total: int) -> JudgedHole:
        """Put candidates back one by one, the other holes left neural."""
        self.reporter.emit(Phase("refit", f"Refitting the candidates for {hole} through the solver", index, total))
        self.samples[hole] = searched.samples
        candidates = shortlist(
            searched.front,
            self.config.candidates,
            searched.samples,
            resolve_operators(self.config.operators)[0],
            self.budget,
        )
        scored: list[ScoredCandidate] = []
        trials: list[Trial] = []
        with self._timed("refit"):
            for number, candidate in enumerate(candidates):
                if self.reporter.should_stop():
                    break
                trial = self._tried(hole, candidate, min((t.evidence.train_rms for t in trials), default=math.inf))
                if trial is None:
                    continue
                trials.append(trial)
                scored.append(ScoredCandidate(candidate, trial.model, trial.metrics, trial.sentence))
                self.reporter.emit(CandidateScored(hole, len(scored) - 1, scored[-1]))
                self.reporter.emit(Progress((number + 1) / len(candidates)))
        if not scored:
            return self._unjudged(hole, searched)
        chosen, reason = choose([t.evidence for t in trials], [s.candidate.complexity for s in scored])
        found = HoleDistillation(searched.samples, searched.front, tuple(scored), chosen, _sentence_case(reason))
        return JudgedHole(found, tuple(trials))

    def _tried(self, hole: str, candidate: Candidate, best: float) -> Trial | None:
        try:
            return self.judge.try_out(self.model, {hole: candidate.expression}, enough=FAR_WORSE * best)
        except EquationError as error:
            self._note(f"a candidate for `{hole}` cannot be put into the equations: {error.sentence}", "warning")
            return None

    def _unjudged(self, hole: str, searched: Searched) -> JudgedHole:
        """Stopped before a candidate was tried: the engine's own choice, with the constants of the search."""
        from ndestudio.model.replace import replace_hole

        candidate = searched.front.candidates[searched.front.best]
        model = replace_hole(self.model, hole, candidate.expression)
        only = ScoredCandidate(candidate, model, Metrics(), "stopped before this formula was refitted and simulated")
        reason = f"The engine's own choice, not yet simulated: {searched.front.reason}"
        return JudgedHole(HoleDistillation(searched.samples, searched.front, (only,), 0, reason), ())

    def finish(self, judged: Mapping[str, JudgedHole], holes: Sequence[str], engine: str) -> Distillation:
        """Combine, shorten, round, refit; or, after a stop, hand over what there is."""
        if not judged:
            if self.reporter.should_stop():
                return self.nothing(engine, "stopped", "stopped before a formula was found")
            return self.nothing(engine, "failed", self.notes[-1] if self.notes else "no formula was found")
        found = {name: hole.distillation for name, hole in judged.items()}
        if self.reporter.should_stop() or any(not hole.trials for hole in judged.values()):
            return self._stopped(judged, engine)
        self.reporter.emit(Phase("joint", "Refitting all equations together", 2 * len(holes) + 1, 2 * len(holes) + 1))
        with self._timed("joint"):
            joint = combine(self.model, judged, self.judge, self.costs)
            if joint is None:
                return self._stopped(judged, engine)
            best, choices = joint
            for name, index in choices.items():
                found[name] = _with_choice(found[name], index, "as part of the best combination of all holes")
            best = drop_terms(best, self.judge, self.costs)
            best = round_constants(best, self.judge)
            result = self.judge.judge(put_together(best), tuple(best.expressions), best.kept)
        if self.reporter.should_stop():
            return self._stopped(judged, engine, result)
        final = self._refitted(result)
        with self._timed("joint"):
            for name in best.expressions:
                found[name] = self._with_final_form(name, found[name], best)
        left = [name for name in holes if name not in best.expressions]
        if sentence := self.budget.sentence():
            self._note(sentence, "info")
        return Distillation(
            "done",
            _done(best, left, final.metrics),
            found,
            final.model,
            final.metrics,
            engine,
            self.config.seed,
            self.seconds,
            tuple(self.notes),
        )

    def _refitted(self, result: Trial) -> Trial:
        """The last word is that of training; its result is taken unless its objective is worse."""
        if not self.config.refit:
            return result
        with self._timed("refit"):
            again = self.judge.refitted(result)
            better = again.evidence.usable and self.judge.objective(again) <= NO_WORSE * self.judge.objective(result)
        return again if better else result

    def _with_final_form(self, hole: str, found: HoleDistillation, best: Trial) -> HoleDistillation:
        """Add the formula of the joint model to the candidates where it is none of them (terms were dropped)."""
        formula = best.expressions[hole]
        trials = [s.model.replacements[hole].expression for s in found.scored]
        present = [
            k for k, expression in enumerate(trials) if self._skeleton(found.scored[k], hole) == skeleton(formula)
        ]
        if found.chosen in present or not trials:
            return found
        if present:
            return _with_choice(found, present[0], "after terms that the rest of the equation can carry were dropped")
        loss = hole_loss(formula, found.samples)
        candidate = Candidate(complexity(formula, self.costs), loss, formula)
        trial = self.judge.try_out(self.model, {hole: formula}, best.kept)
        extra = ScoredCandidate(candidate, trial.model, trial.metrics, trial.sentence)
        scored = tuple(sorted((*found.scored, extra), key=lambda item: item.candidate.complexity))
        reason = (
            "A term of the candidate that was found could be left out without a loss that its length would be worth: the rest "
            "of the equations carries it"
        )
        return replace(found, scored=scored, chosen=scored.index(extra), reason=reason)

    def _skeleton(self, scored: ScoredCandidate, hole: str) -> str:
        """Structure of a candidate's refitted formula in its simplest form."""
        return skeleton(simplest(_formula(scored.model, hole), self.budget))

    def _stopped(self, judged: Mapping[str, JudgedHole], engine: str, result: Trial | None = None) -> Distillation:
        """What was reached, put together without further refitting."""
        found = {name: hole.distillation for name, hole in judged.items()}
        outcome = "stopped" if self.reporter.should_stop() else "failed"
        if result is not None:
            model, metrics = result.model, result.metrics
        else:
            model = assemble(self.model, found, {name: item.chosen for name, item in found.items() if item.chosen >= 0})
            metrics = score(model, self.dataset, seconds=0.3)
        if outcome == "stopped":
            sentence = f"stopped; {len(found)} of the holes have formulas, not yet refitted together"
        else:
            sentence = (
                "none of the formulas could be simulated over the training rows; give the search more time or samples"
            )
        return Distillation(
            outcome,
            _sentence_case(sentence),
            found,
            model,
            metrics,
            engine,
            self.config.seed,
            self.seconds,
            tuple(self.notes),
        )

    def nothing(self, engine: str, outcome: str, sentence: str) -> Distillation:
        """The model as it was."""
        metrics = score(self.model, self.dataset, seconds=0.5)
        return Distillation(
            outcome,
            _sentence_case(sentence),
            {},
            self.model,
            metrics,
            engine,
            self.config.seed,
            self.seconds,
            tuple(self.notes),
        )

    def _note(self, text: str, level: str) -> None:
        self.notes.append(text)
        self.reporter.emit(Note(text, level))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - began


class _Quiet:
    """Passes stops on and events not: a refit inside a distillation is no training run of its own."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        del event

    def should_stop(self) -> bool:
        return self._reporter.should_stop()


def assemble(
    model: FittedModel, distillation: Distillation | Mapping[str, HoleDistillation], accepted: Mapping[str, int]
) -> FittedModel:
    """``model`` with the accepted candidates in the places of their holes; holes not named stay neural.

    Arguments:
        model: the hybrid model that was distilled.
        accepted: hole -> index among its scored candidates. All choices together give the jointly refitted model.

    Raises:
        KeyError: for a hole that was not distilled. IndexError: for a candidate that does not exist.
    """
    from ndestudio.model.replace import replace_hole

    whole = distillation if isinstance(distillation, Distillation) else None
    holes = distillation.holes if isinstance(distillation, Distillation) else distillation
    accepted = {name: index for name, index in accepted.items() if index >= 0}
    chosen = {name: item.chosen for name, item in holes.items() if item.chosen >= 0}
    if whole is not None and accepted == chosen and accepted:
        return whole.model
    if len(accepted) == 1:
        ((name, index),) = accepted.items()
        return holes[name].scored[index].model
    result = model
    for name, index in accepted.items():
        refitted = holes[name].scored[index].model
        result = replace_hole(result, name, _formula(refitted, name))
        known = {key: refitted.parameters[key] for key in model.parameters}
        result = replace(result, parameters={**result.parameters, **known}, initial=refitted.initial)
    return result


def _formula(model: FittedModel, hole: str):  # type: ignore[no-untyped-def]
    from ndestudio.model.replace import formula_filled

    formula = formula_filled(model, hole)
    assert formula is not None
    return formula


def _engine(name: str) -> Engine:
    from ndestudio.symbolic import ENGINES

    return ENGINES.get(name)


def _wanted(model: FittedModel, config: DistilConfig) -> tuple[str, ...]:
    known = tuple(hole.name for hole in model.system.holes)
    if config.holes is None:
        return known
    unknown = [name for name in config.holes if name not in known]
    if unknown:
        raise SettingError(f"unknown hole `{unknown[0]}`; the model has {', '.join(known) or 'none'}")
    return tuple(config.holes)


def _with_choice(found: HoleDistillation, index: int, why: str) -> HoleDistillation:
    if index == found.chosen:
        return found
    return replace(found, chosen=index, reason=f"Chosen {why}; {_alone(found)}")


def _alone(found: HoleDistillation) -> str:
    if not 0 <= found.chosen < len(found.scored):
        return "judged alone none would have been"
    return f"judged alone it would have been the one of complexity {found.scored[found.chosen].candidate.complexity}"


def _done(best: Trial, left: Sequence[str], metrics: Metrics) -> str:
    count = len(best.expressions)
    text = f"{count} holes replaced by formulas" if count != 1 else "1 hole replaced by a formula"
    error = held_out(metrics)
    if error is not None:
        text += f", {percent(error[0])} off on {error[1]}"
    if left:
        text += f"; {', '.join(left)} stayed neural"
    return _sentence_case(text)


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
