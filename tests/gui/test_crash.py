"""The program is killed in the middle of unsaved work; the next start offers it, and has it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.session.helpers import LYNX_HARE

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from PySide6.QtCore import QTimer
from ndestudio.gui import app, main_window
from ndestudio.session import autosave
autosave._DELAY_SECONDS = 0.05
app._WARM_UP_MS = 10_000_000
main_window.MainWindow._may_leave = lambda *_: True
application = app.make_application()
timer = QTimer()
timer.setInterval(20)
def window():
    return next((w for w in application.topLevelWidgets() if isinstance(w, main_window.MainWindow)), None)
"""
WORK = """
def look():
    if window() is not None and window().session.project.dataset is not None:
        if window().session.project.spec.train.seed != 77:
            window().session.train.change_settings(seed=77)
        print("working", flush=True)
timer.timeout.connect(look); timer.start()
app.main([sys.argv[1]])
"""
AGAIN = """
def look():
    shown = window()
    if shown is None:
        return
    if shown.session.project.dataset is not None:
        print(shown.session.project.spec.train.seed, shown.session.project.dataset.rows, shown.isWindowModified(), flush=True)
        shown.close()
    elif not shown.banner.isHidden():
        shown.banner.recover.emit()
timer.timeout.connect(look); timer.start()
app.main([])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_work_survives_a_kill(tmp_path: Path):
    csv = tmp_path / "lynx.csv"
    csv.write_text(LYNX_HARE, encoding="utf-8")
    home = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME"), str(tmp_path))
    environment = os.environ | home
    command = [sys.executable, "-c", RUN + WORK, str(csv)]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while not _saved(tmp_path) and time.monotonic() < end and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert _saved(tmp_path), "nothing was put aside before the kill"
    done = subprocess.run(
        [sys.executable, "-c", RUN + AGAIN],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "77 10 True"
    assert not _saved(tmp_path), "work that was recovered and thrown away is not offered again"


def _saved(folder: Path) -> list[Path]:
    """Autosaves with the edit in them (a file begins to exist under its name when it is whole)."""
    import zipfile

    found = []
    for path in folder.rglob("autosave/*.nde"):
        with zipfile.ZipFile(path) as archive:
            if b'"seed":77' in archive.read("project.json").replace(b" ", b""):
                found.append(path)
    return found
