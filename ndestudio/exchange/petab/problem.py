"""A PEtab problem as values: the same for version 1 and 2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ndestudio.exchange.kinetic import KineticModel
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.sciml.network import Network
from ndestudio.expression.tree import Expr

Scale = Literal["lin", "log", "log10"]


@dataclass(frozen=True)
class Parameter:
    """A row of the parameter table: one number on the linear scale.

    Parameters
    ----------
    scale
        On which it is fitted.
    prior
        Of the objective; None: none is given.
    start
        Of starts of a fit; None: uniform on its scale between the bounds.
    """

    name: str
    nominal: float
    estimate: bool
    scale: Scale = "lin"
    lower: float = -math.inf
    upper: float = math.inf
    prior: Prior | None = None
    start: Prior | None = None


@dataclass(frozen=True)
class Observable:
    """What is measured and with what noise; formulas read states, rules, parameters, placeholders and `t`.

    Parameters
    ----------
    scale
        On which the noise is meant.
    laplace
        Laplace's distribution in place of the normal one.
    """

    name: str
    formula: Expr
    noise: Expr
    placeholders: tuple[str, ...] = ()
    scale: Scale = "lin"
    laplace: bool = False


@dataclass(frozen=True)
class Measurement:
    """One measured value.

    Parameters
    ----------
    experiment
        Name of its experiment.
    given
        What each placeholder of the observable is: a number or a parameter.
    """

    observable: str
    experiment: str
    time: float
    value: float
    given: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Period:
    """What changes at a time and holds from there on.

    Parameters
    ----------
    time
        -inf: the model settles under it before the begin.
    changes
        Name -> its new value; all read the values just before.
    condition
        Name of the condition, "" for none.
    """

    time: float
    changes: tuple[tuple[str, Expr], ...] = ()
    condition: str = ""


@dataclass(frozen=True)
class Experiment:
    name: str
    periods: tuple[Period, ...]


@dataclass(frozen=True, eq=False)
class ArrayParameter:
    """Arrays of a network among what is fitted.

    Parameters
    ----------
    network, layer, array
        Whose; layer and array "" for all of them.
    value
        A number that fills them; None: what the array files say.
    """

    name: str
    network: str
    layer: str
    array: str
    estimate: bool
    value: float | None = None
    prior: Prior | None = None


@dataclass(frozen=True, eq=False)
class NetworkUse:
    """A network in a problem.

    Parameters
    ----------
    before
        Evaluated once before a simulation, not along it.
    inputs
        For each argument: expressions of its entries, or an array for each condition (`"0"`: for all).
    outputs
        Name of each output that something reads -> its index (argument, place).
    values
        Layer -> array -> numbers.
    """

    network: Network
    before: bool
    inputs: tuple[tuple[Expr, ...] | Mapping[str, np.ndarray], ...]
    outputs: Mapping[str, tuple[int, ...]]
    values: Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class PetabProblem:
    """A problem: model, parameters, what was measured when.

    Parameters
    ----------
    rules
        Name in the model -> expression that takes the place of its value (hybridisation).
    networks, arrays
        Of the extension SciML.
    version
        1 or 2.
    files
        Kind -> files it was read from.
    """

    name: str
    version: int
    model: KineticModel
    parameters: tuple[Parameter, ...]
    observables: tuple[Observable, ...]
    experiments: tuple[Experiment, ...]
    measurements: tuple[Measurement, ...]
    rules: Mapping[str, Expr] = field(default_factory=dict)
    networks: Mapping[str, NetworkUse] = field(default_factory=dict)
    arrays: tuple[ArrayParameter, ...] = ()
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def estimated(self) -> tuple[Parameter, ...]:
        """Numbers that are fitted, arrays apart."""
        return tuple(one for one in self.parameters if one.estimate)

    def observable(self, name: str) -> Observable:
        return next(one for one in self.observables if one.name == name)
