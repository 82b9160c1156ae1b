"""Measured time series: readers, roles, units, splits, scaling, smoothing.

Names are loaded on first use, so that importing the package costs next to nothing. No module is called like a function
of the package: importing it would put the module in the function's place.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndestudio.data.arrays import dataset_from_arrays, dataset_from_frame
    from ndestudio.data.config import (
        ConditionConfig,
        DataConfig,
        DoseConfig,
        GivenDoseConfig,
        RunConfig,
        SplitConfig,
        ValueConfig,
    )
    from ndestudio.data.dataset import Column, Dataset, Part, Source, Trajectory
    from ndestudio.data.file_preview import ColumnPreview, FileProblem, Preview, configured, preview
    from ndestudio.data.loading import load
    from ndestudio.data.smoothing import SmoothedTrajectory, smooth
    from ndestudio.data.split import resplit

_HOMES = {
    "dataset_from_arrays": "arrays",
    "dataset_from_frame": "arrays",
    "DataConfig": "config",
    "ConditionConfig": "config",
    "DoseConfig": "config",
    "GivenDoseConfig": "config",
    "RunConfig": "config",
    "SplitConfig": "config",
    "ValueConfig": "config",
    "Column": "dataset",
    "Dataset": "dataset",
    "Part": "dataset",
    "Source": "dataset",
    "Trajectory": "dataset",
    "load": "loading",
    "ColumnPreview": "file_preview",
    "Preview": "file_preview",
    "FileProblem": "file_preview",
    "configured": "file_preview",
    "preview": "file_preview",
    "SmoothedTrajectory": "smoothing",
    "smooth": "smoothing",
    "resplit": "split",
}

__all__ = [
    "Column",
    "ColumnPreview",
    "ConditionConfig",
    "DataConfig",
    "Dataset",
    "DoseConfig",
    "FileProblem",
    "GivenDoseConfig",
    "Part",
    "Preview",
    "RunConfig",
    "SmoothedTrajectory",
    "Source",
    "SplitConfig",
    "Trajectory",
    "ValueConfig",
    "configured",
    "dataset_from_arrays",
    "dataset_from_frame",
    "load",
    "preview",
    "resplit",
    "smooth",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `ndestudio.data` has no attribute `{name}`")
    value = getattr(import_module(f"ndestudio.data.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
