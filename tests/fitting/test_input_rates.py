"""`d(u)/dt` of an input in equations: solved exactly, fitted, refused where it is no function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ndestudio.data.config import DataConfig, SplitConfig
from ndestudio.data.dataset import Dataset
from ndestudio.data.loading import load
from ndestudio.errors import DataError, EquationError
from ndestudio.export.content import content
from ndestudio.expression.latex import to_latex
from ndestudio.expression.tree import Name
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.model.analysis import analyse
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import parse_system
from ndestudio.model.statements import data_for
from ndestudio.solve.scipy_reference import simulate_trajectory

T = np.linspace(0.0, 6.0, 25)
U = np.sin(1.3 * T) + 0.3 * T
K, G = 0.8, 1.7
EQUATIONS = "d(h)/dt = -k*h + g*d(u)/dt"
HYSTERESIS = "d(h)/dt = a*u' - b*abs(u')*h"


def driven(t: np.ndarray, u: np.ndarray) -> np.ndarray:
    """d(h)/dt = -k*h + g*d(u)/dt from 0 along straight lines, in closed form."""
    h = [0.0]
    for step, slope in zip(np.diff(t), np.diff(u) / np.diff(t), strict=True):
        part = np.exp(-K * step)
        h.append(h[-1] * part + G * slope * (1 - part) / K)
    return np.array(h)


def dataset(
    folder: Path, t: np.ndarray, h: np.ndarray, u: np.ndarray, equations: str = EQUATIONS, **more: object
) -> Dataset:
    file = folder / "data.csv"
    cells = [",".join("" if np.isnan(v) else repr(float(v)) for v in row) for row in zip(t, h, u, strict=True)]
    file.write_text("\n".join(["t,h,u", *cells]))
    config = DataConfig(
        files=(str(file),),
        states=("h",),
        inputs=("u",),
        split=SplitConfig(by="none"),
        **more,  # type: ignore[arg-type]
    )
    return load(data_for(config, equations))


def model(equations: str, **values: float) -> ModelConfig:
    return ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={"h": InitialConfig(value=0.0, fit=False)},
    )


@pytest.mark.parametrize("solver", ["auto", "diffrax-tsit5"])
def test_a_term_with_the_rate_of_an_input_is_fitted_along_straight_lines(tmp_path: Path, solver: str) -> None:
    data = dataset(tmp_path, T, driven(T, U), U)
    assert data.input_names == ("u", "u_rate") and data.inputs[1].title == "d(u)/dt"
    found = fit(model(EQUATIONS, k=0.3, g=1.0), data, TrainConfig(preset="quick", solver=solver))
    assert found.model.parameters["k"] == pytest.approx(K, rel=1e-4)
    assert found.model.parameters["g"] == pytest.approx(G, rel=1e-4)
    track = content(found.model, data).tracks[0]
    slopes = np.diff(U) / np.diff(T)
    table = track.inputs[0]
    assert len(table.coefficients) == 1, "a slope of straight lines is held"
    found_slopes = table.coefficients[0][np.searchsorted(table.breaks, T[:-1] + 0.1, side="right") - 1]
    np.testing.assert_allclose(found_slopes, slopes, rtol=1e-7)


def test_hysteresis_does_not_depend_on_how_fast_or_finely_its_path_is_sampled(tmp_path: Path) -> None:
    fine = np.linspace(0.0, 6.0, 97)  # three samples more on each line
    ends = []
    for t, u in ((T, U), (fine, np.interp(fine, T, U)), (T**2 / 6.0, U)):
        data = dataset(tmp_path, t, np.zeros_like(t), u, HYSTERESIS)
        start = initial_model(model(HYSTERESIS, a=1.0, b=0.6), data, 0)
        ends.append(simulate_trajectory(start, data, "data").states[-1, 0])
    np.testing.assert_allclose(ends, ends[0], rtol=1e-6)
    assert abs(ends[0]) > 0.1


def test_a_smooth_path_sampled_finely_needs_no_step_for_each_sample(tmp_path: Path) -> None:
    fine = np.linspace(0.0, 6.0, 241)
    h = np.full_like(fine, np.nan)
    smooth = np.sin(1.3 * fine)
    h[::10] = driven(fine, smooth)[::10]
    data = dataset(tmp_path, fine, h, smooth, interpolation={"u": "hermite"})
    assert set(data.trajectories[0].control.jumps) <= {0.0, 6.0}
    found = fit(model(EQUATIONS, k=0.3, g=1.0), data, TrainConfig(preset="quick"))
    assert found.model.parameters["g"] == pytest.approx(G, rel=2e-2)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"`u` is held and jumps in trajectory `data` \(at 1.5\), and d\(u\)/dt has no value there"
    ):
        dataset(tmp_path, T, T, np.where(T < 1.5, 0.0, 1.0), interpolation={"u": "hold"})
    with pytest.raises(EquationError, match=r'without `d\(u\)/dt`; set `rates = \["u"\]` in \[data\]'):
        parse_system(ModelConfig(equations=EQUATIONS), ("h",), ("u",))
    with pytest.raises(EquationError, match=r"`d\(h\)/dt` on the right is known for an input"):
        parse_system(ModelConfig(equations="d(h)/dt = -h\ny = d(h)/dt"), ("h",), ("u",))
    with pytest.raises(EquationError, match=r"the rate of change of the input `u` is written `d\(u\)/dt` or `u'`"):
        parse_system(ModelConfig(equations="d(h)/dt = g*du/dt"), ("h",), ("u", "u_rate"))
    rhs = parse_system(ModelConfig(equations="d(h)/dt = 2*d(t)/dt"), ("h",), ()).rhs
    assert rhs == parse_system(ModelConfig(equations="d(h)/dt = 2*1"), ("h",), ()).rhs


def test_a_rate_on_the_right_is_no_parameter_while_the_model_is_written() -> None:
    config = ModelConfig(equations="s = sign(d(u)/dt)\nd(h)/dt = g(h, s)*d(u)/dt + k*u'")
    found = analyse(config, ("h",), ("u",))
    assert found.system is None and found.parameters == ("k",)
    assert to_latex(Name("d(u)/dt")) == r"\frac{\mathrm{d} u}{\mathrm{d} t}"
