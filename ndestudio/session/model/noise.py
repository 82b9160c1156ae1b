"""Noise in the equations, as the Model view tells it: in whose sense, what that is in the other one, how paths are simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ndestudio.errors import EquationError

if TYPE_CHECKING:
    from ndestudio.model.system import System

CALCULI = (("Itô", "ito"), ("Stratonovich", "stratonovich"))
"""(title, name)"""
TWO_THINGS = "of the law (process noise): what it did to the state is still there later. Errors of single readings are another thing: measurement noise, in Train."


@dataclass(frozen=True)
class Fan:
    """How many paths are simulated, and the seed of their noise."""

    paths: int = 200
    seed: int = 0


@dataclass(frozen=True)
class NoiseState:
    """Noise in the equations.

    Parameters
    ----------
    calculus
        In whose sense it is meant; "" where there is none.
    sentence
        What it is, and that measurement noise is something else.
    other
        The same process in the other calculus, or why it cannot be written.
    """

    calculus: str = ""
    sentence: str = ""
    other: str = ""
    fan: Fan = Fan()


def noise_state(system: System | None, fan: Fan) -> NoiseState:
    """What is told of the noise of equations; nothing where they have none or cannot be read."""
    if system is None or not system.diffusion:
        return NoiseState(fan=fan)
    named = ", ".join(system.diffusion)
    several = len(system.diffusion) > 1
    sentence = f"{named} {'are independent noises' if several else 'is a noise'} {TWO_THINGS}"
    return NoiseState(system.calculus, sentence, _other(system), fan)


def _other(system: System) -> str:
    from ndestudio.model.diffusion import is_additive, sde_text, to_ito, to_stratonovich

    if is_additive(system):
        return "No noise is multiplied by something that depends on a state: both senses are the same process here."
    to, title = (to_ito, "Itô") if system.calculus == "stratonovich" else (to_stratonovich, "Stratonovich")
    try:
        converted = to(system)
    except EquationError:
        return (
            f"The choice matters: a diffusion depends on a state. In the sense of {title} the drift of the same process differs by half the "
            "diffusion times its derivative; a network has no formula for that."
        )
    return f"The choice matters: in the sense of {title} the same process is {'; '.join(sde_text(converted))}."
