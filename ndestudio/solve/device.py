"""The device that computes, as a person is told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """What computed: `kind` is `"cpu"` or `"gpu"`; ``why_no_gpu`` is a sentence when it was no GPU; ``memory`` in bytes, 0 where
    it cannot be told (of a GPU: what may be used of it)."""

    kind: str
    name: str
    why_no_gpu: str = ""
    memory: int = 0
