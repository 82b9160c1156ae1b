"""Settings of training that a way of fitting does not have."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ndestudio.errors import SpecError
from ndestudio.fitting.config import TrainConfig


def refuse_unused(train: TrainConfig, honoured: Collection[str], model: str) -> None:
    """Refuse settings that differ from their defaults and would have no effect.

    Parameters
    ----------
    honoured
        Names of the settings that the fit takes account of.
    model
        What is fitted, and how, in words.

    Raises
    ------
    SpecError
        Naming the setting.
    """
    plain = TrainConfig()
    for name in TrainConfig.__struct_fields__:
        value = getattr(train, name)
        if name not in honoured and value != getattr(plain, name):
            raise SpecError(f"[train] {name} = {msgspec.to_builtins(value)!r} has no effect on {model}; leave it out")
