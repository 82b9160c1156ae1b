"""The systems of the benchmark: Gruenbacher et al. 2020, 2022, with their centres, radii and times."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ndestudio as nde
from ndestudio.model.fitted import FittedModel

WEIGHTS = Path(__file__).with_name("cartpole_ctrnn.json")
NEURONS = 8
M, G, L, m = 1.0, 9.81, 1.0, 0.001
"""Mass of the cart, gravity, length and mass of the pole."""


@dataclass(frozen=True)
class Case:
    name: str
    equations: str
    centre: dict[str, float]
    radius: float
    until: float
    step: float
    """Between the times of the tube, as published."""

    @property
    def model(self) -> FittedModel:
        initial = {name: nde.InitialConfig(value=value) for name, value in self.centre.items()}
        return nde.stated_model(nde.ModelConfig(equations=self.equations, initial=initial))

    @property
    def times(self) -> np.ndarray:
        return np.linspace(0.0, self.until, round(self.until / self.step) + 1)


def _cartpole() -> str:
    """The cart and pole with a continuous-time recurrent network of 8 neurons as its controller, written out."""
    kept = json.loads(WEIGHTS.read_text())
    states = ["dth", "dx", "th", "x"]
    inner = [*(f"h{k}" for k in range(NEURONS)), *states]
    lines = [f"f = {' + '.join(f'({w})*h{k}' for k, w in enumerate(kept['out']))}"]
    lines += [
        f"d(dth)/dt = (f*cos(th) - {m * L}*dth*dth*cos(th)*sin(th) + {(m + M) * G}*sin(th))/({L}*({M} + {m}*sin(th)*sin(th)))",
        f"d(dx)/dt = (f + {m}*sin(th)*(-{L}*dth*dth + {G}*cos(th)))/({M} + {m}*sin(th)*sin(th))",
        "d(th)/dt = dth",
        "d(x)/dt = dx",
    ]
    for k in range(NEURONS):
        terms = " + ".join(f"({w})*{name}" for w, name in zip(kept["in"][k], inner, strict=True))
        lines.append(f"d(h{k})/dt = -h{k} + tanh({terms} + ({kept['bias'][k]}))")
    return "\n".join(lines)


def cases() -> list[Case]:
    return [
        Case(
            "Brusselator", "d(x)/dt = 1 + x^2*y - 2.5*x\nd(y)/dt = 1.5*x - x^2*y", {"x": 1.0, "y": 1.0}, 0.01, 9.0, 0.01
        ),
        Case("Van der Pol", "d(x)/dt = y\nd(y)/dt = (x*x - 1)*y - x", {"x": -1.0, "y": -1.0}, 0.01, 40.0, 0.01),
        Case(
            "robot arm",
            "d(a)/dt = c\nd(b)/dt = e\nd(c)/dt = (-2*b*c*e - 2*a - 2*c)/(b*b + 1) + 4/(b*b + 1)\nd(e)/dt = b*c*c - b - e + 1",
            {"a": 1.505, "b": 1.505, "c": 0.005, "e": 0.005},
            0.005,
            40.0,
            0.01,
        ),
        Case(
            "Dubins car",
            "d(x)/dt = cos(th)\nd(y)/dt = sin(th)\nd(th)/dt = x*sin(w)\nd(w)/dt = 1",
            {"x": 0.0, "y": 0.0, "th": 0.7854, "w": 0.0},
            0.01,
            15.0,
            0.1,
        ),
        Case(
            "CT-RNN cartpole",
            _cartpole(),
            {"dth": 0.0, "dx": 0.0, "th": 0.001, "x": 0.0, **{f"h{k}": 0.0 for k in range(NEURONS)}},
            1e-4,
            1.0,
            0.02,
        ),
        Case(
            "spiral", "d(x)/dt = -0.1*x^3 + 2*y^3\nd(y)/dt = -2*x^3 - 0.1*y^3", {"x": 2.0, "y": 0.0}, 0.01, 10.0, 0.01
        ),
    ]
