"""Figures are valid SVG that shows what it should; PNG without a window system."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from ndestudio.export.figure import slug
from ndestudio.export.gather import job
from ndestudio.export.plots import figures, loss_figure, shown_trajectories
from ndestudio.export.raster import svg_to_png
from ndestudio.export.residual_figures import residual_figure
from ndestudio.export.svg import Panel, colors, drawing, label, png
from ndestudio.export.ticks import axis, nice_step

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn(project):
    return {figure.name: figure for figure in figures(job(project))}


def test_every_kind_is_there(drawn) -> None:
    assert list(drawn) == [
        "trajectory_all",
        "phase",
        "residuals_hare",
        "residuals_lynx",
        "loss",
        "pareto_predation",
        "hole_predation",
        "hole_growth",
    ]


def test_all_are_well_formed_and_finite(drawn) -> None:
    for figure in drawn.values():
        root = ElementTree.fromstring(figure.svg)
        assert root.tag == f"{SVG}svg"
        assert "nan" not in figure.svg.split("base64")[0] and "inf" not in figure.svg.split("base64")[0].replace(
            "info", ""
        )
        assert root.find(f"{SVG}title").text == figure.caption  # type: ignore[union-attr]


def test_the_same_project_gives_the_same_text(drawn, project) -> None:
    again = {figure.name: figure.svg for figure in figures(job(project))}
    assert again == {name: figure.svg for name, figure in drawn.items()}


def test_a_trajectory_shows_units_parts_and_every_measured_value(drawn, project) -> None:
    svg = drawn["trajectory_all"].svg
    root = ElementTree.fromstring(svg)
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert {"hare [thousand pelts]", "lynx [thousand pelts]", "year", "validation", "test", "measured", "model"} <= set(
        texts
    )
    circles = list(root.iter(f"{SVG}circle"))
    present = int(project.dataset.trajectories[0].present.sum())
    assert len(circles) == present + 1  # one of them in the legend


def test_residuals_show_their_correlation_with_its_limits_and_their_quantiles(drawn, project) -> None:
    found = job(project).residuals.columns[0]
    figure = drawn["residuals_hare"]
    root = ElementTree.fromstring(figure.svg)
    texts = {node.text for node in root.iter(f"{SVG}text")}
    assert {"lag (samples)", "autocorrelation", "normal quantile", "residual / deviation"} <= texts
    assert len(list(root.iter(f"{SVG}circle"))) == len(found.correlation) - 1 + len(found.ordered)
    assert figure.caption.startswith(found.sentence)
    short = replace(found, correlation=np.ones(1))
    few = replace(job(project))
    assert few.residuals is not None
    few.__dict__["residuals"] = replace(few.residuals, columns=(short,))
    assert residual_figure(few, "hare") is None


def test_the_chosen_formula_is_named(drawn) -> None:
    assert "0.028*hare*lynx" in drawn["pareto_predation"].svg


def test_user_text_is_escaped() -> None:
    text = drawing(10, 10, [label(0, 0, "<script>&\x1b\x00")], 'a "<b>"\x1b')
    assert "<script>" not in text
    ElementTree.fromstring(text)


def test_file_names_differ_where_names_do() -> None:
    names = ["run_1", "run 1", "run-1", "run/1", "../run 1", "第一", "第二", "β", "", "x" * 80, "x" * 81]
    slugs = [slug(name) for name in names]
    assert slugs[0] == "run_1" and len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", one) for one in slugs)


def test_png_has_the_size_asked_for(drawn) -> None:
    image = svg_to_png(drawn["loss"].svg, zoom=1.5)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", image[16:24])
    assert (width, height) == (1080, 621)


def test_png_shows_the_curve_in_its_colour() -> None:
    panel = Panel(0, 0, 40, 40, axis(np.array([0.0, 1.0]), "", margin=0), axis(np.array([0.0, 1.0]), "", margin=0))
    panel.line(np.array([0.0, 1.0]), np.array([0.5, 0.5]), "#ff0000", width=8)
    svg = drawing(40, 40, [panel.svg()], "x")
    from PySide6.QtGui import QImage

    image = QImage.fromData(svg_to_png(svg, zoom=1.0))
    assert image.pixelColor(20, 20).name() == "#ff0000"
    assert image.pixelColor(20, 5).name() == "#ffffff"


def test_own_png_is_read_by_others() -> None:
    from PySide6.QtGui import QImage

    image = QImage.fromData(png(colors(np.array([[0.0, 1.0], [np.nan, 0.5]]))))
    assert (image.width(), image.height()) == (2, 2)
    assert image.pixelColor(0, 0).name() == "#440154"
    assert image.pixelColor(1, 0).name() == "#fde725"
    assert image.pixelColor(0, 1).name() == "#c8c8c8"


def test_a_curve_breaks_where_it_is_not_finite() -> None:
    panel = Panel(0, 0, 10, 10, axis(np.array([0.0, 3.0]), ""), axis(np.array([0.0, 1.0]), ""))
    panel.line(np.arange(5.0), np.array([0.0, 1.0, np.nan, 1.0, 0.0]), "#000")
    assert panel.svg().count("<polyline") == 2


@pytest.mark.parametrize(("span", "count", "step"), [(20.8, 8, 2.0), (1.0, 5, 0.2), (0.037, 6, 0.005), (8e6, 6, 1e6)])
def test_ticks_are_round(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1900, 1920], ("1900", "1905", "1910", "1915", "1920")),
        ([-1.0, 1.0], ("−1.0", "−0.5", "0.0", "0.5", "1.0")),
        ([0.0, 0.0004], ("0", "0.0001", "0.0002", "0.0003", "0.0004")),
        ([5.0, 5.0], ("4.6", "4.8", "5.0", "5.2", "5.4")),
    ],
)
def test_tick_labels(values: list[float], labels: tuple[str, ...]) -> None:
    found = axis(np.array(values, dtype=float), "", count=4 if values[1] == 1920 else 5).labels
    assert found == labels


def test_axes_survive_strange_values() -> None:
    for values in ([], [np.nan], [np.inf, 1.0], [0.0, 0.0], [-3.0], [1e300, 1e-300]):
        for log in (False, True):
            made = axis(np.array(values, dtype=float), "", log=log)
            assert made.high > made.low and len(made.ticks) >= 1
            assert np.all(np.isfinite(made.fraction(made.ticks)))


def test_a_project_without_results_has_no_figures(project) -> None:
    assert figures(job(replace(project, fit=None, distillation=None, accepted={}))) == ()


def test_a_simulation_that_fails_is_drawn_as_far_as_it_goes(project) -> None:
    model = replace(project.fit.model, parameters={"alpha": 900.0, "delta": 0.84})
    broken = replace(project, fit=replace(project.fit, model=model), distillation=None, accepted={})
    for figure in figures(job(broken)):
        ElementTree.fromstring(figure.svg)


def test_of_many_trajectories_some_of_each_part_are_drawn(project) -> None:
    one = project.dataset.trajectories[0]
    many = tuple(
        replace(one, name=str(index), part=np.full(len(one.t), 0 if index < 80 else 1 if index < 90 else 2, np.int8))
        for index in range(100)
    )
    shown = shown_trajectories(replace(project.dataset, trajectories=many))
    assert len(shown) == 12
    assert {int(item.part[0]) for item in shown} == {0, 1, 2}


def test_a_stage_that_begins_anew_is_drawn_after_itself(project) -> None:
    stage = project.fit.history[0]
    steps = np.array([0.0, 10.0, 20.0, 0.0, 10.0, 20.0])
    again = replace(stage, iteration=steps, loss=np.ones(6), validation_loss=np.full(6, np.nan))
    figure = loss_figure(replace(project.fit, history=(again,)))
    assert figure is not None
    lines = [node.get("points").split() for node in ElementTree.fromstring(figure.svg).iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [3, 3]
    assert float(lines[1][0].split(",")[0]) > float(lines[0][-1].split(",")[0])
