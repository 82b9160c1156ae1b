"""Each artefact that can be run here is run again and compared with the model."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.export.artefacts import Artefact
from ndestudio.export.content import Track, content
from ndestudio.model.fitted import FittedModel

POINTS = 51
TOLERANCE = 1e-6
"""Largest deviation, over the range of a state, that counts as agreement."""

C_FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror")


def verify(
    artefact: Artefact,
    model: FittedModel,
    dataset: Dataset | None = None,
    *,
    timeout: float = 120.0,
    should_stop: Callable[[], bool] | None = None,
) -> Artefact:
    """``artefact`` with the deviation of its trajectory from the model's and a sentence about the check.

    Nothing is raised when the artefact does not run or does not agree: the sentence says so.

    Arguments:
        timeout: seconds for compiling and running it.
        should_stop: polled while it runs.
    """
    if artefact.format == "csv":
        return replace(artefact, sentence="Values of the model itself; there is nothing to run.")
    if artefact.format == "json":
        return replace(artefact, sentence="Data, not a program; there is nothing to run.")
    if artefact.format in ("latex", "sympy"):
        return replace(artefact, sentence="Equations to read, not a simulation; there is nothing to run.")
    track = content(model, dataset).tracks[0]
    with tempfile.TemporaryDirectory(prefix="ndestudio-") as folder:
        (Path(folder) / artefact.name).write_text(artefact.text, encoding="utf-8")
        try:
            command = _command(artefact, track, Path(folder), timeout)
            if isinstance(command, str):
                return replace(artefact, sentence=command)
            output = _run(command, Path(folder), timeout, should_stop)
            found = _numbers(output)
            reference = _reference(model, track, found[:, 0])
        except _Failed as failure:
            return replace(artefact, deviation=float("inf"), sentence=str(failure))
    return _compared(artefact, track, found[:, 1 : 1 + reference.shape[1]], reference)


class _Failed(Exception):
    """The artefact did not run; the text is a sentence."""


def deviation(found: Float[np.ndarray, "time state"], reference: Float[np.ndarray, "time state"]) -> float:
    """Largest difference of a state over the range of that state (over its magnitude where it is constant)."""
    if found.shape != reference.shape:
        return float("inf")
    scale = np.ptp(reference, axis=0)
    scale = np.where(scale > 0, scale, np.maximum(np.max(np.abs(reference), axis=0), 1.0))
    largest = float(np.max(np.abs(found - reference) / scale))
    return largest if np.isfinite(largest) else float("inf")


def _compared(
    artefact: Artefact, track: Track, found: Float[np.ndarray, "time state"], reference: Float[np.ndarray, "time state"]
) -> Artefact:
    largest = deviation(found, reference)
    where = f"trajectory {track.name} at {len(reference)} times"
    if not np.all(np.isfinite(reference)):
        return replace(artefact, sentence=f"The model itself has no solution along {where}; nothing could be compared.")
    if largest <= TOLERANCE:
        said = f"Run again along {where}: it agrees with the model to {largest:.1e} of the range of each state."
    else:
        said = f"Run again along {where}: it differs from the model by {largest:.1e} of the range of a state. Do not rely on it."
    return replace(artefact, deviation=largest, sentence=said)


def _command(artefact: Artefact, track: Track, folder: Path, timeout: float) -> Sequence[str] | str:
    """How to run the artefact, or a sentence that says why it cannot be run here."""
    points = str(POINTS)
    match artefact.format:
        case "python" | "jax":
            # -I leaves the folder and the user's own packages out; arguments with = allow names that begin with -
            return [sys.executable, "-I", artefact.name, f"--trajectory={track.name}", f"--points={points}"]
        case "c":
            compiler = next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)
            if compiler is None:
                return "Not run: there is no C compiler on this machine."
            _run([compiler, *C_FLAGS, artefact.name, "-lm", "-o", "model"], folder, timeout, None)
            return [str(folder / "model"), track.name, points]
        case "julia":
            return _julia(artefact, track, folder, timeout)
        case "matlab":
            return _matlab(track)
    return f"Not run: there is no way to run {artefact.format} here."


def _julia(artefact: Artefact, track: Track, folder: Path, timeout: float) -> Sequence[str] | str:
    julia = shutil.which("julia")
    if julia is None:
        return "Not run: Julia is not on this machine."
    try:
        _run([julia, "--startup-file=no", "-e", "using OrdinaryDiffEq"], folder, timeout, None)
    except _Failed:
        return "Not run: Julia is here, but its package OrdinaryDiffEq does not load."
    return [julia, "--startup-file=no", artefact.name, track.name, str(POINTS)]


def _matlab(track: Track) -> Sequence[str] | str:
    octave = shutil.which("octave-cli") or shutil.which("octave")
    if octave is None:
        return "Not run: neither MATLAB nor Octave is on this machine."
    name = track.name.replace("'", "''")
    script = f"[t, states] = model('{name}', {POINTS}); printf('t\\n'); "
    script += "printf([repmat('%.17g,', 1, size(states, 2)), '%.17g\\n'], [t, states].');"
    return [octave, "--no-gui", "--norc", "--quiet", "--eval", script]


def _run(command: Sequence[str], folder: Path, timeout: float, should_stop: Callable[[], bool] | None) -> str:
    import time

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "JAX_PLATFORMS": "cpu", "PYTHONIOENCODING": "utf-8"}
    name = Path(command[0]).name
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment
        )
        limit = time.monotonic() + timeout
        try:
            while process.poll() is None:
                if time.monotonic() > limit:
                    raise _Failed(f"Not checked: {name} took longer than {timeout:.0f} s.")
                if should_stop is not None and should_stop():
                    raise _Failed("Not checked: stopped.")
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise _Failed(f"It did not run ({name} ended with {process.returncode}): {_complaint(folder / 'stderr')}")
    return (folder / "stdout").read_text(encoding="utf-8", errors="replace")


def _complaint(path: Path) -> str:
    """The line of an error output that says most: Python's last, Octave's and compilers' first with `error`."""
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    return next((line for line in lines if line.startswith("error:") or ": error:" in line), lines[-1]).strip()


def _numbers(output: str) -> Float[np.ndarray, "time column"]:
    rows = list(csv.reader(io.StringIO(output)))[1:]
    try:
        table = np.array([[float(field) for field in row] for row in rows if row])
    except ValueError:
        raise _Failed("It ran, but did not print numbers.") from None
    if table.ndim != 2 or len(table) < 2:
        raise _Failed("It ran, but printed no trajectory.")
    return table


def _reference(model: FittedModel, track: Track, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time state"]:
    from ndestudio.solve.scipy_reference import simulate

    return simulate(model, times, track.initial, track.control(model), rtol=1e-10, atol=1e-12).states
