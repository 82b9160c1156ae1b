"""Settings and data that the likelihood of a stochastic model does not honour: each is refused, none is passed over."""

from __future__ import annotations

from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.fitting.config import ColumnNoise, TrainConfig
from ndestudio.fitting.unused import refuse_unused
from ndestudio.model.fitted import FittedModel

_HONOURED = {
    "preset",
    "seed",
    "l2",
    "time_limit",
    "density",
    "filter",
    "device",
    "noise",
    "column_noise",
}
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
    refuse_unused(train, _HONOURED, "a model with noise, which is fitted by the likelihood of its transitions")
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
    if not train.estimates_noise and train.filter != TrainConfig().filter:
        raise SpecError(
            f'[train] filter = "{train.filter}" has no effect where measurements have no errors; say `noise = "constant"` too'
        )
    if train.estimates_noise:
        _refuse_noise_settings(dataset, train)


def _refuse_noise_settings(dataset: Dataset, train: TrainConfig) -> None:
    """The filter knows normal errors of one size per column, estimated or given."""
    if train.noise == "proportional":
        raise SpecError('[train] noise = "proportional" is not known beside noise in the law; choose "constant"')
    for name, one in train.column_noise.items():
        if one != ColumnNoise(constant=one.constant):
            raise SpecError(
                f"[train.column_noise] {name}: beside noise in the law errors are normal and of one size (`constant`), and nothing else "
                "may be said of them"
            )
        if name not in dataset.measured_names:
            raise SpecError(f"[train.column_noise] {name}: there is no such measured column")
        if one.constant is not None and not one.constant > 0:
            raise SpecError(f"[train.column_noise] {name}: a standard deviation is above 0")
    if train.density != "auto":
        raise SpecError(
            "[train] density has no effect where measurements have errors, which a filter takes into account"
        )
