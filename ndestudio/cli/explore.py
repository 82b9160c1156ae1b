"""`ndestudio explore`: what a model does away from its data."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE
from ndestudio.cli.tables import write_table
from ndestudio.errors import ProjectError, SpecError

if TYPE_CHECKING:
    from ndestudio.explore.case import Case
    from ndestudio.figures.description import Figure
    from ndestudio.progress import Reporter

Rows = tuple[list[str], Iterable[Sequence[Any]], list[str]]
"""Names of columns, rows, sentences for the person."""
Made = tuple[Rows, "Figure | None"]


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=tuple(_KINDS), help="what to do")
    parser.add_argument(
        "source", metavar="SPEC|PROJECT", type=Path, help="a spec whose tables give all numbers, or a project (.nde)"
    )
    parser.add_argument("--run", metavar="NAME", help="the run whose inputs, doses and start hold (default: the first)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value of a parameter, an input (it then stays at that) or a start 'x(0)'; once for each",
    )
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH",
        help="scan, shares, bifurcation: a range; scan takes one or two, LOW..HIGH..N for N values",
    )
    parser.add_argument("--log", action="store_true", help="scan: values spread by a factor")
    parser.add_argument(
        "--output-of", action="append", default=[], metavar="NAME", help="a state or quantity to look at; once for each"
    )
    parser.add_argument(
        "--measure",
        default="final",
        choices=("final", "mean", "maximum", "minimum"),
        help="shares: what of the output (default: final)",
    )
    parser.add_argument("--samples", type=int, default=256, metavar="N", help="shares: a power of two (default: 256)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is drawn (default: 0)")
    parser.add_argument("--until", type=float, metavar="T", help="last time (default: that of the data, else 10)")
    parser.add_argument("--points", type=int, default=200, metavar="N", help="times of a simulation (default: 200)")
    parser.add_argument("--seconds", type=float, default=300.0, metavar="S", help="what it may take (default: 300)")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="file to write; default: the terminal")
    parser.add_argument("--figure", metavar="FILE", type=Path, help="draw it, too: .svg, .pdf or .png")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors and results")


def _command(options: Namespace) -> int:
    """Explore as the command line says; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow
    from ndestudio.cli.exit_codes import INTERRUPTED
    from ndestudio.jobs import Failed

    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _made, options)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    (header, rows, sentences), figure = ended.result
    write_table(options.output, header, rows)
    if options.figure is not None and figure is not None:
        from ndestudio.figures.matplotlib_renderer import save

        save(figure, options.figure)
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return INTERRUPTED if interrupted else DONE


def _made(options: Namespace, *, reporter: Reporter) -> Made:
    return _KINDS[options.what](_case(options), options, reporter)


def _case(options: Namespace) -> Case:
    from ndestudio.explore.case import case_of
    from ndestudio.export.gather import job
    from ndestudio.model.stated import stated_model
    from ndestudio.project.spec import load_spec
    from ndestudio.project.store import load_project

    values = dict(_named(text, "--set") for text in options.set)
    settings = {"until": options.until, "points": options.points, "values": values}
    if options.source.suffix != ".nde":
        if options.run is not None:
            raise SpecError(f"--run {options.run}: a spec has no runs; name a project (.nde)")
        return case_of(stated_model(load_spec(options.source).model), **settings)
    project = load_project(options.source)
    model = job(project).model
    if model is None or project.dataset is None:
        raise ProjectError(f"{options.source} holds no trained model; train it first (`ndestudio run`, or the window)")
    runs = project.dataset.trajectories
    one = runs[0] if options.run is None else project.dataset.trajectory(options.run)
    return case_of(model, one, **settings)


def _named(text: str, option: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise SpecError(f"`{option} {text}` is not understood; write `{option} k=0.3`") from None


def _range(text: str) -> tuple[str, float, float, int]:
    name, _, values = text.partition("=")
    try:
        low, high, *count = (float(part) for part in values.split(".."))
        return name.strip(), low, high, int(count[0]) if count else 0
    except (ValueError, IndexError):
        raise SpecError(f"`--vary {text}` is not understood; write `--vary k=0.1..2`") from None


def _ranges(options: Namespace, least: int, most: int) -> list[tuple[str, float, float, int]]:
    found = [_range(text) for text in options.vary]
    if not least <= len(found) <= most:
        many = f"{least}" if least == most else f"{least} to {most}" if most < 100 else f"at least {least}"
        raise SpecError(f"`{options.what}` needs {many} --vary NAME=LOW..HIGH, and there are {len(found)}")
    return found


def _outputs(case: Case, options: Namespace) -> tuple[str, ...]:
    from ndestudio.explore.scan import default_outputs

    return tuple(options.output_of) or default_outputs(case)


# --- what can be done ----------------------------------------------------------------------------------------------


def _simulate(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.case import looked_at, outputs, simulated
    from ndestudio.figures.explore import simulation_figure

    del reporter
    names = tuple(options.output_of) or outputs(case)
    found = simulated(case, seconds=options.seconds)
    values = looked_at(case, found, names)
    rows = zip(found.t.tolist(), *(one.tolist() for one in values), strict=True)
    sentences = [found.sentence] if found.sentence else []
    return (["t", *names], rows, sentences), simulation_figure(found.t, values, names)


def _scan(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.scan import scan, spread
    from ndestudio.figures.explore import scan_figure

    ranges = _ranges(options, 1, 2)
    count = 21 if len(ranges) == 1 else 15
    varied = [(name, spread(low, high, many or count, log=options.log)) for name, low, high, many in ranges]
    found = scan(case, varied, _outputs(case, options), reporter, seconds=options.seconds)
    rows = (
        [*found.values[k].tolist(), t, *found.values_of[k, :, i].tolist()]
        for k in range(len(found.values))
        for i, t in enumerate(found.t.tolist())
    )
    return ([*found.names, "t", *found.outputs], rows, list(found.sentences)), scan_figure(found)


def _sensitivity(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.sensitivity import local_sensitivity
    from ndestudio.figures.explore import local_figure

    del reporter
    found = local_sensitivity(case, _outputs(case, options))
    order = sorted(range(len(found.names)), key=lambda k: -float(found.ranking[k]))
    rows = (
        [found.names[k], output, t, float(found.values[k, m, i])]
        for k in order
        for m, output in enumerate(found.outputs)
        for i, t in enumerate(found.t.tolist())
    )
    strongest = ", ".join(f"{found.names[k]} {found.ranking[k]:.3g}" for k in order)
    sentences = [f"Root mean square, % for 1%: {strongest}.", *found.sentences]
    return (["name", "output", "t", "percent_for_one_percent"], rows, sentences), local_figure(found)


def _shares(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.sensitivity import global_sensitivity
    from ndestudio.figures.explore import shares_figure

    ranges = {name: (low, high) for name, low, high, _ in _ranges(options, 2, 100)}
    found = global_sensitivity(
        case,
        ranges,
        _outputs(case, options)[0],
        options.measure,
        reporter,
        samples=options.samples,
        seed=options.seed,
        seconds=options.seconds,
    )
    columns = (found.first, found.first_low, found.first_high, found.total, found.total_low, found.total_high)
    rows = ([name, *(float(one[k]) for one in columns)] for k, name in enumerate(found.names))
    header = ["name", "first", "first_low", "first_high", "total", "total_low", "total_high"]
    sentence = f"Parts of the variance of the {found.measure} {found.output}, by {found.simulations} simulations."
    return (header, rows, [sentence, *found.sentences]), shares_figure(found)


def _steady(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.steady import steady_states

    del reporter
    found = steady_states(case, seed=options.seed)
    rows = ([*one.states.tolist(), one.kind, "yes" if one.reached else "no", _told(one.eigenvalues)] for one in found)
    sentence = f"{len(found)} found; others may exist." if found else "None was found."
    return ([*case.model.system.states, "kind", "simulations end there", "eigenvalues"], rows, [sentence]), None


def _bifurcation(case: Case, options: Namespace, reporter: Reporter) -> Made:
    from ndestudio.explore.continuation import bifurcations
    from ndestudio.figures.explore import bifurcation_figure

    ((name, low, high, _),) = _ranges(options, 1, 1)
    found = bifurcations(case, name, low, high, reporter, seconds=options.seconds)
    rows = (
        [number, float(value), *states.tolist(), "yes" if stable else "no"]
        for number, one in enumerate(found.branches, start=1)
        for value, states, stable in zip(one.values, one.states, one.stable, strict=True)
    )
    sentences = [
        f"{one.kind[:1].upper()}{one.kind[1:]} at {name} = {one.value:.6g}"
        + (f", period {one.period:.4g}" if one.kind == "Hopf point" else "")
        for one in found.points
    ]
    if not found.branches:
        sentences.append("No steady state was found in the range.")
    sentences += [found.sentence] if found.sentence else []
    shown = tuple(one for one in options.output_of if one in found.states)
    return (["branch", name, *found.states, "stable"], rows, sentences), bifurcation_figure(found, shown)


_KINDS: dict[str, Callable[[Case, Namespace, Reporter], Made]] = {
    "simulate": _simulate,
    "scan": _scan,
    "sensitivity": _sensitivity,
    "shares": _shares,
    "steady": _steady,
    "bifurcation": _bifurcation,
}


def _told(values: Iterable[complex]) -> str:
    return " ".join(f"{one.real:.6g}" + (f"{one.imag:+.6g}i" if one.imag else "") for one in values)


COMMAND = Command(
    "explore WHAT SPEC|PROJECT",
    "simulate with other values, scan, sensitivities, steady states, bifurcations",
    _command,
    "What a model does away from its data. simulate: with other values, inputs and starts; scan: over one or two ranges; sensitivity: percent for one "
    "percent, over time; shares: which part of the variance each value decides over ranges (Sobol' indices); steady: steady states and their stability; "
    "bifurcation: steady states over a range, with folds, Hopf and branch points. Results are CSV.",
    _arguments,
)
