from __future__ import annotations

import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ndestudio.errors import EquationError, NdeStudioError
from ndestudio.jobs import Failed, Finished, Jobs, NotBegun, ProcessEnded, Workers
from ndestudio.jobs.ledger import Ledger, parts
from ndestudio.progress import Note, RecordingReporter, SilentReporter

sys.path.insert(0, str(Path(__file__).parent))
import worker_functions as f
from worker_functions import Record

LONG = 60.0
SILENT = SilentReporter()


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers("test", limit=2, patience=0.1)
    yield made
    made.close()
    assert multiprocessing.active_children() == []


def test_a_process_is_used_again(workers: Workers) -> None:
    first = workers.run(f.pid, reporter=SILENT)
    assert first != os.getpid()
    assert workers.run(f.pid, reporter=SILENT) == first
    assert workers.pids == (first,)


def test_what_comes_back_is_what_went_there(workers: Workers) -> None:
    inner = Record(np.arange(3.0))
    record = Record(np.zeros(2), (inner,))
    for _ in range(2):
        back = workers.run(f.wrapped, record, reporter=SILENT)
        assert back.inside[0] is record
        assert back.inside[1] is inner
        assert back.values is inner.values


def test_many_arguments_are_forgotten_on_both_sides_alike(workers: Workers) -> None:
    common = Record(np.ones(1))
    records = [Record(np.full(4, float(i)), (Record(np.zeros(i)), common)) for i in range(10)]
    for record in (*records, *records[::-2]):
        assert workers.run(f.same, record, reporter=SILENT) is record


def test_a_known_argument_travels_as_a_reference() -> None:
    ledger = Ledger()
    record = Record(np.zeros(100_000))
    assert len(ledger.dumps(("call", record))) > 800_000
    ledger.enter((record,))
    assert len(ledger.dumps(("call", record, Record(record.values)))) < 500
    assert [id(part) for part in parts(record)] == [id(record), id(record.values)]


def test_both_sides_mean_the_same_by_a_place_however_arguments_share_their_parts() -> None:
    here, there = Ledger(), Ledger()
    chance = random.Random(3)
    known = [Record(np.array([0.0]))]
    for number in range(1, 400):
        shared = tuple(chance.choice(known[-12:]) for _ in range(chance.randrange(3)))
        values = chance.choice(known[-12:]).values if chance.random() < 0.3 else np.array([float(number)])
        known.append(Record(values, shared))
        sent = (chance.choice(known[-8:]),)
        arrived = there.loads(here.dumps(sent))
        here.enter(sent)
        there.enter(arrived)
        for mine, theirs in zip(parts(sent[0]), parts(arrived[0]), strict=True):
            assert np.array_equal(getattr(mine, "values", mine), getattr(theirs, "values", theirs))
            assert here.place(mine) == there.place(theirs) is not None


def test_a_stop_hands_back_what_was_reached(workers: Workers) -> None:
    class Heard(RecordingReporter):
        def should_stop(self) -> bool:
            return bool(self.events)

    assert workers.run(f.until_stopped, reporter=Heard()) == "what was reached"
    assert len(workers.pids) == 1


def test_a_stop_before_the_beginning_is_answered_at_once(workers: Workers) -> None:
    began = time.monotonic()
    with pytest.raises(NotBegun, match="before it had begun"):
        workers.run(f.silent, reporter=RecordingReporter(stop_after=1))
    assert time.monotonic() - began < LONG / 2
    assert workers.pids == ()


def test_a_discarded_job_that_does_not_answer_is_ended(workers: Workers) -> None:
    jobs = Jobs()
    id_ = jobs.submit("deaf", workers.run, f.deaf)
    assert jobs.drain(limit=1, timeout=LONG) == [(id_, Note("going"))]
    jobs.detach(id_)
    assert jobs.join(id_, LONG / 2)
    assert workers.pids == ()
    assert isinstance(workers.run(f.pid, reporter=SILENT), int)


def test_after_a_crash_there_is_a_new_process(workers: Workers) -> None:
    with pytest.raises(ProcessEnded, match="exit code 7"):
        workers.run(f.crash, reporter=SILENT)
    assert isinstance(workers.run(f.pid, reporter=SILENT), int)


def test_errors_keep_their_place(workers: Workers) -> None:
    with pytest.raises(EquationError) as caught:
        workers.run(f.bad_equation, reporter=SILENT)
    assert (caught.value.line, caught.value.column, caught.value.length) == (3, 5, 2)
    assert str(caught.value) == "line 3, column 5: a bracket is missing; close it"
    with pytest.raises(NdeStudioError, match="a bracket is missing"):
        workers.run(f.unportable, reporter=SILENT)
    assert len(workers.pids) == 1, "an error is no reason to lose what the process has compiled"


def test_jobs_beyond_the_limit_wait_for_their_turn(workers: Workers) -> None:
    jobs = Jobs()
    ids = [jobs.submit("pid", workers.run, f.pid_after, 0.4) for _ in range(4)]
    assert all(jobs.join(id_, LONG) for id_ in ids)
    used = {event.result for _, event in jobs.drain() if isinstance(event, Finished)}
    assert 1 <= len(used) <= 2
    assert len(workers.pids) == 1, "only one is kept"


def test_a_stop_while_waiting_for_a_turn_is_answered(workers: Workers) -> None:
    alone = Workers("one", limit=1, patience=0.0)
    jobs = Jobs()
    first = jobs.submit("deaf", alone.run, f.deaf)
    assert jobs.drain(limit=1, timeout=LONG)
    second = jobs.submit("pid", alone.run, f.pid)
    assert jobs.drain(limit=1, timeout=LONG)[0][1].text.startswith("waiting")  # type: ignore[attr-defined]
    jobs.stop(second)
    assert jobs.join(second, LONG)
    assert isinstance(jobs.drain()[-1][1], Failed)
    alone.close()
    assert jobs.join(first, LONG)


def test_closing_ends_what_runs_and_refuses_what_comes(workers: Workers) -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            workers.run(f.deaf, reporter=reporter)
        except ProcessEnded as error:
            caught.append(error)

    reporter = RecordingReporter()
    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + LONG
    while not reporter.events and time.monotonic() < end:
        time.sleep(0.01)
    workers.close()
    thread.join(LONG)
    assert caught
    with pytest.raises(ProcessEnded, match="the program ends"):
        workers.run(f.pid, reporter=SILENT)


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes by signal 0")
def test_a_worker_does_not_outlive_a_killed_program() -> None:
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import worker_functions as f
from ndestudio.jobs import Jobs, Workers
workers, jobs = Workers("test"), Jobs()
if __name__ == "__main__":
    jobs.submit("deaf", workers.run, f.deaf)
    jobs.drain(limit=1, timeout=60)
    print(workers.pids[0], flush=True)
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG, check=False)
    pid = int(done.stdout)
    end = time.monotonic() + LONG
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
