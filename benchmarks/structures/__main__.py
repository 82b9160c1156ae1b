"""A pendulum from noisy data, by a Hamiltonian term, by two free networks, and by these with a penalty on the rate of the energy: what its energy does
later. And a rate that changes its law at t = 2, by a stack of two networks and by one.

    python -m benchmarks.structures

Three trajectories of 8 time units (41 samples, noise 0.02 of both states). Then a start of its own is simulated for 200 time units. The drift is
the change of the mean of the true energy from the first to the last twentieth of the time, over the energy at the start.
"""

from __future__ import annotations

import json
import time

import numpy as np
from scipy.integrate import solve_ivp

import ndestudio as nde
from ndestudio.data.arrays import dataset_from_arrays

STARTS = ((1.0, 0.0), (2.0, 0.0), (0.5, 1.0))


def data() -> nde.Dataset:
    rng, t = np.random.default_rng(0), np.linspace(0.0, 8.0, 41)
    runs = []
    for start in STARTS:
        exact = solve_ivp(lambda _, y: [y[1], -np.sin(y[0])], (0.0, 8.0), start, t_eval=t, rtol=1e-10, atol=1e-10)
        runs.append(exact.y.T + 0.02 * rng.standard_normal((41, 2)))
    return dataset_from_arrays([t] * len(runs), runs, ["q", "p"])


def models() -> dict[str, nde.ModelConfig]:
    pair = nde.StructureConfig(positions=("q",), momenta=("p",), width=4)
    free = nde.NetworkConfig(width=8, depth=1)
    return {
        "hamiltonian": nde.ModelConfig(equations="d(q)/dt = flow(H, q)\nd(p)/dt = flow(H, p)", structures={"H": pair}),
        "plain": nde.ModelConfig(equations="d(q)/dt = f(q, p)\nd(p)/dt = g(q, p)", networks={"f": free, "g": free}),
        "penalty": nde.ModelConfig(
            equations="a = f(q, p)\nb = g(q, p)\nd(q)/dt = a\nd(p)/dt = b",
            networks={"f": free, "g": free},
            penalties={"energy": nde.PenaltyConfig(expression="p*b + sin(q)*a", weight=10.0)},
        ),
    }


def switched() -> tuple[nde.Dataset, dict[str, nde.ModelConfig]]:
    """x' = -x until t = 2 and x' = x/2 from there, from two starts, and its two models."""
    t, network = np.linspace(0.0, 4.0, 41), nde.NetworkConfig(width=4)
    paths = [start * np.where(t < 2.0, np.exp(-t), np.exp(-2.0 + 0.5 * (t - 2.0))) for start in (2.0, 3.0)]
    stack = nde.StructureConfig(kind="stacked", times=(2.0,), width=4)
    return dataset_from_arrays([t, t], [one[:, None] for one in paths], ["x"]), {
        "stacked": nde.ModelConfig(equations="d(x)/dt = stacked(f, x)", structures={"f": stack}),
        "one network": nde.ModelConfig(equations="d(x)/dt = f(x)", networks={"f": network}),
    }


def drift(model: nde.FittedModel) -> float:
    t = np.linspace(0.0, 200.0, 2001)
    q, p = nde.simulate(model, t, np.array([1.5, 0.0])).states.T
    energy = 0.5 * p**2 + 1.0 - np.cos(q)
    part = len(t) // 20
    return float(abs(energy[-part:].mean() - energy[:part].mean()) / energy[0])


def main() -> None:
    measured = data()
    for name, config in models().items():
        begin = time.process_time()
        fit = nde.fit(config, measured, nde.TrainConfig(preset="quick"))
        row = {"term": name, "cpu_seconds": time.process_time() - begin, "drift": drift(fit.model)}
        print(json.dumps({**row, "training_error": float(fit.metrics.train["mean"])}), flush=True)
    measured, pieces = switched()
    for name, config in pieces.items():
        fit = nde.fit(config, measured, nde.TrainConfig(preset="quick"))
        print(json.dumps({"term": name, "training_error": float(fit.metrics.train["mean"])}), flush=True)


if __name__ == "__main__":
    main()
