"""Training: from a model and data to a fit. JAX is imported by the functions that need it, never by this package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.fitting.comparison_result import Compared, Comparison
    from ndestudio.fitting.config import Stage, TrainConfig
    from ndestudio.fitting.fit_model import fit
    from ndestudio.fitting.model_comparison import compare
    from ndestudio.fitting.refit_model import refit
    from ndestudio.fitting.result import Checkpoint, Fit, Outcome, StageHistory
    from ndestudio.fitting.uncertainty.profile_likelihood import Profile, profile
    from ndestudio.solve.device import Device
    from ndestudio.solve.jax_backend import device_info

_HOMES = {
    "Compared": "ndestudio.fitting.comparison_result",
    "Comparison": "ndestudio.fitting.comparison_result",
    "compare": "ndestudio.fitting.model_comparison",
    "Profile": "ndestudio.fitting.uncertainty.profile_likelihood",
    "profile": "ndestudio.fitting.uncertainty.profile_likelihood",
    "device_info": "ndestudio.solve.jax_backend",
    "Stage": "ndestudio.fitting.config",
    "TrainConfig": "ndestudio.fitting.config",
    "fit": "ndestudio.fitting.fit_model",
    "refit": "ndestudio.fitting.refit_model",
    "Checkpoint": "ndestudio.fitting.result",
    "Device": "ndestudio.solve.device",
    "Fit": "ndestudio.fitting.result",
    "Outcome": "ndestudio.fitting.result",
    "StageHistory": "ndestudio.fitting.result",
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
        raise AttributeError(f"module `ndestudio.fitting` has no attribute `{name}`")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
