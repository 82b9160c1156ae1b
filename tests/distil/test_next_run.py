"""What to measure next: tried by simulation, a run from the suggested start cuts the number of laws that are left."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.distil import DistilConfig, distil
from ndestudio.distil.config import NextRunConfig
from ndestudio.distil.limits import bounds
from ndestudio.distil.next_run import _named, discriminating, suggest_next_run, time_text, with_next_run
from ndestudio.distil.rivals import Noise, Rival, alternatives, noise_of, rivals, surviving
from ndestudio.distil.suggested import TOLD_APART, NextRun
from ndestudio.errors import SettingError
from ndestudio.expression import parse_expression
from ndestudio.fitting import TrainConfig, refit
from ndestudio.fitting.result import Fit, NoiseLevel, Outcome
from ndestudio.model import initial_model
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import replace_neural_term
from ndestudio.progress import SilentReporter
from ndestudio.solve.device import Device
from tests.distil.test_pipeline import Telling

ALL = SplitConfig(by="none")
SIGMA = 0.02
WIDE = NextRunConfig(starts={"x": (0.2, 6.0)})
LAWS = ("-2.2*x/(1.1 + x)", "-1.1*x - 0.05", "-1.4*x + 0.2*x^2")


def uptake(starts: Sequence[float], seed: int = 0, points: int = 25) -> Dataset:
    """x' = -2 x/(1 + x) from each start, noise of `SIGMA`."""
    generator = np.random.default_rng(seed)
    t = np.linspace(0.0, 2.0, points)
    values = []
    for start in starts:
        x = solve_ivp(lambda _, y: -2 * y / (1 + y), (0, 2), [start], t_eval=t, rtol=1e-9, atol=1e-9).y.T
        values.append(x + SIGMA * generator.standard_normal(x.shape))
    return dataset_from_arrays([t] * len(starts), values, ["x"], split=ALL)


def fitted(dataset: Dataset) -> list[FittedModel]:
    """Each law in the place of the neural term, its constants fitted to the data."""
    config = ModelConfig(equations="d(x)/dt = f(x)", networks={"f": NetworkConfig(width=4, depth=1)})
    start = initial_model(config, dataset, 0)
    found = []
    for law in LAWS:
        model = replace_neural_term(start, "f", parse_expression(law))
        found.append(refit(model, dataset, TrainConfig(), SilentReporter()).model)
    return found


def noise(sigma: float = SIGMA) -> Noise:
    return Noise({"x": NoiseLevel(sigma, sigma)})


@pytest.fixture(scope="module")
def few() -> Dataset:
    """Starts between which a line and a saturation can hardly be told."""
    return uptake((0.55, 0.7))


@pytest.fixture(scope="module")
def models(few: Dataset) -> list[FittedModel]:
    return fitted(few)


@pytest.fixture(scope="module")
def found(few: Dataset, models: list[FittedModel]) -> tuple[Rival, ...]:
    return surviving(models, few, noise())


@pytest.fixture(scope="module")
def suggested(few: Dataset, found: tuple[Rival, ...]) -> NextRun:
    return discriminating(found, few, noise(), WIDE)


def test_the_suggested_run_cuts_the_number_of_laws_that_are_left(few: Dataset, suggested: NextRun) -> None:
    before = len(suggested.formulas)
    assert before >= 2 and suggested.told_apart
    more = uptake((0.55, 0.7, suggested.runs[0].start["x"]))
    after = surviving(fitted(more), more, noise())
    assert 1 <= len(after) < before
    assert "/" in after[0].formulas["f"], "the law that stays is the saturating one"


def test_a_run_like_those_that_were_made_does_not_cut_it(suggested: NextRun) -> None:
    again = uptake((0.55, 0.7, 0.6))
    assert len(surviving(fitted(again), again, noise())) >= 2


def test_the_sentence_says_what_is_not_told_and_what_would_tell_it(suggested: NextRun) -> None:
    run = suggested.runs[0]
    pair = suggested.pair
    assert pair is not None
    one, other = suggested.formulas[pair.first]["f"], suggested.formulas[pair.second]["f"]
    assert f"`f = {one}` from `f = {other}`" in suggested.sentence
    assert "The data do not tell `f = " in suggested.sentence
    assert f"a run from x = {run.start['x']:.4g} would" in suggested.sentence
    assert pair.difference > TOLD_APART and f"= {pair.time:.3g} they differ in x" in suggested.sentence
    size = np.abs(run.predictions[pair.first] - run.predictions[pair.second])
    at = int(np.flatnonzero(run.t == pair.time)[0])
    assert min(size[at, 0] / SIGMA, 100.0) == pytest.approx(pair.difference, rel=1e-6)


def test_the_best_start_lies_where_the_laws_part_most(few: Dataset, models: list[FittedModel]) -> None:
    """Of starts all over the box none parts two laws that stay finite more."""
    two = surviving(models[:2], few, noise())
    best = discriminating(two, few, noise(), WIDE).runs[0]
    for start in (0.2, 0.8, 2.0, 3.5, 5.0, 6.0):
        other = discriminating(two, few, noise(), NextRunConfig(starts={"x": (start, start)})).runs[0]
        assert _apart(best.predictions) >= 0.98 * _apart(other.predictions)


def _apart(predictions: Sequence[np.ndarray]) -> float:
    return float(np.sum((predictions[0] - predictions[1]) ** 2))


def test_starts_are_those_that_were_measured_widened_by_half(few: Dataset, models: list[FittedModel]) -> None:
    model = models[0]
    low, high = bounds(model, few, NextRunConfig())["x"]
    starts = [float(values[0]) for values in model.initial.values()]
    width = max(starts) - min(starts)
    assert (low, high) == pytest.approx((min(starts) - width / 4, max(starts) + width / 4))
    assert bounds(model, few, NextRunConfig(starts={"x": (1.0, 2.0)}))["x"] == (1.0, 2.0)


def test_a_time_is_told_to_a_hundredth_of_its_run() -> None:
    assert time_text(1902.4, np.linspace(1900.0, 1920.0, 5)) == "1902.4"
    assert time_text(1.166667, np.linspace(0.0, 2.0, 5)) == "1.17"


def test_what_was_always_positive_starts_above_zero(few: Dataset, models: list[FittedModel]) -> None:
    least = min(float(one.measured.min()) for one in few.trajectories)
    low, _ = bounds(models[0], few, NextRunConfig())["x"]
    assert least > 0 and low >= 0.099 * least


def test_laws_of_one_form_are_one_law(few: Dataset) -> None:
    config = ModelConfig(equations="d(x)/dt = f(x)", networks={"f": NetworkConfig(width=4, depth=1)})
    start = initial_model(config, few, 0)
    nearly = [
        replace_neural_term(start, "f", parse_expression(law)) for law in ("-1.31*x - 0.05", "-1.3*x - 0.05", "-1.4*x")
    ]
    (first, second) = surviving(nearly, few, noise(0.5))
    assert {first.formulas["f"].count(" - "), second.formulas["f"].count(" - ")} == {0, 1}


def test_within_limits_in_which_nothing_parts_it_says_so(few: Dataset, models: list[FittedModel]) -> None:
    found = surviving(models, few, noise(0.2))
    said = discriminating(found, few, noise(0.2), NextRunConfig(starts={"x": (0.5, 0.6)}))
    assert not said.told_apart and "nor would any run within the limits" in said.sentence


def test_one_law_that_is_left_needs_no_run(few: Dataset, found: tuple[Rival, ...]) -> None:
    said = discriminating(found[:1], few, noise())
    assert said.runs == () and said.sentence.startswith("One law is left")


def test_two_runs_are_two_runs(few: Dataset, found: tuple[Rival, ...]) -> None:
    said = discriminating(found, few, noise(), replace(WIDE, runs=2))
    assert len(said.runs) == 2 and "; or x = " in said.sentence


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (NextRunConfig(starts={"z": (0.0, 1.0)}), "`z` is no state of the model; there are x"),
        (NextRunConfig(inputs={"x": (0.0, 1.0)}), "`x` is no input of the model; it has none"),
        (NextRunConfig(duration=0.0), "give `duration` a number above 0"),
        (NextRunConfig(points=1), "two samples or more"),
        (NextRunConfig(starts={"x": (2.0, 1.0)}), "the lower one first"),
    ],
)
def test_limits_that_are_none_are_refused(
    few: Dataset, models: list[FittedModel], config: NextRunConfig, said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        bounds(models[0], few, config)


def test_levels_of_an_input_are_suggested_where_only_they_tell(few: Dataset) -> None:
    """Two laws that are the same without the input."""
    t, generator = np.linspace(0.0, 2.0, 20), np.random.default_rng(3)
    measured = [size * np.exp(-t)[:, None] + SIGMA * generator.standard_normal((20, 1)) for size in (1.0, 2.0)]
    dataset = dataset_from_arrays(
        [t, t], measured, ["x"],
        inputs=[np.full((20, 1), 0.0), np.full((20, 1), 0.1)], input_names=["u"], split=ALL,
    )  # fmt: skip
    config = ModelConfig(equations="d(x)/dt = f(x, u)", networks={"f": NetworkConfig(width=4, depth=1)})
    start = initial_model(config, dataset, 0)
    laws = [replace_neural_term(start, "f", parse_expression(law)) for law in ("-x", "-x + 0.5*u^2")]
    wide = NextRunConfig(starts={"x": (1.0, 1.0)}, inputs={"u": (0.0, 3.0)})
    run = discriminating(surviving(laws, dataset, noise()), dataset, noise(), wide).runs[0]
    assert run.inputs["u"] == pytest.approx(3.0) and run.start["x"] == 1.0


def test_constants_of_all_terms_are_fitted_together_before_a_law_is_excluded(
    lotka_volterra: tuple[FittedModel, Dataset],
) -> None:
    """A candidate that was fitted beside a network is judged beside the formula of the other term."""
    model, dataset = lotka_volterra
    config = DistilConfig(seconds=None, evaluations=1, candidates=4)
    found = distil(model, dataset, config, engine=Telling("0.9*x*y", "0.9*x*y + 0.02*x"))
    fit = Fit(Outcome.CONVERGED, "", model, found.metrics, 0, Device("cpu", ""), noise={"x": 0.15, "y": 0.15})
    left = rivals(fit, found, dataset)
    assert len(surviving(alternatives(model, found), dataset, noise_of(fit, dataset))) == 1
    assert len(left) == 2 and left[0].weight > left[1].weight
    assert all(one.model.networks == {} for one in left)
    said = suggest_next_run(fit, found, dataset)
    assert "The data do not tell" in said.sentence
    whole = with_next_run(found, fit, dataset, NextRunConfig(starts={"z": (0.0, 1.0)})).next_run
    assert whole is not None and "`z` is no state" in whole.sentence, "formulas are not lost for a wrong limit"
    assert with_next_run(found, fit, dataset, NextRunConfig(runs=0)) is found


def test_the_only_law_is_told_from_networks_of_other_seeds(lotka_volterra: tuple[FittedModel, Dataset]) -> None:
    """They follow the data as well, and may go otherwise beyond them."""
    model, dataset = lotka_volterra
    config = DistilConfig(seconds=None, evaluations=1, candidates=4)
    found = distil(model, dataset, config, engine=Telling("0.9*x*y"))
    fit = Fit(Outcome.CONVERGED, "", model, found.metrics, 0, Device("cpu", ""), noise={"x": 0.15, "y": 0.15})
    assert suggest_next_run(fit, found, dataset).sentence.startswith("One law is left")
    alike = dataclasses.replace(found.model, parameters={**found.model.parameters, "p_1": 0.8925})
    fit = dataclasses.replace(fit, ensemble=(alike, model))  # the second one follows the data worse
    several = suggest_next_run(fit, found, dataset)
    assert several.weights == (0.5, 0.5)
    assert "from the network of another seed 1" in several.sentence


@pytest.mark.usefixtures("unchecked")
def test_rivals_are_named_by_the_term_whose_form_differs() -> None:
    one = SimpleNamespace(formulas={"f": "2.6*y + 2.605*x", "g": "-0.4*x"})
    other = SimpleNamespace(formulas={"f": "2.605*y + 2.613*x", "g": "-0.398*x - 0.0007*x^3"})
    assert _named(cast(list[Rival], [one, other]), ()) == ("-0.4*x", "-0.398*x - 0.0007*x^3", "g")
    other.formulas = {"f": "the network of seed 2", "g": "-0.41*x"}
    assert _named(cast(list[Rival], [one, other]), ())[2] == "f"
