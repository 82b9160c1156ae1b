from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from ndestudio.cli.display_state import DisplayState, clock, parameters_text, short_front, sparkline
from ndestudio.cli.displays import LiveDisplay, PlainDisplay, SilentDisplay, display_for, draw
from ndestudio.distil.result import ScoredCandidate
from ndestudio.expression.tree import Binary, Name, Number
from ndestudio.fitting.metrics import Metrics
from ndestudio.progress import CandidateScored, Event, FrontUpdate, Note, Phase, Progress, TrainStep
from ndestudio.symbolic.front import Candidate, Front
from tests.sample_project import full_project


def step(n: int, stage: str = "shooting", loss: float | None = None) -> TrainStep:
    return TrainStep(stage, n, 1.0 / (n + 1) if loss is None else loss, 0.5, {"alpha": 0.51234567, "delta": 2.0}, 1.0)


def front(size: int, best: int = 0) -> Front:
    formula = Binary("*", Number(0.123456789), Name("hare"))
    return Front(tuple(Candidate(n + 1, 10.0**-n, formula) for n in range(size)), 1, 123456, 1.0, best, "")


def scored(mean: float) -> ScoredCandidate:
    fit = full_project().fit
    assert fit is not None
    return ScoredCandidate(front(1).candidates[0], fit.model, Metrics({"mean": 9.0}, {"mean": mean}))


EVENTS: list[Event] = [
    Phase("shooting", "Multiple shooting", 2, 4),
    Progress(0.25, 75.0),
    *[step(n) for n in range(5)],
    FrontUpdate("predation", front(3, best=1)),
    CandidateScored("predation", 1, scored(0.0421)),
]


def test_the_display_state_holds_the_newest_of_everything() -> None:
    display_state = DisplayState()
    for event in EVENTS:
        display_state.add(event)
    assert display_state.phase is not None and display_state.phase.text == "Multiple shooting"
    assert (display_state.fraction, display_state.eta) == (0.25, 75.0)
    assert [loss for loss, _ in display_state.losses] == [1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert display_state.scored == {("predation", 1): 0.0421}
    display_state.add(step(0, "trajectory"))
    assert len(display_state.losses) == 1
    display_state.add(Phase("trajectory", "Whole trajectories"))
    assert display_state.fraction is None and display_state.eta is None
    display_state.add(Note("careful", "warning"))
    assert [note.text for note in display_state.take_notes()] == ["careful"] and display_state.take_notes() == []


def test_a_long_training_does_not_fill_the_memory() -> None:
    display_state = DisplayState()
    for n in range(20_000):
        display_state.add(step(n))
    assert len(display_state.losses) <= 2000
    assert display_state.losses[0][0] == 1.0 and display_state.losses[-1][0] == 1 / 20_000


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([1.0], "▁"),
        ([1.0, 1.0, 1.0], "▁▁▁"),
        ([1e3, 1e2, 1e1, 1e0], "█▆▃▁"),
        ([1.0, math.nan, math.inf, 0.0, -1.0, 10.0], "▁    █"),
        ([math.nan, math.nan], "  "),
    ],
)
def test_sparklines(values: list[float], text: str) -> None:
    assert sparkline(values, 20) == text


def test_a_sparkline_has_the_width_it_is_given() -> None:
    assert len(sparkline([float(n) for n in range(1, 1000)], 17)) == 17


def test_clock_and_parameters() -> None:
    assert [clock(s) for s in (7.9, 754, 3723)] == ["0:07", "12:34", "1:02:03"]
    assert parameters_text({"a": 0.123456, "b": 2.0}) == "a 0.1235, b 2"
    assert parameters_text({f"p{n}": 0.0 for n in range(9)}).endswith("and 3 more")


def test_a_long_front_is_cut_but_keeps_the_choice() -> None:
    shown = short_front(front(30, best=2), 8)
    assert [index for index, _ in shown] == [2, *range(23, 30)]
    assert [index for index, _ in short_front(front(3), 8)] == [0, 1, 2]


def test_the_drawing_shows_stage_losses_parameters_and_front() -> None:
    display_state = DisplayState()
    for event in EVENTS:
        display_state.add(event)
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(draw(display_state, 12.0, 100))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("2/4 Multiple shooting", "0:12", "about 1:15 left", "loss 0.2", "validation 0.5", "alpha 0.5123"):
        assert part in text, text
    for part in ("123,456 formulas tried", "0.1235*hare", "0.0421"):
        assert part in text, text


def test_drawing_an_empty_display_state_and_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=20, force_terminal=True)
    console.print(draw(DisplayState(), 0.0, 20))
    display_state = DisplayState()
    for event in EVENTS:
        display_state.add(event)
    console.print(draw(display_state, 0.0, 20))


def test_plain_lines_are_few_and_complete() -> None:
    times = iter([0.0, *[n * 0.01 for n in range(10_000)]])
    stream = io.StringIO()
    display = PlainDisplay(stream, now=lambda: next(times))
    display.show(Phase("shooting", "Multiple shooting"))
    display.show(Phase("shooting", "Multiple shooting"))
    for n in range(200):
        display.show(step(n))
    display.show(Note("recovered from a step that was too large", "warning"))
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("Multiple shooting") and sum("Multiple" in line for line in lines) == 1
    assert lines[-1].endswith("warning: recovered from a step that was too large")
    assert 1 <= sum("loss" in line for line in lines) <= 3


def test_the_live_display_gives_the_terminal_back() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with LiveDisplay(console) as display:
        for event in EVENTS:
            display.show(event)
        display.show(Note("a sentence [with brackets]"))
        display.tick()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "a sentence [with brackets]" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_the_display_suits_the_stream() -> None:
    assert type(display_for(quiet=True)) is SilentDisplay
    assert type(display_for(quiet=False, stream=io.StringIO())) is PlainDisplay
