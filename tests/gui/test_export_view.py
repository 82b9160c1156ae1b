from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from ndestudio.data.dataset import Column, Dataset, Trajectory
from ndestudio.figures.style import FigureStyle
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.gui.building import choose
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.views.export_view import ExportView
from ndestudio.model import initial_model
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.project.project import Project, Spec
from ndestudio.session.session import Session
from ndestudio.solve.device import Device

Settle = Callable[[], None]


def decay() -> Project:
    """x' = -k x with k = 0.5, as if it had been fitted."""
    t = np.linspace(0.0, 4.0, 9)
    one = Trajectory("a", t, np.exp(-0.5 * t)[:, None], np.zeros((9, 0)), np.zeros(9, np.int8))
    dataset = Dataset((one,), Column("t", "t", "s"), (Column("x", "x", "mol"),))
    model = ModelConfig(equations="d(x)/dt = -k*x\n", parameters={"k": ParameterConfig(value=0.5, unit="1/s")})
    fit = Fit(
        Outcome.CONVERGED,
        "done",
        initial_model(model, dataset, 0),
        Metrics(train={"mean": 0.01}),
        0,
        Device("cpu", "x"),
    )
    return Project(spec=Spec(name="Decay", model=model), dataset=dataset, fit=fit)


@pytest.fixture
def view(window: MainWindow, session: Session, settle: Settle) -> ExportView:
    session.workspace.open(decay(), None)
    window.go("export")
    settle()
    shown = window.views["export"]
    assert isinstance(shown, ExportView)
    return shown


def test_the_model_is_shown_as_latex_first(view: ExportView):
    assert r"\frac" in view.preview.toPlainText()
    assert len(view.math.views) == 1
    assert view.math.views[0].formula is not None
    assert view.math.views[0].formula.latex == r"\frac{d\,x}{dt} = -0.5 \, x"
    assert view.parameters.item(0, 2).text() == "1/s"


def test_code_comes_with_its_proof(view: ExportView, settle: Settle):
    view.formats.setCurrentRow(2)
    settle()
    assert "solve_ivp" in view.preview.toPlainText()
    assert view.proof.text().startswith("Verified: ")
    assert view.proof.property("kind") == "badge-good"


def test_every_form_can_be_shown(view: ExportView, session: Session, settle: Settle, monkeypatch: pytest.MonkeyPatch):
    from ndestudio.session.export import controller as export_controller

    monkeypatch.setattr(export_controller, "_verify", lambda artefact, *_, reporter: artefact)
    for number in range(view.formats.count()):
        view.formats.setCurrentRow(number)
        settle()
        state = session.export.state()
        if state.format == "onnx":
            assert state.problem.startswith("the model has no network")
            continue
        assert state.problem == ""
        assert view.preview.toPlainText().strip() or (state.drawing and state.drawing.startswith(b"\x89PNG"))


def test_copying(view: ExportView):
    view.copy_button.click()
    assert QGuiApplication.clipboard().text() == view.preview.toPlainText()
    assert view.copy_button.text() == "Copied"


def test_saving(view: ExportView, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch, session: Session):
    assert session.export.suggested_name() == "decay.tex"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "m.tex"), ""))
    view.save_button.click()
    assert (tmp_path / "m.tex").read_text(encoding="utf-8") == view.preview.toPlainText()


def test_saving_where_nothing_can_be_written(view: ExportView, window: MainWindow, tmp_path: Path, session: Session):
    session.export.save(tmp_path / "no" / "m.tex")
    assert any("cannot be written" in text for text in window.toasts.texts)


def test_digits_change_the_displayed_equations(view: ExportView, session: Session, settle: Settle):
    view.digits.setValue(3)
    settle()
    assert session.project.spec.export.digits == 3
    assert session.workspace.undo_text == "Digits"


def test_without_a_fit_there_is_a_way_on(window: MainWindow, session: Session):
    window.go("export")
    view = window.views["export"]
    assert isinstance(view, ExportView)
    assert "train" in view.empty.sentence.text()
    assert not view.save_all_button.isEnabled()


@pytest.mark.parametrize(
    ("ending", "start"), [(".svg", b"<svg"), (".pdf", b"%PDF"), (".png", b"\x89PNG"), (".csv", b"panel,")]
)
def test_figures_are_saved_as_asked(
    view: ExportView, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch, ending: str, start: bytes
):
    view.chosen.emit("figures")
    settle()
    assert view.pages.currentWidget() is view.figures
    assert view.figures.box.count() >= 1
    path = tmp_path / f"figure{ending}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    view.save_button.click()
    settle()
    assert start in path.read_bytes()[:400]


def test_a_figure_with_another_ending_is_refused_with_a_sentence(
    view: ExportView, window: MainWindow, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
):
    view.chosen.emit("figures")
    settle()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "figure.tiff"), ""))
    view.save_button.click()
    settle()
    assert any(".tiff" in text and ".pdf" in text for text in window.toasts.texts)
    assert not (tmp_path / "figure.tiff").exists()


def test_a_figure_is_copied_as_a_picture(view: ExportView, settle: Settle):
    view.chosen.emit("figures")
    settle()
    view.copy_button.click()
    assert not QGuiApplication.clipboard().image().isNull()


def test_figures_have_a_light_ground(view: ExportView, settle: Settle):
    view.chosen.emit("figures")
    settle()
    shown = view.figures.image
    grey = [
        shown.pixelColor(x, y).lightness() for x in range(0, shown.width(), 40) for y in range(0, shown.height(), 40)
    ]
    assert sum(value > 200 for value in grey) > 0.8 * len(grey)


def test_the_style_of_figures_is_the_projects_and_is_seen_at_once(view: ExportView, session: Session, settle: Settle):
    view.chosen.emit("figures")
    settle()
    bar, wide = view.figures.style_bar, view.figures.image.width()
    choose(bar.width_box, "single")
    bar.width_box.currentIndexChanged.emit(bar.width_box.currentIndex())
    bar.font_size.setValue(7.0)
    bar.legend.click()
    settle()
    assert session.project.spec.export.style == FigureStyle(width="single", font_size=7.0, legend=False)
    assert view.figures.image.width() == pytest.approx(wide * 90 / 190, abs=2)
    session.export.choose_style(width=100.0)
    settle()
    assert bar.width_box.currentText() == "100 mm"
    session.export.choose_style(width="double")
    settle()
    assert bar.width_box.count() == 3
    session.workspace.undo()
    settle()
    assert session.project.spec.export.style == FigureStyle()
