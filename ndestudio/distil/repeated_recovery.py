"""The recovery test with many draws of noise: how often would the pipeline find a known ground truth?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.recovery import recovery_test
from ndestudio.distil.result import Recovery
from ndestudio.errors import SettingError
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.result import Fit
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.config import ModelConfig
from ndestudio.progress import Phase, Reporter, SilentReporter

FOUND = ("found", "rough", "near")
"""Outcomes that count as found: the same structure, or one that cannot be told from it in the range of the data."""
_WORDS = {
    "found": "the same law",
    "rough": "the same law with other constants",
    "near": "one that cannot be told from it",
    "missed": "another",
    "failed": "none",
    "stopped": "stopped",
}


@dataclass(frozen=True, eq=False)
class Recoveries:
    """Recovery tests that differ in the noise that was drawn.

    Parameters
    ----------
    tests
        Those that came to an end, by seed.
    repeats
        How many were asked for.
    """

    tests: tuple[Recovery, ...]
    repeats: int

    @property
    def found(self) -> int:
        """How many found the ground truth, or what cannot be told from it."""
        return sum(one.outcome in FOUND for one in self.tests)

    @property
    def sentence(self) -> str:
        """How often, and what else came out."""
        counts = Counter(one.outcome for one in self.tests)
        said = "; ".join(f"{words}: {counts[name]}" for name, words in _WORDS.items() if counts[name])
        text = f"The ground truth was found in {self.found} of {len(self.tests)} tests"
        text += f" ({said})." if said else "."
        return text if len(self.tests) == self.repeats else f"{text} {self.repeats - len(self.tests)} did not end."


def repeated_recovery(
    model: ModelConfig,
    dataset: Dataset,
    config: RecoveryConfig,
    repeats: int,
    train: TrainConfig = TrainConfig(),
    distil: DistilConfig = DistilConfig(),
    reporter: Reporter | None = None,
    fit: Fit | None = None,
    *,
    executor: Executor | None = None,
) -> Recoveries:
    """``recovery_test`` with the seeds `config.seed`, `config.seed + 1`, ...

    Parameters
    ----------
    executor
        Who makes the tests; None: one after the other in this process.

    Raises
    ------
    SettingError
        Fewer than one test.
    SpecError
        The ground truth cannot be used or simulated, saying why.
    AllFailed
        The executor's tests all failed.
    """
    if repeats < 1:
        raise SettingError(f"{repeats} recovery tests were asked for; ask for one or more")
    reporter = reporter or SilentReporter()
    configs = [msgspec.structs.replace(config, seed=config.seed + k) for k in range(repeats)]
    if executor is not None:
        reporter.emit(Phase("recover", f"{repeats} recovery tests with {executor.name}", 1, 1))
        names = [f"The recovery test with seed {one.seed}" for one in configs]
        shared, questions = (model, dataset, train, distil, fit), [(one,) for one in configs]
        made = gathered(executor, tested, questions, shared=shared, names=names, reporter=reporter)
        return Recoveries(tuple(one for one in made if one is not None), repeats)
    tests = []
    for k, one in enumerate(configs):
        reporter.emit(Phase("recover", f"recovery test {k + 1} of {repeats}", k + 1, repeats))
        made_here = recovery_test(model, dataset, one, train, distil, reporter, fit)
        if made_here.outcome == "stopped" or reporter.should_stop():
            break
        tests.append(made_here)
    return Recoveries(tuple(tests), repeats)


def tested(
    model: ModelConfig,
    dataset: Dataset,
    train: TrainConfig,
    distil: DistilConfig,
    fit: Fit | None,
    config: RecoveryConfig,
    *,
    reporter: Reporter,
) -> Recovery:
    """One test, on a worker."""
    return recovery_test(model, dataset, config, train, distil, reporter, fit)
