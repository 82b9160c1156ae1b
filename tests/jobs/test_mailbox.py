from __future__ import annotations

import threading

from ndestudio.jobs.mailbox import Mailbox
from ndestudio.progress import FitSnapshot, FrontUpdate, Note, Progress, TrainStep


def snapshot(iteration: int) -> FitSnapshot:
    return FitSnapshot("shooting", iteration, model=None, predictions={})


def test_events_come_out_in_the_order_they_went_in() -> None:
    box = Mailbox()
    for text in "abc":
        box.put(1, Note(text))
    assert [event.text for _, event in box.take() if isinstance(event, Note)] == ["a", "b", "c"]
    assert box.take() == []


def test_only_the_newest_of_large_events_is_kept_per_job_and_neural_term() -> None:
    box = Mailbox()
    for n in range(1000):
        box.put(1, snapshot(n))
        box.put(2, snapshot(-n))
        box.put(1, FrontUpdate("f", n))
        box.put(1, FrontUpdate("g", n))
        box.put(1, Progress(n / 1000))
    assert len(box) == 5
    taken = box.take()
    assert [(who, event.iteration) for who, event in taken if isinstance(event, FitSnapshot)] == [(1, 999), (2, -999)]
    assert {(event.neural_term, event.front) for _, event in taken if isinstance(event, FrontUpdate)} == {
        ("f", 999),
        ("g", 999),
    }


def test_losses_are_never_dropped() -> None:
    box = Mailbox()
    for n in range(50):
        box.put(1, TrainStep("shooting", n, 1.0, None, {}, 0.0))
        box.put(1, snapshot(n))
    assert [event.iteration for _, event in box.take() if isinstance(event, TrainStep)] == list(range(50))


def test_a_newer_snapshot_moves_behind_what_came_before_it() -> None:
    box = Mailbox()
    box.put(1, snapshot(0))
    box.put(1, Note("between"))
    box.put(1, snapshot(1))
    assert [type(event) for _, event in box.take()] == [Note, FitSnapshot]


def test_coalescing_starts_afresh_after_a_take() -> None:
    box = Mailbox()
    for n in range(3):
        box.put(1, snapshot(n))
        assert len(box.take()) == 1


def test_take_hands_out_at_most_the_limit() -> None:
    box = Mailbox()
    for n in range(5):
        box.put(1, Note(str(n)))
    assert len(box.take(limit=2)) == 2
    assert len(box.take(limit=0)) == 0
    assert len(box.take()) == 3


def test_take_waits_for_the_first_event() -> None:
    box = Mailbox()
    thread = threading.Thread(target=lambda: box.put(1, Note("here")))
    thread.start()
    assert len(box.take(timeout=10)) == 1
    thread.join()
    assert box.take(timeout=0.01) == []


def test_discard_removes_one_sender_only() -> None:
    box = Mailbox()
    box.put(1, snapshot(1))
    box.put(2, snapshot(2))
    box.discard(1)
    box.put(1, snapshot(3))
    assert [who for who, _ in box.take()] == [2, 1]
