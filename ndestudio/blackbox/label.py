"""What an equation says of a black box, as one name that travels with the formula."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal

Derivatives = Literal["auto", "exact", "differences", "none"]
WORD = "blackbox"
_OPENING = f"{WORD}("


@dataclass(frozen=True)
class Label:
    """`blackbox("file", "output")` with everything that is needed to evaluate it, in any process.

    Parameters
    ----------
    file
        As the equations name it: a file, or a callable that was registered.
    output
        Which of its outputs; "" for the one it has.
    path, sha256
        Where the file lies and what it held when the equations were read; "" for a callable.
    arguments
        Names of the black box's own variables that the arguments of the call stand for, in order.
    outputs
        Names of what it gives, in order, where the black box itself does not say.
    start
        Values given to variables of an FMU before it begins.
    step
        Length of the step that it makes, in units of time; 0: it gives rates.
    by
        Number of the argument that this is the derivative by; -1: the value itself.
    derivatives
        Where derivatives come from: what the black box offers (`exact`), central differences, nothing (taken as 0, or as 1
        of a state by itself over a step); `auto`: `exact` where offered, else differences.
    same
        Number of the argument whose own value after the step this is; -1: none. What `none` needs to know.
    difference
        Step of differences, relative to the size of the argument.
    seconds, memory, processes
        Budget: seconds without an answer and MiB of memory after which it is ended, and processes that share a batch.
    """

    file: str
    output: str = ""
    path: str = ""
    sha256: str = ""
    arguments: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    start: tuple[tuple[str, float], ...] = ()
    step: float = 0.0
    by: int = -1
    derivatives: Derivatives = "auto"
    same: int = -1
    difference: float = 1e-5
    seconds: float = 20.0
    memory: int = 4096
    processes: int = 2

    @property
    def name(self) -> str:
        """The name of the function in an expression."""
        given = {key: value for key, value in asdict(self).items() if value != _DEFAULTS.get(key)}
        return f"{_OPENING}{json.dumps(given, sort_keys=True)})"

    @property
    def text(self) -> str:
        """As a person writes it."""
        inside = f'"{self.file}"' + (f', "{self.output}"' if self.output else "")
        return f"{WORD}({inside})"

    @property
    def title(self) -> str:
        """Short name for sentences and formulas."""
        return self.file.replace("\\", "/").rsplit("/", 1)[-1]


_DEFAULTS = {one.name: one.default for one in fields(Label) if one.name != "file"}


def is_label(name: str) -> bool:
    """Whether the name of a function is that of a black box."""
    return name.startswith(_OPENING)


@lru_cache(maxsize=4096)
def label_of(name: str) -> Label:
    """The label whose ``name`` this is. Raises ValueError for another name."""
    if not is_label(name):
        raise ValueError(f"`{name}` is no black box")
    given: dict[str, Any] = json.loads(name[len(_OPENING) : -1])
    given["start"] = tuple((key, float(value)) for key, value in given.get("start", ()))
    for key in ("arguments", "outputs"):
        given[key] = tuple(given.get(key, ()))
    return Label(**given)
