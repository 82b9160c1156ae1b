"""Every page of the window, with results made by hand: what `test_layout` walks and `photographs` looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtWidgets import QDialog, QTabWidget, QWidget

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Dataset
from ndestudio.fitting.metrics import score
from ndestudio.fitting.result import Fit
from ndestudio.fitting.stochastic.result import StochasticFit
from ndestudio.gui.main_window import MainWindow
from ndestudio.model import initial_model
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.paths import examples_dir
from ndestudio.progress import Reporter
from ndestudio.project.project import Project, Spec
from ndestudio.session.ports import STAGES, Stage
from ndestudio.session.session import Session
from tests.figures import examples as figures
from tests.session import results


@dataclass
class Scene:
    """A window, and how to wait until nothing is computed."""

    window: MainWindow
    session: Session
    settle: Callable[[], None]

    def open(self, project: Project) -> None:
        self.session.workspace.open(project, None)
        self.settle()

    def go(self, stage: Stage) -> Any:
        self.window.go(stage)
        self.settle()
        return self.window.views[stage]


def pages(scene: Scene) -> Iterator[tuple[str, QWidget]]:
    """Name of each page, and what is to be looked at, while it is in front."""
    scene.window.go_home()
    yield "start", scene.window
    scene.open(Project(Spec(), None))
    for stage in STAGES:
        scene.go(stage)
        yield f"{stage}-empty", scene.window
    scene.open(whole())
    for stage in STAGES:
        scene.go(stage)
        yield stage, scene.window
        yield from _tabs(scene, stage)
    yield from _dialogs(scene)
    yield from _new_kinds(scene)


def _tabs(scene: Scene, stage: str) -> Iterator[tuple[str, QWidget]]:
    """Each tab of a page once in front."""
    for tabs in scene.window.views[stage].findChildren(QTabWidget):  # type: ignore[index]
        before = tabs.currentIndex()
        for position in range(tabs.count()):
            if position != before and tabs.isVisible() and tabs.isTabVisible(position):
                tabs.setCurrentIndex(position)
                scene.settle()
                yield f"{stage}-{_slug(tabs.tabText(position))}", scene.window
        tabs.setCurrentIndex(before)


def _slug(title: str) -> str:
    return title.split("(")[0].strip().lower().replace(" ", "-")


def _dialogs(scene: Scene) -> Iterator[tuple[str, QWidget]]:
    from ndestudio.gui.dialogs import AboutDialog, DeviceDialog, ShortcutsDialog
    from ndestudio.gui.explore_dialog import open_explore
    from ndestudio.gui.history_dialog import open_history
    from ndestudio.gui.recovery_dialog import open_recovery
    from ndestudio.gui.sweep_dialog import open_sweep

    window, session = scene.window, scene.session
    session.device = results.fit().device
    for name, dialog in (
        ("about", AboutDialog(window)),
        ("device", DeviceDialog(session, window)),
        ("shortcuts", ShortcutsDialog(window.actions_, session.settings, window)),
        ("history", open_history(session, window)),
        ("recovery", open_recovery(session, window)),
        ("sweep", open_sweep(session, window)),
    ):
        yield from _shown(scene, name, dialog)
    explore = open_explore(session, window)
    explore.show()
    for kind in ("simulate", "scan", "local", "shares", "steady", "bifurcation"):
        place = explore.kind.findData(kind)
        if place < 0:
            continue
        explore.kind.setCurrentIndex(place)
        scene.settle()
        if kind in ("scan", "bifurcation"):
            for section, end in ((3, "0.3"), (4, "0.7")):
                explore.values.cell(0, section).setText(end)
            explore.start_button.click()
            scene.settle()
        yield f"explore-{kind}", explore
    explore.close()


def _shown(scene: Scene, name: str, dialog: QDialog) -> Iterator[tuple[str, QWidget]]:
    dialog.show()
    scene.settle()
    yield name, dialog
    dialog.close()


def _new_kinds(scene: Scene) -> Iterator[tuple[str, QWidget]]:
    """What only models of the newer kinds have."""
    view = scene.go("distil")
    view.lower_tabs.setCurrentIndex(5)
    scene.settle()
    from ndestudio.session.distillation.tubes import TubeState

    held = TubeState(figures.tube(), None, sentence="x stays below 1.3 from every start.", ready=True)
    with _held(scene, scene.session.distil.tubes, held):
        yield "distil-tube", scene.window
    view.lower_tabs.setCurrentIndex(0)
    scene.open(loaded("absorption"))
    data = scene.go("data")
    for position in (3, 4):
        data.tabs.setCurrentIndex(position)
        scene.settle()
        yield f"doses-data-{_slug(data.tabs.tabText(position))}", scene.window
    scene.go("model")
    yield "doses-model", scene.window
    scene.open(stochastic())
    train = scene.go("train")
    train.left_tabs.setCurrentIndex(4)
    scene.settle()
    yield "stochastic-law", scene.window
    model = scene.go("model")
    model.right_tabs.setCurrentIndex(1)
    scene.settle()
    yield "stochastic-simulation", scene.window
    model.right_tabs.setCurrentIndex(0)
    scene.open(steady())
    train = scene.go("train")
    train.left_tabs.setCurrentIndex(3)
    scene.settle()
    yield "steady-states", scene.window
    scene.open(whole())
    train = scene.go("train")
    from ndestudio.session.training.futures import FuturesState

    state = FuturesState(
        True,
        ("first", "second"),
        "second",
        2.0,
        True,
        figure=figures.examples()["future"],
        sentence="Runs not trained on, after their history: RMSE 0.21, CRPS 0.12 of the spread; 91% of values within 90% bands.",
    )
    with _held(scene, scene.session.train.futures, state):
        train.left_tabs.setCurrentIndex(5)
        scene.settle()
        yield "futures", scene.window
    train.left_tabs.setCurrentIndex(0)
    scene.open(simulator())
    scene.go("model")
    yield "simulator-model", scene.window
    train = scene.go("train")
    yield "simulator-train", scene.window


@contextmanager
def _held(scene: Scene, controller: Any, state: object) -> Iterator[None]:
    """A controller that shows a state whatever is in the project."""
    resolve = controller.state
    controller.state = lambda: state
    scene.session.refresh()
    scene.settle()
    yield
    controller.state = resolve
    scene.session.refresh()


@cache
def whole() -> Project:
    """All results of a small problem."""
    return results.project(fitted=True, distilled=True)


def loaded(name: str) -> Project:
    """An example before it is trained."""
    from ndestudio.session.files import _load_spec

    return _load_spec(examples_dir() / name / "spec.toml", reporter=_quiet())


def made_up(project: Project, **more: Any) -> Project:
    """With a fit that is the model as it begins."""
    assert project.dataset is not None
    model = initial_model(project.spec.model, project.dataset, 0)
    fit = replace(results.fit(), model=model, metrics=score(model, project.dataset), checkpoints=(), intervals={})
    return replace(project, fit=replace(fit, **more))


@cache
def stochastic() -> Project:
    """An Ornstein-Uhlenbeck process."""
    model, rows, _ = figures.stochastic()
    parameters = {"k": ParameterConfig(value=1.1), "s": ParameterConfig(value=0.6)}
    spec = Spec(model=ModelConfig(equations="d(x)/dt = -k*x + s*noise", parameters=parameters))
    found = StochasticFit("gaussian", 199, {"train": 0.3}, ("dx = -k*x dt + s dW",))
    fit: Fit = replace(results.fit(), model=model, stochastic=found, checkpoints=(), intervals={}, history=())
    return Project(spec, rows, fit=fit)


@cache
def steady() -> Project:
    """Nothing but steady states, over a dose."""
    _, rows = figures.dose_response()
    return made_up(Project(Spec(model=ModelConfig(equations="d(x)/dt = dose + 2*x^4/(1 + x^4) - x")), rows))


def simulator() -> Project:
    """Equations that call a table."""
    t = np.linspace(0.0, 5.0, 11)
    rows: Dataset = dataset_from_arrays([t], [np.exp(-t)[:, None]], ["x"])
    text = 'd(x)/dt = blackbox("cooling.csv")(x) + f(x)\n'
    from ndestudio.model.config import NetworkConfig

    return Project(Spec(model=ModelConfig(equations=text, networks={"f": NetworkConfig(width=4, depth=1)})), rows)


class _Quiet:
    def emit(self, event: object) -> None:
        pass

    def should_stop(self) -> bool:
        return False


def _quiet() -> Reporter:
    return _Quiet()


def stored() -> Path:
    """Where the small pictures lie."""
    return Path(__file__).parent / "pictures"
