"""Files of figures: text is text, the same bytes each time, as wide and in the colours that were asked for."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ndestudio.errors import ExportError
from ndestudio.export.gather import job
from ndestudio.export.plots import figures
from ndestudio.figures.description import (
    MARKS,
    NOTHING,
    Axis,
    Band,
    Bars,
    Curve,
    Field,
    Figure,
    Level,
    Mark,
    Moments,
    Note,
    Panel,
    Points,
    Span,
    Stretch,
    Veil,
)
from ndestudio.figures.matplotlib_renderer import embedded, render, save
from ndestudio.figures.registry import KINDS
from ndestudio.figures.style import FigureStyle
from tests.figures.examples import examples, finished

SVG = "{http://www.w3.org/2000/svg}"
UNIT = np.array([0.0, 1.0])


def one_panel(*marks: Mark, x: Axis = Axis(), y: Axis = Axis(), title: str = "") -> Figure:  # noqa: B008
    return Figure("loss", "test", title, "What is shown.", (Panel(x, y, marks),))


def texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def pixels(figure: Figure, style: FigureStyle | None = None) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(render(figure, "png", style))).convert("RGB")).astype(int)


def reds(image: np.ndarray) -> np.ndarray:
    """(row, column) of pixels in the second colour of the palette."""
    return np.argwhere(np.abs(image - np.array([0xD5, 0x5E, 0x00])).max(axis=2) < 8)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_written_in_each_form_and_twice_the_same(kind: str) -> None:
    figure = examples()[kind]
    assert figure.kind == kind
    svg, pdf, png = (render(figure, form) for form in ("svg", "pdf", "png"))  # type: ignore[arg-type]
    assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
    assert pdf.startswith(b"%PDF") and b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert png.startswith(b"\x89PNG")
    assert all(render(figure, form) == data for form, data in (("svg", svg), ("pdf", pdf), ("png", png)))  # type: ignore[arg-type]
    assert figure.title in texts(svg), "text stays text"


def test_another_process_on_another_day_writes_the_same() -> None:
    code = (
        "import sys, hashlib\nfrom tests.figures.examples import examples\nfrom ndestudio.figures import render\n"
        "print([hashlib.sha256(render(examples()['front'], form)).hexdigest() for form in ('svg', 'pdf')])\n"
    )
    environment = {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
    )
    here = [hashlib.sha256(render(examples()["front"], form)).hexdigest() for form in ("svg", "pdf")]  # type: ignore[arg-type]
    assert done.stdout.strip() == str(here)


def test_titles_units_and_names_are_there() -> None:
    found = texts(render(examples()["trajectories"], "svg"))
    assert {"hare [thousand pelts]", "lynx [thousand pelts]", "year", "validation", "test", "measured", "model"} <= set(
        found
    )
    assert "0.028*hare*lynx" in texts(render(examples()["front"], "svg"))
    assert any("α" in text or "alpha" in text for text in texts(render(examples()["profile"], "svg")))


@pytest.mark.parametrize(
    ("width", "millimetres"), [("single", 90), ("one-and-a-half", 140), ("double", 190), (77.0, 77)]
)
def test_a_figure_is_as_wide_as_asked(width: object, millimetres: float) -> None:
    style = FigureStyle(width=width, dpi=100)  # type: ignore[arg-type]
    root = ElementTree.fromstring(render(examples()["loss"], "svg", style))
    assert float(root.get("width", "").removesuffix("pt")) == pytest.approx(millimetres / 25.4 * 72, abs=0.01)
    assert pixels(examples()["loss"], style).shape[1] == round(millimetres / 25.4 * 100)
    box = re.search(rb"/MediaBox \[\s*([\d. ]+)\]", render(examples()["loss"], "pdf", style))
    assert box is not None and float(box[1].split()[2]) == pytest.approx(millimetres / 25.4 * 72, abs=0.01)


def test_height_letters_lines_and_legend_follow_the_style() -> None:
    figure = examples()["loss"]
    plain, tall = (pixels(figure, FigureStyle(height=factor, dpi=60)).shape[0] for factor in (1.0, 2.0))
    assert 1.6 < tall / plain < 2.0
    svg = render(figure, "svg", FigureStyle(font_size=13.0, line_width=3.5, font="serif", legend=False, titles=False))
    assert b"13px" in svg and b"stroke-width: 3.5" in svg and b"DejaVu Serif" in svg
    assert not {"training", "validation", "Training"} & set(texts(svg))


def test_colours_are_those_of_the_palette() -> None:
    figure = one_panel(Curve(UNIT, UNIT, 1))
    assert b"stroke: #d55e00" in render(figure, "svg") and b"stroke: #ee6677" in render(
        figure, "svg", FigureStyle(palette="bright")
    )
    colours = re.findall(rb"(?:stroke|fill): #(\w{6})", render(examples()["loss"], "svg", FigureStyle(palette="grey")))
    assert all(max(c) - min(c) < 32 for c in (bytes.fromhex(found.decode()) for found in colours))


def test_styles_that_cannot_be_drawn_are_refused_with_a_sentence() -> None:
    for style, words in (
        (FigureStyle(width=3.0), "30 to 1000 mm"),
        (FigureStyle(font_size=0.0), "font_size"),
        (FigureStyle(font=" "), "font"),
    ):
        with pytest.raises(ExportError, match=words):
            render(examples()["loss"], "svg", style)


def test_a_font_that_is_not_there_is_replaced() -> None:
    assert b"DejaVu Sans" in render(examples()["loss"], "svg", FigureStyle(font="No Such Family"))


def test_curves_end_at_the_panel() -> None:
    axis = Axis(limits=(0.0, 1.0))
    far = one_panel(Curve(np.array([-1.0, 0.5, 2.0]), np.array([-1e300, 0.5, 1e300]), 1), x=axis, y=axis)
    inner = one_panel(Curve(UNIT, UNIT, 1), x=axis, y=axis)
    found, frame = reds(pixels(far)), reds(pixels(inner))
    assert len(found) > 50
    assert (found.min(axis=0) >= frame.min(axis=0) - 4).all() and (found.max(axis=0) <= frame.max(axis=0) + 4).all()


def test_gaps_are_not_bridged() -> None:
    x = np.linspace(0, 1, 101)
    y = np.where((x > 0.4) & (x < 0.6), np.nan, 0.5)
    columns = np.unique(reds(pixels(one_panel(Curve(x, y, 1))))[:, 1])
    assert np.diff(columns).max() > 0.15 * (columns[-1] - columns[0])


def test_a_logarithmic_axis_has_no_place_for_zero_and_below() -> None:
    y = np.array([1e-3, 0.0, -5.0, np.nan, 10.0, 1e2])
    figure = one_panel(Curve(np.arange(6.0), y, 1, "curve"), Points(np.arange(6.0), y, 1), y=Axis("loss", log=True))
    assert len(reds(pixels(figure))) > 50
    assert not any("−" in text for text in texts(render(figure, "svg")) if text.startswith("−"))


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [-1.0, 0.0]])
def test_without_values_there_is_a_sentence(values: list[float]) -> None:
    y = np.array(values)
    figure = one_panel(Level(1.0, guest=False), Curve(np.arange(float(len(y))), y), y=Axis(log=True))
    assert NOTHING in texts(render(figure, "svg"))
    assert render(figure, "png").startswith(b"\x89PNG")


def test_text_of_others_is_only_text() -> None:
    hostile = 'a "<b>" & $x^{ $ \\frac \x1b\x00 第一 %'
    figure = one_panel(
        Curve(UNIT, UNIT, 0, hostile),
        Note(0.5, 0.5, hostile),
        x=Axis(hostile),
        y=Axis(hostile, r"\frac{"),
        title=hostile,
    )
    svg = render(replace(figure, name="../x", caption=hostile), "svg")
    shown = texts(svg)
    assert sum('"<b>" & $x^{ $ \\frac' in text for text in shown) >= 5
    render(figure, "pdf")


def test_a_million_points_make_a_small_file() -> None:
    x = np.arange(1_000_000.0)
    y = np.random.default_rng(0).normal(size=len(x))
    y[123_456] = 50.0
    figure = one_panel(Curve(x, y, 1), Points(x, y, 0, hollow=True))
    svg = render(figure, "svg")
    assert len(svg) < 2_000_000
    assert b"Long curves are drawn through the extremes" in svg and b"Of many points" in svg
    rows = reds(pixels(one_panel(Curve(x, y, 1))))[:, 0]
    assert np.ptp(rows) > 0.8 * pixels(one_panel(Curve(x, y, 1))).shape[0] * 0.6, "the peak is seen"


def test_every_mark_is_drawn() -> None:
    grid = np.linspace(0, 1, 5)
    values = np.outer(grid, grid)
    marks = {
        Curve: Curve(grid, grid),
        Points: Points(grid, grid),
        Band: Band(grid, grid, grid + 1),
        Span: Span(0.2, 0.4),
        Stretch: Stretch(0.0, 0.9, "stage"),
        Level: Level(0.5),
        Moments: Moments(np.array([0.3, 0.6]), ("a dose", "another")),
        Bars: Bars(grid, grid),
        Field: Field(grid, grid, values, 0.0, 1.0, "f"),
        Veil: Veil(grid, grid, values > 0.2),
        Note: Note(0.5, 0.5, "here"),
    }
    assert set(marks) == set(MARKS)
    ends = Axis(limits=(0.0, 1.0))
    base = Points(np.array([0.05]), np.array([0.05]))
    empty = pixels(one_panel(base, x=ends, y=ends))
    for kind, mark in marks.items():
        drawn = pixels(one_panel(base, mark, x=ends, y=ends))
        assert drawn.shape != empty.shape or (drawn != empty).any(), f"{kind.__name__} leaves no trace"


def test_an_svg_within_a_page_has_names_and_style_of_its_own() -> None:
    one, two = (embedded(render(examples()[kind], "svg"), kind) for kind in ("loss", "front"))
    ids = re.findall(r' id="([^"]+)"', one + two)
    assert len(ids) == len(set(ids)) > 2
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', one + two))
    assert used <= set(ids)
    assert "<style" not in one and "<metadata" not in one and one.startswith("<svg ")
    ElementTree.fromstring(one)


def test_a_simulation_that_fails_is_drawn_as_far_as_it_goes() -> None:
    project = finished()
    assert project.fit is not None
    model = replace(project.fit.model, parameters={"alpha": 900.0, "delta": 0.84})
    broken = replace(project, fit=replace(project.fit, model=model), distillation=None, accepted={})
    for figure in figures(job(broken)):
        ElementTree.fromstring(render(figure, "svg"))


def test_the_ending_decides_what_is_written(tmp_path: Path) -> None:
    figure = examples()["loss"]
    starts = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG", ".csv": b"panel,"}
    assert all(save(figure, tmp_path / f"one{end}").read_bytes().startswith(start) for end, start in starts.items())
    assert save(figure, tmp_path / "two").name == "two.svg"
    with pytest.raises(ExportError, match=r"\.svg, \.pdf, \.png or \.csv, not \.tiff"):
        save(figure, tmp_path / "one.tiff")
    with pytest.raises(ExportError, match="choose another name or folder"):
        save(figure, tmp_path / "missing" / "one.svg")


def test_settings_of_matplotlib_elsewhere_neither_matter_nor_change() -> None:
    import matplotlib

    before = render(examples()["loss"], "svg")
    with matplotlib.rc_context({"lines.linewidth": 9.0, "font.size": 30.0, "svg.fonttype": "path"}):
        assert render(examples()["loss"], "svg") == before
        assert matplotlib.rcParams["font.size"] == 30.0


def test_numbers_at_axes_are_words() -> None:
    large = one_panel(Curve(1e6 * np.arange(9.0), 1e-7 * np.arange(9.0)))
    assert {"×10⁶", "×10⁻⁷", "0", "8"} <= set(texts(render(large, "svg")))
    log = one_panel(Curve(np.arange(3.0), np.array([1e-6, 1.0, 1e5])), y=Axis(log=True))
    assert {"10⁻⁵", "1"} <= set(texts(render(log, "svg"))) or {"10⁻⁶", "1"} <= set(texts(render(log, "svg")))
    narrow = one_panel(Curve(np.arange(3.0), np.array([900.0, 1000.0, 6000.0])), y=Axis(log=True))
    assert {"1000", "2000", "5000"} <= set(texts(render(narrow, "svg")))


def test_points_of_a_series_share_one_style() -> None:
    x = np.linspace(0, 1, 300)
    svg = render(one_panel(Points(x, x, 1, soft=True)), "svg").decode()
    series = max(re.findall(r'<g style="[^"]*fill: #d55e00[^"]*">\n((?: *<use [^>]*/>\n)+)</g>', svg), key=len)
    places = np.array(re.findall(r'x="([\d.]+)" y="([\d.]+)"/>', series), dtype=float)
    assert len(places) == 300 and "style" not in series
    assert np.diff(places, axis=0) == pytest.approx(np.tile(np.diff(places[[0, -1]], axis=0) / 299, (299, 1)), abs=2e-3)
