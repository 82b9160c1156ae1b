"""Python callables of the library as black boxes: known in this process alone, under the name that equations use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.errors import BlackBoxError


@dataclass(frozen=True, eq=False)
class RegisteredCallable:
    """A callable with what it takes and gives; see ``register_callable``."""

    function: Callable[..., Any]
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    derivative: Callable[..., Any] | None


_known: dict[str, RegisteredCallable] = {}


def register_callable(
    name: str,
    function: Callable[..., Any],
    *,
    arguments: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    derivative: Callable[..., Any] | None = None,
) -> None:
    """Make ``function`` known to equations as `blackbox("name")`, in this process.

    Parameters
    ----------
    name
        As equations write it.
    function
        Of as many arrays [point] as it has arguments; gives an array [point], or a sequence of them, one for each output.
    arguments, outputs
        Their names, for checks and choosing; a single output needs none.
    derivative
        Of the same arguments; gives an array [point, output, argument]. None: differences are taken.

    Raises
    ------
    BlackBoxError
        The name is that of a file, or ``function`` cannot be called.
    """
    if not callable(function):
        raise BlackBoxError(f"`{name}` is no function; give something that can be called with arrays")
    if not name or name.endswith((".fmu", ".csv")) or any(c in name for c in '/\\"\n'):
        raise BlackBoxError(f"`{name}` reads as a file; give the callable a plain name, such as `tank`")
    _known[name] = RegisteredCallable(function, tuple(arguments), tuple(outputs), derivative)


def forget_callable(name: str) -> None:
    """Take the name back; nothing happens if it is unknown."""
    _known.pop(name, None)


def known_callable(name: str) -> RegisteredCallable | None:
    """What was registered under ``name`` in this process."""
    return _known.get(name)


class CallableBox:
    """An open callable; see ``opened.Box``."""

    def __init__(self, name: str, given: RegisteredCallable) -> None:
        self.name, self.given = name, given
        self.outputs = given.outputs
        self.exact = given.derivative is not None

    def values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        found = self.given.function(*X.T)
        parts = found if isinstance(found, tuple | list) else [found]
        try:
            return np.stack([np.broadcast_to(np.asarray(one, dtype=float), (len(X),)) for one in parts], axis=1)
        except (TypeError, ValueError) as error:
            raise BlackBoxError(
                f"the callable `{self.name}` must give a number for each of {len(X)} points, for each output: {error}"
            ) from None

    def jacobian(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output argument"]:
        assert self.given.derivative is not None
        found = np.asarray(self.given.derivative(*X.T), dtype=float)
        if found.ndim != 3 or found.shape[0] != len(X) or found.shape[2] != X.shape[1]:
            raise BlackBoxError(
                f"the derivative of `{self.name}` must be an array [point, output, argument], here [{len(X)}, ..., {X.shape[1]}]; "
                f"it is {list(found.shape)}"
            )
        return found

    def close(self) -> None:
        return None
