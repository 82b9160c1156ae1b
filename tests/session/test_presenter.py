from dataclasses import dataclass, field
from unittest.mock import Mock

import numpy as np
import pytest

from ndestudio.data.config import SplitConfig
from ndestudio.session.presenter import Presenter, View, same


@dataclass(frozen=True)
class State:
    text: str
    rows: tuple[int, ...] = ()
    data: object = None
    table: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Opaque:
    values: np.ndarray


OPAQUE = Opaque(np.zeros(3))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (State("x"), State("x"), True),
        (State("x"), State("y"), False),
        (State("x", (1, 2)), State("x", (1, 2)), True),
        (State("x", (1, 2)), State("x", (1,)), False),
        (State("x", data=OPAQUE), State("x", data=OPAQUE), True),
        (State("x", data=OPAQUE), State("x", data=Opaque(np.zeros(3))), False),
        (State("x", data=SplitConfig()), State("x", data=SplitConfig()), True),
        (State("x", data=SplitConfig()), State("x", data=SplitConfig(by="none")), False),
        (State("x", table={"a": 1}), State("x", table={"a": 1}), True),
        (State("x", table={"a": 1}), State("x", table={"a": 2}), False),
        (State("x", data=None), State("x", data=1), False),
    ],
)
def test_same(a: State, b: State, expected: bool):
    assert same(a, b) is expected


class Counting(Presenter[State]):
    def __init__(self) -> None:
        self.text = "a"
        self._view = self._shown = None

    def state(self) -> State:
        return State(self.text)


def test_a_view_is_told_only_of_differences():
    presenter, view = Counting(), Mock(spec=View)
    presenter.attach(view)
    presenter.refresh()
    assert view.show_state.call_count == 1
    presenter.text = "b"
    presenter.refresh()
    assert view.show_state.call_args.args == (State("b"),)
    assert view.show_state.call_count == 2


def test_nothing_is_shown_after_detaching():
    presenter, view = Counting(), Mock(spec=View)
    presenter.attach(view)
    presenter.detach()
    presenter.text = "b"
    presenter.refresh()
    assert view.show_state.call_count == 1
