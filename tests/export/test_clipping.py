"""Curves and areas end at the edges of a panel, whatever shows them."""

import re

import numpy as np
import pytest

from ndestudio.export.clipping import clip_area, clip_line, inside
from ndestudio.export.svg import Panel, drawing
from ndestudio.export.ticks import axis

BOX = (10.0, 20.0, 30.0, 60.0)


def area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


def test_a_line_is_cut_where_it_crosses_the_edges() -> None:
    (piece,) = clip_line(np.array([[0.0, 20.0], [40.0, 60.0]]), BOX)
    assert piece == pytest.approx(np.array([[10.0, 30.0], [30.0, 50.0]]))


def test_a_line_that_leaves_and_comes_back_is_in_parts() -> None:
    pieces = clip_line(np.array([[12.0, 30.0], [14.0, 80.0], [16.0, 30.0], [18.0, 30.0]]), BOX)
    assert [len(piece) for piece in pieces] == [2, 3]
    assert pieces[0][-1] == pytest.approx([13.2, 60.0]) and pieces[1][0] == pytest.approx([14.8, 60.0])


def test_a_line_within_stays_as_it_is_and_breaks_at_gaps() -> None:
    line = np.array([[10.0, 20.0], [20.0, 60.0], [np.nan, 30.0], [12.0, 30.0], [14.0, np.inf], [15.0, 30.0], [16, 31]])
    pieces = clip_line(line, BOX)
    assert [piece.tolist() for piece in pieces] == [line[:2].tolist(), line[5:].tolist()]


@pytest.mark.parametrize(
    "line",
    [
        [[0.0, 0.0], [5.0, 70.0]],  # beside
        [[0.0, 50.0], [15.0, 70.0]],  # past a corner, through both outer strips
        [[0.0, 10.0], [40.0, 10.0]],  # along, outside
        [[20.0, 70.0], [20.0, 60.0]],  # touches an edge
        [[15.0, 30.0]],
        [[np.nan, 1.0], [15.0, 30.0]],
    ],
)
def test_of_a_line_outside_nothing_is_left(line: list[list[float]]) -> None:
    assert clip_line(np.array(line), BOX) == []


def test_huge_values_do_not_overflow() -> None:
    (piece,) = clip_line(np.array([[20.0, -1e308], [20.0, 1e308]]), BOX)
    assert piece == pytest.approx(np.array([[20.0, 20.0], [20.0, 60.0]]))


def test_all_that_is_left_of_a_random_walk_is_inside_and_none_of_the_inside_is_lost() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(0, 6, (4000, 2)), axis=0) % 97.0 - 10.0
    pieces = clip_line(walk, BOX)
    assert all(inside(piece, BOX).all() for piece in pieces)
    kept = {tuple(point) for piece in pieces for point in piece}
    assert {tuple(point) for point in walk[inside(walk, BOX)]} <= kept


def test_an_area_is_cut() -> None:
    corners = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 100.0], [0.0, 100.0]])
    assert area(clip_area(corners, BOX)) == pytest.approx(10.0 * 40.0)
    diamond = np.array([[20.0, 0.0], [60.0, 40.0], [20.0, 80.0], [-20.0, 40.0]])
    assert area(clip_area(diamond, BOX)) == pytest.approx(20.0 * 40.0)
    assert len(clip_area(corners + 100.0, BOX)) == 0
    assert clip_area(np.array([[12.0, 30.0], [14.0, np.nan], [14.0, 30.0], [14.0, 40.0]]), BOX).shape == (3, 2)


def test_nothing_in_a_panel_reaches_beyond_its_edges() -> None:
    unit = np.array([0.0, 1.0])
    panel = Panel(40, 30, 100, 80, axis(unit, "", margin=0), axis(unit, "", margin=0))
    x = np.linspace(-1, 2, 50)
    panel.line(x, 30 * np.sin(9 * x), "#ff0000")
    panel.band(x, -5 + x, 5 + x, "#00ff00")
    panel.dots(x, 3 * x, "#0000ff", radius=1)
    panel.arrows(x, x, np.full(50, 15.0), np.full(50, 15.0), "#ff00ff")
    panel.vertical(1.5)
    svg = drawing(200, 150, [panel.svg()], "x")
    assert "clip" not in svg
    drawn = re.findall(r'points="([^"]+)"', svg) + re.findall(r'<path d="([^"]+)"[^>]*class="arrows"', svg)
    for one in drawn:
        points = np.array(re.findall(r"-?[\d.]+", one), float).reshape(-1, 2)
        assert inside(points, (39.99, 29.99, 140.01, 110.01)).all()
    assert svg.count("<circle") == int(np.sum((x >= 0) & (3 * x <= 1)))
