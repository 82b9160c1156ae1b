"""Black boxes and systems in steps in the language of equations."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.blackbox import register_callable
from ndestudio.blackbox.label import label_of
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.expression import differentiate, evaluate, parse_expression, to_text
from ndestudio.expression.tree import Call
from ndestudio.model import BlackBoxConfig, ModelConfig, initial_model, system_latex
from ndestudio.model.black_boxes import found_in
from ndestudio.model.parse import read_system
from ndestudio.project.spec import dump_spec, parse_spec, with_base
from ndestudio.solve.scipy_reference import simulate


def read(equations: str, **settings):
    return read_system(ModelConfig(equations=equations, **settings), ["x"], ["u"])


def sentence(equations: str, **settings) -> str:
    return read(equations, **settings).errors[0].sentence


@pytest.fixture(autouse=True)
def tank() -> None:
    register_callable("tank", lambda x, u: (u - x, 2 * x), arguments=("x", "u"), outputs=("der(x)", "level"))


def test_a_call_reads_and_prints_the_same() -> None:
    text = 'blackbox("tank.fmu", "der(x)")(x, 2*u) - 3*blackbox("p")(x)'
    assert to_text(parse_expression(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('blackbox("a")', "write what it depends on"),
        ('blackbox("")(x)', "the quotes are empty"),
        ('blackbox("a", b)(x)', "the output stands in quotes"),
        ('x + "a"', "text in quotes names a black box"),
    ],
)
def test_what_is_wrong_about_a_call_is_said(text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        parse_expression(text)


def test_outputs_are_chosen_by_the_left_side_or_by_name() -> None:
    system = read('d(x)/dt = blackbox("tank")(x, u)\nh = blackbox("tank", "level")(x, u)').system
    assert system is not None
    call = system.rhs[0]
    assert isinstance(call, Call) and label_of(call.function).output == "der(x)"
    assert evaluate(system.outputs["h"], {"x": 3.0, "u": 1.0}) == 6.0
    np.testing.assert_allclose(evaluate(differentiate(call, "u"), {"x": 3.0, "u": 1.0}), 1.0, rtol=1e-9)
    assert "say which one is meant" in sentence('d(y)/dt = blackbox("tank")(2*y, u)\nx = y')
    assert "has no output `depth`" in sentence('d(x)/dt = blackbox("tank", "depth")(x, u)')


def test_arguments_that_are_swapped_or_missing_are_refused() -> None:
    assert "stands where `x` is meant" in sentence('d(x)/dt = blackbox("tank")(u, x)')
    assert "takes 2 arguments (x, u), and 1 is given" in sentence('d(x)/dt = blackbox("tank")(x)')
    assert "is no black box that is known here" in sentence('d(x)/dt = blackbox("nothing.fmu")(x, u)')


def test_steps_are_all_or_none_and_of_one_length() -> None:
    system = read("x(t + 0.5) = 0.9*x + u").system
    assert system is not None and system.step == 0.5
    assert system_latex(system)[0].startswith(r"x\left(t + 0.5\right) = ")
    assert "write all states in one way" in sentence("x(t + 0.5) = x\nd(y)/dt = -y")
    assert "all states step together" in sentence("x(t + 0.5) = x\ny(t + 0.1) = y")
    assert "the step is a number above 0" in sentence("x(t + h) = x")
    assert "cannot have events yet" in sentence("x(t + 0.5) = x\nat t = 1: x = 2")


def test_steps_are_simulated_as_they_are_written() -> None:
    t = np.arange(5.0)
    data = dataset_from_arrays([t], [np.ones((5, 1))], ["x"])
    model = initial_model(ModelConfig(equations="x(t + 0.5) = 1.25*x"), data, 0)
    found = simulate(model, np.array([0.0, 0.5, 0.7, 1.0, 2.0]), np.ones(1)).states[:, 0]
    np.testing.assert_allclose(found, [1, 1.25, 1.25, 1.25**2, 1.25**4])


def test_files_lie_beside_the_spec_and_stay_there(tmp_path: Path) -> None:
    text = '[model]\nequations = """\nd(x)/dt = blackbox("tank.fmu")(x) + blackbox("tank")(x, x)\n"""\n'
    spec = with_base(parse_spec(text), tmp_path)
    assert spec.model.blackboxes == {"tank.fmu": BlackBoxConfig(file=str(tmp_path / "tank.fmu"))}
    assert parse_spec(dump_spec(spec, base=tmp_path)) == parse_spec(text)
    kept = found_in(msgspec.structs.replace(spec.model, blackboxes={"tank.fmu": BlackBoxConfig(seconds=3.0)}), tmp_path)
    assert kept.blackboxes["tank.fmu"].seconds == 3.0
