"""Sessions without a window: with real threads, or with a runner that a test drives by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.jobs import Jobs
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from ndestudio.session.shell import ShellView
from tests.session.helpers import LYNX_HARE, FakeRunner


@pytest.fixture
def shell() -> Mock:
    return Mock(spec=ShellView)


@pytest.fixture
def session(tmp_path: Path, shell: Mock) -> Iterator[Session]:
    """A session with real jobs; its threads must end with the test."""
    jobs = Jobs()
    made = Session(jobs, SettingsStore(tmp_path / "settings.json"), tmp_path / "autosave")
    made.attach_shell(shell)
    yield made
    made.close()
    assert jobs.close(20.0), "a job outlived its test"


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def fake(tmp_path: Path, runner: FakeRunner, shell: Mock) -> Session:
    """A session whose jobs a test drives by hand."""
    made = Session(runner, SettingsStore(tmp_path / "settings.json"), None)
    made.attach_shell(shell)
    return made


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "lynx.csv"
    path.write_text(LYNX_HARE, encoding="utf-8")
    return path
