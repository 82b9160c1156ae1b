"""equations.json: its schema, and that a reader gets the right equations from it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ndestudio.export.equations import equations_json, equations_text
from ndestudio.model.evaluate import field
from tests.figures.examples import next_run

DOCS = Path(__file__).parents[2] / "docs"


def valid(value) -> None:
    fastjsonschema = pytest.importorskip("fastjsonschema")
    text = (DOCS / "equations-json.md").read_text(encoding="utf-8")
    fastjsonschema.compile(json.loads(re.findall(r"```json\n(.*?)```", text, re.S)[-1]))(value)


def test_follows_the_schema_at_every_stage(project) -> None:
    valid(json.loads(equations_text(project)))
    valid(equations_json(replace(project, accepted={})))
    valid(equations_json(replace(project, distillation=None, accepted={})))
    valid(equations_json(replace(project, fit=None, distillation=None, accepted={})))


def test_says_what_to_measure_next(project) -> None:
    assert equations_json(project)["next_run"] is None
    suggested = replace(project, distillation=replace(project.distillation, next_run=next_run()))
    value = equations_json(suggested)
    valid(json.loads(equations_text(suggested)))
    assert value["next_run"] == {
        "sentence": "It would tell them.",
        "laws": [{"probability": 0.6, "formulas": {"f": "a*x"}}, {"probability": 0.4, "formulas": {"f": "a*x^2"}}],
        "runs": [{"start": {"hare": 1.0, "lynx": 0.5}, "inputs": {}, "until": 5.0}],
    }


def test_says_what_was_found(project) -> None:
    value = equations_json(project)
    assert value["holes"] == {"predation": "0.028*hare*lynx", "growth": None}
    assert value["parameters"] == {"alpha": 0.55, "delta": 0.84, "predation_1": 0.028}
    assert value["metrics"]["test_nrmse"]["mean"] == pytest.approx(project.distillation.metrics.test["mean"])
    assert [row["complexity"] for row in value["pareto"]["predation"]] == [1, 3, 5, 7, 10]
    assert [row["chosen"] for row in value["pareto"]["predation"]] == [False, False, True, False, False]
    assert value["engine"] == "evolution" and value["seed"] == 0
    assert value["seconds"]["train"] == pytest.approx(9.8) and value["seconds"]["distil.search"] == 4.2
    assert value["versions"]["numpy"] == np.__version__


def test_without_a_choice_the_networks_stay(project) -> None:
    value = equations_json(replace(project, accepted={}))
    assert value["holes"] == {"predation": None, "growth": None}
    assert "predation(hare, lynx)" in value["equations"]["hare"]


def test_failed_simulations_are_null(project) -> None:
    failed = replace(project.fit.metrics, test={"hare": float("inf"), "mean": float("inf")})
    broken = replace(project, fit=replace(project.fit, metrics=failed), distillation=None, accepted={})
    assert equations_json(broken)["metrics"]["test_nrmse"] == {"hare": None, "mean": None}


def test_a_reader_gets_the_right_hand_sides(epidemic, project) -> None:
    """As the documentation says to read them; the names are those SymPy uses itself."""
    import sympy

    sympify: Any = sympy.sympify

    model, data = epidemic
    fitted = replace(project.fit, model=model)
    value = equations_json(replace(project, dataset=data, fit=fitted, distillation=None, accepted={}))
    names = {name: sympy.Symbol(name) for name in value["symbols"]}
    names |= {name: sympy.Function(name) for name in value["functions"]}
    point = np.array([0.7, 0.2, 0.4])
    numbers = {sympy.Symbol(name): number for name, number in zip(model.system.states, point, strict=True)}
    numbers[sympy.Symbol("t")] = 0.9
    expected = field(model, 0.9, point)
    for text, number in zip(value["equations"].values(), expected, strict=True):
        read = sympify(text, locals=names)
        assert read.free_symbols <= set(numbers)
        assert float(read.subs(numbers)) == pytest.approx(float(number), rel=1e-12)


def test_plain_sympify_reads_ordinary_names(project) -> None:
    import sympy

    sympify: Any = sympy.sympify

    hare, lynx = sympy.symbols("hare lynx")
    read = sympify(equations_json(project)["equations"]["hare"])
    assert read.equals(0.55 * hare - 0.028 * hare * lynx)


NOT_FINITE = (float("inf"), float("-inf"), float("nan"))


@pytest.mark.parametrize("wrong", NOT_FINITE)
def test_a_number_that_is_not_finite_is_null_wherever_numbers_are_written(project, wrong: float) -> None:
    fit = replace(
        project.fit,
        intervals={"alpha": (-wrong, wrong), "delta": (0.1, wrong)},
        noise={"hare": wrong},
        metrics=replace(project.fit.metrics, train={"hare": wrong, "mean": wrong}),
        seconds={"total": wrong},
    )
    value = json.loads(equations_text(replace(project, fit=fit)))
    valid(value)
    assert value["intervals"] == {"alpha": [None, None], "delta": [0.1, None]}
    assert value["noise"] == {"hare": None}
    model = replace(
        project.fit.model,
        parameters={**project.fit.model.parameters, "alpha": wrong},
        initial={name: np.full_like(start, wrong) for name, start in project.fit.model.initial.items()},
    )
    broken = replace(project, fit=replace(fit, model=model), distillation=None, accepted={})
    value = json.loads(equations_text(broken))
    valid(value)
    assert value["parameters"]["alpha"] is None
    assert all(number is None for start in value["initial"].values() for number in start.values())
    written = {math.inf: "oo", -math.inf: "-oo"}.get(wrong, "nan")
    assert written.lstrip("-") in value["equations"]["hare"]


def test_an_interval_without_a_limit_is_said_in_the_report(project) -> None:
    from ndestudio.export.report import report_html

    limits = {"alpha": (0.1, math.inf), "delta": (-math.inf, math.inf)}
    page = report_html(replace(project, fit=replace(project.fit, intervals=limits)), figures=())
    assert "above 0.1" in page and "not limited by the data" in page
