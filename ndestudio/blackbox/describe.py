"""What a black box takes and gives, read without running anything of it."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ndestudio.blackbox.callables import known_callable
from ndestudio.blackbox.permission import file_hash
from ndestudio.blackbox.table import header
from ndestudio.errors import BlackBoxError

Kind = Literal["callable", "table", "program", "fmu"]


@dataclass(frozen=True)
class Description:
    """What is known of a black box before it runs.

    Parameters
    ----------
    kind
        What it is.
    path
        Where it lies; "" for a callable.
    states
        Of an FMU, in the order of its description: for rates those that have derivatives, for steps those that can be set
        before it begins.
    inputs
        Its inputs.
    outputs
        What it gives; () if it does not say.
    exact
        Whether it gives derivatives of its own.
    version
        `"2.0"`, `"3.0"` of an FMU.
    """

    kind: Kind
    path: str = ""
    states: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    exact: bool = False
    version: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """States, then inputs: what a call takes; () if it does not say."""
        return (*self.states, *self.inputs)

    @property
    def runs(self) -> bool:
        """Whether a program of somebody runs, which a person must allow."""
        return self.kind in ("program", "fmu")


def kind_of(file: str) -> Kind:
    """What a name stands for: a callable that was registered, else by the ending of the file."""
    if known_callable(file) is not None:
        return "callable"
    ending = Path(file).suffix.lower()
    return "fmu" if ending == ".fmu" else "table" if ending == ".csv" else "program"


def describe(file: str, path: str = "", *, steps: bool = False) -> Description:
    """What is known of the black box that equations call ``file``.

    Parameters
    ----------
    path
        Where it lies.
    steps
        Whether it is to make steps (a co-simulation), instead of giving rates (a model exchange).

    Raises
    ------
    BlackBoxError
        There is no such thing, or it cannot be used that way; nothing of it has run.
    """
    kind = kind_of(file)
    if kind == "callable":
        known = known_callable(file)
        assert known is not None
        return Description(kind, "", (), known.arguments, known.outputs, known.derivative is not None)
    if not Path(path).is_file():
        raise BlackBoxError(
            f"`{file}` is no black box that is known here: there is no file `{path or file}`, and no callable of that name was "
            "registered (`ndestudio.register_callable`)"
        )
    if kind == "table":
        return Description(kind, path, (), header(path), (), True)
    if kind == "program":
        if not os.access(path, os.X_OK):
            raise BlackBoxError(f"`{path}` is no program that can be run; FMUs end in `.fmu`, tables in `.csv`")
        return Description(kind, path)
    return _of_fmu(path, file_hash(path), steps)


def fmpy_description(path: str) -> Any:
    """fmpy's description of an FMU. Raises BlackBoxError."""
    try:
        from fmpy import read_model_description
    except ImportError:
        raise BlackBoxError('FMUs need the package `fmpy`; install it: `pip install "ndestudio[fmu]"`') from None
    try:
        return read_model_description(path, validate=False)
    except Exception as error:
        # a file of somebody else: whatever is wrong with it is said in one sentence
        raise BlackBoxError(f"`{path}` is no FMU that can be read: {' '.join(str(error).split())[:200]}") from None


@lru_cache(maxsize=64)
def _of_fmu(path: str, sha256: str, steps: bool) -> Description:
    described = fmpy_description(path)
    title, version = Path(path).name, described.fmiVersion or ""
    if not version.startswith(("2.", "3.")):
        raise BlackBoxError(f"`{title}` is of FMI {version or '(no version)'}; 2.0 and 3.0 are read")
    given = described.coSimulation if steps else described.modelExchange
    if given is None:
        raise BlackBoxError(_other_use(title, steps))
    inputs = tuple(one.name for one in described.modelVariables if one.causality == "input" and _is_real(one))
    other = next((one for one in described.modelVariables if one.causality == "input" and not _is_real(one)), None)
    if other is not None and other.start is None:
        raise BlackBoxError(
            f"`{title}` has the input `{other.name}` of type {other.type}; equations give real numbers only"
        )
    rates = {one.variable.name: one.variable for one in described.derivatives if one.variable is not None}
    states = tuple(one.derivative.name for one in rates.values() if one.derivative is not None)
    given_out = tuple(one.name for one in described.modelVariables if one.causality == "output" and _is_real(one))
    if not steps:
        return Description(
            "fmu", path, states, inputs, _rate_names(states, given_out), _directional(given, path), version
        )
    _refuse_memory(title, described, states)
    states = states or tuple(one.name for one in described.modelVariables if _settable(one))
    outputs = (*states, *(name for name in given_out if name not in states))
    return Description("fmu", path, states, inputs, outputs, False, version)


def _rate_names(states: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[str, ...]:
    return (*(f"der({name})" for name in states), *outputs)


def _directional(given: Any, path: str) -> bool:
    """Whether a model exchange gives directional derivatives; fmpy 0.3.32 does not read what FMI 3 calls that."""
    if getattr(given, "providesDirectionalDerivative", False):
        return True
    with zipfile.ZipFile(path) as packed:
        text = packed.read("modelDescription.xml")
    return (
        re.search(rb"<ModelExchange\b[^>]*\bprovidesDirectionalDerivatives\s*=\s*[\"'](true|1)[\"']", text) is not None
    )


def _is_real(variable: Any) -> bool:
    return variable.type in ("Real", "Float64") and not variable.dimensions


def _settable(variable: Any) -> bool:
    """A quantity that goes on from where it is put before a simulation begins."""
    return (
        _is_real(variable)
        and variable.causality in ("output", "local", None)
        and variable.variability in ("continuous", None)
        and variable.initial in ("exact", "approx")
        and variable.derivative is None
    )


def _other_use(title: str, steps: bool) -> str:
    if steps:
        return (
            f"`{title}` is for model exchange: it gives rates, not steps; write `d(x)/dt = blackbox(...)(...)` with it"
        )
    return (
        f"`{title}` is for co-simulation: it makes steps and gives no rates; write `x(t + h) = blackbox(...)(...)` with the length "
        "`h` of its step as a number"
    )


def _refuse_memory(title: str, described: Any, states: tuple[str, ...]) -> None:
    """Each step begins anew from the states alone, so that what else an FMU remembers would be lost."""
    kept = next(
        (
            one
            for one in described.modelVariables
            if one.variability == "discrete" and one.causality in ("local", "output") and one.initial == "exact"
        ),
        None,
    )
    if kept is not None:
        raise BlackBoxError(
            f"`{title}` remembers `{kept.name}` from event to event, and steps here begin anew from its continuous states; it cannot be "
            "used. A version in which that follows from the states can"
        )


def refuse_events(title: str, described: Any) -> None:
    """State events of a model exchange would be missed between the stages of the solver.

    Raises
    ------
    BlackBoxError
        It has indicators of events.
    """
    count = described.numberOfEventIndicators or len(described.eventIndicators)
    if count:
        also = (
            "; its co-simulation handles them itself: write `x(t + h) = blackbox(...)(...)`"
            if described.coSimulation
            else ""
        )
        raise BlackBoxError(
            f"`{title}` has {count} event indicator{'s' if count > 1 else ''}: its rates jump where one of them passes 0, which the "
            f"solvers here would miss{also or '; use a version without state events, or for co-simulation'}"
        )
