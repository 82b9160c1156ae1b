"""One model in one form."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.data.dataset import Dataset
from ndestudio.errors import ExportError
from ndestudio.export.content import Origin
from ndestudio.export.exporter import Options, Subject
from ndestudio.export.registry import EXPORTERS
from ndestudio.expression import to_text
from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True)
class Artefact:
    """Something to be saved.

    Parameters
    ----------
    name
        File name.
    format
        Name of its exporter.
    text
        What is in the file, "" where that is no text.
    data
        What is in the file where that is no text.
    deviation
        Largest difference of a state from the model's own simulation, over the range of that state, when the artefact was
        run again; None when it was not.
    sentence
        What was checked, or why nothing was.
    """

    name: str
    format: str
    text: str
    deviation: float | None = None
    sentence: str = ""
    data: bytes = b""

    @property
    def payload(self) -> bytes:
        """The bytes of the file."""
        return self.data or self.text.encode("utf-8")


_STEPS = ("python", "julia", "matlab", "c")
"""Programs that read delayed values of states from the steps made before, and none of inputs."""


def artefact(
    model: FittedModel,
    format: str,
    *,
    dataset: Dataset | None = None,
    digits: int = 5,
    origin: Origin | None = None,
) -> Artefact:
    """Write ``model`` in one form.

    Parameters
    ----------
    format
        One of ``EXPORTERS.known()``.
    dataset
        Gives units, time spans and inputs; a model with inputs cannot do without.
    digits
        Significant digits of numbers in displayed equations; code carries all of them.
    origin
        Where the model came from; None: the program and the data files.

    Raises
    ------
    ExportError
        An unknown form, or a model that cannot be written.
    """
    exporter = EXPORTERS.get(format)
    if refusal := exporter.refusal(model):
        raise ExportError(refusal)
    if model.system.delays and not exporter.delays:
        can = ", ".join(f"`{name}`" for name in EXPORTERS.known() if EXPORTERS.get(name).delays)
        raise ExportError(
            f"the equations read `{to_text(model.system.delays[0])}`, and {exporter.title} programs are written without delays; "
            f"choose one of {can}"
        )
    given = [one for one in model.system.delays if getattr(one.operand, "name", "") in model.system.inputs]
    if given and exporter.name in _STEPS:
        raise ExportError(
            f"the equations read `{to_text(given[0])}`, a delayed input, which programs do not have yet; LaTeX, SymPy, JSON and CSV "
            "can be written"
        )
    written = exporter.write(Subject(model, dataset, origin), Options(digits))
    if isinstance(written, bytes):
        return Artefact(exporter.file_name, exporter.name, "", data=written)
    return Artefact(exporter.file_name, exporter.name, written)
