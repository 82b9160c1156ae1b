"""Each artefact that can be run here is run again and compared with the model."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Dataset
from ndestudio.export.artefacts import Artefact
from ndestudio.export.content import content
from ndestudio.export.exporter import RunFailed, Trial
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.track import Track
from ndestudio.model.fitted import FittedModel

POINTS = 51
TOLERANCE = 1e-6
"""Largest deviation, over the range of a state, that counts as agreement."""
TWIN = 1e-9
"""Part of its range by which the start of each state is moved to see how far errors of solvers grow along a trajectory."""
FEWEST = 3
"""Times, the start among them, at which a program has to be compared at least."""


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

    Parameters
    ----------
    timeout
        Seconds for compiling and running it.
    should_stop
        Polled while it runs.
    """
    exporter = EXPORTERS.get(artefact.format)
    if exporter.rerun is None:
        return replace(artefact, sentence=exporter.proof)
    track = content(model, dataset).tracks[0]
    with tempfile.TemporaryDirectory(prefix="ndestudio-") as name:
        folder = Path(name)
        (folder / artefact.name).write_bytes(artefact.payload)
        prepare = partial(_run, folder=folder, timeout=timeout, should_stop=None)
        if model.system.diffusion:
            from ndestudio.export.rerun_noise import verified_noise

            rerun = exporter.rerun

            def table(trial: Trial) -> Float[np.ndarray, "row column"] | str:
                command = rerun(replace(trial, run=prepare))
                return command if isinstance(command, str) else _numbers(_run(command, folder, timeout, should_stop))

            try:
                return verified_noise(artefact, exporter, model, dataset, folder, table)
            except RunFailed as failure:
                return replace(artefact, deviation=float("inf"), sentence=str(failure))
        try:
            command = exporter.rerun(Trial(folder, artefact.name, track.name, POINTS, prepare))
            if isinstance(command, str):
                return replace(artefact, sentence=command)
            found = _numbers(_run(command, folder, timeout, should_stop))
            reference = _reference(model, track, found[:, 0])
            states = found[:, 1 : 1 + reference.shape[1]]
            apart = deviation(states, reference) > TOLERANCE
            together = horizon(model, track, found[:, 0], reference) if apart else len(reference)
        except RunFailed as failure:
            return replace(artefact, deviation=float("inf"), sentence=str(failure))
    return _compared(artefact, track, found[:, 0], states, reference, together)


def deviation(
    found: Float[np.ndarray, "time state"], reference: Float[np.ndarray, "time state"], horizon: int | None = None
) -> float:
    """Largest difference of a state over the range of that state (over its magnitude where it is constant).

    Parameters
    ----------
    horizon
        Number of times that count; None: all.
    """
    if found.shape != reference.shape:
        return float("inf")
    largest = float(np.max(np.abs(found - reference)[:horizon] / _scale(reference)))
    return largest if np.isfinite(largest) else float("inf")


def _scale(reference: Float[np.ndarray, "time state"]) -> Float[np.ndarray, " state"]:
    scale = np.ptp(reference, axis=0)
    return np.where(scale > 0, scale, np.maximum(np.max(np.abs(reference), axis=0), 1.0))


def _compared(
    artefact: Artefact,
    track: Track,
    t: Float[np.ndarray, " time"],
    found: Float[np.ndarray, "time state"],
    reference: Float[np.ndarray, "time state"],
    horizon: int,
) -> Artefact:
    """``horizon``: times up to which the model's own solutions stay together."""
    where = f"trajectory {track.name} at {len(reference)} times"
    if not np.all(np.isfinite(reference)):
        return replace(artefact, sentence=f"The model itself has no solution along {where}; nothing could be compared.")
    largest = deviation(found, reference, horizon)
    if largest > TOLERANCE:
        said = f"Run again along {where}: it differs from the model by {largest:.1e} of the range of a state. Do not rely on it."
    elif horizon < len(reference):
        said = (
            f"Run again along {where}: it agrees with the model to {largest:.1e} of the range of each state up to "
            f"{t[horizon - 1]:.4g}. Beyond, solutions of the model part that begin {TWIN:g} of it apart (chaos), so that no "
            "program can follow another there."
        )
    else:
        said = f"Run again along {where}: it agrees with the model to {largest:.1e} of the range of each state."
    return replace(artefact, deviation=largest, sentence=said)


def horizon(
    model: FittedModel, track: Track, t: Float[np.ndarray, " time"], reference: Float[np.ndarray, "time state"]
) -> int:
    """Times up to which a solution that begins next to the model's stays with it; all where that is too short to tell."""
    if not np.all(np.isfinite(reference)):
        return len(reference)
    scale = _scale(reference)
    twin = _reference(model, replace(track, initial=np.asarray(track.initial) + TWIN * scale), t)
    with np.errstate(invalid="ignore"):
        away = ~(np.max(np.abs(twin - reference) / scale, axis=1) <= TOLERANCE)
    together = int(np.argmax(away)) if away.any() else len(reference)
    return together if together >= FEWEST else len(reference)


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
                    raise RunFailed(f"Not checked: {name} took longer than {timeout:.0f} s.")
                if should_stop is not None and should_stop():
                    raise RunFailed("Not checked: stopped.")
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        raise RunFailed(f"It did not run ({name} ended with {process.returncode}): {_complaint(folder / 'stderr')}")
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
        raise RunFailed("It ran, but did not print numbers.") from None
    if table.ndim != 2 or len(table) < 2:
        raise RunFailed("It ran, but printed no trajectory.")
    return table


def _reference(model: FittedModel, track: Track, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time state"]:
    from ndestudio.solve.scipy_reference import simulate

    found = simulate(
        model,
        times,
        track.initial,
        track.control,
        rtol=1e-10,
        atol=1e-12,
        events=track.events if model.system.events else None,
    )
    return found.states
