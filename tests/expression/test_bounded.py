"""Rewriting stays within its budget, whatever the formula."""

from __future__ import annotations

import gc
import sys
import threading
import time

import pytest

from ndestudio.distil.forms import simplest, with_a_term_less
from ndestudio.distil.structure import difference
from ndestudio.expression import bounded, evaluate, parse_expression, to_text
from ndestudio.expression.bounded import Budget, Exhausted, check_size

SUMS = "*".join(f"(a{k} + b{k} + 1.{k + 1}*x)" for k in range(9))
DEEP = "x"
for _level in range(12):
    DEEP = f"exp(-({DEEP})/(1.3 + x))"

NASTY = [
    "3200000000*exp(-8540/temp)",
    "exp(-8540*x)*x + exp(-120*x)/(1 + exp(8540*x))",
    "2.4e-15*A/(1.1e-12 + A) + A*exp(-434848195110.9402*A)",
    "(x + y + 1.3)^10000",
    "x^10000*y + x^9999",
    "exp(x)^10000 + exp(10000*x)",
    "1e300*x/(1e300 + 1e-300*x)",
    "exp(exp(20))*x + y/(1.3 + x)",
    "((x + 1.1)^12 + y)^12/(x + 1.2)^12",
    "((((x^12 + 1)^12 + 2)^12 + 3)^12 + 4)^12",
    "exp(12*(11*x*(12*y)))*exp(90*x*(11*y))",
    SUMS,
    f"1/({SUMS})",
    "*".join(f"(a{k} + b{k})" for k in range(9)),
    " + ".join(f"1/(a{k} + b{k})" for k in range(7)),
    " + ".join(f"{k + 1.5}*x/(a{k} + {k + 0.3}*y)" for k in range(5)),
    DEEP,
    "1/(x + 1/(x + 1/(x + 1/(x + 1/(x + 1/(x + y))))))",
    "sqrt(x + sqrt(x + sqrt(x + sqrt(x + 1.1*y))))/(x^0.3 + y^0.7 + 2.3)",
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_every_formula_comes_back_in_time_with_the_same_values(text: str) -> None:
    expr, budget = parse_expression(text), Budget(seconds=1.0)
    began = time.monotonic()
    short = simplest(expr, budget)
    with_a_term_less(expr, budget)
    assert difference(expr, expr, budget) == 0.0
    # four rewritings, of four times as much wall time at most, and what a busy machine adds
    assert time.monotonic() - began < 4 * 4 * budget.seconds + 30.0
    values = {name: 0.3 + 0.01 * k for k, name in enumerate(("x", "y", "A", "temp"))}
    values |= {f"{letter}{k}": 0.2 + 0.1 * k for letter in "ab" for k in range(9)}
    assert evaluate(short, values) == pytest.approx(evaluate(expr, values), rel=1e-6, nan_ok=True)


def test_what_takes_too_long_is_ended_and_said() -> None:
    budget = Budget(seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Exhausted, match=r"more than 0.2 s"):
        budget.run(_never_ends)
    assert time.monotonic() - began < 60.0
    _no_thread_is_left()


def test_what_takes_too_much_memory_is_ended() -> None:
    with pytest.raises(Exhausted, match="MB"):
        Budget(seconds=30.0, megabytes=50.0).run(_fills_memory)
    _no_thread_is_left()


def test_a_stop_ends_a_rewriting() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Exhausted, match="stop"):
        Budget(seconds=600.0, should_stop=stop.is_set).run(_never_ends)
    assert time.monotonic() - began < 60.0
    _no_thread_is_left()


def test_an_end_that_hits_a_callback_is_sent_again_without_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    heard: list[object] = []
    hit: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)

    def linger(phase: str, info: dict[str, int]) -> None:
        if threading.current_thread().name == "rewriting":
            stop.set()
            try:
                _lingers()
            except SystemExit:
                hit.append(phase)
                raise

    def collects() -> None:
        gc.collect()
        while True:
            time.sleep(0.001)

    gc.callbacks.append(linger)
    try:
        with pytest.raises(Exhausted, match="stop"):
            Budget(seconds=30.0, should_stop=stop.is_set).run(collects)
    finally:
        gc.callbacks.remove(linger)
    assert hit and heard == []
    _no_thread_is_left()


def test_a_call_that_outlives_the_wait_of_its_caller_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "_GRACE", 0.0)
    with pytest.raises(Exhausted):
        Budget(seconds=0.05).run(_never_ends)
    _no_thread_is_left()


def test_an_exception_reaches_the_caller_and_a_result_too() -> None:
    with pytest.raises(KeyError):
        Budget().run(lambda: {}["missing"])
    assert Budget().run(lambda: 42) == 42


def test_all_steps_of_one_formula_share_its_time() -> None:
    budget = Budget(seconds=0.3)
    with budget.formula():
        with pytest.raises(Exhausted):
            budget.run(_never_ends)
        begun: list[bool] = []
        with pytest.raises(Exhausted):
            budget.run(lambda: begun.append(True))
        assert not begun
    assert budget.run(lambda: 1) == 1


def test_a_formula_that_is_given_up_stays_as_it_was_and_is_counted() -> None:
    expr, budget = parse_expression("((x + 1.1)^12 + y)^12/(x + 1.2)^12 + 0*x"), Budget()
    assert to_text(simplest(expr, budget)) == "((x + 1.1)^12 + y)^12/(x + 1.2)^12"
    assert budget.sentence() == (
        "1 formula was used as found, not brought into the simplest form: multiplied out it would have more than 2000 terms"
    )
    assert Budget().sentence() == ""


@pytest.mark.parametrize("text", ["x/(1 + y)", "(x + y)^12", "exp(-8540*x)", "x^8540"])
def test_ordinary_formulas_are_not_refused(text: str) -> None:
    check_size(parse_expression(text))


def _never_ends() -> None:
    import sympy

    x = sympy.Symbol("x")
    while True:
        sympy.expand((x + 1) ** 40)
        sympy.core.cache.clear_cache()


def _fills_memory() -> None:
    kept = []
    while True:
        kept.append(b"x" * 1_000_000)
        time.sleep(0.001)


def _lingers() -> None:
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        time.sleep(0.001)


def _no_thread_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("rewriting"):
            thread.join(timeout=60.0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rewriting")]
