"""The models that FMUs are written of: each example, and each system of the library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Column, Dataset
from ndestudio.data.loading import load
from ndestudio.errors import NdeStudioError
from ndestudio.model import library
from ndestudio.model.config import InitialConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.statements import data_for
from ndestudio.project import load_spec

ROOT = Path(__file__).resolve().parents[2]


def examples() -> Iterator[tuple[str, FittedModel, Dataset] | tuple[str, str]]:
    """Each example with the values that it starts from (networks with fresh weights), or why it is left out."""
    for path in sorted((ROOT / "examples").glob("*/spec.toml")):
        try:
            spec = load_spec(path)
            data = load(data_for(spec.data, spec.model.equations), base=path.parent)
            yield path.parent.name, initial_model(spec.model, data, 0), data
        except NdeStudioError as error:
            yield path.parent.name, str(error)


def templates() -> Iterator[tuple[str, FittedModel, Dataset]]:
    """Each system of the library over its span."""
    for one in library.systems():
        t = np.linspace(0.0, one.span, 101)
        names = list(one.initial)
        data = dataset_from_arrays(t, np.tile([one.initial[name] for name in names], (101, 1)), names=names)
        columns = tuple(Column(name, name, one.units.get(name, "")) for name in names)
        data = replace(data, measured=columns, time=Column("t", "t", one.time))
        start = {name: InitialConfig(value=value, fit=False) for name, value in one.initial.items()}
        config = msgspec.structs.replace(one.config(), initial=start)
        yield one.name, initial_model(config, data, 0), data
