"""Black boxes in equations: which file each is, what its arguments and outputs stand for; systems in steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ndestudio.blackbox import describe
from ndestudio.blackbox.callables import known_callable
from ndestudio.blackbox.describe import Description, fmpy_description, refuse_events
from ndestudio.blackbox.label import WORD, Derivatives, Label, is_label, label_of
from ndestudio.blackbox.permission import file_hash
from ndestudio.errors import BlackBoxError, EquationError
from ndestudio.expression.tokens import Token, error_at, scan
from ndestudio.expression.tree import Call, Expr, Name, transform, walk
from ndestudio.model.config import BlackBoxConfig, ModelConfig
from ndestudio.model.statements import Statement
from ndestudio.model.steps import as_rate
from ndestudio.model.system import System


def black_boxes(expressions: Sequence[Expr]) -> tuple[Label, ...]:
    """The different black boxes that expressions call, each once, whatever its output."""
    found: dict[Label, None] = {}
    for expr in expressions:
        for node in walk(expr):
            if isinstance(node, Call) and is_label(node.function):
                found.setdefault(replace(label_of(node.function), output="", by=-1, derivatives="auto", same=-1))
    return tuple(found)


def named_in(equations: str) -> tuple[str, ...]:
    """Names of the black boxes that a text calls, in order."""
    tokens, _ = scan(equations)
    found = {
        token.text[1:-1].strip(): None
        for before, bracket, token in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if before.text == WORD and bracket.text == "(" and token.kind == "string"
    }
    return tuple(found)


def found_in(config: ModelConfig, folder: Path) -> ModelConfig:
    """The model whose black boxes that are files lie, where nothing else is said, in ``folder``."""
    boxes = dict(config.blackboxes)
    for name in named_in(config.equations):
        if known_callable(name) is not None:
            continue
        one = boxes.get(name, BlackBoxConfig())
        boxes[name] = msgspec.structs.replace(one, file=str(folder / Path(one.file or name).expanduser()))
    return config if boxes == config.blackboxes else msgspec.structs.replace(config, blackboxes=boxes)


def with_derivatives(system: System, derivatives: Derivatives) -> System:
    """The system whose black boxes have their derivatives from elsewhere."""

    def changed(node: Expr) -> Expr:
        if isinstance(node, Call) and is_label(node.function):
            return Call(replace(label_of(node.function), derivatives=derivatives).name, node.arguments)
        return node

    return replace(
        system,
        rhs=tuple(transform(expr, changed) for expr in system.rhs),
        outputs={name: transform(expr, changed) for name, expr in system.outputs.items()},
    )


def with_black_boxes(
    config: ModelConfig, statements: Sequence[Statement]
) -> tuple[list[Statement], float, list[EquationError]]:
    """Statements whose black boxes are found and checked, and whose steps have become rates; the step, 0 for rates; errors."""
    errors: list[EquationError] = []
    step = _step_of(statements, errors)
    states = [one.name for one in statements if one.kind == "derivative"]
    found = []
    for one in statements:
        if one.expr is None:
            found.append(one)
            continue
        expr = _resolved(config, one, step if one.step else 0.0, states, errors)
        if one.step:
            expr = as_rate(expr, one.name, one.step)
        found.append(replace(one, expr=expr))
    return found, step, errors


def refused_in_steps(system: System, statements: Sequence[Statement]) -> list[EquationError]:
    """What a system in steps cannot have yet."""
    if not system.step:
        return []
    first = next(one.target for one in statements if one.step)
    had = {
        "noise": bool(system.diffusion),
        "events": bool(system.events),
        "delays": bool(system.delays),
        "algebraic equations": bool(system.algebraic),
    }
    return [
        error_at(first, f"a system in steps cannot have {what} yet; leave out one of them")
        for what, is_so in had.items()
        if is_so
    ]


def _step_of(statements: Sequence[Statement], errors: list[EquationError]) -> float:
    moving = [one for one in statements if one.kind == "derivative"]
    steps = [one for one in moving if one.step]
    if not steps:
        return 0.0
    for one in moving:
        if not one.step:
            sentence = (
                f"`{steps[0].name}` goes in steps (`{steps[0].name}(t + {steps[0].step:g})`) and `{one.name}` by its rate; write all states "
                "in one way"
            )
            errors.append(error_at(one.target, sentence))
        elif one.step != steps[0].step:
            sentence = f"`{one.name}` has steps of {one.step:g} and `{steps[0].name}` of {steps[0].step:g}; all states step together"
            errors.append(error_at(one.target, sentence))
    return steps[0].step


def _resolved(
    config: ModelConfig, one: Statement, step: float, states: Collection[str], errors: list[EquationError]
) -> Expr:
    assert one.expr is not None
    count = -1

    def changed(node: Expr) -> Expr:
        nonlocal count
        if not (isinstance(node, Call) and is_label(node.function)):
            return node
        count += 1
        try:
            return Call(_label(config, label_of(node.function), node.arguments, one, step, states).name, node.arguments)
        except BlackBoxError as error:
            errors.append(error_at(_mention(one, label_of(node.function).file), str(error)))
            return node

    return transform(one.expr, changed)


def _mention(one: Statement, file: str) -> Token:
    return next(
        (token for token in one.tokens if token.kind == "string" and token.text[1:-1].strip() == file), one.target
    )


def _label(
    config: ModelConfig, said: Label, arguments: Sequence[Expr], one: Statement, step: float, states: Collection[str]
) -> Label:
    """The label with everything that is needed to evaluate it."""
    settings = config.blackboxes.get(said.file) or BlackBoxConfig()
    path = str(Path(settings.file or said.file).expanduser().absolute())
    known = describe(said.file, path, steps=step > 0)
    if known.kind == "fmu" and not step:
        refuse_events(said.title, fmpy_description(path))
    names = _names(said, settings, known, arguments)
    outputs = known.outputs or settings.outputs
    if known.kind == "table":
        outputs = tuple(name for name in known.inputs if name not in names)
    label = Label(
        said.file,
        _output(said, outputs, known, names, arguments, one),
        path if known.path else "",
        file_hash(path) if known.path else "",
        names,
        outputs if known.kind in ("program", "callable") else (),
        tuple(sorted((key, float(value)) for key, value in settings.start.items())),
        step,
        difference=settings.difference,
        seconds=settings.seconds,
        memory=settings.memory,
        processes=settings.processes,
    )
    own = [k for k, argument in enumerate(arguments) if argument == Name(one.name)]
    return replace(label, same=own[0] if step and len(own) == 1 and one.kind == "derivative" else -1)


def _names(said: Label, settings: BlackBoxConfig, known: Description, arguments: Sequence[Expr]) -> tuple[str, ...]:
    """Names of the variables that the arguments stand for; () where nothing says.

    Raises
    ------
    BlackBoxError
        Not as many as there are, or names that tell of another order.
    """
    names = settings.arguments or (known.arguments if known.kind != "table" else ())
    if known.kind == "table" and not names:
        names = tuple(one.name if isinstance(one, Name) else "" for one in arguments)
        if not all(name in known.inputs for name in names):
            raise BlackBoxError(
                f'say which columns of `{said.title}` the arguments are: `arguments = [...]` in [model.blackboxes."{said.file}"]; it has '
                f"{', '.join(known.inputs)}"
            )
    if not names:
        return ()
    if len(names) != len(arguments):
        raise BlackBoxError(
            f"`{said.title}` takes {len(names)} argument{'s' if len(names) != 1 else ''} ({', '.join(names)}), and {len(arguments)} "
            f"{'are' if len(arguments) != 1 else 'is'} given"
        )
    for name, argument in zip(names, arguments, strict=True):
        if isinstance(argument, Name) and argument.name != name and argument.name in names:
            raise BlackBoxError(
                f"`{said.title}` takes {', '.join(names)} in this order, and `{argument.name}` stands where `{name}` is meant; change the "
                "order, or set `arguments` in [model.blackboxes] if it is meant so"
            )
    return names


def _output(
    said: Label,
    outputs: Sequence[str],
    known: Description,
    names: Sequence[str],
    arguments: Sequence[Expr],
    one: Statement,
) -> str:
    """The output that a call means; "" where there is but one, or where only the running program knows."""
    if said.output:
        if outputs and said.output not in outputs and not said.output.isdigit():
            raise BlackBoxError(f"`{said.title}` has no output `{said.output}`; it has {', '.join(outputs)}")
        return said.output
    if len(outputs) == 1:
        return outputs[0]
    if not outputs:
        return ""
    place = next((k for k, argument in enumerate(arguments) if argument == Name(one.name)), None)
    own = [one.name, f"der({one.name})"]
    if place is not None and place < len(names):
        own += [names[place], f"der({names[place]})"]
    if known.kind == "fmu" and place is not None and place < len(known.states):
        # a rate of the state, where rates are given
        own = [*reversed(own)] if f"der({names[place]})" in outputs else own
    chosen = next((name for name in own if name in outputs), None)
    if chosen is None:
        raise BlackBoxError(
            f'`{said.title}` gives {", ".join(outputs)}; say which one is meant: `{WORD}("{said.file}", "{outputs[0]}")(...)`'
        )
    return chosen
