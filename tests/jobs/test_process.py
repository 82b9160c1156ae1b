from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.errors import DataError
from ndestudio.jobs import Failed, Finished, Jobs, ProcessEnded, in_process
from ndestudio.progress import Event, Note, RecordingReporter, SilentReporter

LONG = 60.0
MODULE = "process_functions"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The functions' folder on the path of this and (spawn hands it on) of the spawned process; no process may be left."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    yield
    sys.modules.pop(MODULE, None)
    assert multiprocessing.active_children() == []


def test_result_and_events_come_back() -> None:
    reporter = RecordingReporter()
    assert in_process(f"{MODULE}:double", 21, reporter=reporter) == 42
    assert reporter.events == [Note("doubling 21")]


def test_errors_come_back_with_their_sentence_and_details() -> None:
    with pytest.raises(DataError) as caught:
        in_process(f"{MODULE}:bad_data", reporter=SilentReporter())
    assert str(caught.value) == "a.csv: the file is empty; add rows"
    assert any("bad_data" in note for note in caught.value.__notes__)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: one by zero"):
        in_process(f"{MODULE}:bug", reporter=SilentReporter())


def test_a_crash_and_a_result_that_cannot_travel_are_sentences() -> None:
    with pytest.raises(ProcessEnded, match="exit code 7"):
        in_process(f"{MODULE}:crash", reporter=SilentReporter())
    with pytest.raises(RuntimeError, match="pickle"):
        in_process(f"{MODULE}:unpicklable", reporter=SilentReporter())


def test_a_stop_hands_back_what_was_reached() -> None:
    assert in_process(f"{MODULE}:until_stopped", reporter=RecordingReporter(stop_after=3)) == "what was reached"


def test_a_process_that_does_not_answer_is_ended() -> None:
    with pytest.raises(ProcessEnded, match="did not answer"):
        in_process(f"{MODULE}:deaf", reporter=RecordingReporter(stop_after=3), grace=0.1)


def test_a_process_job_pauses_resumes_and_stops_like_any_other() -> None:
    jobs = Jobs()
    id_ = jobs.submit("count", in_process, f"{MODULE}:counting")
    assert jobs.drain(limit=1, timeout=LONG), "the process did not start"
    jobs.pause(id_)
    end = time.monotonic() + LONG
    while jobs.drain(limit=1, timeout=0.5):  # what it said before it heard of the pause
        assert time.monotonic() < end, "it went on during the pause"
    jobs.resume(id_)
    assert jobs.drain(limit=1, timeout=LONG), "it did not go on"
    jobs.stop(id_)
    assert jobs.join(id_, LONG)
    last: Event = jobs.drain()[-1][1]
    assert isinstance(last, Finished) and last.result >= 2
    assert jobs.close(LONG)


def test_a_failing_process_job_carries_the_remote_traceback() -> None:
    jobs = Jobs()
    id_ = jobs.submit("bug", in_process, f"{MODULE}:bug")
    assert jobs.join(id_, LONG)
    last = jobs.drain()[-1][1]
    assert isinstance(last, Failed)
    assert "process_functions.py" in last.details
    assert jobs.close(LONG)
