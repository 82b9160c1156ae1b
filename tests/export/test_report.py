"""The report: one file, everything escaped, complete however far the project has come."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import msgspec
import pytest

from ndestudio.export.artefacts import Artefact
from ndestudio.export.report import report_html
from tests.figures.examples import examples, next_run

VOID = {"meta", "br", "img", "link", "hr", "input"}


class Checker(HTMLParser):
    """Tags are balanced; texts and tags are collected."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def page(project) -> str:
    checked = Artefact("model.c", "c", "", 1e-9, "Run again along trajectory <b>: it agrees.")
    return report_html(project, artefacts=[checked], date="2026-11-22")


def test_has_everything(page: str) -> None:
    checker = read(page)
    for title in (
        "Equations",
        "Fit to the data",
        "Parameters",
        "The term predation",
        "Training",
        "Data",
        "Exported files",
        "Notes",
        "How to reproduce this",
    ):
        assert title in checker.text
    assert "Held-out error falls no further beyond complexity 5." in checker.text
    assert "0.51 to 0.59" in checker.text
    assert "1/year" in checker.text
    assert "cd" * 32 in checker.text
    assert "The data hold 1 missing value." in checker.text
    assert checker.tags.count("figure") == 9
    assert page.count('class="formula"') >= 9  # equations twice, the formula, and the five of the front
    assert page.count('class="marked"') == 1


def test_needs_nothing_else(page: str) -> None:
    assert not re.search(r'(src|href)="(?!data:)(?!#)', page.replace('xlink:href="#', ""))
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page


def test_everything_is_escaped(page: str, project) -> None:
    assert "<title>Lynx &amp; &lt;hare&gt;</title>" in page
    assert "trajectory &lt;b&gt;" in page
    hostile = '<script>alert("x")</script>'
    spec = msgspec.structs.replace(project.spec, name=hostile, description=hostile)
    data = replace(project.dataset, notes=(hostile,))
    fit = replace(project.fit, notes=(hostile,), sentence=hostile)
    assert "<script" not in report_html(replace(project, spec=spec, dataset=data, fit=fit), figures=())


def test_ids_of_inline_figures_are_unique(page: str) -> None:
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_every_stage_of_a_project_has_a_report(project) -> None:
    read(report_html(replace(project, accepted={}), figures=()))
    read(report_html(replace(project, distillation=None, accepted={}), figures=()))
    untrained = report_html(replace(project, fit=None, distillation=None, accepted={}))
    assert "Not trained yet" in untrained
    read(report_html(type(project)()))


def test_the_specification_is_shown_as_given(project) -> None:
    assert "[model]\nname = &quot;x&quot;" in report_html(project, figures=(), spec_text='[model]\nname = "x"')


def test_says_what_the_model_leaves_of_the_data() -> None:
    from ndestudio.export.report import report_html
    from tests.session import results

    text = report_html(results.project(), figures=())
    assert "What is left of the data" in text
    assert "Residuals of `x`" in text and "Durbin-Watson" in text


def test_what_to_measure_next_is_in_it(project) -> None:
    suggested = replace(project, distillation=replace(project.distillation, next_run=next_run()))
    page = report_html(suggested, figures=(examples()["next run"],))
    assert "What to measure next" in read(page).text and "It would tell them." in read(page).text
    assert "a*x^2" in read(page).text
    assert page.count("<figure>") == 1
    assert "What to measure next" not in read(report_html(project, figures=())).text
