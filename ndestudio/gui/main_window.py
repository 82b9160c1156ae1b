"""The main window: rail, stages, menus, status bar, drops. It shows a ``ShellState`` and passes intents on."""

from __future__ import annotations

import base64
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QWidget,
)

from ndestudio.gui import file_style, layout
from ndestudio.gui.actions import ACTIONS, Actions
from ndestudio.gui.handlers import handlers
from ndestudio.gui.icons import application_icon
from ndestudio.gui.overlays import DropOverlay, RecoveryBanner
from ndestudio.gui.rail import Rail
from ndestudio.gui.stages import make_view, prepare_plots
from ndestudio.gui.start_page import StartPage
from ndestudio.gui.status import StatusBar
from ndestudio.gui.style_cache import forget
from ndestudio.gui.theme import theme
from ndestudio.gui.toasts import Toasts
from ndestudio.gui.tour import TourCard
from ndestudio.gui.wheel import WheelGuard
from ndestudio.gui.window import StudioWindow
from ndestudio.session.files import Use, open_filter, samples
from ndestudio.session.ports import STAGES, Stage
from ndestudio.session.purposes import PurposeName
from ndestudio.session.session import Session
from ndestudio.session.settings import Scheme
from ndestudio.session.shell import ShellState, Toast

_PROJECT_FILTER = "NDE Studio project (*.nde)"


class MainWindow(StudioWindow):
    """Everything around the stages."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._home = True
        self._path = ""
        self.views = {}
        self._attached: set[Stage] = set()
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.setMinimumSize(960, 640)
        self.resize(1280, 800)
        self.rail = Rail()
        self.start_page = StartPage(samples())
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start_page)
        self.banner = RecoveryBanner()
        self.status = StatusBar()
        self.toasts = Toasts(self)
        self.overlay = DropOverlay(self)
        self._wheel = WheelGuard(self)
        self._lay_out()
        self.actions_ = Actions(self, handlers(self), session.settings.value.shortcuts)
        self._recent_menu = QMenu("Open &recent", self)
        self._make_menus()
        self._connect()
        self._restore()
        session.attach_shell(self)
        file_style.ask(lambda: session.project.spec.export.style)
        self.tour = TourCard(self, session.tour, self.views)
        session.tour.attach(self.tour)
        self.stack.setFocus()
        self._offer_recovery()

    # --- what is shown ---------------------------------------------------------------------------------------------

    def show_state(self, state: ShellState) -> None:
        self._path = state.path
        self.setWindowTitle(f"{state.title}[*] – NDE Studio")
        self.setWindowModified(state.modified)
        if not state.empty and self._shown_empty:
            self._home = False
        self._shown_empty = state.empty
        home = self._home or state.empty
        self.stack.setCurrentWidget(self.start_page if home else self._view(state.stage))
        self.rail.show_stage(None if home else state.stage, state.marks)
        self.status.show_state(state)
        self._show_actions(state)
        self.start_page.show_recent(state.recent)
        self._show_recent(state.recent)

    _shown_empty = True

    def show_toast(self, toast: Toast) -> None:
        self.toasts.show(toast)

    def prepare(self, stage: Stage) -> QWidget:
        """The view of a stage, made if it is not there yet; it shows nothing before it is looked at."""
        view = self.views.get(stage)
        if view is None:
            view = self.views[stage] = make_view(stage, self.session)
            self.stack.addWidget(view)
            layout.restore(view, stage, self.session.settings.value.layout)
        return view

    def _view(self, stage: Stage) -> QWidget:
        view = self.prepare(stage)
        if stage not in self._attached:
            self._attached.add(stage)
            self.session.controller(stage).attach(view)  # type: ignore[arg-type]
        return view

    def _show_actions(self, state: ShellState) -> None:
        undo, redo = self.actions_["undo"], self.actions_["redo"]
        undo.setEnabled(bool(state.undo))
        redo.setEnabled(bool(state.redo))
        undo.setText(f"&Undo {state.undo}".rstrip())
        redo.setText(f"&Redo {state.redo}".rstrip())
        training = self.session.tasks.running("fit")
        searching = self.session.tasks.running("distil")
        for name in ("copy-script", "copy-spec"):
            self.actions_[name].setEnabled(not state.empty)
        self.actions_["pause"].setEnabled(bool(training or searching))
        self.actions_["stop"].setEnabled(bool(training or searching))

    def _show_recent(self, paths: tuple[str, ...]) -> None:
        self._recent_menu.clear()
        for path in paths:
            action = self._recent_menu.addAction(Path(path).name)
            action.setToolTip(path)
            action.triggered.connect(lambda _=False, path=path: self.open_files([path]))
        self._recent_menu.setEnabled(bool(paths))

    # --- intents ---------------------------------------------------------------------------------------------------

    def go(self, stage: Stage) -> None:
        """Show a stage."""
        self._home = False
        self.session.show_stage(stage)
        if self.session.shell.state().empty:
            self.stack.setCurrentWidget(self._view(stage))
            self.rail.show_stage(stage, ("",) * len(STAGES))

    def go_home(self) -> None:
        """Show the start page."""
        self._home = True
        self.stack.setCurrentWidget(self.start_page)
        self.rail.show_stage(None, self.session.shell.state().marks)

    def open_files(self, paths: list[str]) -> None:
        if not paths or not self._may_leave(paths):
            return
        use = self._use_of(paths) if self.session.files.asks(paths) else "replace"
        if use is not None and (use != "new" or self._may_leave([])):
            self._home = False
            self.session.files.open(paths, use)
            QTimer.singleShot(0, prepare_plots)  # while the file is being read

    def browse(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Open data, a spec or a project", "", open_filter())
        self.open_files(paths)

    def new_project(self) -> None:
        if self._may_leave([]):
            self.session.files.new()
            self.go_home()

    def take_tour(self) -> None:
        """From measurements to equations on a sample; what is not saved is asked about first."""
        if self._may_leave([]):
            self.start_page.offer.hide()
            self._home = False
            self.session.tour.begin()

    def save(self) -> bool:
        """Save; asks for a file when the project has none. False when the person cancelled."""
        return self._save_to(self._path) if self._path else self.save_as()

    def save_as(self) -> bool:
        suggestion = self._path or f"{self.session.shell.state().title}.nde"
        path, _ = QFileDialog.getSaveFileName(self, "Save the project", suggestion, _PROJECT_FILTER)
        return self._save_to(path) if path else False

    def _save_to(self, path: str) -> bool:
        self.session.files.save(path)
        return True

    def use_scheme(self, scheme: Scheme) -> None:
        self.session.settings.change(scheme=scheme)
        theme().use(scheme)

    # --- putting together ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        from ndestudio.gui.building import column, holder, row

        right = holder(column(self.banner, self.stack, spacing=0))
        centre = QWidget()
        inner: QHBoxLayout = row(self.rail, right, spacing=0)
        inner.setStretch(1, 1)
        centre.setLayout(inner)
        self.setCentralWidget(centre)
        self.setStatusBar(self.status)

    def _make_menus(self) -> None:
        menus: dict[str, QMenu] = {}
        for spec in ACTIONS:
            menu = menus.get(spec.menu)
            if menu is None:
                menu = menus[spec.menu] = self.menuBar().addMenu(spec.menu)
                menu.setToolTipsVisible(True)
            if spec.separator:
                menu.addSeparator()
            menu.addAction(self.actions_[spec.name])
            if spec.name == "open":
                menu.addMenu(self._recent_menu)

    def _connect(self) -> None:
        self.rail.chosen.connect(self.go)
        self.start_page.browse.connect(self.browse)
        self.start_page.offer.accepted.connect(self.take_tour)
        self.start_page.offer.declined.connect(self.session.tour.decline)
        self.start_page.offer.setVisible(self.session.tour.offered)
        self.start_page.files_chosen.connect(self.open_files)
        self.status.device_clicked.connect(self.actions_["device"].trigger)
        self.banner.recover.connect(self._recover)
        self.banner.dismiss.connect(self._dismiss_recovery)

    def _restore(self) -> None:
        geometry = self.session.settings.value.geometry
        if geometry:
            self.restoreGeometry(base64.b64decode(geometry))

    # --- recovery --------------------------------------------------------------------------------------------------

    def _offer_recovery(self) -> None:
        self._leftovers = self.session.autosave.leftovers()
        if self._leftovers:
            self.banner.offer(self._leftovers[0].modified)
        else:
            self.banner.hide()

    def _recover(self) -> None:
        self.banner.hide()
        self._home = False
        self.session.files.recover(self._leftovers[0].path)

    def _dismiss_recovery(self) -> None:
        self.banner.hide()
        for leftover in self._leftovers:
            self.session.autosave.dismiss(leftover)

    # --- Qt events -------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wheel.watch(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local_files(event.mimeData()):
            _copies(event)
            self.overlay.cover()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.overlay.hide()
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self.overlay.hide()
        paths = _local_files(event.mimeData())
        if paths:
            _copies(event)
            # not within the drop: a question would keep the file manager waiting
            QTimer.singleShot(0, lambda: self.open_files(paths))

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_leave(None):
            event.ignore()
            return
        geometry = base64.b64encode(bytes(self.saveGeometry().data())).decode()
        kept = {**self.session.settings.value.layout}
        for stage, view in self.views.items():
            kept.update(layout.remembered(view, stage))
        self.session.settings.change(geometry=geometry, layout=kept)
        self.session.close()
        forget(self)
        event.accept()

    def _may_leave(self, opening: list[str] | None) -> bool:
        """Ask about work that closing or opening a project would lose (data opened into it can be undone)."""
        replaces = opening is None or not opening or Path(opening[0]).suffix.lower() in (".nde", ".toml")
        if not replaces:
            return True
        buttons = QMessageBox.StandardButton
        if task := self.session.tasks.unfinished:
            words = "Stop it and keep the best so far? Otherwise what it has found is lost."
            answer = self._ask(f"{task.title} is still running.", words, buttons.Yes)
            if answer == buttons.Yes:
                self._wait_stopped(task.slot)
            elif answer != buttons.Discard:
                return False
        if not self.session.workspace.modified or self.session.shell.state().empty:
            return True
        answer = self._ask("The project has changes that are not saved.", "Save them first?", buttons.Save)
        if answer == buttons.Save:
            return self.save() and self._wait_saved()
        return answer == buttons.Discard

    def _ask(self, text: str, question: str, keep: QMessageBox.StandardButton) -> int:
        """The button pressed: ``keep``, Discard or Cancel."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(text)
        box.setInformativeText(question)
        buttons = QMessageBox.StandardButton
        box.setStandardButtons(keep | buttons.Discard | buttons.Cancel)
        if keep == buttons.Yes:
            box.button(keep).setText("Stop and keep")
        box.setDefaultButton(keep)
        return box.exec()

    def _use_of(self, paths: list[str]) -> Use | None:
        """What a person wants with data files where a project is open; None: nothing."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        box.setText(f"What should be done with {Path(paths[0]).name}{more}?")
        box.setInformativeText(
            "A new project begins without equations and results. Replaced data are fitted by the equations of this project. "
            "Further runs are fitted together with the data that are here."
        )
        role = QMessageBox.ButtonRole.ActionRole
        new, replace, append = (
            box.addButton(words, role) for words in ("New project", "Replace the data", "Add as further runs")
        )
        uses: dict[object, Use] = {new: "new", replace: "replace", append: "append"}
        box.setDefaultButton(new)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        return uses.get(box.clickedButton())

    def _wait_stopped(self, slot: PurposeName) -> None:
        """Let a stopped job hand back what it reached."""
        self.session.tasks.stop(slot)
        while self.session.tasks.running(slot):
            self.session.tick()
            QApplication.processEvents()

    def _wait_saved(self) -> bool:
        """Let the save job end before its project goes away."""
        while self.session.tasks.running("save"):
            self.session.tick()
            QApplication.processEvents()
        return not self.session.workspace.modified


def _copies(event: QDropEvent) -> None:
    """Take what is dropped as a copy: the file manager must not move the file away."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def _local_files(data: QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
