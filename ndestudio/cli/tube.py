"""`ndestudio tube`: where the states can be, if the start is anywhere in a ball."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE, INTERRUPTED
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from ndestudio.progress import Reporter
    from ndestudio.project.project import Project, Spec
    from ndestudio.reach.config import TubeConfig
    from ndestudio.reach.tube import ReachTube


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="SPEC|PROJECT", type=Path, help="a spec whose tables give all numbers, or a project (.nde)"
    )
    parser.add_argument(
        "--start", metavar="NAME=X", action="append", default=[], help="middle of the starts of a state"
    )
    parser.add_argument(
        "--radius", metavar="R|NAME=R", action="append", default=[], help="of the ball of starts, or of single states"
    )
    parser.add_argument(
        "--parameter", metavar="NAME=LOW:HIGH", action="append", default=[], help="limits of a parameter"
    )
    parser.add_argument("--unsafe", metavar="CONDITION", action="append", default=[], help='such as "x > 3 and y < 1"')
    parser.add_argument(
        "--method", choices=("statistical", "interval"), help="kind of tube (default: as the spec says)"
    )
    parser.add_argument("--duration", type=float, help="how long (default: that of the trajectory)")
    parser.add_argument("--points", type=int, help="times of the tube (default: as the spec says)")
    parser.add_argument("--confidence", type=float, help="such as 0.99")
    parser.add_argument("--seed", type=int, help="of the starts that are drawn")
    parser.add_argument("-o", "--output", metavar="FILE.csv", type=Path, help="write the tube")
    parser.add_argument("--figure", metavar="FILE.svg", type=Path, help="write the figure (.svg, .pdf or .png)")
    parser.add_argument("--keep", action="store_true", help="put the tube into the project file, for its report")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _command(options: Namespace) -> int:
    """Make the tube; returns the exit code."""
    from ndestudio.cli.displays import display_for
    from ndestudio.cli.execution import failed, follow
    from ndestudio.jobs import Failed
    from ndestudio.project.spec import load_spec
    from ndestudio.project.store import load_project, save_project

    project = load_project(options.source) if options.source.suffix == ".nde" else None
    if options.keep and project is None:
        raise SpecError("`--keep` puts the tube into a project file (.nde), and this is a spec; name the file with -o")
    spec = load_spec(options.source) if project is None else project.spec
    config = _settings(spec.tube, options)
    with display_for(quiet=options.quiet) as display:
        ended, interrupted = follow(display, _made, spec if project is None else project, config)
    if isinstance(ended, Failed):
        return INTERRUPTED if interrupted else failed(ended)
    found: ReachTube = ended.result
    if options.output is not None:
        _write(options.output, found.to_csv().encode())
    if options.figure is not None:
        _write(options.figure, _drawn(found, options.figure, spec))
    if options.keep and project is not None:
        save_project(replace(project, tube=found), options.source)
    if not options.quiet:
        print("\n".join([found.sentence, *(one.sentence for one in found.verdicts)]), flush=True)
    return INTERRUPTED if interrupted else DONE


def _settings(config: TubeConfig, options: Namespace) -> TubeConfig:
    import msgspec

    changes: dict[str, object] = {}
    if options.start:
        changes["start"] = {**config.start, **dict(_named(one, "--start", "x=1.5") for one in options.start)}
    if options.radius:
        plain = [one for one in options.radius if "=" not in one]
        own = dict(_named(one, "--radius", "x=0.1") for one in options.radius if "=" in one)
        if plain and own:
            raise SpecError(
                "`--radius` is one number for all states, or a number for each that is named; give one of the two"
            )
        changes["radius"] = own or _number(plain[-1], "--radius", "0.1")
    if options.parameter:
        changes["parameters"] = {**config.parameters, **dict(_limits(one) for one in options.parameter)}
    if options.unsafe:
        changes["unsafe"] = (*config.unsafe, *options.unsafe)
    for name in ("method", "duration", "points", "confidence", "seed"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    return msgspec.structs.replace(config, **changes)


def _named(text: str, option: str, example: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SpecError(f"`{option} {text}` is not understood; write `{option} {example}`")
    return name.strip(), _number(value, option, example)


def _number(text: str, option: str, example: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"`{option} {text}` is no number; write `{option} {example}`") from None


def _limits(text: str) -> tuple[str, tuple[float, float]]:
    name, equals, limits = text.partition("=")
    low, colon, high = limits.partition(":")
    if not (equals and colon and name.strip()):
        raise SpecError(f"`--parameter {text}` is not understood; write `--parameter k=0.1:0.2`")
    return name.strip(), (_number(low, "--parameter", "k=0.1:0.2"), _number(high, "--parameter", "k=0.1:0.2"))


def _made(source: Project | Spec, config: TubeConfig, *, reporter: Reporter) -> ReachTube:
    from ndestudio.model.stated import stated_model
    from ndestudio.project.pipeline import project_tube
    from ndestudio.project.project import Project
    from ndestudio.reach.library import tube_of

    if isinstance(source, Project):
        return project_tube(source, config, reporter)
    return tube_of(stated_model(source.model), None, config, should_stop=reporter.should_stop)


def _drawn(tube: ReachTube, path: Path, spec: Spec) -> bytes:
    from ndestudio.figures.matplotlib_renderer import render
    from ndestudio.figures.tube import tube_figure

    kind = path.suffix.lower().lstrip(".")
    if kind not in ("svg", "pdf", "png"):
        raise SpecError(f"{path}: figures are written as .svg, .pdf or .png")
    drawn = render(tube_figure(tube, None), kind, spec.export.style)
    return drawn if isinstance(drawn, bytes) else drawn.encode()


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file") from None


COMMAND = Command(
    "tube SPEC|PROJECT",
    "where the states can be, if the start is anywhere in a ball",
    _command,
    "A reach tube: at each time an ellipsoid that holds the states from nearly every start, with a stated confidence, or boxes that hold "
    "them from every start (--method interval, models of formulas); and whether unsafe sets are reached. Exit code: 0 done, 1 failed, "
    "2 bad input.",
    _arguments,
)
