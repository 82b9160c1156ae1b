"""Settings and data that the likelihood of a stochastic model does not honour: each is refused, none is passed over."""

from __future__ import annotations

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.fitting.config import TrainConfig
from ndestudio.model.fitted import FittedModel

_HONOURED = {"preset", "seed", "l2", "time_limit", "density", "device", "noise", "column_noise", "filter"}
"""Settings of training that stochastic models have."""


def refuse_settings(model: FittedModel, dataset: Dataset, train: TrainConfig) -> None:
    """Refuse what would have no effect.

    Raises
    ------
    SpecError
        A setting of training.
    EquationError
        A setting of the model.
    DataError
        Something in the data.
    """
    plain = TrainConfig()
    for name in TrainConfig.__struct_fields__:
        if name not in _HONOURED and getattr(train, name) != getattr(plain, name):
            raise SpecError(
                f"[train] {name} = {msgspec.to_builtins(getattr(train, name))!r} has no effect on a model with noise, which is fitted by the likelihood "
                "of its transitions; leave it out"
            )
    config = model.config
    if config.penalties:
        raise EquationError(
            f"the penalty `{next(iter(config.penalties))}` has no effect on a model with noise; leave it out"
        )
    for name, one in config.parameters.items():
        if one.prior is not None and one.prior.kind != "uniform":
            raise EquationError(
                f"parameter `{name}`: priors of models with noise are bounds (`uniform`) only, yet; give bounds"
            )
        if one.random is not None:
            raise EquationError(f"parameter `{name}` is random between runs, which models with noise do not have yet")
    for one in dataset.trajectories:
        if one.weight != 1.0:
            raise DataError(
                f"trajectory `{one.name}` has a weight, which the likelihood of a model with noise does not have"
            )
        if one.settles:
            raise DataError(f"trajectory `{one.name}` begins at a steady state, which a model with noise does not have")
        if one.doses:
            raise DataError(f"trajectory `{one.name}` has doses, which models with noise do not have yet")
    if dataset.weights:
        raise DataError("columns have weights, which the likelihood of a model with noise does not have")
    if train.estimates_noise:
        raise SpecError("[train] noise: measurement noise beside noise in the law is not there yet; leave it out")
