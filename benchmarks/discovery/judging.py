"""A run of an engine on a system as a row: what was found, whether it is right, and whether the engine knew."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.discovery.measurements import Measurements
from benchmarks.discovery.scoring import Box, Comparison, Relation, compared
from benchmarks.discovery.told import Question
from ndestudio.distil.forms import complexity
from ndestudio.errors import EquationError
from ndestudio.expression import evaluate, fold, parse_expression

CERTAIN = re.compile(r"\bdata determine this form\b", re.IGNORECASE)
"""What an engine says of a law that it vouches for."""
WARNING = re.compile(
    r"\b(data )?do(es)? not (tell|determine)\b|\bnot determined\b|\bdo not rely\b|\bdoubt|\bmay be another\b|\bis missed\b"
    r"|\bare missed\b|\bexplains little\b",
    re.IGNORECASE,
)
"""What it says of one that it does not."""
MOST = 40
"""Candidates of a term that are compared with the truth."""


@dataclass(frozen=True)
class Row:
    """One run.

    Parameters
    ----------
    build
        Commit of our engine, version of another.
    right
        State -> whether its law is right (structure, and constants within a tenth).
    structure
        State -> whether its law has the right structure, whatever the constants.
    reachable
        State -> whether any candidate is right: the generous score that looks at the truth.
    certain, warned
        State -> whether the engine said that the data determine this form; whether it warned.
    derivative
        Error of the right-hand sides at the true states after the end of the data, over their root-mean-square.
    complexity
        Nodes of all laws.
    cpu, wall
        Seconds, without the start of the process.
    trained_before
        Whether the training was that of an earlier run, so that its seconds are not counted.
    """

    system: str
    variant: str
    starts: int
    noise: str
    seed: int
    engine: str
    build: str
    seconds: float | None
    right: Mapping[str, bool] = field(default_factory=dict)
    structure: Mapping[str, bool] = field(default_factory=dict)
    reachable: Mapping[str, bool] = field(default_factory=dict)
    certain: Mapping[str, bool] = field(default_factory=dict)
    warned: Mapping[str, bool] = field(default_factory=dict)
    derivative: float = math.inf
    complexity: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    training_error: float | None = None
    laws: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    load: float = 0.0
    date: str = ""
    trained_before: bool = False
    note: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        return (
            self.system, self.variant, self.starts, self.noise, self.seed, self.engine, self.build, self.seconds,
        )  # fmt: skip

    @property
    def all_right(self) -> bool:
        """Every law that was sought is right."""
        return bool(self.right) and all(self.right.values())

    @property
    def all_reachable(self) -> bool:
        return bool(self.reachable) and all(self.reachable.values())


def judged(answer: Mapping[str, Any], made: Measurements, asked: Question) -> dict[str, Any]:
    """The fields of a `Row` that an answer decides."""
    found: dict[str, str] = answer.get("chosen", {})
    laws = asked.whole(found)
    box, relations = made.box, made.relations
    truth = made.system.laws
    verdicts = {state: _verdict(laws.get(state), truth[state], box, relations) for state in asked.sought}
    candidates = answer.get("candidates", {})
    reachable = {
        state: verdicts[state].right or _any_right(candidates.get(state, ()), state, asked, made)
        for state in asked.sought
    }
    said = {state: [str(one) for one in texts if one] for state, texts in answer.get("said", {}).items()}
    whole = [text for texts in answer.get("outcome", {}).values() for text in texts]
    said = {**said, "": whole} if whole else said
    return {
        "right": {state: one.right for state, one in verdicts.items()},
        "structure": {state: one.structure for state, one in verdicts.items()},
        "reachable": reachable,
        "certain": {state: bool(CERTAIN.search(" ".join(said.get(state, ())))) for state in asked.sought},
        "warned": {state: _warned(state, said) for state in asked.sought},
        "derivative": _later_error(laws, made),
        "complexity": _complexity(laws.values()),
        "cpu": round(float(answer["cpu"]), 2),
        "wall": round(float(answer["wall"]), 2),
        "training_error": answer.get("training_error"),
        "laws": {state: laws[state] for state in asked.sought if state in laws},
        "said": said,
        "parts": {name: round(float(value), 2) for name, value in answer.get("seconds", {}).items()},
        "trained_before": bool(answer.get("trained_before", False)),
        "note": answer.get("error", ""),
    }


def _verdict(law: str | None, truth: str, box: Box, relations: Sequence[Relation]) -> Comparison:
    return compared(law, truth, box, relations) if law is not None else Comparison(False, math.inf, "")


def _any_right(texts: Sequence[str], state: str, asked: Question, made: Measurements) -> bool:
    laws = (asked.whole({state: text})[state] for text in dict.fromkeys(texts[:MOST]))
    return any(compared(law, made.system.laws[state], made.box, made.relations).right for law in laws)


def _warned(state: str, said: Mapping[str, Sequence[str]]) -> bool:
    """Whether a warning stands beside the law, or over the whole result."""
    return bool(WARNING.search(" ".join([*said.get(state, ()), *said.get("", ())])))


def _later_error(laws: Mapping[str, str], made: Measurements) -> float:
    """Root-mean-square error of the slopes after the end of the data over their root-mean-square on all of it, mean of states."""
    if set(laws) < set(made.system.states):
        return math.inf
    errors = []
    for state in made.system.states:
        difference, size = [], []
        for now, t, y, u in (
            *zip([True] * len(made.t), made.t, made.states, made.u, strict=True),
            *zip([False] * len(made.t), made.later_t, made.later_states, made.later_u, strict=True),
        ):
            columns = {
                **dict(zip(made.system.states, y.T, strict=True)),
                **dict(zip(made.system.inputs, u.T, strict=True)),
                "t": t,
            }
            true = _slopes(made.system.laws[state], columns, len(t))
            size.append(true)
            if not now:
                difference.append(_slopes(laws[state], columns, len(t)) - true)
        scale = float(np.sqrt(np.mean(np.concatenate(size) ** 2))) or 1.0
        errors.append(float(np.sqrt(np.mean(np.concatenate(difference) ** 2))) / scale)
    mean = float(np.mean(errors))
    return float(f"{mean:.4g}") if math.isfinite(mean) else math.inf


def _slopes(text: str, columns: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(parse_expression(text), columns), float), (count,))


def _complexity(laws: Iterable[str]) -> int:
    total = 0
    for text in laws:
        try:
            total += complexity(fold(parse_expression(text)))
        except EquationError:
            continue
    return total
