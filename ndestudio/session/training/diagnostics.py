"""How far a fit can be trusted: residuals, profiles of parameters, and its relatives, each asked for by the person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ndestudio.fitting.result import Fit
from ndestudio.progress import Event, Phase, Reporter
from ndestudio.session.ports import Context
from ndestudio.session.purposes import PurposeName

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset
    from ndestudio.figures.description import Figure
    from ndestudio.fitting.comparison_result import Comparison
    from ndestudio.fitting.residuals import Residuals
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile
    from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True)
class DiagnosticsState:
    """Arguments:
    residuals: of the present fit; None until they are made. examining: they are being made.
    parameters: those that a profile can be made of. chosen: the one looked at. profile: of it, None until it is made.
    profiling: what goes on with a profile, in words; "" while none is made. comparing: the same of a comparison.
    can: whether a profile or a comparison can be asked for now.
    law: of a stochastic model the figure of its law for the state `law_state`, one of `law_states` (none: an ordinary model);
    None until it is made. looking: it is being made.
    """

    residuals: Residuals | None = None
    examining: bool = False
    parameters: tuple[str, ...] = ()
    chosen: str = ""
    profile: Profile | None = None
    profiling: str = ""
    comparison: Comparison | None = None
    comparing: str = ""
    can: bool = False
    law: Figure | None = None
    law_states: tuple[str, ...] = ()
    law_state: str = ""
    looking: bool = False


class DiagnosticsController:
    """Asked by the controller of training while it resolves its state; what it finds is forgotten with the fit."""

    def __init__(self, context: Context) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation
        self._fit: Fit | None = None
        self._looked = False
        self._residuals: Residuals | None = None
        self._failed = False
        self._profiles: dict[str, Profile] = {}
        self._comparison: Comparison | None = None
        self._chosen = ""
        self._doing = {"profile": "", "compare": ""}
        self._law_looked = False
        self._law_state = ""
        self._laws: dict[str, Figure | None] = {}

    def examine(self) -> None:
        """Residuals are looked at: from now on they are made of each fit."""
        self._looked = True
        self._navigation.refresh()

    def look_at_law(self, state: str = "") -> None:
        """The law of a stochastic model is looked at, of a state ("": the one of before): from now on it is made of each fit."""
        self._law_looked = True
        self._law_state = state or self._law_state
        self._navigation.refresh()

    def choose(self, parameter: str) -> None:
        """Look at another parameter."""
        self._chosen = parameter
        self._navigation.refresh()

    def profile(self) -> None:
        """Make the profile of the parameter looked at; while one is made, end that."""
        project, tasks, fit = self._workspace.project, self._tasks, self._follow()
        if tasks.running("profile"):
            tasks.stop("profile")
        elif fit is not None and self._can() and (name := self._looked_at()):
            self._start("profile", f"Profile of {name}", _profile, fit, project.dataset, name, project.spec.train)
        self._navigation.refresh()

    def compare(self) -> None:
        """Fit the relatives of the model; while that goes on, end it."""
        project, tasks, fit = self._workspace.project, self._tasks, self._follow()
        if tasks.running("compare"):
            tasks.stop("compare")
        elif fit is not None and self._can():
            spec = project.spec
            from ndestudio.model.runs import for_runs

            assert project.dataset is not None
            same = fit.model.config == for_runs(spec.model, project.dataset)
            known = fit if same and fit.seed == spec.train.seed else None
            self._start("compare", "Comparing models", _compare, spec.model, project.dataset, spec.train, known)
        self._navigation.refresh()

    def state(self) -> DiagnosticsState:
        """What is known of the present fit; asks for residuals where they are wanted."""
        tasks, fit = self._tasks, self._follow()
        if fit is None:
            return DiagnosticsState()
        self._request(fit)
        states = fit.model.system.states if fit.model.system.diffusion else ()
        state = self._law_state if self._law_state in states else states[0] if states else ""
        self._request_law(fit, state)
        return DiagnosticsState(
            residuals=self._residuals,
            examining=tasks.running("residuals") is not None,
            parameters=self._free(fit),
            chosen=self._looked_at(),
            profile=self._profiles.get(self._looked_at()),
            profiling=self._words("profile"),
            comparison=self._comparison,
            comparing=self._words("compare"),
            can=self._can(),
            law=self._laws.get(state),
            law_states=states,
            law_state=state,
            looking=tasks.running("law") is not None,
        )

    def _follow(self) -> Fit | None:
        """The present fit; what was found of another is forgotten."""
        fit = self._workspace.project.fit
        if fit is not self._fit:
            self._forget(fit)
        return fit

    def _forget(self, fit: Fit | None) -> None:
        slots: tuple[PurposeName, ...] = ("profile", "compare", "residuals", "law")
        for slot in slots:
            self._tasks.discard(slot)
        self._fit, self._residuals, self._comparison, self._failed = fit, None, None, False
        self._profiles, self._laws = {}, {}

    def _request(self, fit: Fit) -> None:
        project, tasks = self._workspace.project, self._tasks
        if not self._looked or self._residuals is not None or self._failed or project.dataset is None:
            return
        if tasks.running("residuals") or tasks.running("fit"):
            return
        done, failed = self._on_residuals, self._on_no_residuals
        tasks.start(
            "residuals", "", _residuals, fit.model, project.dataset, project.spec.train, done=done, failed=failed
        )

    def _request_law(self, fit: Fit, state: str) -> None:
        project, tasks = self._workspace.project, self._tasks
        if not self._law_looked or not state or state in self._laws or project.dataset is None:
            return
        if tasks.running("law") or tasks.running("fit"):
            return
        tasks.start(
            "law",
            "",
            _law,
            fit.model,
            project.dataset,
            state,
            done=lambda made: self._laws.update({state: made}),
            failed=lambda failed: self._on_no_law(state, failed),
        )

    def _on_no_law(self, state: str, failed: Any) -> None:
        """Say so once; asking for the same again would fail again."""
        self._laws[state] = None
        self._notifier.toast(f"The law cannot be shown: {failed.sentence}", "warning", failed.details)

    def _start(self, slot: PurposeName, title: str, function: Any, *arguments: Any) -> None:
        self._doing[slot] = "starting"
        done = self._on_profile if slot == "profile" else self._on_comparison
        self._tasks.start(
            slot,
            title,
            function,
            *arguments,
            event=lambda event: self._on_event(slot, event),
            done=done,
            failed=lambda failed: self._notifier.toast(failed.sentence, "error", failed.details),
        )

    def _on_event(self, slot: PurposeName, event: Event) -> None:
        if isinstance(event, Phase):
            self._doing[slot] = event.text

    def _on_residuals(self, found: Residuals) -> None:
        self._residuals = found

    def _on_no_residuals(self, failed: Any) -> None:
        """Say so once; asking for the same again would fail again."""
        self._failed = True
        self._notifier.toast(f"Residuals cannot be had: {failed.sentence}", "warning", failed.details)

    def _on_profile(self, found: Profile) -> None:
        self._profiles[found.parameter] = found
        self._notifier.announce("train", found.sentence, "info")

    def _on_comparison(self, found: Comparison) -> None:
        self._comparison = found
        self._notifier.announce("train", found.sentence, "good" if found.complete else "info")

    def _words(self, slot: PurposeName) -> str:
        task = self._tasks.running(slot)
        if task is None:
            return ""
        return "stopping" if task.stopping else self._doing[slot]

    def _can(self) -> bool:
        tasks, project = self._tasks, self._workspace.project
        slots: tuple[PurposeName, ...] = ("fit", "profile", "compare")
        return project.dataset is not None and not any(tasks.running(slot) for slot in slots)

    def _free(self, fit: Fit) -> tuple[str, ...]:
        if fit.model.system.diffusion:
            return ()
        settings = fit.model.config.parameters
        return tuple(name for name in fit.model.parameters if name not in settings or not settings[name].fixed)

    def _looked_at(self) -> str:
        free = self._free(self._fit) if self._fit is not None else ()
        return self._chosen if self._chosen in free else free[0] if free else ""


def _law(model: FittedModel, dataset: Dataset, state: str, *, reporter: Reporter) -> Figure | None:
    from ndestudio.figures.stochastic_law import law_figure

    del reporter
    return law_figure(model, dataset, state)


def _residuals(model: Any, dataset: Any, train: Any, *, reporter: Reporter) -> Residuals:
    del reporter
    if model.system.diffusion:
        from ndestudio.fitting.one_step import one_step_residuals

        return one_step_residuals(model, dataset)
    from ndestudio.fitting.residuals import residuals

    return residuals(model, dataset, train=train)


def _profile(fit: Any, dataset: Any, name: str, train: Any, *, reporter: Reporter) -> Profile:
    from ndestudio.fitting.all_rows import rows_of
    from ndestudio.fitting.uncertainty.profile_likelihood import profile

    return profile(fit.model, rows_of(fit, dataset), name, train, reporter)


def _compare(model: Any, dataset: Any, train: Any, known: Fit | None, *, reporter: Reporter) -> Comparison:
    from ndestudio.fitting.model_comparison import compare

    return compare(model, dataset, train, reporter, known=known)
