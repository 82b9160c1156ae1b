"""What the whole job says before it begins to compute; the job itself is run by the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ndestudio.errors import EngineUnavailable
from ndestudio.progress import Event, Note, Phase
from ndestudio.project import pipeline
from ndestudio.project.spec import parse_spec

SPEC = """
[data]
files = ["data.csv"]
[model]
equations = "d(x)/dt = -alpha*x + f(x)"
networks = {f = {}, g = {}}
parameters = {alhpa = 0.3}
"""


class Recorder:
    """Keeps what it hears; ``until_note`` stops the job at its first note."""

    def __init__(self, until_note: bool = False) -> None:
        self.events: list[Event] = []
        self.until_note = until_note

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def should_stop(self) -> bool:
        return self.until_note and any(isinstance(event, Note) for event in self.events)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("t,x\n0,1\n1,2\n2,3\n")
    return tmp_path


def test_settings_without_effect_are_told(folder: Path) -> None:
    reporter = Recorder(until_note=True)
    project = pipeline.run(parse_spec(SPEC), reporter, folder)
    assert project.dataset is not None and project.fit is None
    warnings = [event.text for event in reporter.events if isinstance(event, Note) and event.level == "warning"]
    assert warnings == [
        "[model.parameters.alhpa] has no effect: the equations do not use `alhpa`; did you mean `alpha`?",
        "[model.networks.g] has no effect: the equations do not use `g`",
    ]


def test_a_missing_engine_is_told_before_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ndestudio.symbolic.pysr_engine import PysrEngine

    monkeypatch.setattr(PysrEngine, "unavailable", lambda self: "Julia is missing")
    reporter = Recorder()
    with pytest.raises(EngineUnavailable, match="Julia is missing"):
        pipeline.run(parse_spec(SPEC + '[distil]\nengine = "pysr"\n'), reporter, folder)
    assert [event.stage for event in reporter.events if isinstance(event, Phase)] == ["reading"]
