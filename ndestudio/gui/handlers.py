"""What each action of the window does, by its name."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from ndestudio.gui.dialogs import AboutDialog, DeviceDialog, ShortcutsDialog
from ndestudio.gui.help import open_page
from ndestudio.gui.palette import CommandPalette
from ndestudio.gui.window import StudioWindow
from ndestudio.paths import user_state_dir
from ndestudio.session.distillation.controller import DistilController
from ndestudio.session.ports import STAGES
from ndestudio.session.purposes import PurposeName
from ndestudio.session.settings import Scheme
from ndestudio.session.training.controller import TrainController


def handlers(window: StudioWindow) -> dict[str, Callable[[], object]]:
    """Name of an action -> what it does."""
    return _Handlers(window).table()


class _Handlers:
    def __init__(self, window: StudioWindow) -> None:
        self._window, self._session = window, window.session

    def table(self) -> dict[str, Callable[[], object]]:
        window = self._window
        found: dict[str, Callable[[], object]] = {
            "new": window.new_project,
            "open": window.browse,
            "save": window.save,
            "save-as": window.save_as,
            "quit": window.close,
            "undo": self._session.undo,
            "redo": self._session.redo,
            "copy-script": lambda: self._copy_session("script"),
            "copy-spec": lambda: self._copy_session("spec"),
            "history": self._history,
            "explore": self._explore,
            "sweep": self._sweep,
            "palette": self._palette,
            "stage-home": window.go_home,
            "full-screen": self._full_screen,
            "reset-layout": self._reset_layout,
            "train": self._train,
            "pause": self._pause,
            "stop": self._stop,
            "distil": self._distil,
            "recovery": self._recovery,
            "tour": window.take_tour,
            "documentation": self._documentation,
            "shortcuts": self._shortcuts,
            "device": self._device,
            "plug-ins": self._plug_ins,
            "log": self._log_folder,
            "about": lambda: AboutDialog(window).open(),
        }
        for stage in STAGES:
            found[f"stage-{stage}"] = lambda stage=stage: window.go(stage)
        schemes: tuple[Scheme, ...] = ("system", "light", "dark")
        for scheme in schemes:
            found[f"scheme-{scheme}"] = lambda scheme=scheme: window.use_scheme(scheme)
        return found

    def _pause(self) -> None:
        """Hold what runs, or go on with what is held."""
        self._hold("fit", self._session.train)
        self._hold("distil", self._session.distil)

    def _hold(self, slot: PurposeName, controller: TrainController | DistilController) -> None:
        if task := self._session.tasks.running(slot):
            (controller.resume if task.paused else controller.pause)()

    def _stop(self) -> None:
        self._session.train.stop()
        self._session.distil.stop()

    def _train(self) -> None:
        self._window.go("train")
        self._session.train.start()

    def _distil(self) -> None:
        self._window.go("distil")
        self._session.distil.start()

    def _copy_session(self, form: str) -> None:
        words = {"script": "as a Python script", "spec": "as a spec"}[form]
        QGuiApplication.clipboard().setText(self._session.export.session_text(form))
        self._session.toast(f"The session is on the clipboard {words}.", "good")

    def _palette(self) -> None:
        CommandPalette(self._window.actions_.all(), self._window, self._window.stack.currentWidget()).show()

    def _shortcuts(self) -> None:
        dialog = ShortcutsDialog(self._window.actions_, self._session.settings, self._window)
        dialog.open()

    def _device(self) -> None:
        DeviceDialog(self._session, self._window).open()

    def _plug_ins(self) -> None:
        from ndestudio.gui.plug_ins_dialog import open_plug_ins

        open_plug_ins(self._session, self._window)

    def _recovery(self) -> None:
        from ndestudio.gui.recovery_dialog import open_recovery

        open_recovery(self._session, self._window)

    def _explore(self) -> None:
        from ndestudio.gui.explore_dialog import open_explore

        open_explore(self._session, self._window)

    def _sweep(self) -> None:
        from ndestudio.gui.sweep_dialog import open_sweep

        open_sweep(self._session, self._window)

    def _history(self) -> None:
        from ndestudio.gui.history_dialog import open_history

        open_history(self._session, self._window)

    def _documentation(self) -> None:
        open_page(self._window)

    def _log_folder(self) -> None:
        folder = user_state_dir() / "log"
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._session.toast(f"Nothing here opens folders; the log is in {folder}.", "warning")

    def _full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _reset_layout(self) -> None:
        self._session.settings.change(geometry="", layout={})
        for view in self._window.views.values():
            reset = getattr(view, "reset_layout", None)
            if reset is not None:
                reset()
        self._window.setWindowState(Qt.WindowState.WindowNoState)
        self._window.resize(1280, 800)
