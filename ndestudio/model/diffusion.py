"""Noise in equations: `d(x)/dt = a*x - f(x) + s(x)*noise` is dx = (a x - f(x)) dt + s(x) dW.

A name `noise`, or one that begins with `noise_`, that is nothing else in the model is the rate of a Wiener process. Equations
that read the same name share it, so that matrix diffusion and correlated noises are written with several names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ndestudio.errors import EquationError
from ndestudio.expression.derivative import differentiate
from ndestudio.expression.numeric import fold, number_of
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, calls, names
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.system import System

_NOISE = re.compile(r"noise(_\w+)?")
ZERO = Number(0.0)


def is_noise(name: str) -> bool:
    """Whether ``name`` is how a noise is called."""
    return _NOISE.fullmatch(name) is not None


def split_noise(expr: Expr, noises: Collection[str]) -> tuple[Expr, dict[str, Expr]]:
    """The part of a right-hand side without noise, and what each noise is multiplied by.

    Raises
    ------
    EquationError
        The expression is not linear in a noise.
    """
    if not noises:
        return expr, {}
    drift, terms = _split(expr, frozenset(noises))
    return fold(drift), {name: fold(term) for name, term in terms.items() if number_of(fold(term)) != 0.0}


def _split(expr: Expr, noises: frozenset[str]) -> tuple[Expr, dict[str, Expr]]:
    if not noises & set(names(expr)):
        return expr, {}
    match expr:
        case Name(name):
            return ZERO, {name: Number(1.0)}
        case Negate(operand):
            drift, terms = _split(operand, noises)
            return Negate(drift), {name: Negate(term) for name, term in terms.items()}
        case Binary("+" | "-" as operator, left, right):
            a, first = _split(left, noises)
            b, second = _split(right, noises)
            found = dict(first)
            for name, term in second.items():
                known = found.get(name, ZERO)
                found[name] = Binary(operator, known, term)
            return Binary(operator, a, b), found
        case Binary("*" | "/" as operator, left, right) if not noises & set(names(right)):
            drift, terms = _split(left, noises)
            return Binary(operator, drift, right), {n: Binary(operator, term, right) for n, term in terms.items()}
        case Binary("*", left, right) if not noises & set(names(left)):
            drift, terms = _split(right, noises)
            return Binary("*", left, drift), {n: Binary("*", left, term) for n, term in terms.items()}
    culprit = next(name for name in names(expr) if name in noises)
    raise EquationError(
        f"`{culprit}` stands in `{to_text(expr)}`; a noise can only be multiplied by something and added: `s(x)*{culprit}`"
    )


def columns(terms: Sequence[Mapping[str, Expr]]) -> dict[str, tuple[Expr, ...]]:
    """Noise -> its factor in each equation (0 where it has none), from those of each equation."""
    found = {name: None for each in terms for name in each}
    return {name: tuple(each.get(name, ZERO) for each in terms) for name in found}


def refuse_noise(system: System, what: str) -> None:
    """Refuse something that does not know noise.

    Parameters
    ----------
    what
        What would have to, as the subject of a sentence: "a profile likelihood".

    Raises
    ------
    EquationError
        The model is stochastic.
    """
    if system.diffusion:
        raise _refusal(what, next(iter(system.diffusion)))


def _refusal(what: str, noise: str) -> EquationError:
    return EquationError(
        f"{what} knows models without noise alone, and these equations are driven by `{noise}`; leave out the noise, or "
        "use what stochastic models have (see the page on noise in the law)"
    )


def without_noise(system: System) -> System:
    """The drift alone, as an ordinary differential equation."""
    return replace(system, diffusion={}, calculus="ito")


def correction(system: System) -> tuple[Expr, ...]:
    """1/2 sum_jk b_kj db_ij/dx_k of each state i: what Ito's drift has more than Stratonovich's.

    Raises
    ------
    EquationError
        A network stands in the diffusion, which has no formula for its derivative.
    """
    found: list[Expr] = []
    for i in range(len(system.states)):
        total: Expr = ZERO
        for column in system.diffusion.values():
            inner = calls(column[i], {term.name for term in system.neural_terms})
            if inner:
                raise EquationError(
                    f"the conversion needs the derivative of the network `{inner[0].function}`; state the equations in the other calculus"
                )
            for k, state in enumerate(system.states):
                slope = differentiate(column[i], state)
                if number_of(slope) == 0.0 or number_of(column[k]) == 0.0:
                    continue
                total = Binary("+", total, Binary("*", Number(0.5), Binary("*", column[k], slope)))
        found.append(fold(total))
    return tuple(found)


def to_ito(system: System) -> System:
    """The same process stated in Ito's calculus; the drift changes where diffusion depends on states."""
    return _converted(system, "ito", "+")


def to_stratonovich(system: System) -> System:
    """The same process stated in Stratonovich's calculus."""
    return _converted(system, "stratonovich", "-")


def _converted(system: System, calculus: str, sign: str) -> System:
    if system.calculus == calculus or not system.diffusion:
        return replace(system, calculus=calculus)
    rhs = tuple(fold(Binary(sign, a, c)) for a, c in zip(system.rhs, correction(system), strict=True))
    return replace(system, rhs=rhs, calculus=calculus)


def is_additive(system: System) -> bool:
    """Whether no noise is multiplied by something that depends on a state: then both calculi are the same."""
    return not any(set(names(term)) & set(system.states) for column in system.diffusion.values() for term in column)


def sde_text(system: System) -> list[str]:
    """The equations as `dx = (...) dt + (...) dW`, one line for each state."""
    lines = []
    for i, (state, drift) in enumerate(zip(system.states, system.rhs, strict=True)):
        noise = [
            f"({to_text(column[i])}) d{'W' if name == 'noise' else 'W' + name.removeprefix('noise')}"
            for name, column in system.diffusion.items()
            if number_of(column[i]) != 0.0
        ]
        lines.append(" + ".join([f"d{state} = ({to_text(drift)}) dt", *noise]))
    return lines


def diffusion_networks(system: System) -> dict[str, bool]:
    """Networks that stand in diffusions alone -> whether their sign is a choice.

    Only squares of columns count, so that one entry of each column can be taken as positive: the first with a network.
    """
    known = {term.name for term in system.neural_terms}
    in_drift = {call.function for expr in system.rhs for call in calls(expr, known)}
    in_drift |= {call.function for expr in system.outputs.values() for call in calls(expr, known)}
    found: dict[str, bool] = {}
    for column in system.diffusion.values():
        first = True
        for term in column:
            inside = [call.function for call in calls(term, known) if call.function not in in_drift]
            for name in inside:
                found[name] = found.get(name, True) and first and _is_factor(term, name)
            first = first and not inside
    return found


def _is_factor(expr: Expr, name: str) -> bool:
    match expr:
        case Call(function, _):
            return function == name
        case Negate(operand):
            return _is_factor(operand, name)
        case Binary("*", left, right):
            return _is_factor(left, name) or _is_factor(right, name)
        case Binary("/", left, _):
            return _is_factor(left, name)
    return False


def with_positive_diffusion(config: ModelConfig, system: System) -> ModelConfig:
    """The settings with the sign `positive` for networks that are diffusions and have neither sign nor bounds."""
    import msgspec

    def changed(name: str, network: NetworkConfig) -> NetworkConfig:
        plain = network.sign == "any" and network.lower is None and network.upper is None
        return msgspec.structs.replace(network, sign="positive") if plain and signed.get(name) else network

    signed = diffusion_networks(system)
    if not any(signed.values()):
        return config
    return msgspec.structs.replace(config, networks={n: changed(n, one) for n, one in config.networks.items()})


def noises_written(config: ModelConfig, measured: Collection[str] = ()) -> tuple[str, ...]:
    """Noises that the text of a model names, whether or not it can be read as a whole."""
    from ndestudio.model.statements import read_statements

    statements, _ = read_statements(config.equations)
    taken = {one.name for one in statements} | {*config.parameters, *config.networks, *measured}
    found = {
        name: None
        for one in statements
        if one.expr is not None
        for name in names(one.expr)
        if is_noise(name) and name not in taken
    }
    return tuple(found)


def refuse_written_noise(config: ModelConfig, what: str, measured: Collection[str] = ()) -> None:
    """Like ``refuse_noise``, of a text.

    Raises
    ------
    EquationError
        The text has noise.
    """
    if noises := noises_written(config, measured):
        raise _refusal(what, noises[0])


def whole_rhs(system: System) -> tuple[Expr, ...]:
    """The right-hand sides with their noise terms, as they would be written."""
    found = list(system.rhs)
    for name, column in system.diffusion.items():
        for k, term in enumerate(column):
            if number_of(term) != 0.0:
                found[k] = fold(Binary("+", found[k], Binary("*", term, Name(name))))
    return tuple(found)
