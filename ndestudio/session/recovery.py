"""The recovery test: a law is chosen for each unknown function, data are made from it, and the pipeline must find it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.result import FoundHole, Recovery
from ndestudio.errors import NdeStudioError
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.model.config import ParameterConfig
from ndestudio.progress import Event, Phase, Reporter
from ndestudio.session import commands
from ndestudio.session.ports import Context, ModelInUse, ModelMeaning
from ndestudio.session.presenter import Presenter
from ndestudio.session.train_state import Status

if TYPE_CHECKING:
    from ndestudio.fitting.result import Fit

_DIGITS = 4


@dataclass(frozen=True)
class LawRow:
    """An unknown function and the formula chosen for it.

    Arguments:
        choices: (title, formula) of formulas that can be taken: the one in use, and terms of the library.
    """

    hole: str
    arguments: tuple[str, ...]
    formula: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LawValue:
    """A value of the law. `own`: a name of the formulas, not a parameter of the model; `chosen`: not the default."""

    name: str
    value: float
    unit: str
    own: bool
    chosen: bool


@dataclass(frozen=True)
class Comparison:
    """A line of the verdict: what was chosen and what was found; `apart`: how far they are apart, in words."""

    name: str
    chosen: str
    found: str
    apart: str


@dataclass(frozen=True)
class RecoveryState:
    """Arguments:
    problem: what is wrong with the law, "" if it can be used.
    doing: what goes on now, in words. fitting: the constants of the law are being fitted to the data.
    verdict: sentence of the last test, "" before one. outcome: see ``Recovery``.
    stale: model, law or settings were changed since.
    """

    ready: bool
    obstacle: str
    status: Status
    doing: str
    elapsed: float
    fitting: bool
    laws: tuple[LawRow, ...]
    values: tuple[LawValue, ...]
    noise: float | None
    problem: str
    outcome: str
    verdict: str
    lines: tuple[Comparison, ...]
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

    def set_formula(self, hole: str, text: str) -> None:
        """Choose the law of an unknown function; names that neither it nor another uses lose their values."""
        config = self._config
        formulas = {**config.formulas, hole: text.strip()}
        formulas = {name: formula for name, formula in formulas.items() if formula and name in self._holes()}
        changed = replace_config(config, formulas=formulas)
        self._edit(f"Law of {hole}", _without_unused(changed, self._parameters()))

    def set_value(self, name: str, value: float) -> None:
        """Value of a parameter of the model, or of a name in the formulas."""
        config = self._config
        self._edit(f"Law: {name}", replace_config(config, parameters={**config.parameters, name: value}))

    def set_noise(self, part: float | None) -> None:
        """Noise as a part of the spread of each column; None: as in the data."""
        self._edit("Noise of the recovery test", replace_config(self._config, noise=part))

    def fit_law(self) -> None:
        """Fit the constants of the law to the real data, so that the test is about a system like the real one."""
        project = self._workspace.project
        if self.state().ready:
            arguments = (project.spec.model, project.dataset, self._full(), project.spec.train, project.fit)
            self._tasks.start(
                "law", "Fitting the law", _fit_law, *arguments, done=self._on_law, failed=self._notifier.tell
            )
        self._navigation.refresh()

    def start(self) -> None:
        """Make data from the law, train and distil on them with the settings of now, and compare."""
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
        self._tasks.discard("law")
        self._tasks.stop("recovery")
        self._navigation.refresh()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> RecoveryState:
        project = self._workspace.project
        task, law = self._tasks.running("recovery"), self._tasks.running("law")
        obstacle = self._obstacle()
        problem = "" if obstacle else self._problem()
        verdict = project.recovery
        return RecoveryState(
            ready=not (obstacle or problem or task or law),
            obstacle=obstacle,
            status="idle" if task is None else "stopping" if task.stopping else "running",
            doing=self._doing,
            elapsed=round(task.seconds, 0) if task else 0.0,
            fitting=law is not None,
            laws=() if obstacle else self._laws(),
            values=() if obstacle else self._values(),
            noise=self._config.noise,
            problem=problem,
            outcome=verdict.outcome if verdict else "",
            verdict=verdict.sentence if verdict else "",
            lines=_lines(verdict) if verdict else (),
            details=_details(verdict) if verdict else "",
            stale=verdict is not None and self._stale(verdict),
        )

    @property
    def _config(self) -> RecoveryConfig:
        return self._workspace.project.spec.recovery

    def _holes(self) -> dict[str, tuple[str, ...]]:
        analysis = self._meaning.analysis
        return {hole.name: hole.arguments for hole in analysis.system.holes} if analysis.system else {}

    def _parameters(self) -> tuple[str, ...]:
        system = self._meaning.analysis.system
        return system.parameters if system else ()

    def _obstacle(self) -> str:
        if self._workspace.project.dataset is None:
            return "A recovery test needs data, whose times, gaps and noise it takes: open a file in Data first."
        if self._meaning.obstacle:
            return self._meaning.obstacle
        return "" if self._holes() else "The model has no unknown function: there is nothing to be found again."

    def _full(self) -> RecoveryConfig:
        """The law without what belongs to functions and parameters that are gone, and with the values shown."""
        config = self._config
        formulas = {name: text for name, text in config.formulas.items() if name in self._holes()}
        shown = {row.name: row.value for row in self._values() if row.own or row.chosen}
        return replace_config(config, formulas=formulas, parameters=shown)

    def _problem(self) -> str:
        project = self._workspace.project
        law = self._full()
        for hole, arguments in self._holes().items():
            if hole not in law.formulas:
                return f"Write a formula of {' and '.join(arguments)} for {hole}, or choose one."
        key = (project.spec.model, project.dataset, law)
        if self._checked[0] is None or self._checked[0] != key:
            self._checked = (key, _problem(project, law))
        return self._checked[1]

    def _laws(self) -> tuple[LawRow, ...]:
        found = self._found()
        return tuple(
            LawRow(name, arguments, self._config.formulas.get(name, ""), (*found.get(name, ()), *_library(arguments)))
            for name, arguments in self._holes().items()
        )

    def _found(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Formulas in use, as laws."""
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

    def _values(self) -> tuple[LawValue, ...]:
        project = self._workspace.project
        given, tables = self._config.parameters, project.spec.model.parameters
        fitted = project.fit.model.parameters if project.fit is not None else {}
        rows = []
        for name in self._parameters():
            settings = tables.get(name, ParameterConfig())
            if not settings.fixed:
                default = float(f"{fitted.get(name, settings.value):.{_DIGITS}g}")
                rows.append(LawValue(name, given.get(name, default), settings.unit, False, name in given))
        own = _own_names(self._config, self._holes(), self._parameters())
        return (*rows, *(LawValue(name, given.get(name, 1.0), "", True, name in given) for name in own))

    def _stale(self, verdict: Recovery) -> bool:
        spec = self._workspace.project.spec
        now = (spec.model, spec.train, spec.distil)
        return (verdict.model, verdict.train, verdict.distil) != now or verdict.config != self._full()

    def _edit(self, text: str, config: RecoveryConfig) -> None:
        self._workspace.edit(text, commands.with_recovery(self._workspace.project, config), merge=text)

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Phase):
            self._doing = event.text

    def _on_law(self, config: RecoveryConfig) -> None:
        self._edit("Fit the law", config)

    def _on_done(self, verdict: Recovery) -> None:
        project = self._workspace.project
        self._workspace.edit("Recovery test", replace(project, recovery=verdict))
        if self._view is None:
            level = "good" if verdict.outcome in ("found", "near") else "warning"
            self._notifier.toast(f"Recovery test: {verdict.sentence}", level)


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
    config: RecoveryConfig, holes: dict[str, tuple[str, ...]], parameters: tuple[str, ...]
) -> tuple[str, ...]:
    """Names of the formulas that are neither arguments nor parameters of the model: constants of the law."""
    own: dict[str, None] = {}
    for hole, arguments in holes.items():
        for name in _names(config.formulas.get(hole, "")):
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


def _problem(project: Any, law: RecoveryConfig) -> str:
    from ndestudio.distil.law import chosen_law

    try:
        chosen_law(project.spec.model, project.dataset, law)
    except NdeStudioError as error:
        return str(error).removeprefix("[recovery.formulas]").removeprefix("[recovery.parameters]").strip()
    return ""


def _lines(verdict: Recovery) -> tuple[Comparison, ...]:
    holes = [
        Comparison(
            f"{hole.hole}({', '.join(hole.arguments)})",
            short_text(hole.truth, _DIGITS),
            short_text(hole.found, _DIGITS) if hole.found is not None else "still a network",
            _apart(hole),
        )
        for hole in verdict.holes
    ]
    values = [
        Comparison(name, f"{true:.4g}", f"{found:.4g}", f"{abs(found - true) / abs(true):.1%}" if true else "")
        for name, (true, found) in verdict.parameters.items()
    ]
    return (*holes, *values)


def _apart(hole: FoundHole) -> str:
    return "" if hole.error is None else f"{hole.error:.1%}"


def _details(verdict: Recovery) -> str:
    noise = ", ".join(f"{name} {level:.3g}" for name, level in verdict.noise.items())
    seconds = sum(verdict.seconds.values())
    return f"Noise that was added (standard deviation): {noise}. It took {seconds:.0f} s."


def _recovery(
    model: Any, dataset: Any, law: Any, train: Any, distil: Any, fit: Fit | None, *, reporter: Reporter
) -> Recovery:
    from ndestudio.distil.recovery import recovery_test

    return recovery_test(model, dataset, law, train, distil, reporter, fit)


def _fit_law(model: Any, dataset: Any, law: Any, train: Any, fit: Fit | None, *, reporter: Reporter) -> RecoveryConfig:
    from ndestudio.distil.law import fitted_law

    return fitted_law(model, dataset, law, train, reporter, fit.model if fit is not None else None)
