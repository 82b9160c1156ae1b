"""Distilling: settings, start and stop, which hole and candidate is looked at, accept and revert."""

from __future__ import annotations

from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from ndestudio.distil.result import Distillation, HoleSamples, ScoredCandidate
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Event, Reporter
from ndestudio.session import commands
from ndestudio.session.candidates import accepted_of, candidate_errors, front_rows
from ndestudio.session.distil_state import CandidateState, DistilState, EngineRow, FrontRow, HoleFit, HoleRow
from ndestudio.session.formulas import Formula, FormulaRequest
from ndestudio.session.live import DistilLive
from ndestudio.session.pictures import Picture, simulate_all
from ndestudio.session.presenter import Presenter
from ndestudio.session.train_state import StageRow, Status
from ndestudio.symbolic.front import Candidate, Front

if TYPE_CHECKING:
    from ndestudio.session.session import Session

PRESETS = ("polynomial", "rational", "trigonometric", "kinetics")
_PICTURES = 40


class DistilController(Presenter[DistilState]):
    """Intents of the Distil view."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.live: DistilLive | None = None
        self._hole = ""
        self._selected: dict[str, Candidate] = {}
        self._pinned: dict[str, Candidate] = {}
        self._pictures: dict[int, tuple[FittedModel, Picture]] = {}
        self._fits: dict[int, tuple[Candidate, HoleFit]] = {}
        self._engines: tuple[EngineRow, ...] = (
            EngineRow("evolution", "Evolution (embedded)"),
            EngineRow("pysr", "PySR (Julia)"),
        )

    # --- intents ---------------------------------------------------------------------------------------------------

    def change_settings(self, **changes: Any) -> None:
        """Change fields of ``DistilConfig``."""
        self.session.workspace.edit(
            "Search settings", commands.with_distil(self.session.project, **changes), merge="distil"
        )

    def start(self) -> None:
        """Search formulas for the holes with the settings of now."""
        project = self.session.project
        if not self._obstacle() and not self.session.tasks.running("distil"):
            self.live = DistilLive()
            self._selected.clear()
            self._pinned.clear()
            self.session.tasks.start(
                "distil",
                "Distilling",
                _distil,
                project.fit.model if project.fit else None,
                project.dataset,
                project.spec.distil,
                project.spec.train,
                event=self._on_event,
                done=self._on_done,
                failed=self._on_failed,
            )
        self.session.refresh()

    def stop(self) -> None:
        """End the search; what was found so far is refitted, scored and kept."""
        self.session.tasks.stop("distil")
        self.session.refresh()

    def choose_hole(self, name: str) -> None:
        self._hole = name
        self.session.refresh()

    def select(self, hole: str, index: int) -> None:
        """Look at the formula at a position of the front."""
        front = self._front(hole)
        if front and 0 <= index < len(front.candidates):
            self._selected[hole] = front.candidates[index]
        self.session.refresh()

    def pin(self, hole: str, index: int) -> None:
        """Keep a formula beside the one looked at; pinning it again, or -1, lets it go."""
        front = self._front(hole)
        chosen = front.candidates[index] if front and 0 <= index < len(front.candidates) else None
        if chosen is None or self._pinned.get(hole) is chosen:
            self._pinned.pop(hole, None)
        else:
            self._pinned[hole] = chosen
        self.session.refresh()

    def accept(self, hole: str, scored: int) -> None:
        """Put a scored candidate in the place of the hole (one step to undo)."""
        self.session.workspace.edit(
            f"Accept formula for {hole}", commands.with_accepted(self.session.project, hole, scored)
        )

    def revert(self, hole: str) -> None:
        """Make the hole neural again (one step to undo)."""
        self.session.workspace.edit(f"Revert {hole}", commands.without_accepted(self.session.project, hole))

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> DistilState:
        project = self.session.project
        task = self.session.tasks.running("distil")
        result = project.distillation if task is None else None
        holes = self._holes()
        hole = self._hole if any(row.name == self._hole for row in holes) else holes[0].name if holes else ""
        obstacle = self._obstacle()
        return DistilState(
            config=project.spec.distil,
            ready=not obstacle and task is None,
            obstacle=obstacle,
            status=self._status(),
            engines=self._engines,
            presets=PRESETS,
            stages=self._stages(),
            elapsed=round(task.seconds, 1) if task else sum(result.seconds.values()) if result else 0.0,
            fraction=task.progress.fraction if task and task.progress else None,
            holes=holes,
            hole=hole,
            candidate=self._candidate(holes, hole, self._selected.get(hole)),
            compared=self._candidate(holes, hole, self._pinned[hole]) if hole in self._pinned else None,
            dataset=project.dataset,
            equations=self._equations(),
            sentence=result.sentence if result else "",
            notes=result.notes if result else tuple(n.text for n in self.live.notes) if self.live else (),
        )

    def _obstacle(self) -> str:
        project = self.session.project
        if project.dataset is None:
            return "Distilling needs data: open a file in Data first."
        if project.fit is None:
            return "Distilling needs a trained model: train in Train first."
        if not project.fit.model.networks:
            return "The trained model has no neural holes: there is nothing to distil, and it can be exported as it is."
        return ""

    def _status(self) -> Status:
        task = self.session.tasks.running("distil")
        if task is None:
            return "idle"
        return "stopping" if task.stopping else "paused" if task.paused else "running"

    def _stages(self) -> tuple[StageRow, ...]:
        if self.live is None:
            result = self.session.project.distillation
            return tuple(StageRow(s, s, "done", seconds) for s, seconds in result.seconds.items()) if result else ()
        now = monotonic()
        return tuple(
            StageRow(
                stage.stage,
                stage.text,
                "active" if stage.seconds is None else "done",
                round(now - stage.started if stage.seconds is None else stage.seconds, 1),
            )
            for stage in self.live.stages
        )

    def _front(self, hole: str) -> Front | None:
        if self.session.tasks.running("distil") and self.live is not None:
            return self.live.fronts.get(hole)
        result = self.session.project.distillation
        return result.holes[hole].front if result and hole in result.holes else None

    def _scored(self, hole: str) -> dict[int, ScoredCandidate]:
        if self.session.tasks.running("distil") and self.live is not None:
            return {
                i: scored for i, scored in self.live.scored.get(hole, {}).items() if isinstance(scored, ScoredCandidate)
            }
        result = self.session.project.distillation
        return dict(enumerate(result.holes[hole].scored)) if result and hole in result.holes else {}

    def _samples(self, hole: str) -> HoleSamples | None:
        result = self.session.project.distillation
        return result.holes[hole].samples if result and hole in result.holes else None

    def _holes(self) -> tuple[HoleRow, ...]:
        project = self.session.project
        if project.fit is None:
            return ()
        running = self.session.tasks.running("distil") is not None
        result = project.distillation if not running else None
        rows = []
        for name, network in project.fit.model.networks.items():
            front = self._front(name) or Front()
            done = result.holes.get(name) if result else None
            accepted = -1 if running else project.accepted.get(name, -1)
            rows.append(
                HoleRow(
                    name=name,
                    arguments=network.arguments,
                    front=front_rows(
                        front,
                        self._scored(name),
                        chosen=done.scored[done.chosen].candidate if done and done.chosen >= 0 else None,
                        accepted=accepted,
                        pinned=self._pinned.get(name),
                    ),
                    accepted=accepted,
                    evaluations=front.evaluations,
                    seconds=round(front.seconds, 1),
                    reason=done.reason if done else front.reason,
                )
            )
        return tuple(rows)

    def _candidate(self, holes: tuple[HoleRow, ...], hole: str, wanted: Candidate | None) -> CandidateState | None:
        front = self._front(hole)
        row = _row(holes, hole, front, wanted)
        if row is None or front is None:
            return None
        candidate = front.candidates[row.index]
        scored = self._scored(hole).get(row.scored)
        fit = self.session.project.fit
        return CandidateState(
            hole=hole,
            row=row,
            text=row.text,
            formula=self.session.formula(FormulaRequest(rf"\mathrm{{{_tex(hole)}}}", candidate.expression, digits=4)),
            fit=self._hole_fit(hole, candidate),
            picture=self._picture(scored.model) if scored else None,
            before=self._picture(fit.model) if fit else None,
            errors=candidate_errors(scored),
            parameters=tuple(scored.model.parameters.items()) if scored else (),
        )

    def _hole_fit(self, hole: str, candidate: Candidate) -> HoleFit | None:
        samples = self._samples(hole)
        if samples is None:
            return None
        kept = self._fits.get(id(candidate))
        if kept is None or kept[0] is not candidate:
            from ndestudio.expression import evaluate

            values = {name: samples.X[:, i] for i, name in enumerate(samples.arguments)}
            with np.errstate(all="ignore"):
                y = np.broadcast_to(np.asarray(evaluate(candidate.expression, values), float), samples.y.shape)
            made = HoleFit(hole, samples.arguments, samples.X, samples.y, y if np.isfinite(y).any() else None)
            kept = self._fits[id(candidate)] = (candidate, made)
        return kept[1]

    def _picture(self, model: FittedModel) -> Picture | None:
        """Simulated trajectories of a model; asked for when they are not there."""
        kept = self._pictures.get(id(model))
        if kept is not None and kept[0] is model:
            return kept[1]
        dataset = self.session.project.dataset
        if dataset is not None and not self.session.tasks.running("candidate"):
            self.session.tasks.start("candidate", "", _simulated, model, dataset, done=self._on_picture)
        return None

    def _on_picture(self, made: Picture) -> None:
        while len(self._pictures) >= _PICTURES:
            self._pictures.pop(next(iter(self._pictures)))
        self._pictures[id(made.model)] = (made.model, made)

    def _equations(self) -> tuple[Formula | None, ...]:
        model = self.session.export.model
        return self.session.export.typeset(model) if model is not None else ()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if self.live is not None:
            self.live.take(event)

    def _on_done(self, result: Distillation) -> None:
        if self.live is not None:
            self.live.end()
        self._selected.clear()
        self._pinned.clear()
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        self.session.workspace.edit("Distil", commands.with_distillation(self.session.project, result, created))
        self.session.toast(result.sentence, "warning" if result.outcome == "failed" else "good")

    def _on_failed(self, failed: Any) -> None:
        if self.live is not None:
            self.live.end()
        self.session.toast(failed.sentence, "error", failed.details)


def _row(holes: tuple[HoleRow, ...], hole: str, front: Front | None, wanted: Candidate | None) -> FrontRow | None:
    """The row of the wanted candidate, else of the accepted, the chosen, the engine's choice."""
    rows = next((row.front for row in holes if row.name == hole), ())
    if front is None or not rows:
        return None
    for row in rows:
        if wanted is not None and front.candidates[row.index] == wanted:
            return row
    return accepted_of(rows) or rows[max(0, min(front.best, len(rows) - 1))]


def _tex(name: str) -> str:
    return name.replace("_", r"\_")


def _distil(model: Any, dataset: Any, config: Any, train: Any, *, reporter: Reporter) -> Distillation:
    from ndestudio.distil import distil

    return distil(model, dataset, config, reporter, train)


def _simulated(model: FittedModel, dataset: Any, *, reporter: Reporter) -> Picture:
    return Picture(model, simulate_all(model, dataset, reporter=reporter))
