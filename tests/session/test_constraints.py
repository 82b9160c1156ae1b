"""What is said of units and known forms, before a search."""

from dataclasses import replace

import msgspec

from ndestudio.session.session import Session
from tests.session import results


def test_without_a_model_nothing_is_known(fake: Session):
    state = fake.distil.constraints.state("f")
    assert (state.possible, state.neural_term) == (False, "") and "trained model" in state.text


def test_units_come_from_the_data_and_what_has_none_is_said(fake: Session):
    fake.workspace.open(results.project(), None)
    state = fake.distil.constraints.state("f")
    assert state.possible and state.text.startswith("f(x [mg], y [mg]) in any unit.")


def test_data_without_units_say_where_to_give_them(fake: Session):
    project = results.project()
    assert project.dataset is not None
    bare = tuple(replace(column, unit="") for column in project.dataset.measured)
    dataset = replace(project.dataset, measured=bare, time=replace(project.dataset.time, unit=""))
    fake.workspace.open(replace(project, dataset=dataset), None)
    state = fake.distil.constraints.state("f")
    assert not state.possible and "Give units to columns in Data" in state.text


def test_a_unit_that_cannot_be_read_is_named(fake: Session):
    project = results.project()
    assert project.dataset is not None
    odd = tuple(replace(column, unit="mg^(") for column in project.dataset.measured)
    fake.workspace.open(replace(project, dataset=replace(project.dataset, measured=odd)), None)
    state = fake.distil.constraints.state("f")
    assert not state.possible and "mg^(" in state.text


def test_a_known_form_is_read_with_the_arguments_of_its_neural_term(fake: Session):
    fake.workspace.open(results.project(), None)
    constraints = fake.distil.constraints
    constraints.know_form("f", " k*x - g(z) ")
    assert fake.project.spec.distil.templates == {"f": "k*x - g(z)"}
    assert "`z` in the arguments of `g` is no column" in constraints.state("f").problem
    constraints.know_form("f", "k*x - g(y)")
    assert constraints.state("f").problem == ""
    fake.distil.change_settings(engine="pysr")
    assert "PySR" in constraints.state("f").problem
    constraints.know_form("f", "  ")
    assert msgspec.structs.asdict(fake.project.spec.distil)["templates"] == {}
