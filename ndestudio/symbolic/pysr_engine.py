"""PySR behind the engine protocol: it runs in a process of its own, so that Julia never enters this one.

The parent writes the task into a temporary folder, polls PySR's `hall_of_fame.csv` there and ends the process to stop
(``pysr_worker`` is the other side). Formulas are parsed by our own parser and their losses computed again by our own
evaluation, so that the numbers of both engines mean the same.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import EngineUnavailable, EquationError
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, substitute, transform
from ndestudio.progress import Note, Phase, Reporter
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.losses import check_problem, normalised_loss
from ndestudio.symbolic.pysr_settings import pysr_settings, pysr_units
from ndestudio.symbolic.selection import make_front

POLL_SECONDS = 0.1
STARTUP_LIMIT = 900.0
"""Seconds the worker may take until the search begins; the first start on a machine compiles Julia packages."""


class PysrEngine:
    """Symbolic regression by PySR (`pip install ndestudio[pysr]` and Julia)."""

    name = "pysr"
    title = "PySR (Julia)"
    takes_templates = False

    def unavailable(self) -> str | None:
        """None if PySR and Julia are found, else what is missing and how to get it."""
        if importlib.util.find_spec("pysr") is None:
            return (
                "the engine `pysr` needs the Python package PySR, which is not installed; install it with "
                "`pip install 'ndestudio[pysr]'`, or take the embedded engine `evolution`"
            )
        if find_julia() is None:
            return (
                "the engine `pysr` needs Julia, and no `julia` was found; install Julia from julialang.org (or let PySR fetch "
                "it once with `python -c 'import pysr'`), or take the embedded engine `evolution`"
            )
        return None

    def search(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        reporter: Reporter,
        on_front: Callable[[Front], None] | None = None,
    ) -> SearchResult:
        """See ``Engine.search``. A search with `threads=1`, or limited by evaluations alone, is reproducible (and serial)."""
        missing = self.unavailable()
        if missing is not None:
            raise EngineUnavailable(missing)
        check_problem(problem)
        if problem.targets > 1:
            raise ValueError(
                f"y has {problem.targets} targets and PySR finds one formula at a time; search them one after the other, or "
                "together with the engine `evolution`"
            )
        if problem.template:
            raise ValueError("the engine `pysr` takes no template here; use the embedded engine `evolution`")
        if problem.guesses:
            reporter.emit(Note("PySR 1.x takes no formulas to begin with; the guesses are left out", "warning"))
        with tempfile.TemporaryDirectory(prefix="ndestudio-pysr-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            _write_task(folder, problem, config)
            return _follow(folder, problem, config, reporter, on_front)


def find_julia() -> Path | None:
    """The Julia that PySR would start: on the path, named by PYTHON_JULIAPKG_EXE, or fetched by an earlier PySR."""
    named = os.environ.get("PYTHON_JULIAPKG_EXE")
    places = [Path(named)] if named else []
    on_path = shutil.which("julia")
    if on_path:
        places.append(Path(on_path))
    binary = "julia.exe" if os.name == "nt" else "julia"
    for root in (
        Path(sys.prefix) / "julia_env",
        Path(os.environ.get("JULIA_DEPOT_PATH", "~/.julia").split(os.pathsep)[0]).expanduser()
        / "environments"
        / "pyjuliapkg",
        Path("~/.juliaup").expanduser(),
    ):
        places += [root / "pyjuliapkg" / "install" / "bin" / binary, root / "bin" / binary]
    return next((place for place in places if place.is_file()), None)


def _write_task(folder: Path, problem: SearchProblem, config: SearchConfig) -> None:
    arrays: dict[str, Any] = {"X": np.asarray(problem.X, float), "y": np.asarray(problem.y, float)}
    if problem.weights is not None:
        arrays["weights"] = np.asarray(problem.weights, float)
    np.savez(folder / "data.npz", **arrays)
    X_units, y_units = pysr_units(problem) or (None, None)
    task = {
        "settings": pysr_settings(problem, config, str(folder / "output")),
        "names": _safe_names(len(problem.names)),
        "X_units": X_units,
        "y_units": y_units,
    }
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")


def _safe_names(count: int) -> list[str]:
    """PySR refuses names that SymPy uses (`E`, `S`, `beta`), so it gets none of ours."""
    return [f"x{index}" for index in range(count)]


@dataclass
class _Watch:
    """What was last seen of the worker."""

    started: float
    searching_since: float | None = None
    text: str = ""
    phase: str = "starting"
    table: str = ""
    front: Front = Front()


def _follow(
    folder: Path,
    problem: SearchProblem,
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None,
) -> SearchResult:
    """Start the worker, stream its fronts, and say how it ended."""
    reporter.emit(Phase("starting", "Starting Julia (half a minute, several on the first use of a machine)"))
    watch = _Watch(started=time.monotonic())
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ndestudio.symbolic.pysr_worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(config),
        )
        try:
            ended = _poll(process, folder, watch, problem, config, reporter, on_front)
        finally:
            _end(process)
    _update(folder, watch, problem, config, reporter, on_front)
    outcome, sentence = _assessment(ended, process.returncode, watch, config, folder)
    return SearchResult(watch.front, outcome, sentence)


def _poll(
    process: subprocess.Popen[bytes],
    folder: Path,
    watch: _Watch,
    problem: SearchProblem,
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None,
) -> str:
    """`"ended"`, `"stopped"`, `"target"`, `"time"` or `"no start"`."""
    while process.poll() is None:
        if reporter.should_stop():
            return "stopped"
        _update(folder, watch, problem, config, reporter, on_front)
        if any(candidate.loss <= config.target_loss for candidate in watch.front.candidates):
            return "target"
        now = time.monotonic()
        if watch.searching_since is None and now - watch.started > STARTUP_LIMIT:
            return "no start"
        # PySR checks its own limit between iterations only
        if config.seconds is not None and watch.searching_since is not None:
            compiling = 30.0 if not watch.front.candidates else 1.0
            if now - watch.searching_since > config.seconds + compiling:
                return "time"
        time.sleep(POLL_SECONDS)
    return "ended"


def _update(
    folder: Path,
    watch: _Watch,
    problem: SearchProblem,
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None,
) -> None:
    """Read what the worker wrote since."""
    phase, text = _state(folder)
    if phase == "searching" and watch.searching_since is None:
        watch.searching_since = time.monotonic()
        reporter.emit(Phase("search", "PySR is searching"))
        if text:
            reporter.emit(Note(f"this version of PySR does not know the settings {text}; they are left out", "warning"))
    watch.phase, watch.text = phase, text
    table = _table(folder)
    if not table or table == watch.table:
        return
    watch.table = table
    began = watch.searching_since or watch.started
    front = read_front(table, problem, config, watch.front.version + 1, time.monotonic() - began)
    if front.candidates and front.candidates != watch.front.candidates:
        watch.front = front
        if on_front is not None:
            on_front(front)


def _state(folder: Path) -> tuple[str, str]:
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return str(state["phase"]), str(state["text"])
    except (OSError, ValueError, KeyError):
        return "starting", ""


def _table(folder: Path) -> str:
    """PySR's table; its backup when the table is just being written."""
    for name in ("hall_of_fame.csv", "hall_of_fame.csv.bak"):
        try:
            text = (folder / "output" / "run" / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.endswith("\n") and text.count("\n") > 1:
            return text
    return ""


def read_front(
    table: str, problem: SearchProblem, config: SearchConfig, version: int = 0, seconds: float = 0.0
) -> Front:
    """The front in PySR's `hall_of_fame.csv` (columns Complexity, Loss, Equation), losses as NMSE.

    Rows that cannot be read, or have no finite value on the samples, are left out.
    """
    formals = {safe: Name(own) for safe, own in zip(_safe_names(len(problem.names)), problem.names, strict=True)}
    candidates = []
    for row in csv.DictReader(io.StringIO(table)):
        try:
            expression = substitute(parse_pysr(row["Equation"]), formals)
            candidate = _measured(Candidate(int(float(row["Complexity"])), 0.0, expression), problem, config)
        except (EquationError, KeyError, ValueError, TypeError):
            continue
        candidates.append(candidate)
    return make_front(
        candidates,
        rows=len(problem.y),
        vocabulary=len(config.operators) + len(problem.names),
        noise=config.noise,
        held_out_rows=0 if problem.y_held_out is None else len(problem.y_held_out),
        version=version,
        seconds=seconds,
    )


def _measured(candidate: Candidate, problem: SearchProblem, config: SearchConfig) -> Candidate:
    loss = normalised_loss(candidate.expression, problem.names, problem.X, problem.y, problem.weights, config)
    if problem.X_held_out is None or problem.y_held_out is None:
        return replace(candidate, loss=loss)
    held_out = normalised_loss(
        candidate.expression, problem.names, problem.X_held_out, problem.y_held_out, None, config, scale_of=problem.y
    )
    return replace(candidate, loss=loss, held_out=held_out)


_EXTRA: Mapping[str, Callable[[Expr], Expr]] = {
    "square": lambda x: Binary("^", x, Number(2.0)),
    "cube": lambda x: Binary("^", x, Number(3.0)),
    "inv": lambda x: Binary("/", Number(1.0), x),
    "neg": lambda x: Negate(x),
}


def parse_pysr(text: str) -> Expr:
    """A formula as SymbolicRegression.jl prints it. Raises EquationError."""
    from ndestudio.expression import parse_expression

    def translate(node: Expr) -> Expr:
        if isinstance(node, Call) and node.function in _EXTRA:
            if len(node.arguments) != 1:
                raise EquationError(f"`{node.function}` takes one argument")
            return _EXTRA[node.function](node.arguments[0])
        return node

    return transform(parse_expression(text, functions=tuple(_EXTRA)), translate)


def _environment(config: SearchConfig) -> dict[str, str]:
    package_root = str(Path(__file__).resolve().parents[2])
    threads = config.threads if config.threads > 0 else "auto"
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in (package_root, os.environ.get("PYTHONPATH", "")) if part),
        "PYTHON_JULIACALL_HANDLE_SIGNALS": "yes",
        "PYTHON_JULIACALL_THREADS": str(threads),
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the worker if it still runs: asked first, then killed, within half a second."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=0.3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _assessment(
    ended: str, returncode: int | None, watch: _Watch, config: SearchConfig, folder: Path
) -> tuple[str, str]:
    found = len(watch.front.candidates)
    reached = f"{found} formulas on the front" if found else "no formula was found"
    if ended == "stopped":
        return "stopped", f"PySR was stopped: {reached}"
    if ended == "no start":
        return (
            "failed",
            f"PySR did not begin to search within {STARTUP_LIMIT:.0f} s; see whether `julia` runs in a terminal",
        )
    if ended == "ended" and returncode != 0:
        cause = watch.text or f"its process ended with code {returncode}: {_last_line(folder)}"
        return "failed", f"{cause.rstrip('.')}; {reached}"
    if any(candidate.loss <= config.target_loss for candidate in watch.front.candidates):
        return "solved", f"PySR reached the target error: {reached}"
    if not found:
        return "failed", "PySR ended without a formula; give it more time"
    return "limit", f"PySR reached its limit: {reached}"


def _last_line(folder: Path) -> str:
    try:
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "nothing was said"
