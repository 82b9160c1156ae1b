"""`ndestudio convert`: a model from one format into another."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE
from ndestudio.errors import SpecError

if TYPE_CHECKING:
    from ndestudio.exchange.kinetic import KineticModel


def _arguments(parser: ArgumentParser) -> None:
    what = "SBML (.xml, .sbml), Antimony (.ant) or a spec of ours (.toml)"
    written = "CellML 2 (.cellml), Myokit (.mmt), XPPAUT (.ode), Modelica (.mo) or Julia for ModelingToolkit (.jl)"
    parser.add_argument("source", metavar="IN", type=Path, help=f"the model: {what}")
    parser.add_argument("target", metavar="OUT", type=Path, help=f"the file to write: {what}, {written}")


def _command(options: Namespace) -> int:
    """Convert as the command line says; returns the exit code."""
    model = _read(options.source)
    for note in model.notes:
        print(f"note: {note}", file=sys.stderr)
    text = _text(model, options.target)
    try:
        options.target.write_text(text, "utf-8")
    except OSError as error:
        raise SpecError(f"{options.target} cannot be written ({error.strerror or error})") from None
    print(
        f"{model.name}: {len(model.rates)} states, {len(model.quantities)} quantities, {len(model.constants)} constants, "
        f"{len(model.triggers)} events; written to {options.target}",
        flush=True,
    )
    return DONE


def _read(path: Path) -> KineticModel:
    from ndestudio.exchange.formats import read_kinetic
    from ndestudio.exchange.from_system import kinetic_of
    from ndestudio.project.spec import load_spec

    return kinetic_of(load_spec(path).model) if path.suffix.lower() == ".toml" else read_kinetic(path)


def _text(model: KineticModel, path: Path) -> str:
    from ndestudio.exchange.formats import format_of
    from ndestudio.exchange.model_text import to_config
    from ndestudio.project.project import Spec
    from ndestudio.project.spec import dump_spec

    if path.suffix.lower() == ".toml":
        return dump_spec(Spec(model=to_config(model)))
    return format_of(path).write(model)


COMMAND = Command(
    usage="convert IN OUT",
    summary="a model from one format into another",
    run=_command,
    description="Read a model in SBML, Antimony or a spec, and write it as another of them, or in another language. What was taken otherwise than one might think "
    "is told as notes. A trained model is written by `ndestudio export --to sbml`.",
    arguments=_arguments,
)
