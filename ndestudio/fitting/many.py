"""Several profiles that do not depend on each other, carried out by an executor."""

from __future__ import annotations

from collections.abc import Sequence

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.uncertainty.profile_likelihood import Profile, profile
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Reporter, SilentReporter


def profiles(
    model: FittedModel,
    dataset: Dataset,
    names: Sequence[str] = (),
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
    *,
    executor: Executor | None = None,
) -> list[Profile]:
    """Profile several parameters of a fitted model.

    Parameters
    ----------
    names
        Of the parameters; (): all that are not fixed.
    executor
        Who computes; None: one after the other in this process.

    Returns
    -------
    list[Profile]
        In the order of the names; what a stop kept from being computed is left out.

    Raises
    ------
    EquationError, DataError
        As ``profile``.
    AllFailed
        The executor's tasks all failed.
    """
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    settings = model.config.parameters
    chosen = list(names) or [name for name in model.parameters if name not in settings or not settings[name].fixed]
    if executor is None or not chosen:
        found = []
        for name in chosen:
            if reporter.should_stop():
                break
            found.append(profile(model, dataset, name, train, reporter))
        return found
    words = [f"The profile of `{name}`" for name in chosen]
    questions = [(name,) for name in chosen]
    made = gathered(
        executor, profiled, questions, shared=(model, dataset, train), names=words, reporter=reporter, partial=True
    )
    return [one for one in made if one is not None]


def profiled(model: FittedModel, dataset: Dataset, train: TrainConfig, name: str, *, reporter: Reporter) -> Profile:
    """One profile, on a worker."""
    return profile(model, dataset, name, train, reporter)
