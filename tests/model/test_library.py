"""Every entry of the library runs as it stands and says where it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.expression import evaluate, parse_expression
from ndestudio.expression.tree import names
from ndestudio.model import FittedModel, analyse, library, parse_system
from ndestudio.model.library import Template, Term
from ndestudio.solve.scipy_reference import simulate
from ndestudio.solve.stochastic.paths import StochasticPaths, simulate_paths


@pytest.mark.parametrize("template", library.systems(), ids=lambda template: template.name)
def test_template(template: Template) -> None:
    config = template.config()
    analysis = analyse(config, (), ())
    assert analysis.errors == () and analysis.unused == ()
    system = parse_system(config, (), ())
    assert set(template.parameters) == set(system.parameters)
    assert set(template.initial) == set(system.states)
    assert set(template.units) == {*system.states, *system.outputs} and all(template.units.values())
    assert template.source and template.description and template.category and template.time
    assert any(character.isdigit() for character in template.source), "a source has a year"
    for name, parameter in template.parameters.items():
        assert parameter.unit, f"{name} has no unit"
        assert parameter.fixed or (parameter.lower is not None and parameter.upper is not None), f"{name} is unbounded"
    model = FittedModel(
        config,
        system,
        {name: parameter.value for name, parameter in template.parameters.items()},
        {},
        {},
        system.states,
    )
    start = np.array([template.initial[state] for state in system.states])
    times = np.linspace(0, template.span, 101)
    result = simulate_paths(model, times, start, 1, substeps=20) if system.diffusion else simulate(model, times, start)
    if isinstance(result, StochasticPaths):
        result = replace(result, states=result.states[0])
    assert result.sentence == "" and np.isfinite(result.states).all()
    change = np.ptp(result.states, axis=0)
    assert np.all(change > 1e-3 * np.abs(result.states).max(axis=0)), "nothing happens in the span"


@pytest.mark.parametrize("term", library.terms(), ids=lambda term: term.name)
def test_term(term: Term) -> None:
    expr = parse_expression(term.text)
    assert set(names(expr)) - {"t"} == {*term.arguments, *term.parameters}
    assert term.source and term.description and term.unit and term.category
    assert any(character.isdigit() for character in term.source), "a source has a year"
    assert all(parameter.unit for parameter in term.parameters.values())
    assert all("[" in meaning for meaning in term.arguments.values()), "an argument has no unit"
    values = {**dict.fromkeys(term.arguments, 1.3), "t": 0.2, **{k: p.value for k, p in term.parameters.items()}}
    assert np.isfinite(evaluate(expr, values))


def test_names_are_unique_and_found() -> None:
    assert len({entry.name for entry in library.systems()}) == len(library.systems())
    assert len({entry.name for entry in library.terms()}) == len(library.terms())
    assert library.system("sir").title and library.term("hill").title
    with pytest.raises(KeyError):
        library.system("perpetuum_mobile")


def _solution(name: str, at: float) -> dict[str, float]:
    template = library.system(name)
    system = parse_system(template.config(), (), ())
    values = {key: parameter.value for key, parameter in template.parameters.items()}
    model = FittedModel(template.config(), system, values, {}, {}, system.states)
    start = np.array([template.initial[state] for state in system.states])
    states = simulate(model, np.array([0.0, at]), start).states[-1]
    return {**values, **dict(zip(system.states, states, strict=True))}


def test_known_solutions() -> None:
    """Closed forms and conserved quantities of the literature."""
    found = _solution("logistic", 10.0)
    assert found["x"] == pytest.approx(100 / (1 + 49 * np.exp(-0.5 * 10)), rel=1e-6)
    found = _solution("gompertz", 20.0)
    assert found["V"] == pytest.approx(4000 * np.exp(np.log(20 / 4000) * np.exp(-0.08 * 20)), rel=1e-6)
    found = _solution("sir", 20.0)
    assert found["S"] + found["I"] + found["R"] == pytest.approx(763, rel=1e-9)
    final = found["gamma"] / found["beta"] * np.log(found["S"] / 762) * 763
    assert found["S"] + found["I"] - final == pytest.approx(763, rel=1e-6)
    found = _solution("oral_absorption", 6.0)
    bateman = 200 * 1.2 / (1.2 - 0.15) * (np.exp(-0.15 * 6) - np.exp(-1.2 * 6))
    assert found["A_b"] == pytest.approx(bateman, rel=1e-6)
    found = _solution("chemostat", 48.0)
    assert found["S"] == pytest.approx(0.2 * 0.25 / (0.5 - 0.25), rel=1e-2)
    found = _solution("mass_spring", 3.0)
    w = np.sqrt(4 - 0.01)
    assert found["x"] == pytest.approx(np.exp(-0.3) * (np.cos(3 * w) + 0.1 / w * np.sin(3 * w)), rel=1e-5)
    # Robertson 1966, the reference value at t = 40 of Hairer and Wanner (Solving ODEs II)
    assert _solution("robertson", 40.0)["A"] == pytest.approx(0.7158270688, rel=1e-5)
