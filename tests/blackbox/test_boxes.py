"""Black boxes by themselves: what they give, what they refuse, what becomes of those that fail."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ndestudio.blackbox import Label, allow, allowed, describe, disallow, opened, register_callable
from ndestudio.blackbox.label import label_of
from ndestudio.blackbox.permission import file_hash
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.errors import BlackBoxError
from ndestudio.export import artefact
from ndestudio.model import ModelConfig, initial_model
from ndestudio.model.parse import read_system
from ndestudio.paths import fmu_binaries
from ndestudio.solve.scipy_reference import simulate
from tests.blackbox.conftest import program

POINTS = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])


def label(path: Path, **settings) -> Label:
    return Label(path.name, path=str(path), sha256=file_hash(path), **settings)


def test_a_label_comes_back_from_its_name() -> None:
    made = Label(
        "a b.fmu", "der(x)", "/p", "ab", ("x", "u"), ("y",), (("k", 2.0),), 0.1, 1, "none", 0, 1e-4, 3.0, 99, 1
    )
    assert label_of(made.name) == made and made.text == 'blackbox("a b.fmu", "der(x)")'


def test_a_table_is_interpolated_and_knows_nothing_outside(tmp_path: Path) -> None:
    x, u = np.meshgrid([0.0, 1.0, 3.0], [0.0, 2.0], indexing="ij")
    table = tmp_path / "flow.csv"
    np.savetxt(
        table,
        np.column_stack([x.ravel(), u.ravel(), (2 * x + 3 * u + x * u).ravel()]),
        delimiter=",",
        header="x,u,q",
        comments="",
    )
    box = opened(label(table, arguments=("x", "u")))
    inside = np.array([[0.5, 1.0], [2.0, 0.5], [3.0, 2.0]])
    np.testing.assert_allclose(box.values(inside)[:, 0], 2 * inside[:, 0] + 3 * inside[:, 1] + inside.prod(axis=1))
    exact, differences = box.jacobian(inside[:2], True, 1e-5), box.jacobian(inside[:2], False, 1e-5)
    np.testing.assert_allclose(exact, differences, rtol=1e-8)
    assert np.isnan(box.values(np.array([[3.1, 1.0], [np.nan, 1.0]]))).all()


def test_a_table_that_is_no_grid_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "flow.csv"
    table.write_text("x,u,q\n0,0,1\n1,1,2\n")
    with pytest.raises(BlackBoxError, match="a grid needs one row for each combination"):
        opened(label(table, arguments=("x", "u")))


def test_a_program_runs_only_when_allowed_and_answers_batches(tmp_path: Path) -> None:
    path = program(tmp_path / "double", "out = [2*x[0], x[0]*x[1]]")
    made = label(path, processes=2)
    with pytest.raises(BlackBoxError, match="nobody has allowed it"):
        opened(made)
    entry = allow(path)
    X = np.random.default_rng(0).normal(size=(40, 2))
    np.testing.assert_array_equal(opened(made).values(X), np.column_stack([2 * X[:, 0], X.prod(axis=1)]))
    assert [one.sha256 for one in allowed()] == [entry.sha256]
    disallow(entry.sha256)
    assert allowed() == ()


def test_a_changed_program_is_not_run(tmp_path: Path) -> None:
    path = program(tmp_path / "p", "out = x")
    made = label(path)
    allow(path)
    program(path, "out = [0.0]")
    with pytest.raises(BlackBoxError, match="has changed since the model was read"):
        opened(made)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("time.sleep(60); out = x", "gave no answer for 0.5 s"),
        ("print('too hot', file=sys.stderr, flush=True); os.abort()", "SIGABRT.*x = 1, u = 2; it last wrote: too hot"),
        ("out = ['what']", "wrote `what`"),
    ],
)
def test_a_program_that_fails_is_a_sentence(tmp_path: Path, body: str, sentence: str) -> None:
    path = program(tmp_path / "p", body)
    allow(path)
    box = opened(label(path, seconds=0.5, arguments=("x", "u")))
    with pytest.raises(BlackBoxError, match=sentence):
        box.values(POINTS[:1])


def test_a_co_simulation_makes_steps_from_any_state(fmus: dict[str, Path]) -> None:
    known = describe("tank.fmu", str(fmus["tank"]), steps=True)
    assert known.arguments == ("x", "u") and known.outputs == ("x",) and not known.exact
    allow(fmus["tank"])
    box = opened(label(fmus["tank"], step=0.4, arguments=("x", "u")))
    left = (1 - 0.05) ** 8
    expected = POINTS[:, 0] * left + POINTS[:, 1] * (1 - left)
    np.testing.assert_allclose(box.values(POINTS)[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(box.values(POINTS[::-1])[:, 0], expected[::-1], rtol=1e-12)
    np.testing.assert_allclose(box.jacobian(POINTS, False, 1e-5)[:, 0], np.tile([left, 1 - left], (3, 1)), rtol=1e-8)


def test_a_model_exchange_gives_rates(fmus: dict[str, Path]) -> None:
    known = describe("spiral.fmu", str(fmus["spiral"]))
    assert known.states == ("x", "y") and known.outputs == ("der(x)", "der(y)", "x", "y")
    allow(fmus["spiral"])
    found = opened(label(fmus["spiral"], arguments=("x", "y"))).values(POINTS)
    np.testing.assert_allclose(found[:, :2], np.column_stack([POINTS[:, 1] - POINTS[:, 0], -POINTS[:, 0]]))


def test_a_crash_of_an_fmu_is_a_sentence_and_it_starts_again(fmus: dict[str, Path]) -> None:
    allow(fmus["tank"])
    made = label(fmus["tank"], step=0.4, arguments=("x", "u"), seconds=2.0)
    for value, sentence in ((2000.0, "stopped .signal SIGABRT., asked at x = 2000"), (-2000.0, "no answer for 2 s")):
        with pytest.raises(BlackBoxError, match=sentence):
            opened(made).values(np.array([[value, 0.0]]))
    assert np.isfinite(opened(made).values(POINTS)).all()


def test_an_fmu_has_no_more_memory_than_it_is_given(fmus: dict[str, Path]) -> None:
    allow(fmus["tank"])
    with pytest.raises(BlackBoxError, match=r"Tank2\.fmu"):
        opened(replace(label(fmus["tank"], step=0.4, arguments=("x", "u")), memory=20))


def test_a_callable_is_checked() -> None:
    register_callable("pair", lambda x, u: (x, x * u), outputs=("a", "b"))
    np.testing.assert_allclose(opened(Label("pair")).values(POINTS)[:, 1], POINTS.prod(axis=1))
    register_callable("pair", lambda x, u: np.zeros(7))
    with pytest.raises(BlackBoxError, match="a number for each of 3 points"):
        opened(Label("pair")).values(POINTS)
    with pytest.raises(BlackBoxError, match="reads as a file"):
        register_callable("a.fmu", abs)


@pytest.mark.parametrize("form", ["fmu", "fmu3"])
def test_our_own_fmus_give_rates_steps_and_derivatives(tmp_path: Path, form: str) -> None:
    pytest.importorskip("fmpy")
    if fmu_binaries() is None:
        pytest.skip("the libraries of FMUs were not built (`make fmu`)")
    data = dataset_from_arrays([np.arange(3.0)], [np.ones((3, 2))], ["x", "v"])
    model = initial_model(ModelConfig(equations="d(x)/dt = v\nd(v)/dt = -sin(x)"), data, 0)
    path = tmp_path / "own.fmu"
    path.write_bytes(artefact(model, form, dataset=data).payload)
    allow(path)
    box = opened(label(path, arguments=("x", "v")))
    np.testing.assert_allclose(box.values(POINTS)[:, :2], np.column_stack([POINTS[:, 1], -np.sin(POINTS[:, 0])]))
    assert box.box.exact
    np.testing.assert_allclose(box.jacobian(POINTS, True, 0.0)[:, 1, 0], -np.cos(POINTS[:, 0]), rtol=1e-12)
    stepped = opened(label(path, arguments=("x", "v"), step=0.1)).values(POINTS[:1])[0]
    np.testing.assert_allclose(stepped, simulate(model, np.array([0.0, 0.1]), POINTS[0]).states[-1], rtol=1e-5)
    changed = tmp_path / "events.fmu"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'numberOfEventIndicators="0"', b'numberOfEventIndicators="2"'))
    if form == "fmu":
        (error, *_) = read_system(ModelConfig(equations=f'd(x)/dt = blackbox("{changed}")(x, x)'), ["x"], []).errors
        assert "2 event indicators" in error.sentence and "co-simulation handles them itself" in error.sentence
