"""What the library holds: terms to insert, and whole systems to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig


@dataclass(frozen=True)
class Term:
    """A mechanistic term as text.

    Parameters
    ----------
    name
        Identifier of the entry.
    title
        For menus.
    text
        An expression of ``arguments`` and ``parameters``.
    arguments
        Names to be replaced by those of the model at hand -> what they mean, with the unit.
    parameters
        Value, bounds and unit of each constant.
    unit
        Of the term.
    source
        Where the formula comes from.
    """

    name: str
    title: str
    category: str
    text: str
    arguments: Mapping[str, str]
    parameters: Mapping[str, ParameterConfig]
    unit: str
    description: str
    source: str


@dataclass(frozen=True)
class Template:
    """A whole system that runs as it stands.

    Parameters
    ----------
    equations
        Model text.
    parameters
        Value, bounds and unit of each constant.
    initial
        Start of each state.
    units
        Of each state and quantity.
    time
        Unit of time.
    span
        A duration over which something happens, in that unit.
    networks
        Settings of the neural terms, in templates that have some.
    source
        Where the equations come from (and the values, where those are not merely typical).
    """

    name: str
    title: str
    category: str
    equations: str
    parameters: Mapping[str, ParameterConfig]
    initial: Mapping[str, float]
    units: Mapping[str, str]
    time: str
    span: float
    description: str
    source: str
    networks: Mapping[str, NetworkConfig] = field(default_factory=dict)

    def config(self) -> ModelConfig:
        """The template as a model to edit; it runs without data."""
        return ModelConfig(
            name=self.title,
            equations=self.equations,
            parameters=dict(self.parameters),
            networks=dict(self.networks),
            initial={state: InitialConfig(value=value) for state, value in self.initial.items()},
            units=dict(self.units),
        )


def parameter(
    value: float,
    unit: str,
    lower: float | None = 0.0,
    upper: float | None = None,
    *,
    log: bool = False,
    fixed: bool = False,
    note: str = "",
) -> ParameterConfig:
    """A parameter with defaults for the library: not negative, at most a thousand times its value."""
    if upper is None and lower is not None and value > 0:
        upper = 1000.0 * value
    return ParameterConfig(value=value, lower=lower, upper=upper, unit=unit, log=log, fixed=fixed, note=note)
