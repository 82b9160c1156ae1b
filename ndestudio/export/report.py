"""The report: one HTML file that needs nothing else, light or dark as the reader's system is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.data.dataset_words import time_taken
from ndestudio.distil.result import NeuralTermDistillation
from ndestudio.export.artefacts import Artefact
from ndestudio.export.content import program_name
from ndestudio.export.equations import equations_json, versions
from ndestudio.export.gather import Job, ProjectLike, job
from ndestudio.export.plots import figures as draw_figures
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.report_style import STYLE
from ndestudio.export.run_parts import population_table, runs_table
from ndestudio.export.typeset import inline_svg
from ndestudio.expression.latex import symbol, to_latex
from ndestudio.figures.decimate import thinning_sentence
from ndestudio.figures.description import Figure
from ndestudio.figures.text import slug
from ndestudio.fitting.result import Outcome
from ndestudio.json_text import json_text
from ndestudio.model.events import text_of
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import events_filled

PARTS = ("train", "validation", "test")


def report_html(
    project: ProjectLike,
    *,
    figures: Sequence[Figure] | None = None,
    svgs: Mapping[str, bytes] | None = None,
    artefacts: Sequence[Artefact] = (),
    date: str = "",
    spec_text: str = "",
) -> str:
    """The report of a project, however far it has come.

    Parameters
    ----------
    figures
        Those described already; None: they are gathered here.
    svgs
        Name of a figure -> its SVG file, where it was drawn already.
    artefacts
        Whose checks are to be listed.
    date
        ISO 8601, shown in the head; "" leaves it out.
    spec_text
        The specification as TOML; "" shows the same settings as JSON.
    """
    from ndestudio.figures.matplotlib_renderer import render

    gathered = job(project)
    described = draw_figures(gathered) if figures is None else figures
    style = project.spec.export.style
    drawn = {one.name: _figure(one, (svgs or {}).get(one.name) or render(one, "svg", style)) for one in described}
    sections = [
        ("Equations", _equations(gathered)),
        ("Fit to the data", _fit(gathered, drawn)),
        ("What is left of the data", _residuals(gathered, drawn)),
        ("Parameters", _parameters(gathered)),
        ("Runs", _runs(gathered, drawn)),
        *((f"The term {name}", _neural_term(gathered, name, drawn)) for name in _neural_terms(gathered)),
        ("What to measure next", _next_run(gathered, drawn)),
        ("Reach tube", _tube(gathered, drawn)),
        ("Training", _training(gathered, drawn)),
        ("Data", _data(gathered.dataset)),
        ("Exported files", _artefacts(artefacts)),
        ("Notes", _notes(gathered)),
        ("How to reproduce this", _reproduce(gathered, spec_text)),
    ]
    body = [f"<section><h2>{escape(title)}</h2>\n{content}</section>" for title, content in sections if content]
    return _page(gathered.title, _head(gathered, date), body)


def _page(title: str, head: str, body: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            head,
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(gathered: Job, date: str) -> str:
    description = gathered.project.spec.description
    parts = [f"<header><h1>{escape(gathered.title)}</h1>"]
    if description:
        parts.append(f'<p class="lead">{escape(description)}</p>')
    parts.append(f'<p class="quiet">{escape(program_name())}{f" · {escape(date)}" if date else ""}</p>')
    tiles = []
    metrics = gathered.metrics
    for part in PARTS:
        errors = getattr(metrics, part) if metrics is not None else {}
        if errors:
            tiles.append((f"NRMSE, {part}", _number(errors.get("mean", float("nan")), 3)))
    doubtful = gathered.fit is not None and gathered.fit.outcome in (Outcome.DIVERGED, Outcome.DOUBTFUL)
    if gathered.fit is not None and doubtful:
        parts.append(f'<p class="lead">{escape(gathered.fit.sentence)}</p>')
    if gathered.model is not None:
        formulas, neural = len(gathered.model.replacements), len(gathered.model.networks)
        tiles.append(("terms found", f"{formulas} of {formulas + neural}"))
    if gathered.seconds():
        total = sum(value for name, value in gathered.seconds().items() if "." not in name)
        tiles.append(("time", f"{total:.0f} s" if total >= 10 else f"{total:.1f} s"))
    if tiles:
        cells = (f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in tiles)
        parts.append(f'<div class="tiles">{"".join(cells)}</div>')
    return "\n".join([*parts, "</header>"])


def _equations(gathered: Job) -> str:
    model = gathered.model
    if model is None:
        text = gathered.project.spec.model.equations
        return f"<p>Not trained yet. The model as written:</p><pre>{escape(text)}</pre>" if text.strip() else ""
    from ndestudio.model.latex import model_latex, system_latex

    digits = gathered.project.spec.export.digits
    parts = ['<div class="equations">', *(_row(line) for line in model_latex(model, digits=digits))]
    parts += [_row(line) for line in _observations(model, digits)]
    parts.append("</div>")
    if model.parameters:
        parts.append("<details><summary>With symbols in the place of numbers</summary>")
        parts.append('<div class="equations">')
        parts += [_row(line) for line in system_latex(model.system, digits=digits)]
        parts.append("</div></details>")
    if model.system.events:
        lines = "\n".join(text_of(event) for event in events_filled(model, digits))
        parts.append(f"<p>What happens at a moment:</p><pre>{escape(lines)}</pre>")
    if model.networks:
        names = ", ".join(f"<b>{escape(name)}</b>" for name in model.networks)
        parts.append(f"<p>Still a neural network: {names}. The exported code carries the weights.</p>")
    return "\n".join(parts)


def _row(latex: str) -> str:
    return f"<p>{inline_svg(latex)}</p>"


def _observations(model: FittedModel, digits: int) -> list[str]:
    from ndestudio.expression.numeric import as_number, fold
    from ndestudio.expression.tree import substitute

    values = {name: as_number(float(value)) for name, value in model.parameters.items()}
    return [
        f"{symbol(name)} = {to_latex(fold(substitute(expr, values)), digits=digits)}"
        for name, expr in model.system.outputs.items()
    ]


def _fit(gathered: Job, drawn: Mapping[str, str]) -> str:
    if gathered.metrics is None:
        return ""
    metrics = gathered.metrics
    columns = [part for part in PARTS if getattr(metrics, part)]
    names = list(dict.fromkeys(name for part in columns for name in getattr(metrics, part)))
    rows = [[name, *(_number(getattr(metrics, part).get(name, float("nan")), 4) for part in columns)] for name in names]
    parts = [
        "<p>Errors of whole trajectories simulated from their initial values: root-mean-square error over the standard "
        "deviation of the column (NRMSE).</p>",
        *(
            [
                "<p>Constants are those of all rows; errors of validation and test are those of a fit to the training rows alone.</p>"
            ]
            if gathered.fit is not None and gathered.fit.all_rows
            else []
        ),
        _table(["", *columns], rows, numeric=True),
    ]
    parts += [figure for name, figure in drawn.items() if name.startswith("trajectory_") or name == "phase"]
    return "\n".join(parts)


def _residuals(gathered: Job, drawn: Mapping[str, str]) -> str:
    """Whether the residuals of the training rows look like independent noise, column by column."""
    found = gathered.residuals
    if found is None:
        return ""
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in found.sentences)
    rows = [
        [
            one.name,
            *(_number(value, 3) for value in (one.deviation, one.durbin_watson, one.ljung_box, one.runs, one.normal)),
        ]
        for one in found.columns
    ]
    titles = ["", "standard deviation", "Durbin-Watson", "Ljung-Box p", "runs p", "Shapiro-Wilk p"]
    pictures = "\n".join(figure for name, figure in drawn.items() if name.startswith("residuals_"))
    return f"<ul>{sentences}</ul>{_table(titles, rows, numeric=True)}{pictures}" if sentences else ""


def _parameters(gathered: Job) -> str:
    model = gathered.model
    if model is None or not model.parameters:
        return ""
    intervals, population = gathered.fit.intervals if gathered.fit is not None else {}, gathered.population
    if population is not None:
        intervals = {**intervals, **population.intervals}
    constants = {name: neural_term for neural_term, item in model.replacements.items() for name in item.parameters}
    rows = []
    for name, value in model.parameters.items():
        config = model.config.parameters.get(name)
        note = config.note if config else f"constant of {constants[name]}" if name in constants else ""
        if config and config.fixed:
            note = f"fixed; {note}" if note else "fixed"
        row = [name, _number(value, 6), config.unit if config else ""]
        if intervals:
            limits = intervals.get(name)
            row.append(_interval(*limits) if limits else "")
        rows.append([*row, note])
    titles = ["parameter", "value", "unit", *(["interval"] if intervals else []), "note"]
    source = "by the likelihood of the population" if population else "from the trained model before distilling"
    caption = f"<p>Intervals: 95% confidence, {source}.</p>" if intervals else ""
    return caption + _table(titles, rows, numeric=True)


def _runs(gathered: Job, drawn: Mapping[str, str]) -> str:
    """What differs between runs: spreads of a population, and the parameters of each run."""
    parts = []
    if gathered.population is not None:
        told = "".join(f"<li>{escape(sentence)}</li>" for sentence in gathered.population.sentences())
        parts.append(f"<ul>{told}</ul>{_table(*population_table(gathered.population), numeric=True)}")
        parts.append(
            "<p>First-order conditional estimation; -2 log likelihood "
            f"{gathered.population.deviance:.6g}. Limits by the expected information of the linearised model.</p>"
        )
        parts += [figure for name, figure in drawn.items() if name == "random_effects"]
    table = runs_table(gathered)
    if table is not None:
        parts.append(_table(*table, numeric=True))
    return "\n".join(parts)


def _neural_terms(gathered: Job) -> list[str]:
    found = dict.fromkeys(gathered.network_model.networks if gathered.network_model else ())
    found |= dict.fromkeys(gathered.distillation.neural_terms if gathered.distillation else ())
    return list(found)


def _neural_term(gathered: Job, name: str, drawn: Mapping[str, str]) -> str:
    distilled = gathered.distillation.neural_terms.get(name) if gathered.distillation else None
    pictures = [
        drawn[key] for key in (f"{kind}_{slug(name)}" for kind in ("pareto", "neural_term", "fit")) if key in drawn
    ]
    if distilled is None:
        shown = "\n".join(pictures)
        return f"<p>Not distilled; it stays a neural network.</p>\n{shown}"
    parts = [
        _chosen(gathered, name, distilled),
        *pictures,
        _front(gathered, name, distilled),
    ]
    return "\n".join(parts)


def _chosen(gathered: Job, name: str, neural_term: NeuralTermDistillation) -> str:
    chosen = gathered.choice(name)
    if not 0 <= chosen < len(neural_term.scored):
        return "<p>No formula was accepted; it stays a neural network.</p>"
    from ndestudio.model.replace import formula_filled

    formula = formula_filled(gathered.model, name) if gathered.model is not None else None
    shown = formula if formula is not None else neural_term.scored[chosen].candidate.expression
    arguments = ", ".join(symbol(argument) for argument in neural_term.samples.arguments)
    left = rf"{symbol(name)}\left({arguments}\right)"
    digits = gathered.project.spec.export.digits
    why = f"{neural_term.explanation}." if chosen == neural_term.chosen else "Chosen by hand."
    return f'<div class="equations">{_row(f"{left} = {to_latex(shown, digits=digits)}")}</div><p>{escape(why)}</p>'


def _front(gathered: Job, name: str, neural_term: NeuralTermDistillation) -> str:
    scored = {item.candidate.expression: item for item in neural_term.scored}
    chosen = gathered.choice(name)
    in_use = neural_term.scored[chosen].candidate.expression if 0 <= chosen < len(neural_term.scored) else None
    rows, marked = [], []
    for index, candidate in enumerate(neural_term.front.candidates):
        item = scored.get(candidate.expression)
        errors = [_mean(item.metrics, part) if item is not None else "" for part in ("train", "validation", "test")]
        formula = inline_svg(to_latex(candidate.expression, digits=4), 14.0)
        rows.append([str(candidate.complexity), _number(candidate.loss, 3), *errors, Html(formula)])
        if in_use is not None and candidate.expression == in_use:
            marked.append(index)
    titles = ["complexity", "error of the term", "NRMSE train", "validation", "test", "formula"]
    note = "<p>Each formula was substituted into the equations, all constants were refitted through the solver, and the model was simulated. The chosen one is marked.</p>"
    return note + _table(titles, rows, numeric=True, marked=marked, wide_last=True)


def _training(gathered: Job, drawn: Mapping[str, str]) -> str:
    fit = gathered.fit
    if fit is None:
        return ""
    parts = [f"<p>{escape(fit.sentence)}</p>"]
    device = f"Computed on {fit.device.name} ({fit.device.kind})."
    parts.append(f"<p>{escape(' '.join(part for part in (device, fit.device.why_no_gpu) if part))}</p>")
    if "loss" in drawn:
        parts.append(drawn["loss"])
    parts.append(_noise(gathered))
    rows = [[name, f"{value:.2f}"] for name, value in gathered.seconds().items()]
    if rows:
        parts.append(_table(["stage", "seconds"], rows, numeric=True))
    return "\n".join(parts)


def _noise(gathered: Job) -> str:
    """The standard deviation of the noise of each column, and its law where that was estimated."""
    fit = gathered.fit
    if fit is None or not fit.noise:
        return ""
    units = {column.name: column.unit for column in gathered.dataset.measured} if gathered.dataset else {}
    laws = {name: level.law(units.get(name, "")) for name, level in fit.noise_model.items()}
    rows = [
        [name, _number(value, 4), units.get(name, ""), *([laws.get(name, "")] if laws else [])]
        for name, value in fit.noise.items()
    ]
    caption = "<p>Standard deviation of the noise of the measurements, by the residuals of the training rows.</p>"
    return caption + _table(["column", "noise", "unit", *(["estimated as"] if laws else [])], rows, numeric=True)


def _data(dataset: Dataset | None) -> str:
    if dataset is None:
        return ""
    rows = []
    for index, column in enumerate(dataset.measured):
        values = np.concatenate([trajectory.measured[:, index] for trajectory in dataset.trajectories])
        known = values[np.isfinite(values)]
        limits = (_number(float(known.min()), 4), _number(float(known.max()), 4)) if len(known) else ("", "")
        rows.append([column.name, column.unit, str(len(known)), str(len(values) - len(known)), *limits])
    parts = {part: sum(int(np.sum(item.part == part)) for item in dataset.trajectories) for part in Part}
    counts = ", ".join(f"{count} for {part.name.lower()}" for part, count in parts.items() if count)
    trajectories = len(dataset.trajectories)
    said = f"{trajectories} trajector{'y' if trajectories == 1 else 'ies'}, {dataset.rows} rows ({counts}). Time: {time_taken(dataset).sentence.replace('`', '')}."
    files = "".join(
        f"<li>{escape(source.path.replace(chr(92), '/').rsplit('/', 1)[-1])}"
        + (f' <code class="digest">SHA-256 {escape(source.sha256)}</code>' if source.sha256 else "")
        + "</li>"
        for source in dataset.sources
    )
    table = _table(["column", "unit", "values", "missing", "lowest", "highest"], rows, numeric=True)
    inputs = f"<p>Inputs: {escape(', '.join(column.title for column in dataset.inputs))}.</p>" if dataset.inputs else ""
    return f"<p>{escape(said)}</p>{f'<ul>{files}</ul>' if files else ''}\n{table}{inputs}"


def _artefacts(artefacts: Sequence[Artefact]) -> str:
    if not artefacts:
        return ""
    rows = [[item.name, EXPORTERS.title(item.format), item.sentence] for item in artefacts]
    return _table(["file", "form", "check"], rows, wide_last=True)


def _notes(gathered: Job) -> str:
    notes: list[str] = []
    notes += gathered.dataset.notes if gathered.dataset else ()
    notes += gathered.fit.notes if gathered.fit else ()
    notes += (gathered.distillation.sentence, *gathered.distillation.notes) if gathered.distillation else ()
    items = "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes) if note)
    return f"<ul>{items}</ul>" if items else ""


def _next_run(gathered: Job, drawn: Mapping[str, str]) -> str:
    """The laws that the data leave, and the run that would tell them apart."""
    found = gathered.distillation.next_run if gathered.distillation else None
    if found is None:
        return ""
    parts = [f"<p>{escape(found.sentence)}</p>"]
    if len(found.formulas) > 1:
        terms = list(dict.fromkeys(name for one in found.formulas for name in one))
        rows = [
            [f"{weight:.0%}", *(one.get(name, "a network") for name in terms)]
            for weight, one in zip(found.weights, found.formulas, strict=True)
        ]
        parts.append(_table(["probability", *terms], rows))
    return "\n".join([*parts, drawn.get("next_run", "")])


def _tube(gathered: Job, drawn: Mapping[str, str]) -> str:
    """Where the states can be, and the verdicts about unsafe sets."""
    tube = gathered.tube
    if tube is None:
        return ""
    parts = [f"<p>{escape(tube.sentence)}</p>"]
    if tube.verdicts:
        rows = [[one.unsafe, one.answer, one.sentence] for one in tube.verdicts]
        parts.append(_table(["unsafe set", "verdict", "why"], rows))
    return "\n".join([*parts, drawn.get("tube", "")])


def _reproduce(gathered: Job, spec_text: str) -> str:
    value = equations_json(gathered.project)
    seeds = f"seed {value['seed']} for training"
    if gathered.distillation is not None:
        seeds += f", {value['distil_seed']} for the search ({value['engine']})"
    parts = [f"<p>Run <code>ndestudio run</code> with the settings below, the same data files and {escape(seeds)}.</p>"]
    rows = [[name, number] for name, number in versions().items()]
    parts.append(f"<details><summary>Versions</summary>{_table(['package', 'version'], rows)}</details>")
    parts.append(f"<details><summary>Settings</summary><pre>{escape(spec_text or _settings(gathered))}</pre></details>")
    shown = escape(json_text(value["equations"]).rstrip())
    parts.append(f"<details><summary>Equations as text</summary><pre>{shown}</pre></details>")
    return "\n".join(parts)


def _settings(gathered: Job) -> str:
    """What differs from the defaults, as JSON with the keys of a specification."""
    import msgspec

    spec = gathered.project.spec
    given = msgspec.to_builtins(spec)
    return json_text(_without(given, msgspec.to_builtins(type(spec)())), indent=1).rstrip()


def _without(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in given.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict) and default:
            value = _without(value, default)
            if value:
                kept[key] = value
        elif value != default:
            kept[key] = value
    return kept


class Html(str):
    """Text that is HTML already."""


def _table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numeric: bool = False,
    marked: Sequence[int] = (),
    wide_last: bool = False,
) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = []
    for index, row in enumerate(rows):
        cells = "".join(f"<td>{cell if isinstance(cell, Html) else escape(cell)}</td>" for cell in row)
        lines.append(f'<tr class="marked">{cells}</tr>' if index in marked else f"<tr>{cells}</tr>")
    kinds = " ".join(kind for kind, on in (("numeric", numeric), ("wide-last", wide_last)) if on)
    return f'<div class="scroll"><table class="{kinds}"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _figure(figure: Figure, svg: bytes) -> str:
    from ndestudio.figures.matplotlib_renderer import embedded

    caption = f"{figure.caption} {thinning_sentence(figure)}".strip()
    return f"<figure>{embedded(svg, figure.name)}<figcaption>{escape(caption)}</figcaption></figure>"


def _mean(metrics: object, part: str) -> str:
    errors = getattr(metrics, part)
    return _number(errors["mean"], 3) if "mean" in errors else ""


def _interval(low: float, high: float) -> str:
    """`0.2 to 0.4`; an end that is not finite is no limit."""
    ends = (math.isfinite(low), math.isfinite(high))
    if all(ends):
        return f"{_number(low, 4)} to {_number(high, 4)}"
    if not any(ends):
        return "not limited by the data"
    return f"above {_number(low, 4)}" if ends[0] else f"below {_number(high, 4)}"


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return ""
    if np.isinf(value):
        return "failed"
    return f"{value:.{digits}g}".replace("-", "−")
