"""Doses that the settings give a run."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from ndestudio.data import DataConfig, GivenDoseConfig, RunConfig, load
from ndestudio.data.dataset import Dose
from ndestudio.data.run_doses import doses_of, given_of
from ndestudio.errors import DataError, SpecError
from ndestudio.project.spec import dump_spec, parse_spec


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    (tmp_path / "pk.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,100,1,.\n1,1,.,0,4\n1,2,.,0,3\n2,1,.,0,4\n2,3,.,0,2\n")
    return DataConfig(files=(str(tmp_path / "pk.csv"),))


def test_a_run_is_given_other_doses_and_begins_at_the_first(config: DataConfig):
    given = (GivenDoseConfig(time=0.5, amount=80.0, duration=2.0, additional=2, interval=3.0),)
    one, two = load(msgspec.structs.replace(config, runs={"2": RunConfig(doses=given)})).trajectories
    assert one.doses == (Dose(0.0, 100.0),)
    assert [dose.time for dose in two.doses] == [0.5, 3.5, 6.5] and two.doses[0].rate == 40.0
    assert two.t.tolist() == [0.5, 1.0, 3.0] and np.isnan(two.measured[0, 0])
    none = load(msgspec.structs.replace(config, runs={"1": RunConfig(doses=())})).trajectories[0]
    assert none.doses == ()


def test_rows_stand_for_even_sequences_and_back():
    doses = [
        Dose(0.0, 50.0, steady_state=1, interval=12.0),
        *(Dose(12.0 * k, 50.0) for k in (1, 2)),
        Dose(30.0, 80.0, 40.0, 2.0, "A"),
        *(Dose(40.0 + 6.0 * k, 10.0) for k in range(4)),
        Dose(70.0, 0.0, reset=True),
    ]
    rows = given_of(doses)
    assert [(one.time, one.additional, one.interval) for one in rows] == [
        (0, 2, 12),
        (30, 0, 0),
        (40, 3, 6),
        (70, 0, 0),
    ]
    assert [dose for one in rows for dose in doses_of(one, "1")] == doses


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (GivenDoseConfig(time=0.0, amount=float("nan")), "a number that is not finite"),
        (GivenDoseConfig(time=0.0, amount=5.0, additional=3), "an interval above 0"),
        (GivenDoseConfig(time=0.0, amount=5.0, steady_state=1), "at steady state and has no interval"),
        (GivenDoseConfig(time=0.0, amount=5.0, rate=2.0, duration=9.0), "is not its amount 5"),
        (GivenDoseConfig(time=0.0, amount=5.0, rate=-3.0), "has the rate -3"),
    ],
)
def test_doses_that_cannot_be_are_a_sentence(given: GivenDoseConfig, words: str):
    with pytest.raises(DataError, match=words):
        doses_of(given, "1")


def test_they_stand_in_a_spec():
    text = '[data]\nfiles = ["pk.csv"]\n[data.runs.2]\ndoses = [{ time = 0.0, amount = 5.0, additional = 2, interval = 8.0 }]\n'
    spec = parse_spec(text)
    assert spec.data.runs["2"].doses == (GivenDoseConfig(time=0.0, amount=5.0, additional=2, interval=8.0),)
    with pytest.raises(SpecError, match="doses"):
        parse_spec(text.replace("time = 0.0, ", ""))
    assert parse_spec(dump_spec(spec)).data.runs == spec.data.runs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ID,TIME,AMT,EVID,DV\n1,0,100,5,.\n1,1,.,0,4\n1,2,.,0,3\n", r"\(EVID\) 5 is not known"),
        ("ID,TIME,AMT,EVID,DV\n1,0,100,201,.\n1,1,.,0,4\n1,2,.,0,3\n", r"\(EVID\) 201 is not known"),
        ("ID,TIME,AMT,EVID,CMT,DV\n1,0,100,10101,1,.\n1,1,.,0,1,4\n1,2,.,0,1,3\n", r"\(EVID\) 10101 is not known"),
        (
            "ID,TIME,AMT,RATE,DUR,DV\n1,0,100,10,4,.\n1,1,.,.,.,4\n1,2,.,.,.,3\n",
            "100 is not the rate 10 times the duration 4",
        ),
        ("ID,TIME,AMT,RATE,DV\n1,0,100,-5,.\n1,1,.,.,4\n1,2,.,.,3\n", "the rate -5 of a dose is not known"),
    ],
)
def test_rows_that_would_lose_their_dose_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "pk.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        load(DataConfig(files=("pk.csv",)), base=tmp_path)
