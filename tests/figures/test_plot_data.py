"""What plots show of an unknown function."""

import numpy as np

from ndestudio.figures.plot_data import neural_term_plot_data
from ndestudio.model import evaluate_neural_term
from tests.session import results


def test_the_spread_of_seeds_holds_every_network():
    models = [results.model(seed) for seed in range(3)]
    made = neural_term_plot_data(models[0], "f", (0,), others=tuple(models[1:]))
    assert made.lowest is not None
    assert made.highest is not None
    points = np.stack([made.axes[0], np.full(len(made.axes[0]), made.held["y"])], axis=1)
    for one in models:
        values = evaluate_neural_term(one, "f", points)
        assert (values >= made.lowest - 1e-12).all()
        assert (values <= made.highest + 1e-12).all()
    assert (made.highest - made.lowest).max() > 0


def test_a_single_seed_has_no_spread():
    made = neural_term_plot_data(results.model(0), "f", (0,))
    assert made.lowest is None
