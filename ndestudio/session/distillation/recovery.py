"""The recovery test: a ground truth is chosen for each unknown function, data are made from it, and the pipeline must
find it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.result import FoundNeuralTerm, Recovery
from ndestudio.errors import NdeStudioError
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.model.config import ParameterConfig
from ndestudio.progress import Event, Phase, Reporter
from ndestudio.session import commands
from ndestudio.session.ports import Context, ModelInUse, ModelMeaning
from ndestudio.session.presenter import Presenter
from ndestudio.session.training.state import Status

if TYPE_CHECKING:
    from ndestudio.fitting.result import Fit

_DIGITS = 4


@dataclass(frozen=True)
class GroundTruthRow:
    """An unknown function and the formula chosen for it.

    Parameters
    ----------
    choices
        (title, formula) of formulas that can be taken: the one in use, and terms of the library.
    """

    neural_term: str
    arguments: tuple[str, ...]
    formula: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GroundTruthValue:
    """A value of the ground truth. `own`: a name of the formulas, not a parameter of the model; `chosen`: not the
    default."""

    name: str
    value: float
    unit: str
    own: bool
    chosen: bool


@dataclass(frozen=True)
class AssessmentRow:
    """A line of the assessment: what was chosen and what was found; `apart`: how far they are apart, in words."""

    name: str
    chosen: str
    found: str
    apart: str


@dataclass(frozen=True)
class RecoveryState:
    """Arguments:
    problem: what is wrong with the ground truth, "" if it can be used.
    doing: what goes on now, in words. fitting: the constants of the ground truth are being fitted to the data.
    assessment: sentence of the last test, "" before one. outcome: see ``Recovery``.
    stale: model, ground truth or settings were changed since.
    """

    ready: bool
    obstacle: str
    status: Status
    doing: str
    elapsed: float
    fitting: bool
    ground_truths: tuple[GroundTruthRow, ...]
    values: tuple[GroundTruthValue, ...]
    noise: float | None
    problem: str
    outcome: str
    assessment: str
    lines: tuple[AssessmentRow, ...]
    details: str
    stale: bool


class RecoveryController(Presenter[RecoveryState]):
    """Intents of the dialog of the recovery test."""

    def __init__(self, context: Context, model: ModelMeaning, in_use: ModelInUse) -> None:
        super().__init__(context)
        self._meaning, self._in_use = model, in_use
        self._doing = ""
        self._checked: tuple[object, str] = (None, "")

    # --- intents ---------------------------------------------------------------------------------------------------

    def set_formula(self, neural_term: str, text: str) -> None:
        """Choose the ground truth of an unknown function; names that neither it nor another uses lose their values."""
        config = self._config
        formulas = {**config.formulas, neural_term: text.strip()}
        formulas = {name: formula for name, formula in formulas.items() if formula and name in self._neural_terms()}
        changed = replace_config(config, formulas=formulas)
        self._edit(f"Ground truth of {neural_term}", _without_unused(changed, self._parameters()))

    def set_value(self, name: str, value: float) -> None:
        """Value of a parameter of the model, or of a name in the formulas."""
        config = self._config
        self._edit(f"Ground truth: {name}", replace_config(config, parameters={**config.parameters, name: value}))

    def set_noise(self, part: float | None) -> None:
        """Noise as a part of the spread of each column; None: as in the data."""
        self._edit("Noise of the recovery test", replace_config(self._config, noise=part))

    def fit_ground_truth(self) -> None:
        """Fit the constants of the ground truth to the real data, so that the test is about a system like the real
        one."""
        project = self._workspace.project
        if self.state().ready:
            arguments = (project.spec.model, project.dataset, self._full(), project.spec.train, project.fit)
            self._tasks.start(
                "ground_truth",
                "Fitting the ground truth",
                _fit_ground_truth,
                *arguments,
                done=self._on_ground_truth,
                failed=self._notifier.tell,
            )
        self._navigation.refresh()

    def start(self) -> None:
        """Make data from the ground truth, train and distil on them with the settings of now, and compare."""
        project = self._workspace.project
        if self.state().ready:
            self._doing = ""
            spec = project.spec
            arguments = (spec.model, project.dataset, self._full(), spec.train, spec.distil, project.fit)
            self._tasks.start(
                "recovery",
                "Recovery test",
                _recovery,
                *arguments,
                event=self._on_event,
                done=self._on_done,
                failed=self._notifier.tell,
            )
        self._navigation.refresh()

    def stop(self) -> None:
        """End the test; a search that was under way says what it has."""
        self._tasks.discard("ground_truth")
        self._tasks.stop("recovery")
        self._navigation.refresh()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> RecoveryState:
        project = self._workspace.project
        task, ground_truth = self._tasks.running("recovery"), self._tasks.running("ground_truth")
        obstacle = self._obstacle()
        problem = "" if obstacle else self._problem()
        assessment = project.recovery
        return RecoveryState(
            ready=not (obstacle or problem or task or ground_truth),
            obstacle=obstacle,
            status="idle" if task is None else "stopping" if task.stopping else "running",
            doing=self._doing,
            elapsed=round(task.seconds, 0) if task else 0.0,
            fitting=ground_truth is not None,
            ground_truths=() if obstacle else self._ground_truths(),
            values=() if obstacle else self._values(),
            noise=self._config.noise,
            problem=problem,
            outcome=assessment.outcome if assessment else "",
            assessment=assessment.sentence if assessment else "",
            lines=_lines(assessment) if assessment else (),
            details=_details(assessment) if assessment else "",
            stale=assessment is not None and self._stale(assessment),
        )

    @property
    def _config(self) -> RecoveryConfig:
        return self._workspace.project.spec.recovery

    def _neural_terms(self) -> dict[str, tuple[str, ...]]:
        analysis = self._meaning.analysis
        return (
            {neural_term.name: neural_term.arguments for neural_term in analysis.system.neural_terms}
            if analysis.system
            else {}
        )

    def _parameters(self) -> tuple[str, ...]:
        system = self._meaning.analysis.system
        return system.parameters if system else ()

    def _obstacle(self) -> str:
        if self._workspace.project.dataset is None:
            return "A recovery test needs data, whose times, gaps and noise it takes: open a file in Data first."
        if self._meaning.obstacle:
            return self._meaning.obstacle
        return "" if self._neural_terms() else "The model has no unknown function: there is nothing to be found again."

    def _full(self) -> RecoveryConfig:
        """The ground truth without what belongs to functions and parameters that are gone, and with the values
        shown."""
        config = self._config
        formulas = {name: text for name, text in config.formulas.items() if name in self._neural_terms()}
        shown = {row.name: row.value for row in self._values() if row.own or row.chosen}
        return replace_config(config, formulas=formulas, parameters=shown)

    def _problem(self) -> str:
        project = self._workspace.project
        ground_truth = self._full()
        for neural_term, arguments in self._neural_terms().items():
            if neural_term not in ground_truth.formulas:
                return f"Write a formula of {' and '.join(arguments)} for {neural_term}, or choose one."
        key = (project.spec.model, project.dataset, ground_truth)
        if self._checked[0] is None or self._checked[0] != key:
            self._checked = (key, _problem(project, ground_truth))
        return self._checked[1]

    def _ground_truths(self) -> tuple[GroundTruthRow, ...]:
        found = self._found()
        return tuple(
            GroundTruthRow(
                name, arguments, self._config.formulas.get(name, ""), (*found.get(name, ()), *_library(arguments))
            )
            for name, arguments in self._neural_terms().items()
        )

    def _found(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Formulas in use, as ground truths."""
        from ndestudio.model.replace import formula_filled

        model = self._in_use.model if self._workspace.project.accepted else None
        if model is None:
            return {}
        filled = {name: formula_filled(model, name) for name in model.replacements}
        return {
            name: (("The formula in use", short_text(formula, _DIGITS)),)
            for name, formula in filled.items()
            if formula is not None
        }

    def _values(self) -> tuple[GroundTruthValue, ...]:
        project = self._workspace.project
        given, tables = self._config.parameters, project.spec.model.parameters
        fitted = project.fit.model.parameters if project.fit is not None else {}
        rows = []
        for name in self._parameters():
            settings = tables.get(name, ParameterConfig())
            if not settings.fixed:
                known = fitted.get(
                    name, fitted.get(f"{name}_pop", settings.value) if settings.random else settings.value
                )
                default = float(f"{known:.{_DIGITS}g}")
                rows.append(GroundTruthValue(name, given.get(name, default), settings.unit, False, name in given))
        own = _own_names(self._config, self._neural_terms(), self._parameters())
        return (*rows, *(GroundTruthValue(name, given.get(name, 1.0), "", True, name in given) for name in own))

    def _stale(self, assessment: Recovery) -> bool:
        spec = self._workspace.project.spec
        now = (spec.model, spec.train, spec.distil)
        return (assessment.model, assessment.train, assessment.distil) != now or assessment.config != self._full()

    def _edit(self, text: str, config: RecoveryConfig) -> None:
        self._workspace.edit(text, commands.with_recovery(self._workspace.project, config), merge=text)

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Phase):
            self._doing = event.text

    def _on_ground_truth(self, config: RecoveryConfig) -> None:
        self._edit("Fit the ground truth", config)

    def _on_done(self, assessment: Recovery) -> None:
        project = self._workspace.project
        self._workspace.edit("Recovery test", replace(project, recovery=assessment))
        if self._view is None:
            level = "good" if assessment.outcome in ("found", "near") else "warning"
            self._notifier.toast(f"Recovery test: {assessment.sentence}", level)


def replace_config(config: RecoveryConfig, **changes: Any) -> RecoveryConfig:
    import msgspec

    return msgspec.structs.replace(config, **changes)


def _names(text: str) -> tuple[str, ...]:
    from ndestudio.expression import parse_expression
    from ndestudio.expression.tree import names

    try:
        return names(parse_expression(text)) if text else ()
    except NdeStudioError:
        return ()


def _own_names(
    config: RecoveryConfig, neural_terms: dict[str, tuple[str, ...]], parameters: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of the formulas that are neither arguments nor parameters of the model: constants of the ground truth."""
    own: dict[str, None] = {}
    for neural_term, arguments in neural_terms.items():
        for name in _names(config.formulas.get(neural_term, "")):
            if name not in arguments and name not in parameters:
                own[name] = None
    return tuple(own)


def _without_unused(config: RecoveryConfig, parameters: tuple[str, ...]) -> RecoveryConfig:
    used = {name for text in config.formulas.values() for name in _names(text)}
    kept = {name: value for name, value in config.parameters.items() if name in used or name in parameters}
    return replace_config(config, parameters=kept)


def _library(arguments: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Terms of the library with as many arguments, their constants as numbers."""
    from ndestudio.expression import Name, Number, parse_expression, to_text
    from ndestudio.expression.tree import substitute
    from ndestudio.model.library import terms

    found = []
    for term in terms():
        if len(term.arguments) == len(arguments):
            swaps: dict[str, Expr] = {old: Name(new) for old, new in zip(term.arguments, arguments, strict=True)}
            swaps |= {name: Number(config.value) for name, config in term.parameters.items()}
            found.append((term.title, to_text(substitute(parse_expression(term.text), swaps))))
    return tuple(found)


def _problem(project: Any, ground_truth: RecoveryConfig) -> str:
    from ndestudio.distil.ground_truth import chosen_ground_truth

    try:
        chosen_ground_truth(project.spec.model, project.dataset, ground_truth)
    except NdeStudioError as error:
        return str(error).removeprefix("[recovery.formulas]").removeprefix("[recovery.parameters]").strip()
    return ""


def _lines(assessment: Recovery) -> tuple[AssessmentRow, ...]:
    neural_terms = [
        AssessmentRow(
            f"{neural_term.neural_term}({', '.join(neural_term.arguments)})",
            short_text(neural_term.truth, _DIGITS),
            short_text(neural_term.found, _DIGITS) if neural_term.found is not None else "still a network",
            _apart(neural_term),
        )
        for neural_term in assessment.neural_terms
    ]
    values = [
        AssessmentRow(name, f"{true:.4g}", f"{found:.4g}", f"{abs(found - true) / abs(true):.1%}" if true else "")
        for name, (true, found) in assessment.parameters.items()
    ]
    return (*neural_terms, *values)


def _apart(neural_term: FoundNeuralTerm) -> str:
    return "" if neural_term.error is None else f"{neural_term.error:.1%}"


def _details(assessment: Recovery) -> str:
    noise = ", ".join(f"{name} {assessment.laws.get(name, f'{level:.3g}')}" for name, level in assessment.noise.items())
    seconds = sum(assessment.seconds.values())
    return f"Noise that was added: {noise}. It took {seconds:.0f} s."


def _recovery(
    model: Any, dataset: Any, ground_truth: Any, train: Any, distil: Any, fit: Fit | None, *, reporter: Reporter
) -> Recovery:
    from ndestudio.distil.recovery import recovery_test

    return recovery_test(model, dataset, ground_truth, train, distil, reporter, fit)


def _fit_ground_truth(
    model: Any, dataset: Any, ground_truth: Any, train: Any, fit: Fit | None, *, reporter: Reporter
) -> RecoveryConfig:
    from ndestudio.distil.ground_truth import fitted_ground_truth

    return fitted_ground_truth(model, dataset, ground_truth, train, reporter, fit.model if fit is not None else None)
