"""What the writers of program text share about events: their words, their functions, the right sides they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ndestudio.export.code import number_list
from ndestudio.export.content import Content, plain
from ndestudio.export.track import NEVER, Track
from ndestudio.expression.tree import Expr, Number
from ndestudio.model.events import GIVEN, Event, text_of


def program_kind(event: Event) -> str:
    """The kind of an event as programs know it: `at`, `every`, `when`, or `dose` for all that the data bring."""
    return "dose" if event.of_data else event.kind


def event_names(content: Content, first: int = 0) -> tuple[str, ...]:
    """Names of the functions of events, which nothing else in a program may have, numbered from ``first`` on."""
    return tuple(f"{word}_{k}" for k, _ in enumerate(content.events, first) for word in ("event", "later"))


def event_text(event: Event) -> str:
    """An event in words, for a comment or the first line of a function."""
    return plain(text_of(event)).replace("\\", "/")


def changed(content: Content, event: Event) -> list[tuple[int, Expr]]:
    """Number of each state that an event changes, and its value after it."""
    order = {quantity.name: k for k, quantity in enumerate(content.states)}
    return sorted(((order[name], expr) for name, expr in event.changes), key=lambda one: one[0])


def given_name(content: Content, names: Mapping[str, str]) -> str:
    """What the amount or rate of a dose is called in a program."""
    return names[GIVEN] if content.doses else "given"


def times_of(content: Content) -> list[tuple[Event, tuple[Expr, ...]]]:
    """Each event with the expressions that say when it happens; none where it waits for a condition.

    Of events of the data there is one: how much later than in the data.
    """
    found: list[tuple[Event, tuple[Expr, ...]]] = []
    for event in content.events:
        later = event.times[:1] or (Number(0.0),)
        found.append((event, () if event.condition is not None else later if event.of_data else event.times))
    return found


def some_given_up(content: Content) -> bool:
    """Whether some dose of the data may not happen because compartments are emptied before."""
    each = (row for track in content.tracks for rows in track.given for row in rows)
    return any(until < NEVER for _, _, until in each)


def dose_numbers(content: Content, track: Track, event: int) -> list[list[str]]:
    """The rows of ``Track.doses`` as numbers, without the last column where nothing is given up."""
    width = 3 if some_given_up(content) else 2
    return [number_list(row[:width]) for row in track.doses(event)]


def depends_on(expressions: Iterable[Expr], parameters: Collection[str]) -> bool:
    """Whether one of ``expressions`` reads a parameter."""
    from ndestudio.expression.tree import names

    return any(name in parameters for expr in expressions for name in names(expr))
