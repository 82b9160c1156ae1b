"""One model in one form: the artefact, and the table of all forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ndestudio.data.dataset import Dataset
from ndestudio.errors import ExportError
from ndestudio.export.content import Content, Origin, content
from ndestudio.model.fitted import FittedModel

Format = Literal["latex", "sympy", "python", "jax", "julia", "matlab", "c", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)

FILE_NAMES: Mapping[Format, str] = {
    "latex": "model.tex",
    "sympy": "model_sympy.py",
    "python": "model.py",
    "jax": "model_jax.py",
    "julia": "model.jl",
    "matlab": "model.m",
    "c": "model.c",
    "json": "model.json",
    "csv": "trajectories.csv",
}

TITLES: Mapping[Format, str] = {
    "latex": "LaTeX",
    "sympy": "SymPy",
    "python": "Python (NumPy, SciPy)",
    "jax": "Python (JAX, diffrax)",
    "julia": "Julia (OrdinaryDiffEq)",
    "matlab": "MATLAB",
    "c": "C99",
    "json": "JSON",
    "csv": "CSV of trajectories",
}


@dataclass(frozen=True)
class Artefact:
    """A text to be saved.

    Arguments:
        name: file name.
        deviation: largest difference of a state from the model's own simulation, over the range of that state, when the
            artefact was run again; None when it was not.
        sentence: what was checked, or why nothing was.
    """

    name: str
    format: str
    text: str
    deviation: float | None = None
    sentence: str = ""


def artefact(
    model: FittedModel,
    format: str,
    *,
    dataset: Dataset | None = None,
    digits: int = 5,
    origin: Origin | None = None,
) -> Artefact:
    """Write ``model`` in one form.

    Arguments:
        format: one of ``FORMATS``.
        dataset: gives units, time spans and inputs; a model with inputs cannot do without.
        digits: significant digits of numbers in displayed equations; code carries all of them.
        origin: where the model came from; None: the program and the data files.

    Raises:
        ExportError: an unknown form, or a model that cannot be written.
    """
    chosen = known_format(format)
    if chosen == "csv":
        return Artefact(FILE_NAMES[chosen], chosen, trajectories(model, dataset))
    return Artefact(FILE_NAMES[chosen], chosen, _written(content(model, dataset, origin), chosen, digits))


def known_format(format: str) -> Format:
    """``format`` if there is such a form.

    Raises:
        ExportError: suggesting the nearest.
    """
    for known in FORMATS:
        if known == format.lower():
            return known
    import difflib

    near = difflib.get_close_matches(format.lower(), FORMATS, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise ExportError(f"there is no export format `{format}`{hint} Known are {', '.join(FORMATS)}.")


def trajectories(model: FittedModel, dataset: Dataset | None) -> str:
    """The CSV form."""
    from ndestudio.export.csv_form import trajectories_csv

    return trajectories_csv(model, dataset)


def _written(what: Content, format: Format, digits: int) -> str:
    match format:
        case "latex":
            from ndestudio.export.latex import latex

            return latex(what, digits)
        case "sympy":
            from ndestudio.export.sympy_text import sympy_text

            return sympy_text(what)
        case "python":
            from ndestudio.export.python_code import python_code

            return python_code(what)
        case "jax":
            from ndestudio.export.jax_code import jax_code

            return jax_code(what)
        case "julia":
            from ndestudio.export.julia import julia

            return julia(what)
        case "matlab":
            from ndestudio.export.matlab import matlab

            return matlab(what)
        case "c":
            from ndestudio.export.c_code import c_code

            return c_code(what)
        case "json":
            from ndestudio.export.json_form import model_json

            return model_json(what)
        case "csv":
            raise AssertionError("trajectories are written from the data")
