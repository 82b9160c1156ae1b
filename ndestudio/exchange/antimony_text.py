"""Antimony text, by the package `antimony` and SBML between (Smith, Bergmann, Chandran and Sauro 2009, Bioinformatics 25, 2452)."""

from __future__ import annotations

from pathlib import Path

from ndestudio.errors import DataError, ExportError
from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.packages import package
from ndestudio.exchange.petab.tables import read_text
from ndestudio.exchange.sbml.read import sbml_from_text
from ndestudio.exchange.sbml.write import sbml_text

LARGEST = 4 * 1024 * 1024


def read_antimony(path: Path | str) -> KineticModel:
    """The model in an Antimony file: the last one, as the language has it.

    Raises
    ------
    DataError
        It is no Antimony text, or imports other files.
    """
    path = Path(path)
    return antimony_from_text(read_text(path, LARGEST), str(path))


def antimony_from_text(text: str, path: str = "") -> KineticModel:
    """Like ``read_antimony``, of a text."""
    for k, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith("import"):
            raise DataError(
                "it imports another file, which is not read; write the model into one file", path=path, row=k
            )
    antimony = package("antimony")
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        said = " ".join(antimony.getLastError().split())
        raise DataError(f"it is no Antimony text: {said[:300]}", path=path)
    return sbml_from_text(antimony.getSBMLString(antimony.getMainModuleName()))


def antimony_text(model: KineticModel) -> str:
    """A model as Antimony text.

    antimony 3.3.0 changes (x^y)^z into x^(y^z) on the way; such powers are written as (1*x^y)^z.

    Raises
    ------
    ExportError
        Something that Antimony cannot say.
    """
    antimony = package("antimony")
    antimony.clearPreviousLoads()
    if antimony.loadSBMLString(sbml_text(model, guard=True)) < 0:
        raise ExportError(f"antimony cannot write it: {' '.join(antimony.getLastError().split())[:300]}")
    return str(antimony.getAntimonyString(antimony.getMainModuleName()))
