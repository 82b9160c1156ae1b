"""Settings of reach tubes (the `[tube]` table of a spec)."""

from __future__ import annotations

from typing import Literal

import msgspec

Method = Literal["statistical", "interval"]
"""`"statistical"`: by sampled starts, with a confidence. `"interval"`: by interval arithmetic, for formulas, sound."""


class TubeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the states can be if the start is anywhere in a ball.

    Attributes
    ----------
    method
        `"statistical"` (any model; sampled starts, a stated confidence) or `"interval"` (formulas; encloses all starts).
    trajectory
        Whose start, inputs and doses are taken; "": the first.
    start
        State -> middle of the starts; states that are not named start where the trajectory does.
    radius
        Of the ball of starts in the units of the states, for all of them or state -> radius (an ellipsoid); 0 fixes a state.
    parameters
        Parameter -> lower and upper limit between which it may be, constant in time.
    intervals
        Parameters without limits of their own take their confidence limits, where the fit has some.
    duration
        In the unit of time; None: that of the trajectory.
    points
        Times of the tube.
    confidence
        That the tube holds what it claims to, such as 0.99.
    mu
        Tightness: the tube reaches at most so much farther than the farthest start that was found.
    samples
        Starts that are drawn to check the tube; None: as many as the confidence and `outside` ask for (459 for 99% and 1%).
    outside
        Share of the starts that may lie outside, at most, with that confidence.
    unsafe
        Conditions that should never hold, such as `"x > 3 and y < 1"`.
    seed
        Of the starts that are drawn.
    """

    method: Method = "statistical"
    trajectory: str = ""
    start: dict[str, float] = {}
    radius: float | dict[str, float] = 0.01
    parameters: dict[str, tuple[float, float]] = {}
    intervals: bool = False
    duration: float | None = None
    points: int = 101
    confidence: float = 0.99
    mu: float = 1.1
    samples: int | None = None
    outside: float = 0.01
    unsafe: tuple[str, ...] = ()
    seed: int = 0
