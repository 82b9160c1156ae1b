from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from ndestudio.figures.plot_data import PlotData, plot_data, streamlines, unsupported, visited
from ndestudio.progress import FitSnapshot, Phase, Progress, RecordingReporter, TrainStep
from ndestudio.session import commands, live, tasks
from ndestudio.session.session import Session
from ndestudio.session.training.state import TrainState
from tests.session import results
from tests.session.helpers import FakeRunner


def opened(session: Session, **stage: bool) -> Session:
    session.workspace.open(results.project(**stage), None)
    session.stand_at("train")
    return session


def said(session: Session, runner: FakeRunner, *events: object) -> TrainState:
    for event in events:
        runner.say(runner.last("_fit")[0], event)  # type: ignore[arg-type]
    session.tick()
    return session.train.state()


def test_nothing_starts_without_data_and_the_sentence_says_so(fake: Session, runner: FakeRunner):
    fake.train.start()
    state = fake.train.state()
    assert not state.ready
    assert "open a file" in state.obstacle
    assert not fake.tasks.running("fit")


def test_stages_go_from_pending_to_active_to_done(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    assert {stage.state for stage in fake.train.state().stages} == {"pending"}
    state = said(fake, runner, Phase("preparing", "smoothing"), Phase("final_refinement", "fitting"), Progress(0.5))
    assert {stage.stage: stage.state for stage in state.stages} == {
        "preparing": "done",
        "compiling": "skipped",
        "collocation": "skipped",
        "shooting": "skipped",
        "trajectory": "skipped",
        "final_refinement": "active",
        "validating": "pending",
    }
    assert (state.doing, state.fraction) == ("fitting", 0.5)


def test_a_step_after_compiling_belongs_to_the_stage_that_waited(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    step = TrainStep("collocation", 1, 0.5, None, {"a": 0.6}, 1.0)
    state = said(fake, runner, Phase("collocation", "fitting slopes"), Phase("compiling", "compiling"), step)
    active = [stage.stage for stage in state.stages if stage.state == "active"]
    assert (active, state.doing) == (["collocation"], "fitting slopes")


def test_losses_and_traces_arrive_and_keep_their_identity_while_nothing_comes(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    steps = [TrainStep("final_refinement", i, 1.0 / (i + 1), None if i else 0.5, {"a": 0.5 + i}, 0.1) for i in range(4)]
    state = said(fake, runner, *steps)
    assert state.curves[0].loss == pytest.approx([1, 0.5, 1 / 3, 0.25])
    assert np.isnan(state.curves[0].validation[1:]).all()
    assert state.traces.values["a"] == pytest.approx([0.5, 1.5, 2.5, 3.5])
    again = fake.train.state()
    assert again.curves is state.curves
    assert again.traces is state.traces


def test_a_stage_that_begins_anew_is_a_curve_of_its_own(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    steps = [TrainStep("shooting", i, 1.0, None, {}, 0.1) for i in (0, 1, 2, 0, 1)]
    assert [len(curve.loss) for curve in said(fake, runner, *steps).curves] == [3, 2]


def test_a_finished_training_is_the_fit_and_a_run_with_the_settings_it_was_started_with(
    fake: Session, runner: FakeRunner
):
    opened(fake, fitted=False).train.start()
    fake.train.change_settings(seed=7)
    runner.finish("_fit", results.fit())
    fake.tick()
    assert fake.project.fit is not None
    assert [run.spec.train.seed for run in fake.project.runs] == [0]
    state = fake.train.state()
    assert (state.status, state.outcome, state.sentence) == ("idle", "converged", "Converged.")
    assert [(p.name, p.low) for p in state.parameters] == [("a", 0.4), ("b", None), ("x", None)]
    assert [(p.value, p.unit, p.detail) for p in state.parameters if p.noise] == [
        (0.1, "mg", "Noise of x: 0.08 mg and 5.0% of the value, estimated with the model")
    ]


def test_a_fit_of_other_data_is_kept_in_the_table_alone(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    fake.workspace.edit("data", commands.with_dataset(fake.project, results.dataset()))
    runner.finish("_fit", results.fit())
    fake.tick()
    assert fake.project.fit is None
    assert len(fake.project.runs) == 1


def test_pause_and_resume_reach_the_job(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    fake.train.pause()
    assert fake.train.state().status == "paused"
    fake.train.resume()
    assert fake.train.state().status == "running"
    fake.train.stop()
    assert fake.train.state().status == "stopping"
    assert [call for call, _ in runner.calls] == ["pause", "resume", "stop"]


def test_edits_while_paused_begin_anew_with_the_weights_so_far(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    weights = results.model(3)
    said(
        fake,
        runner,
        TrainStep("final_refinement", 1, 0.5, None, {"a": 0.6}, 1.0),
        FitSnapshot("final_refinement", 1, weights, {}),
    )
    first = runner.last("_fit")[0]
    fake.train.pause()
    assert not fake.train.state().changed
    fake.workspace.edit(
        "equations", commands.with_equations(fake.project, results.MODEL.equations.replace("a*x", "a*x^2"))
    )
    assert fake.train.state().changed
    fake.train.resume()
    second, _, arguments = runner.last("_fit")
    assert second != first
    assert ("detach", first) in runner.calls
    assert "x^2" in arguments[0].equations
    assert arguments[3] is weights
    assert len(fake.train.state().curves) == 1, "what was seen so far stays"


def test_time_travel_shows_a_moment_beside_the_trained_model_and_goes_back_to_it(fake: Session, runner: FakeRunner):
    opened(fake)
    fit = fake.project.fit
    assert fit is not None
    fake.train.look_at_checkpoint(0)
    state = fake.train.state()
    assert (state.checkpoint, state.checkpoints[0].title) == (0, "Warm-up")
    assert runner.last("plot_data")[2][0] is fit.checkpoints[0].model
    fake.train.branch_from_checkpoint()
    assert fake.project.fit is not None
    assert fake.project.fit.model is fit.checkpoints[0].model
    assert fake.project.fit.intervals == {}
    fake.undo()
    assert fake.project.fit is fit


def test_a_moment_of_a_paused_training_is_compared_with_the_newest_and_can_be_resumed_from(
    fake: Session, runner: FakeRunner
):
    opened(fake).train.start()
    early, late = results.model(3), results.model(4)
    steps = [TrainStep("final_refinement", i, 1.0 / (i + 1), None, {"a": 0.6}, 1.0) for i in range(2)]
    said(fake, runner, steps[0], FitSnapshot("final_refinement", 0, early, {}))
    said(fake, runner, steps[1], FitSnapshot("final_refinement", 1, late, {}))
    first = runner.last("_fit")[0]
    fake.train.pause()
    assert runner.last("plot_data")[2][0] is early
    runner.finish("plot_data", Mock(PlotData, model=early, axes=None, shown={}))
    fake.tick()
    fake.train.look_at_checkpoint(0)
    fake.train.state()
    assert runner.last("plot_data")[2][0] is late, "the moment is drawn already: the newest model beside it comes next"
    newest = Mock(PlotData, model=late, axes=None, shown={})
    runner.finish("plot_data", newest)
    fake.tick()
    assert fake.train.state().reference is newest
    fake.train.branch_from_checkpoint()
    second, _, arguments = runner.last("_fit")
    assert second != first
    assert arguments[3] is early
    assert fake.train.state().reference is None


def test_clocks_rest_in_a_pause(fake: Session, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    for module in (live, tasks):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    opened(fake, fitted=False).train.start()
    said(fake, runner, Phase("final_refinement", "Refining", 1, 1))
    now[0] = 110.0
    fake.train.pause()
    now[0] = 500.0
    state = fake.train.state()
    fake.train.resume()
    now[0] = 505.0
    later = fake.train.state()
    seconds = [next(one.seconds for one in shown.stages if one.stage == "final_refinement") for shown in (state, later)]
    assert [state.elapsed, later.elapsed] == [10.0, 15.0]
    assert seconds == [10.0, 15.0]


def test_a_moment_outside_the_training_is_the_newest(fake: Session):
    opened(fake).train.look_at_checkpoint(99)
    assert fake.train.state().checkpoint == -1


def test_training_on_starts_from_the_model_looked_at(fake: Session, runner: FakeRunner):
    opened(fake)
    fake.train.look_at_checkpoint(0)
    fake.train.go_on()
    assert fake.project.fit is not None
    assert runner.last("_fit")[2][3] is fake.project.fit.checkpoints[0].model


def test_discarding_leaves_the_project_as_it_was(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False).train.start()
    before = fake.project
    fake.train.discard()
    runner.finish("_fit", results.fit())
    fake.tick()
    assert fake.project is before
    assert fake.train.state().status == "idle"


def test_a_failed_training_is_said_and_can_be_started_again(fake: Session, runner: FakeRunner, shell):  # type: ignore[no-untyped-def]
    opened(fake, fitted=False).train.start()
    runner.fail("_fit", "no training rows")
    fake.tick()
    assert fake.train.state().ready
    assert "no training rows" in str(shell.show_toast.call_args)


def test_runs_are_restored_renamed_compared_and_deleted(fake: Session, runner: FakeRunner):
    opened(fake, fitted=False)
    for seed in (0, 1):
        fake.train.change_settings(seed=seed)
        fake.train.start()
        runner.finish("_fit", results.fit(seed))
        fake.tick()
    fake.train.rename_run(0, " first look ")
    state = fake.train.state()
    assert [(run.name, run.current) for run in state.runs] == [("first look", False), ("Fit 2", True)]
    fake.train.compare_runs(0)
    compared = fake.train.state().comparison
    assert compared is not None
    assert (compared.first, compared.second) == ("first look", "Now")
    assert [(d.name, d.first, d.second) for d in compared.settings] == [("train.seed", "0", "1")]
    fake.train.change_settings(seed=5)
    fake.train.compare_runs(0, 1)
    compared = fake.train.state().comparison
    assert compared is not None
    assert (compared.second, [d.second for d in compared.settings]) == ("Fit 2", ["1"])
    results_ = {d.name: d for d in compared.results}
    assert results_["Error, training"].first.endswith("%")
    assert results_["a"].same, "both fits came to the same value"
    fake.train.compare_runs(0, 7)
    assert fake.train.state().comparison is None
    fake.train.compare_runs(-1)
    fake.train.restore_run(0)
    assert (fake.project.spec.train.seed, fake.train.state().runs[0].current) == (0, True)
    fake.train.delete_run(1)
    assert [run.name for run in fake.train.state().runs] == ["first look"]


def test_one_plot_data_at_a_time_and_none_again_after_a_failure(fake: Session, runner: FakeRunner, shell):  # type: ignore[no-untyped-def]
    opened(fake)
    fake.refresh()
    fake.train.state()
    fake.train.state()
    assert sum(name == "plot_data" for name in (f.__name__ for _, _, f, _ in runner.submitted)) == 1
    runner.fail("plot_data", "a bug")
    fake.tick()
    fake.train.state()
    assert sum(f.__name__ == "plot_data" for _, _, f, _ in runner.submitted) == 1
    assert "a bug" in str(shell.show_toast.call_args)


class TestPlotData:
    def test_a_plot_data_holds_paths_portrait_and_neural_terms(self):
        whole = results.model()
        made = plot_data(whole, results.dataset(), ("y", "x"), {"f": (1,)}, reporter=RecordingReporter())
        assert set(made.paths) == {"first", "second"}
        assert made.portrait is not None
        assert (made.portrait.x_name, made.portrait.y_name) == ("y", "x")
        assert made.neural_terms[0].arguments == ("y",)
        assert made.neural_terms[0].values.shape == made.neural_terms[0].axes[0].shape

    def test_the_portrait_is_the_field(self):
        from ndestudio.model import field

        whole = results.model()
        portrait = plot_data(whole, results.dataset(), reporter=RecordingReporter()).portrait
        assert portrait is not None
        expected = field(whole, 0.0, np.array([portrait.x[3], portrait.y[7]]), np.zeros(0))
        assert [portrait.u[7, 3], portrait.v[7, 3]] == pytest.approx(list(expected))

    def test_streamlines_of_a_rotation_are_tangent_to_circles(self):
        x = np.linspace(-1, 1, 41)
        X, Y = np.meshgrid(x, x)
        points, heads = streamlines(x, x, -Y, X)
        starts = np.concatenate([[0], np.flatnonzero(np.isnan(points[:, 0]))[:-1] + 1])
        radius = np.linalg.norm(points, axis=1)
        ends = np.flatnonzero(np.isnan(points[:, 0])) - 1
        far = radius[starts] > 0.3
        assert radius[ends][far] == pytest.approx(radius[starts][far], rel=0.02)
        assert len(heads) == len(starts)

    def test_what_training_visited_ends_with_the_last_training_row(self):
        whole, data = results.model(), results.dataset()
        part = data.trajectories[0].part.copy()
        part[7:] = 2
        data = replace(data, trajectories=(replace(data.trajectories[0], part=part), data.trajectories[1]))
        made = plot_data(whole, data, reporter=RecordingReporter())
        inside = made.paths["first"].t <= data.trajectories[0].t[6]
        assert len(visited(whole, data, made.paths, ("x", "y"))) <= inside.sum()

    def test_leaving_the_data_is_said(self):
        whole = results.model()
        made = plot_data(whole, results.dataset(), reporter=RecordingReporter())
        corner = np.full((5, 2), 100.0) + np.arange(5.0)[:, None]
        assert "`f` is used outside the data" in unsupported(whole, made.paths, {"f": corner})[0]
        everywhere = np.concatenate([path.states for path in made.paths.values()])
        assert unsupported(whole, made.paths, {"f": everywhere}) == ()

    def test_a_stop_is_heard(self):
        made = plot_data(results.model(), results.dataset(), reporter=RecordingReporter(stop_after=0))
        assert made.paths == {}
