"""`--allow`: nothing that a spec merely names is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.blackbox import allowed
from ndestudio.cli.main import main
from tests.blackbox.conftest import program


def test_a_program_runs_when_it_was_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    program(tmp_path / "unseen", "open('ran', 'w').close()\nout = [-x[0]]")
    (tmp_path / "d.csv").write_text("t,x\n" + "".join(f"{a},{2.0**-a}\n" for a in range(9)))
    (tmp_path / "s.toml").write_text(
        'data = { files = ["d.csv"], time = "t" }\n[model]\nequations = """\nd(x)/dt = blackbox("unseen")(x) + k*x\n"""\n'
    )
    assert main(["run", "s.toml", "-o", "out", "--quiet"]) == 1
    assert "nobody has allowed it to run" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists() and allowed() == ()
    monkeypatch.setattr("ndestudio.cli.execution.execute", lambda *_, **__: (0, None))
    assert main(["run", "s.toml", "--allow", "unseen"]) == 0
    assert [one.path for one in allowed()] == [str(tmp_path / "unseen")]
    assert main(["run", "s.toml", "--allow", "nothing"]) == 1
