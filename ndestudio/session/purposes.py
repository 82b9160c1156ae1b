"""What jobs are for, and where each kind of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Place = Literal["compute", "preview", "thread"]

COMPUTE: Place = "compute"
"""A process that traces, compiles and searches."""
PREVIEW: Place = "preview"
"""A process that simulates, draws and typesets what the window shows."""
THREAD: Place = "thread"
"""A thread of this process: for waiting on files, never for Python that computes, which would hold up the window."""

PurposeName = Literal[
    "warm-up",
    "device",
    "fit",
    "distil",
    "substitute",
    "ground_truth",
    "recovery",
    "profile",
    "compare",
    "warm-up preview",
    "plot_data",
    "simulate",
    "candidate",
    "samples",
    "formulas",
    "artefact",
    "verify",
    "next_run",
    "tube",
    "replay",
    "explore",
    "residuals",
    "law",
    "future",
    "assemble",
    "export all",
    "draw",
    "save figure",
    "preview",
    "load",
    "split",
    "open",
    "save",
    "autosave",
    "plug-ins",
    "sweep",
]
"""Names of purposes, spelt out so that a type checker finds one that is not declared."""


@dataclass(frozen=True)
class Purpose:
    """What a job is for: at most one job of a purpose counts at a time."""

    name: PurposeName
    where: Place


_BY_PLACE: Mapping[Place, tuple[PurposeName, ...]] = {
    COMPUTE: (
        "warm-up",
        "device",
        "fit",
        "distil",
        "substitute",
        "ground_truth",
        "recovery",
        "profile",
        "compare",
        "next_run",
        "tube",
        "replay",
        "explore",
    ),
    PREVIEW: (
        "warm-up preview",
        "plot_data",
        "simulate",
        "candidate",
        "samples",
        "formulas",
        "artefact",
        "verify",
        "residuals",
        "law",
        "future",
        "assemble",
        "export all",
        "draw",
        "save figure",
    ),
    THREAD: ("preview", "load", "split", "open", "save", "autosave", "plug-ins", "sweep"),
}

PURPOSES: Mapping[str, Purpose] = {name: Purpose(name, where) for where, names in _BY_PLACE.items() for name in names}


def purpose(name: str) -> Purpose:
    """The purpose called ``name``.

    Raises
    ------
    ValueError
        It is not declared here.
    """
    try:
        return PURPOSES[name]
    except KeyError:
        raise ValueError(
            f"`{name}` is no declared purpose of a job; declare it in session/purposes.py with the place where it runs"
        ) from None
