"""Models whose steady states, bifurcations and sensitivities are known in closed form."""

from __future__ import annotations

from collections.abc import Mapping

from ndestudio.explore.case import Case, case_of
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig
from ndestudio.model.stated import stated_model


def case(equations: str, parameters: Mapping[str, float], start: Mapping[str, float], **settings: float) -> Case:
    config = ModelConfig(
        equations=equations,
        parameters={name: ParameterConfig(value=value) for name, value in parameters.items()},
        initial={name: InitialConfig(value=value) for name, value in start.items()},
    )
    return case_of(stated_model(config), **settings)  # type: ignore[arg-type]


def brusselator() -> Case:
    text = "d(X)/dt = A - (B + 1)*X + X^2*Y\nd(Y)/dt = B*X - X^2*Y\n"
    return case(text, {"A": 1.0, "B": 3.0}, {"X": 1.0, "Y": 1.0})


def toggle() -> Case:
    text = "d(x)/dt = a/(1 + y^2) - x\nd(y)/dt = a/(1 + x^2) - y\n"
    return case(text, {"a": 4.0}, {"x": 1.0, "y": 0.5})


def enzyme() -> Case:
    text = "d(E)/dt = -k*E*S + 2*C\nd(C)/dt = k*E*S - 2*C\nd(S)/dt = v - k*E*S + C - d*S\n"
    return case(text, {"k": 1.0, "v": 0.3, "d": 0.1}, {"E": 1.0, "C": 0.0, "S": 1.0})


def decay() -> Case:
    return case("d(x)/dt = -k*x\nhalf = 0.5*x\n", {"k": 0.5}, {"x": 2.0})
