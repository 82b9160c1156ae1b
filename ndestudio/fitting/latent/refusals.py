"""Settings and data that a fit with an encoder does not honour: each is refused, none is passed over."""

from __future__ import annotations

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.errors import DataError, EquationError, SpecError
from ndestudio.fitting.config import ColumnNoise, LatentConfig, TrainConfig
from ndestudio.fitting.prepared import is_estimated
from ndestudio.fitting.unused import refuse_unused
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.config import InitialConfig
from ndestudio.model.fitted import FittedModel

_HONOURED = {
    "preset",
    "seed",
    "l2",
    "time_limit",
    "device",
    "noise",
    "column_noise",
    "log_states",
    "solver",
    "latent",
    "all_rows",
}
"""Settings of training that models with an encoder have."""


def refuse_latent_settings(train: TrainConfig) -> None:
    """Refuse settings of encoders for a model without one.

    Raises
    ------
    SpecError
        Naming the setting.
    """
    plain = LatentConfig()
    for name in LatentConfig.__struct_fields__:
        if getattr(train.latent, name) != getattr(plain, name):
            raise SpecError(
                f'[train.latent] {name} has no effect: no initial value has `encoder = "history"`; give it to the states whose start '
                "is read from the history, or leave the table out"
            )


def check_latent(model: FittedModel, dataset: Dataset, train: TrainConfig) -> None:
    """Refuse what would have no effect, or would mean something else.

    Raises
    ------
    SpecError
        A setting of training.
    EquationError
        A setting of the model.
    DataError
        Something in the data.
    """
    refuse_unused(train, _HONOURED, "a model with an encoder, which is fitted by a bound of its likelihood")
    _check_numbers(train.latent)
    _check_noise(dataset, train)
    _check_model(model, train)
    _check_data(model, dataset)


def _check_numbers(latent: LatentConfig) -> None:
    for name, least in (("samples", 1), ("width", 1), ("batch", 1), ("patience", 1), ("draws", 20), ("steps", 1)):
        value = getattr(latent, name)
        if value is not None and value < least:
            raise SpecError(f"[train.latent] {name} must be {least} or more, not {value}")
    if not latent.rate > 0 or (latent.history is not None and not latent.history > 0):
        raise SpecError("[train.latent] `rate` and `history` must be above 0")


def _check_noise(dataset: Dataset, train: TrainConfig) -> None:
    if train.noise == "proportional":
        raise SpecError(
            '[train] noise = "proportional" is not known beside an encoder yet; choose "constant", or `log_states`'
        )
    for name, one in train.column_noise.items():
        if name not in dataset.measured_names:
            raise SpecError(f"[train.column_noise] {name}: there is no such measured column")
        if one != ColumnNoise(constant=one.constant):
            raise SpecError(
                f"[train.column_noise] {name}: beside an encoder errors are normal and of one size (`constant`), and nothing else may be "
                "said of them"
            )
        if one.constant is not None and not one.constant > 0:
            raise SpecError(f"[train.column_noise] {name}: a standard deviation is above 0")


def _check_model(model: FittedModel, train: TrainConfig) -> None:
    system, config = model.system, model.config
    if system.delays or system.algebraic or system.diffusion:
        what = "delays" if system.delays else "algebraic equations" if system.algebraic else "noise in the law"
        raise EquationError(f"a model with {what} cannot have an encoder yet; leave out one of them")
    if black_boxes(system.expressions):
        raise EquationError("a model with a black box cannot have an encoder yet; leave out one of them")
    if system.step:
        raise EquationError(
            "a system in steps, `x(t + h) = ...`, cannot have an encoder yet; write rates, or leave it out"
        )
    if config.penalties:
        raise EquationError(
            f"the penalty `{next(iter(config.penalties))}` has no effect on a model with an encoder; leave it out"
        )
    for name, one in config.parameters.items():
        if one.random is not None or one.per == "run":
            raise EquationError(
                f"parameter `{name}` has a value of its own in each run, which held-out runs of a model with an encoder do not have; write "
                f"`d({name})/dt = 0` with an initial value that is read from the history"
            )
    for state in system.states:
        one = config.initial.get(state) or InitialConfig()
        if not one.encoder and not one.shared and is_estimated(one, train):
            raise EquationError(
                f'the start of `{state}` would be estimated run by run; give it `encoder = "history"`, a number or formula, or '
                "`shared = true`"
            )


def _check_data(model: FittedModel, dataset: Dataset) -> None:
    if dataset.censored_columns:
        raise DataError(
            f"`{dataset.censored_columns[0]}` has values of which only a limit is known, which a model with an encoder does not know yet"
        )
    if dataset.weights:
        raise DataError("columns have weights, which the likelihood of a model with an encoder does not have")
    encoded = {name for name, one in model.config.initial.items() if one.encoder}
    for one in dataset.trajectories:
        if len(set(one.part.tolist())) > 1:
            raise DataError(
                f'trajectory `{one.name}` is held out in part; a model with an encoder is judged by whole runs: `by = "trajectory"` in '
                "[data.split]"
            )
        if one.weight != 1.0 or one.deviation is not None:
            raise DataError(
                f"trajectory `{one.name}` has weights or standard deviations, which a model with an encoder does not know yet"
            )
        if one.settles:
            raise DataError(f"trajectory `{one.name}` begins at a steady state, which an encoder does not know")
        if fixed := encoded & set(one.initial):
            raise DataError(f"trajectory `{one.name}` fixes the start of `{min(fixed)}`, which the encoder would give")
        if any(dose.steady_state or not np.isfinite(dose.amount) for dose in one.doses):
            raise DataError(
                f"trajectory `{one.name}` has doses at steady state or without an amount, which a model with an encoder does not know yet"
            )
        if len(one.t) < 2:
            raise DataError(f"trajectory `{one.name}` has one row only; a history and something after it need two")
