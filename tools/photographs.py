"""Photographs every page of the window and compares it with the small pictures kept in `tests/gui/pictures`.

    python tools/photographs.py OUT                # all sizes, light and dark: pictures in OUT, what differs is listed
    python tools/photographs.py OUT --keep         # keep what is seen now (look at it first)
    python tools/photographs.py OUT --size 960x640 --only train

Pages are walked for widgets that overlap and texts that are cut off, too. A picture differs where more than a few blocks of 8 pixels differ
clearly: shadows of a line or another shape of a letter do not count. The exit code is 1 where anything is found.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
_tests = types.ModuleType("tests")
_tests.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = _tests  # some distributions bring a package of this name, which would be taken

import numpy as np
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from ndestudio.gui import theme
from ndestudio.gui.bridge import Bridge
from ndestudio.gui.garbage import Collector
from ndestudio.gui.main_window import MainWindow
from ndestudio.gui.toasts import ToastCard
from ndestudio.gui.widgets.redraw import Redraw
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from tests.gui.layout_walk import faults
from tests.gui.pages import Scene, pages, stored

SIZES = {
    "960x640": (960, 640, 1),
    "1280x720": (1280, 720, 1),
    "1600x1000": (1600, 1000, 1),
    "1280x720@2x": (1280, 720, 2),
}
_TILE = (112, 75)
"""Pixels of a picture that is kept."""
_CLEAR, _PART = 28, 0.02
"""Levels of 255 by which a pixel differs clearly, and the part of a picture in which that is too much."""
_LIMIT = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the pictures")
    parser.add_argument("--keep", action="store_true", help="keep what is seen now to compare with")
    parser.add_argument("--size", choices=SIZES, action="append", help="only this size (again for more)")
    parser.add_argument("--only", default="", help="only pages whose name begins so")
    parser.add_argument("--inside", choices=SIZES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if arguments.inside:
        return _photograph(arguments.folder, arguments.inside, arguments.only)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    bad = 0
    for size in arguments.size or SIZES:
        command = [sys.executable, __file__, str(arguments.folder), "--inside", size]
        environment = {**os.environ, "QT_SCALE_FACTOR": str(SIZES[size][2])}
        with tempfile.TemporaryDirectory() as home:
            environment |= {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
            done = subprocess.run([*command, "--only", arguments.only], env=environment, check=False, timeout=1200)
        bad |= done.returncode
    bad |= _compare(arguments.folder, keep=arguments.keep, only=arguments.only, sizes=tuple(arguments.size or SIZES))
    return bad


# --- taking them -----------------------------------------------------------------------------------------------------


def _photograph(folder: Path, size: str, only: str) -> int:
    wide, high, _ = SIZES[size]
    with _window() as (scene, colours):
        scene.window.resize(wide, high)
        scene.settle()
        found: dict[str, None] = {}
        for name, widget in pages(scene):
            if not name.startswith(only):
                continue
            if widget is not scene.window:
                widget.resize(min(widget.width(), wide), min(widget.height(), high))
            for scheme in ("light", "dark"):
                colours.use(scheme)  # type: ignore[arg-type]
                scene.settle()
                for card in scene.window.findChildren(ToastCard):
                    card.dismiss()
                picture = folder / f"{name}.{size}.{scheme}.png"
                if not widget.grab().save(str(picture)):
                    raise SystemExit(f"{picture} cannot be written")
            colours.use("light")
            found |= dict.fromkeys(f"{name}, {size}: {fault}" for fault in faults(widget))
    for fault in found:
        print(fault, flush=True)
    print(f"{size}: pages walked, {len(found)} faults", flush=True)
    sys.stdout.flush()
    os._exit(int(bool(found)))  # a thread in the middle of a compilation would hold the end up


@contextmanager
def _window() -> Iterator[tuple[Scene, theme.Theme]]:
    from ndestudio.gui.app import make_application

    application = make_application()
    session = Session(settings=SettingsStore(Path(tempfile.mkdtemp()) / "settings.json"))
    colours = theme.install(application, "light")
    window = MainWindow(session)
    bridge, collector = Bridge(session), Collector()
    window.show()
    yield Scene(window, session, lambda: _settle(application, session)), colours
    session.close()
    bridge.close()
    collector.close()


def _settle(application: QApplication, session: Session) -> None:
    """Until nothing is computed or left to be drawn."""
    end, calm = time.monotonic() + _LIMIT, 0
    while calm < 3:
        if time.monotonic() > end:
            raise SystemExit("the window does not come to rest")
        application.processEvents()
        session.tick()
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        for redraw in [one for top in application.topLevelWidgets() for one in top.findChildren(Redraw)]:
            redraw.now()
        calm = 0 if session.tasks.busy else calm + 1
        time.sleep(0.01)
    end = time.monotonic() + 0.06
    while time.monotonic() < end:
        application.processEvents()


# --- comparing them --------------------------------------------------------------------------------------------------


def _compare(folder: Path, *, keep: bool, only: str, sizes: tuple[str, ...]) -> int:
    """Each page has one picture that is kept: a row of sizes, light above dark."""
    found = 0
    names = sorted({path.name.split(".")[0] for path in folder.glob("*.png")})
    for name in (one for one in names if one.startswith(only)):
        now = _sheet(folder, name)
        path = stored() / f"{name}.png"
        if keep:
            path.parent.mkdir(exist_ok=True)
            now.convertToFormat(QImage.Format.Format_Grayscale8).save(str(path), quality=0)
            continue
        before = QImage(str(path))
        if before.isNull():
            print(f"{name}: no picture is kept; look at it, then use --keep")
            found = 1
            continue
        for number, size in enumerate(SIZES):
            for row, scheme in enumerate(("light", "dark")):
                if size not in sizes:
                    continue
                if not _grey(before, number, row).any():
                    print(f"{name}, {size}, {scheme}: nothing is kept to compare with")
                    found = 1
                elif (part := _differing(before, now, number, row)) > _PART:
                    print(f"{name}, {size}, {scheme}: {part:.1%} of the picture differs clearly")
                    found = 1
    if not keep:
        gone = {path.stem for path in stored().glob("*.png") if path.stem.startswith(only)} - set(names)
        for name in sorted(gone):
            print(f"{name}: a picture is kept, but there is no such page")
            found = 1
    print(f"{len(names)} pages compared" if not keep else f"{len(names)} pages kept in {stored()}")
    return found


def _sheet(folder: Path, name: str) -> QImage:
    """The small pictures of a page beside each other."""
    wide, high = _TILE
    sheet = QImage(wide * len(SIZES), 2 * high, QImage.Format.Format_RGB32)
    sheet.fill(Qt.GlobalColor.black)  # means that nothing is kept there
    painter = QPainter(sheet)
    kept = QImage(str(stored() / f"{name}.png"))
    if not kept.isNull():
        painter.drawImage(0, 0, kept)
    for number, size in enumerate(SIZES):
        for row, scheme in enumerate(("light", "dark")):
            picture = QImage(str(folder / f"{name}.{size}.{scheme}.png"))
            if not picture.isNull():
                mode = Qt.TransformationMode.SmoothTransformation
                small = picture.scaled(wide, high, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
                painter.drawImage(number * wide, row * high, small)
    painter.end()
    return sheet


def _differing(before: QImage, now: QImage, number: int, row: int) -> float:
    """Part of a tile that differs clearly; pixels are compared with the nearest of 3 x 3 around them."""
    a, b = (_grey(one, number, row) for one in (before, now))
    if a.shape != b.shape:
        return 1.0
    near = np.full(a.shape, 255.0)
    padded = np.pad(a, 1, mode="edge")
    for dx in range(3):
        for dy in range(3):
            near = np.minimum(near, np.abs(padded[dy : dy + a.shape[0], dx : dx + a.shape[1]] - b))
    return float((near > _CLEAR).mean())


def _grey(sheet: QImage, number: int, row: int) -> np.ndarray:
    wide, high = _TILE
    tile = sheet.copy(number * wide, row * high, wide, high).convertToFormat(QImage.Format.Format_Grayscale8)
    raw = np.frombuffer(tile.constBits(), np.uint8).reshape(tile.height(), tile.bytesPerLine())
    return raw[:, : tile.width()].astype(float)


if __name__ == "__main__":
    raise SystemExit(main())
