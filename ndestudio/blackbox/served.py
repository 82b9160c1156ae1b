"""Processes that answer batches of points: started when needed, watched, ended when a budget is spent."""

from __future__ import annotations

import atexit
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float

from ndestudio.blackbox.label import Label
from ndestudio.errors import BlackBoxError

CHUNK = 256
"""Points of one message; more would have a process keep silent for longer than its budget of seconds means."""
FEWEST = 8
"""Points for which a further process is worth its message."""
LOOK = 0.2
"""Seconds between looks at the budgets of time."""
LAST_WORDS = 300


class Watched:
    """A child process with a budget of time for each answer."""

    def __init__(self, command: Sequence[str], label: Label, *, cwd: str | None = None) -> None:
        self.label, self.deadline, self.late = label, float("inf"), False
        self.words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        package = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(one for one in (package, os.environ.get("PYTHONPATH", "")) if one)
        environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.words,
                cwd=cwd,
                env=environment,
            )
        except OSError as error:
            raise BlackBoxError(f"`{label.title}` cannot be started ({error.strerror or error})") from None
        _watch(self)

    def expect(self, seconds: float) -> None:
        """An answer is due in so many seconds."""
        self.deadline = time.monotonic() + seconds

    def arrived(self) -> None:
        self.deadline = float("inf")

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def ended(self, X: Float[np.ndarray, "point argument"]) -> BlackBoxError:
        """Why there is no answer."""
        self.arrived()
        if self.late:
            self.process.wait()
            return BlackBoxError(
                f"`{self.label.title}` gave no answer for {self.label.seconds:g} s and was ended, asked at {_point(self.label, X)}; "
                "give it more `seconds` in [model.blackboxes], or look whether a program writes out its lines (flush)"
            )
        try:
            code = self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        how = f"exit code {code}" if code >= 0 else f"signal {_signal(-code)}"
        return BlackBoxError(
            f"`{self.label.title}` stopped ({how}), asked at {_point(self.label, X)}{self.last_words()}"
        )

    def last_words(self) -> str:
        """What it wrote at the end, as part of a sentence."""
        try:
            self.words.seek(0, os.SEEK_END)
            self.words.seek(max(self.words.tell() - 4 * LAST_WORDS, 0))
            text = self.words.read().decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; it last wrote: {lines[-1][:LAST_WORDS]}" if lines else ""

    def close(self) -> None:
        self.arrived()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass
        try:
            self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.words.close()


_watched: weakref.WeakSet[Watched] = weakref.WeakSet()
_watching = threading.Lock()
_looker: list[threading.Thread] = []


def _watch(one: Watched) -> None:
    with _watching:
        _watched.add(one)
        if not _looker:
            _looker.append(threading.Thread(target=_look, name="budgets of black boxes", daemon=True))
            _looker[0].start()


def _look() -> None:
    while True:
        time.sleep(LOOK)
        with _watching:
            living = list(_watched)
        for one in living:
            if time.monotonic() > one.deadline and one.process.poll() is None:
                one.late = True
                one.process.kill()
        del living


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _point(label: Label, X: Float[np.ndarray, "point argument"]) -> str:
    names = label.arguments or tuple(str(k + 1) for k in range(X.shape[1]))
    shown = ", ".join(f"{name} = {value:.6g}" for name, value in list(zip(names, X[0], strict=False))[:6])
    return f"{shown}{' and further points' if len(X) > 1 else ''}"


class HostedFmu:
    """One instance of an FMU in a process of its own; the messages are those of ``fmu_host``."""

    def __init__(self, label: Label, task: dict[str, Any]) -> None:
        self._served = Watched([sys.executable, "-m", "ndestudio.blackbox.fmu_host"], label)
        self.label = label
        self._send({**task, "memory": label.memory}, b"")
        answer = self._receive(np.zeros((1, len(label.arguments))), 6 * label.seconds)[0]
        if "error" in answer:
            self.close()
            raise BlackBoxError(f"`{label.title}`: {answer['error']}")
        self.exact = bool(answer["exact"])

    def ask(self, what: str, X: Float[np.ndarray, "point argument"]) -> None:
        """Send a question: `values` or `jacobian` at points."""
        self._send({"what": what, "points": len(X)}, np.ascontiguousarray(X, dtype="<f8").tobytes(), X)

    def answer(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point ..."]:
        """Its answer, an array whose first axis is the point; NaN where the FMU gave none."""
        answer, raw = self._receive(X, self.label.seconds)
        if "error" in answer:
            raise BlackBoxError(f"`{self.label.title}`: {answer['error']}")
        return np.frombuffer(raw, dtype="<f8").reshape(answer["shape"]).astype(float)

    def _send(self, head: dict[str, Any], raw: bytes, X: Float[np.ndarray, "point argument"] | None = None) -> None:
        text = json.dumps(head).encode()
        try:
            self._served.input.write(struct.pack("<II", len(text), len(raw)) + text + raw)
            self._served.input.flush()
        except (OSError, ValueError):
            raise self._served.ended(np.zeros((1, len(self.label.arguments))) if X is None else X) from None

    def _receive(self, X: Float[np.ndarray, "point argument"], seconds: float) -> tuple[dict[str, Any], bytes]:
        self._served.expect(seconds)
        head = self._served.output.read(8)
        if len(head) < 8:
            raise self._served.ended(X)
        n, m = struct.unpack("<II", head)
        text, raw = self._served.output.read(n), self._served.output.read(m)
        self._served.arrived()
        if len(text) < n or len(raw) < m:
            raise self._served.ended(X)
        return json.loads(text), raw

    def close(self) -> None:
        self._served.close()


class LineProgram:
    """A program that answers a line of numbers by a line of numbers."""

    exact = False

    def __init__(self, label: Label) -> None:
        self.label = label
        self._served = Watched([label.path], label, cwd=str(Path(label.path).parent))
        if sys.platform == "linux":
            import resource

            size = label.memory * 2**20
            resource.prlimit(self._served.process.pid, resource.RLIMIT_AS, (size, size))
        self._asked: list[int] = []

    def ask(self, what: str, X: Float[np.ndarray, "point argument"]) -> None:
        """Nothing is written before ``answer``: a line may be answered at once, and a full pipe would stop both sides."""

    def answer(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        return np.array([self._one(X[k : k + 1]) for k in range(len(X))])

    def _one(self, x: Float[np.ndarray, "1 argument"]) -> list[float]:
        self._served.expect(self.label.seconds)
        line = b""
        try:
            self._served.input.write((" ".join(repr(float(value)) for value in x[0]) + "\n").encode())
            self._served.input.flush()
            line = self._served.output.readline(65536)
        except (OSError, ValueError):
            pass
        if not line.endswith(b"\n"):
            raise self._served.ended(x)
        self._served.arrived()
        try:
            return [float(word) for word in line.replace(b",", b" ").split()]
        except ValueError:
            raise BlackBoxError(
                f"`{self.label.title}` wrote `{line.decode('utf-8', 'replace').strip()[:80]}`, asked at {_point(self.label, x)}; each line "
                "it writes must be numbers, its outputs"
            ) from None

    def close(self) -> None:
        self._served.close()


class Pool:
    """Instances of one black box that share batches; started as batches are large enough for them."""

    def __init__(self, label: Label, start: Any) -> None:
        self.label, self._start = label, start
        self._members: list[Any] = []
        self._lock = threading.Lock()
        self._members.append(start())
        self.exact = bool(self._members[0].exact)

    def evaluate(self, what: str, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point ..."]:
        """Answers at all points, in order; a failure ends all instances."""
        with self._lock:
            try:
                return self._evaluate(what, X)
            except BaseException:
                self._end()
                raise

    def _evaluate(self, what: str, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point ..."]:
        wanted = max(min(self.label.processes, len(X) // FEWEST), 1)
        while len(self._members) < wanted:
            self._members.append(self._start())
        pieces = [X[k : k + CHUNK] for k in range(0, len(X), CHUNK)] if wanted == 1 else _pieces(X, wanted)
        found: list[Any] = []
        for begin in range(0, len(pieces), wanted):
            asked = list(zip(self._members, pieces[begin : begin + wanted], strict=False))
            for member, piece in asked:
                member.ask(what, piece)
            found += [member.answer(piece) for member, piece in asked]
        widths = {one.shape[1:] for one in found}
        if len(widths) != 1:
            raise BlackBoxError(f"`{self.label.title}` gave different numbers of outputs from line to line")
        return np.concatenate(found)

    def _end(self) -> None:
        members, self._members = self._members, []
        for member in members:
            member.close()

    def close(self) -> None:
        with self._lock:
            self._end()


def _pieces(X: Float[np.ndarray, "point argument"], wanted: int) -> list[Float[np.ndarray, "point argument"]]:
    count = -(-len(X) // CHUNK)
    return np.array_split(X, -(-max(count, wanted) // wanted) * wanted)


class PooledBox:
    """A black box behind a ``Pool``; see ``opened.Box``."""

    def __init__(self, pool: Pool, outputs: tuple[str, ...]) -> None:
        self._pool, self.outputs, self.exact = pool, outputs, pool.exact

    def values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        return self._pool.evaluate("values", X)

    def jacobian(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output argument"]:
        return self._pool.evaluate("jacobian", X)

    def close(self) -> None:
        self._pool.close()


_all: weakref.WeakSet[Any] = weakref.WeakSet()


def at_exit(closed: Any) -> None:
    """End what ``closed`` runs when this program ends."""
    _all.add(closed)


@atexit.register
def _close_all() -> None:
    for one in list(_all):
        one.close()
