"""Formats of models, by the ends of file names: what is read, what is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ndestudio.errors import DataError
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.model.config import ModelConfig


@dataclass(frozen=True)
class ModelFormat:
    """A language for models.

    Parameters
    ----------
    endings
        Of its files, lower case, the first one for files that are written.
    read, write
        A file to a model (None: such files are written alone), a model to a text.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    read: Callable[[Path], KineticModel] | None
    write: Callable[[KineticModel], str]


def _read_sbml(path: Path) -> KineticModel:
    from ndestudio.exchange.sbml.read import read_sbml

    return read_sbml(path)


def _write_sbml(model: KineticModel) -> str:
    from ndestudio.exchange.sbml.write import check_states, sbml_text

    check_states(model)
    return sbml_text(model)


def _read_antimony(path: Path) -> KineticModel:
    from ndestudio.exchange.antimony_text import read_antimony

    return read_antimony(path)


def _write_antimony(model: KineticModel) -> str:
    from ndestudio.exchange.antimony_text import antimony_text
    from ndestudio.exchange.sbml.write import check_states

    check_states(model)
    return antimony_text(model)


def _write_myokit(model: KineticModel) -> str:
    from ndestudio.exchange.texts.myokit import mmt_text

    return mmt_text(model)


def _write_xppaut(model: KineticModel) -> str:
    from ndestudio.exchange.texts.xppaut import ode_text

    return ode_text(model)


def _write_modelica(model: KineticModel) -> str:
    from ndestudio.exchange.texts.modelica import modelica_text

    return modelica_text(model)


def _write_julia(model: KineticModel) -> str:
    from ndestudio.exchange.texts.modeling_toolkit import julia_text

    return julia_text(model)


def _write_cellml(model: KineticModel) -> str:
    from ndestudio.exchange.texts.cellml import cellml_text

    return cellml_text(model)


MODEL_FORMATS: dict[str, ModelFormat] = {
    one.name: one
    for one in (
        ModelFormat("sbml", "SBML", (".xml", ".sbml"), _read_sbml, _write_sbml),
        ModelFormat("antimony", "Antimony", (".ant", ".antimony"), _read_antimony, _write_antimony),
        ModelFormat("cellml", "CellML 2", (".cellml",), None, _write_cellml),
        ModelFormat("myokit", "Myokit", (".mmt",), None, _write_myokit),
        ModelFormat("xppaut", "XPPAUT", (".ode",), None, _write_xppaut),
        ModelFormat("modelica", "Modelica", (".mo",), None, _write_modelica),
        ModelFormat("julia", "Julia (ModelingToolkit)", (".jl",), None, _write_julia),
    )
}
"""By name; a new one is a line here."""


def format_of(path: Path) -> ModelFormat:
    """The format that a file name says.

    Raises
    ------
    DataError
        None has such an ending.
    """
    for one in MODEL_FORMATS.values():
        if path.suffix.lower() in one.endings:
            return one
    known = ", ".join(f"{one.title} ({', '.join(one.endings)})" for one in MODEL_FORMATS.values())
    raise DataError(
        f"files that end in `{path.suffix}` are of no format of models that is known: {known}", path=str(path)
    )


def read_kinetic(path: Path) -> KineticModel:
    """The model in a file, whose ending says its format.

    Raises
    ------
    DataError
        Such files are not read, or this one cannot be.
    """
    known = format_of(path)
    if known.read is None:
        readable = ", ".join(f"{one.title} ({', '.join(one.endings)})" for one in MODEL_FORMATS.values() if one.read)
        raise DataError(f"{known.title} is written and not read; what is read is {readable}", path=str(path))
    return known.read(path)


def read_model(path: Path | str) -> ModelConfig:
    """The model in a file of another program: SBML or Antimony, as the ending says.

    Raises
    ------
    DataError, EquationError
        It cannot be read, or has something that our text cannot say; named with its id.
    EngineUnavailable
        A package that this needs is not installed.
    """
    from ndestudio.exchange.model_text import to_config

    path = Path(path)
    return to_config(read_kinetic(path))


def write_model(config: ModelConfig, path: Path | str) -> None:
    """A model of text and tables as a file for another program: SBML, Antimony, CellML 2, Myokit, XPPAUT, Modelica or Julia, as
    the ending says.

    Raises
    ------
    ExportError
        It has something that the format cannot say.
    """
    from ndestudio.exchange.from_system import kinetic_of

    path = Path(path)
    path.write_text(format_of(path).write(kinetic_of(config)), "utf-8")
