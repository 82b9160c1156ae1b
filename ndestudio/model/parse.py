"""Model text and tables to a ``System``; every problem found becomes an error with its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ndestudio.data.names import rate_name
from ndestudio.errors import EquationError
from ndestudio.expression.delays import delays_in, of_names, read_delays
from ndestudio.expression.parse import DEPTH_LIMIT, depth, did_you_mean, parse_expression, unknown_function
from ndestudio.expression.tokens import Token, error_at
from ndestudio.expression.tree import CONSTANTS, Call, Delay, Expr, Name, Number, calls, names, size, substitute, walk
from ndestudio.model.algebraic import AlgebraicEquation, unsolvable
from ndestudio.model.black_boxes import refused_in_steps, with_black_boxes
from ndestudio.model.checks import check_tables
from ndestudio.model.config import ModelConfig
from ndestudio.model.delays import delay_problems, read_past
from ndestudio.model.diffusion import columns, is_noise, split_noise
from ndestudio.model.event_statements import EventStatement
from ndestudio.model.events import GIVEN, Event
from ndestudio.model.several import member, with_members
from ndestudio.model.statements import RESERVED, Statement, read_text, velocity
from ndestudio.model.structures import expanded
from ndestudio.model.system import NeuralTerm, System

SIZE_LIMIT = 20_000
"""Nodes of a right-hand side with its auxiliaries substituted."""


@dataclass(frozen=True)
class Reading:
    """What was understood of a model.

    Parameters
    ----------
    system
        None if there are errors.
    errors
        All of them, by place.
    undeclared
        Functions that are called but neither known nor declared as networks.
    statements
        What could be read of the text.
    """

    system: System | None
    errors: tuple[EquationError, ...]
    undeclared: tuple[str, ...]
    statements: tuple[Statement, ...]


def parse_system(config: ModelConfig, measured: Sequence[str], inputs: Sequence[str]) -> System:
    """The system that the text and tables of ``config`` describe.

    Parameters
    ----------
    measured
        Names of the measured columns; each needs a state or a quantity of its name.
    inputs
        Names of the measured forcings that equations may use.

    Raises
    ------
    EquationError
        The first problem, with its place; ``analyse`` lists all.
    """
    reading = read_system(config, measured, inputs)
    if reading.system is None:
        raise reading.errors[0]
    return reading.system


def read_system(config: ModelConfig, measured: Sequence[str], inputs: Sequence[str]) -> Reading:
    """Like ``parse_system``, but collecting all errors."""
    try:
        config = expanded(config)
    except EquationError as error:
        return Reading(system=None, errors=(error,), undeclared=(), statements=())
    statements, events, errors = read_text(config.equations)
    config = with_members(config, shared_networks(statements))
    reader = _Reader(config, tuple(measured), tuple(inputs), statements, events, errors)
    system = reader.read()
    return Reading(
        system=system,
        errors=tuple(sorted(reader.errors, key=lambda error: (error.line, error.column))),
        undeclared=tuple(reader.undeclared),
        statements=tuple(statements),
    )


def shared_networks(statements: Sequence[Statement]) -> list[tuple[str, str]]:
    """Networks whose settings several outputs share, each with one of its members."""
    return [(one.shared, member(one.shared, one.name)) for one in statements if one.shared]


def with_shared_networks(config: ModelConfig) -> ModelConfig:
    """``config`` with a network of its own for each output of a line about several (`m_1 to m_20 = g(x)`)."""
    return with_members(config, shared_networks(read_text(config.equations)[0]))


@dataclass
class _Reader:
    config: ModelConfig
    measured: tuple[str, ...]
    inputs: tuple[str, ...]
    statements: list[Statement]
    events: list[EventStatement]
    errors: list[EquationError]
    undeclared: dict[str, None] = field(default_factory=dict)
    penalised: dict[str, Expr] = field(default_factory=dict)

    def read(self) -> System | None:
        self._rates()
        self.statements, step, wrong = with_black_boxes(self.config, self.statements)
        self.errors += wrong
        states = {statement.name: statement for statement in self.statements if statement.kind == "derivative"}
        quantities = {statement.name: statement for statement in self.statements if statement.kind == "quantity"}
        self._read_delays({*states, *quantities, *self.inputs, *self.measured})
        states = {statement.name: statement for statement in self.statements if statement.kind == "derivative"}
        quantities = {statement.name: statement for statement in self.statements if statement.kind == "quantity"}
        unknowns = {statement.name: statement for statement in self.statements if statement.kind == "algebraic"}
        self._check_presence(states, {**quantities, **unknowns})
        for statement in self.statements:
            self._check_target(statement)
            self._check_names(statement, states, quantities)
        for event in self.events:
            self._check_event(event, states, quantities)
        neural_terms = self._neural_terms()
        self.errors.extend(check_tables(self.config, states, neural_terms, self.statements))
        if self.errors:
            return None
        bodies = self._substitute(quantities)
        if bodies is None:
            return None
        still = {*self._parameters([])}
        bodies = {name: of_names(expr, still) for name, expr in bodies.items()}
        rhs = tuple(of_names(substitute(_expr(one), bodies), still) for one in states.values())
        rhs, terms = self._noises(states, rhs)
        noisy = {name for name, expr in bodies.items() if self._noise_in(expr)}
        initial = self._initial(states)
        past = self._past(states)
        self._penalties(states, {**quantities, **unknowns})
        self._check_noisy(noisy, quantities, bool(any(terms)))
        self._check_delays(states, quantities, rhs, bodies)
        algebraic = self._algebraic(unknowns, bodies)
        self._check_algebraic(unknowns, states, algebraic, rhs)
        outputs = {name: expr for name, expr in bodies.items() if not delays_in((expr,)) and name not in noisy}
        system = System(
            states=tuple(states),
            rhs=rhs,
            outputs={**outputs, **{name: Name(name) for name in unknowns}},
            algebraic=algebraic,
            parameters=self._parameters([*initial, *past.values()]),
            inputs=tuple(name for name in self.inputs if self._uses(name)),
            neural_terms=tuple(neural_terms.values()),
            penalties={name: substitute(expr, bodies) for name, expr in self.penalised.items()},
            past=past,
            events=tuple(each for one in self.events for each in _with_bodies(one.event, bodies)),
            diffusion=columns(terms),
            calculus=self.config.calculus,
            step=step,
        )
        self.errors += refused_in_steps(system, self.statements)
        return None if self.errors else system

    def _noise_in(self, expr: Expr) -> list[str]:
        """Noises that an expression reads: names of noises that nothing else in the model has."""
        taken = {one.name for one in self.statements} | {*self.inputs, *self.measured, *self.config.parameters}
        return [name for name in names(expr) if is_noise(name) and name not in taken]

    def _noises(
        self, states: Mapping[str, Statement], rhs: Sequence[Expr]
    ) -> tuple[tuple[Expr, ...], list[dict[str, Expr]]]:
        """Right-hand sides without noise, and what each noise is multiplied by in each of them."""
        drifts, terms = [], []
        for statement, expr in zip(states.values(), rhs, strict=True):
            noises = self._noise_in(expr)
            try:
                drift, found = split_noise(expr, noises)
            except EquationError as error:
                self.errors.append(error_at(statement.mention(noises[0]), error.sentence))
                drift, found = expr, {}
            drifts.append(drift)
            terms.append(found)
        return tuple(drifts), terms

    def _check_noisy(self, noisy: set[str], quantities: Mapping[str, Statement], stochastic: bool) -> None:
        for name in noisy & {*self.measured}:
            sentence = f"`{name}` is measured and reads a noise, whose value at a moment does not exist; say how measurements scatter in [train]"
            self.errors.append(error_at(quantities[name].target, sentence))
        for name, expr in self.penalised.items():
            if self._noise_in(expr):
                self.errors.append(
                    EquationError(f"penalty `{name}` reads a noise, whose value at a moment does not exist")
                )
        if not stochastic:
            return
        if self.events:
            sentence = "a model with noise cannot have events yet; leave out one of them"
            self.errors.append(error_at(self.events[0].token, sentence))
        unknown = next((one for one in self.statements if one.kind == "algebraic"), None)
        if unknown is not None:
            sentence = "a model with noise cannot have algebraic equations yet; leave out one of them"
            self.errors.append(error_at(unknown.target, sentence))
        delayed = next((one for one in self.statements if one.expr is not None and delays_in((one.expr,))), None)
        if delayed is not None:
            sentence = "a model with noise cannot have delays yet; leave out one of them"
            self.errors.append(error_at(delayed.target, sentence))

    def _algebraic(
        self, unknowns: Mapping[str, Statement], bodies: Mapping[str, Expr]
    ) -> tuple[AlgebraicEquation, ...]:
        """Algebraic equations with the quantities in them substituted."""
        return tuple(
            AlgebraicEquation(name, substitute(_expr(one), bodies), substitute(one.start, bodies))
            for name, one in unknowns.items()
        )

    def _check_algebraic(
        self,
        unknowns: Mapping[str, Statement],
        states: Mapping[str, Statement],
        algebraic: Sequence[AlgebraicEquation],
        rhs: Sequence[Expr],
    ) -> None:
        if not unknowns:
            return
        first = next(iter(unknowns.values())).target
        if delays_in((*rhs, *(expr for one in algebraic for expr in one.expressions))):
            self.errors.append(
                error_at(first, "a model with delays cannot have algebraic equations yet; leave out one of them")
            )
        for one in algebraic:
            target = unknowns[one.name].target
            if any(self._noise_in(expr) for expr in one.expressions):
                self.errors.append(
                    error_at(target, f"the equation of `{one.name}` reads a noise, which has no value at a moment")
                )
            wrong = next((name for name in names(one.start) if name in unknowns), None)
            if wrong is not None or calls(one.start):
                what = f"`{wrong}`, which is unknown itself" if wrong else "an unknown function"
                self.errors.append(
                    error_at(target, f"the start of `{one.name}` reads {what}; give a number or a formula")
                )
        stuck = unsolvable(algebraic)
        if stuck is not None:
            sentence = (
                f"the algebraic equations cannot be solved for {', '.join(f'`{name}`' for name in unknowns)}: that of "
                f"`{stuck.name}` holds no unknown that is left for it (index above 1). Differentiate it with respect to time until it "
                "does, and write the result instead"
            )
            self.errors.append(error_at(unknowns[stuck.name].target, sentence))
        for event in self.events:
            for name in (name for expr in event.event.expressions for name in names(expr)):
                if name in unknowns:
                    sentence = f"an event reads `{name}`, which an algebraic equation gives; events read states yet"
                    self.errors.append(error_at(event.token, sentence))
                    break

    def _read_delays(self, known: Collection[str]) -> None:
        """`x(t - tau)` of what is known as delayed values."""
        known = {*known} - {*self.config.networks}
        self.statements = [
            one if one.expr is None else replace(one, expr=read_delays(one.expr, known)) for one in self.statements
        ]

    def _check_delays(
        self,
        states: Mapping[str, Statement],
        quantities: Mapping[str, Statement],
        rhs: Sequence[Expr],
        bodies: Mapping[str, Expr],
    ) -> None:
        moving = {*states, *quantities, *self.inputs, "t", *self.config.networks}
        if self.events and (delays_in(rhs) or any(delays_in(one.event.expressions) for one in self.events)):
            sentence = (
                "a model with delays cannot have events yet: a jump comes back after each delay; leave out one of them"
            )
            self.errors.append(error_at(self.events[0].token, sentence))
        for statement, expr in zip(states.values(), rhs, strict=True):
            for name, sentence in delay_problems(expr, moving, {*states, *self.inputs}, self.config.parameters):
                self.errors.append(error_at(statement.mention(name), sentence))
        for name in self.measured:
            if name in bodies and delays_in((bodies[name],)):
                sentence = f"`{name}` is measured and reads a delayed value, which outputs cannot; give it an equation of its own"
                self.errors.append(error_at(quantities[name].target, sentence))

    def _past(self, states: Mapping[str, Statement]) -> dict[str, Expr]:
        """What states were before the begin, where a formula says it."""
        found = {}
        for state, initial in self.config.initial.items():
            if initial.past is None or state not in states:
                continue
            try:
                found[state] = read_past(initial.past, {*states, *self.inputs, *self.measured})
            except EquationError as error:
                sentence = f"past of `{state}`, `{initial.past}`: {error.sentence}"
                self.errors.append(error_at(states[state].target, sentence))
        return found

    def _rates(self) -> None:
        """Rates of change on the right: of inputs by the names of the inputs that hold them, of states of second order by the
        names of their velocities; that of the time is 1."""
        found = []
        velocities = {
            one.name: velocity(one.name)
            for one in self.statements
            if one.kind == "derivative" and one.expr == Name(velocity(one.name))
        }
        for one in self.statements:
            known: dict[str, Expr] = {}
            used = names(one.expr) if one.expr is not None else ()
            bare = next((of for of in self.inputs if f"d{of}" in used and "dt" in used), None)
            if bare is not None:
                sentence = f"the rate of change of the input `{bare}` is written `d({bare})/dt` or `{bare}'`"
                self.errors.append(error_at(one.mention(f"d{bare}"), sentence))
            for name in used:
                if name.isidentifier():
                    continue
                of = name[2:-4]
                if of in velocities:
                    known[name] = Name(velocities[of])
                elif rate_name(of) in self.inputs or of == "t":
                    known[name] = Number(1.0) if of == "t" else Name(rate_name(of))
                elif of in self.inputs:
                    sentence = (
                        f'the data were read without `{name}`; set `rates = ["{of}"]` in [data] and read them again'
                    )
                    self.errors.append(error_at(one.mention(name), sentence))
                else:
                    sentence = (
                        f"`{name}` on the right is known for an input, and for a state whose second derivative "
                        f"is given (`d2({of})/dt2 = ...`); for other states write what their equation says"
                    )
                    self.errors.append(error_at(one.mention(name), sentence))
            found.append(one if one.expr is None or not known else replace(one, expr=substitute(one.expr, known)))
        self.statements = found

    def _check_presence(self, states: Mapping[str, Statement], quantities: Mapping[str, Statement]) -> None:
        if not states and not any(error.line for error in self.errors):
            self.errors.append(
                EquationError("no equation of a state is given; write one for each state, such as `d(x)/dt = ...`")
            )
        if not states:
            return
        for name in self.measured:
            if name not in states and name not in quantities:
                sentence = (
                    f"the column `{name}` is measured, but the model says nothing about it; write `d({name})/dt = ...` "
                    f"or `{name} = ...`, or set the column to `ignore`"
                )
                self.errors.append(EquationError(sentence, kind="silent", name=name))

    def _check_target(self, statement: Statement) -> None:
        name, target = statement.name, statement.target
        if name in RESERVED:
            meaning = "the time" if name == "t" else ("a constant" if name in CONSTANTS else "a function")
            self.errors.append(error_at(target, f"`{name}` is {meaning} and cannot be given an equation; rename it"))
        elif name in self.config.networks:
            self.errors.append(
                error_at(target, f"`{name}` is declared as a network; it cannot have an equation as well")
            )
        elif statement.hidden and name in self.measured:
            sentence = f"`{name}` is said to be hidden, and a column of that name is measured; leave out `hidden`, or set the column to `ignore`"
            self.errors.append(error_at(target, sentence))
        elif name in self.inputs:
            sentence = f"`{name}` is a measured input; it cannot have an equation as well"
            self.errors.append(error_at(target, sentence, kind="given", name=name))
        first = next(other for other in self.statements if other.name == name)
        if first is not statement:
            sentence = f"`{name}` has an equation already, on line {first.target.line}; keep one of them"
            self.errors.append(error_at(target, sentence))

    def _check_names(
        self, statement: Statement, states: Mapping[str, Statement], quantities: Mapping[str, Statement]
    ) -> None:
        if statement.expr is None:
            return
        for name in names(statement.expr):
            if name in self.config.networks:
                sentence = f"`{name}` is declared as a network; call it with what it depends on, such as `{name}(x)`"
                self.errors.append(error_at(statement.mention(name), sentence))
        seen: dict[str, int] = {}
        for call in calls(statement.expr, self.config.networks):
            index = seen[call.function] = seen.get(call.function, -1) + 1
            if call.function in self.config.networks:
                continue
            token = statement.mention(call.function, index, called=True)
            if call.function in states or call.function in quantities or call.function in (*self.inputs, "t"):
                sentence = f"`{call.function}` is no function; write `{call.function}` alone, or `*` for a product"
                if any("t" in names(argument) for argument in call.arguments) and call.function != "t":
                    sentence = f"only earlier values can be read: write `{call.function}(t - tau)` with a delay above 0, or `{call.function}` alone"
                self.errors.append(error_at(token, sentence))
                continue
            called = statement.shared if call.function == member(statement.shared, statement.name) else call.function
            if called in self.undeclared and statement.shared:
                continue
            self.undeclared.setdefault(called)
            token = Token(token.kind, called, token.line, token.column)
            error = unknown_function(token, self.config.networks)
            joint = " If" if error.sentence.endswith("?") else "; if"
            sentence = f"{error.sentence}{joint} it is an unknown term, declare it as a network"
            self.errors.append(error_at(token, sentence, kind="undeclared", name=called))

    def _check_event(
        self, one: EventStatement, states: Mapping[str, Statement], quantities: Mapping[str, Statement]
    ) -> None:
        for target in one.targets:
            if target.text not in states:
                what = "a quantity with an equation of its own" if target.text in quantities else "no state"
                hint = did_you_mean(target.text, states)
                sentence = (
                    f"an event changes states, and `{target.text}` is {what}{hint}; give it `d({target.text})/dt = 0`"
                )
                self.errors.append(error_at(target, sentence))
        for expr in one.event.expressions:
            for call in calls(expr, self.config.networks):
                self.errors.append(
                    error_at(
                        one.token, f"`{call.function}` is called in an event; unknown functions stand in equations only"
                    )
                )
        if one.event.condition is not None:
            for name in names(one.event.condition):
                if name in self.inputs or (
                    name in quantities and set(names(_expr(quantities[name]))) & set(self.inputs)
                ):
                    sentence = (
                        f"the condition reads the input `{name}`, whose crossings are not looked for yet; put what follows into "
                        "the equations: `if(u > 5, ..., ...)`"
                    )
                    self.errors.append(error_at(one.token, sentence))
        moving = {*states, *self.inputs, "t"}
        for expr in one.event.times:
            for name in names(expr):
                if name in moving or _read_by(name, quantities) & moving:
                    sentence = f"the time of this event depends on `{name}`, which changes with time; write a condition: `when ...`"
                    self.errors.append(error_at(one.token, sentence))

    def _neural_terms(self) -> dict[str, NeuralTerm]:
        neural_terms: dict[str, NeuralTerm] = {}
        for statement in self.statements:
            if statement.expr is None:
                continue
            seen: dict[str, int] = {}
            for call in calls(statement.expr, self.config.networks):
                index = seen[call.function] = seen.get(call.function, -1) + 1
                if call.function not in self.config.networks:
                    continue
                neural_term = neural_terms.setdefault(
                    call.function, NeuralTerm(call.function, formal_arguments(call.arguments))
                )
                if len(neural_term.arguments) != len(call.arguments):
                    sentence = (
                        f"`{neural_term.name}` has {len(call.arguments)} arguments here, but {len(neural_term.arguments)} in its first "
                        f"call, `{neural_term.name}({', '.join(neural_term.arguments)})`; a network has the same everywhere"
                    )
                    self.errors.append(error_at(statement.mention(neural_term.name, index, called=True), sentence))
        return neural_terms

    def _substitute(self, quantities: Mapping[str, Statement]) -> dict[str, Expr] | None:
        """Each quantity with the quantities it uses substituted; None (and an error) if they use each other in a
        circle."""
        done: dict[str, Expr] = {}
        sizes: dict[str, int] = {}
        for name in quantities:
            if not self._substitute_one(name, quantities, done, sizes):
                return None
        for statement in self.statements:
            if statement.kind != "quantity" and not self._within_limits(statement, done, sizes):
                return None
        return {name: done[name] for name in quantities}

    def _substitute_one(
        self, name: str, quantities: Mapping[str, Statement], done: dict[str, Expr], sizes: dict[str, int]
    ) -> bool:
        path = [name]
        while path:
            current = path[-1]
            if current in done:
                path.pop()
                continue
            statement = quantities[current]
            missing = [other for other in names(_expr(statement)) if other in quantities and other not in done]
            circle = next((other for other in missing if other in path), None)
            if circle is not None:
                loop = " -> ".join(f"`{other}`" for other in [*path[path.index(circle) :], circle])
                sentence = f"{loop}: these quantities are defined by each other; break the circle"
                self.errors.append(error_at(statement.target, sentence))
                return False
            if missing:
                path.append(missing[0])
                continue
            if not self._within_limits(statement, done, sizes):
                return False
            done[current] = substitute(_expr(statement), done)
            path.pop()
        return True

    def _within_limits(self, statement: Statement, done: Mapping[str, Expr], sizes: dict[str, int]) -> bool:
        expr = _expr(statement)
        used = [node.name for node in walk(expr) if isinstance(node, Name) and node.name in done]
        total = size(expr) + sum(sizes[name] - 1 for name in used)
        deepest = depth(expr) + max((depth(done[name]) for name in set(used)), default=0)
        if total > SIZE_LIMIT or deepest > DEPTH_LIMIT:
            sentence = (
                f"`{statement.name}` becomes too large when the quantities it uses are substituted; simplify them"
            )
            self.errors.append(error_at(statement.target, sentence))
            return False
        sizes[statement.name] = total
        return True

    def _initial(self, states: Mapping[str, Statement]) -> list[Expr]:
        """Expressions of initial values."""
        found: list[Expr] = []
        for state, initial in self.config.initial.items():
            if not isinstance(initial.value, str):
                continue
            where = states[state].target
            try:
                expr = parse_expression(initial.value)
            except EquationError as error:
                self.errors.append(error_at(where, f"initial value of `{state}`, `{initial.value}`: {error.sentence}"))
                continue
            hidden = [name for name in names(expr) if name in states and name not in self.measured]
            if hidden:
                sentence = (
                    f"initial value of `{state}`: `{hidden[0]}` is not measured, so its start cannot be used here"
                )
                self.errors.append(error_at(where, sentence))
            found.append(expr)
        return found

    def _penalties(self, states: Mapping[str, Statement], quantities: Mapping[str, Statement]) -> None:
        """Expressions of penalties; a name in them must be known from the equations or the table of parameters."""
        written = {name for statement in self.statements for expr in statement.expressions for name in names(expr)}
        known = {*states, *quantities, *written, *self.inputs, *self.config.parameters, *CONSTANTS, "t"}
        known -= set(self.config.networks)
        for name, penalty in self.config.penalties.items():
            where = f"penalty `{name}`, `{penalty.expression}`"
            try:
                expr = parse_expression(penalty.expression)
            except EquationError as error:
                self.errors.append(EquationError(f"{where}: {error.sentence}"))
                continue
            unknown = next((one for one in names(expr) if one not in known), None)
            if unknown is not None:
                guess = did_you_mean(unknown, known)
                self.errors.append(
                    EquationError(
                        f"{where}: `{unknown}` is no state, quantity, input or parameter of the model{guess}; add it to the "
                        "parameters if it is one"
                    )
                )
            else:
                self.penalised[name] = Call("min", (expr, Number(0.0))) if penalty.kind == "positive" else expr

    def _parameters(self, initial: Sequence[Expr]) -> tuple[str, ...]:
        taken = {statement.name for statement in self.statements} | {"t", *self.inputs, *self.measured}
        expressions = [
            *(expr for statement in self.statements for expr in statement.expressions),
            *initial,
            *self.penalised.values(),
            *self._of_events(),
        ]
        taken.add(GIVEN)
        found = {
            name: None
            for expr in expressions
            for name in names(expr)
            if name not in taken and name not in self._noise_in(expr)
        }
        return tuple(found)

    def _of_events(self) -> list[Expr]:
        return [expr for one in self.events for expr in one.event.expressions]

    def _uses(self, name: str) -> bool:
        expressions = [
            *(expr for statement in self.statements for expr in statement.expressions),
            *self.penalised.values(),
            *self._of_events(),
        ]
        return any(name in names(expr) for expr in expressions)


def _with_bodies(event: Event, bodies: Mapping[str, Expr]) -> list[Event]:
    """An event, once for each of its times, with the quantities in its expressions substituted."""
    whole = replace(
        event,
        times=tuple(substitute(one, bodies) for one in event.times),
        changes=tuple((state, substitute(value, bodies)) for state, value in event.changes),
        condition=None if event.condition is None else substitute(event.condition, bodies),
    )
    return [replace(whole, times=(time,)) for time in whole.times] if event.kind == "at" else [whole]


def _read_by(name: str, quantities: Mapping[str, Statement]) -> set[str]:
    """All names that a quantity reads, those of other quantities in it too; none of another name."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        new = set(names(_expr(quantities[one]))) - found if one in quantities else set()
        found |= new
        waiting += new
    return found


def formal_arguments(arguments: Sequence[Expr]) -> tuple[str, ...]:
    """Formal names of a neural term first called with ``arguments``: plain names keep theirs, a delayed `x` becomes `x_lag`,
    others `x1`, `x2`, ..."""
    plain = [_own_name(argument) for argument in arguments]
    taken = {name for name in plain if name is not None}
    formals: list[str] = []
    number = 0
    for name in plain:
        if name is not None and name not in formals:
            formals.append(name)
            continue
        number += 1
        while f"x{number}" in taken:
            number += 1
        formals.append(f"x{number}")
    return tuple(formals)


def _own_name(argument: Expr) -> str | None:
    match argument:
        case Name(name) if name != "pi":
            return name
        case Delay(Name(name), _):
            return f"{name}_lag"
    return None


def _expr(statement: Statement) -> Expr:
    assert statement.expr is not None
    return statement.expr


__all__ = ["Reading", "formal_arguments", "parse_system", "read_system", "with_shared_networks"]
