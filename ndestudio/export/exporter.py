"""What an exporter is: a value that says what it writes, how, and how that can be run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ndestudio.data.dataset import Dataset
from ndestudio.export.content import Content, Origin, content
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.events import text_of
from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True, eq=False)
class Subject:
    """What is written: a model, the data it belongs to, and where it came from (None: the program and the data files)."""

    model: FittedModel
    dataset: Dataset | None = None
    origin: Origin | None = None

    @cached_property
    def content(self) -> Content:
        """All that a program carries, gathered on first use.

        Raises
        ------
        ExportError
            The model has no value for something in it.
        """
        return content(self.model, self.dataset, self.origin)


@dataclass(frozen=True)
class Options:
    """Parameters
    ----------
    digits
        Significant digits of numbers in displayed equations; code carries all of them.
    """

    digits: int = 5


class RunFailed(Exception):
    """Something that was written did not run; the text is a sentence."""


@dataclass(frozen=True)
class NoiseTrial:
    """How the noise of a program is run again.

    Parameters
    ----------
    steps
        Between two points.
    increments
        File in the folder, one row of increments for each step; "": the program's own generator.
    """

    steps: int
    paths: int = 1
    seed: int = 0
    increments: str = ""


@dataclass(frozen=True)
class Trial:
    """An artefact in a folder of its own, to be run again.

    Parameters
    ----------
    folder, file
        Where it lies, and its name there.
    trajectory
        Name of the trajectory to simulate.
    points
        Number of times, evenly from its start to its end.
    run
        Runs a command in the folder to its end and gives what it printed; raises ``RunFailed``.
    noise
        For models with noise: what is printed are paths then, with the number of each before its times. None: no noise.
    """

    folder: Path
    file: str
    trajectory: str
    points: int
    run: Callable[[Sequence[str]], str]
    noise: NoiseTrial | None = None


def _never(model: FittedModel) -> str | None:
    del model
    return None


def _no_black_boxes(model: FittedModel) -> str | None:
    found = black_boxes(model.system.expressions)
    if found:
        return f"the equations call the simulator `{found[0].title}`, which this form cannot drive; Python can"
    if model.system.step:
        return f"the equations go in steps of {model.system.step:g}, which this form is not written with yet; Python is"
    return None


def written_as_they_are(model: FittedModel) -> None:
    """For forms that show what the model says, or does, and run nothing."""
    del model


@dataclass(frozen=True)
class Exporter:
    """A form that a model can be written in.

    Parameters
    ----------
    name
        In specs and on the command line.
    title
        For reports, with what the form needs: ``"Julia (OrdinaryDiffEq)"``.
    label, description
        Two short lines for a list.
    file_name
        What the file is called; its ending is that of the form.
    write
        Gives the file: text, or bytes where it is no text.
    language
        For colouring a preview: ``python``, ``julia``, ``matlab``, ``c``, ``latex``, ``json``, ``html``, ``toml`` or ``text``.
    rerun
        How to run the file again: the command, which prints a CSV of a header, then time and states in each row; or a
        sentence that says why it cannot be run here. None where there is nothing to run.
    proof
        A sentence in place of a check, where there is nothing to run.
    delays
        Whether it writes equations with delays; models with some are refused where not.
    refuses
        A sentence where a model cannot be written in this form, else None.
    events
        Whether models with events can be written in this form.
    noise
        Whether stochastic models can be written in this form.
    algebraic
        Whether models with algebraic equations can.
    black_boxes
        A sentence where models with black boxes, or in steps, cannot be written in this form; None where they can.
    """

    name: str
    title: str
    file_name: str
    write: Callable[[Subject, Options], str | bytes]
    label: str = ""
    description: str = ""
    language: str = "text"
    rerun: Callable[[Trial], Sequence[str] | str] | None = None
    proof: str = "There is nothing to run."
    delays: bool = False
    refuses: Callable[[FittedModel], str | None] = _never
    events: bool = False
    noise: bool = False
    algebraic: bool = False
    black_boxes: Callable[[FittedModel], str | None] = _no_black_boxes

    def refusal(self, model: FittedModel) -> str | None:
        """Why a model cannot be written in this form; None if it can."""
        if model.system.diffusion and not self.noise:
            return (
                f"the equations are driven by the noise `{next(iter(model.system.diffusion))}`, which {self.title} has no place for; "
                "write a program, LaTeX, SymPy or JSON"
            )
        if model.system.events and not self.events:
            return (
                f"the model has events (`{text_of(model.system.events[0])}`), which this form is not written with yet; the "
                "simulations (CSV) have them"
            )
        if model.system.algebraic and not self.algebraic:
            name = model.system.algebraic[0].name
            return (
                f"`{name}` is given by an algebraic equation (`0 = ... for {name}`), which this form is not written with; Python, JAX, "
                "LaTeX, JSON and the simulations (CSV) have it"
            )
        return self.black_boxes(model) or self.refuses(model)
