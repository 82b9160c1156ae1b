"""How a job shows itself: live on a terminal, in plain lines elsewhere, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

from ndestudio.cli.display_state import DisplayState, clock, parameters_text, short_front, sparkline
from ndestudio.progress import Event, Note, Phase, Progress, TrainStep

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_LINE_SECONDS = 5.0
_FRONT_ROWS = 8


class Display(AbstractContextManager["Display"], Protocol):
    """Shows events; used as a context, so that the terminal is always given back."""

    def show(self, event: Event) -> None: ...

    def say(self, sentence: str) -> None: ...

    def tick(self) -> None: ...


def display_for(*, quiet: bool, stream: TextIO | None = None) -> Display:
    """The display that suits the standard error stream."""
    stream = stream or sys.stderr
    if quiet or stream is None:  # a program without a console has no standard error
        return SilentDisplay()
    if stream.isatty():
        from rich.console import Console

        return LiveDisplay(Console(file=stream))
    return PlainDisplay(stream)


class SilentDisplay:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, event: Event) -> None:
        del event

    def say(self, sentence: str) -> None:
        del sentence

    def tick(self) -> None:
        pass


class PlainDisplay(SilentDisplay):
    """Phases and notes as lines, losses and progress every few seconds; for logs and pipes."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._now = now
        self._started = now()
        self._display_state = DisplayState()
        self._next = 0.0
        self._last_phase = ""

    def show(self, event: Event) -> None:
        self._display_state.add(event)
        match event:
            case Phase(text=text) if text != self._last_phase:
                self._last_phase = text
                self.say(text)
            case TrainStep() | Progress() if self._now() >= self._next and (status := _status(self._display_state)):
                self._next = self._now() + _LINE_SECONDS
                self.say("  " + status)
            case _:
                pass
        for note in self._display_state.take_notes():
            self.say(_note(note))

    def say(self, sentence: str) -> None:
        print(f"[{clock(self._now() - self._started)}] {sentence}", file=self._stream, flush=True)


class LiveDisplay(SilentDisplay):
    """A display redrawn in place: stage, progress, losses, parameters, fronts. Notes scroll away above it."""

    def __init__(self, console: Console, now: Callable[[], float] = monotonic) -> None:
        from rich.live import Live

        self._console = console
        self._now = now
        self._started = now()
        self._display_state = DisplayState()
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        self._display_state.add(event)
        for note in self._display_state.take_notes():
            self.say(_note(note))

    def say(self, sentence: str) -> None:
        from rich.text import Text

        stamp = Text(f"{clock(self._now() - self._started)} ", style="dim")
        self._console.print(stamp.append(Text(sentence, style=_style(sentence))))

    def tick(self) -> None:
        if self._now() - self._drawn >= 0.2:
            self._drawn = self._now()
            width = self._console.width
            self._live.update(draw(self._display_state, self._now() - self._started, width), refresh=True)


def draw(display_state: DisplayState, seconds: float, width: int) -> RenderableType:
    """A display state as something rich can print."""
    from rich.console import Group

    parts: list[RenderableType] = [_head(display_state, seconds)]
    if display_state.step is not None:
        parts += _losses(display_state, width)
    parts += [_front(neural_term, front, display_state, width) for neural_term, front in display_state.fronts.items()]
    return Group(*parts)


def _head(display_state: DisplayState, seconds: float) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    phase = display_state.phase
    count = f"{phase.index}/{phase.total} " if phase is not None and phase.total else ""
    eta = f"about {clock(display_state.eta)} left" if display_state.eta else display_state.detail
    bar: Any = (
        ProgressBar(total=1.0, completed=display_state.fraction, width=24)
        if display_state.fraction is not None
        else ProgressBar(total=None, width=24, pulse=True)
    )
    title = Text(
        count + (phase.text if phase is not None else "Starting"), style="bold", overflow="ellipsis", no_wrap=True
    )
    grid.add_row(Text(clock(seconds), style="dim"), title, bar, Text(eta, style="dim"))
    return grid


def _losses(display_state: DisplayState, width: int) -> list[RenderableType]:
    from rich.text import Text

    step = display_state.step
    assert step is not None
    spark = sparkline([loss for loss, _ in display_state.losses], max(10, min(60, width - 40)))
    line = Text.assemble(("  loss ", "dim"), f"{step.loss:.4g} ", (spark, "cyan"))
    if step.validation_loss is not None:
        line.append("  validation ", "dim").append(f"{step.validation_loss:.4g}")
    lines: list[RenderableType] = [line]
    if step.parameters:
        lines.append(Text(f"  {parameters_text(step.parameters)}", style="dim", overflow="ellipsis", no_wrap=True))
    return lines


def _front(neural_term: str, front: Any, display_state: DisplayState, width: int) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ndestudio.expression import short_text

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=True,
        title=f"{neural_term}: {front.evaluations:,} formulas tried",
        title_justify="left",
    )
    for name, side in (("size", "right"), ("loss", "right"), ("held-out error", "right"), (neural_term, "left")):
        table.add_column(name, justify=side, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    for index, candidate in short_front(front, _FRONT_ROWS):
        error = display_state.scored.get((neural_term, index))
        table.add_row(
            str(candidate.complexity),
            f"{candidate.loss:.2e}",
            "" if error is None else f"{error:.4f}",
            Text(short_text(candidate.expression, 4), style="bold green" if index == front.best else ""),
        )
    del width
    return table


def _status(display_state: DisplayState) -> str:
    parts = []
    if display_state.fraction is not None:
        parts.append(f"{display_state.fraction:.0%}")
    step = display_state.step
    if step is not None and display_state.stepping:
        parts.append(f"step {step.iteration}, loss {step.loss:.4g}")
        if step.validation_loss is not None:
            parts.append(f"validation {step.validation_loss:.4g}")
    if display_state.eta:
        parts.append(f"about {clock(display_state.eta)} left")
    elif display_state.detail:
        parts.append(display_state.detail)
    return ", ".join(parts)


def _note(note: Note) -> str:
    return note.text if note.level == "info" else f"{note.level}: {note.text}"


def _style(sentence: str) -> str:
    if sentence.startswith("warning"):
        return "yellow"
    return "red" if sentence.startswith("error") else ""
