"""Several networks from different seeds: the best is the fit, the others say how far it can be trusted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.batched_ensemble import BatchedEnsemble, Clock
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.stages.programs import JACOBIAN_BYTES
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.config import ModelConfig
from ndestudio.model.evaluate import evaluate_neural_term
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import Event, Note, Phase, Progress, Reporter, TrainStep
from ndestudio.solve.jax_backend import device, memory

ALIKE = 0.1
"""Disagreement of a neural term, relative to its spread, up to which seeds count as agreeing."""
WORSE = 1.5
"""Errors beyond so many times that of the best seed show that a seed was not trained well enough to speak for the data."""
GOOD = 0.01
"""An error, relative to the spread, that is never called bad."""
MEMORY_SHARE = 0.25
"""Of the memory that the Jacobians of seeds side by side may take."""
TELL_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class Seed:
    """What one network is trained with.

    Parameters
    ----------
    place
        Where the seeds meet that train side by side; None: alone.
    """

    train: TrainConfig
    reporter: Reporter
    place: BatchedEnsemble | None = None
    clock: Callable[[], float] = time.perf_counter


def batch_width(model: FittedModel, dataset: Dataset, train: TrainConfig) -> int:
    """How many seeds train at the same time: on a GPU (or where it was asked for) as many as the memory has room for."""
    if not model.networks or train.side_by_side is False:
        return 1
    described = device(train.device)[1]
    if described.kind != "gpu" and not train.side_by_side:
        return 1
    numbers = sum(
        w.size + b.size for one in model.networks.values() for w, b in zip(one.weights, one.biases, strict=True)
    )
    values = sum(int(one.mask(Part.TRAIN).sum()) for one in dataset.trajectories)
    # Jacobians are kept on the side of the processor, with a copy; beyond the limit of the recipe there is none
    one = 3 * min(8.0 * values * (numbers + len(model.parameters)), JACOBIAN_BYTES)
    return int(np.clip(MEMORY_SHARE * memory() / one, 1, train.seeds)) if memory() else train.seeds


def fit_seeds(one: Callable[[Seed], Fit], train: TrainConfig, reporter: Reporter, width: int = 1) -> Fit:
    """Fit with ``train.seeds`` seeds: one after the other, the first shown at once, or ``width`` side by side.

    Returns
    -------
    Fit
        The fit with the smallest validation error (training error without validation data); ``ensemble`` holds the
        models of the others, best first, without those that are clearly worse.
    """
    settings = _settings(train)
    fits = _in_turn(one, settings, reporter) if width < 2 else _in_groups(one, settings, reporter, width)
    return _best_of(fits, reporter, _seconds(fits, width))


def fit_seeds_with(
    executor: Executor,
    one: Callable[[Seed], Fit],
    fitted: Callable[..., Fit],
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig,
    reporter: Reporter,
    start: FittedModel | None,
) -> Fit:
    """As ``fit_seeds``, with an executor; ``one`` is asked where a stop came before any seed, ``fitted`` see ``fits_of_seeds``.

    Raises
    ------
    AllFailed
        No seed came to a result.
    ExecutorLost, WrongVersion
        As ``Executor.map``.
    """
    settings = _settings(train)
    words = f"training from seeds {settings[0].seed} to {settings[-1].seed} with {executor.name}"
    reporter.emit(Phase("seed", words, 1, 1))
    made = fits_of_seeds(executor, fitted, config, dataset, settings, reporter, start)
    fits = [fit for fit in made if fit is not None] or [one(Seed(settings[0], reporter))]
    found = _best_of(fits, reporter, _seconds(fits, 1))
    return replace(found, outcome=Outcome.STOPPED) if len(fits) < len(settings) and reporter.should_stop() else found


def fits_of_seeds(
    executor: Executor,
    fitted: Callable[..., Fit],
    config: ModelConfig,
    dataset: Dataset,
    settings: Sequence[TrainConfig],
    reporter: Reporter,
    start: FittedModel | None = None,
) -> list[Fit | None]:
    """A fit for each of ``settings``; those that a stop cut short as far as they came, None where there is none.

    Parameters
    ----------
    fitted
        One fit, on a worker: a function of a module, called as ``fitted(dataset, start, config, train, reporter=...)``.
    """
    return gathered(
        executor,
        fitted,
        [(config, train) for train in settings],
        shared=(dataset, start),
        names=[f"Seed {train.seed}" for train in settings],
        reporter=reporter,
        partial=True,
    )


def _settings(train: TrainConfig) -> list[TrainConfig]:
    return [msgspec.structs.replace(train, seed=train.seed + k, seeds=1) for k in range(train.seeds)]


def _best_of(fits: list[Fit], reporter: Reporter, seconds: dict[str, float]) -> Fit:
    """The best fit, with what the others say of it."""
    usable = [fit for fit in fits if fit.outcome is not Outcome.DIVERGED] or fits
    usable.sort(key=_error)
    best = usable[0]
    good = [fit for fit in usable if _error(fit) <= WORSE * max(_error(best), GOOD)] or [best]
    others = tuple(fit.model for fit in good[1:])
    notes = [
        *_left_out(fits, good),
        *(_agreement(neural_term, best.model, others) for neural_term in best.model.networks),
    ]
    notes = [note for note in notes if note]
    for note in notes:
        reporter.emit(Note(note))
    outcome = Outcome.STOPPED if any(fit.outcome is Outcome.STOPPED for fit in fits) else best.outcome
    return replace(best, outcome=outcome, ensemble=others, notes=(*best.notes, *notes), seconds=seconds)


def _seconds(fits: list[Fit], width: int) -> dict[str, float]:
    """Of all seeds; those side by side took as long as the longest of them."""
    groups = [fits[first : first + width] for first in range(0, len(fits), width)]
    names = {key for fit in fits for key in fit.seconds}
    return {key: sum(max(fit.seconds.get(key, 0.0) for fit in group) for group in groups) for key in sorted(names)}


def _in_turn(one: Callable[[Seed], Fit], settings: list[TrainConfig], reporter: Reporter) -> list[Fit]:
    fits: list[Fit] = []
    for k, train in enumerate(settings):
        if k:
            reporter.emit(Phase("seed", f"training from seed {train.seed}", k + 1, len(settings)))
        fits.append(one(Seed(train, reporter)))
        if fits[-1].outcome is Outcome.STOPPED:
            break
    return fits


def _in_groups(one: Callable[[Seed], Fit], settings: list[TrainConfig], reporter: Reporter, width: int) -> list[Fit]:
    fits: list[Fit] = []
    for first in range(0, len(settings), width):
        group = settings[first : first + width]
        names = f"seeds {group[0].seed} to {group[-1].seed} side by side" if len(group) > 1 else f"seed {group[0].seed}"
        reporter.emit(Phase("seed", f"training from {names}", first + 1, len(settings)))
        fits += _together(one, group, reporter)
        if any(fit.outcome is Outcome.STOPPED for fit in fits):
            break
    return fits


def _together(one: Callable[[Seed], Fit], group: list[TrainConfig], reporter: Reporter) -> list[Fit]:
    """Fits of all settings at the same time, a thread for each."""
    batched_ensemble, reporters = (
        BatchedEnsemble(len(group), device(group[0].device)[0]),
        SeedReporters(reporter, [one.seed for one in group]),
    )
    found: list[Fit | BaseException | None] = [None] * len(group)

    def run(k: int) -> None:
        try:
            found[k] = one(Seed(group[k], reporters.of(k), batched_ensemble, reporters.clock))
        except BaseException as error:
            found[k] = error
            reporters.failed = True
        finally:
            batched_ensemble.leave()

    threads = [threading.Thread(target=run, args=(k,), name=f"seed {one.seed}") for k, one in enumerate(group)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one_found in found:
        if isinstance(one_found, BaseException):
            raise one_found
    return [one_found for one_found in found if isinstance(one_found, Fit)]


class SeedReporters:
    """What is told of seeds side by side: everything about the first, of the others their losses and new sentences."""

    def __init__(self, reporter: Reporter, seeds: list[int]) -> None:
        self.clock, self.failed = Clock(), False
        self._reporter, self._seeds = reporter, seeds
        self._losses: dict[int, float] = {}
        self._said: set[str] = set()
        self._next, self._fraction = 0.0, 0.0
        self._lock = threading.Lock()

    def of(self, k: int) -> Reporter:
        return _SeedReporter(self, k)

    def should_stop(self) -> bool:
        return self.failed or self.clock.ask(self._reporter.should_stop)

    def emit(self, k: int, event: Event) -> None:
        with self._lock:
            if isinstance(event, Note):
                if event.text in self._said:
                    return
                self._said.add(event.text)
            if k == 0 and isinstance(event, Progress):
                self._fraction = event.fraction
            elif k == 0 or isinstance(event, Note):
                self._reporter.emit(event)
            if isinstance(event, TrainStep):
                self._losses[k] = event.loss
                self._tell()

    def _tell(self) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + TELL_SECONDS
            losses = ", ".join(f"{self._seeds[k]}: {loss:.3g}" for k, loss in sorted(self._losses.items()))
            self._reporter.emit(Progress(self._fraction, None, f"losses by seed: {losses}"))


@dataclass(frozen=True, eq=False)
class _SeedReporter:
    reporters: SeedReporters
    k: int

    def emit(self, event: Event) -> None:
        self.reporters.emit(self.k, event)

    def should_stop(self) -> bool:
        return self.reporters.should_stop()


def _error(fit: Fit) -> float:
    part = fit.metrics.validation or fit.metrics.train
    value = part.get("mean", float("inf"))
    return value if np.isfinite(value) else float("inf")


def _left_out(fits: list[Fit], good: list[Fit]) -> list[str]:
    """Which seeds do not count, and why."""
    left = [fit for fit in fits if fit not in good]
    if not left or not np.isfinite(_error(good[0])):
        return []
    which = ", ".join(
        f"seed {fit.seed}: " + (f"{_error(fit):.2%}" if np.isfinite(_error(fit)) else "no finite error") for fit in left
    )
    kind = "validation" if good[0].metrics.validation else "training"
    return [
        f"{len(left)} of {len(fits)} seeds do not count in what the seeds agree on: their {kind} error ({which}) is more than "
        f"{WORSE} times that of the best ({_error(good[0]):.2%}), so they say more about the training than about the data."
    ]


def disagreement(neural_term: str, model: FittedModel, others: tuple[FittedModel, ...]) -> float:
    """Root mean square difference of the neural term between ``model`` and the others where data support it, over its
    spread."""
    support = model.networks[neural_term].support
    if support is None or not len(support) or not others:
        return float("nan")
    mine = evaluate_neural_term(model, neural_term, support)
    theirs = np.stack([evaluate_neural_term(other, neural_term, support) for other in others])
    spread = float(np.std(mine))
    return float(np.sqrt(np.mean((theirs - mine) ** 2))) / spread if spread > 0 else float("nan")


def _agreement(neural_term: str, model: FittedModel, others: tuple[FittedModel, ...]) -> str:
    value = disagreement(neural_term, model, others)
    if not np.isfinite(value):
        return ""
    count = len(others) + 1
    if value <= ALIKE:
        return f"{count} seeds agree on `{neural_term}` within {value:.1%} of its spread where data support it."
    return (
        f"{count} seeds disagree on `{neural_term}` by {value:.0%} of its spread where data support it: the data do not determine "
        "it. Fix parameters, constrain the neural term, or measure more."
    )
