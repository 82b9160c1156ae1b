"""Checks of the tables of a model: parameters, networks, initial values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ndestudio.errors import EquationError
from ndestudio.expression.parse import did_you_mean, is_identifier
from ndestudio.expression.tokens import error_at
from ndestudio.model.config import (
    InitialConfig,
    ModelConfig,
    NetworkConfig,
    ParameterConfig,
    PenaltyConfig,
    PriorConfig,
)
from ndestudio.model.encoders import encoder_problem
from ndestudio.model.statements import RESERVED, Statement
from ndestudio.model.system import NeuralTerm

MOST_TERMS = 24
MONOTONE_ACTIVATIONS = ("tanh", "softplus")


def check_tables(
    config: ModelConfig,
    states: Mapping[str, Statement],
    neural_terms: Mapping[str, NeuralTerm],
    statements: Sequence[Statement],
) -> list[EquationError]:
    """Errors of the tables, placed where the text first mentions what they are about."""
    problems: list[tuple[str, str]] = []
    for name, parameter in config.parameters.items():
        problems += [(name, f"parameter `{name}`: {sentence}") for sentence in parameter_problems(parameter)]
    for name, network in config.networks.items():
        neural_term = neural_terms.get(name)
        problems += [
            (name, f"network `{name}`: {sentence}")
            for sentence in [*_name_problems(name, states), *network_problems(network, neural_term)]
        ]
    for name, initial in config.initial.items():
        if name not in states:
            guess = did_you_mean(name, states)
            problems.append((name, f"an initial value is given for `{name}`, which is no state{guess or ''}"))
        else:
            problems += [(name, f"initial value of `{name}`: {sentence}") for sentence in initial_problems(initial)]
    for name, penalty in config.penalties.items():
        problems += [(name, f"penalty `{name}`: {sentence}") for sentence in penalty_problems(penalty)]
    return [_placed(name, sentence, statements) for name, sentence in problems]


def parameter_problems(parameter: ParameterConfig) -> list[str]:
    """Sentences about settings that contradict each other."""
    value, (lower, upper) = parameter.value, parameter.bounds
    if not all(math.isfinite(number) for number in (value, lower, upper) if number is not None):
        return ["value and bounds must be finite numbers; leave a bound out for none"]
    sentences = prior_problems(parameter.prior) or _bound_problems(lower, upper)
    if sentences:
        return sentences
    if (lower is not None and value < lower) or (upper is not None and value > upper):
        return [f"the value {value:g} lies outside its bounds {_range(lower, upper)}; change one of them"]
    if parameter.log and (value <= 0 or (lower is not None and lower < 0) or (upper is not None and upper <= 0)):
        return ["a parameter on a logarithmic scale needs a positive value and no negative bounds"]
    return []


def network_problems(network: NetworkConfig, neural_term: NeuralTerm | None) -> list[str]:
    """Sentences about impossible settings; ``neural_term`` tells the arguments, where the text calls the network."""
    sentences: list[str] = []
    if not 1 <= network.width <= 4096 or not 0 <= network.depth <= 32:
        sentences.append("the width must be 1 to 4096 and the depth 0 to 32")
    bounds = [bound for bound in (network.lower, network.upper) if bound is not None]
    if not all(math.isfinite(bound) for bound in bounds):
        sentences.append("bounds must be finite numbers; leave a bound out for none")
    else:
        sentences += _bound_problems(network.lower, network.upper)
    if bounds and network.sign != "any":
        sentences.append("give either bounds or a sign, not both (a sign is a bound at 0)")
    if network.monotone and network.activation not in MONOTONE_ACTIVATIONS:
        usable = " or ".join(f"`{name}`" for name in MONOTONE_ACTIVATIONS)
        sentences.append(f"a monotone network needs the activation {usable}, not `{network.activation}`")
    sentences += _basis_problems(network)
    if neural_term is not None:
        for argument in (*network.monotone, *network.factor, *network.basis):
            if argument not in neural_term.arguments:
                guess = did_you_mean(argument, neural_term.arguments)
                known = ", ".join(f"`{name}`" for name in neural_term.arguments)
                sentences.append(f"`{argument}` is none of its arguments ({known}){guess}")
    return sentences


def _basis_problems(network: NetworkConfig) -> list[str]:
    sentences = []
    if len(network.basis) > 1:
        sentences.append("its weights can vary with one argument, not with several; keep one entry of `basis`")
    if network.basis and network.monotone:
        sentences.append("it cannot be monotone and vary along a basis; take away one of the two")
    for argument, basis in network.basis.items():
        if not 1 <= basis.terms <= MOST_TERMS:
            sentences.append(f"the terms of the basis of `{argument}` must be 1 to {MOST_TERMS}")
        ends = [end for end in (basis.start, basis.end) if end is not None]
        if not all(math.isfinite(end) for end in ends):
            sentences.append(f"the interval of the basis of `{argument}` must have finite ends; leave one out for none")
        elif len(ends) == 2 and not ends[0] < ends[1]:
            sentences.append(f"the basis of `{argument}` starts at {ends[0]:g}, which is not below its end {ends[1]:g}")
    return sentences


def initial_problems(initial: InitialConfig) -> list[str]:
    """Sentences about settings that contradict each other."""
    if initial.past is not None and initial.value is not None:
        return ["give `past` or `value`: the value at the begin is that of the past, so that nothing jumps there"]
    if initial.encoder and (sentence := encoder_problem(initial)):
        return [sentence]
    value = initial.value
    lower, upper = initial.bounds
    numbers = [number for number in (value, lower, upper) if isinstance(number, int | float)]
    if not all(math.isfinite(number) for number in numbers):
        return ["values and bounds must be finite numbers"]
    sentences = prior_problems(initial.prior) or _bound_problems(lower, upper)
    if sentences or not isinstance(value, int | float):
        return sentences
    if (lower is not None and value < lower) or (upper is not None and value > upper):
        return [f"{value:g} lies outside its bounds {_range(lower, upper)}; change one of them"]
    return []


def penalty_problems(penalty: PenaltyConfig) -> list[str]:
    """Sentences about a penalty without an expression, or with a weight or scale that is none."""
    if not penalty.expression.strip():
        return ["it needs an `expression`, such as `S + I + R - N`"]
    if not math.isfinite(penalty.weight) or penalty.weight < 0:
        return [f"`weight` must be a finite number and not negative, not {penalty.weight:g}"]
    if penalty.scale is not None and not (math.isfinite(penalty.scale) and penalty.scale > 0):
        return [f"`scale` must be a finite number above 0, not {penalty.scale:g}"]
    return []


def prior_problems(prior: PriorConfig | None) -> list[str]:
    """Sentences about a prior that lacks a number, has one too many, or none that makes sense."""
    if prior is None:
        return []
    needs = {"normal": ("mean", "sd"), "log-normal": ("median", "sd"), "uniform": ("lower", "upper")}[prior.kind]
    given = {name: getattr(prior, name) for name in ("mean", "median", "sd", "lower", "upper")}
    for name, value in given.items():
        if name in needs and value is None:
            return [f"a {prior.kind} prior needs `{name}`"]
        if name not in needs and value is not None:
            return [f"a {prior.kind} prior has no `{name}`; it is given by `{needs[0]}` and `{needs[1]}`"]
        if value is not None and not math.isfinite(value):
            return [f"`{name}` of a prior must be a finite number"]
    if prior.sd is not None and prior.sd <= 0:
        return [f"`sd` of a prior must be above 0, not {prior.sd:g}; fix the value if it is known exactly"]
    if prior.median is not None and prior.median <= 0:
        return [f"`median` of a log-normal prior must be above 0, not {prior.median:g}"]
    return _bound_problems(prior.lower, prior.upper)


def _bound_problems(lower: float | None, upper: float | None) -> list[str]:
    if lower is not None and upper is not None and not lower < upper:
        return [f"the lower bound {lower:g} is not below the upper bound {upper:g}"]
    return []


def _range(lower: float | None, upper: float | None) -> str:
    return f"[{'-inf' if lower is None else f'{lower:g}'}, {'inf' if upper is None else f'{upper:g}'}]"


def _name_problems(name: str, states: Mapping[str, Statement]) -> list[str]:
    if name in RESERVED:
        return [f"`{name}` is a known function; choose another name"]
    if not is_identifier(name):
        return [f"`{name}` cannot be written in an equation; use letters, digits and `_`"]
    return []


def _placed(name: str, sentence: str, statements: Sequence[Statement]) -> EquationError:
    for statement in statements:
        if statement.name == name:
            return error_at(statement.target, sentence)
        token = statement.mention(name)
        if token is not statement.target:
            return error_at(token, sentence)
    return EquationError(sentence)
