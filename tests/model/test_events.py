from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.data import load
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import DataConfig
from ndestudio.data.dataset import Dataset, Dose
from ndestudio.errors import DataError, EquationError
from ndestudio.expression.parse import parse_expression
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.doses import for_doses, taken_as_empty
from ndestudio.model.events import text_of
from ndestudio.model.initial import initial_model
from ndestudio.model.parse import read_system
from ndestudio.model.replace import events_filled, replace_neural_term
from ndestudio.model.schedule import schedule
from ndestudio.model.statements import data_for
from ndestudio.model.variants import without_neural_terms
from tests.events import with_doses

TEXT = """d(A)/dt = -k*A
d(mode)/dt = 0
C = A/V
"""


def data(*doses: Dose) -> Dataset:
    return with_doses(dataset_from_arrays([0.0, 1.0, 2.0], [[0.0], [1.0], [2.0]], names=["C"]), doses)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("at t = 24, 2*T: A += D", "at t = 24: A = A + D | at t = 2*T: A = A + D"),
        ("every 12 from 0 to 48: A += D, mode = 1", "every 12 from 0 to 48: A = A + D, mode = 1"),
        ("when C > 5: mode = 2", "when A/V - 5 > 0: mode = 2"),
        ("when A <= 3: A *= 0.5", "when 3 - A > 0: A = A*0.5"),
        ("at doses(2) + lag: A += F*amount", "at doses(2) + lag: A = A + F*amount"),
        ("at infusions: A = rate", "at infusions: A = rate"),
        ("from 1 to 2: d(A)/dt += R", "from 1 to 2: d(A)/dt += R"),
    ],
)
def test_lines_of_events_are_read(line: str, shown: str):
    reading = read_system(ModelConfig(equations=TEXT + line), ["C"], [])
    assert reading.errors == () and reading.system is not None
    assert " | ".join(text_of(event) for event in reading.system.events) == shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("at t 24: A += 1", "when this happens is not understood"),
        ("every 12: A += 1", "when it begins and ends is missing"),
        ("when A: A = 1", "compares two expressions once"),
        ("at t = 3: B += 1", "`B` is no state"),
        ("at t = 3: C += 1", "`C` is a quantity with an equation of its own"),
        ("at t = A: A = 1", "depends on `A`, which changes with time"),
        ("at t = 3:", "nothing happens in this event"),
        ("at doses: A += f(1)", "is called in an event"),
        ("at t = 3: A += 1, A = 2", "changed twice"),
        ("from 1 to 2: A += 3", "over a time a rate is changed"),
    ],
)
def test_what_is_no_event_is_a_sentence_with_its_place(line: str, words: str):
    reading = read_system(ModelConfig(equations=TEXT + line), ["C"], [])
    assert reading.system is None
    assert any(words in error.sentence and error.line == 4 for error in reading.errors)


def test_a_quantity_may_be_called_at():
    reading = read_system(ModelConfig(equations="d(x)/dt = at\nat = 3*x"), ["x"], [])
    assert reading.errors == ()


@pytest.mark.parametrize(
    ("compartment", "line"), [("", "at doses: A += amount"), ("2", "at doses(2): mode += amount"), ("mode", None)]
)
def test_doses_that_no_line_speaks_of_go_into_their_compartment(compartment: str, line: str | None):
    laid = for_doses(ModelConfig(equations=TEXT), data(Dose(0.0, 5.0, compartment=compartment)))
    assert (line or "at doses(mode): mode += amount") in laid.equations


def test_a_compartment_that_is_not_there_is_a_sentence():
    with pytest.raises(EquationError, match="into the compartment `7`, and the states are `A`, `mode`"):
        for_doses(ModelConfig(equations=TEXT), data(Dose(0.0, 5.0, compartment="7")))


def test_infusions_are_rates_that_events_switch():
    doses = data(Dose(0.0, 80.0, rate=40.0, duration=2.0))
    text = TEXT.replace("-k*A", "-k*A  # out") + "at doses + lag: A += F*amount/2"
    model = initial_model(ModelConfig(equations=text, initial={"A": InitialConfig(value=0.0)}), doses, 0)
    assert "d(A)/dt = -k*A + A_infusion  # out" in model.config.equations
    assert model.system.states == ("A", "mode", "A_infusion")
    events = schedule(model.system, {**model.parameters, "lag": 0.5}, doses.trajectories[0])
    assert events.t.tolist() == [0.5, 2.5] and events.given.tolist() == [40.0, 40.0]
    assert model.initial["1"].tolist()[2] == 0.0 if "1" in model.initial else True
    assert for_doses(model.config, doses) == model.config, "it is laid out once"


def test_an_infusion_of_a_dose_that_does_not_add_is_a_sentence():
    with pytest.raises(EquationError, match="does not add to `A` in proportion"):
        for_doses(ModelConfig(equations=TEXT + "at doses: A = amount"), data(Dose(0.0, 80.0, rate=40.0, duration=2.0)))


@pytest.mark.parametrize(
    ("dose", "words"),
    [
        (Dose(1.0, 5.0, steady_state=1), "has no interval"),
        (Dose(1.0, 5.0, rate=-2.0), "has the rate -2"),
        (Dose(1.0, float("nan")), "has no amount"),
    ],
)
def test_doses_that_cannot_be_simulated_are_a_sentence(dose: Dose, words: str):
    given = data(dose)
    model = initial_model(ModelConfig(equations=TEXT), given, 0)
    with pytest.raises(DataError, match=words):
        schedule(model.system, model.parameters, given.trajectories[0])


def test_a_trajectory_begins_at_a_dose_where_equations_say_how_something_changes(tmp_path: Path):
    (tmp_path / "pk.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,100,1,.\n1,1,.,0,4\n1,2,.,0,3\n", encoding="utf-8")
    config, text = DataConfig(files=("pk.csv",)), "d(DV)/dt = -k*DV\nat doses: DV += amount"
    plain = load(config, base=tmp_path)
    assert plain.trajectories[0].t.tolist() == [1.0, 2.0], "measurements alone"
    with pytest.raises(DataError, match="the dose at 0 in `1` comes before its first row at 1; set `from_first_dose"):
        schedule(initial_model(ModelConfig(equations=text), plain, 0).system, {"k": 0.1}, plain.trajectories[0])
    whole = load(data_for(config, text), base=tmp_path).trajectories[0]
    assert whole.t.tolist() == [0.0, 1.0, 2.0] and np.isnan(whole.measured[0, 0])
    assert data_for(config, "d(DV)/dt = -k*DV").from_first_dose and data_for(config, "DV = k*t") == config


def test_events_repeat_up_to_their_last_time():
    model = initial_model(ModelConfig(equations=TEXT + "every 0.1 from 0 to 0.3: A += 1"), data(), 0)
    assert schedule(model.system, model.parameters, None).t == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_events_stay_where_a_formula_takes_the_place_of_a_network_and_where_networks_go():
    text = TEXT.replace("-k*A", "-f(A)") + "at t = 1: A += D"
    config = ModelConfig(equations=text, networks={"f": NetworkConfig()})
    model = initial_model(config, data(), 0)
    events = model.system.events
    assert len(events) == 1
    assert replace_neural_term(model, "f", parse_expression("2*A")).system.events == events
    config = msgspec.structs.replace(config, equations=text.replace("-f(A)", "-k*A - f(A)"))
    found = without_neural_terms(config, ["C"], [])
    assert found is not None
    reading = read_system(found[0], ["C"], [])
    assert reading.system is not None
    assert reading.system.events == events and "D" in reading.system.parameters


def test_doses_to_follow_are_given_up_at_a_reset(tmp_path: Path):
    rows = [
        "ID,TIME,AMT,EVID,ADDL,II,SS,DV",
        "1,0,100,1,4,12,0,.",
        "1,1,.,0,.,.,.,4",
        "1,30,50,4,0,0,0,.",
        "1,31,.,0,.,.,.,3",
    ]
    (tmp_path / "pk.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (one,) = load(DataConfig(files=("pk.csv",)), base=tmp_path).trajectories
    assert [(dose.time, dose.reset) for dose in one.doses] == [(0, False), (12, False), (24, False), (30, True)]


def test_compartments_are_empty_before_the_first_dose():
    text = """d(G)/dt = -ka*G
d(A)/dt = ka*G - out(A) - k12*A + k21*P
d(P)/dt = k12*A - k21*P
d(R)/dt = kin - kout*R*(1 + A)
d(B)/dt = g*B - kill*A*B
d(H)/dt = make - k*H
at doses: G += F*amount
at doses(2): H += amount
"""
    given = dataset_from_arrays([0.0, 1.0, 2.0], [[float("nan")], [1.0], [2.0]], names=["A"])
    config = ModelConfig(equations=text, networks={"out": NetworkConfig()})
    dosed = with_doses(given, (Dose(0.0, 5.0), Dose(1.0, 2.0, compartment="2")))
    laid = for_doses(config, dosed)
    assert taken_as_empty(config, laid) == ("G", "A", "P")
    assert for_doses(laid, dosed) == laid
    own = msgspec.structs.replace(config, initial={"A": InitialConfig(value=1.0)})
    assert taken_as_empty(own, for_doses(own, dosed)) == ("G",)
    assert for_doses(config, with_doses(given, (Dose(1.0, 5.0),))).initial == {}


def test_events_are_told_with_numbers():
    config = ModelConfig(
        equations=TEXT + "at doses + lag: A += F*amount", parameters={"lag": ParameterConfig(value=0.123456)}
    )
    model = initial_model(config, data(Dose(0.0, 5.0)), 0)
    assert [text_of(one) for one in events_filled(model, 3)] == ["at doses + 0.123: A = A + amount"]


def test_a_lag_that_differs_between_runs_is_a_sentence():
    config = ModelConfig(
        equations=TEXT + "at doses + lag: A += amount", parameters={"lag": ParameterConfig(value=0.1, per="run")}
    )
    with pytest.raises(EquationError, match="is read by the time of the event `at doses \\+ lag`"):
        initial_model(config, data(Dose(0.0, 5.0)), 0)
