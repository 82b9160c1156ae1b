"""Training: from a model and data to a fit. JAX is imported by the functions that need it, never by this package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.train.backend import device_info
    from ndestudio.train.comparison import Compared, Comparison, compare
    from ndestudio.train.config import Stage, TrainConfig
    from ndestudio.train.fitting import fit
    from ndestudio.train.profiles import Profile, profile
    from ndestudio.train.refitting import refit
    from ndestudio.train.result import Checkpoint, Device, Fit, Outcome, StageHistory

_HOMES = {
    "Compared": "comparison",
    "Comparison": "comparison",
    "compare": "comparison",
    "Profile": "profiles",
    "profile": "profiles",
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
    "Compared",
    "Comparison",
    "Device",
    "Fit",
    "Outcome",
    "Profile",
    "Stage",
    "StageHistory",
    "TrainConfig",
    "compare",
    "device_info",
    "fit",
    "profile",
    "refit",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `ndestudio.train` has no attribute `{name}`")
    value = getattr(import_module(f"ndestudio.train.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
