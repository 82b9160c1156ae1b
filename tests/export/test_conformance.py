"""Every exporter with every kind of input path and of event: what it writes agrees with the model, or it refuses with a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import DataConfig
from ndestudio.data.control_path import InputKind
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.data.input_paths import with_paths
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import TOLERANCE, verify
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import initial_model
from tests.events import with_doses
from tests.export.test_artefacts import DOCS, parses, schema_in

Case = tuple[FittedModel, Dataset]


def model(
    equations: str, data: Dataset, values: dict[str, float], start: dict[str, float], networks: tuple[str, ...] = ()
) -> FittedModel:
    config = ModelConfig(
        equations=equations,
        networks={name: NetworkConfig(width=3, depth=1) for name in networks},
        parameters={name: ParameterConfig(value=value) for name, value in values.items()},
        initial={name: InitialConfig(value=value, fit=False) for name, value in start.items()},
    )
    return initial_model(config, data, 0)


KINDS: tuple[InputKind, ...] = ("hold", "linear", "cubic", "hermite", "rectilinear")


def paths() -> Case:
    """Each way of going between samples, one that repeats itself, one that jumps, and the rate of one."""
    t = np.array([0.0, 0.4, 1.0, 1.9, 2.5, 3.6, 4.2, 5.0, 6.0])
    names = [*(f"u_{kind}" for kind in KINDS), "day", "step"]
    inputs = np.stack([np.sin(1.7 * t + k) + 0.3 * k for k in range(len(names))], axis=1)
    inputs[4:, 5] = np.nan
    before = np.full_like(inputs, np.nan)
    before[3, 6] = 2.0
    data = dataset_from_arrays(t, np.zeros((9, 1)), names=["x0"], inputs=inputs, input_names=names)
    data = replace(data, trajectories=(replace(data.trajectories[0], inputs_before=before),))
    told: dict[str, InputKind] = {f"u_{kind}": kind for kind in KINDS}
    told |= {"day": "cubic", "step": "linear"}
    settings = DataConfig(interpolation=told, periodic={"day": 2.1}, rates=("u_hermite", "day", "step"))
    data = with_paths(data, (), settings)
    entering = [*names, "d(u_hermite)/dt", "d(day)/dt", "x1*d(step)/dt"]
    lines = [f"d(x{k})/dt = {one} - 0.5*x{k}" for k, one in enumerate(entering)]
    return model("\n".join(lines), data, {}, {f"x{k}": 0.1 for k in range(len(entering))}), data


def known() -> Case:
    """Events at known times: times of parameters, several at one moment, doses and infusions, a state of second order."""
    text = """d(G)/dt = -ka*G
d(A)/dt = ka*G - ke*A
d(B)/dt = -0.1*B
x'' = -x - 0.2*x'
at doses(1) + lag: G += F*amount
at doses(2): A += amount/2
at t = 2, 5*half: A += 3*u, G *= 0.5
at t = 2: B = A + t
at t = 2: A = min(A, 1.5)
every gap from 0 to 4: B += ke
at t = 3: x_dot = -x_dot, x += 0.1
from 1 to half + 1: d(B)/dt += 0.8
at t = 0.3, 0.1 + 0.2: B += 0.1
at t = 6: A = 100
"""
    t = np.linspace(0.0, 6.0, 13)
    u = np.where(t < 2.0, 1.0, 4.0)
    data = dataset_from_arrays(t, np.zeros((13, 1)), names=["A"], inputs=u, input_names=["u"])
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=("hold",)),))
    doses = (Dose(0.0, 10.0, compartment="1"), Dose(2.0, 4.0, compartment="1"), Dose(1.2, 8.0, 4.0, 2.0, "2"))
    data = with_doses(data, doses)
    values = {"ka": 0.8, "ke": 0.15, "lag": 0.7, "F": 0.7, "gap": 1.3, "half": 0.5}
    return model(text, data, values, {"G": 0.0, "A": 0.0, "B": 1.0, "x": 1.0, "x_dot": 0.0}), data


def regimens() -> Case:
    """Doses at steady state and resets, a duration that the model gives and a lag."""
    text = """d(G)/dt = -ka*G
d(A)/dt = ka*G - vmax*A/(km + A)
at doses(1) + lag: G += amount
at doses(2) over amount/R1: A += F*amount
"""
    t = np.linspace(0.0, 12.0, 13)
    data = dataset_from_arrays(t, np.ones((13, 1)), names=["A"])
    doses = (
        Dose(0.0, 4.0, compartment="1", steady_state=1, interval=6.0),
        Dose(2.0, 3.0, rate=-1.0, compartment="2"),
        Dose(7.5, 6.0, compartment="1"),
        Dose(7.8, 2.0, compartment="1", reset=True),
        Dose(9.0, 1.0, compartment="1", steady_state=2, interval=4.0),
    )
    values = {"ka": 0.9, "vmax": 2.0, "km": 1.5, "R1": 1.7, "F": 0.8, "lag": 0.4}
    data = with_doses(data, doses)
    return model(text, data, values, {"G": 0.0, "A": 0.0}), data


def conditions() -> Case:
    """Events under conditions: a bounce, a switch, two at one moment, one that another sets off."""
    text = """h'' = -9.81
d(T)/dt = 3*heat - 0.4*(T - 15)
d(heat)/dt = 0
d(n)/dt = 0
d(late)/dt = 1
when h < 0: h_dot = -0.8*h_dot, h = 0
when T > hot: heat = 0
when T < 20: heat = 1, n += 1
when late > 1.7: n += 10
when 2*late > 3.4: n *= 3
when n > 11.5: late = 0
at t = 2: h = h + 1, T += 1
"""
    t = np.linspace(0.0, 3.0, 7)
    data = dataset_from_arrays(t, np.ones((7, 1)), names=["T"])
    start = {"h": 1.0, "h_dot": 0.0, "T": 21.0, "heat": 1.0, "n": 0.0, "late": 0.0}
    return model(text, data, {"hot": 21.6}, start), data


def stiff() -> Case:
    """Robertson's reactions with doses at times of a parameter, an infusion, and a product that is taken out where it gets high."""
    text = """d(A)/dt = -k1*A + k3*B*C
d(B)/dt = k1*A - k3*B*C - k2*B^2
d(C)/dt = k2*B^2
d(n)/dt = 0
at doses + lag: A += amount
when C > level: C = C/2, n += 1
"""
    t = np.linspace(0.0, 60.0, 13)
    data = dataset_from_arrays(t, np.ones((13, 1)), names=["A"])
    data = with_doses(data, (Dose(5.0, 0.5), Dose(12.0, 0.3, 0.1, 3.0), Dose(30.0, 0.4)))
    values = {"k1": 0.04, "k2": 3e7, "k3": 1e4, "lag": 0.3, "level": 0.3}
    return model(text, data, values, {"A": 1.0, "B": 0.0, "C": 0.0, "n": 0.0}), data


def noise() -> Case:
    """Two noises that share a state, a network in the drift and one in the diffusion, an input that jumps, an output, a choice."""
    text = """d(x)/dt = f(x) - x*y/2 + u + s*g(y)*noise_1
d(y)/dt = 0.5*x - q*y + q*y*noise_2 + 0.1*if(x > 1, x, 1)*noise_1
z = x + 2*y
"""
    t = np.linspace(0.0, 4.0, 9)
    u = np.where(t < 2.0, 0.5, 1.0)
    data = dataset_from_arrays(t, np.ones((9, 1)), names=["z"], inputs=u, input_names=["u"])
    data = replace(data, trajectories=(replace(data.trajectories[0], input_kinds=("hold",)),))
    return model(text, data, {"s": 0.2, "q": 0.3}, {"x": 1.0, "y": 1.0}, ("f", "g")), data


OURS = ("latex", "sympy", "python", "jax", "julia", "matlab", "c", "json", "csv")
"""Forms that refuse none of this."""
SLOW = ("jax", *(one for one in EXPORTERS.known() if one.startswith("fmu")))
"""Forms in which stiff events take too long for each run of the tests."""
GRAMMARS = {"julia": "tree_sitter_julia", "matlab": "tree_sitter_matlab"}
"""Of what may not be run here."""
CASES: dict[str, Callable[[], Case]] = {
    "paths": cache(paths),
    "known": cache(known),
    "regimens": cache(regimens),
    "conditions": cache(conditions),
    "stiff": cache(stiff),
    "noise": cache(noise),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", EXPORTERS.known())
def test_it_agrees_or_refuses(form: str, name: str) -> None:
    if name == "stiff" and form in SLOW:
        pytest.skip("it compiles for a minute; run with -k stiff after taking it out of SLOW")
    subject, data = CASES[name]()
    try:
        made = artefact(subject, form, dataset=data)
    except ExportError as refusal:
        assert len(str(refusal).split()) > 8, "a refusal is a sentence"
        assert form not in OURS, refusal
        assert not form.startswith("fmu") or name == "noise", refusal
        return
    checked = verify(made, subject, data)
    if checked.deviation is None:
        assert checked.sentence
        if form in GRAMMARS:
            parses(made.text, GRAMMARS[form])
        assert "the time for this simulation" not in checked.sentence
        return
    assert checked.deviation <= TOLERANCE, checked.sentence


def test_a_periodic_input_goes_on_in_a_program_beyond_the_data(tmp_path: Path) -> None:
    subject, data = CASES["paths"]()
    control, day = data.trajectories[0].control, data.input_names.index("day")
    times = [0.0, 7.3, 9.9, 14.0]
    expected = solve_ivp(
        lambda t, x: control(t)[day] - 0.5 * x, (0.0, 14.0), [0.1], max_step=0.02, rtol=1e-9, atol=1e-11, t_eval=times
    )
    (tmp_path / "model.py").write_text(artefact(subject, "python", dataset=data).text, encoding="utf-8")
    script = f"import model, json; print(json.dumps(model.simulate({times})[:, 5].tolist()))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    np.testing.assert_allclose(json.loads(done.stdout), expected.y[0], rtol=1e-6)


@pytest.mark.parametrize("form", ["python", "c"])
def test_programs_of_stratonovich_noise_agree_along_a_path_and_in_moments(form: str) -> None:
    subject, data = noise()
    system = replace(subject.system, calculus="stratonovich")
    subject = replace(subject, system=system)
    checked = verify(artefact(subject, form, dataset=data), subject, data)
    assert checked.deviation is not None and checked.deviation <= TOLERANCE, checked.sentence
    assert "400 paths" in checked.sentence


def test_a_program_with_another_noise_is_found_out() -> None:
    subject, data = noise()
    made = artefact(subject, "c", dataset=data)
    for text, said in (("state[i] += b[i", "state[i] += 1.01*b[i"), ("sqrt(h)*normal", "1.5*sqrt(h)*normal")):
        wrong = replace(made, text=made.text.replace(text, said))
        assert wrong.text != made.text
        checked = verify(wrong, subject, data)
        assert checked.deviation is not None and checked.deviation > TOLERANCE, checked.sentence


def test_json_with_noise_follows_its_schema() -> None:
    fastjsonschema = pytest.importorskip("fastjsonschema")
    subject, data = noise()
    value = json.loads(artefact(subject, "json", dataset=data).text)
    fastjsonschema.compile(schema_in(DOCS / "model-json.md"))(value)
    assert (
        value["schema"] == "ndestudio-model/3"
        and value["calculus"] == "ito"
        and value["noises"] == ["noise_1", "noise_2"]
    )
    assert [one["expression"] for one in value["states"][1]["diffusion"]] == ["0.1*if(x > 1, x, 1)", "q*y"]
