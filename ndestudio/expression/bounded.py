"""Rewriting by SymPy under a budget of time and memory.

SymPy has no way to be told to stop: expanding, cancelling and factoring take exponential time and memory on some formulas.
A call therefore runs on a thread of its own while the caller watches it, and is ended from outside (an exception raised in
that thread) when the budget is spent or a stop is asked for. Formulas that are certain to be too large are refused before.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ndestudio.expression.tree import Binary, Call, Expr, Negate, Number, children

Result = TypeVar("Result")

MOST_TERMS = 2000.0
"""Terms of a formula multiplied out, numerator and denominator together, beyond which it is not given to SymPy."""
HIGHEST_DEGREE = 200.0
"""Largest product of whole exponents along a branch of a formula that is given to SymPy."""
LARGEST_WHOLE = 100.0
"""Whole numbers beyond this are decimals for SymPy: it would take an exact `exp(8540*x)` for a power of degree 8540."""
_POLL = 0.02
_GRACE = 1.0
"""Seconds that the caller waits for an ended call to unwind; after that a thread of its own goes on ending it."""
_LONGEST_END = 60.0
"""Seconds after which a call that nothing ends is left behind."""
_STACK = 64 * 1024 * 1024


class Exhausted(Exception):
    """A rewriting was given up; the text says why."""


class _End(SystemExit):
    """Raised in the thread of a call that is to end."""


@dataclass
class Budget:
    """What the rewriting of one formula may cost.

    Parameters
    ----------
    seconds : float
        Processor time of the rewriting of a formula (wall time where the system cannot tell; never more than four times
        this in wall time).
    megabytes : float
        Growth of the memory of the process while a formula is rewritten.
    should_stop : callable
        Asked fifty times a second, on the calling thread.

    Attributes
    ----------
    given_up : dict of str to str
        Formula that was left as it was -> why.
    """

    seconds: float = 2.0
    megabytes: float = 600.0
    should_stop: Callable[[], bool] = lambda: False
    given_up: dict[str, str] = field(default_factory=dict)
    _left: float | None = field(default=None, init=False, repr=False)

    @contextmanager
    def formula(self) -> Iterator[None]:
        """All calls within share the time of one formula."""
        outermost = self._left is None
        if outermost:
            self._left = self.seconds
        try:
            yield
        finally:
            if outermost:
                self._left = None

    def run(self, function: Callable[[], Result]) -> Result:
        """The result of ``function()``, which must not touch anything but its own values and SymPy.

        Raises
        ------
        Exhausted
            When the time, the memory, or the patience of the person is at its end.
        """
        left = self.seconds if self._left is None else self._left
        if self.should_stop():
            raise Exhausted("a stop was asked for")
        if left <= 0.0:
            raise Exhausted(f"it would take more than {self.seconds:g} s")
        call = _Watched(function)
        spent = left  # of a call that is ended from outside
        try:
            call.watch(left, self)
            spent = call.spent
        finally:
            if self._left is not None:
                self._left -= spent
        if call.error is not None:
            raise call.error
        return call.result

    def give_up(self, formula: str, why: Exhausted) -> None:
        self.given_up.setdefault(formula, str(why))

    def sentence(self) -> str:
        """What was left as it was, for a person; "" if nothing was, or only because of a stop."""
        reasons = [why for why in self.given_up.values() if not why.startswith("a stop")]
        if not reasons:
            return ""
        count = f"{len(reasons)} formulas were" if len(reasons) > 1 else "1 formula was"
        return f"{count} used as found, not brought into the simplest form: {reasons[0]}"


class _Watched:
    """A call on a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self.spent = 0.0
        self._function = function
        self._finished = False
        self._clock: int | None = None
        old = threading.stack_size(_STACK)
        try:
            self._thread = threading.Thread(target=self._work, name="rewriting", daemon=True)
            self._began = time.monotonic()
            self._memory = _resident()
            self._thread.start()
        finally:
            threading.stack_size(old)

    def _work(self) -> None:
        with suppress(_End):
            clock = getattr(time, "pthread_getcpuclockid", None)
            self._clock = None if clock is None else clock(threading.get_ident())
            try:
                self.result = self._function()
            except Exception as error:
                self.error = error
            self.spent = time.thread_time()
            self._finished = True

    def watch(self, seconds: float, budget: Budget) -> None:
        """Wait for the end of the call, or bring it about. Raises Exhausted."""
        try:
            while True:
                self._thread.join(_POLL)
                if not self._thread.is_alive():
                    break
                self._used()
                if why := self._too_much(seconds, budget):
                    raise Exhausted(why)
        except BaseException:
            self._end()
            raise
        if not self._finished:
            raise Exhausted("SymPy ended without an answer")

    def _too_much(self, seconds: float, budget: Budget) -> str:
        if self.spent > seconds or time.monotonic() - self._began > 4.0 * seconds:
            return f"it would take more than {budget.seconds:g} s"
        if _resident() - self._memory > budget.megabytes * 1e6:
            return f"it would take more than {budget.megabytes:g} MB"
        return "a stop was asked for" if budget.should_stop() else ""

    def _used(self) -> None:
        """Processor time of the call so far."""
        if self._clock is None:
            self.spent = time.monotonic() - self._began
            return
        with suppress(OSError):  # the thread has just ended
            self.spent = time.clock_gettime(self._clock)

    def _end(self) -> None:
        self._send_end(_GRACE)
        if self._thread.is_alive():
            threading.Thread(target=self._send_end, args=(_LONGEST_END,), name="rewriting-end", daemon=True).start()

    def _send_end(self, seconds: float) -> None:
        give_up = time.monotonic() + seconds
        with _ends_unheard():
            while self._thread.is_alive() and time.monotonic() < give_up:
                ident = ctypes.c_ulong(self._thread.ident or 0)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(_End))
                self._thread.join(_POLL)


class _Unheard:
    """What keeps ends out of Python's reports while there are any under way."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.under_way = 0
        self.before = sys.unraisablehook

    def hook(self, found: sys.UnraisableHookArgs) -> None:
        if not issubclass(found.exc_type, _End):
            self.before(found)


_unheard = _Unheard()


@contextmanager
def _ends_unheard() -> Iterator[None]:
    """An end that hits a callback of the garbage collector goes no further, and Python reports it; it is sent again."""
    hook = _unheard.hook
    with _unheard.lock:
        if _unheard.under_way == 0:
            _unheard.before, sys.unraisablehook = sys.unraisablehook, hook
        _unheard.under_way += 1
    try:
        yield
    finally:
        with _unheard.lock:
            _unheard.under_way -= 1
            if _unheard.under_way == 0 and sys.unraisablehook == hook:
                sys.unraisablehook = _unheard.before


def _resident() -> float:
    """Bytes of memory of this process; 0 where the system does not tell (time alone is the limit there)."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
        return float(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


def check_size(expr: Expr) -> None:
    """Raise Exhausted for a formula that has too many terms, or too high a degree, once it is multiplied out."""
    above, below = terms(expr)
    if above + below > MOST_TERMS:
        raise Exhausted(f"multiplied out it would have more than {MOST_TERMS:g} terms")
    if degree(expr) > HIGHEST_DEGREE:
        raise Exhausted(f"multiplied out its degree would be more than {HIGHEST_DEGREE:g}")


def terms(expr: Expr) -> tuple[float, float]:
    """At most so many terms have numerator and denominator of ``expr`` multiplied out (inf: too many to count)."""
    match expr:
        case Negate(operand):
            return terms(operand)
        case Binary("^", base, exponent):
            inner, power = terms(base), whole_exponent(exponent)
            if power is None:
                return 1.0, 1.0
            above, below = (_multinomial(count, abs(power)) for count in inner)
            return (above, below) if power >= 0 else (below, above)
        case Binary(operator, left, right):
            (a, b), (c, d) = terms(left), terms(right)
            if operator == "*":
                return a * c, b * d
            return (a * d, b * c) if operator == "/" else (a * d + c * b, b * d)
        case Call(_, arguments):
            inner = [sum(terms(argument)) for argument in arguments]
            return (1.0, 1.0) if max(inner, default=0.0) <= MOST_TERMS else (math.inf, 1.0)
        case _:
            return 1.0, 1.0


def degree(expr: Expr) -> float:
    """Largest product of whole exponents along a branch of ``expr``."""
    inner = max((degree(child) for child in children(expr)), default=1.0)
    if isinstance(expr, Binary) and expr.operator == "^":
        return inner * max(1.0, abs(whole_exponent(expr.right) or 1))
    return inner


def whole_exponent(expr: Expr) -> int | None:
    """An exponent that SymPy takes for an exact whole number, None for any other."""
    match expr:
        case Number(value) if value == value // 1 and abs(value) <= LARGEST_WHOLE:
            return int(value)
        case Negate(Number(value)) if value == value // 1 and abs(value) <= LARGEST_WHOLE:
            return -int(value)
    return None


def _multinomial(terms_: float, power: int) -> float:
    """Terms of the power of a sum."""
    if not math.isfinite(terms_):
        return math.inf
    try:
        return float(math.comb(int(terms_) + power - 1, power))
    except OverflowError:
        return math.inf
