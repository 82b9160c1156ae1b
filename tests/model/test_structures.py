"""Terms that keep a structure by construction, and stopping times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ndestudio as nde
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import EquationError
from ndestudio.expression import parse_expression
from ndestudio.expression.numeric import evaluate
from ndestudio.model.config import ModelConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.structures import expanded

PAIR = nde.StructureConfig(positions=("q",), momenta=("p",), width=3)
TEXT = "d(q)/dt = flow(H, q)\nd(p)/dt = flow(H, p)\nE = energy(H)"


def model(structure: nde.StructureConfig, text: str = TEXT, seed: int = 4) -> FittedModel:
    initial = {
        name: nde.InitialConfig(value=value) for name, value in (("q", 1.0), ("p", 0.5), ("x", 2.0), ("y", -1.0))
    }
    states = structure.states or (*structure.positions, *structure.momenta)
    config = ModelConfig(equations=text, structures={"H": structure}, initial={one: initial[one] for one in states})
    return nde.stated_model(expanded(config, seed))


def energies(found: FittedModel, states: np.ndarray) -> np.ndarray:
    values = {**found.parameters, **{name: states[:, k] for k, name in enumerate(found.system.states)}}
    return np.asarray(evaluate(found.system.outputs["E"], values))


def test_a_hamiltonian_keeps_its_energy_whatever_its_weights_and_a_free_network_does_not() -> None:
    t = np.linspace(0.0, 50.0, 101)
    for seed in (1,):
        found = model(PAIR, seed=seed)
        kept = energies(found, nde.simulate(found, t, np.array([1.0, 0.5])).states)
        assert np.ptp(kept) < 0.01 * abs(kept[0])
        # the same field with a hundredth of it amiss, as any free term is
        loose = "d(q)/dt = flow(H, q)\nd(p)/dt = flow(H, p) + 0.01*p\nE = energy(H)"
        free = energies(found, nde.simulate(model(PAIR, loose, seed), t, np.array([1.0, 0.5])).states)
        assert np.ptp(free) > 0.2 * abs(free[0])


def test_a_port_hamiltonian_only_loses_energy_and_ports_stand_beside_it() -> None:
    port = nde.StructureConfig(kind="port-hamiltonian", positions=("q",), momenta=("p",), width=3)
    t = np.linspace(0.0, 20.0, 201)
    found = model(port)
    kept = energies(found, nde.simulate(found, t, np.array([1.0, 0.5])).states)
    assert (np.diff(kept) < 1e-9).all() and kept[-1] < kept[0] - 0.1
    pushed = model(port, TEXT.replace("flow(H, p)", "flow(H, p) + 2*p"))
    grown = energies(pushed, nde.simulate(pushed, t[:40], np.array([1.0, 0.5])).states)
    assert grown.max() > grown[0] + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_a_stable_term_comes_to_rest_from_anywhere_whatever_its_weights(seed: int) -> None:
    stable = nde.StructureConfig(kind="stable", states=("x", "y"), width=3)
    found = model(stable, "d(x)/dt = flow(H, x)\nd(y)/dt = flow(H, y)\nE = energy(H)", seed)
    rng = np.random.default_rng(seed)
    drawn = {name: float(rng.normal(0.0, 2.0)) for name in found.parameters}
    found = replace(found, parameters=drawn)
    t = np.linspace(0.0, 5.0, 51)
    states = nde.simulate(found, t, np.array([3.0, -2.0])).states
    lyapunov = energies(found, states)
    assert (np.diff(lyapunov) <= 1e-9 * lyapunov[0]).all() and (lyapunov >= 0).all()
    rest = np.array([drawn["H_e_x"], drawn["H_e_y"]])
    still = nde.simulate(found, t, rest).states
    assert np.allclose(still, rest, atol=1e-9)


def test_the_flow_is_the_derivative_of_the_energy() -> None:
    written = expanded(ModelConfig(equations=TEXT, structures={"H": PAIR})).equations.splitlines()
    energy, rate = (parse_expression(written[k].split("=", 1)[1]) for k in (2, 0))
    values = {name: 0.3 * (k + 1) % 1.1 for k, name in enumerate(sorted({*_names(energy), *_names(rate)}))}
    step = 1e-6
    above, below = (float(evaluate(energy, {**values, "p": values["p"] + s})) for s in (step, -step))
    assert float(evaluate(rate, values)) == pytest.approx((above - below) / (2 * step), rel=1e-6)


def _names(expr: object) -> tuple[str, ...]:
    from ndestudio.expression.tree import names

    return names(expr)  # type: ignore[arg-type]


def test_a_stopping_time_is_an_observation_like_others() -> None:
    t = np.linspace(0.0, 4.0, 9)
    starts, k = np.array([1.0, 2.0, 3.0]), 0.8
    stops = np.log(starts / 0.5) / k
    measured = [np.column_stack([np.where(t < stop, t, stop)]) for stop in stops]
    data = dataset_from_arrays([t] * 3, measured, ["T"])
    config = ModelConfig(
        equations="d(x)/dt = -k*x\nT = until(x < 0.5)  # when it is used up",
        parameters={"k": ParameterConfig(value=0.5)},
        initial={"x": nde.InitialConfig(value=2.0, fit=False)},
    )
    found = nde.stated_model(config)
    assert found.system.states == ("x", "T", "T_going")
    for start, stop in zip(starts, stops, strict=True):
        clock = nde.simulate(replace(found, parameters={"k": k}), t, np.array([start, 0.0, 1.0])).states[:, 1]
        assert clock == pytest.approx(np.minimum(t, stop), abs=1e-6)
    one = data_of(data, 1)
    fitted = nde.fit(config, one, nde.TrainConfig(preset="quick"))
    assert fitted.model.parameters["k"] == pytest.approx(0.8, rel=1e-3)


def data_of(data: nde.Dataset, place: int) -> nde.Dataset:
    return replace(data, trajectories=(data.trajectories[place],))


@pytest.mark.parametrize(
    ("text", "structure", "sentence"),
    [
        ("d(q)/dt = flow(G, q)", PAIR, "there is no structure `G`"),
        ("d(q)/dt = flow(H, r)", PAIR, "`r` is no state of the structure `H`"),
        ("d(q)/dt = flow(H, q)", nde.StructureConfig(positions=("q",)), "as many positions as momenta"),
        ("d(q)/dt = flow(H, q)", nde.StructureConfig(kind="stable"), "a stable term has states"),
        ("d(q)/dt = flow(H, q)", nde.StructureConfig(positions=("q",), momenta=("p",), width=0), "1 or more"),
    ],
)
def test_what_is_amiss_is_told(text: str, structure: nde.StructureConfig, sentence: str) -> None:
    config = ModelConfig(equations=text, structures={"H": structure}, initial={"q": nde.InitialConfig(value=1.0)})
    with pytest.raises(EquationError, match=sentence):
        nde.stated_model(config)
