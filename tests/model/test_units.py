"""Units of equations: what does not fit is told in its place, with the factor; what fits, or is not known, is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.dataset import Column, Dataset
from ndestudio.expression.units import parse_unit
from ndestudio.model import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.units import unit_problems
from tests.model.conftest import make_dataset

TIME = np.linspace(0.0, 1.0, 5)


def data(columns: dict[str, str], time: str, inputs: dict[str, str] | None = None) -> Dataset:
    inputs = inputs or {}
    made = make_dataset(
        tuple(columns),
        [np.ones((5, len(columns)))],
        [TIME],
        inputs=tuple(inputs),
        forcings=[np.ones((5, len(inputs)))] if inputs else None,
    )
    return replace(
        made,
        measured=tuple(Column(name, name, unit) for name, unit in columns.items()),
        inputs=tuple(Column(name, name, unit) for name, unit in inputs.items()),
        time=Column("t", "t", time),
    )


def model(equations: str, networks: dict[str, str] | None = None, **units: str) -> ModelConfig:
    return ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(unit=unit) for name, unit in units.items()},
        networks={name: NetworkConfig(unit=unit) for name, unit in (networks or {}).items()},
    )


def test_a_rate_by_the_hour_in_seconds_is_told_with_its_factor():
    config = ModelConfig(
        equations="d(c)/dt = -k*c", parameters={"k": ParameterConfig(value=0.9, unit="1/h", lower=0.09)}
    )
    (problem,) = unit_problems(config, data({"c": "mM"}, "s"))
    assert problem.factor == pytest.approx(1 / 3600)
    assert (problem.line, problem.column) == (1, 3)
    assert "mM/h" in problem.sentence and "mM/s" in problem.sentence
    assert "0.9 1/h is 0.00025 1/s" in problem.sentence
    (conversion,) = problem.conversions
    converted = conversion.applied(config.parameters["k"])
    assert (converted.value, converted.unit) == (pytest.approx(0.00025, rel=1e-9), "1/s")
    assert converted.lower == pytest.approx(0.000025, rel=1e-9)
    mended = ModelConfig(equations=config.equations, parameters={"k": converted})
    assert unit_problems(mended, data({"c": "mM"}, "s")) == ()


@pytest.mark.parametrize(
    ("equations", "columns", "time", "units"),
    [
        ("d(c)/dt = -k*c", {"c": "mM"}, "h", {"k": "1/h"}),
        ("d(c)/dt = -k*c/3600", {"c": "mM"}, "s", {"k": "1/h"}),
        ("d(c)/dt = -k*c*24*60", {"c": "mM"}, "d", {"k": "1/min"}),
        ("d(x)/dt = r*x*(1 - x/K)", {"x": "cells/mL"}, "d", {"r": "1/d", "K": "1/mL"}),
        ("d(S)/dt = -V*S/(K + S)", {"S": "mM"}, "min", {"V": "mM/min", "K": "mM"}),
        ("d(S)/dt = -V*S^n/(K^n + S^n)", {"S": "mM"}, "min", {"V": "mM/min", "K": "mM", "n": "1"}),
        ("d(S)/dt = -V*hill(S, K, n)", {"S": "uM"}, "min", {"V": "uM/min", "K": "uM", "n": "-"}),
        ("d(C)/dt = -CL/V*C", {"C": "mg/L"}, "h", {"CL": "L/h", "V": "L"}),
        ("d(I)/dt = -ke*I", {"I": "mU/L"}, "min", {"ke": "1/min"}),
        ("d(x)/dt = -k*x", {"x": "furlong"}, "fortnight", {"k": "1/h"}),
        ("d(x)/dt = -0.1*x + 3", {"x": "mM"}, "s", {}),
        ("d(x)/dt = A*exp(-Ea/(8.314*(T + 273.15)))*x", {"x": "mM"}, "s", {"A": "1/s", "Ea": "J/mol"}),
        ("d(x)/dt = k*Q^((T - 20)/10)*x", {"x": "mM"}, "s", {"k": "1/s", "Q": "1"}),
        ("d(x)/dt = a*sin(2*pi*t/P)", {"x": "m"}, "s", {"a": "m/s", "P": "s"}),
        ("mu = m*S/(K + S)\nd(S)/dt = -mu*S", {"S": "OD600"}, "h", {"m": "1/h", "K": "OD600"}),
        ("d(p)/dt = (q - p)/tau", {"p": "mmHg"}, "s", {"q": "mmHg", "tau": "s"}),
        ("d(N)/dt = -a*N*N", {"N": "CFU/mL"}, "h", {"a": "mL/h"}),
        ("d(T)/dt = -k*(T - E)", {"T": "degC"}, "min", {"k": "1/min", "E": "degC"}),
        ("d(x)/dt = f(x)", {"x": "mM"}, "s", {}),
        ("d(x)/dt = -k*x(t - tau)", {"x": "mM"}, "s", {"k": "1/s", "tau": "s"}),
        ("d2(x)/dt2 = -w^2*x", {"x": "m"}, "s", {"w": "1/s"}),
    ],
)
def test_what_fits_is_not_told(equations: str, columns: dict[str, str], time: str, units: dict[str, str]):
    inputs = {"T": "degC"} if "T" in equations and "T" not in columns else None
    networks = {"f": ""} if "f(" in equations else None
    config = model(equations, networks, **units)
    assert [str(one) for one in unit_problems(config, data(columns, time, inputs))] == []


@pytest.mark.parametrize(
    ("equations", "columns", "time", "units", "word", "factor"),
    [
        ("d(c)/dt = -2*k*c", {"c": "mM"}, "s", {"k": "1/h"}, "mM/h", 1 / 3600),
        ("d(c)/dt = -k*c", {"c": "mM"}, "d", {"k": "mM/d"}, "measure different", None),
        ("d(S)/dt = -V*S/(K + S)", {"S": "mM"}, "min", {"V": "mM/min", "K": "uM"}, "`K` in uM", 1e3),
        ("d(S)/dt = -V*S^n/(K^n + S^n)", {"S": "mM"}, "min", {"V": "mM/min", "K": "uM", "n": "1"}, "mM^n", 1e3),
        ("d(x)/dt = r*x*(1 - x/K)", {"x": "g/L"}, "h", {"r": "1/h", "K": "mg/L"}, "g/mg", 1e3),
        ("d(x)/dt = a*exp(-x)", {"x": "mM"}, "s", {"a": "mM/s"}, "`exp` takes a pure number", None),
        ("d(x)/dt = a*log(x)", {"x": "mM"}, "s", {"a": "mM/s"}, "`log` takes a pure number", None),
        ("d(x)/dt = a*exp(-k*t)", {"x": "mM"}, "s", {"a": "mM/s", "k": "1/h"}, "multiplied by", 1 / 3600),
        ("d(x)/dt = a*sin(p)", {"x": "m"}, "s", {"a": "m/s", "p": "deg"}, "radians", np.pi / 180),
        ("d(x)/dt = A*exp(-E/(R*T))*x", {"x": "mM"}, "s", {"A": "1/s", "E": "J/mol", "R": "J/mol/K"}, "273.15", None),
        ("d(T)/dt = -k*(T - E)", {"T": "degC"}, "min", {"k": "1/min", "E": "K"}, "zeros differ", None),
        ("d(p)/dt = -k*(p - q)", {"p": "bar"}, "s", {"k": "1/s", "q": "mmHg"}, "multiplied by", 133.322387415 / 1e5),
        ("d(x)/dt = k*x", {"x": "L"}, "wk", {"k": "%/d"}, "multiplied by", 0.07),
        (
            "d(x)/dt = -k*x(t - tau)",
            {"x": "mM"},
            "h",
            {"k": "1/h", "tau": "min"},
            "`tau` is in min and `t` in h",
            1 / 60,
        ),
        ("d(v)/dt = a", {"v": "uL"}, "min", {"a": "L/h"}, "multiplied by", 1e6 / 60),
        ("d(x)/dt = -k*x", {"x": "rpm"}, "d", {"k": "1/h"}, "multiplied by", 24.0),
        ("y = s*x\nd(x)/dt = -k*x", {"x": "mg", "y": "mg/L"}, "h", {"s": "1/mL", "k": "1/h"}, "`y`", 1e3),
    ],
)
def test_what_does_not_fit_is_told(
    equations: str, columns: dict[str, str], time: str, units: dict[str, str], word: str, factor: float | None
):
    inputs = {"T": "degC"} if "T" in equations and "T" not in columns else None
    found = unit_problems(model(equations, None, **units), data(columns, time, inputs))
    assert len(found) == 1
    assert word in found[0].sentence
    assert found[0].factor == (None if factor is None else pytest.approx(factor, rel=1e-9))


def test_the_place_is_that_of_the_part_that_does_not_fit():
    equations = "# growth\nd(x)/dt = r*x\nd(y)/dt = a*y*exp(-k*t)"
    (problem,) = unit_problems(model(equations, r="1/h", a="1/h", k="1/min"), data({"x": "mM", "y": "mM"}, "h"))
    assert (problem.line, problem.column, problem.length) == (3, 20, 1)


def test_two_rates_are_converted_together():
    config = model("d(c)/dt = -a*c - b*c", a="1/h", b="1/h")
    (problem,) = unit_problems(config, data({"c": "mM"}, "s"))
    assert [one.name for one in problem.conversions] == ["a", "b"]
    assert {one.unit for one in problem.conversions} == {"1/s"}


def test_the_output_of_a_network_has_its_unit():
    config = model("d(c)/dt = -f(c)*c", {"f": "1/h"})
    (problem,) = unit_problems(config, data({"c": "mM"}, "s"))
    assert problem.factor == pytest.approx(1 / 3600) and problem.conversions == ()


def test_a_unit_of_the_model_that_contradicts_the_file_is_told():
    config = ModelConfig(equations="d(c)/dt = -k*c", units={"c": "uM"})
    (problem,) = unit_problems(config, data({"c": "mM"}, "s"))
    assert "the data are in mM" in problem.sentence


def test_an_initial_value_is_checked_where_its_state_stands():
    config = ModelConfig(
        equations="d(c)/dt = 0\nd(h)/dt = 0",
        units={"h": "mM"},
        initial={"h": InitialConfig(value="h0 - c")},
        parameters={"h0": ParameterConfig(unit="uM")},
    )
    (problem,) = unit_problems(config, data({"c": "mM"}, "s"))
    assert problem.line == 2 and problem.sentence.startswith("initial value of `h`")
    assert problem.factor == pytest.approx(1e3)


def test_lines_that_cannot_be_read_are_left_out():
    config = model("d(c)/dt = -k*(c\nd(b)/dt = -k*b", k="1/h")
    (problem,) = unit_problems(config, data({"c": "mM", "b": "mM"}, "s"))
    assert problem.line == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("mM", 1.0),
        ("µM", 1e-3),
        ("mg/L/h", 1e-3 / 1e-3 / 3600),
        ("uL", 1e-9),
        ("1e6/mL", 1e12),
        ("bar", 1e8),
        ("mmHg", 133322.387415),
        ("kcal", 4184e3),
        ("wk", 604800.0),
        ("m s^-2", 1.0),
        ("ppm", 1e-6),
        ("U/mL", 1e-6 / 60 / 1e-6),
        ("km/h", 1000 / 3600),
        ("degC", 1.0),
    ],
)
def test_sizes_of_units(text: str, size: float):
    assert parse_unit(text).size == pytest.approx(size, rel=1e-9)


def test_a_state_without_a_unit_goes_in_its_own_unit_over_time() -> None:
    data = dataset_from_arrays([0.0, 1.0], [[1.0], [2.0]], ["C"], units={"C": "ug/L"}, time_unit="min")
    config = ModelConfig(
        equations="d(G)/dt = -ka*G\nd(A)/dt = ka*G - k*A - Vm*A/(Km + A)\nC = A/V",
        parameters={
            "k": ParameterConfig(value=0.3, unit="1/h"),
            "ka": ParameterConfig(value=0.1, unit="1/min"),
            "V": ParameterConfig(value=20.0, unit="L"),
            "Km": ParameterConfig(unit="mg"),
            "Vm": ParameterConfig(unit="mg/h"),
        },
    )
    (found,) = unit_problems(config, data)
    assert "`k*A` is in [A]/h, but the rate of `A` is in [A]/min: it is to be multiplied by 0.0166667" in found.sentence
    assert "give `k` in 1/min (0.3 1/h is 0.005 1/min)" in found.sentence
