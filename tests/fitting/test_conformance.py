"""Every path that fits anything honours every setting: one table of paths, one of settings, their product.

A new setting is one line of ``SETTINGS``, a new path one of ``PATHS``. The law is x' = -k x with k = 0.7; a setting makes
data that lead to the right k only if it is honoured, or asks for something that the outcome shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig, RecoveryConfig
from ndestudio.distil.ground_truth import fitted_ground_truth
from ndestudio.distil.pipeline import distil
from ndestudio.distil.substitution import substitute_formula
from ndestudio.expression import parse_expression
from ndestudio.fitting import TrainConfig, fit, profile, refit
from ndestudio.fitting.candidates import make_candidates
from ndestudio.model.config import (
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    PenaltyConfig,
    PriorConfig,
)
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from ndestudio.model.replace import replace_neural_term
from ndestudio.symbolic.front import Candidate
from tests.distil.conftest import with_networks
from tests.distil.test_pipeline import Telling

K = 0.7
STARTS = (2.0, 1.6, 1.2)
T = np.linspace(0.0, 3.0, 16)


@dataclass(frozen=True)
class Case:
    """What is asked for: changes of the clean case, and what must come of them.

    Parameters
    ----------
    spoil
        Changes the measured values in place (trajectory x time).
    k
        Range in which the fitted k must lie.
    start
        Range of the initial values.
    """

    k: tuple[float, float] = (0.68, 0.72)
    start: tuple[float, float] = (0.0, 9.0)
    spoil: Callable[[list[np.ndarray]], None] | None = None
    parameter: Mapping[str, object] = field(default_factory=dict)
    initial: InitialConfig | None = None
    train: Mapping[str, object] = field(default_factory=dict)
    penalties: Mapping[str, PenaltyConfig] = field(default_factory=dict)
    deviations: Callable[[list[np.ndarray]], list[np.ndarray]] | None = None
    column_weights: Mapping[str, float] = field(default_factory=dict)
    trajectory_weights: tuple[float, ...] | None = None
    same: bool = False
    """All trajectories must have one initial value."""

    @property
    def asks(self) -> bool:
        """Whether the right k depends on the setting."""
        return bool(self.train or self.deviations or self.column_weights or self.trajectory_weights)


def outlier(values: list[np.ndarray]) -> None:
    values[0][12, 0] += 2.5
    values[1][13, 0] += 2.0


def half_wrong(values: list[np.ndarray]) -> None:
    for one in values:
        one[1::2, 0] *= 1.0 + 0.3 * T[1::2]


def last_wrong(values: list[np.ndarray]) -> None:
    values[2][:, 0] = 1.2 * np.exp(-0.1 * T)


def large_wrong(values: list[np.ndarray]) -> None:
    # in proportion the same errors everywhere; as they are, only the first values count
    for one in values:
        one[:, 0] *= np.where(T < 0.5, 1.0 + 0.15 * np.cos(40 * T), 1.0)


def begun_elsewhere(values: list[np.ndarray]) -> None:
    for one in values:
        one[0, 0] = 1.3


def rising(values: list[np.ndarray]) -> None:
    for one in values:
        one[:, 0] = one[0, 0] * np.exp(0.2 * T)


def other_column_wrong(values: list[np.ndarray]) -> None:
    for one in values:
        one[:, 1] = one[0, 1] * np.exp(-0.3 * T)


SETTINGS: dict[str, Case] = {
    "huber": Case(spoil=outlier, train={"loss": "huber"}),
    "deviations of single values": Case(
        spoil=half_wrong,
        deviations=lambda values: [
            np.where(np.arange(len(T)) % 2, 50.0, 0.05)[:, None] * np.ones_like(v) for v in values
        ],
    ),
    "proportional noise": Case(k=(0.66, 0.74), spoil=large_wrong, train={"noise": "proportional"}),
    "constant noise": Case(train={"noise": "constant"}),
    "bounds of a parameter": Case(k=(0.3, 0.5001), parameter={"value": 0.4, "lower": 0.3, "upper": 0.5}),
    "a fixed parameter": Case(k=(0.45, 0.45), parameter={"value": 0.45, "fixed": True}),
    "logarithmic scale": Case(k=(0.0, 0.05), spoil=rising, parameter={"value": 0.04, "log": True}),
    "bounds of initial values": Case(k=(0.0, 2.0), start=(1.5, 2.0), initial=InitialConfig(lower=1.5, upper=2.0)),
    "fixed initial values": Case(
        k=(0.3, 2.0), start=(1.3, 1.3), spoil=begun_elsewhere, initial=InitialConfig(fit=False)
    ),
    "a shared initial value": Case(k=(0.3, 1.2), initial=InitialConfig(shared=True), same=True),
    "logarithms of states": Case(k=(0.69, 0.71), train={"log_states": ("x",)}),
    "weights of columns": Case(spoil=other_column_wrong, column_weights={"y": 1e-6}),
    "weights of trajectories": Case(spoil=last_wrong, trajectory_weights=(1.0, 1.0, 1e-6)),
    "a normal prior": Case(
        k=(0.48, 0.52),
        parameter={"value": 0.6, "prior": PriorConfig(kind="normal", mean=0.5, sd=1e-4)},
        train={},
        spoil=half_wrong,
    ),
    "a log-normal prior": Case(
        k=(0.48, 0.52),
        parameter={"value": 0.6, "prior": PriorConfig(kind="log-normal", median=0.5, sd=1e-4)},
        spoil=half_wrong,
    ),
    "a uniform prior": Case(
        k=(0.3, 0.5001), parameter={"value": 0.4, "prior": PriorConfig(kind="uniform", lower=0.3, upper=0.5)}
    ),
    "a prior on initial values": Case(
        k=(0.0, 2.0),
        start=(1.49, 1.51),
        spoil=half_wrong,
        initial=InitialConfig(prior=PriorConfig(kind="normal", mean=1.5, sd=1e-5)),
    ),
    "a penalty along the path": Case(
        k=(0.49, 0.51), penalties={"known": PenaltyConfig(expression="k - 0.5", weight=1e4)}
    ),
}


def _dataset(case: Case, held_out: bool = False) -> Dataset:
    generator = np.random.default_rng(4)
    values = [np.column_stack([start * np.exp(-K * T), start * np.exp(-K * T)]) for start in STARTS]
    values = [one + 0.01 * generator.normal(size=one.shape) for one in values]
    if case.spoil is not None:
        case.spoil(values)
    if not case.column_weights:
        # without values, so that the programs of all cases are the same
        values = [np.column_stack([one[:, 0], np.full(len(T), np.nan)]) for one in values]
    deviations = case.deviations(values) if case.deviations is not None else None
    split = SplitConfig(by="trajectory", validation_trajectories=("1",)) if held_out else SplitConfig(by="none")
    data = dataset_from_arrays([T] * len(values), values, ["x", "y"], deviations=deviations, split=split)
    if case.trajectory_weights is not None:
        weighted = zip(data.trajectories, case.trajectory_weights, strict=True)
        data = replace(data, trajectories=tuple(replace(one, weight=weight) for one, weight in weighted))
    return replace(data, weights=dict(case.column_weights))


def _config(case: Case, term: str = "k*x", **more: object) -> ModelConfig:
    settings = {"value": 0.6, **case.parameter}
    return ModelConfig(
        equations=f"d(x)/dt = -{term}\ny = x",
        parameters={"k": ParameterConfig(**settings)},  # type: ignore[arg-type]
        initial={"x": case.initial} if case.initial is not None else {},
        penalties=dict(case.penalties),
        **more,  # type: ignore[arg-type]
    )


def _train(case: Case, **more: object) -> TrainConfig:
    return TrainConfig(**{"preset": "quick", "time_limit": 600.0, **case.train, **more})  # type: ignore[arg-type]


Fitter = Callable[[Case], tuple[float, Mapping[str, float]]]
"""Case -> fitted k, and initial values by trajectory."""


def _result(model: FittedModel) -> tuple[float, Mapping[str, float]]:
    return float(model.parameters["k"]), {name: float(start[0]) for name, start in model.initial.items()}


def _refit(case: Case) -> tuple[float, Mapping[str, float]]:
    data = _dataset(case)
    return _result(refit(initial_model(_config(case), data, 0), data, _train(case)).model)


def _fit(case: Case) -> tuple[float, Mapping[str, float]]:
    return _result(fit(_config(case), _dataset(case), _train(case)).model)


def _ensemble(case: Case) -> tuple[float, Mapping[str, float]]:
    return _result(fit(_config(case), _dataset(case), _train(case, seeds=2)).ensemble[0])


def _hybrid(case: Case) -> tuple[FittedModel, Dataset]:
    """x' = -k g(x), where g(x) = x to within a thousandth; the k that suits the case is to be found again."""
    data = _dataset(case)
    config = _config(case, "k*g(x)", networks={"g": NetworkConfig(width=50, depth=1)})
    return with_networks(initial_model(config, data, 0), data, {"g": lambda X: X[:, 0]}), data


def _candidate(case: Case) -> tuple[float, Mapping[str, float]]:
    hybrid, data = _hybrid(case)
    model = replace_neural_term(hybrid, "g", parse_expression("x"))
    return _result(make_candidates(_trained(hybrid), data, _train(case)).fit(model).model)


def _trained(hybrid: FittedModel) -> FittedModel:
    """The hybrid model as training would have left it: what it misses is what the noise and the outliers make."""
    return replace(hybrid, parameters={**hybrid.parameters, "k": K})


def _substitution(case: Case) -> tuple[float, Mapping[str, float]]:
    hybrid, data = _hybrid(case)
    return _result(substitute_formula(hybrid, data, "g", Candidate(1, 0.0, parse_expression("x")), _train(case)).model)


def _distillation(case: Case) -> tuple[float, Mapping[str, float]]:
    hybrid, data = _hybrid(case)
    if not case.parameter:
        hybrid = _trained(hybrid)
    found = distil(hybrid, data, DistilConfig(candidates=1), train=_train(case), engine=Telling("x"))
    return _result(found.model)


def _profile(case: Case) -> tuple[float, Mapping[str, float]]:
    data = _dataset(case)
    model = refit(initial_model(_config(case), data, 0), data, _train(case)).model
    found = profile(model, data, "k", _train(case))
    return found.estimate, _result(model)[1]


def _held_out(case: Case) -> tuple[float, Mapping[str, float]]:
    data = _dataset(case, held_out=True)
    model = refit(initial_model(_config(case), data, 0), data, _train(case)).model
    k, starts = _result(model)
    return k, {"1": starts["1"]}


def _law(case: Case) -> tuple[float, Mapping[str, float]]:
    """The law of a recovery test takes its free numbers from the real data."""
    config = _config(case, "k*g(x)", networks={"g": NetworkConfig(width=2, depth=1)})
    law = fitted_ground_truth(config, _dataset(case), RecoveryConfig(formulas={"g": "x"}), _train(case))
    return float(law.parameters.get("k", case.parameter.get("value", 0.0))), {}  # type: ignore[arg-type]


def _staged(*stages: str) -> Fitter:
    """A model with a network that moves nothing, so that all stages of hybrid models see the same law."""

    def path(case: Case) -> tuple[float, Mapping[str, float]]:
        config = _config(case, "k*x + 0*f(x)", networks={"f": NetworkConfig(width=2, depth=1)})
        steps = {"collocation": 60, "shooting": 12, "trajectory": 160, "final_refinement": 12}
        return _result(fit(config, _dataset(case), _train(case, stages=stages or None, iterations=steps)).model)

    return path


STARTS_ONLY = frozenset(name for name, case in SETTINGS.items() if case.initial is not None)
SIMULATED = STARTS_ONLY | {"a penalty along the path", "proportional noise", "constant noise", "logarithms of states"}


@dataclass(frozen=True)
class Path:
    """Arguments: leaves_out: settings that mean nothing to it. rough: how much further k may be off."""

    run: Fitter
    leaves_out: frozenset[str] = frozenset()
    rough: float = 0.0


PATHS: dict[str, Path] = {
    "refit": Path(_refit),
    "fit of constants": Path(_fit),
    "ensemble": Path(_ensemble),
    "candidate": Path(_candidate),
    "substitution": Path(_substitution),
    "distillation": Path(_distillation),
    "law of a recovery test": Path(_law, STARTS_ONLY - {"fixed initial values"}, 1e-4),
    "profile": Path(_profile, frozenset({"a fixed parameter"})),
    "starts of held-out trajectories": Path(_held_out, frozenset({"a shared initial value"}), 0.02),
    "staged fit": Path(_staged(), rough=0.01),
    "collocation alone": Path(_staged("collocation"), SIMULATED, 0.06),
    # levels of noise are estimated once whole trajectories are followed
    "shooting alone": Path(_staged("shooting"), frozenset({"proportional noise"}), 0.02),
    "trajectories alone (L-BFGS)": Path(_staged("trajectory"), rough=0.02),
}

PAIRS = [(path, setting) for path, one in PATHS.items() for setting in SETTINGS if setting not in one.leaves_out]


@pytest.mark.parametrize(("path", "setting"), PAIRS, ids=[f"{path} - {setting}" for path, setting in PAIRS])
def test_every_path_honours_every_setting(path: str, setting: str) -> None:
    case, rough = SETTINGS[setting], PATHS[path].rough
    k, starts = PATHS[path].run(case)
    low, high = case.k
    if low == high:
        assert k == low
    else:
        bounded = "upper" in case.parameter or isinstance(case.parameter.get("prior"), PriorConfig)
        assert low - rough <= k <= high + (0.0 if bounded else rough)
    assert all(case.start[0] - 1e-9 <= start <= case.start[1] + 1e-9 for start in starts.values())
    if case.same:
        assert len(set(starts.values())) == 1


@pytest.mark.parametrize("setting", [name for name, case in SETTINGS.items() if case.spoil is not None and case.asks])
def test_the_data_mislead_without_the_setting(setting: str) -> None:
    case = SETTINGS[setting]
    blind = replace(
        case, train={}, deviations=None, column_weights=dict.fromkeys(case.column_weights, 1.0), trajectory_weights=None
    )
    k, _ = _refit(blind)
    assert not case.k[0] <= k <= case.k[1]
