"""Between a stage's state and its view: one resolve, one diff, one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields, is_dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ndestudio.session.ports import Context

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


@runtime_checkable
class View(Protocol[S_contra]):
    """What shows a state. A view decides nothing and never echoes what it was shown as an intent."""

    def show_state(self, state: S_contra) -> None: ...


class Presenter(ABC, Generic[S]):
    """Resolves the state of one view and shows it when it differs from what is shown."""

    def __init__(self, context: Context) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation
        self._view: View[S] | None = None
        self._shown: S | None = None

    @abstractmethod
    def state(self) -> S:
        """What the view should show now."""

    def attach(self, view: View[S]) -> None:
        self._view = view
        self._shown = None
        self.refresh()

    def detach(self) -> None:
        self._view = None
        self._shown = None

    def refresh(self) -> None:
        """Show the present state, if there is a view and it shows another one."""
        if self._view is None:
            return
        state = self.state()
        if self._shown is None or not same(state, self._shown):
            self._shown = state
            self._view.show_state(state)


def same(a: Any, b: Any) -> bool:
    """Whether two states show the same; data sets, fits and arrays are compared by identity."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, (str, int, float, bool)):
        return a == b
    if is_dataclass(a) and a.__dataclass_params__.eq:  # type: ignore[attr-defined]
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if hasattr(a, "__struct_fields__"):
        return bool(a == b)
    return False
