"""Relatives of a hybrid model that answer what its parts are worth: without its neural terms, and with nothing but
neural terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ndestudio.expression.numeric import fold
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number, children, names, with_children
from ndestudio.model.config import ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.events import text_of
from ndestudio.model.parse import parse_system
from ndestudio.model.system import System


def without_neural_terms(
    config: ModelConfig, measured: Sequence[str], inputs: Sequence[str]
) -> tuple[ModelConfig, tuple[str, ...]] | None:
    """The mechanistic part alone. A neural term that is

    - a term of its own (`a*x - b*loss(y)`) becomes 0;
    - a factor of something that changes (a state, an input, time), beside a parameter that can take up its level
      (`r*x*effect(T)`), becomes 1; without such a parameter (`x*growth(y)`) it becomes a constant that is fitted.

    Returns
    -------
    tuple[ModelConfig, tuple[str, ...]] | None
        The model and a sentence for each neural term that was taken out; None where nothing would be left to fit (no
        neural term in the model, or no right-hand side that still holds a name).
    """
    system = parse_system(config, tuple(measured), tuple(inputs))
    if not system.neural_terms:
        return None
    remover = _Remover(config, system)
    if system.algebraic:
        return None  # what is left of an algebraic equation may have no solution
    rhs = [fold(remover.clean(expr)) for expr in system.rhs]
    outputs = {name: fold(remover.clean(expr)) for name, expr in system.outputs.items()}
    if not any(names(expr) for expr in rhs):
        return None
    words = tuple(f"`{neural_term}` {' and '.join(sorted(what))}" for neural_term, what in remover.told.items())
    return _written(config, system, rhs, outputs, {}, remover.constants), words


def all_neural(config: ModelConfig, measured: Sequence[str], inputs: Sequence[str]) -> ModelConfig:
    """The same states with a right-hand side learned from all states and inputs: a plain neural ODE.

    What is observed stays as it was; networks take the size of the first neural term, without its constraints.
    """
    system = parse_system(config, tuple(measured), tuple(inputs))
    sizes = (
        config.networks.get(system.neural_terms[0].name, NetworkConfig()) if system.neural_terms else NetworkConfig()
    )
    network = NetworkConfig(width=sizes.width, depth=sizes.depth, activation=sizes.activation)
    arguments = tuple(Name(name) for name in (*system.states, *system.inputs))
    taken = {*system.states, *system.inputs, *system.outputs, *system.parameters, *measured, *inputs, "t"}
    neural_terms: list[str] = []
    for state in system.states:
        name = f"f_{state}"
        while name in taken:
            name += "_"
        taken.add(name)
        neural_terms.append(name)
    rhs = [Call(name, arguments) for name in neural_terms]
    remover = _Remover(config, system)
    outputs = {name: fold(remover.clean(expr)) for name, expr in system.outputs.items()}
    return _written(config, system, rhs, outputs, dict.fromkeys(neural_terms, network), remover.constants)


class _Remover:
    """Takes neural terms out of expressions; remembers what became of each and the constants it needed."""

    def __init__(self, config: ModelConfig, system: System) -> None:
        self._config = config
        self._neural_terms = {neural_term.name for neural_term in system.neural_terms}
        self._moving = {*system.states, *system.inputs, "t"}
        self._parameters = set(system.parameters)
        self._taken = {*self._moving, *self._parameters, *system.outputs}
        self._names: dict[str, str] = {}
        self.constants: dict[str, ParameterConfig] = {}
        self.told: dict[str, set[str]] = {}

    def clean(self, expr: Expr) -> Expr:
        """``expr`` without neural terms."""
        match expr:
            case Call(name, _) if name in self._neural_terms:
                return self._zero(name)
            case Binary("*" | "/", _, _):
                return self._product(expr)
            case _:
                return with_children(expr, tuple(self.clean(child) for child in children(expr)))

    def _product(self, expr: Expr) -> Expr:
        factors = list(_factors(expr))
        others = [factor for factor, _ in factors if not self._is_neural_term(factor)]
        changes = any(self._uses(factor, self._moving) for factor in others)
        taken_up = any(self._uses(factor, self._parameters) for factor in others)

        def rebuilt(node: Expr, below: bool) -> Expr:
            match node:
                case Binary("*" | "/" as operator, left, right):
                    return Binary(operator, rebuilt(left, below), rebuilt(right, below != (operator == "/")))
                case Negate(operand):
                    return Negate(rebuilt(operand, below))
                case Call(name, _) if name in self._neural_terms:
                    if not changes and not below:
                        return self._zero(name)
                    return self._one(name) if taken_up else self._constant(name)
                case _:
                    return self.clean(node)

        return rebuilt(expr, False)

    def _is_neural_term(self, expr: Expr) -> bool:
        return isinstance(expr, Call) and expr.function in self._neural_terms

    def _uses(self, expr: Expr, wanted: set[str]) -> bool:
        """Whether one of ``wanted`` occurs outside the arguments of neural terms."""
        if isinstance(expr, Name):
            return expr.name in wanted
        return not self._is_neural_term(expr) and any(self._uses(child, wanted) for child in children(expr))

    def _zero(self, neural_term: str) -> Expr:
        self.told.setdefault(neural_term, set()).add("is taken out")
        return Number(0.0)

    def _one(self, neural_term: str) -> Expr:
        self.told.setdefault(neural_term, set()).add("is put to 1")
        return Number(1.0)

    def _constant(self, neural_term: str) -> Expr:
        self.told.setdefault(neural_term, set()).add("becomes a constant")
        if neural_term not in self._names:
            name = f"{neural_term}_level"
            while name in self._taken:
                name += "_"
            self._names[neural_term] = name
            sign = self._config.networks[neural_term].sign
            self.constants[name] = ParameterConfig(
                value=-1.0 if sign == "negative" else 1.0,
                lower=0.0 if sign == "positive" else None,
                upper=0.0 if sign == "negative" else None,
            )
        return Name(self._names[neural_term])


def _factors(expr: Expr, below: bool = False) -> Iterator[tuple[Expr, bool]]:
    """Factors of a product, and whether each divides."""
    match expr:
        case Binary("*" | "/" as operator, left, right):
            yield from _factors(left, below)
            yield from _factors(right, below != (operator == "/"))
        case Negate(operand):
            yield from _factors(operand, below)
        case _:
            yield expr, below


def _written(
    config: ModelConfig,
    system: System,
    rhs: Sequence[Expr],
    outputs: dict[str, Expr],
    networks: dict[str, NetworkConfig],
    constants: Mapping[str, ParameterConfig],
) -> ModelConfig:
    """The model as text again, with settings of what is still in it."""
    lines = [f"d({state})/dt = {to_text(expr)}" for state, expr in zip(system.states, rhs, strict=True)]
    lines += [f"{name} = {to_text(expr)}" for name, expr in outputs.items()]
    lines += [text_of(event) for event in system.events]
    of_events = [expr for event in system.events for expr in event.expressions]
    used = {name for expr in (*rhs, *outputs.values(), *of_events) for name in names(expr)}
    starts = " ".join(str(start.value) for start in config.initial.values() if isinstance(start.value, str))
    parameters = {name: settings for name, settings in config.parameters.items() if name in used or name in starts}
    return msgspec.structs.replace(
        config, equations="\n".join(lines) + "\n", parameters={**parameters, **constants}, networks=networks
    )
