"""Distilling: settings, start and stop, which neural term and candidate is looked at, substitute, accept and revert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ndestudio.distil.result import Distillation, NeuralTermSamples, ScoredCandidate
from ndestudio.distil.substitution import substitute_formula, with_scored
from ndestudio.expression.tree import Expr
from ndestudio.progress import Event, Reporter, TrainStep
from ndestudio.session import commands
from ndestudio.session.distillation.candidates import (
    accepted_of,
    constants_of,
    errors_of,
    front_rows,
    scored_position,
    shown_candidates,
)
from ndestudio.session.distillation.constraints import Constraints
from ndestudio.session.distillation.evaluation_cache import EvaluationCache
from ndestudio.session.distillation.formula_fit import changes
from ndestudio.session.distillation.next_run import NextRuns, NextRunState
from ndestudio.session.distillation.operators import operator_rows, preset_name, preset_rows, with_cost, with_operator
from ndestudio.session.distillation.state import CandidateState, DistilState, EngineRow, FrontRow, NeuralTermRow
from ndestudio.session.distillation.tubes import Tubes, TubeState
from ndestudio.session.durations import Durations, shape
from ndestudio.session.formulas import Formula, FormulaCache, FormulaRequest
from ndestudio.session.live import DistilLive, StageTime
from ndestudio.session.ports import Context, Level, ModelInUse
from ndestudio.session.presenter import Presenter
from ndestudio.session.stage_progress import rest, search_stages, spent
from ndestudio.session.training.state import Status
from ndestudio.session.verdict import of_fit, of_formulas
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.registry import ENGINES

if TYPE_CHECKING:
    from ndestudio.fitting.result import Fit
    from ndestudio.project.project import Spec


_CARRIED = (
    "The training ended with doubts, which formulas found from it carry on: see its sentence and Notes in Train first."
)


class DistilController(Presenter[DistilState]):
    """Intents of the Distil view."""

    def __init__(self, context: Context, formulas: FormulaCache, in_use: ModelInUse, durations: Durations) -> None:
        super().__init__(context)
        self._durations = durations
        self._formulas, self._in_use = formulas, in_use
        self.live: DistilLive | None = None
        self._started: Spec | None = None
        self._fit: Fit | None = None
        self._result: Distillation | None = None
        self._neural_term = ""
        self._selected: dict[str, Candidate] = {}
        self._pinned: dict[str, Candidate] = {}
        self._evaluations = EvaluationCache(context.workspace, context.tasks, context.notifier)
        self.constraints = Constraints(context.workspace, self.change_settings)
        self.next_runs = NextRuns(context)
        self.tubes = Tubes(context)
        self._trying: tuple[str, Candidate] | None = None
        self._trial_values: Mapping[str, float] = {}

    # --- intents: settings -----------------------------------------------------------------------------------------

    def change_settings(self, **changes: Any) -> None:
        """Change fields of ``DistilConfig``."""
        self._workspace.edit(
            "Search settings", commands.with_distil(self._workspace.project, **changes), merge="distil"
        )

    def choose_preset(self, name: str) -> None:
        """Take the operators of a preset, with its costs."""
        self.change_settings(operators=name, complexity={})

    def use_operator(self, name: str, used: bool) -> None:
        self.change_settings(operators=with_operator(self._workspace.project.spec.distil, name, used))

    def set_cost(self, name: str, cost: int) -> None:
        """Complexity an operator adds to a formula."""
        self.change_settings(complexity=with_cost(self._workspace.project.spec.distil, name, cost))

    # --- intents: the search ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Search formulas for the neural terms with the settings of now; resumes a paused search instead."""
        project = self._workspace.project
        if self._tasks.running("distil"):
            self.resume()
        elif not self._obstacle():
            self.live, self._started, self._fit = DistilLive(), project.spec, project.fit
            self._selected.clear()
            self._pinned.clear()
            self._tasks.discard("substitute")
            self._trying = None
            self._tasks.discard("next_run")
            spec = project.spec
            arguments = (project.fit, project.dataset, spec.distil, spec.train, spec.next_run)
            self._tasks.start(
                "distil",
                "Distilling",
                _distil,
                *arguments,
                event=self._on_event,
                done=self._on_done,
                failed=self._on_failed,
            )
        self._navigation.refresh()

    def pause(self) -> None:
        self._tasks.pause("distil")
        if self.live is not None:
            self.live.clock.hold(True)
        self._navigation.refresh()

    def resume(self) -> None:
        self._tasks.resume("distil")
        if self.live is not None:
            self.live.clock.hold(False)
        self._navigation.refresh()

    def stop(self) -> None:
        """End the search; what was found so far is kept."""
        self._tasks.stop("distil")
        if self.live is not None:
            self.live.clock.hold(False)
        self._navigation.refresh()

    # --- intents: looking and choosing -----------------------------------------------------------------------------

    def choose_neural_term(self, name: str) -> None:
        self._neural_term = name
        self._navigation.refresh()

    def select(self, neural_term: str, index: int) -> None:
        """Look at the formula at a position of the rows shown."""
        shown = self._shown_candidates(neural_term)
        if 0 <= index < len(shown):
            self._selected[neural_term] = shown[index]
        self._navigation.refresh()

    def pin(self, neural_term: str, index: int) -> None:
        """Keep a formula beside the one looked at; pinning it again, or -1, lets it go."""
        shown = self._shown_candidates(neural_term)
        chosen = shown[index] if 0 <= index < len(shown) else None
        if chosen is None or self._pinned.get(neural_term) == chosen:
            self._pinned.pop(neural_term, None)
        else:
            self._pinned[neural_term] = chosen
        self._navigation.refresh()

    def accept(self, neural_term: str, index: int) -> None:
        """Substitute the formula at a position of the rows shown for the neural term (one step to undo).

        One that was not refitted yet is refitted through the solver first; its constants are shown on the way.
        """
        shown = self._shown_candidates(neural_term)
        project = self._workspace.project
        if not 0 <= index < len(shown) or project.distillation is None or project.fit is None:
            return
        position = scored_position(shown[index], self._scored(neural_term))
        if position >= 0:
            self._workspace.edit(
                f"Accept formula for {neural_term}", commands.with_accepted(project, neural_term, position)
            )
            return
        self._trying, self._trial_values = (neural_term, shown[index]), {}
        self._selected[neural_term] = shown[index]
        arguments = (project.fit.model, project.dataset, neural_term, shown[index], project.spec.train)
        self._tasks.start(
            "substitute",
            f"Substituting a formula for {neural_term}",
            substitute_formula,
            *arguments,
            event=self._on_trial_event,
            done=lambda scored: self._on_substituted(neural_term, scored),
            failed=self._on_substitution_failed,
        )
        self._navigation.refresh()

    def revert(self, neural_term: str) -> None:
        """Make the term neural again (one step to undo)."""
        self._tasks.discard("substitute")
        self._trying = None
        self._workspace.edit(f"Revert {neural_term}", commands.without_accepted(self._workspace.project, neural_term))
        self._navigation.refresh()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> DistilState:
        project = self._workspace.project
        task = self._tasks.running("distil")
        result = project.distillation if task is None else None
        if task is not None and project.fit is not None:
            self._evaluations.request_samples(project.fit.model, self._wanted())
        neural_terms = self._neural_terms()
        neural_term = (
            self._neural_term
            if any(row.name == self._neural_term for row in neural_terms)
            else neural_terms[0].name
            if neural_terms
            else ""
        )
        obstacle = self._obstacle()
        live = self.live if task else None
        stages = search_stages(self._times(), task is not None, self._wanted())
        sentence, level = self._verdict(result)
        return DistilState(
            config=project.spec.distil,
            ready=not obstacle and task is None,
            obstacle=obstacle,
            complete=project.fit is not None and not project.fit.model.networks,
            status=self._status(),
            engines=tuple(EngineRow(name, ENGINES.title(name)) for name in ENGINES),
            presets=preset_rows(),
            preset=preset_name(project.spec.distil),
            operators=operator_rows(project.spec.distil),
            constraints=self.constraints.state(neural_term),
            stages=stages,
            doing=live.clock.current.text if live and live.clock.current else "",
            elapsed=round(task.seconds, 1) if task else sum(result.seconds.values()) if result else 0.0,
            fraction=task.progress.fraction if task and task.progress else None,
            rest=rest(task, self._times(), stages, self._durations, self._shape()),
            neural_terms=neural_terms,
            neural_term=neural_term,
            candidate=self._candidate(neural_terms, neural_term, self._selected.get(neural_term)),
            compared=self._candidate(neural_terms, neural_term, self._pinned[neural_term])
            if neural_term in self._pinned
            else None,
            dataset=project.dataset,
            equations=self._equations(),
            sentence=sentence,
            level=level,
            next_run=self.next_runs.state() if result else NextRunState(),
            tube=self.tubes.state() if result else TubeState(),
            notes=result.notes if result else tuple(n.text for n in self.live.notes) if self.live else (),
        )

    def _verdict(self, result: Distillation | None) -> tuple[str, Level]:
        """What the formulas in use come to, of now: others may have been put in since the search."""
        project = self._workspace.project
        if result is None or project.fit is None:
            doubtful = project.fit is not None and of_fit(project.fit) == "warning"
            return (_CARRIED, "warning") if doubtful else ("", "info")
        chosen = {name: one.chosen for name, one in result.neural_terms.items() if one.chosen >= 0}
        level, doubt = of_formulas(result, project.fit, self._in_use.metrics)
        sentence = result.sentence if dict(project.accepted) == chosen else self._in_use.summary
        if not sentence:
            return "Putting the formulas together …", "info"
        return f"{sentence.rstrip('.')}. {doubt}".strip() if doubt else sentence, level

    def _obstacle(self) -> str:
        project = self._workspace.project
        if project.dataset is None:
            return "Distilling needs data: open a file in Data first."
        if project.fit is None:
            return "Distilling needs a trained model: train in Train first."
        if not project.fit.model.networks:
            return "The trained model has no networks: there is nothing to distil, and it can be exported as it is."
        if project.fit.model.system.diffusion and project.spec.train.estimates_noise:
            return (
                "Formulas for drift and diffusion are searched on transitions, which do not know errors of measurements: train "
                "without a noise of the columns first, or write formulas in Model."
            )
        return _no_engine(project.spec.distil.engine)

    def _status(self) -> Status:
        task = self._tasks.running("distil")
        if task is None:
            return "idle"
        return "stopping" if task.stopping else "paused" if task.paused else "running"

    def _wanted(self) -> tuple[str, ...]:
        """Neural terms that are searched."""
        project = self._workspace.project
        all_neural_terms = (
            tuple(neural_term.name for neural_term in project.fit.model.system.neural_terms) if project.fit else ()
        )
        chosen = project.spec.distil.neural_terms
        return all_neural_terms if chosen is None else tuple(name for name in chosen if name in all_neural_terms)

    def _shape(self) -> str:
        """What the time of the running search depends on."""
        spec, dataset = self._started or self._workspace.project.spec, self._workspace.project.dataset
        rows = sum(len(one.t) for one in dataset.trajectories) if dataset is not None else 0
        distil = spec.distil
        return shape("distil", distil.engine, len(self._wanted()), distil.seconds, distil.evaluations, sizes=(rows,))

    def _times(self) -> list[StageTime]:
        running = self._tasks.running("distil") is not None
        known = self.live is not None and (running or self._workspace.project.distillation is self._result)
        return self.live.clock.stages if known and self.live else []

    def _front(self, neural_term: str) -> Front | None:
        if self._tasks.running("distil") and self.live is not None:
            return self.live.fronts.get(neural_term)
        result = self._workspace.project.distillation
        return result.neural_terms[neural_term].front if result and neural_term in result.neural_terms else None

    def _scored(self, neural_term: str) -> dict[int, ScoredCandidate]:
        if self._tasks.running("distil") and self.live is not None:
            found = self.live.scored.get(neural_term, {})
            return {index: scored for index, scored in found.items() if isinstance(scored, ScoredCandidate)}
        result = self._workspace.project.distillation
        return (
            dict(enumerate(result.neural_terms[neural_term].scored))
            if result and neural_term in result.neural_terms
            else {}
        )

    def _shown_candidates(self, neural_term: str) -> tuple[Candidate, ...]:
        front = self._front(neural_term)
        return shown_candidates(front.candidates, self._scored(neural_term)) if front else ()

    def _neural_terms(self) -> tuple[NeuralTermRow, ...]:
        project = self._workspace.project
        if project.fit is None:
            return ()
        running = self._tasks.running("distil") is not None
        result = project.distillation if not running else None
        in_use = None if running else self._in_use.model
        alone = self._in_use.metrics if in_use is not None and len(in_use.replacements) == 1 else None
        rows = []
        for name, network in project.fit.model.networks.items():
            front = self._front(name) or Front()
            done = result.neural_terms.get(name) if result else None
            accepted = -1 if running else project.accepted.get(name, -1)
            rows.append(
                NeuralTermRow(
                    name=name,
                    arguments=network.arguments,
                    front=front_rows(
                        front.candidates,
                        self._scored(name),
                        chosen=done.scored[done.chosen].candidate if done and done.chosen >= 0 else None,
                        accepted=accepted,
                        pinned=self._pinned.get(name),
                        neural_term=name,
                        in_use=in_use,
                        alone=alone,
                        digits=project.spec.export.digits,
                    ),
                    accepted=accepted,
                    evaluations=front.evaluations,
                    seconds=round(front.seconds, 1),
                    reason=done.explanation if done else front.reason,
                )
            )
        return tuple(rows)

    def _candidate(
        self, neural_terms: tuple[NeuralTermRow, ...], neural_term: str, wanted: Candidate | None
    ) -> CandidateState | None:
        shown = self._shown_candidates(neural_term)
        row = _row(neural_terms, neural_term, shown, self._front(neural_term), wanted)
        fit = self._workspace.project.fit
        if row is None or fit is None:
            return None
        candidate = shown[row.index]
        scored = self._scored(neural_term).get(row.scored)
        refitting = self._trying == (neural_term, candidate) and self._tasks.running("substitute") is not None
        model = (self._in_use.model if row.accepted else None) or (scored.model if scored else None)
        after = self._trial_values if refitting else model.parameters if model else {}
        units = {name: config.unit for name, config in self._workspace.project.spec.model.parameters.items()}
        in_use = self._in_use.model if row.accepted else None
        expression, _ = constants_of(candidate, scored, neural_term, in_use)
        digits = self._workspace.project.spec.export.digits
        left = rf"\mathrm{{{_tex(neural_term)}}}"
        return CandidateState(
            neural_term=neural_term,
            row=row,
            text=_text(expression),
            formula=self._formulas.get(FormulaRequest(left, expression, digits=digits)),
            fit=self._evaluations.formula_fit(fit.model, neural_term, candidate, self._samples(neural_term)),
            plot_data=self._evaluations.plot_data(model) if model else None,
            before=self._evaluations.plot_data(fit.model),
            errors=errors_of(scored.metrics if scored else None),
            errors_before=errors_of(fit.metrics),
            errors_together=errors_of(self._in_use.metrics) if row.accepted else (),
            together=len(in_use.replacements) if in_use is not None else 0,
            changes=changes(fit.model.parameters, after, units) if after else (),
            refitting=refitting,
            stochastic=bool(fit.model.system.diffusion),
        )

    def _samples(self, neural_term: str) -> NeuralTermSamples | None:
        """Those of the search that is shown."""
        result = self._workspace.project.distillation
        if self._tasks.running("distil") or result is None or neural_term not in result.neural_terms:
            return None
        return result.neural_terms[neural_term].samples

    def _equations(self) -> tuple[Formula | None, ...]:
        model = self._in_use.model
        return self._in_use.typeset(model) if model is not None else ()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if self.live is not None:
            self.live.take(event)

    def _on_done(self, result: Distillation) -> None:
        if self.live is not None:
            self.live.end()
            if result.outcome == "done":
                self._durations.learn(self._shape(), spent(self.live.clock.stages))
        project = self._workspace.project
        self._result = result
        self._selected.clear()
        self._pinned.clear()
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        changed = commands.with_distillation(project, result, created, spec=self._started)
        if project.fit is not self._fit:  # trained anew meanwhile: a row of the table, no more
            changed = replace(project, runs=changed.runs)
        self._workspace.edit("Distil", changed)
        self._notifier.announce("distil", *self._verdict(self._workspace.project.distillation or result))

    def _on_failed(self, failed: Any) -> None:
        if self.live is not None:
            self.live.end()
        self._notifier.tell(failed)

    def _on_trial_event(self, event: Event) -> None:
        if isinstance(event, TrainStep):
            self._trial_values = event.parameters

    def _on_substituted(self, neural_term: str, scored: ScoredCandidate) -> None:
        """One step of history: the candidate joins the scored ones and takes the place of the neural term."""
        self._trying = None
        project = self._workspace.project
        if project.distillation is None or neural_term not in project.distillation.neural_terms:
            return
        index = len(project.distillation.neural_terms[neural_term].scored)
        distillation = with_scored(project.distillation, neural_term, scored)
        self._result = distillation if self._result is project.distillation else self._result
        changed = replace(project, distillation=distillation)
        changed = commands.with_accepted(changed, neural_term, index)
        self._workspace.edit(f"Accept formula for {neural_term}", changed)
        if scored.sentence:
            self._notifier.toast(scored.sentence, "warning")

    def _on_substitution_failed(self, failed: Any) -> None:
        self._trying = None
        self._notifier.tell(failed)


def _row(
    neural_terms: tuple[NeuralTermRow, ...],
    neural_term: str,
    shown: tuple[Candidate, ...],
    front: Front | None,
    wanted: Candidate | None,
) -> FrontRow | None:
    """The row of the wanted candidate, else of the accepted, the chosen, the engine's choice."""
    rows = next((row.front for row in neural_terms if row.name == neural_term), ())
    if front is None or not rows:
        return None
    for row in rows:
        if wanted is not None and shown[row.index] == wanted:
            return row
    return accepted_of(rows) or rows[max(0, min(front.best, len(rows) - 1))]


def _no_engine(name: str) -> str:
    """What to do where the project names an engine that is not here, as one of a package; "" where it is."""
    try:
        ENGINES.check(name)
    except ValueError as error:
        return f"This cannot be searched: {error}. Choose another engine, or install the package that has it."
    return ""


def _text(expression: Expr) -> str:
    from ndestudio.expression import to_text

    return to_text(expression)


def _tex(name: str) -> str:
    return name.replace("_", r"\_")


def _distil(fit: Any, dataset: Any, config: Any, train: Any, next_run: Any, *, reporter: Reporter) -> Distillation:
    from ndestudio.distil import distil, with_next_run

    found = distil(fit.model, dataset, config, reporter, train, ensemble=fit.ensemble)
    return with_next_run(found, fit, dataset, next_run, reporter.should_stop, train)
