import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("jax", "equinox", "diffrax", "sympy", "scipy", "polars", "pyqtgraph", "ziamath", "matplotlib")


def test_the_window_shows_without_the_heavy_libraries(tmp_path: Path):
    """What takes a second to import is imported when it is used, mostly on workers."""
    code = f"""
import sys
from ndestudio.gui import theme
from ndestudio.gui.app import make_application
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session
application = make_application()
theme.install(application)
window = MainWindow(Session())
window.show()
application.processEvents()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_program_starts_opens_a_file_and_ends(tmp_path: Path, csv: Path):
    """The whole of ``main``: window, timer, log; closed from within as a person would."""
    code = f"""
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from ndestudio.gui import app, main_window
app._WARM_UP_MS = 10_000_000
main_window.MainWindow._may_leave = lambda *_: True
def look():
    window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, main_window.MainWindow))
    if window.session.project.dataset is not None:
        print(window.windowTitle(), window.session.project.dataset.rows)
        window.close()
application = app.make_application()
timer = QTimer()
timer.timeout.connect(look)
timer.start(20)
code = app.main([{str(csv)!r}])
timer.stop()
raise SystemExit(code)
"""
    environment = os.environ | {
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert "Untitled[*]" in done.stdout
    assert done.stdout.strip().endswith("10")
    logs = list(tmp_path.rglob("ndestudio.log"))
    assert len(logs) == 1
    assert "starts" in logs[0].read_text(encoding="utf-8")
