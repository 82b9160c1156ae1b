"""What the Export view shows."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.figures.description import Figure
from ndestudio.figures.style import FigureStyle
from ndestudio.session.formulas import Formula


@dataclass(frozen=True)
class FormatRow:
    """A target. `suffix` is that of its file, with the dot."""

    name: str
    title: str
    description: str
    suffix: str
    language: str


@dataclass(frozen=True)
class ArtefactState:
    """An artefact that was made.

    Parameters
    ----------
    proof
        Sentence on how it was checked, "" while it is being checked.
    figures
        What there is to look at, where the form is figures and not text.
    data
        What is in the file, where that is no text.
    deviation
        Largest deviation of its trajectories from the model's, relative to the range of each state; None when it was
        not run.
    """

    name: str
    text: str
    proof: str
    deviation: float | None
    figures: tuple[Figure, ...] = ()
    data: bytes = b""

    @property
    def payload(self) -> bytes:
        """The bytes of the file."""
        return self.data or self.text.encode("utf-8")


@dataclass(frozen=True)
class ExportState:
    """Arguments:
    artefact: of the chosen format, None while it is being made.
    figure: the one that is looked at, None where the form is text.
    drawing: PNG file of it in the style, None while it is being drawn. style: how figures are written.
    problem: why it cannot be made, "" if nothing is wrong.
    summary: what is exported, a sentence (which neural terms are formulas, which still networks).
    """

    ready: bool
    obstacle: str
    formats: tuple[FormatRow, ...]
    format: str
    artefact: ArtefactState | None
    figure: Figure | None
    drawing: bytes | None
    style: FigureStyle
    problem: str
    busy: bool
    digits: int
    equations: tuple[Formula | None, ...]
    parameters: tuple[tuple[str, float, str], ...]
    errors: tuple[tuple[str, float], ...]
    summary: str
