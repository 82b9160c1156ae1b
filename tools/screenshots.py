"""Photographs every stage of the window, light and dark, on the lynx-hare sample: a real training and a real search.

xvfb-run -a -s "-screen 0 1600x1000x24" python tools/screenshots.py docs/images
python tools/screenshots.py docs/images --project finished.nde     # without computing anything
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication, QWidget

from ndestudio.gui import theme
from ndestudio.gui.app import make_application
from ndestudio.gui.bridge import Bridge
from ndestudio.gui.dialogs import DeviceDialog
from ndestudio.gui.garbage import Collector
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.recovery_dialog import open_recovery
from ndestudio.gui.toasts import ToastCard
from ndestudio.paths import examples_dir
from ndestudio.session.ports import Stage
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore

_LIMIT = 600.0
_SIZE = (1280, 800)


class Photographer:
    """A window and what it takes to photograph it.

    Parameters
    ----------
    folder
        Where the pictures go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._application: QApplication = make_application()
        settings = SettingsStore(Path(tempfile.mkdtemp()) / "settings.json")
        self.session = Session(settings=settings)
        self._theme = theme.install(self._application, "light")
        self.window = MainWindow(self.session)
        self._bridge = Bridge(self.session)
        self._collector = Collector()
        self.window.resize(*_SIZE)
        self.window.show()
        QCursor.setPos(0, 0)  # so that nothing is drawn as hovered
        self.wait()

    def wait(self, until: Callable[[], object] | None = None, *, rest: float = 0.6) -> None:
        """Let the window live until something holds (no job runs), then a moment for drawing."""
        end = time.monotonic() + _LIMIT
        while self.session.tasks.busy if until is None else not until():
            if time.monotonic() > end:
                raise SystemExit("the window did not get as far as was waited for")
            self._application.processEvents()
            time.sleep(0.005)
        end = time.monotonic() + rest
        while time.monotonic() < end:
            self._application.processEvents()
            time.sleep(0.005)

    def stage(self, name: Stage) -> None:
        self.window.go(name)
        self.wait()

    def photograph(self, name: str, widget: QWidget | None = None, *, rest: float = 0.6) -> None:
        """One picture of the window or of a dialog light, one dark, without messages that come and go."""
        for card in self.window.findChildren(ToastCard):
            card.dismiss()
        for scheme in ("light", "dark"):
            self._theme.use(scheme)
            self.wait(lambda: True, rest=rest)
            path = self._folder / f"{name}-{scheme}.png"
            if not (widget or self.window).grab().save(str(path)):
                raise SystemExit(f"{path} cannot be written")
            print(path)
        self._theme.use("light")

    def close(self) -> None:
        self.session.close()
        self._bridge.close()
        self.window.hide()
        self.window.deleteLater()
        self._application.processEvents()
        self._collector.close()


def main() -> None:
    """Work through the sample as a person would."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--project", type=Path, help="a finished project instead of computing one")
    parser.add_argument("--sample", default="lynx_hare", help="folder of the sample")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    camera = Photographer(arguments.folder)
    camera.photograph("start")
    camera.window.open_files([str(arguments.project or examples_dir() / arguments.sample / "spec.toml")])
    camera.wait()
    camera.stage("data")
    camera.photograph("data")
    camera.stage("model")
    camera.photograph("model")
    camera.stage("train")
    if camera.session.project.fit is None:
        camera.session.train.start()
        live = camera.session.train
        camera.wait(lambda: live.live is not None and any(len(curve.loss) > 3 for curve in live.live.curves), rest=0.1)
        camera.photograph("training", rest=0.2)  # before it ends
        camera.wait()
    camera.photograph("train")
    train = camera.window.views["train"]
    for page, name in ((1, "diagnostics"), (2, "profile")):
        train.left_tabs.setCurrentIndex(page)  # type: ignore[attr-defined]
        if name == "profile":
            camera.session.train.diagnostics.profile()
        camera.wait(rest=2.0)
        camera.photograph(name)
    train.left_tabs.setCurrentIndex(0)  # type: ignore[attr-defined]
    camera.stage("distil")
    if camera.session.project.distillation is None:
        camera.session.distil.start()
        camera.wait(lambda: camera.session.distil.live and camera.session.distil.live.fronts, rest=4.0)
        camera.photograph("distilling")
        camera.wait()
    camera.photograph("distil")
    camera.stage("export")
    camera.session.export.choose("python")
    camera.wait()
    camera.photograph("export")
    camera.session.export.choose("figures")
    camera.wait(lambda: camera.session.export.state().drawing)
    camera.photograph("figures")
    _dialogs(camera)
    camera.close()


def _dialogs(camera: Photographer) -> None:
    """The recovery test of the formulas in use, run, and the device."""
    recovery = open_recovery(camera.session, camera.window)
    choices = camera.session.recovery.state().ground_truths
    for neural_term, formula in {one.neural_term: one.choices[0][1] for one in choices}.items():
        camera.session.recovery.set_formula(neural_term, formula)
    camera.session.recovery.start()
    camera.wait()
    camera.photograph("recovery", recovery)
    recovery.close()
    device = DeviceDialog(camera.session, camera.window)
    device.open()
    camera.wait()
    camera.photograph("device", device)
    device.close()


if __name__ == "__main__":
    main()
