from dataclasses import replace

import numpy as np
import pytest

from ndestudio.distil.result import standing
from ndestudio.distil.substitution import substitute_formula
from ndestudio.expression import to_text
from ndestudio.figures.term_fit import residual_panel, slice_panel
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Outcome
from ndestudio.progress import CandidateScored, FrontUpdate, Phase, Progress, RecordingReporter, TrainStep
from ndestudio.session.distillation.candidates import front_rows
from ndestudio.session.distillation.formula_fit import formula_fit, sample
from ndestudio.session.distillation.state import CandidateState
from ndestudio.session.live import StageTime
from ndestudio.session.session import Session
from ndestudio.session.stage_progress import search_stages
from tests.session import results
from tests.session.helpers import FakeRunner


def opened(session: Session, **stage: bool) -> Session:
    session.workspace.open(results.project(**stage), None)
    session.stand_at("distil")
    return session


def candidate(session: Session) -> CandidateState:
    made = session.distil.state().candidate
    assert made is not None
    return made


def test_nothing_starts_without_a_trained_model(fake: Session):
    opened(fake, fitted=False).distil.start()
    assert "train in Train first" in fake.distil.state().obstacle
    assert not fake.tasks.running("distil")


def test_the_front_grows_live_and_gets_simulated_errors(fake: Session, runner: FakeRunner):
    opened(fake).distil.start()
    id_ = runner.last("_distil")[0]
    runner.say(id_, Phase("search", "Searching formulas for f", 1, 3))
    runner.say(id_, FrontUpdate("f", results.front()))
    runner.say(id_, Progress(0.25))
    fake.tick()
    state = fake.distil.state()
    assert [(row.complexity, row.trajectory_error) for row in state.neural_terms[0].front] == [
        (3, None),
        (5, None),
        (9, None),
    ]
    assert [(stage.title, stage.state) for stage in state.stages] == [
        ("Search f", "active"),
        ("Refit f", "pending"),
        ("All together", "pending"),
    ]
    assert candidate(fake).row.index == 1, "the engine's own choice is looked at first"
    assert fake.project.fit is not None
    runner.say(id_, Phase("refit", "Refitting", 2, 3))
    runner.say(id_, CandidateScored("f", 0, results.scored(fake.project.fit.model, 2)))
    fake.tick()
    assert fake.distil.state().neural_terms[0].front[2].trajectory_error == pytest.approx(0.1)


def test_a_simplified_formula_is_known_by_complexity_and_loss():
    whole = results.model()
    entry = results.scored(whole, 1)
    entry = replace(entry, candidate=replace(entry.candidate, expression=results.front().candidates[0].expression))
    rows = front_rows(results.front().candidates, {0: entry})
    assert [row.scored for row in rows] == [-1, 0, -1]


def test_a_formula_that_arose_in_joining_is_shown_after_the_front():
    whole = results.model()
    entry = results.scored(whole, 1)
    entry = replace(entry, candidate=replace(entry.candidate, complexity=4, loss=0.07))
    rows = front_rows(results.front().candidates, {0: entry}, accepted=0)
    assert [(row.complexity, row.on_front, row.accepted) for row in rows][-1] == (4, False, True)


def test_looking_at_a_formula_shows_its_errors_beside_those_of_the_network(fake: Session):
    opened(fake, distilled=True).distil.select("f", 0)
    made = candidate(fake)
    assert made.row.complexity == 3
    assert dict(made.errors)["training"] == pytest.approx(0.3)
    assert set(dict(made.errors_before)) == {"training", "validation"}
    assert [(c.name, c.after is None) for c in made.changes] == [("a", False), ("b", False), ("f_1", False)]
    assert made.fit is not None
    assert made.fit.formula_y == pytest.approx(0.5 * made.fit.X[:, 0])


def test_accept_and_revert_are_one_step_each(fake: Session):
    opened(fake, distilled=True)
    fake.distil.revert("f")
    assert fake.project.accepted == {}
    fake.distil.accept("f", 0)
    assert fake.project.accepted == {"f": 0}
    fake.undo()
    fake.undo()
    assert fake.project.accepted == {"f": 1}


def test_a_formula_not_yet_simulated_is_refitted_first_and_its_constants_move(fake: Session, runner: FakeRunner):
    opened(fake, distilled=True).distil.accept("f", 2)
    id_, _, arguments = runner.last("substitute_formula")
    assert arguments[3] == results.front().candidates[2]
    runner.say(id_, TrainStep("final_refinement", 1, 0.5, None, {"a": 0.7, "f_1": 0.11}, 0.1))
    fake.tick()
    made = candidate(fake)
    assert made.refitting
    assert {c.name: c.after for c in made.changes} == {"a": 0.7, "b": None, "f_1": 0.11}
    assert fake.project.fit is not None
    runner.finish("substitute_formula", results.scored(fake.project.fit.model, 2))
    fake.tick()
    assert fake.project.accepted == {"f": 2}
    assert (candidate(fake).row.accepted, candidate(fake).refitting) == (True, False)
    fake.undo()
    assert fake.project.accepted == {"f": 1}
    assert fake.project.distillation is not None
    assert len(fake.project.distillation.neural_terms["f"].scored) == 2


def test_pinning_keeps_a_second_formula_and_lets_it_go(fake: Session):
    opened(fake, distilled=True).distil.pin("f", 0)
    state = fake.distil.state()
    assert state.compared is not None
    assert (state.compared.row.complexity, state.compared.row.pinned) == (3, True)
    fake.distil.pin("f", 0)
    assert fake.distil.state().compared is None


def test_a_finished_search_is_accepted_and_a_run(fake: Session, runner: FakeRunner):
    opened(fake).distil.start()
    assert fake.project.fit is not None
    runner.finish("_distil", results.distillation(fake.project.fit.model))
    fake.tick()
    assert fake.project.accepted == {"f": 1}
    assert [run.kind for run in fake.project.runs] == ["distil"]
    assert fake.distil.state().sentence == "One neural term replaced."


def test_operators_presets_and_costs(fake: Session):
    opened(fake)
    fake.distil.choose_preset("trigonometric")
    state = fake.distil.state()
    assert {o.name for o in state.operators if o.used} == {"+", "-", "*", "/", "sin", "cos"}
    assert {o.name: o.cost for o in state.operators}["sin"] == 2
    fake.distil.use_operator("exp", True)
    assert fake.distil.state().preset == ""
    fake.distil.use_operator("exp", False)
    assert fake.distil.state().preset == "trigonometric"
    fake.distil.set_cost("exp", 4)
    assert fake.project.spec.distil.complexity == {"exp": 4}


def test_the_last_operator_stays(fake: Session):
    opened(fake).distil.change_settings(operators=("+",))
    fake.distil.use_operator("+", False)
    assert fake.project.spec.distil.operators == ("+",)


def test_formula_and_network_along_an_argument():
    whole = results.model()
    samples = sample(whole, results.dataset(), ("f",), 64, 0, reporter=RecordingReporter())["f"]
    made = formula_fit(whole, samples, results.front().candidates[1])
    along_y = made.slices[1]
    held = float(np.median(samples.X[:, 0]))
    assert along_y.held == pytest.approx({"x": held})
    assert along_y.formula == pytest.approx(0.1 * held * along_y.x)
    assert along_y.trusted.any()


def test_the_axes_of_a_formula_name_the_units_of_its_arguments():
    whole, data = results.model(), results.dataset()
    samples = sample(whole, data, ("f",), 64, 0, reporter=RecordingReporter())["f"]
    measured = tuple(replace(column, unit="mm" if column.name == "y" else "") for column in data.measured)
    made = formula_fit(whole, samples, results.front().candidates[1], replace(data, measured=measured))
    assert slice_panel(made, 1).x.title == "y [mm]" and slice_panel(made, 0).x.title == "x"
    assert residual_panel(made, 1).x.title == "y [mm]"


def test_putting_a_formula_in_fits_its_constants_to_the_trajectories():
    whole, data = results.model(), results.dataset()
    start = results.front().candidates[1]
    made = substitute_formula(whole, data, "f", start, results.project().spec.train, reporter=RecordingReporter())
    from ndestudio.fitting.metrics import score
    from ndestudio.model import replace_neural_term

    before = score(replace_neural_term(whole, "f", start.expression), data).train["mean"]
    assert made.metrics.train["mean"] < 0.8 * before
    assert set(made.model.replacements) == {"f"}


def test_the_reason_says_what_shorter_and_longer_formulas_come_to():
    whole = results.model()
    scored = tuple(results.scored(whole, index) for index in range(3))
    assert standing(scored, 1) == (
        "Alone in place of its network it leaves held-out rows missed by 15.0% of their spread; with the next simpler one (complexity 3) "
        "by 30.0%; more complex ones gain at most 5 percentage points"
    )
    assert standing(scored, -1) == ""


def test_exports_show_the_errors_of_the_model_they_write(fake: Session, runner: FakeRunner):
    opened(fake, distilled=True)
    fit, result = fake.project.fit, fake.project.distillation
    assert fit is not None
    assert result is not None
    assert dict(fake.export.state().errors).get("training") == result.metrics.train.get("mean")
    fake.distil.revert("f")
    assert dict(fake.export.state().errors)["training"] == fit.metrics.train["mean"]
    assert "misses held-out rows by" in fake.export.state().summary
    assert "Still a network: f (its weights" in fake.export.state().summary


def test_the_steps_of_a_search_for_all_terms_at_once_are_those_of_all():
    def entered(*steps: tuple[str, int, int]) -> list[StageTime]:
        return [StageTime(stage, "", 0.0, 1.0, index=index, total=total) for stage, index, total in steps]

    def shown(times: list[StageTime], running: bool) -> list[tuple[str, str]]:
        return [(row.title, row.state) for row in search_stages(times, running, ("f", "g"))]

    at_once = entered(("search", 1, 3), ("refit", 2, 3))
    assert shown(at_once, True) == [
        ("Search all terms", "done"),
        ("Refit all terms", "done"),
        ("All together", "pending"),
    ]
    # where that came to nothing, each term is searched by itself
    assert shown([*at_once, *entered(("search", 1, 5))], True)[:2] == [("Search f", "done"), ("Refit f", "pending")]
    assert [state for _, state in shown([*at_once, *entered(("joint", 3, 3))], False)] == ["done"] * 3


def jointly(session: Session, constant: float, error: float) -> None:
    """The formula in use has another constant and error in the joint model than when it was judged alone."""
    made = results.project(distilled=True)
    found = made.distillation
    assert found is not None
    whole = replace(found.model, parameters={**found.model.parameters, "f_1": constant})
    errors = {"x": error, "mean": error}
    found = replace(found, model=whole, metrics=Metrics(errors, errors))
    session.workspace.open(replace(made, distillation=found), None)
    session.stand_at("distil")


def test_a_formula_has_the_same_constants_in_table_card_and_whole_model(fake: Session, runner: FakeRunner):
    jointly(fake, 0.1234, 0.2)
    state = fake.distil.state()
    row = next(row for row in state.neural_terms[0].front if row.accepted)
    assert row.source == "use"
    assert "0.1234" in row.text
    assert "0.1234" in candidate(fake).text
    assert {c.name: c.after for c in candidate(fake).changes}["f_1"] == 0.1234
    fake.tick()
    requests = runner.last("typeset")[2][0]
    shown = [to_text(request.expression) for request in requests]
    assert sum("0.1234" in text for text in shown) == 3, "card, and both equations of the whole model"
    assert len({request.digits for request in requests}) == 1
    assert row.trajectory_error == 0.2, "the only formula in use errs as the model in use does"
    assert candidate(fake).errors_together == (("training", 0.2), ("validation", 0.2))
    other = next(row for row in state.neural_terms[0].front if not row.accepted and row.scored >= 0)
    assert other.source == "refit"
    assert state.neural_terms[0].front[2].source == "search"


def test_the_header_tells_what_is_in_use_now(fake: Session):
    opened(fake, distilled=True)
    assert fake.distil.state().sentence == "One neural term replaced."
    fake.distil.revert("f")
    assert "Still a network: f" in fake.distil.state().sentence, "no sentence of formulas stays over a network"
    fake.undo()
    assert fake.distil.state().sentence == "One neural term replaced."


@pytest.mark.parametrize(("error", "level"), [(0.02, "good"), (0.38, "warning")])
def test_green_is_kept_for_what_nothing_speaks_against(fake: Session, error: float, level: str):
    jointly(fake, 0.1, error)
    state = fake.distil.state()
    assert state.level == level
    assert ("off" in state.sentence) == (level == "warning")


def test_doubts_of_the_training_are_carried_on(fake: Session):
    jointly(fake, 0.1, 0.02)
    fit = fake.project.fit
    assert fit is not None
    fake.workspace.open(replace(fake.project, fit=replace(fit, outcome=Outcome.DOUBTFUL)), None)
    state = fake.distil.state()
    assert state.level == "warning"
    assert "ended with doubts" in state.sentence
