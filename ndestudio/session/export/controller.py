"""Exporting: the model with its accepted formulas, artefacts with their proof, the report."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.distil.result import held_out
from ndestudio.export.exporter import Exporter
from ndestudio.export.registry import EXPORTERS
from ndestudio.figures.description import Figure
from ndestudio.figures.style import FigureStyle
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter
from ndestudio.project.project import Project
from ndestudio.session import commands
from ndestudio.session.distillation.candidates import errors_of
from ndestudio.session.export.state import ArtefactState, ExportState, FormatRow
from ndestudio.session.formulas import Formula, FormulaCache, FormulaRequest
from ndestudio.session.ports import Context
from ndestudio.session.presenter import Presenter
from ndestudio.wording import percent

_OTHERS: tuple[FormatRow, ...] = (
    FormatRow("figures", "Figures", "SVG, PDF, PNG or CSV", ".svg", "text"),
    FormatRow("report", "Report", "One HTML file", ".html", "html"),
    FormatRow("spec", "Spec", "For the command line", ".toml", "toml"),
    FormatRow("script", "Script", "The session in Python", ".py", "python"),
)
"""Of the project, not of a model."""


def format_rows() -> tuple[FormatRow, ...]:
    """Everything that can be written, exporters first."""
    return (*(_row_of(exporter) for exporter in EXPORTERS.all()), *_OTHERS)


def _row_of(exporter: Exporter) -> FormatRow:
    suffix = Path(exporter.file_name).suffix
    return FormatRow(exporter.name, exporter.label or exporter.title, exporter.description, suffix, exporter.language)


_STYLED = ("report", "spec")
"""Forms in whose text the style of figures matters."""

Key: TypeAlias = tuple[str, int, int, FigureStyle | None]


class ExportController(Presenter[ExportState]):
    """Intents of the Export view. Owns the model as it is with the accepted formulas."""

    def __init__(self, context: Context, formulas: FormulaCache) -> None:
        super().__init__(context)
        self._formulas = formulas
        self._format = "latex"
        self._figure = ""
        self._assembled: tuple[tuple[object, ...], tuple[FittedModel | None, Metrics | None]] = ((), (None, None))
        self._assembling: tuple[object, ...] = ()
        self._artefacts: dict[Key, tuple[FittedModel, ArtefactState]] = {}
        self._problem: tuple[object, str] = (None, "")
        self._drawing: tuple[Figure | None, FigureStyle | None, bytes | None] = (None, None, None)

    # --- intents ---------------------------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        self._format = name
        self._navigation.refresh()

    def choose_figure(self, name: str) -> None:
        self._figure = name
        self._navigation.refresh()

    def choose_style(self, **changes: Any) -> None:
        """Other settings of the style of figures (see ``FigureStyle``)."""
        project = self._workspace.project
        style = msgspec.structs.replace(project.spec.export.style, **changes)
        self._workspace.edit("Figure style", commands.with_export(project, style=style), merge="figure style")

    def choose_digits(self, digits: int) -> None:
        """Significant digits of numbers in displayed equations."""
        changed = commands.with_export(self._workspace.project, digits=digits)
        self._workspace.edit("Digits", changed, merge="digits")

    def suggested_name(self) -> str:
        """A file name for the chosen format."""
        path = self._workspace.path
        stem = path.stem if path else self._workspace.project.spec.name.replace(" ", "-").lower() or "model"
        figure = self.state().figure
        return stem + (f"-{figure.name}" if figure else "") + self._row().suffix

    def save(self, path: str | Path) -> None:
        """Write the shown artefact to a file."""
        state = self.state()
        if state.artefact is None:
            self._notifier.toast("The artefact is still being made; save it in a moment.", "warning")
            return
        try:
            Path(path).write_bytes(state.artefact.payload)
        except OSError as error:
            self._notifier.toast(f"{path} cannot be written: {error.strerror}. Choose another folder.", "error")
            return
        self._written(self._row().title, Path(path))

    def save_figure(self, path: str | Path) -> None:
        """Write the figure that is looked at, in the form that the ending of ``path`` names."""
        figure = self.state().figure
        if figure is None:
            self._notifier.toast("The figure is still being made; save it in a moment.", "warning")
            return
        self._tasks.start(
            "save figure",
            "Writing a figure",
            _save_figure,
            figure,
            Path(path),
            self._workspace.project.spec.export.style,
            done=lambda written: self._written(f"the figure {figure.title}", written),
            failed=lambda failed: self._notifier.toast(failed.sentence, "error"),
        )
        self._navigation.refresh()

    def save_all(self, folder: str | Path) -> None:
        """Write every format, the report and figures into a folder."""
        self._tasks.start(
            "export all",
            "Exporting",
            _write_all,
            self._workspace.project,
            Path(folder),
            done=lambda _: self._written("everything", Path(folder)),
        )
        self._navigation.refresh()

    def _written(self, what: str, path: Path) -> None:
        """Say where it is, and keep it in the history of the project; that is no step of undo."""
        project = self._workspace.project
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        self._workspace.amend(commands.with_written(project, what, str(path.absolute()), created), unsaved=True)
        subject = "Everything was written" if what == "everything" else "Written"
        self._notifier.toast(f"{subject} to {path.name}.", "good")

    def session_text(self, form: str) -> str:
        """The session as text that does it again: `"script"` (Python, with the library) or `"spec"` (TOML).

        Raises
        ------
        ValueError
            Another form.
        """
        from ndestudio.project import dump_spec, in_use, python_script

        match form:
            case "script":
                return python_script(self._workspace.project)
            case "spec":
                return dump_spec(in_use(self._workspace.project.spec))
        raise ValueError(f"`{form}` is no form of a session; there are `script` and `spec`")

    # --- the model -------------------------------------------------------------------------------------------------

    @property
    def model(self) -> FittedModel | None:
        """The trained model with the accepted formulas substituted; None before there is one or while it is being
        made."""
        return self._judged()[0]

    @property
    def metrics(self) -> Metrics | None:
        """Errors of that model, None while they are not known."""
        return self._judged()[1]

    @property
    def summary(self) -> str:
        """What that model is made of, and its error on held-out data."""
        return _summary(*self._judged())

    def _judged(self) -> tuple[FittedModel | None, Metrics | None]:
        """The model, and its own errors."""
        project = self._workspace.project
        if project.fit is None:
            return None, None
        if project.distillation is None or not project.accepted:
            return project.fit.model, project.fit.metrics
        if _is_default(project):
            return project.distillation.model, project.distillation.metrics
        key = (project.fit, project.distillation, tuple(sorted(project.accepted.items())))
        if self._assembled[0] == key:
            return self._assembled[1]
        if self._assembling != key:
            self._assembling = key
            self._tasks.start(
                "assemble",
                "",
                _assemble,
                project.fit.model,
                project.distillation,
                dict(project.accepted),
                project.dataset,
                done=lambda made: self._on_assembled(key, made),
            )
        return None, None

    def _on_assembled(self, key: tuple[object, ...], made: tuple[FittedModel, Metrics | None]) -> None:
        self._assembled = (key, made)
        self._assembling = ()

    def typeset(self, model: FittedModel) -> tuple[Formula | None, ...]:
        """The equations of a model with numbers filled in, typeset; None for those being drawn."""
        from ndestudio.model import numbers_filled

        digits = self._workspace.project.spec.export.digits
        return tuple(
            self._formulas.get(
                FormulaRequest(derivative(state), expression, digits=digits, neural_terms=tuple(model.networks))
            )
            for state, expression in numbers_filled(model).items()
        )

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> ExportState:
        project = self._workspace.project
        model, metrics = self._judged()
        artefact = self._artefact(model)
        figure = self._looked_at(artefact)
        units = {name: config.unit for name, config in project.spec.model.parameters.items()}
        return ExportState(
            ready=project.fit is not None,
            obstacle="" if project.fit else "Exporting needs a trained model: train in Train first.",
            formats=format_rows(),
            format=self._format,
            artefact=artefact,
            figure=figure,
            drawing=self._drawn(figure),
            style=project.spec.export.style,
            problem=self._problem[1] if self._problem[0] == self._key(model) else "",
            busy=project.fit is not None and artefact is None,
            digits=project.spec.export.digits,
            equations=self.typeset(model) if model else (),
            parameters=tuple((n, v, units.get(n, "")) for n, v in model.parameters.items()) if model else (),
            errors=errors_of(metrics),
            summary=_summary(model, metrics),
        )

    def _looked_at(self, artefact: ArtefactState | None) -> Figure | None:
        figures = artefact.figures if artefact else ()
        return next((one for one in figures if one.name == self._figure), next(iter(figures), None))

    def _drawn(self, figure: Figure | None) -> bytes | None:
        """The figure as it is written; asked for when it is not there."""
        style = self._workspace.project.spec.export.style
        if figure is None:
            return None
        if self._drawing[0] is not figure or self._drawing[1] != style:
            self._drawing = (figure, style, self._drawing[2] if self._drawing[0] is figure else None)
            self._tasks.start(
                "draw",
                "",
                _draw,
                figure,
                style,
                done=lambda made: self._on_drawn(figure, style, made),
                failed=lambda failed: self._notifier.toast(failed.sentence, "warning", failed.details),
            )
        return self._drawing[2]

    def _on_drawn(self, figure: Figure, style: FigureStyle, made: bytes) -> None:
        if self._drawing[0] is figure and self._drawing[1] == style:
            self._drawing = (figure, style, made)

    def _row(self) -> FormatRow:
        return next(row for row in format_rows() if row.name == self._format)

    def _key(self, model: FittedModel | None) -> Key:
        """What an artefact depends on."""
        export = self._workspace.project.spec.export
        return (self._format, id(model), export.digits, export.style if self._format in _STYLED else None)

    def _artefact(self, model: FittedModel | None) -> ArtefactState | None:
        """The artefact of the chosen format; asked for when it is not there."""
        project = self._workspace.project
        if model is None or project.dataset is None:
            return None
        key = self._key(model)
        kept = self._artefacts.get(key)
        if kept is not None and kept[0] is model:
            return kept[1]
        running = self._tasks.running("artefact")
        if self._problem[0] != key and (running is None or self._pending != key):
            self._pending = key
            self._tasks.start(
                "artefact",
                f"Writing {self._row().title}",
                _artefact,
                model,
                self._format,
                project,
                done=lambda made: self._on_artefact(key, model, made),
                failed=lambda failed: self._on_problem(key, failed),
            )
        return None

    _pending: Key | None = None

    def _on_artefact(self, key: Key, model: FittedModel, made: tuple[ArtefactState, Any]) -> None:
        state, artefact = made
        if len(self._artefacts) > 30:
            self._artefacts.clear()
        self._artefacts[key] = (model, state)
        if artefact is not None:
            self._tasks.start(
                "verify",
                f"Checking {self._row().title}",
                _verify,
                artefact,
                model,
                self._workspace.project.dataset,
                done=lambda checked: self._on_verified(key, model, checked),
            )

    def _on_verified(self, key: Key, model: FittedModel, checked: Any) -> None:
        state = ArtefactState(checked.name, checked.text, checked.sentence, checked.deviation, data=checked.data)
        self._artefacts[key] = (model, state)

    def _on_problem(self, key: Key, failed: Any) -> None:
        self._problem = (key, failed.sentence)


def derivative(state: str) -> str:
    """LaTeX of the left-hand side of a state's equation."""
    name = rf"\mathrm{{{state.replace('_', chr(92) + '_')}}}" if len(state) > 1 else state
    return rf"\frac{{d\,{name}}}{{dt}}"


def _is_default(project: Project) -> bool:
    result = project.distillation
    return result is not None and dict(project.accepted) == {
        name: neural_term.chosen for name, neural_term in result.neural_terms.items() if neural_term.chosen >= 0
    }


def _summary(model: FittedModel | None, metrics: Metrics | None) -> str:
    if model is None:
        return ""
    formulas = ", ".join(model.replacements)
    neural = ", ".join(model.networks)
    parts = []
    if formulas:
        parts.append(f"Formula{'s' if len(model.replacements) > 1 else ''} in place of {formulas}.")
    if neural:
        still, whose = ("Still networks", "their") if len(model.networks) > 1 else ("Still a network", "its")
        parts.append(f"{still}: {neural} ({whose} weights are exported with the code).")
    if not parts:
        parts.append("A purely mechanistic model.")
    found = held_out(metrics) if metrics is not None else None
    if found is not None and math.isfinite(found[0]):
        parts.append(f"Simulated, it misses {found[1]} by {percent(found[0])} of their spread.")
    return " ".join(parts)


def _assemble(
    model: Any, distillation: Any, accepted: Any, dataset: Dataset | None, *, reporter: Reporter
) -> tuple[FittedModel, Metrics | None]:
    from ndestudio.distil import assemble
    from ndestudio.fitting.metrics import score

    del reporter
    made = assemble(model, distillation, accepted)
    if dataset is None or made.system.diffusion:
        return made, None
    return made, score(made, dataset)


def _write_all(project: Project, folder: Path, *, reporter: Reporter) -> Any:
    from ndestudio.export import write_all

    return write_all(project, folder, reporter)


def _artefact(model: FittedModel, format_: str, project: Project, *, reporter: Reporter) -> tuple[ArtefactState, Any]:
    """Make one artefact; with it comes what can be checked, None for what cannot."""
    del reporter
    if format_ == "spec":
        from ndestudio.project import dump_spec, in_use

        text = dump_spec(in_use(project.spec))
        return ArtefactState("spec.toml", text, "Run it with `ndestudio run spec.toml`.", None), None
    if format_ == "figures":
        from ndestudio.export import gather, plots

        drawn = plots.figures(gather.job(project))
        return ArtefactState("Figures", "", "Drawn as they are written by Export all.", None, drawn), None
    if format_ == "script":
        from ndestudio.project import python_script

        proof = "Trains and distils again, with the library: `python session.py`."
        return ArtefactState("session.py", python_script(project), proof, None), None
    if format_ == "report":
        from ndestudio.export import report_html

        return ArtefactState("report.html", report_html(project), "Opens in any browser, also offline.", None), None
    from ndestudio.export import artefact, origin_of

    made = artefact(
        model, format_, dataset=project.dataset, digits=project.spec.export.digits, origin=origin_of(project)
    )
    return ArtefactState(made.name, made.text, "", None, data=made.data), made


def _draw(figure: Figure, style: FigureStyle, *, reporter: Reporter) -> bytes:
    from ndestudio.figures.matplotlib_renderer import render

    del reporter
    return render(figure, "png", style)


def _save_figure(figure: Figure, path: Path, style: FigureStyle, *, reporter: Reporter) -> Path:
    from ndestudio.figures.matplotlib_renderer import save

    del reporter
    return save(figure, path, style)


def _verify(artefact: Any, model: FittedModel, dataset: Dataset | None, *, reporter: Reporter) -> Any:
    from ndestudio.export import verify

    return verify(artefact, model, dataset, should_stop=reporter.should_stop)
