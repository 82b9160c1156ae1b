"""What a reach tube is: an ellipsoid or a box at each time, what it claims, and how it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from ndestudio.model.fitted import FittedModel
from ndestudio.reach.config import Method
from ndestudio.reach.ellipsoid import Ellipsoids

Answer = Literal["holds", "violated", "unknown"]


def fingerprint(model: FittedModel) -> str:
    """A digest of equations, numbers and networks: which model a tube was made of."""
    digest = hashlib.sha256()
    digest.update(repr((model.system.states, model.system.rhs, model.system.events, dict(model.parameters))).encode())
    for name in sorted(model.networks):
        network = model.networks[name]
        digest.update(name.encode())
        for part in (*network.weights, *network.biases, network.input_center, network.input_scale):
            digest.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is known of one unsafe set.

    Parameters
    ----------
    unsafe
        The condition as it was written.
    answer
        `"holds"` (it is not reached), `"violated"` (from ``start``) or `"unknown"`.
    sentence
        The answer in words, with what it rests on.
    start
        State or uncertain parameter -> value of a start that gets there; empty else.
    time
        When it is there; NaN else.
    """

    unsafe: str
    answer: Answer
    sentence: str
    start: dict[str, float] = field(default_factory=dict)
    time: float = float("nan")


@dataclass(frozen=True, eq=False)
class ReachTube:
    """Where the states can be at each of its times.

    Parameters
    ----------
    kind
        `"statistical"` or `"interval"`.
    sentence
        What the tube claims, precisely; where an interval tube ends early, that too.
    states
        Names, in the order of the columns.
    centre
        Middle of the tube, NaN where it has ended.
    lower, upper
        Of the box around the tube.
    factor
        Of the ellipsoids of a statistical tube, see ``Ellipsoids``; None for boxes.
    between
        Lower and upper limits that hold from each time to the next, of an interval tube.
    paths
        Some trajectories within, for pictures.
    confidence
        Of a statistical tube; 1 of an interval tube.
    outside
        Share of the starts that may lie outside, with that confidence; 0 of an interval tube.
    samples
        Starts by which a statistical tube was checked.
    widened
        By what a statistical tube was widened beyond the farthest start that was found.
    verdicts
        About unsafe sets.
    radius, parameters
        What was uncertain: state -> radius of its start, parameter -> limits.
    made_of
        Fingerprint of the model.
    """

    kind: Method
    sentence: str
    states: tuple[str, ...]
    t: Float[np.ndarray, " time"]
    centre: Float[np.ndarray, "time state"]
    lower: Float[np.ndarray, "time state"]
    upper: Float[np.ndarray, "time state"]
    factor: Float[np.ndarray, "time state state"] | None = None
    between: Float[np.ndarray, "2 gap state"] | None = None
    paths: Float[np.ndarray, "path time state"] | None = None
    confidence: float = 1.0
    outside: float = 0.0
    samples: int = 0
    widened: float = 1.0
    verdicts: tuple[Verdict, ...] = ()
    radius: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, tuple[float, float]] = field(default_factory=dict)
    made_of: str = ""

    @property
    def volumes(self) -> Float[np.ndarray, " time"]:
        """Volume of the tube at each time, in the units of the states multiplied."""
        if self.factor is not None:
            return Ellipsoids(self.centre, self.factor).volumes
        return np.prod(self.upper - self.lower, axis=1)

    def holds(self, states: Float[np.ndarray, "start time state"]) -> Float[np.ndarray, " start"]:
        """Whether each trajectory, given at the times of the tube, is inside at all of them."""
        states = np.asarray(states, dtype=float)
        if self.factor is not None:
            return np.all(Ellipsoids(self.centre, self.factor).distances(states) <= 1.0, axis=1)
        with np.errstate(invalid="ignore"):
            return np.all((states >= self.lower) & (states <= self.upper), axis=(1, 2))

    def outline(self, time: int, first: int, second: int, points: int = 64) -> Float[np.ndarray, "points 2"]:
        """The border of the tube's shadow on two states at one time (by number)."""
        if self.factor is None:
            (a, b), (c, d) = ((self.lower[time, k], self.upper[time, k]) for k in (first, second))
            return np.array([[a, c], [b, c], [b, d], [a, d], [a, c]])
        shape = Ellipsoids(self.centre, self.factor).projected([first, second])[time]
        values, vectors = np.linalg.eigh(shape)
        angle = np.linspace(0.0, 2.0 * np.pi, points)
        circle = np.stack([np.cos(angle), np.sin(angle)])
        border = vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * circle)
        return self.centre[time, [first, second]] + border.T

    def to_csv(self) -> str:
        """The tube as a table: a row for each time, of each state the middle, the lower and the upper limit; of ellipsoids the
        shape matrix P too, in {x : (x - c)^T P^-1 (x - c) <= 1}. Lines that begin with `#` say what it claims."""
        heads = ["t"]
        columns: list[Float[np.ndarray, " time"]] = [self.t]
        for k, name in enumerate(self.states):
            heads += [name, f"{name} lower", f"{name} upper"]
            columns += [self.centre[:, k], self.lower[:, k], self.upper[:, k]]
        if self.factor is not None:
            shape = Ellipsoids(self.centre, self.factor).shape
            for i, one in enumerate(self.states):
                for j in range(i + 1):
                    heads.append(f"P({one}; {self.states[j]})")
                    columns.append(shape[:, i, j])
        lines = [f"# {line}" for line in (self.sentence, *(one.sentence for one in self.verdicts))]
        lines.append(",".join(heads))
        lines += [",".join(repr(float(value)) for value in row) for row in np.stack(columns, axis=1)]
        return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    """`99%`, `99.9%`, `0.46%`."""
    return f"{100.0 * share:.4g}%" if share > 0.5 else f"{100.0 * share:.2g}%"


def ball_text(radius: dict[str, float], parameters: Sequence[str]) -> str:
    """`any start within 0.01 of the middle, k within its limits`."""
    sizes = {value for value in radius.values() if value > 0}
    ball = ""
    if len(sizes) == 1 and all(value > 0 for value in radius.values()):
        ball = f"within {next(iter(sizes)):g} of the middle"
    elif sizes:
        each = ", ".join(f"{name} {value:g}" for name, value in radius.items() if value > 0)
        ball = f"in the ellipsoid with the half-axes {each}"
    held = f"{', '.join(parameters)} within {'its' if len(parameters) == 1 else 'their'} limits" if parameters else ""
    return " and ".join(part for part in (ball, held) if part)
