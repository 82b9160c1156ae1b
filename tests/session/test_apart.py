"""The session with its real processes: what comes back is what a thread would have given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.jobs import Jobs, NotBegun, Workers
from ndestudio.jobs.events import failure
from ndestudio.session.purposes import PREVIEW, Place
from ndestudio.session.session import Session
from ndestudio.session.settings import SettingsStore
from tests.session import results
from tests.session.helpers import toasts, wait


@pytest.fixture
def apart(tmp_path: Path, shell) -> Iterator[Session]:
    jobs = Jobs()
    workers: dict[Place, Workers] = {PREVIEW: Workers("test preview", kept=2, patience=0.2)}
    made = Session(jobs, SettingsStore(tmp_path / "settings.json"), None, workers)
    made.attach_shell(shell)
    yield made
    made.close()
    workers[PREVIEW].close()
    assert jobs.close(20.0)


def test_plot_data_formulas_and_artefacts_come_from_processes(apart: Session, shell):
    project = results.project(fitted=True, distilled=True)
    apart.workspace.open(project, None)
    assert apart.train.state().plot_data is None
    wait(apart)
    plot_data = apart.train.state().plot_data
    assert plot_data is not None
    assert plot_data.model is project.fit.model
    apart.distil.state()
    apart.refresh()
    wait(apart)
    shown = apart.distil.state().candidate
    assert shown is not None and shown.formula is not None
    assert "<svg" in shown.formula.svg
    apart.export.state()
    wait(apart)
    state = apart.export.state()
    assert state.artefact is not None
    assert state.artefact.text
    assert toasts(shell) == []


def test_a_stop_before_anything_was_computed_is_no_error(apart: Session, shell):
    apart.tell(failure(NotBegun("it was stopped before it had begun; nothing was changed")))
    assert shell.show_toast.call_args.args[0].level == "info"
    apart.tell(failure(ZeroDivisionError()))
    assert shell.show_toast.call_args.args[0].level == "error"
