"""Black boxes that are open in this process: found by their label, checked, started once, their last answers kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from ndestudio.blackbox.callables import CallableBox, known_callable
from ndestudio.blackbox.describe import describe, fmpy_description, kind_of, refuse_events
from ndestudio.blackbox.label import Label
from ndestudio.blackbox.permission import file_hash, is_allowed, place_of, refusal
from ndestudio.blackbox.served import HostedFmu, LineProgram, Pool, PooledBox, at_exit
from ndestudio.blackbox.table import TableBox
from ndestudio.errors import BlackBoxError

KEPT = 64
"""Answers that are kept: the outputs of one black box are asked for one after the other, at the same points."""


class Box(Protocol):
    """An open black box.

    Attributes
    ----------
    outputs
        Names of what it gives; () if it does not say.
    exact
        Whether ``jacobian`` may be asked.
    """

    outputs: tuple[str, ...]
    exact: bool

    def values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]: ...

    def jacobian(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output argument"]: ...

    def close(self) -> None: ...


class Opened:
    """An open black box whose last answers are kept.

    Attributes
    ----------
    evaluations
        Points at which it was evaluated, differences included.
    """

    def __init__(self, box: Box, label: Label) -> None:
        self.box, self.label, self.evaluations = box, label, 0
        self._kept: OrderedDict[tuple[str, bytes], np.ndarray] = OrderedDict()
        self._lock = threading.RLock()

    def values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        """Outputs at points; NaN where an argument is not finite, or where it has no value."""
        return self._remembered("values", X, self._values)

    def jacobian(
        self, X: Float[np.ndarray, "point argument"], exact: bool, difference: float
    ) -> Float[np.ndarray, "point output argument"]:
        """Derivatives of the outputs by the arguments: its own, or central differences."""
        if exact:
            return self._remembered("exact", X, lambda X: self._finite(self.box.jacobian, X))
        return self._remembered(f"differences {difference}", X, lambda X: self._differences(X, difference))

    def _values(self, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point output"]:
        return self._finite(self.box.values, X)

    def _finite(self, function: Any, X: Float[np.ndarray, "point argument"]) -> np.ndarray:
        good = np.isfinite(X).all(axis=1)
        if good.all():
            self.evaluations += len(X)
            return np.asarray(function(X), dtype=float)
        self.evaluations += int(good.sum())
        some = np.asarray(function(X[good] if good.any() else np.zeros((1, X.shape[1]))), dtype=float)
        found = np.full((len(X), *some.shape[1:]), np.nan)
        if good.any():
            found[good] = some
        return found

    def _differences(self, X: Float[np.ndarray, "point argument"], difference: float) -> np.ndarray:
        n, m = X.shape
        with np.errstate(invalid="ignore"):
            typical = np.nanmean(np.abs(np.where(np.isfinite(X), X, 0.0)), axis=0)
            size = np.maximum(np.abs(X), typical)
        steps = difference * np.where(np.isfinite(size) & (size > 0), size, 1.0)
        up, down = np.repeat(X[None], m, axis=0), np.repeat(X[None], m, axis=0)
        for k in range(m):
            up[k, :, k] += steps[:, k]
            down[k, :, k] -= steps[:, k]
        found = self._values(np.concatenate([up, down]).reshape(-1, m)).reshape(2, m, n, -1)
        widths = np.stack([up[k, :, k] - down[k, :, k] for k in range(m)])
        return np.moveaxis((found[0] - found[1]) / widths[:, :, None], 0, 2)

    def _remembered(self, what: str, X: np.ndarray, function: Any) -> np.ndarray:
        X = np.ascontiguousarray(X, dtype=float)
        key = (what, X.tobytes())
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = function(X)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(key)
            return found

    def close(self) -> None:
        self.box.close()


_open: dict[Label, Opened] = {}
_lock = threading.Lock()


def opened(label: Label) -> Opened:
    """The open black box of a label; it is started when it is asked for first.

    Raises
    ------
    BlackBoxError
        It is unknown, was changed, is not allowed, or does not start.
    """
    key = replace(label, output="", by=-1, derivatives="auto", same=-1, difference=1e-5)
    with _lock:
        found = _open.get(key)
        if found is not None and isinstance(found.box, CallableBox) and found.box.given is not known_callable(key.file):
            found = None
        if found is None:
            found = _open[key] = Opened(_start(key), key)
            at_exit(found)
        return found


def close_all() -> None:
    """End all black boxes that are open in this process."""
    with _lock:
        for one in _open.values():
            one.close()
        _open.clear()


def _start(label: Label) -> Box:
    known = known_callable(label.file)
    if known is not None:
        return CallableBox(label.file, known)
    if not label.path:
        raise BlackBoxError(
            f"`{label.file}` is not known here: no callable of that name was registered in this process, and it is no file"
        )
    label = replace(label, path=_place(label))
    if kind_of(label.file) == "table":
        return TableBox(label.path, label.arguments)
    if not is_allowed(label.sha256):
        raise BlackBoxError(refusal(label.title, label.path, label.sha256))
    if kind_of(label.file) == "program":
        return PooledBox(Pool(label, lambda: LineProgram(label)), label.outputs)
    task, outputs = fmu_task(label)
    return PooledBox(Pool(label, lambda: HostedFmu(label, task)), outputs)


def _place(label: Label) -> str:
    """Where the very file lies that the equations were read with."""
    if Path(label.path).is_file() and file_hash(label.path) == label.sha256:
        return label.path
    moved = place_of(label.sha256)
    if moved:
        return moved
    what = "has changed since the model was read" if Path(label.path).is_file() else "is no longer there"
    raise BlackBoxError(
        f"the black box `{label.path}` {what}; read the equations again with the right file in its place"
    )


def fmu_task(label: Label) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the process of an FMU is told, by value references, and the names of the outputs.

    Raises
    ------
    BlackBoxError
        It has state events where rates are asked for, or a variable is not there.
    """
    steps = label.step > 0
    described = fmpy_description(label.path)
    known = describe(label.file, label.path, steps=steps)
    if not steps:
        refuse_events(label.title, described)
    variables = {one.name: one for one in described.modelVariables}
    names = label.arguments or known.arguments
    lost = next((name for name in known.states if name not in names), None)
    if lost is not None:
        raise BlackBoxError(
            f"`{label.title}` has the state `{lost}`, which no argument gives; it takes {', '.join(known.arguments)}"
        )
    missing = next(
        (name for name in (*names, *(key for key, _ in label.start)) if name not in variables and name != "time"), None
    )
    if missing is not None:
        raise BlackBoxError(f"`{label.title}` has no variable `{missing}`; it takes {', '.join(known.arguments)}")
    rates = {one.derivative.name: one for one in variables.values() if one.derivative is not None}
    given = [
        rates[name[4:-1]] if name.startswith("der(") and name[4:-1] in rates else variables[name]
        for name in known.outputs
    ]
    place = {name: k for k, name in enumerate(names)}
    depends = None
    if not steps and known.exact:
        depends = _dependencies(described, given, names)
    task = {
        "path": label.path,
        "sha256": label.sha256,
        "step": label.step,
        "states": [place[name] for name in known.states],
        "state_references": [variables[name].valueReference for name in known.states],
        "inputs": [k for k, name in enumerate(names) if name not in known.states and name != "time"],
        "input_references": [
            variables[name].valueReference for name in names if name not in known.states and name != "time"
        ],
        "time": place.get("time", -1),
        "outputs": [one.valueReference for one in given],
        "references": [variables[name].valueReference if name != "time" else -1 for name in names],
        "depends": depends,
        "start": [[variables[key].valueReference, value] for key, value in label.start],
        "exact": known.exact,
    }
    return task, known.outputs


def _dependencies(described: Any, given: list[Any], names: tuple[str, ...]) -> list[list[bool]]:
    """Whether each output depends on each argument: an absent list means on all, an empty one on none."""
    listed = {
        one.variable.name: one.dependencies for one in (*described.outputs, *described.derivatives) if one.variable
    }
    found = []
    for one in given:
        of = listed.get(one.name)
        found.append([True] * len(names) if of is None else [name in {each.name for each in of} for name in names])
    return found
