"""What two processes know in common, so that it travels once and comes back as the very same object.

A data set of some megabytes goes to a worker with every picture of a model, and a result refers to the model it was made
from. Both sides keep the same list of arguments sent lately, with all records and arrays inside; a message names such an
object by its place in the list. Identity therefore survives the way there and back, as if there were one process.
"""

from __future__ import annotations

import dataclasses
import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

_KEPT = 6
"""Arguments remembered; the oldest is forgotten on both sides at the same moment."""

Place = tuple[int, int]
"""Number of the argument, and position of the object in the order of ``parts``."""


class Ledger:
    """One side's list. Both sides must ``enter`` the same arguments in the same order."""

    def __init__(self) -> None:
        self._count = 0
        self._entries: OrderedDict[int, tuple[Any, ...]] = OrderedDict()
        self._places: dict[int, Place] = {}

    def enter(self, arguments: tuple[Any, ...]) -> None:
        """Remember the arguments of a call that are records."""
        for argument in arguments:
            if not is_record(argument):
                continue
            known = self._places.get(id(argument))
            if known is not None:
                self._entries.move_to_end(known[0])
                continue
            inside = tuple(parts(argument))
            self._entries[self._count] = inside
            for position, part in enumerate(inside):
                self._places.setdefault(id(part), (self._count, position))
            self._count += 1
        while len(self._entries) > _KEPT:
            number, inside = self._entries.popitem(last=False)
            for part in inside:
                if self._places.get(id(part), (-1, 0))[0] == number:
                    del self._places[id(part)]
            self._place_again(inside)

    def _place_again(self, forgotten: tuple[Any, ...]) -> None:
        """What a younger argument holds too has its place there from now on.

        Without one it would travel again, arrive as a second object beside the first, and shift the order of ``parts``.
        """
        homeless = {id(part) for part in forgotten if id(part) not in self._places}
        for number, inside in self._entries.items():
            for position, part in enumerate(inside):
                if id(part) in homeless:
                    self._places.setdefault(id(part), (number, position))

    def place(self, value: Any) -> Place | None:
        """Where an object stands in the list, None for one that is not there."""
        return self._places.get(id(value))

    def at(self, place: Place) -> Any:
        return self._entries[place[0]][place[1]]

    def dumps(self, message: Any) -> bytes:
        """A message as bytes, with references to what the other side knows."""
        buffer = io.BytesIO()
        _Writer(buffer, self).dump(message)
        return buffer.getvalue()

    def loads(self, data: bytes) -> Any:
        """The message again. Only for bytes from a process that this one started, or that started this one."""
        return _Reader(io.BytesIO(data), self).load()


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, ledger: Ledger) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._ledger = ledger

    def persistent_id(self, obj: Any) -> Place | None:
        return self._ledger.place(obj)


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, ledger: Ledger) -> None:
        super().__init__(file)
        self._ledger = ledger

    def persistent_load(self, pid: Place) -> Any:
        return self._ledger.at(pid)


def is_record(value: Any) -> bool:
    """Whether a value is a dataclass, a struct or an array: something whose identity may mean something."""
    return isinstance(value, (np.ndarray, msgspec.Struct)) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def parts(root: Any) -> Iterator[Any]:
    """All records in a value, itself first, each once; the same order for a copy of it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        value = waiting.pop()
        record = is_record(value)
        if record:
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield value
        waiting.extend(reversed(_inside(value, record)))


def _inside(value: Any, record: bool) -> list[Any]:
    if isinstance(value, np.ndarray):
        return []
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if record:
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, (tuple, list)):
        return list(value)
    return list(value.values()) if isinstance(value, Mapping) else []
