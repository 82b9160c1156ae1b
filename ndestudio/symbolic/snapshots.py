"""What the compiled core reports, as fronts and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ndestudio.expression.tree import Expr, Number, names
from ndestudio.symbolic.choice import choose
from ndestudio.symbolic.engine import SearchConfig, SearchProblem
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.postfix import from_postfix
from ndestudio.symbolic.template import Template


def front_of(
    snapshot: Mapping[str, Any],
    problem: SearchProblem,
    config: SearchConfig,
    targets: int,
    template: Template | None = None,
) -> Front:
    """The front of a snapshot of the core, with scores and the choice made."""
    candidates: list[Candidate] = []
    for complexity, loss, held_out, texts, losses, parameters in snapshot["front"]:
        score = 0.0
        if candidates and complexity > candidates[-1].complexity:
            fall = math.log(max(candidates[-1].loss, 1e-300) / max(loss, 1e-300))
            score = fall / (complexity - candidates[-1].complexity)
        parts: dict[str, Expr] = {}
        others: list[Expr] = []
        if template is None:
            first, *others = (from_postfix(text, problem.names) for text in texts)
        else:
            first, parts = template.read(texts, parameters)
        held = held_out if held_out >= 0.0 else None
        candidates.append(
            Candidate(complexity, loss, first, held, score, tuple(others), losses if targets > 1 else (), parts)
        )
    held_rows = 0 if problem.y_held_out is None else len(problem.y_held_out)
    vocabulary = len(config.operators) + len(problem.names)
    best, reason = choose(candidates, len(problem.y), vocabulary, config.noise, held_rows)
    return Front(
        tuple(candidates),
        snapshot["version"],
        snapshot["evaluations"],
        snapshot["seconds"],
        best,
        reason,
        snapshot["improved_evaluations"],
        snapshot["improved_seconds"],
    )


def constant_front(values: tuple[float, ...]) -> Front:
    """The front of targets that have the same value in all samples."""
    first, *others = (Number(value) for value in values)
    candidate = Candidate(len(values), 0.0, first, others=tuple(others), losses=(0.0,) * len(values) if others else ())
    return Front((candidate,), 1, 0, 0.0, 0, "the target is constant")


def with_constants(front: Front, constants: Mapping[int, float]) -> Front:
    """``front`` with constant targets put back in their places."""
    if not constants:
        return front

    def complete(candidate: Candidate) -> Candidate:
        formulas: list[Expr] = list(candidate.expressions)
        losses = list(candidate.losses or (candidate.loss,))
        for place, value in sorted(constants.items()):
            formulas.insert(place, Number(value))
            losses.insert(place, 0.0)
        share = (len(formulas) - len(constants)) / len(formulas)
        return replace(
            candidate,
            complexity=candidate.complexity + len(constants),
            loss=candidate.loss * share,
            held_out=None if candidate.held_out is None else candidate.held_out * share,
            expression=formulas[0],
            others=tuple(formulas[1:]),
            losses=tuple(losses),
        )

    return replace(front, candidates=tuple(complete(candidate) for candidate in front.candidates))


def progress_text(snapshot: Mapping[str, Any]) -> str:
    """Speed, the best error, and for how long nothing better was found."""
    rate = snapshot["evaluations"] / max(snapshot["seconds"], 1e-9)
    parts = [f"{rate:,.0f} formulas per second"]
    if snapshot["front"]:
        parts.append(f"smallest error {min(entry[1] for entry in snapshot['front']):.2g}")
        idle = snapshot["seconds"] - snapshot["improved_seconds"]
        parts.append(f"nothing better for {idle:.0f} s" if idle >= 1.0 else "still getting better")
    return ", ".join(parts)


def sentence(outcome: str, front: Front, config: SearchConfig) -> str:
    """How a search ended, for a person."""
    best = front.candidates[front.best]
    used = len({name for formula in best.expressions for name in names(formula)})
    count = f"{used} variable{'s' * (used != 1)}"
    tail = f"the choice has complexity {best.complexity}, {count} and an error (NMSE) of {best.loss:.2g}"
    done = f"{front.evaluations:,} formulas in {front.seconds:.2f} s"
    idle = front.seconds - front.improved_seconds
    stale = (
        f"; the last {front.evaluations - front.improved_evaluations:,} of them ({idle:.1f} s) brought nothing better"
    )
    match outcome:
        case "solved":
            return f"Solved after {done}; {tail}."
        case "settled":
            return f"Ended after {done}, since nothing shorter describes the samples{stale}; {tail}."
        case "stopped":
            return f"Stopped after {done}{stale if idle >= 1.0 else ''}; {tail}."
        case _:
            limit = "time" if config.seconds and front.seconds >= config.seconds else "evaluation"
            return f"The {limit} limit was reached after {done}{stale if idle >= 1.0 else ''}; {tail}."
