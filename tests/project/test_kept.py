"""Fits, profiles, comparisons and tests on an executor: the numbers of this process, kept, and not computed twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.repeated_recovery import repeated_recovery
from ndestudio.distil.result import Recovery
from ndestudio.errors import SpecError
from ndestudio.fitting.ensemble import fits_of_seeds
from ndestudio.fitting.fit_model import fitted as fit_of_task
from ndestudio.fitting.many import profiles
from ndestudio.fitting.model_comparison import elsewhere
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.jobs.executors import AllFailed, Ended, Task
from ndestudio.jobs.executors.here import Here
from ndestudio.progress import Event, Note, Reporter, SilentReporter
from ndestudio.project.kept import KeptExecutor, Place, executor, loaded_result, result_bytes
from ndestudio.project.spec import parse_spec

T = np.linspace(0.0, 3.0, 9)
A = 4.0 * np.exp(-0.7 * T) + 0.02 * np.sin(40.0 * T)
DECAY = nde.ModelConfig(equations="d(A)/dt = -k*A")
TRAIN = nde.TrainConfig(preset="quick")


class Counting(Here):
    """Here, and how many tasks it was asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def map(self, tasks: Sequence[Task], *, shared: tuple[Any, ...] = (), reporter: Reporter) -> Iterator[Ended]:
        for ended in super().map(tasks, shared=shared, reporter=reporter):
            self.asked += 1
            yield ended


class Heard:
    def __init__(self, stop: bool = False) -> None:
        self.events: list[Event] = []
        self.stop = stop

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def should_stop(self) -> bool:
        return self.stop

    @property
    def notes(self) -> list[str]:
        return [one.text for one in self.events if isinstance(one, Note)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("kept") / "decay.csv"
    path.write_text("t,A\n" + "".join(f"{t},{a}\n" for t, a in zip(T, A, strict=True)), encoding="utf-8")
    return nde.load(nde.DataConfig(files=(str(path),)))


@pytest.fixture(scope="module")
def fitted(data: Dataset) -> Fit:
    return nde.fit(DECAY, data, TRAIN)


def test_seeds_have_the_numbers_of_this_process(data: Dataset) -> None:
    train = msgspec.structs.replace(TRAIN, seeds=2)
    alone = nde.fit(DECAY, data, train)
    shared = nde.fit(DECAY, data, train, executor=Here())
    assert shared.model.parameters == alone.model.parameters
    assert shared.metrics.train == alone.metrics.train
    assert len(shared.ensemble) == len(alone.ensemble)


def test_another_process_gives_the_same_and_is_not_asked_twice(data: Dataset, fitted: Fit, tmp_path: Path) -> None:
    with executor("local:1", tmp_path) as workers:
        (made,) = fits_of_seeds(workers, fit_of_task, DECAY, data, [TRAIN], SilentReporter())
    assert made is not None
    assert made.model.parameters == fitted.model.parameters
    again = KeptExecutor(Counting(), tmp_path)
    heard = Heard()
    (kept,) = fits_of_seeds(again, fit_of_task, DECAY, data, [TRAIN], heard)
    assert kept is not None and kept.model.parameters == fitted.model.parameters
    assert again._inner.asked == 0  # type: ignore[attr-defined]
    assert any("1 of 1 results are there already" in one for one in heard.notes)


def test_other_settings_are_computed(data: Dataset, tmp_path: Path) -> None:
    inner = Counting()
    kept = KeptExecutor(inner, tmp_path)
    fits_of_seeds(kept, fit_of_task, DECAY, data, [TRAIN], SilentReporter())
    fits_of_seeds(kept, fit_of_task, DECAY, data, [TRAIN, msgspec.structs.replace(TRAIN, seed=7)], SilentReporter())
    assert inner.asked == 2


def test_a_damaged_result_is_told_and_computed_again(data: Dataset, tmp_path: Path) -> None:
    inner = Counting()
    kept = KeptExecutor(inner, tmp_path)
    fits_of_seeds(kept, fit_of_task, DECAY, data, [TRAIN], SilentReporter())
    (path,) = tmp_path.glob("*.ndr")
    path.write_bytes(path.read_bytes()[:200])
    heard = Heard()
    (made,) = fits_of_seeds(kept, fit_of_task, DECAY, data, [TRAIN], heard)
    assert made is not None and inner.asked == 2
    assert any("computed again" in one for one in heard.notes)


def test_a_stop_before_the_first_seed_is_an_outcome_and_is_not_kept(data: Dataset, tmp_path: Path) -> None:
    train = msgspec.structs.replace(TRAIN, seeds=2)
    with executor("here", tmp_path) as workers:
        found = nde.fit(DECAY, data, train, Heard(stop=True), executor=workers)
    assert found.outcome is Outcome.STOPPED
    assert not list(tmp_path.iterdir())


def test_profiles_have_the_numbers_of_this_process_and_are_kept(data: Dataset, fitted: Fit, tmp_path: Path) -> None:
    alone = profiles(fitted.model, data, train=TRAIN)
    inner = Counting()
    for _ in range(2):
        shared = profiles(fitted.model, data, train=TRAIN, executor=KeptExecutor(inner, tmp_path))
        assert [(one.parameter, one.low, one.high) for one in shared] == [(o.parameter, o.low, o.high) for o in alone]
        np.testing.assert_array_equal(shared[0].statistic, alone[0].statistic)
    assert inner.asked == 1


def test_a_name_that_is_none_is_told(data: Dataset, fitted: Fit) -> None:
    with pytest.raises(AllFailed, match="no parameter `q`"):
        profiles(fitted.model, data, ["q"], TRAIN, executor=Here())


def test_fits_of_a_comparison_are_the_same_and_go_on_where_they_were(
    data: Dataset, fitted: Fit, tmp_path: Path
) -> None:
    wanted = {"as written": (DECAY, ""), "saturating": (nde.ModelConfig(equations="d(A)/dt = -V*A/(K + A)"), "")}
    inner = Counting()
    for _ in range(2):
        made = elsewhere(KeptExecutor(inner, tmp_path), wanted, DECAY, data, TRAIN, SilentReporter(), None)
        assert made["as written"] is not None and made["saturating"] is not None
        assert made["as written"].model.parameters == fitted.model.parameters
    assert inner.asked == 2
    with_known = elsewhere(
        Counting(), {"as written": wanted["as written"]}, DECAY, data, TRAIN, SilentReporter(), fitted
    )
    assert with_known["as written"] is fitted


def test_recovery_tests_differ_in_their_seed_and_say_how_often(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretended(model: Any, dataset: Any, config: Any, train: Any, distil: Any, *_: Any) -> Recovery:
        outcome = "found" if config.seed % 2 else "missed"
        return Recovery(outcome, f"seed {config.seed}", (), {}, {}, {}, {}, model, train, distil, config)

    monkeypatch.setattr("ndestudio.distil.repeated_recovery.recovery_test", pretended)
    config = RecoveryConfig(seed=3)
    alone = repeated_recovery(DECAY, data, config, 3, TRAIN)
    inner = Counting()
    for _ in range(2):
        shared = repeated_recovery(DECAY, data, config, 3, TRAIN, executor=KeptExecutor(inner, tmp_path))
        assert [one.config.seed for one in shared.tests] == [3, 4, 5]
        assert shared.sentence == alone.sentence
    assert inner.asked == 3
    assert alone.sentence == "The ground truth was found in 2 of 3 tests (the same law: 2; another: 1)."


def test_results_survive_writing(fitted: Fit, tmp_path: Path) -> None:
    path = tmp_path / "one.ndr"
    path.write_bytes(result_bytes(fitted))
    back = loaded_result(path)
    assert isinstance(back, Fit)
    assert back.model.parameters == fitted.model.parameters and back.sentence == fitted.sentence


def test_a_file_of_something_else_builds_nothing(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "one.ndr"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("result.json", '{"kind": "Project", "objects": [], "result": {}}')
    with pytest.raises(SpecError, match="no result"):
        loaded_result(path)


def test_a_spec_names_who_computes_but_no_address() -> None:
    spec = parse_spec('[computing]\nexecutor = "local:2"\n')
    assert Place.of(None, None, spec) == Place("local:2")
    assert Place.of("here", None, spec) == Place("here")
    far = parse_spec('[computing]\nexecutor = "dask:tcp://far:8786"\n')
    with pytest.raises(SpecError, match="names no address"):
        Place.of(None, None, far)
    assert Place.of("dask:tcp://far:8786", None, far).executor == "dask:tcp://far:8786"


def test_two_at_once_write_one_result(data: Dataset, tmp_path: Path) -> None:
    threads = [
        threading.Thread(
            target=lambda: fits_of_seeds(
                KeptExecutor(Here(), tmp_path), fit_of_task, DECAY, data, [TRAIN], SilentReporter()
            ),
            daemon=True,
        )
        for _ in range(2)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)
    (path,) = tmp_path.iterdir()
    assert isinstance(loaded_result(path), Fit)
