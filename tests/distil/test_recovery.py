from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.ground_truth import chosen_ground_truth, fitted_ground_truth, measure, noise_levels
from ndestudio.distil.recovery import recovery_test
from ndestudio.distil.result import Recovery
from ndestudio.errors import SpecError
from ndestudio.expression import to_text
from ndestudio.fitting import TrainConfig
from ndestudio.fitting.config import ColumnNoise
from ndestudio.model import ModelConfig, NetworkConfig, ParameterConfig, formula_filled
from ndestudio.progress import RecordingReporter

MODEL = ModelConfig(
    equations="d(x)/dt = a - f(x)",
    parameters={"a": ParameterConfig(value=1.5, lower=0.0)},
    networks={"f": NetworkConfig(width=6, depth=1)},
)
GROUND_TRUTH = RecoveryConfig(formulas={"f": "k*x"}, parameters={"a": 2.0, "k": 0.8}, noise=0.0)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """x' = 1 - x/2 from three starts, with gaps; the last one validates."""
    made = []
    for number, start in enumerate((0.2, 4.0, 6.0)):
        t = np.linspace(0.0, 5.0, 16 + number)
        x = 2.0 + (start - 2.0) * np.exp(-0.5 * t)
        x[5] = np.nan
        part = Part.VALIDATION if number == 2 else Part.TRAIN
        made.append(Trajectory(f"run{number}", t, x[:, None], np.zeros((len(t), 0)), np.full(len(t), part, np.int8)))
    return Dataset(tuple(made), Column("t", "t"), (Column("x", "x"),))


def test_the_ground_truth_is_the_model_with_the_formulas_and_values_put_in(dataset: Dataset):
    ground_truth = chosen_ground_truth(MODEL, dataset, GROUND_TRUTH)
    assert ground_truth.parameters["a"] == 2.0
    assert ground_truth.networks == {}
    formula = formula_filled(ground_truth, "f")
    assert formula is not None
    assert to_text(formula) == "0.8*x"


def test_measurements_of_the_ground_truth_have_the_times_gaps_and_parts_of_the_data_and_the_noise_asked_for(
    dataset: Dataset,
):
    ground_truth = chosen_ground_truth(MODEL, dataset, GROUND_TRUTH)
    clean = measure(ground_truth, dataset, np.zeros(1))
    noisy = measure(ground_truth, dataset, np.array([0.3]), seed=1)
    for real, made in zip(dataset.trajectories, clean.trajectories, strict=True):
        assert made.t is real.t
        assert made.part is real.part
        assert (made.present == real.present).all()
        start = real.measured[0, 0]
        exact = 2.5 + (start - 2.5) * np.exp(-0.8 * real.t)
        assert made.measured[real.present[:, 0], 0] == pytest.approx(exact[real.present[:, 0]], rel=1e-6)
    errors = np.concatenate(
        [n.measured - c.measured for n, c in zip(noisy.trajectories, clean.trajectories, strict=True)]
    )
    assert np.nanstd(errors) == pytest.approx(0.3, rel=0.3)
    again = measure(ground_truth, dataset, np.array([0.3]), seed=1)
    assert np.array_equal(again.trajectories[1].measured, noisy.trajectories[1].measured, equal_nan=True)


def test_errors_of_a_column_compared_by_logarithms_multiply(dataset: Dataset):
    ground_truth = chosen_ground_truth(MODEL, dataset, GROUND_TRUTH)
    clean = measure(ground_truth, dataset, np.zeros(1)).trajectories[0].measured
    noisy = measure(ground_truth, dataset, np.array([5.0]), multiply=("x",)).trajectories[0].measured
    assert (noisy[np.isfinite(noisy)] > 0).all()
    assert not np.allclose(noisy[np.isfinite(noisy)], clean[np.isfinite(clean)])


def test_noise_is_that_asked_for_else_that_of_a_fit_else_that_around_smooth_curves(dataset: Dataset):
    spread = dataset.spread()
    asked = RecoveryConfig(noise=0.1)
    assert noise_levels(dataset, asked) == pytest.approx(0.1 * spread)
    assert noise_levels(dataset, RecoveryConfig(), {"x": 0.7}) == pytest.approx([0.7])
    rng = np.random.default_rng(0)
    noisy = replace(
        dataset,
        trajectories=tuple(
            replace(t, measured=t.measured + 0.2 * rng.standard_normal(t.measured.shape)) for t in dataset.trajectories
        ),
    )
    assert noise_levels(noisy, RecoveryConfig())[0] == pytest.approx(0.2, rel=0.6)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (RecoveryConfig(), "has no formula for f(x)"),
        (RecoveryConfig(formulas={"f": "x", "g": "x"}), "no unknown function `g`"),
        (RecoveryConfig(formulas={"f": "2*(x"}), "[recovery.formulas] f:"),
        (RecoveryConfig(formulas={"f": "k*x"}), "`k` is no argument"),
        (RecoveryConfig(formulas={"f": "x"}, parameters={"k": 1.0}), "[recovery.parameters] k: neither"),
        (RecoveryConfig(formulas={"f": "x"}, noise=-1.0), "no part of the spread"),
        (RecoveryConfig(formulas={"f": "-9*x^2"}), "cannot be simulated"),
    ],
)
def test_a_ground_truth_that_cannot_be_used_is_told_in_a_sentence(dataset: Dataset, config: RecoveryConfig, words: str):
    with pytest.raises(SpecError) as told:
        measure(chosen_ground_truth(MODEL, dataset, config), dataset, noise_levels(dataset, config))
    assert words in str(told.value)


def test_a_parameter_that_the_model_fixes_keeps_its_value(dataset: Dataset):
    fixed = msgspec.structs.replace(MODEL, parameters={"a": ParameterConfig(value=1.5, fixed=True)})
    with pytest.raises(SpecError, match="it is fixed at"):
        chosen_ground_truth(fixed, dataset, GROUND_TRUTH)


def test_the_constants_of_a_ground_truth_can_be_fitted_to_the_measurements(dataset: Dataset):
    ground_truth = fitted_ground_truth(MODEL, dataset, GROUND_TRUTH)
    assert ground_truth.formulas["f"] == "0.5*x"
    assert ground_truth.parameters == pytest.approx({"a": 1.0}, rel=1e-3)


QUICK = TrainConfig(preset="quick", time_limit=600.0)
SEARCH = DistilConfig(operators="polynomial", seconds=None, evaluations=4000, candidates=2, max_size=7, threads=1)


@pytest.fixture(scope="module")
def found(dataset: Dataset) -> Recovery:
    return recovery_test(MODEL, dataset, GROUND_TRUTH, QUICK, SEARCH)


def test_a_ground_truth_that_the_pipeline_finds_is_found(found: Recovery):
    assert found.outcome == "found"
    assert found.sentence.startswith("Found: ")
    (neural_term,) = found.neural_terms
    assert to_text(neural_term.truth) == "0.8*x"
    assert found.errors["validation"] < 0.02
    assert found.floor["validation"] == pytest.approx(0.0, abs=1e-6)


def test_a_ground_truth_that_the_search_has_no_words_for_is_not_found(dataset: Dataset):
    ground_truth = RecoveryConfig(formulas={"f": "2*sin(3*x)"}, parameters={"a": 1.0}, noise=0.0)
    assessment = recovery_test(MODEL, dataset, ground_truth, QUICK, SEARCH)
    assert assessment.outcome == "missed"
    assert "instead of 2*sin(3*x)" in assessment.sentence
    assert assessment.neural_terms[0].constants is None


def test_a_stop_is_an_outcome(dataset: Dataset):
    assessment = recovery_test(MODEL, dataset, GROUND_TRUTH, QUICK, SEARCH, RecordingReporter(stop_after=0))
    assert assessment.outcome == "stopped"


def test_noise_that_is_not_made_is_refused(dataset: Dataset) -> None:
    train = TrainConfig(column_noise={"x": ColumnNoise(kind="student")})
    with pytest.raises(SpecError, match="normal errors alone"):
        recovery_test(MODEL, dataset, RecoveryConfig(), train)
