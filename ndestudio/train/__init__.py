"""Training: from a model and data to a fit. JAX is imported by the functions that need it, never by this package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.train.backend import device_info
    from ndestudio.train.config import Stage, TrainConfig
    from ndestudio.train.fitting import fit
    from ndestudio.train.refitting import refit
    from ndestudio.train.result import Checkpoint, Device, Fit, Outcome, StageHistory

_HOMES = {
    "device_info": "backend",
    "Stage": "config",
    "TrainConfig": "config",
    "fit": "fitting",
    "refit": "refitting",
    "Checkpoint": "result",
    "Device": "result",
    "Fit": "result",
    "Outcome": "result",
    "StageHistory": "result",
}

__all__ = [
    "Checkpoint",
    "Device",
    "Fit",
    "Outcome",
    "Stage",
    "StageHistory",
    "TrainConfig",
    "device_info",
    "fit",
    "refit",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `ndestudio.train` has no attribute `{name}`")
    value = getattr(import_module(f"ndestudio.train.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
