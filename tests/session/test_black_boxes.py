"""The window's question whether a simulator may run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.blackbox import allowed
from ndestudio.session.session import Session
from tests.blackbox.conftest import program
from tests.session.helpers import wait


def test_a_program_is_asked_for_before_it_runs(
    session: Session, csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    program(tmp_path / "prey", f"open({str(tmp_path / 'ran')!r}, 'w').close()\nout = [x[0]]")
    session.files.open([csv])
    wait(session)
    session.show_stage("model")
    # the program lies beside the data
    session.model.edit_text('d(hare)/dt = a*blackbox("prey")(hare)\nd(lynx)/dt = -b*lynx\n')
    (question,) = [one for one in session.model.state().advice if one.kind == "allow"]
    assert question.level == "question" and str(tmp_path / "prey") in question.sentence
    assert "Nobody has allowed the simulator `prey` to run" in session.model.obstacle
    assert not session.train.state().ready and session.train.state().black_boxes
    assert not (tmp_path / "ran").exists()
    session.model.follow_advice(question)
    assert [Path(one.path).name for one in allowed()] == ["prey"] and not session.model.obstacle
    assert not any(one.kind == "allow" for one in session.model.state().advice)
