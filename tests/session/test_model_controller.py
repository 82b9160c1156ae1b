from pathlib import Path
from unittest.mock import Mock

import pytest

from ndestudio.model.config import ModelConfig, PenaltyConfig, PriorConfig
from ndestudio.session.model.analysis import renamed
from ndestudio.session.presenter import View
from ndestudio.session.session import Session
from tests.session.helpers import toasts, wait

LOTKA = "d(hare)/dt = a*hare - eaten(hare, lynx)\nd(lynx)/dt = born(hare, lynx) - b*lynx\n"


@pytest.fixture
def loaded(session: Session, csv: Path) -> Session:
    session.files.open([csv])
    wait(session)
    session.show_stage("model")
    return session


def test_text_is_analysed_as_it_is_typed(loaded: Session):
    loaded.model.edit_text(LOTKA)
    state = loaded.model.state()
    assert state.words.undeclared == ("eaten", "born")
    assert not loaded.model.ready
    loaded.model.declare_network("eaten")
    loaded.model.declare_network("born")
    state = loaded.model.state()
    assert state.problems == ()
    assert [row.name for row in state.parameters] == ["a", "b"]
    rows = {row.name: row.arguments for row in state.networks if row.used}
    assert rows == {"eaten": ("hare", "lynx"), "born": ("hare", "lynx")}
    assert loaded.model.ready


def test_a_declaration_is_one_step(loaded: Session):
    loaded.model.edit_text(LOTKA)
    loaded.model.declare_network("eaten")
    assert loaded.workspace.undo_text == "Declare eaten as network"
    loaded.undo()
    assert "eaten" in loaded.model.state().words.undeclared


def test_problems_have_their_place(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = sine(lynx)")
    problem = loaded.model.state().problems[0]
    assert (problem.line, problem.column) == (2, 14)
    assert "sin" in problem.sentence
    assert "line 2" in loaded.model.obstacle


def test_equations_that_can_be_read_are_typeset_beside_errors(loaded: Session):
    view = Mock(spec=View)
    loaded.model.attach(view)
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = b*lynx\n")
    wait(loaded)
    before = [row.formula for row in view.show_state.call_args.args[0].equations]
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = b*lynx - (\nd(")
    wait(loaded)
    rows = view.show_state.call_args.args[0].equations
    assert [(row.line, row.formula) for row in rows] == [
        (1, before[0]),
        (2, before[1]),
    ]  # as it was while it is written
    loaded.model.edit_text("")
    assert loaded.model.state().equations == ()


def test_calls_of_neural_terms_are_boxes(loaded: Session):
    view = Mock(spec=View)
    loaded.model.attach(view)
    loaded.tick()
    wait(loaded)
    formula = view.show_state.call_args.args[0].equations[0].formula
    assert r"\boxed{f_{\mathrm{hare}}" in formula.latex


def test_parameters_change_in_one_step_per_drag(loaded: Session):
    loaded.model.edit_text(LOTKA)
    for value in (0.1, 0.2, 0.3):
        loaded.model.change_parameter("a", value=value)
    assert loaded.model.state().parameters[0].value == 0.3
    loaded.undo()
    assert loaded.model.state().parameters[0].value == 1.0


def test_renaming_goes_through_text_and_tables(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare + aa\nd(lynx)/dt = a")
    loaded.model.change_parameter("a", value=0.5, unit="1/year")
    loaded.model.rename("a", "alpha")
    assert loaded.project.spec.model.equations == "d(hare)/dt = alpha*hare + aa\nd(lynx)/dt = alpha"
    assert loaded.project.spec.model.parameters["alpha"].unit == "1/year"
    assert "a" not in loaded.project.spec.model.parameters


@pytest.mark.parametrize("name", ["hare", "t", "sin", "2b", "a b", ""])
def test_names_in_use_or_impossible_are_refused(loaded: Session, shell: Mock, name: str):
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    before = loaded.project
    loaded.model.rename("a", name)
    assert loaded.project is before
    assert any("cannot be used" in text for text in toasts(shell))


def test_a_term_is_inserted_with_its_constants(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = \nd(lynx)/dt = 0")
    loaded.model.insert("term", "logistic_growth", len("d(hare)/dt = "))
    assert loaded.project.spec.model.equations.splitlines()[0] == "d(hare)/dt = r*hare*(1 - hare/K)"
    assert loaded.project.spec.model.parameters["K"].value == 10.0
    loaded.model.insert("term", "linear_growth", len(loaded.project.spec.model.equations))
    assert loaded.project.spec.model.equations.splitlines()[1] == "d(lynx)/dt = 0 + r2*hare"


def test_every_entry_of_the_library_gives_a_model_without_errors(session: Session):
    entries = session.model.state().library
    assert {entry.kind for entry in entries} == {"term", "system"}
    for entry in entries:
        session.model.edit_text("d(x)/dt = ")
        session.model.insert(entry.kind, entry.key, len("d(x)/dt = "))
        state = session.model.state()
        assert state.text != "d(x)/dt = ", entry.key
        if entry.kind == "system":
            assert state.problems == (), entry.key


def test_a_template_takes_the_names_of_the_measured_columns(loaded: Session):
    loaded.model.insert("system", "lotka_volterra", 0)
    state = loaded.model.state()
    assert state.words.states == ("hare", "lynx")
    assert state.problems == ()


def test_networks_can_be_changed_and_removed(loaded: Session):
    loaded.model.change_network("f_hare", width=8, sign="positive")
    row = next(row for row in loaded.model.state().networks if row.name == "f_hare")
    assert (row.config.width, row.config.sign) == (8, "positive")
    assert row.weights == (2 + 1) * 8 + (8 + 1) * 8 + (8 + 1)
    loaded.model.remove_network("f_hare")
    assert "f_hare" in loaded.model.state().words.undeclared


def test_initial_values_are_shown_with_their_default(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0\nd(z)/dt = -z")
    rows = {row.state: row for row in loaded.model.state().initial}
    assert rows["hare"].default == "first measured value"
    assert not rows["z"].measured
    loaded.model.change_initial("z", value="2*a", fit=False)
    row = next(row for row in loaded.model.state().initial if row.state == "z")
    assert (row.value, row.fit) == ("2*a", False)


def test_the_simulation_follows_a_slider(loaded: Session):
    view = Mock(spec=View)
    loaded.model.attach(view)
    loaded.model.edit_text("d(hare)/dt = -a*hare\nd(lynx)/dt = 0")
    loaded.model.simulate(True)
    wait(loaded)
    first = view.show_state.call_args.args[0].simulation
    assert first.paths["lynx"].measured[-1, 0] == pytest.approx(30 * 2.718281828459045**-9, rel=1e-3)
    loaded.model.change_parameter("a", value=0.0)
    wait(loaded)
    second = view.show_state.call_args.args[0].simulation
    assert second.paths["lynx"].measured[-1, 0] == pytest.approx(30.0)


def test_nothing_is_simulated_while_nobody_looks(loaded: Session):
    assert loaded.model.state().simulation is None
    assert loaded.tasks.running("simulate") is None


def test_unknown_right_hand_sides_again(loaded: Session):
    loaded.model.edit_text("")
    assert not loaded.model.ready
    loaded.model.start_from_unknown()
    assert loaded.model.ready


def test_a_misspelt_function_is_put_right_by_its_advice(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = sinn(hare)\nd(lynx)/dt = 0")
    step = loaded.model.state().advice[0]
    assert "did you mean `sin`?" in step.sentence
    loaded.model.follow_advice(step)
    assert loaded.project.spec.model.equations == "d(hare)/dt = sin(hare)\nd(lynx)/dt = 0"
    assert loaded.model.state().advice == ()
    assert loaded.workspace.undo_text == "Write sin for sinn"


def test_a_column_without_an_equation_can_be_ignored_from_here(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare")
    step = loaded.model.state().advice[0]
    assert step.action == "Ignore lynx"
    loaded.model.follow_advice(step)
    wait(loaded)
    dataset = loaded.project.dataset
    assert dataset is not None
    assert dataset.measured_names == ("hare",)
    assert loaded.model.ready


def test_a_column_that_is_used_without_an_equation_can_become_an_input_from_here(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare - b*lynx")
    step = loaded.model.state().advice[0]
    assert step.action == "Use lynx as input"
    assert [row.name for row in loaded.model.state().parameters] == ["a", "b"]
    loaded.model.follow_advice(step)
    wait(loaded)
    dataset = loaded.project.dataset
    assert dataset is not None
    assert (dataset.measured_names, dataset.input_names) == (("hare",), ("lynx",))
    assert loaded.model.ready


def test_a_rate_on_the_right_hand_side_is_the_velocity_of_an_equation_of_second_order(loaded: Session):
    loaded.model.edit_text("d2(hare)/dt2 = -k*hare - c*d(hare)/dt\nd(lynx)/dt = 0")
    assert loaded.model.ready
    loaded.model.edit_text("d(hare)/dt = d(lynx)/dt\nd(lynx)/dt = 0")
    assert "for other states write what their equation says" in loaded.model.state().advice[0].sentence


def test_a_missing_equation_is_no_problem_while_another_cannot_be_read(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare)")
    assert [step.kind for step in loaded.model.state().advice] == [""]


def test_a_parameter_spelt_like_a_state_is_asked_about_and_keeps_nobody_from_going_on(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare - hares*lynx\nd(lynx)/dt = 0")
    step = loaded.model.state().advice[0]
    assert (step.level, step.action) == ("info", "Write hare")
    assert loaded.model.ready
    loaded.model.change_parameter("hares", value=2.0)
    assert loaded.model.state().advice == ()


def test_networks_left_over_from_other_equations_are_not_listed(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    assert loaded.model.state().networks == ()
    loaded.model.change_network("f_hare", width=8)
    assert [row.name for row in loaded.model.state().networks] == ["f_hare"]


def test_renaming_reaches_penalties_along_the_path() -> None:
    model = ModelConfig(
        equations="d(x)/dt = -k*x",
        penalties={"known": PenaltyConfig(expression="k - 0.5"), "x": PenaltyConfig(expression="x")},
    )
    found = renamed(model, "k", "rate")
    assert found.penalties["known"].expression == "rate - 0.5"
    assert found.penalties["x"] == model.penalties["x"]


def test_a_prior_is_told_in_the_row_of_its_parameter(loaded: Session) -> None:
    loaded.model.edit_text("d(hare)/dt = a*hare\nd(lynx)/dt = 0")
    loaded.model.change_parameter("a", prior=PriorConfig(mean=1.0, sd=0.5))
    row = loaded.model.state().parameters[0]
    assert row.prior == "normal, 1 +- 0.5"


def test_units_that_do_not_fit_are_marked_and_mended_in_one_step(session: Session, tmp_path: Path):
    path = tmp_path / "decay.csv"
    path.write_text("t [s],c [mM]\n" + "".join(f"{60 * k},{4 - 0.1 * k}\n" for k in range(9)))
    session.files.open([path])
    wait(session)
    session.show_stage("model")
    session.model.edit_text("d(c)/dt = -k*c")
    session.model.change_parameter("k", value=0.9, unit="1/h")
    state = session.model.state()
    assert state.problems == () and session.model.ready
    assert [(one.line, one.column, one.kind) for one in state.doubts] == [(1, 3, "unit")]
    (step,) = state.advice
    assert step.level == "warning" and step.action == "Convert k to 1/s"
    session.model.follow_advice(step)
    assert session.project.spec.model.parameters["k"].value == pytest.approx(0.00025)
    assert session.project.spec.model.parameters["k"].unit == "1/s"
    assert session.model.state().doubts == ()


def test_the_past_of_a_state_is_asked_for_where_it_is_read(loaded: Session):
    loaded.model.edit_text("d(hare)/dt = a*hare - b*hare*lynx\nd(lynx)/dt = c*hare(t - tau) - d*lynx")
    rows = {row.state: row for row in loaded.model.state().initial}
    assert rows["hare"].past == "" and rows["lynx"].past is None
    loaded.model.change_initial("hare", past="1 + e*t", value=None)
    rows = {row.state: row for row in loaded.model.state().initial}
    assert rows["hare"].past == "1 + e*t"
    assert "e" in [row.name for row in loaded.model.state().parameters]
    assert loaded.model.ready


def test_what_is_taken_of_doses_is_said_and_can_be_written_out(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "doses.csv"
    path.write_text("ID,TIME,AMT,DV\n1,0,100,.\n1,1,.,4\n1,2,.,3\n1,4,.,2\n", encoding="utf-8")
    session.files.open([path])
    wait(session)
    session.model.edit_text("d(DV)/dt = -k*DV")
    (step,) = [one for one in session.model.state().advice if one.kind == "append"]
    assert "`at doses: DV += amount` is taken" in step.sentence
    assert session.model.ready
    session.model.follow_advice(step)
    assert session.project.spec.model.equations == "d(DV)/dt = -k*DV\nat doses: DV += amount\n"
    assert not [one for one in session.model.state().advice if one.kind == "append"]
