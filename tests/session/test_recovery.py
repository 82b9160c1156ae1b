from unittest.mock import Mock

import msgspec
import pytest

from ndestudio.distil.config import RecoveryConfig
from ndestudio.distil.result import FoundNeuralTerm, Recovery
from ndestudio.expression import parse_expression
from ndestudio.progress import Phase
from ndestudio.session import commands
from ndestudio.session.presenter import View
from ndestudio.session.session import Session
from tests.session import results
from tests.session.helpers import FakeRunner, toasts


@pytest.fixture
def opened(fake: Session) -> Session:
    fake.workspace.open(results.project(fitted=False), None)
    return fake


def assessment(session: Session, outcome: str = "found") -> Recovery:
    spec, x = session.project.spec, parse_expression("0.5*x*y")
    return Recovery(
        outcome,
        "Found: the same structure.",
        (FoundNeuralTerm("f", ("x", "y"), x, parse_expression("0.52345678*x*y"), 0.04, 0.041),),
        {"a": (0.5, 0.55)},
        {},
        {},
        {"x": 0.1, "y": 0.2},
        spec.model,
        spec.train,
        spec.distil,
        RecoveryConfig(formulas={"f": "k*x*y"}, parameters={"k": 0.5}),
        {"train": 3.0},
    )


def test_without_data_or_unknown_functions_it_says_what_is_missing(fake: Session):
    assert "needs data" in fake.recovery.state().obstacle
    project = results.project(fitted=False)
    known = msgspec.structs.replace(results.MODEL, equations="d(x)/dt = -a*x\nd(y)/dt = -b*y", networks={})
    fake.workspace.open(commands.with_model(project, known), None)
    assert "no unknown function" in fake.recovery.state().obstacle


def test_a_ground_truth_is_chosen_in_the_project_and_its_constants_get_values(opened: Session):
    state = opened.recovery.state()
    assert [(row.neural_term, row.arguments, row.formula) for row in state.ground_truths] == [("f", ("x", "y"), "")]
    assert any(
        title == "Mass action of two partners" or "x*y" in text for title, text in state.ground_truths[0].choices
    )
    assert (state.ready, state.problem) == (False, "Write a formula of x and y for f, or choose one.")
    opened.recovery.set_formula("f", "k*x*y")
    opened.recovery.set_value("k", 0.3)
    state = opened.recovery.state()
    assert [(row.name, row.value, row.own) for row in state.values] == [
        ("a", 0.5, False),
        ("b", 0.4, False),
        ("k", 0.3, True),
    ]
    assert state.ready
    opened.recovery.set_formula("f", "x")
    assert "k" not in opened.project.spec.recovery.parameters, "no formula uses it any more"
    opened.undo()
    assert opened.project.spec.recovery.parameters == {"k": 0.3}


def test_a_ground_truth_that_cannot_be_used_is_told_at_once(opened: Session):
    opened.recovery.set_formula("f", "2*(x")
    state = opened.recovery.state()
    assert not state.ready
    assert state.problem.startswith("f: ")


def test_the_test_runs_with_the_settings_of_now_and_its_assessment_is_kept(opened: Session, runner: FakeRunner):
    view = Mock(spec=View)
    opened.recovery.attach(view)
    opened.recovery.set_formula("f", "k*x*y")
    opened.recovery.set_value("k", 0.5)
    opened.recovery.set_noise(0.05)
    opened.recovery.start()
    id_, _, arguments = runner.last("_recovery")
    ground_truth = arguments[2]
    assert (ground_truth.formulas, ground_truth.parameters, ground_truth.noise) == ({"f": "k*x*y"}, {"k": 0.5}, 0.05)
    runner.say(id_, Phase("collocation", "fitting slopes"))
    opened.tick()
    state = opened.recovery.state()
    assert (state.status, state.doing, state.ready) == ("running", "fitting slopes", False)
    opened.recovery.stop()
    assert opened.recovery.state().status == "stopping"
    runner.finish("_recovery", assessment(opened))
    opened.tick()
    state = view.show_state.call_args.args[0]
    assert (state.outcome, state.status) == ("found", "idle")
    assert [(line.name, line.chosen, line.found, line.apart) for line in state.lines] == [
        ("f(x, y)", "0.5*x*y", "0.5235*x*y", "4.1%"),
        ("a", "0.5", "0.55", "10.0%"),
    ]
    assert opened.project.recovery is not None


def test_an_assessment_is_old_once_ground_truth_model_or_settings_are_others(opened: Session, runner: FakeRunner):
    opened.recovery.set_formula("f", "k*x*y")
    opened.recovery.set_value("k", 0.5)
    opened.recovery.start()
    runner.finish("_recovery", assessment(opened))
    opened.tick()
    assert not opened.recovery.state().stale
    opened.train.change_settings(seed=5)
    assert opened.recovery.state().stale
    opened.undo()
    assert not opened.recovery.state().stale
    opened.recovery.set_noise(0.5)
    assert opened.recovery.state().stale


def test_an_assessment_nobody_waits_for_is_a_message(opened: Session, runner: FakeRunner, shell: Mock):
    opened.recovery.set_formula("f", "x*y")
    opened.recovery.start()
    runner.finish("_recovery", assessment(opened, "missed"))
    opened.tick()
    assert toasts(shell)[-1].startswith("Recovery test: ")


def test_the_ground_truth_can_be_fitted_to_the_data_first(opened: Session, runner: FakeRunner):
    opened.recovery.set_formula("f", "k*x*y")
    opened.recovery.fit_ground_truth()
    assert opened.recovery.state().fitting
    runner.finish("_fit_ground_truth", RecoveryConfig(formulas={"f": "0.02*x*y"}, parameters={"a": 0.7}))
    opened.tick()
    state = opened.recovery.state()
    assert (state.ground_truths[0].formula, state.values[0].value, state.fitting) == ("0.02*x*y", 0.7, False)


def test_a_formula_in_use_can_be_taken_as_ground_truth(fake: Session):
    fake.workspace.open(results.project(distilled=True), None)
    title, formula = fake.recovery.state().ground_truths[0].choices[0]
    assert title == "The formula in use"
    fake.recovery.set_formula("f", formula)
    assert fake.recovery.state().problem == ""
