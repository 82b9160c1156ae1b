"""Unsafe sets: conditions that should never hold, and what a tube says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ndestudio.errors import EquationError, SettingError
from ndestudio.expression.derivative import differentiate
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.parse import did_you_mean, parse_expression
from ndestudio.expression.tree import Binary, Call, Expr, names, walk
from ndestudio.reach.falsify import climb, named
from ndestudio.reach.flow import Flow
from ndestudio.reach.intervals import Interval, Unbounded, enclose
from ndestudio.reach.tube import ReachTube, Verdict, percent
from ndestudio.solve.scipy_reference import simulate

BEGIN = 12
"""Starts of a search for one that gets into an unsafe set."""
_TEXT = "write a condition such as `x > 3`, or `x > 3 and y < 1`"


@dataclass(frozen=True)
class UnsafeSet:
    """Where a condition holds.

    Parameters
    ----------
    depth
        A formula that is above 0 inside, made of differences, `min` (for `and`) and `max` (for `or`).
    """

    text: str
    depth: Expr


def unsafe_set(text: str, known: Sequence[str]) -> UnsafeSet:
    """The set that a condition says.

    Parameters
    ----------
    known
        Names it may read.

    Raises
    ------
    SettingError
        It is no condition, or reads something else.
    """
    try:
        whole = parse_expression(f"if({text}, 1, 0)")
    except EquationError as error:
        raise SettingError(f"the unsafe set `{text}` is not understood: {error}; {_TEXT}") from None
    if not isinstance(whole, Call) or whole.function != "if" or len(whole.arguments) != 3:
        raise SettingError(f"the unsafe set `{text}` is not understood; {_TEXT}")
    for name in names(whole.arguments[0]):
        if name not in known:
            raise SettingError(
                f"the unsafe set `{text}` reads `{name}`, which the model does not have{did_you_mean(name, known)}"
            )
    return UnsafeSet(text, _depth(whole.arguments[0], text, inside=True))


def _depth(condition: Expr, text: str, *, inside: bool) -> Expr:
    if isinstance(condition, Call):
        if condition.function in (">", ">=", "<", "<="):
            left, right = condition.arguments
            above = (condition.function in (">", ">=")) == inside
            return Binary("-", left, right) if above else Binary("-", right, left)
        if condition.function in ("and", "or"):
            both = (condition.function == "and") == inside
            return Call(
                "min" if both else "max", tuple(_depth(one, text, inside=inside) for one in condition.arguments)
            )
        if condition.function == "not":
            return _depth(condition.arguments[0], text, inside=not inside)
    raise SettingError(f"the unsafe set `{text}` compares by `==`, which no start meets exactly; {_TEXT}")


def check(flow: Flow, texts: Sequence[str]) -> list[UnsafeSet]:
    """The sets of a model.

    Raises
    ------
    SettingError
        As ``unsafe_set``.
    """
    system = flow.model.system
    known = (*system.states, *system.inputs, *system.parameters, "t")
    return [unsafe_set(text, known) for text in texts]


def verdicts(
    flow: Flow, tube: ReachTube, sets: Sequence[UnsafeSet], seed: int, drawn: Float[np.ndarray, "start unit"]
) -> tuple[Verdict, ...]:
    """What is known of each set: a start that gets there, that the tube misses it, or neither.

    Parameters
    ----------
    drawn
        Starts to look at first.
    """
    return tuple(_verdict(flow, tube, one, seed, drawn) for one in sets)


def _verdict(
    flow: Flow, tube: ReachTube, unsafe: UnsafeSet, seed: int, drawn: Float[np.ndarray, "start unit"]
) -> Verdict:
    found = _entry(flow, unsafe, seed, drawn)
    if found is not None:
        start, when = found
        said = ", ".join(f"{name} = {value:.6g}" for name, value in start.items())
        sentence = f"`{unsafe.text}` is violated: from {said} it is there at t = {when:.6g}."
        return Verdict(unsafe.text, "violated", sentence, start, when)
    missed, why = _missed(flow, tube, unsafe)
    if missed and tube.kind == "interval":
        return Verdict(
            unsafe.text, "holds", f"`{unsafe.text}` is never reached: the interval tube misses it at all times."
        )
    if missed:
        share = percent(tube.confidence)
        sentence = (
            f"`{unsafe.text}` is not reached, with {share}: the statistical tube misses it at all its {len(tube.t)} times, and so do, with that "
            f"confidence, {percent(1.0 - tube.outside)} of the starts or more."
        )
        return Verdict(unsafe.text, "holds", sentence)
    return Verdict(
        unsafe.text,
        "unknown",
        f"Whether `{unsafe.text}` is reached is unknown: {why}, and no start was found that gets there.",
    )


def _entry(
    flow: Flow, unsafe: UnsafeSet, seed: int, drawn: Float[np.ndarray, "start unit"]
) -> tuple[dict[str, float], float] | None:
    """A start that gets into the set, checked by the accurate solver, and when it is there."""
    u = flow.control(flow.t)

    def depths(
        x: Float[np.ndarray, "start time state"], unit: Float[np.ndarray, "start unit"]
    ) -> Float[np.ndarray, "start time"]:
        return _depths(flow, unsafe.depth, x, flow.values(unit), u)

    def objective(
        x: Float[np.ndarray, "start time state"], unit: Float[np.ndarray, "start unit"]
    ) -> Float[np.ndarray, " start"]:
        found = depths(x, unit)
        return np.max(np.where(np.isfinite(found), found, -np.inf), axis=1)

    pool = np.concatenate([drawn, flow.starts.surface(4 * BEGIN, np.random.default_rng(seed))])
    reached = objective(flow.states(pool), pool)
    begin = pool[np.argsort(-reached)[:BEGIN]]
    best, value = climb(flow, objective, begin, enough=0.0)
    if not value > 0:
        return None
    model, y0 = flow.model_of(best[None]), flow.starts.states(best[None])[0]
    states = simulate(model, flow.t, y0, flow.control, events=None if flow.waiting else flow.events).states
    exact = depths(states[None], best[None])[0]
    if not (exact > 0).any():
        return None
    return named(flow, best), float(flow.t[int(np.argmax(exact > 0))])


def _depths(
    flow: Flow, depth: Expr, x: Float[np.ndarray, "start time state"], values: Sequence[np.ndarray], u: np.ndarray
) -> np.ndarray:
    system = flow.model.system
    known: dict[str, np.ndarray] = {name: x[..., k] for k, name in enumerate(system.states)}
    known |= {name: u[:, flow.model.inputs.index(name)] for name in system.inputs}
    known |= {
        name: value[:, None] if value.ndim else value for name, value in zip(system.parameters, values, strict=True)
    }
    known["t"] = flow.t
    with np.errstate(all="ignore"):
        return np.broadcast_to(evaluate(depth, known), x.shape[:2])


def _missed(flow: Flow, tube: ReachTube, unsafe: UnsafeSet) -> tuple[bool, str]:
    """Whether no point of the tube is in the set, and else why that cannot be said."""
    ended = ~np.isfinite(tube.lower).all(axis=1)
    if ended.any():
        return False, f"the tube ends before t = {float(tube.t[int(np.argmax(ended))]):.6g}"
    boxes = [(tube.lower, tube.upper, tube.t, tube.t)]
    if tube.between is not None:
        boxes.append((tube.between[0], tube.between[1], tube.t[:-1], tube.t[1:]))
    for lower, upper, begin, end in boxes:
        values = {name: Interval(lower[:, k], upper[:, k]) for k, name in enumerate(tube.states)}
        values |= {name: Interval(float(flow.model.parameters[name])) for name in flow.model.system.parameters}
        values |= {name: Interval(*limits) for name, limits in tube.parameters.items()}
        for name in flow.model.system.inputs:
            place = flow.model.inputs.index(name)
            seen = [
                flow.control(a + part * (end - begin))[:, place] for a in (begin,) for part in np.linspace(0.0, 1.0, 5)
            ]
            values[name] = Interval(np.min(seen, axis=0), np.max(seen, axis=0))
        values["t"] = Interval(begin, end)
        try:
            with np.errstate(all="ignore"):
                reach = _largest(unsafe.depth, values, tube if tube.factor is not None else None)
        except Unbounded as problem:
            return False, f"{problem} within the tube"
        except EquationError as problem:
            return False, str(problem)
        if not (reach < 0).all():
            first = float(begin[int(np.argmax(~(reach < 0)))])
            return False, f"the tube meets it, first at t = {first:.6g}"
    return True, ""


def _largest(depth: Expr, values: Mapping[str, Interval], tube: ReachTube | None) -> np.ndarray:
    """A number at each time that the depth does not exceed within the tube: of `and` the smaller one of its parts, of `or` the
    larger one, of what is linear in the states exactly that of the ellipsoid, else that of the box around it."""
    if isinstance(depth, Call) and depth.function in ("min", "max"):
        parts = [_largest(one, values, tube) for one in depth.arguments]
        return np.minimum(*parts) if depth.function == "min" else np.maximum(*parts)
    if tube is not None and tube.factor is not None:
        slopes = [differentiate(depth, state) if state in names(depth) else None for state in tube.states]
        free = set(tube.states) | set(tube.parameters)
        if _plain(depth) and all(one is None or not set(names(one)) & free for one in slopes):
            point = {name: value for name, value in values.items() if name not in tube.states}
            middle = {**point, **{name: Interval(tube.centre[:, k]) for k, name in enumerate(tube.states)}}
            a = np.zeros(tube.centre.shape)
            for k, one in enumerate(slopes):
                a[:, k] = 0.0 if one is None else enclose(one, point).middle
            along = np.einsum("ti,tij->tj", a, tube.factor)
            return enclose(depth, middle).upper + np.linalg.norm(along, axis=1)
    return np.broadcast_to(enclose(depth, values).upper, values["t"].lower.shape)


def _plain(expr: Expr) -> bool:
    """Whether a formula has derivatives everywhere."""
    return not any(
        isinstance(node, Call) and node.function in ("abs", "min", "max", "if", "piecewise") for node in walk(expr)
    )
