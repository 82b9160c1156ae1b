"""A gradient on one device and shared by all of the process; run with
`XLA_FLAGS=--xla_force_host_platform_device_count=2`."""

from __future__ import annotations

import numpy as np

import ndestudio as nde
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.fitting import pieces_of_rows
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.prepared import prepare_fit
from ndestudio.fitting.stages.programs import gradient_of
from ndestudio.model.initial import initial_model
from ndestudio.progress import SilentReporter
from ndestudio.solve.jax_backend import device

SILENT = SilentReporter()


def main() -> None:
    t = np.linspace(0.0, 3.0, 6)
    dataset = dataset_from_arrays([t] * 4, [((1.0 + k) * np.exp(-t))[:, None] for k in range(4)], ["x"])
    config = nde.ModelConfig(equations="d(x)/dt = -drive(x)", networks={"drive": nde.NetworkConfig(width=2, depth=1)})
    problem = prepare_fit(initial_model(config, dataset, 0), dataset, nde.TrainConfig(solver="heun"))
    batch = make_batch(problem, 4)
    where, point, found = device("cpu")[0], start_point(problem, batch), []
    pieces_of_rows.pieces_of = lambda rows, most, least=1: 2  # the same pieces in both cases
    for worth in (np.inf, 0.0):
        pieces_of_rows.WORTH_SHARING = worth
        pieces_of_rows._alike = (lambda one: [one]) if worth else alike
        gradient = gradient_of(problem, batch, where)
        gradient.ready(point, SILENT)
        found.append((len(gradient.places), gradient(point)))
    assert [one[0] for one in found] == [1, 2], found
    for one, other in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    print(len(alike(where)), "devices alike")


alike = pieces_of_rows._alike

if __name__ == "__main__":
    main()
