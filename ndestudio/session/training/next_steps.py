"""What can be done after a training that ended with doubts, each as a step that one press takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ndestudio.fitting.result import Fit, Outcome
from ndestudio.model.config import ParameterConfig
from ndestudio.project.project import Spec

_LONGER = {"quick": "balanced", "balanced": "thorough"}
_SEEDS = 4
_STRONGER = 10.0
_DECADE = 10.0
_WIDE = 1.0
"""Width of an interval, in its parameter, from which on the data hardly determine it."""


@dataclass(frozen=True)
class NextStep:
    """A step.

    Parameters
    ----------
    words
        For a button.
    tip
        What it does, and when it helps.
    kind
        `"settings"`: train again with other settings (`changes` of ``TrainConfig``). `"go on"`: train on from the model.
        `"starts"`: train again from the fitted values. `"bounds"`: bound `names` about their fitted values, and go to the parameters.
    """

    words: str
    tip: str
    kind: Literal["settings", "go on", "starts", "bounds"]
    changes: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def next_steps(fit: Fit | None, spec: Spec) -> tuple[NextStep, ...]:
    """Steps for a fit that did not simply converge, the likeliest to help first; none for one that did."""
    if fit is None or fit.outcome is Outcome.CONVERGED:
        return ()
    if fit.outcome in (Outcome.LIMIT, Outcome.STOPPED):
        return (_go_on(), *_longer(fit, spec))
    steps = [*_longer(fit, spec), *_seeds(fit, spec), *_bounds(fit, spec)]
    if fit.model.networks:
        steps += _penalty(spec)
    elif fit.outcome is Outcome.DOUBTFUL:
        tip = (
            "Take the fitted values as start values and train again: a second descent may lead out of a shallow minimum"
        )
        steps.append(NextStep("Start from fitted values", tip, "starts"))
    return tuple(steps)


def _go_on() -> NextStep:
    return NextStep("Train on", "Go on from the model that was reached, with the settings of now", "go on")


def _longer(fit: Fit, spec: Spec) -> list[NextStep]:
    limit = spec.train.time_limit
    if fit.outcome is Outcome.LIMIT and limit is not None:
        tip = f"Train again with a limit of {3 * limit:g} s instead of {limit:g} s"
        return [NextStep("Three times as long", tip, "settings", {"time_limit": 3 * limit})]
    longer = _LONGER.get(spec.train.preset)
    if longer is None:
        return []
    tip = f"Train again with the preset {longer}: more steps, and stronger and weaker penalties are tried"
    return [NextStep(f"Preset {longer}", tip, "settings", {"preset": longer})]


def _seeds(fit: Fit, spec: Spec) -> list[NextStep]:
    if not fit.model.networks:
        return []
    if fit.stochastic is not None:
        return []
    seed = spec.train.seed + 1
    steps = [
        NextStep(f"Seed {seed}", "Train again from other random networks: this start may have been a bad one", "settings",
                 {"seed": seed})
    ]  # fmt: skip
    if spec.train.seeds < _SEEDS:
        tip = (
            "Train several networks from different starts: where they disagree, the data do not determine the function"
        )
        steps.append(NextStep(f"{_SEEDS} networks", tip, "settings", {"seeds": _SEEDS}))
    return steps


def suggested_bounds(value: float, config: ParameterConfig) -> tuple[float, float]:
    """Bounds of a parameter about its fitted value: a factor of ten to both sides, on the side of zero that the value is on; those that
    a person has given stay."""
    size = abs(value) or abs(config.value) or 1.0
    low, high = (size / _DECADE, size * _DECADE) if value >= 0 else (-size * _DECADE, -size / _DECADE)
    low, high = (-size, size) if value == 0 else (low, high)
    return low if config.lower is None else config.lower, high if config.upper is None else config.upper


def _penalty(spec: Spec) -> list[NextStep]:
    l2 = spec.train.l2
    if l2 is None:
        return []
    tip = f"Train again with {_STRONGER * l2:g} instead of {l2:g} as strength of the penalty on weights: smoother functions"
    return [NextStep("Stronger penalty", tip, "settings", {"l2": _STRONGER * l2})]


def _bounds(fit: Fit, spec: Spec) -> list[NextStep]:
    """Parameters that the data hardly determine and that nobody has bounded."""
    loose = []
    for name, (low, high) in fit.intervals.items():
        config = spec.model.parameters.get(name)
        if config is not None and (config.fixed or (config.lower is not None and config.upper is not None)):
            continue
        if high - low > _WIDE * abs(fit.model.parameters.get(name, 0.0)):
            loose.append(name)
    if not loose:
        return []
    shown = ", ".join(loose[:3]) + (" and others" if len(loose) > 3 else "")
    tip = (
        f"The data hardly determine {shown}: bounds a tenth and ten times of the fitted value where there are none, to be made narrower "
        "in Model where more is known"
    )
    return [NextStep(f"Bound {shown}", tip, "bounds", names=tuple(loose))]
