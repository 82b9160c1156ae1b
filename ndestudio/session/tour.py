"""The tour: three steps on a sample, from measurements to equations, driving the real session.

Where the tour stands is resolved from the session itself, so that a person may do a step by hand, go back, undo, or let the
tour do it; it never blocks and can be left at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec

from ndestudio.paths import examples_dir
from ndestudio.progress import Reporter
from ndestudio.project.project import Project
from ndestudio.session.ports import Context, Continuable, DataFiles, Startable
from ndestudio.session.presenter import Presenter
from ndestudio.session.settings import SettingsStore

Stop = Literal[
    "", "opening", "data", "model", "train", "training", "trained", "poor", "distil", "searching", "equations", "missed"
]

STEPS = 3
SEARCH_SECONDS = 3.0
"""Of the search for each unknown function."""
CANDIDATES = 4
TRAIN_SECONDS = 40.0
"""Longest training; the quick preset ends by itself after some ten, unless the machine has other work."""
GOOD = 0.5
"""Training error, in spreads, up to which curves and points can be said to agree."""


@dataclass(frozen=True)
class TourState:
    """Arguments:
    stop: where the tour stands, "" while there is none; what is pointed at goes with it.
    step: 1 to ``STEPS``.
    action: words for what the tour would do next, "" while it waits for a computation.
    ends: the action ends the tour.
    """

    stop: Stop = ""
    step: int = 0
    title: str = ""
    text: str = ""
    action: str = ""
    ends: bool = False


_STOPS: dict[Stop, TourState] = {
    "opening": TourState("opening", 1, "Opening the sample", "Pelts of hares and lynxes, 1900 to 1920."),
    "data": TourState(
        "data",
        1,
        "Measurements",
        "Pelts of hares and lynxes, traded from 1900 to 1920. Time, columns and units were recognised, and the last rows are "
        "held out for checking. Every guess can be put right on this page.",
        "Go on to the model",
    ),
    "model": TourState(
        "model",
        1,
        "What is known, as text",
        "Hares are born, lynxes die: that is known. What they do to each other is not: predation(…) and growth(…) are names "
        "for unknown functions. Networks will learn them.",
        "Go on to training",
    ),
    "train": TourState(
        "train",
        2,
        "Learn the unknown functions",
        "The preset is a quick look of some ten seconds. Equations, networks and parameters are fitted together to whole "
        "trajectories.",
        "Start training",
    ),
    "training": TourState(
        "training",
        2,
        "Learning",
        "The curves come closer to the points. You may pause, stop or look around meanwhile; nothing is lost.",
    ),
    "trained": TourState(
        "trained",
        2,
        "Learned",
        "Curves and points agree, and the networks can be looked at under Functions. Now they become formulas.",
        "Go on to the formulas",
    ),
    "poor": TourState(
        "poor",
        2,
        "Not there yet",
        "The curves do not follow the points so far; the machine may have other work. Training goes on from the model that was "
        "reached.",
        "Train on",
    ),
    "distil": TourState(
        "distil",
        3,
        "Turn networks into formulas",
        f"For each unknown function formulas are searched for {SEARCH_SECONDS:.0f} seconds, substituted into the equations, fitted "
        "again and simulated.",
        "Start the search",
    ),
    "searching": TourState(
        "searching",
        3,
        "Searching",
        "Each point is a formula: short ones on the left, exact ones on the right. Click one to see it.",
    ),
    "equations": TourState(
        "equations",
        3,
        "Equations",
        "These are the equations, with their constants. Any other formula can be substituted with a click, Export writes them as "
        "code and text, and your own data go the same way: drop a file anywhere.",
        "Finish",
        ends=True,
    ),
    "missed": TourState(
        "missed",
        3,
        "No formula this time",
        "The search ended before it had a formula for each function. Search again, or give it more seconds under Search "
        "settings.",
        "Search again",
    ),
}


class TourController(Presenter[TourState]):
    """Offered at the first start, and from the Help menu."""

    def __init__(
        self, context: Context, settings: SettingsStore, data: DataFiles, train: Continuable, distil: Startable
    ) -> None:
        super().__init__(context)
        self._settings, self._data, self._train, self._distil = settings, data, train, distil
        self._files: tuple[str, ...] | None = None
        self._opening = False

    @property
    def offered(self) -> bool:
        """Whether the start page should offer the tour: until it was taken or declined."""
        return not self._settings.value.tour_seen

    # --- intents ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Open the sample as a new project and point at the first thing."""
        self.decline()
        self._opening, self._files = True, None
        path = examples_dir() / "lynx_hare" / "spec.toml"
        self._tasks.start(
            "open",
            "Opening the sample",
            _sample,
            path,
            done=self._on_opened,
            failed=self._on_failed,
        )
        self._navigation.refresh()

    def decline(self) -> None:
        """Do not offer it again by itself."""
        self._settings.change(tour_seen=True)

    def leave(self) -> None:
        """End the tour; the project and what runs stay as they are."""
        self._opening, self._files = False, None
        self._navigation.refresh()

    def go_on(self) -> None:
        """Do what comes next: what the control that is pointed at would do."""
        show = self._navigation.show_stage
        match self.state().stop:
            case "data":
                show("model")
            case "model":
                show("train")
            case "train":
                show("train")
                self._train.start()
            case "trained":
                show("distil")
            case "poor":
                show("train")
                self._train.go_on()
            case "distil" | "missed":
                show("distil")
                self._distil.start()
            case "equations":
                self.leave()
            case _:
                pass

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> TourState:
        stop = self._stop()
        return _STOPS[stop] if stop else TourState()

    def _stop(self) -> Stop:
        project, tasks, stage = self._workspace.project, self._tasks, self._navigation.stage
        if self._opening:
            return "opening"
        if self._files is None:
            return ""
        if project.spec.data.files != self._files:
            self._files = None  # another project was opened
            return ""
        if project.distillation is not None:
            return "equations" if project.accepted or not project.distillation.neural_terms else "missed"
        if tasks.running("distil"):
            return "searching"
        if project.fit is not None and not tasks.running("fit"):
            if not project.fit.metrics.train.get("mean", math.inf) <= GOOD:
                return "poor"
            return "distil" if stage == "distil" else "trained"
        if tasks.running("fit"):
            return "training"
        return "train" if stage in ("train", "distil", "export") else "model" if stage == "model" else "data"

    def _on_opened(self, project: Project) -> None:
        if not self._opening:
            return
        self._opening, self._files = False, project.spec.data.files
        self._data.trust(project)
        self._navigation.stand_at("data")
        self._workspace.open(project, None)

    def _on_failed(self, failed: object) -> None:
        self.leave()
        sentence, details = getattr(failed, "sentence", str(failed)), getattr(failed, "details", "")
        self._notifier.toast(f"The sample of the tour cannot be opened: {sentence}", "error", details)


def _sample(path: Path, *, reporter: Reporter) -> Project:
    """The sample with its data, its training and search short enough for a tour."""
    from ndestudio.data import load
    from ndestudio.project import load_spec

    spec = load_spec(path)
    train = msgspec.structs.replace(spec.train, preset="quick", time_limit=TRAIN_SECONDS)
    distil = msgspec.structs.replace(spec.distil, seconds=SEARCH_SECONDS, candidates=CANDIDATES)
    spec = msgspec.structs.replace(spec, train=train, distil=distil)
    return replace(Project(spec=spec), dataset=load(spec.data, reporter))
