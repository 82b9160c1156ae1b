from dataclasses import replace

import msgspec
import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Column, Dataset, Part, Trajectory
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.drawn import DrawnNoise, drawn_noise, spreads_of, with_drawn_runs
from ndestudio.distil.ground_truth import chosen_ground_truth, fitted_ground_truth, measure
from ndestudio.distil.recovery import recovery_test
from ndestudio.distil.result import Distillation, NeuralTermDistillation, NeuralTermSamples, Recovery
from ndestudio.errors import SpecError
from ndestudio.expression import to_text
from ndestudio.fitting import TrainConfig
from ndestudio.fitting.config import ColumnNoise
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Fit, Outcome, Population, RandomEffect
from ndestudio.model import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig, formula_filled
from ndestudio.model.config import RandomConfig
from ndestudio.problem.noise_law import NoiseLaw
from ndestudio.progress import RecordingReporter
from ndestudio.solve.jax_backend import plain_cpu
from ndestudio.symbolic.front import Front

MODEL = ModelConfig(
    equations="d(x)/dt = a - f(x)",
    parameters={"a": ParameterConfig(value=1.5, lower=0.0)},
    networks={"f": NetworkConfig(width=6, depth=1)},
)
GROUND_TRUTH = RecoveryConfig(formulas={"f": "k*x"}, parameters={"a": 2.0, "k": 0.8}, noise=0.0)


def normal(sigma: float, *, log: bool = False) -> DrawnNoise:
    return DrawnNoise((NoiseLaw("constant", sigma),), (log,))


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
    clean = measure(ground_truth, dataset, normal(0.0))
    noisy = measure(ground_truth, dataset, normal(0.3), seed=1)
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
    again = measure(ground_truth, dataset, normal(0.3), seed=1)
    assert np.array_equal(again.trajectories[1].measured, noisy.trajectories[1].measured, equal_nan=True)


def test_errors_of_a_column_compared_by_logarithms_multiply(dataset: Dataset):
    ground_truth = chosen_ground_truth(MODEL, dataset, GROUND_TRUTH)
    clean = measure(ground_truth, dataset, normal(0.0)).trajectories[0].measured
    noisy = measure(ground_truth, dataset, normal(2.0, log=True)).trajectories[0].measured
    assert (noisy[np.isfinite(noisy)] > 0).all()
    assert not np.allclose(noisy[np.isfinite(noisy)], clean[np.isfinite(clean)])


def test_noise_is_that_asked_for_else_that_of_a_fit_else_that_around_smooth_curves(dataset: Dataset):
    spread = dataset.spread()
    asked = RecoveryConfig(noise=0.1)
    assert drawn_noise(dataset, asked, TrainConfig()).laws[0].constant == pytest.approx(0.1 * spread[0])
    fitted = Fit(
        Outcome.CONVERGED,
        "",
        chosen_ground_truth(MODEL, dataset, GROUND_TRUTH),
        Metrics(),
        0,
        plain_cpu(),
        noise={"x": 0.7},
    )
    assert drawn_noise(dataset, RecoveryConfig(), TrainConfig(), fitted).laws[0].constant == pytest.approx(0.7)
    rng = np.random.default_rng(0)
    noisy = replace(
        dataset,
        trajectories=tuple(
            replace(t, measured=t.measured + 0.2 * rng.standard_normal(t.measured.shape)) for t in dataset.trajectories
        ),
    )
    assert drawn_noise(noisy, RecoveryConfig(), TrainConfig()).laws[0].constant == pytest.approx(0.2, rel=0.6)


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
        measure(chosen_ground_truth(MODEL, dataset, config), dataset, drawn_noise(dataset, config, TrainConfig()))
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


@pytest.mark.parametrize(
    ("noise", "mean", "spread"),
    [
        (ColumnNoise(kind="poisson"), 0.0, lambda x: np.sqrt(x)),
        (ColumnNoise(kind="negative_binomial", dispersion=0.1), 0.0, lambda x: np.sqrt(x + 0.1 * x**2)),
        (ColumnNoise(kind="proportional", constant=0.1, proportional=0.2), 0.0, lambda x: np.hypot(0.1, 0.2 * x)),
    ],
)
def test_the_noise_that_the_settings_say_is_drawn(dataset: Dataset, noise: ColumnNoise, mean: float, spread) -> None:
    ground_truth = chosen_ground_truth(MODEL, dataset, GROUND_TRUTH)
    counts = replace(
        dataset, trajectories=tuple(replace(one, measured=np.round(one.measured)) for one in dataset.trajectories)
    )
    drawn = drawn_noise(counts, RecoveryConfig(), TrainConfig(column_noise={"x": noise}))
    clean = measure(ground_truth, counts, normal(0.0)).trajectories
    z = []
    for seed in range(40):
        for made, true in zip(measure(ground_truth, counts, drawn, seed).trajectories, clean, strict=True):
            z.append(((made.measured - true.measured) / spread(true.measured))[:, 0])
    assert np.nanmean(np.concatenate(z)) == pytest.approx(mean, abs=0.08)
    assert np.nanstd(np.concatenate(z)) == pytest.approx(1.0, rel=0.07)


def test_limits_of_detection_of_the_data_are_those_of_the_synthetic_ones(dataset: Dataset) -> None:
    low = [one.measured < 1.5 for one in dataset.trajectories]
    censored = replace(
        dataset,
        trajectories=tuple(
            replace(
                one,
                measured=np.where(below, 1.5, one.measured),
                ends=np.where(below[..., None], [-np.inf, 1.5], np.nan),
            )
            for one, below in zip(dataset.trajectories, low, strict=True)
        ),
    )
    drawn = drawn_noise(censored, RecoveryConfig(noise=0.8), TrainConfig())
    made = measure(chosen_ground_truth(MODEL, censored, GROUND_TRUTH), censored, drawn)
    values = np.concatenate([one.measured for one in made.trajectories])
    assert np.nanmin(values) == 1.5
    first = made.trajectories[0]
    assert first.ends is not None
    assert np.array_equal(np.isfinite(first.ends[:, 0, 1]), first.measured[:, 0] == 1.5)
    assert made.censored_columns == ("x",)


def test_runs_are_drawn_from_their_population_and_its_spread_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    t = np.linspace(0.0, 3.0, 7)
    rng = np.random.default_rng(1)
    values = [
        (2.0 * np.exp(-0.7 * np.exp(0.3 * rng.normal()) * t) + 0.02 * rng.normal(size=7))[:, None] for _ in range(8)
    ]
    data = dataset_from_arrays([t] * 8, values, ["x"], split=SplitConfig(by="none"))
    model = ModelConfig(
        equations="d(x)/dt = -k*f(x)",
        parameters={"k": ParameterConfig(value=0.8, random=RandomConfig(sd=0.3))},
        initial={"x": InitialConfig(value=2.0, fit=False)},
        networks={"f": NetworkConfig(width=3, depth=1, factor=("x",))},
    )
    truth = RecoveryConfig(formulas={"f": "x"}, parameters={"k": 0.5}, noise=0.02)
    ground_truth = chosen_ground_truth(model, data, truth)
    assert ground_truth.parameters["k_pop"] == 0.5
    assert spreads_of(ground_truth) == {"eta_k": 0.3}
    many = [with_drawn_runs(ground_truth, {"eta_k": 0.3}, seed) for seed in range(30)]
    eta = np.array([[start[1] for start in one.initial.values()] for one in many])
    assert eta.std() == pytest.approx(0.3, rel=0.1)
    assert abs(eta.mean()) < 0.05
    seen = RandomEffect("k_pop", "eta_k", "log-normal", 0.28, (0.1, 0.5), 0.1, 8)
    terms = {
        "f": NeuralTermDistillation(
            NeuralTermSamples("f", ("x",), values[0], values[0][:, 0], np.ones(7)), Front(()), (), -1, ""
        )
    }

    def distilled(*_: object, **__: object) -> Distillation:
        population = Population((seen,), 0.0, {}, {})
        return Distillation("done", "", terms, ground_truth, Metrics(), "", 0, population=population)

    monkeypatch.setattr("ndestudio.distil.pipeline.distil", distilled)
    fitted = Fit(Outcome.CONVERGED, "", ground_truth, Metrics(), 0, plain_cpu())
    monkeypatch.setattr("ndestudio.fitting.fit_model.fit", lambda *_: fitted)
    found = recovery_test(model, data, truth)
    assert found.outcome == "found"
    assert found.parameters == {"k_pop": (0.5, 0.5), "sd(eta_k)": (0.3, 0.28)}
    assert found.laws == {"x": f"{0.02 * data.spread()[0]:.3g}"}


def steady(values: list[float], levels: list[float]) -> Dataset:
    return dataset_from_arrays(
        [np.array([np.inf])] * len(values),
        [np.array([[value]]) for value in values],
        ["x"],
        inputs=[np.array([[level]]) for level in levels],
        input_names=["S"],
    )


def test_steady_states_are_measured_again_where_the_ground_truth_comes_to_rest() -> None:
    levels = [0.1, 1.0, 4.0]
    rows = steady([0.3, 1.0, 1.2], levels)
    model = ModelConfig(
        equations="d(x)/dt = v(S) - k*x",
        parameters={"k": ParameterConfig(value=0.5, fixed=True)},
        networks={"v": NetworkConfig(width=3, depth=1)},
    )
    truth = chosen_ground_truth(model, rows, RecoveryConfig(formulas={"v": "S/(1 + S)"}))
    made = measure(truth, rows, normal(0.0))
    assert all(one.is_steady_state for one in made.trajectories)
    np.testing.assert_allclose([one.measured[0, 0] for one in made.trajectories], [2 * s / (1 + s) for s in levels])


def test_the_noise_of_steady_states_is_that_among_replicates_or_asked_for() -> None:
    with pytest.raises(SpecError, match="do not show their noise"):
        drawn_noise(steady([0.3, 1.0, 1.2], [0.1, 1.0, 4.0]), RecoveryConfig(), TrainConfig())
    rows = steady([0.9, 1.1, 2.2, 1.8], [1.0, 1.0, 4.0, 4.0])
    found = drawn_noise(rows, RecoveryConfig(), TrainConfig()).laws[0].constant
    assert found == pytest.approx(np.sqrt((2 * 0.1**2 + 2 * 0.2**2) * 2 / 4))
