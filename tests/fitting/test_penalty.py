"""The penalty on weights is chosen on held-out trajectories, and better so than at its extremes."""

from __future__ import annotations

import numpy as np

from ndestudio.data.config import SplitConfig
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.evaluate import evaluate_neural_term
from tests.fitting.conftest import trajectories

CONFIG = ModelConfig(equations="d(x)/dt = f(x)", networks={"f": NetworkConfig(width=16, depth=2)})
STARTS = [(3.0,), (0.1,), (2.0,), (4.0,), (1.0,)]
SPLIT = SplitConfig(by="trajectory", validation_trajectories=("4", "5"))


def law(x):
    return 0.8 - 1.8 * x / (0.5 + x)


def test_the_chosen_penalty_is_better_than_next_to_none_and_than_a_strong_one() -> None:
    """Three noisy trajectories train; the error of the law, over four draws of the noise."""
    x, errors = np.linspace(0.1, 4.0, 40), {1e-10: [], None: [], 1e-2: []}
    for seed in range(4):
        data = trajectories(
            lambda _, y: [law(y[0])], STARTS, np.linspace(0, 3, 30), ["x"], noise=0.3, seed=seed, split=SPLIT
        )
        for l2, found in errors.items():
            settings = TrainConfig(l2=l2, stages=("final_refinement",), time_limit=600.0)
            values = evaluate_neural_term(fit(CONFIG, data, settings).model, "f", x[:, None])
            found.append(float(np.sqrt(np.mean((values - law(x)) ** 2)) / law(x).std()))
    weak, chosen, strong = (float(np.mean(found)) for found in errors.values())
    assert chosen < 0.9 * weak and chosen < 0.5 * strong
