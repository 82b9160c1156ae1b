"""What figures show, as plain values."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Column, Dataset, Dose, Part, Trajectory
from ndestudio.export.gather import job
from ndestudio.export.plots import figures
from ndestudio.figures.data_table import csv_text
from ndestudio.figures.decimate import FILE_POINTS, fewer, thinned, thinning_sentence
from ndestudio.figures.description import (
    Axis,
    Band,
    Curve,
    Figure,
    Level,
    Moments,
    Note,
    Panel,
    Points,
    Span,
    Stretch,
    limits,
)
from ndestudio.figures.front import FrontFormula, front_panel
from ndestudio.figures.loss import LossCurve, loss_curves, loss_panel
from ndestudio.figures.noise_band import NoiseBand
from ndestudio.figures.parameter_traces import traces_figure
from ndestudio.figures.plot_data import Path
from ndestudio.figures.profile_likelihood import profile_panel
from ndestudio.figures.random_effects import random_effects_figure
from ndestudio.figures.residuals import correlation_panel, quantile_panel, time_panel
from ndestudio.figures.text import slug
from ndestudio.figures.trajectories import shown_trajectories, trajectory_panel
from ndestudio.fitting.result import StageHistory
from ndestudio.problem.noise_law import NoiseLaw
from tests.figures.examples import examples, finished, population, profile

M = TypeVar("M")


def of(panel: Panel, kind: type[M]) -> list[M]:
    return [mark for mark in panel.marks if isinstance(mark, kind)]


def named(panel: Panel, name: str) -> Any:
    return next(mark for mark in panel.marks if getattr(mark, "name", "") == name)


def small() -> Dataset:
    t = np.arange(6.0)
    measured = np.array([[1.0], [2.0], [np.nan], [4.0], [5.0], [6.0]])
    part = np.array([0, 0, 0, 1, 2, 2], np.int8)
    return Dataset(
        (Trajectory("a", t, measured, np.zeros((6, 0)), part),), Column("t", "time", "h"), (Column("x", "x", "mg"),)
    )


def test_every_figure_of_a_project() -> None:
    made = [figure.name for figure in figures(job(finished()))]
    assert made == [
        "trajectory_all",
        "phase",
        "residuals_hare",
        "residuals_lynx",
        "loss",
        "pareto_predation",
        "neural_term_predation",
        "fit_predation",
        "neural_term_growth",
    ]
    assert figures(job(replace(finished(), fit=None, distillation=None, accepted={}))) == ()


def test_a_trajectory_shows_each_measured_value_by_its_part() -> None:
    panel = trajectory_panel(small(), 0, [(0, small().trajectories[0])], {})
    train, held = of(panel, Points)
    assert train.x.tolist() == [0, 1] and train.y.tolist() == [1, 2] and not train.hollow
    assert held.x.tolist() == [3, 4, 5] and held.hollow
    assert [(one.name, one.start, one.stop) for one in of(panel, Span)] == [
        ("validation", 2.5, 3.5),
        ("test", 3.5, 5.0),
    ]
    assert (panel.x.title, panel.y.title) == ("time [h]", "x [mg]")


def test_residuals_are_measured_minus_simulated() -> None:
    t = np.array([0.0, 10.0])
    values = np.array([[0.0], [10.0]])
    panel = trajectory_panel(small(), 0, [(0, small().trajectories[0])], {"a": Path(t, values, values)}, residuals=True)
    assert of(panel, Points)[0].y.tolist() == [1.0, 1.0]
    assert of(panel, Level)[0].value == 0.0 and len(of(panel, Curve)[1].x) == 0


@pytest.mark.parametrize(("factor", "ends"), [(1.0, None), (1e9, (1.0, 11.0))])
def test_measurements_stay_legible_beside_a_simulation_that_runs_away(factor: float, ends: object) -> None:
    t = np.arange(6.0)
    values = np.full((6, 1), 3.0) * factor
    panel = trajectory_panel(small(), 0, [(0, small().trajectories[0])], {"a": Path(t, values, values)})
    assert panel.y.limits == ends


def test_of_many_trajectories_some_of_each_part_are_drawn() -> None:
    one = small().trajectories[0]
    parts = [Part.TRAIN] * 80 + [Part.VALIDATION] * 10 + [Part.TEST] * 10
    many = tuple(replace(one, name=str(k), part=np.full(6, p, np.int8)) for k, p in enumerate(parts))
    shown = shown_trajectories(replace(small(), trajectories=many))
    assert len(shown) == 12
    assert {int(item.part[0]) for item in shown} == {0, 1, 2}


def test_a_stage_that_begins_anew_is_drawn_after_itself() -> None:
    steps = np.array([0.0, 10.0, 20.0, 0.0, 10.0, 20.0])
    curves = loss_curves([StageHistory("shooting", steps, np.arange(6.0), np.full(6, np.nan), 1.0, 1.0)])
    panel = loss_panel(curves, {"shooting": "Shooting"})
    first, second = of(panel, Curve)[::2]
    assert first.x.tolist() == [0, 10, 20] and second.x.tolist() == [21, 31, 41]
    assert first.y[0] == 1e-12, "zero has a place on the axis"
    assert of(panel, Stretch) == [Stretch(0.0, 41.0, "Shooting")]


def test_a_loss_that_is_not_finite_is_a_gap() -> None:
    values = np.array([1.0, np.inf, np.nan, 0.1])
    panel = loss_panel((LossCurve("final_refinement", np.arange(4.0), values, values),))
    assert np.isfinite(of(panel, Curve)[0].y).tolist() == [True, False, False, True]
    assert of(panel, Stretch)[0].title == "final refinement"


def test_the_front_shows_both_errors_and_what_is_in_use() -> None:
    formulas = [
        FrontFormula(1, 1.0),
        FrontFormula(3, 0.04, 0.5),
        FrontFormula(7, 1e-30, 0.1),
        FrontFormula(5, 0.01, 0.7, False),
    ]
    panel = front_panel(formulas, selected=1, words="0.5*x")
    assert named(panel, "neural term").y.tolist() == [1.0, 0.2, 1e-9, 0.1]
    assert named(panel, "simulated").x.tolist() == [3, 5, 7]
    staircase = of(panel, Curve)[1]
    assert staircase.x.tolist() == [3, 7, 7] and staircase.y.tolist() == [0.5, 0.5, 0.1], "the worse one is no step"
    assert of(panel, Note)[0].x == 3
    ring = next(mark for mark in of(panel, Points) if mark.symbol == "ring")
    assert sorted(ring.y.tolist()) == pytest.approx([0.2, 0.5])
    assert "neural term" not in [getattr(mark, "name", "") for mark in front_panel(formulas, "simulated").marks]


def test_the_profile_ends_where_it_is_of_no_interest() -> None:
    panel = profile_panel(profile())
    assert of(panel, Level)[0].value == 3.84
    assert panel.y.limits is not None and panel.y.limits[1] == pytest.approx(min(profile().statistic.max(), 4 * 3.84))
    assert of(panel, Span)[0].start == 0.39


def test_residuals_of_a_column() -> None:
    column = job(finished()).residuals.columns[0]  # type: ignore[union-attr]
    assert len(of(time_panel(column), Points)[0].x) == 15
    bars = correlation_panel(column).marks[0]
    assert bars.height.tolist() == column.correlation[1:].tolist()  # type: ignore[union-attr]
    assert of(quantile_panel(column), Points)[0].y.tolist() == column.ordered.tolist()


def test_at_most_eight_parameters_are_traced_those_that_moved_most() -> None:
    traces = {f"p{k}": np.array([1.0 + k, 1.0]) for k in range(10)}
    shown = [mark.name for mark in of(traces_figure(traces).panels[0], Curve)]
    assert shown == [f"p{k}" for k in range(9, 1, -1)]


def test_axes_hold_what_is_drawn_and_no_guests() -> None:
    marks = (
        Curve(np.array([0.0, 1.0, 2.0]), np.array([1.0, np.nan, 3.0])),
        Curve(np.array([0.0, 99.0]), np.array([0.0, 99.0]), guest=True),
    )
    panel = Panel(Axis(), Axis(), marks)
    assert limits(panel, "x", 0.0) == (0.0, 2.0) and limits(panel, "y", 0.0) == (1.0, 3.0)
    log = Panel(Axis(), Axis(log=True), (Points(np.arange(4.0), np.array([-1.0, 0.0, 0.01, 1.0])),))
    assert limits(log, "y", 0.0) == pytest.approx((0.01, 1.0)) and limits(log, "x", 0.0) == (2.0, 3.0)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, 1.0], [0.0, 0.0], [-3.0], [1e300, 1e-300]])
@pytest.mark.parametrize("log", [False, True])
def test_axes_survive_strange_values(values: list[float], log: bool) -> None:
    y = np.array(values, dtype=float)
    low, high = limits(Panel(Axis(), Axis(log=log), (Curve(np.arange(float(len(y))), y),)), "y")
    assert np.isfinite([low, high]).all() and low < high and (low > 0 or not log)


def test_a_thinned_series_keeps_its_extremes() -> None:
    x = np.arange(1_000_000.0)
    y = np.sin(x / 1000)
    y[777_777] = 40.0
    a, b = thinned(x, y)
    assert len(a) <= 20_000 and b.max() == 40.0 and (np.diff(a) >= 0).all()
    assert thinned(x[:5], x[:5])[0].tolist() == x[:5].tolist()
    around, _ = fewer(np.cos(x), np.sin(x), 100)
    assert len(around) == 100 and around[-1] == np.cos(x[-1])


def test_a_file_says_that_points_were_left_out() -> None:
    def figure(count: int) -> Figure:
        curve = Curve(np.arange(float(count)), np.zeros(count))
        return Figure("loss", "x", "x", "x", (Panel(Axis(), Axis(), (curve,)),))

    assert thinning_sentence(figure(FILE_POINTS)) == ""
    assert "extremes" in thinning_sentence(figure(FILE_POINTS + 1))


def test_the_numbers_behind_a_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(examples()["loss"]))))
    curve = [row for row in rows if row["series"] == "training"]
    history = finished().fit.history[0]  # type: ignore[union-attr]
    assert [float(row["y"]) for row in curve] == history.loss.tolist()
    assert {row["mark"] for row in rows} == {"curve", "stretch"}
    field = [row for row in csv.DictReader(io.StringIO(csv_text(examples()["response"]))) if row["mark"] == "field"]
    assert len(field) >= 41 * 41 and all(row["value"] for row in field)


def test_file_names_differ_where_names_do() -> None:
    names = ["run_1", "run 1", "run-1", "run/1", "../run 1", "第一", "第二", "β", "", "x" * 80, "x" * 81]
    slugs = [slug(name) for name in names]
    assert slugs[0] == "run_1" and len(set(slugs)) == len(names)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for one in slugs)


def test_the_band_of_the_noise_and_limits_of_a_trajectory() -> None:
    t = np.linspace(0.0, 5.0, 11)
    values = np.linspace(1.0, 6.0, 11)[:, None]
    (one,) = small().trajectories
    ends = np.full((6, 1, 2), np.nan)
    ends[1, 0] = -np.inf, 2.0
    shown = [(0, replace(one, ends=ends))]
    law = NoiseLaw("proportional", 0.3, 0.4)
    panel = trajectory_panel(small(), 0, shown, {"a": Path(t, values, values)}, bands={"x": NoiseBand(law)})
    (band,) = of(panel, Band)
    half = 1.959964 * np.hypot(0.3, 0.4 * values[:, 0])
    assert band.high - values[:, 0] == pytest.approx(half)
    assert values[:, 0] - band.low == pytest.approx(half)
    assert named(panel, "below a limit").y == pytest.approx([2.0])
    assert named(panel, "measured").y == pytest.approx([1.0])
    factor = NoiseBand(NoiseLaw("constant", 0.5), log=True).ends(np.array([2.0, np.nan]))
    assert factor[1][0] == pytest.approx(2.0 * np.exp(0.979982)) and np.isnan(factor[0][1])
    assert NoiseBand(NoiseLaw("poisson")).ends(np.array([100.0]))[0] == pytest.approx([81.0])


def test_doses_and_events_are_marked_with_their_words() -> None:
    t = np.linspace(0.0, 4.0, 5)
    data = dataset_from_arrays([t, t], [np.ones((5, 1)), np.ones((5, 1))], names=["x"])
    doses = (Dose(0.0, 50.0), Dose(2.0, 80.0, 40.0, 2.0, "1"), Dose(3.0, 0.0, reset=True))
    one, two = (replace(each, doses=given) for each, given in zip(data.trajectories, (doses, doses[:1]), strict=True))
    path = Path(t, np.ones((5, 1)), np.ones((5, 1)), "", ((1.5, "at t = 1.5: x = 0"),))
    given, happened = of(trajectory_panel(data, 0, [(0, one), (1, two)], {one.name: path}), Moments)
    assert given.x.tolist() == [0.0, 2.0, 3.0] and given.name == "dose"
    assert given.words[0] == f"{one.name}: dose of 50 at 0\n{two.name}: dose of 50 at 0"
    assert given.words[1:] == (f"{one.name}: infusion of 80 over 2 into 1 at 2", f"{one.name}: reset at 3")
    assert happened.words == (f"{one.name}: at t = 1.5: x = 0 (t = 1.5)",)


def test_random_effects_are_shown_of_those_that_are_seen() -> None:
    figure = random_effects_figure(*population())
    assert figure is not None and len(figure.panels) == 2
    (points,) = of(figure.panels[0], Points)
    assert points.y == pytest.approx([-0.5, 0.1, 0.3, -0.1, 0.2, 0.6, -0.3, 0.0])
    assert sorted(one.value for one in of(figure.panels[0], Level)) == pytest.approx([-0.686, 0.0, 0.686])
    (quantiles,) = of(figure.panels[1], Points)
    assert quantiles.y == pytest.approx(np.sort(points.y) / 0.35)
    assert "No spread of `q_pop`" in figure.caption
