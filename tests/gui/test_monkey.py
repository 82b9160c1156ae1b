"""A short visit of the monkey of ``benchmarks/gui``: clicks, keys, drops and edits by chance find no exception.

The long one, with real trainings: ``python -m benchmarks.gui monkey --minutes 10 --seed 0``.
"""

import json
import time
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from benchmarks.gui.monkey import Watch, hooks_of, play, watched
from benchmarks.gui.monkey_files import make_files
from benchmarks.gui.monkey_hands import Hands
from ndestudio.gui.main_window import MainWindow
from ndestudio.progress import FitSnapshot, Phase, Progress, TrainStep
from ndestudio.session.distillation import controller as distil_controller
from ndestudio.session.session import Session
from ndestudio.session.training import controller as train_controller
from tests.session import results

ACTIONS = 220


def short_fit(model, dataset, config, start, *, reporter):  # type: ignore[no-untyped-def]
    reporter.emit(Phase("final_refinement", "fitting"))
    for step in range(100):
        reporter.emit(TrainStep("final_refinement", step, 1.0 / (step + 1), None, {"a": 0.5, "b": 1.0}, 0.1))
        if step % 25 == 0:
            reporter.emit(FitSnapshot("final_refinement", step, results.model(), {}))
        time.sleep(0.002)
        if reporter.should_stop():
            break
    return results.fit()


def short_search(fit, dataset, config, train, next_run, *, reporter):  # type: ignore[no-untyped-def]
    reporter.emit(Phase("search", "searching"))
    for step in range(20):
        reporter.emit(Progress(step / 20))
        time.sleep(0.005)
        if reporter.should_stop():
            break
    return results.distillation(fit.model)


@pytest.fixture
def hands(window: MainWindow, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hands:
    monkeypatch.setattr(train_controller, "_fit", short_fit)
    monkeypatch.setattr(distil_controller, "_distil", short_search)
    session.workspace.open(results.project(fitted=True, distilled=True), None)
    return Hands(lambda: window, make_files(tmp_path / "files"), 0, hooks_of(lambda: session))


@pytest.mark.timeout(600)
@pytest.mark.qt_no_exception_capture
@pytest.mark.qt_log_level_fail("CRITICAL")
def test_a_monkey_finds_no_exception(
    hands: Hands, window: MainWindow, session: Session, tmp_path: Path, qapp: QApplication, qtbot: QtBot
):
    def settle(seconds: float) -> None:
        qapp.processEvents()
        session.tick()
        if not window.isVisible():
            window.show()

    watch = Watch(tmp_path / "log.jsonl")
    with watched(watch, hands.files, tmp_path, hands):
        done = play(watch, hands, (hands.choose() for _ in range(ACTIONS)), settle)
        hands.perform({"do": "dismiss"})
        session.tasks.discard_all()
    assert watch.failures == []
    assert done.total() > ACTIONS / 2
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(logged) == ACTIONS


def test_what_goes_wrong_is_found_with_the_action_that_led_to_it(
    hands: Hands, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(scheme: str) -> None:
        raise ZeroDivisionError(scheme)

    monkeypatch.setattr(window, "use_scheme", broken)
    watch = Watch()
    with watched(watch, hands.files, tmp_path, hands):
        play(watch, hands, iter([{"do": "stage", "stage": "data"}, {"do": "scheme", "scheme": "dark"}]), lambda _: None)
    assert len(watch.failures) == 1
    assert "ZeroDivisionError" in watch.failures[0]
    assert watch.failures[0].startswith('action 2 {"do": "scheme"')


def test_an_action_is_done_again_from_its_line_in_the_log(hands: Hands, window: MainWindow):
    window.go("train")
    click = {"do": "click", "at": [], "spot": [5, 5]}
    for _ in range(200):
        action = hands.choose()
        if action["do"] == "click":
            click = action
            break
    assert hands.perform(json.loads(json.dumps(click)))
    assert not hands.perform({**click, "at": [["MainWindow", 0], ["NoSuchWidget", 7]]})
