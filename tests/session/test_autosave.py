import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.jobs import Jobs
from ndestudio.session import autosave
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from tests.session.helpers import toasts, wait


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autosave, "_DELAY_SECONDS", 0.0)


def dead_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def saved_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.nde")) if folder.is_dir() else []


def test_unsaved_work_is_written_aside_and_removed_when_saved(session: Session, csv: Path, tmp_path: Path):
    folder = tmp_path / "autosave"
    session.files.open([csv])
    wait(session)
    session.tick()
    wait(session)
    assert len(saved_files(folder)) == 1
    session.files.save(tmp_path / "work.nde")
    wait(session)
    session.tick()
    assert saved_files(folder) == []


def test_a_clean_end_leaves_nothing(session: Session, csv: Path, tmp_path: Path):
    session.files.open([csv])
    wait(session)
    session.tick()
    wait(session)
    session.close()
    assert saved_files(tmp_path / "autosave") == []


def test_work_of_a_killed_process_is_offered_and_recovered(session: Session, csv: Path, tmp_path: Path, shell: Mock):
    folder = tmp_path / "autosave"
    session.files.open([csv])
    wait(session)
    session.tick()
    wait(session)
    left = saved_files(folder)[0]
    left.rename(folder / f"{dead_pid()}-abc.nde")
    jobs = Jobs()
    later = Session(jobs, SettingsStore(tmp_path / "other.json"), folder)
    later.attach_shell(shell)
    offered = later.autosave.leftovers()
    assert len(offered) == 1
    later.files.recover(offered[0].path)
    wait(later)
    assert later.project.dataset is not None
    assert later.workspace.modified
    assert any("is back" in text for text in toasts(shell))
    assert later.autosave.leftovers() == ()
    later.close()
    assert jobs.close(10)


def test_work_of_a_living_process_is_not_offered(tmp_path: Path, session: Session):
    folder = tmp_path / "autosave"
    folder.mkdir()
    (folder / f"{os.getppid()}-abc.nde").write_bytes(b"")
    assert session.autosave.leftovers() == ()


def test_a_leftover_can_be_dismissed(tmp_path: Path, session: Session):
    folder = tmp_path / "autosave"
    folder.mkdir()
    (folder / f"{dead_pid()}-abc.nde").write_bytes(b"")
    leftover = session.autosave.leftovers()[0]
    session.autosave.dismiss(leftover)
    assert session.autosave.leftovers() == ()


def test_killed_with_work_unsaved(tmp_path: Path, csv: Path, session: Session):
    """A process is killed without warning; the next session finds its work."""
    code = f"""
import os, signal, time
from pathlib import Path
from ndestudio.session import autosave
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
autosave._DELAY_SECONDS = 0.0
folder = Path({str(tmp_path / "autosave")!r})
session = Session(settings=SettingsStore(folder / "s.json"), autosave_folder=folder)
session.files.open([{str(csv)!r}])
end = time.monotonic() + 60
while time.monotonic() < end:
    session.tick()
    if session.project.dataset is not None and not session.tasks.busy and list(folder.glob("*.nde")):
        break
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run([sys.executable, "-c", code], timeout=120, cwd=Path(__file__).parents[2])
    assert process.returncode != 0
    leftovers = session.autosave.leftovers()
    assert len(leftovers) == 1
    session.files.recover(leftovers[0].path)
    wait(session)
    assert session.project.dataset is not None
