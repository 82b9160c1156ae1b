from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.cli.main import main
from ndestudio.data import DataConfig, load
from ndestudio.errors import SettingError
from ndestudio.explore.case import case_of, looked_at, simulated, variable, with_values
from ndestudio.explore.scan import scan, spread
from ndestudio.explore.sensitivity import global_sensitivity, local_sensitivity
from ndestudio.model import InitialConfig, ModelConfig, ParameterConfig, initial_model
from tests.explore.systems import case, decay


@pytest.fixture
def held(tmp_path: Path):
    """A model with an input, on data in which it steps at 2; its start is a formula of a parameter."""
    path = tmp_path / "data.csv"
    path.write_text("t,x,u\n0,4,1\n1,2,1\n2,2,3\n3,2,3\n4,2,3\n", encoding="utf-8")
    data = load(DataConfig(files=(str(path),), inputs=("u",), interpolation={"u": "hold"}))
    config = ModelConfig(
        equations="d(x)/dt = u - k*x\n",
        parameters={"k": ParameterConfig(value=0.5)},
        initial={"x": InitialConfig(value="2/k", fit=False)},
    )
    return case_of(initial_model(config, data, 0), data.trajectories[0])


def test_inputs_are_those_of_the_run_or_held(held) -> None:
    x = looked_at(held, simulated(held), ("x",))[0]
    at = np.searchsorted(held.t, 2.0) - 1
    assert x[at] == pytest.approx(2 + 2 * np.exp(-0.5 * held.t[at]), abs=1e-3)
    one = with_values(held, {"u": 0.0})
    assert looked_at(one, simulated(one), ("x",))[0] == pytest.approx(4 * np.exp(-0.5 * held.t), rel=1e-6)
    assert variable(one)["u"] == 0.0 and variable(held)["u"] == 1.0


def test_a_start_that_is_a_formula_follows_its_parameters(held) -> None:
    assert with_values(held, {"k": 1.0}).start.tolist() == [2.0]
    assert with_values(held, {"k": 1.0, "x(0)": 7.0}).start.tolist() == [7.0]


def test_unknown_names_and_times_are_told(held) -> None:
    with pytest.raises(SettingError, match="did you mean `k`"):
        with_values(held, {"kk": 1.0})
    with pytest.raises(SettingError, match="is no state or quantity"):
        looked_at(held, simulated(held), ("y",))
    with pytest.raises(SettingError, match="last time"):
        case_of(held.model, held.trajectory, until=0.0)


def test_a_scan_keeps_every_simulation() -> None:
    found = scan(decay(), [("k", spread(0.1, 1.0, 4, log=True)), ("x(0)", np.array([1.0, 2.0]))], ("x", "half"))
    assert found.values_of.shape == (8, 2, 200)
    k, start = found.values.T
    assert found.final()[:, 0] == pytest.approx(start * np.exp(-10 * k), rel=1e-5, abs=1e-8)
    assert found.final()[:, 1] == pytest.approx(found.final()[:, 0] / 2)
    assert "no time left" in scan(decay(), [("k", np.array([1.0, 2.0]))], seconds=-1.0).sentences[0]
    with pytest.raises(SettingError, match="lower one"):
        spread(2.0, 1.0, 5)


def test_a_simulation_that_fails_is_a_gap_with_a_sentence() -> None:
    found = scan(case("d(x)/dt = a*x^2\n", {"a": 0.01}, {"x": 1.0}), [("a", np.array([0.01, 1.0]))])
    assert np.isfinite(found.values_of[0]).all() and np.isnan(found.values_of[1, 0, -1]) and found.sentences


def test_relative_sensitivities_of_a_decay() -> None:
    found = local_sensitivity(decay(), ("x",), ("k", "x(0)"))
    t = found.t
    assert found.values[0, 0] == pytest.approx(-0.5 * t * np.exp(-0.5 * t), abs=1e-5)
    assert found.values[1, 0] == pytest.approx(np.exp(-0.5 * t), abs=1e-5)
    assert found.ranking[0] == pytest.approx(np.sqrt(np.mean(found.values[0] ** 2)))


def test_shares_of_the_variance_of_a_product() -> None:
    # y = a + b c at t = 1, uniform on [0, 1]: variances 1/12, 1/48, 1/48, and 1/144 together
    one = case("d(y)/dt = a + b*c + 0*d\n", dict.fromkeys("abcd", 1.0), {"y": 0.0}, until=1.0, points=2)
    found = global_sensitivity(one, dict.fromkeys("abcd", (0.0, 1.0)), "y", samples=128)
    whole = 1 / 12 + 2 / 48 + 1 / 144
    assert found.first == pytest.approx([1 / 12 / whole, 1 / 48 / whole, 1 / 48 / whole, 0], abs=0.05)
    assert found.total == pytest.approx(
        [1 / 12 / whole, (1 / 48 + 1 / 144) / whole, (1 / 48 + 1 / 144) / whole, 0], abs=0.05
    )
    assert (found.first_low <= found.first).all() and found.simulations == 6 * 128
    with pytest.raises(SettingError, match="power of two"):
        global_sensitivity(one, dict.fromkeys("ab", (0.0, 1.0)), "y", samples=100)
    with pytest.raises(SettingError, match="at least two"):
        global_sensitivity(one, {"a": (0.0, 1.0)}, "y")


def test_the_command_line_writes_tables_and_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "model.toml"
    spec.write_text(
        '[model]\nequations = """\nd(x)/dt = r + x - x^3\n"""\n[model.parameters]\nr = 0.0\n[model.initial]\nx = 0.5\n',
        encoding="utf-8",
    )
    picture = tmp_path / "folds.svg"
    arguments = ["explore", "bifurcation", str(spec), "--vary", "r=-1..1", "--figure", str(picture), "--quiet"]
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert told.out.startswith("branch,r,x,stable\n1,") and "Fold at r = 0.3849" in told.err
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert main(["explore", "steady", str(spec), "--set", "r=0.2", "--quiet"]) == 0
    assert capsys.readouterr().out.count("stable node") == 1  # x cannot become negative
    assert main(["explore", "scan", str(spec), "--vary", "r=0", "--quiet"]) == 2
    assert "write `--vary k=0.1..2`" in capsys.readouterr().err
    assert main(["explore", "simulate", str(spec), "--run", "one", "--quiet"]) == 2


def test_a_model_from_its_tables_is_simulated_on_data(tmp_path: Path) -> None:
    from ndestudio import simulate_trajectory

    path = tmp_path / "data.csv"
    path.write_text("t,x\n0,5\n1,4\n2,3\n", encoding="utf-8")
    data = load(DataConfig(files=(str(path),)))
    found = simulate_trajectory(decay().model, data, data.trajectories[0])
    assert found.states[:, 0] == pytest.approx(2 * np.exp(-0.5 * found.t), rel=1e-6), "it begins as its tables say"
