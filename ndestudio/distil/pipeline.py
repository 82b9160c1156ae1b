"""From a trained hybrid model to equations: sample, search, put back, refit, validate, choose."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ndestudio.data.dataset import Dataset
from ndestudio.distil.assembly import assemble, filled_in
from ndestudio.distil.choice import choose
from ndestudio.distil.combine import JudgedNeuralTerm, combine
from ndestudio.distil.combine import total as _total
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.forms import complexity, simplest
from ndestudio.distil.laws import law_sentence
from ndestudio.distil.result import (
    Distillation,
    NeuralTermDistillation,
    NeuralTermSamples,
    ScoredCandidate,
    held_out,
)
from ndestudio.distil.rounds import Decided, Rounds
from ndestudio.distil.sampling import sample_neural_term
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.distil.search import Searched, neural_term_loss, search_neural_term, shortlist, skeleton
from ndestudio.distil.simplification import drop_terms, put_together, round_constants
from ndestudio.distil.stochastic.pipeline import distil_stochastic
from ndestudio.errors import EngineUnavailable, EquationError, SettingError
from ndestudio.expression.bounded import Budget
from ndestudio.fitting.candidates import make_candidates
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics, score
from ndestudio.fitting.steady_states import steady_state_sentences
from ndestudio.jobs.executors import Executor
from ndestudio.model.encoders import encoded_states, not_identified, with_starts_kept
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import replace_neural_term
from ndestudio.progress import CandidateScored, Event, Note, Phase, Progress, Reporter, SilentReporter
from ndestudio.symbolic.engine import Engine
from ndestudio.symbolic.front import Candidate
from ndestudio.symbolic.presets import resolve_operators
from ndestudio.wording import percent

LITTLE_EXPLAINED = (
    "The equations follow the training rows too badly for their constants to be fitted through the solver (as with chaos): "
    "these are as the search found them."
)
NOT_ASKED = (
    "The law may be another: it was searched on samples of the network, and whether the data determine it was not asked"
)

NO_WORSE = 1.0 + 1e-3
"""Ratio of objectives that counts as not worse."""
FOLLOWED_BETTER, NOTICEABLE = 1.5, 1e-3
"""Ratio of training errors from which on the networks followed the data better than formulas do, so that something is missing in
these; and the least error of networks that this is asked of, in spreads."""
QUICK = 12
"""Steps of refitting a formula that is shown beside the chosen one."""
SHOWN_LOOSE = 4
"""Terms that data cannot tell of which each is spoken of."""
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
    executor: Executor | None = None,
) -> Distillation:
    """Replace the neural terms of ``model`` by formulas.

    Parameters
    ----------
    ensemble
        Models of other seeds; their disagreement says how far a neural term is to be trusted.
    engine
        Used instead of the one that ``config`` names.
    executor
        Who searches the formulas of several terms; None, or with an ``engine``: one term after the other in this process.

    Returns
    -------
    Distillation
        The distilled model with all fronts and candidates. A search that finds nothing, an engine that is missing and
        a stop are outcomes with a sentence.

    Raises
    ------
    SettingError
        Settings that name what does not exist (a neural term, an operator, an engine, an option), saying which.
    """
    from ndestudio.solve.jax_backend import one_thread

    with one_thread():
        return _distilled(model, dataset, config, reporter, train, tuple(ensemble), engine, executor)


def _distilled(
    model: FittedModel,
    dataset: Dataset,
    config: DistilConfig,
    reporter: Reporter,
    train: TrainConfig,
    ensemble: tuple[FittedModel, ...],
    engine: Engine | None,
    executor: Executor | None,
) -> Distillation:
    searcher = engine or _engine(config.engine)
    neural_terms = _wanted(model, config)
    kept: tuple[str, ...] = ()
    if encoded_states(model.config):
        neural_terms, kept = _identified(model, neural_terms, config)
        model = with_starts_kept(model)
    resolve_operators(config.operators, config.complexity)
    missing = searcher.unavailable()
    if model.system.diffusion and missing is None and neural_terms:
        if train.estimates_noise:
            raise SettingError(
                "formulas of models with noise are searched on transitions, which have no errors of measurement; leave out `noise` of "
                "[train]"
            )
        return distil_stochastic(model, dataset, config, reporter, searcher, neural_terms)
    work = _Work(model, dataset, config, reporter, train, ensemble, executor if engine is None else None)
    for sentence in kept:
        work._note(sentence, "info")
    if missing is not None or not neural_terms:
        return work.nothing(
            searcher.name,
            "failed" if missing else "done",
            missing or (kept[0] if kept else "the model has no neural term left"),
        )
    work.prepare()
    decided = work.decide(neural_terms, searcher)
    if decided is not None:
        return work.conclude_together(decided, neural_terms, searcher.name)
    judged: dict[str, JudgedNeuralTerm] = {}
    for index, neural_term in enumerate(neural_terms):
        if reporter.should_stop():
            break
        searched = work.search(neural_term, searcher, 2 * index + 1, 2 * len(neural_terms) + 1)
        if searched is not None:
            judged[neural_term] = work.judge_candidates(neural_term, searched, 2 * index + 2, 2 * len(neural_terms) + 1)
    return work.finish(judged, neural_terms, searcher.name)


@dataclass
class _Work:
    """What one distillation shares between its steps."""

    model: FittedModel
    dataset: Dataset
    config: DistilConfig
    reporter: Reporter
    train: TrainConfig
    ensemble: tuple[FittedModel, ...]
    executor: Executor | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    noise: float | None = None
    trained_error: float = math.inf
    samples: dict[str, NeuralTermSamples] = field(default_factory=dict)
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
            # a neural term cannot be truer than the trajectories it was trained on; below a percent it is as good as
            # noiseless
            self.noise = error if 0.01 < error < 1.0 else None
            self.trained_error = error
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

    def decide(self, neural_terms: Sequence[str], engine: Engine) -> Decided | None:
        """All terms together, by what the data say of them; None where that cannot be asked."""
        templates = any(self.config.templates.get(name) for name in neural_terms)
        if templates or not self.config.refit or not getattr(engine, "takes_responses", False):
            return None
        self.reporter.emit(Phase("search", "Searching formulas along the trajectories", 1, 3))
        try:
            for name in neural_terms:
                self.samples[name] = sample_neural_term(
                    self.model, self.dataset, name, self.config.samples, self.config.seed, self.ensemble
                )
        except ValueError as error:
            self._note(str(error), "warning")
            return None
        operators = resolve_operators(self.config.operators)[0]
        rounds = Rounds(
            self.model,
            self.dataset,
            self.config,
            engine,
            self.reporter,
            self.judge,
            neural_terms,
            operators,
            executor=self.executor,
        )
        with self._timed("search"):
            return rounds.run()

    def conclude_together(self, decided: Decided, neural_terms: Sequence[str], engine: str) -> Distillation:
        """The best combination shortened, rounded and refitted, each term with its alternatives beside it."""
        trials = decided.trials
        chosen, reason = choose([t.scores for t in trials], [_total(t.expressions, self.costs) for t in trials])
        if chosen < 0:
            return self.nothing(engine, "failed", reason)
        best = trials[chosen]
        found = {}
        self.reporter.emit(Phase("refit", "Refitting the candidates through the solver", 2, 3))
        with self._timed("refit"):
            for name in neural_terms:
                found[name] = self._alternatives(name, decided, best, _sentence_case(reason))
        if self.reporter.should_stop():
            judged = {name: JudgedNeuralTerm(one, trials) for name, one in found.items()}
            return self._stopped(judged, engine, best)
        return self._concluded(best, found, neural_terms, engine, decided)

    def _alternatives(self, name: str, decided: Decided, best: Trial, reason: str) -> NeuralTermDistillation:
        """Formulas of one term in the place of the best one, the other terms being the best ones."""
        front = decided.searches[name].front
        others = {other: formula for other, formula in best.expressions.items() if other != name}
        tried: dict[str, tuple[Candidate, Trial]] = {}
        for formula in decided.alternatives(name, best, self.config.candidates):
            if self.reporter.should_stop() and tried:
                break
            key = skeleton(formula)
            if key in tried:
                continue
            trial = best
            if key != skeleton(best.expressions[name]):
                enough = FAR_WORSE * best.scores.train_rms
                trial = self.judge.try_out(
                    best.model, {**others, name: formula}, iterations=0 if decided.pieces else QUICK, enough=enough
                )
            candidate = Candidate(
                complexity(trial.expressions[name], self.costs),
                neural_term_loss(trial.expressions[name], self.samples[name]),
                trial.expressions[name],
            )
            tried[key] = (candidate, trial)
        ordered = sorted(tried.values(), key=lambda pair: (pair[0].complexity, pair[0].loss))
        scored = []
        for number, (candidate, trial) in enumerate(ordered):
            model = replace_neural_term(self.model, name, trial.expressions[name])
            scored.append(ScoredCandidate(candidate, model, trial.metrics, trial.sentence))
            self.reporter.emit(CandidateScored(name, number, scored[-1]))
        place = next(k for k, (_, trial) in enumerate(ordered) if trial is best)
        return NeuralTermDistillation(self.samples[name], front, tuple(scored), place, reason)

    def search(self, neural_term: str, engine: Engine, index: int, total: int) -> Searched | None:
        """Sample and search; None, with a note, when that failed."""
        self.reporter.emit(Phase("search", f"Searching formulas for {neural_term}", index, total))
        with self._timed("search"):
            try:
                searched = search_neural_term(
                    self.model, self.dataset, neural_term, self.config, engine, self.reporter, self.ensemble, self.noise
                )
            except EngineUnavailable as error:
                self._note(str(error), "error")
                return None
            except SettingError:
                raise
            except (ValueError, RuntimeError) as error:
                self._note(f"`{neural_term}` could not be searched: {error}", "warning")
                return None
        if not searched.front.candidates:
            self._note(f"`{neural_term}` stays neural: {searched.result.sentence}", "warning")
            return None
        return searched

    def judge_candidates(self, neural_term: str, searched: Searched, index: int, total: int) -> JudgedNeuralTerm:
        """Substitute candidates one by one, the other neural terms left as networks."""
        self.reporter.emit(
            Phase("refit", f"Refitting the candidates for {neural_term} through the solver", index, total)
        )
        self.samples[neural_term] = searched.samples
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
                trial = self._tried(neural_term, candidate, min((t.scores.train_rms for t in trials), default=math.inf))
                if trial is None:
                    continue
                trials.append(trial)
                scored.append(ScoredCandidate(candidate, trial.model, trial.metrics, trial.sentence))
                self.reporter.emit(CandidateScored(neural_term, len(scored) - 1, scored[-1]))
                self.reporter.emit(Progress((number + 1) / len(candidates)))
        if not scored:
            return self._unjudged(neural_term, searched)
        chosen, reason = choose([t.scores for t in trials], [s.candidate.complexity for s in scored])
        found = NeuralTermDistillation(searched.samples, searched.front, tuple(scored), chosen, _sentence_case(reason))
        return JudgedNeuralTerm(found, tuple(trials))

    def _tried(self, neural_term: str, candidate: Candidate, best: float) -> Trial | None:
        try:
            return self.judge.try_out(self.model, {neural_term: candidate.expression}, enough=FAR_WORSE * best)
        except EquationError as error:
            self._note(
                f"a candidate for `{neural_term}` cannot be substituted into the equations: {error.sentence}", "warning"
            )
            return None

    def _unjudged(self, neural_term: str, searched: Searched) -> JudgedNeuralTerm:
        """Stopped before a candidate was tried: the engine's own choice, with the constants of the search."""
        candidate = searched.front.candidates[searched.front.best]
        model = replace_neural_term(self.model, neural_term, candidate.expression)
        only = ScoredCandidate(candidate, model, Metrics(), "stopped before this formula was refitted and simulated")
        reason = f"The engine's own choice, not yet simulated: {searched.front.reason}"
        return JudgedNeuralTerm(NeuralTermDistillation(searched.samples, searched.front, (only,), 0, reason), ())

    def finish(self, judged: Mapping[str, JudgedNeuralTerm], neural_terms: Sequence[str], engine: str) -> Distillation:
        """Combine, shorten, round, refit; or, after a stop, hand over what there is."""
        if not judged:
            if self.reporter.should_stop():
                return self.nothing(engine, "stopped", "stopped before a formula was found")
            return self.nothing(engine, "failed", self.notes[-1] if self.notes else "no formula was found")
        found = {name: neural_term.distillation for name, neural_term in judged.items()}
        if self.reporter.should_stop() or any(not neural_term.trials for neural_term in judged.values()):
            return self._stopped(judged, engine)
        with self._timed("joint"):
            joint = combine(self.model, judged, self.judge, self.costs)
            if joint is None:
                return self._stopped(judged, engine)
            best, choices = joint
            for name, index in choices.items():
                found[name] = _with_choice(found[name], index, "as part of the best combination of all neural terms")
        return self._concluded(best, found, neural_terms, engine)

    def _concluded(
        self,
        best: Trial,
        found: dict[str, NeuralTermDistillation],
        neural_terms: Sequence[str],
        engine: str,
        decided: Decided | None = None,
    ) -> Distillation:
        """Terms dropped, constants rounded, everything refitted."""
        self.reporter.emit(Phase("joint", "Refitting all equations together", 3, 3))
        with self._timed("joint"):
            if decided is None:
                best = drop_terms(best, self.judge, self.costs)
            elif not decided.pieces:
                best = drop_terms(best, self.judge, self.costs, decided.promising)
            if decided is None or not decided.pieces:
                best = round_constants(best, self.judge)
            result = self.judge.judge(put_together(best), tuple(best.expressions), best.kept)
        if self.reporter.should_stop():
            judged = {name: JudgedNeuralTerm(one, ()) for name, one in found.items()}
            return self._stopped(judged, engine, result)
        final = self._refitted(result) if decided is None or not decided.pieces else result
        with self._timed("joint"):
            for name in best.expressions:
                final_form = self._with_final_form(name, found[name], best)
                told = self._certainty(name, best, decided)
                said = [final_form.reason, law_sentence(best.expressions[name]), told]
                found[name] = replace(final_form, reason=". ".join(one for one in said if one))
        left = [name for name in neural_terms if name not in best.expressions]
        for sentence in steady_state_sentences(final.model, self.dataset):
            self._note(sentence, "warning")
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
            (*self.notes, *(final.population.sentences() if final.population is not None else ())),
            population=final.population,
        )

    def _certainty(self, name: str, best: Trial, decided: Decided | None) -> str:
        """Whether the data determine the form of a term, a sentence."""
        if decided is None:
            return self._not_asked(name)
        error = best.metrics.train.get("mean", math.inf)
        missed = "" if decided.pieces else networks_followed_better(self.trained_error, error)
        return missed or decided.certainty(name, best)

    def _not_asked(self, name: str) -> str:
        return "" if self.config.templates.get(name) else NOT_ASKED

    def _refitted(self, result: Trial) -> Trial:
        """The last word is that of training; its result is taken unless its objective is worse."""
        if not self.config.refit:
            return result
        with self._timed("refit"):
            again = self.judge.refitted(result)
            # the likelihood of a population asks for less than the smallest errors
            better = again.scores.usable and (
                again.population is not None or self.judge.objective(again) <= NO_WORSE * self.judge.objective(result)
            )
            if better and self.judge.is_chance(again):
                self.notes.append(LITTLE_EXPLAINED)
                return result
        return again if better else result

    def _with_final_form(self, neural_term: str, found: NeuralTermDistillation, best: Trial) -> NeuralTermDistillation:
        """Add the formula of the joint model to the candidates where it is none of them (terms were dropped)."""
        formula = best.expressions[neural_term]
        trials = [s.model.replacements[neural_term].expression for s in found.scored]
        present = [
            k
            for k, expression in enumerate(trials)
            if self._skeleton(found.scored[k], neural_term) == skeleton(formula)
        ]
        if found.chosen in present or not trials:
            return found
        if present:
            return _with_choice(found, present[0], "after terms that the rest of the equation can carry were dropped")
        loss = neural_term_loss(formula, found.samples)
        candidate = Candidate(complexity(formula, self.costs), loss, formula)
        trial = self.judge.try_out(self.model, {neural_term: formula}, best.kept)
        extra = ScoredCandidate(candidate, trial.model, trial.metrics, trial.sentence)
        scored = tuple(sorted((*found.scored, extra), key=lambda item: item.candidate.complexity))
        reason = (
            "A term of the candidate that was found could be left out without a loss that its length would be worth: the rest "
            "of the equations carries it"
        )
        return replace(found, scored=scored, chosen=scored.index(extra), reason=reason)

    def _skeleton(self, scored: ScoredCandidate, neural_term: str) -> str:
        """Structure of a candidate's refitted formula in its simplest form."""
        return skeleton(simplest(filled_in(scored.model, neural_term), self.budget))

    def _stopped(
        self, judged: Mapping[str, JudgedNeuralTerm], engine: str, result: Trial | None = None
    ) -> Distillation:
        """What was reached, put together without further refitting."""
        found = {name: neural_term.distillation for name, neural_term in judged.items()}
        outcome = "stopped" if self.reporter.should_stop() else "failed"
        if result is not None:
            model, metrics = result.model, result.metrics
        else:
            model = assemble(self.model, found, {name: item.chosen for name, item in found.items() if item.chosen >= 0})
            metrics = score(model, self.dataset, seconds=0.3)
        if outcome == "stopped":
            sentence = f"stopped; {len(found)} of the neural terms have formulas, not yet refitted together"
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


def networks_followed_better(trained: float, found: float) -> str:
    """A sentence where networks followed the training rows so much better than formulas that something is missing in these; else "".

    Parameters
    ----------
    trained, found
        Errors on the training rows with networks and with formulas, in spreads.
    """
    if not (math.isfinite(found) and found > FOLLOWED_BETTER * max(trained, NOTICEABLE)):
        return ""
    return (
        "The data do not tell this form for certain: the networks followed the training rows better, "
        f"{percent(trained)} off against {percent(found)}"
    )


class _Quiet:
    """Passes stops on and events not: a refit inside a distillation is no training run of its own."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def emit(self, event: Event) -> None:
        del event

    def should_stop(self) -> bool:
        return self._reporter.should_stop()


def _engine(name: str) -> Engine:
    from ndestudio.symbolic import ENGINES

    return ENGINES.get(name)


def _wanted(model: FittedModel, config: DistilConfig) -> tuple[str, ...]:
    known = tuple(neural_term.name for neural_term in model.system.neural_terms)
    if config.neural_terms is None:
        return known
    unknown = [name for name in config.neural_terms if name not in known]
    if unknown:
        raise SettingError(f"unknown neural term `{unknown[0]}`; the model has {', '.join(known) or 'none'}")
    return tuple(config.neural_terms)


def _identified(
    model: FittedModel, wanted: tuple[str, ...], config: DistilConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of a model with an encoder: terms whose formula the data can tell, and sentences about the others.

    Raises
    ------
    SettingError
        One of the others was asked for.
    """
    loose = not_identified(model.system, model.measured)
    if config.neural_terms is not None and (asked := [name for name in wanted if name in loose]):
        raise SettingError(f"[distil] neural_terms: {loose[asked[0]]}")
    notes = [loose[name] for name in wanted if name in loose]
    if len(notes) > SHOWN_LOOSE:
        names = ", ".join(f"`{name}`" for name in [name for name in wanted if name in loose][1:])
        notes = [notes[0], f"The same holds for {len(notes) - 1} more of these: {names}."]
    starts = "The starts are kept as the encoder gave them from the histories."
    return tuple(name for name in wanted if name not in loose), (*notes, starts)


def _with_choice(found: NeuralTermDistillation, index: int, why: str) -> NeuralTermDistillation:
    if index == found.chosen:
        return found
    return replace(found, chosen=index, reason=f"Chosen {why}; {_alone(found)}")


def _alone(found: NeuralTermDistillation) -> str:
    if not 0 <= found.chosen < len(found.scored):
        return "judged alone none would have been"
    return f"judged alone it would have been the one of complexity {found.scored[found.chosen].candidate.complexity}"


def _done(best: Trial, left: Sequence[str], metrics: Metrics) -> str:
    count = len(best.expressions)
    text = f"{count} neural terms replaced by formulas" if count != 1 else "1 neural term replaced by a formula"
    error = held_out(metrics)
    if error is not None:
        text += f", {percent(error[0])} off on {error[1]}"
    if left:
        text += f"; {', '.join(left)} stayed neural"
    return _sentence_case(text)


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
