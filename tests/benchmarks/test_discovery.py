"""The pieces of the discovery benchmark: systems, measurements, what is told, choosing, judging, keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.discovery import run as running
from benchmarks.discovery import tables
from benchmarks.discovery.judging import Row, judged
from benchmarks.discovery.measurements import HELD_OUT, POINTS, Measurements, measured, noise_level, write_csv
from benchmarks.discovery.peers import chosen, smoothed
from benchmarks.discovery.run import Engine, Plan, Store, run
from benchmarks.discovery.scoring import right_structure
from benchmarks.discovery.systems import QUICK, systems
from benchmarks.discovery.told import question
from benchmarks.symbolic.problem import OPERATORS
from ndestudio.expression import evaluate
from ndestudio.expression.tree import names
from ndestudio.project.spec import load_spec


@pytest.fixture(scope="module")
def made() -> Measurements:
    return measured(systems()["leslie_gower"], "1%", 2, 0)


def answered(chosen_laws: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"chosen": chosen_laws, "cpu": 1.0, "wall": 2.0, **more}


def test_there_are_enough_systems_from_every_field_and_each_is_whole() -> None:
    known = systems()
    assert len(known) >= 60 and set(QUICK) <= set(known) and len(QUICK) == 12
    groups = [one.group for one in known.values()]
    for group in ("ecology", "chemistry", "mechanics", "neuroscience", "epidemics", "pharmacology", "chaos"):
        assert groups.count(group) >= 2
    for one in known.values():
        assert one.source and one.span > 0 and len(one.starts) == 4
        assert all(len(start) == len(one.states) for start in one.starts) and len(set(one.starts)) == 4
        for law in one.expressions.values():
            assert set(names(law)) <= {*one.states, *one.inputs, "t", "pi"}


@pytest.mark.parametrize("name", ["lotka_volterra", "double_well", "forced_duffing", "heated_room", "robertson"])
def test_a_system_is_measured_from_its_starts_and_goes_on_after_the_data(name: str) -> None:
    system = systems()[name]
    made = measured(system, "5%", 2, 0)
    assert len(made.values) == 2 and made.values[0].shape == (POINTS, len(system.states))
    assert made.states[1][0] == pytest.approx(np.array(system.starts[1]))
    assert made.later_t[0][0] > made.t[0][-1] and made.later_states[0].shape == (HELD_OUT, len(system.states))
    assert np.isfinite(made.later_states[0]).all()


def test_noise_is_what_its_name_says(made: Measurements) -> None:
    states = np.concatenate(made.states)
    noise = np.concatenate(made.values) - states
    assert noise.std(axis=0) == pytest.approx(0.01 * states.std(axis=0), rel=0.15)
    power = np.mean(states**2, axis=0) / noise_level(states, "20dB") ** 2
    assert 10 * np.log10(power) == pytest.approx([20.0, 20.0])
    with pytest.raises(ValueError, match="neither a percentage"):
        noise_level(states, "much")


def test_with_the_linear_part_told_the_rest_is_sought() -> None:
    asked = question(systems()["double_well"], "linear")
    assert asked is not None and set(asked.sought) == {"v"}
    assert right_structure(asked.sought["v"], "-0.8*x^3") and right_structure(asked.known["v"], "1.2*x - 0.2*v")
    assert right_structure(asked.whole({"v": "-0.79*x^3"})["v"], "1.2*x - 0.8*x^3 - 0.2*v")
    assert question(systems()["mass_spring"], "linear") is None, "nothing is left to be found"


@pytest.mark.parametrize("variant", ["nothing", "linear"])
def test_the_spec_can_be_read_and_names_what_is_sought(made: Measurements, variant: str, tmp_path: Path) -> None:
    asked = question(made.system, variant)
    assert asked is not None
    (tmp_path / "spec.toml").write_text(asked.spec(3, 5.0), encoding="utf-8")
    write_csv(made, tmp_path / "data.csv")
    spec = load_spec(tmp_path / "spec.toml")
    assert set(spec.model.networks) == {"law_x", "law_y"} and spec.train.seed == 3 and spec.distil.seconds == 5.0
    assert tuple(spec.distil.operators) == OPERATORS["ecology"]
    assert len((tmp_path / "data.csv").read_text(encoding="utf-8").splitlines()) == 1 + 2 * POINTS


def test_smoothed_slopes_are_those_of_the_system(made: Measurements) -> None:
    values, slopes = smoothed(made.t[0], made.values[0])
    law = made.system.expressions["x"]
    true = evaluate(law, dict(zip("xy", made.states[0].T, strict=True)))
    inner = slice(5, -5)
    assert np.std(slopes[inner, 0] - true[inner]) < 0.1 * np.std(true)
    assert np.std(values - made.states[0]) < np.std(made.values[0] - made.states[0])


def test_of_candidates_the_one_that_predicts_is_chosen_without_the_truth(made: Measurements) -> None:
    asked = question(made.system, "nothing")
    assert asked is not None
    wrong = {"x": "0.4*x", "y": "-0.4*y"}
    longer = {state: f"{law} + 0.0000001*x^2 - 0.0000001*y^2" for state, law in made.system.laws.items()}
    members = {state: [wrong[state], made.system.laws[state], longer[state]] for state in wrong}
    assert chosen(members, made, asked) == dict(made.system.laws)
    assert chosen({"x": ["x +"], "y": ["y"]}, made, asked) == {}


def test_a_right_answer_is_right_and_a_wrong_one_tells_what_was_there(made: Measurements) -> None:
    asked = question(made.system, "nothing")
    assert asked is not None
    truth = dict(made.system.laws)
    good = judged(answered(truth, said={"x": ["The data determine this form."]}), made, asked)
    assert good["right"] == {"x": True, "y": True} and good["derivative"] < 1e-9 and good["complexity"] > 10
    assert good["certain"] == {"x": True, "y": False} and good["warned"] == {"x": False, "y": False}
    wrong = {"x": truth["x"], "y": "sin(sin(0.03*y))"}
    said = {"y": ["The data do not tell this form from others."]}
    bad = judged(answered(wrong, said=said, candidates={"y": ["y", truth["y"]]}), made, asked)
    assert bad["right"] == {"x": True, "y": False} and bad["reachable"] == {"x": True, "y": True}
    assert bad["warned"] == {"x": False, "y": True} and bad["derivative"] > 0.1
    nothing = judged(answered({}, error="it ended"), made, asked)
    assert nothing["right"] == {"x": False, "y": False} and nothing["derivative"] == np.inf and nothing["note"]


def test_what_was_run_is_kept_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(folder: Path, engine: Engine, threads: int) -> dict[str, Any]:
        asked.append(engine.name)
        return answered(dict(systems()["logistic"].laws), seconds={"train": 1.0})

    monkeypatch.setattr(running, "_answer", answer)
    engines = [Engine("ndestudio", "python", tmp_path, "abc"), Engine("pysindy-weak", "python", tmp_path, "2.1.0")]
    plan = Plan([systems()["logistic"]], ["nothing", "linear"], [2], ["1%"], [0], engines, None, 1)
    path = tmp_path / "runs.jsonl"
    assert run(plan, Store(path), lambda row: None)
    assert asked == ["ndestudio", "pysindy-weak", "ndestudio"], "no part of the law can be told to the weak form"
    path.write_text(path.read_text(encoding="utf-8") + '{"system": "cut o', encoding="utf-8")
    again = Store(path)
    assert run(plan, again, lambda row: None) and len(asked) == 3
    assert [row.all_right for row in again.rows[:2]] == [True, True] and again.rows[0].parts == {"train": 1.0}
    assert not run(plan, Store(None), lambda row: None, until=0.0), "no budget, nothing begins"


def test_the_tables_count_what_is_right_and_what_the_engine_knew() -> None:
    def row(engine: str, right: bool, sure: bool, warned: bool, system: str = "logistic") -> Row:
        return Row(
            *(system, "nothing", 4, "1%", 0, engine, "abc", None),
            right={"x": right},
            certain={"x": sure},
            warned={"x": warned},
            reachable={"x": right},
            said={"x": [f"The next best, `x`, describes them {11 if right else 2.3} nats longer."]},
            cpu=2.0,
        )

    rows = [
        row("ndestudio", True, True, False),
        row("ndestudio", False, False, True, "allee"),
        row("pysindy", True, False, False, "allee"),
    ]
    assert "| nothing | 1% | 4 | ndestudio | abc | 1/2 | 1/2 | 1/2 |" in tables.right(rows)
    assert "| 2 | 1/1 (100%) | 1/1 (100%) | 0/1 (0%) |" in tables.calibration(rows)
    assert "| abc | 2 to 4 nats | 0/1 (0%) |\n| abc | 8 to 12 nats | 1/1 (100%) |" in tables.margins(rows)
    assert "allee" in tables.never_worse(rows) and "logistic" not in tables.never_worse(rows)
    assert "| allee |" in tables.lost(rows)
    assert tables.figures(rows)["ndestudio, nothing told, 1%, 4 starts: right"] == (0.5, "")
