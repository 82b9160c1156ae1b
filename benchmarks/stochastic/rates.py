"""How often the right law is found in 10,000 samples: `python -m benchmarks.stochastic rates`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.stochastic.systems import SYSTEMS, Monomials, System, density, passage
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.pipeline import distil
from ndestudio.expression.numeric import evaluate
from ndestudio.expression.sympy_form import to_sympy
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Binary, Expr, Number, substitute
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit
from ndestudio.model.config import ModelConfig, NetworkConfig
from ndestudio.model.fitted import FittedModel

Preset = Literal["quick", "balanced", "thorough"]
CLOSE, NEAR = 0.05, 0.1
VARIATION = {"double well": 0.02}


@dataclass(frozen=True)
class Verdict:
    """What was found of one series.

    Parameters
    ----------
    right
        Drift and squared diffusion have the true form.
    worst
        Largest relative error of a coefficient (of the diffusion, not its square), NaN where the form is not right.
    variation
        Total variation between the stationary densities.
    escape
        Relative error of the mean passage time.
    """

    right: bool
    worst: float
    variation: float
    escape: float
    text: str
    seconds: float

    def whole(self, most: float) -> bool:
        """Form, coefficients, density and passage, all within their limits."""
        told = (self.variation < most or np.isnan(self.variation)) and (self.escape < NEAR or np.isnan(self.escape))
        return self.right and self.worst < CLOSE and told


def law(model: FittedModel, state: str) -> tuple[Expr, Expr]:
    """Drift and squared diffusion of a model of formulas, numbers put in."""
    k = model.system.states.index(state)
    values: dict[str, Expr] = {name: Number(value) for name, value in model.parameters.items()}
    total: Expr = Number(0.0)
    for column in model.system.diffusion.values():
        total = Binary("+", total, Binary("^", substitute(column[k], values), Number(2.0)))
    return substitute(model.system.rhs[k], values), total


def monomials(expr: Expr, states: Sequence[str]) -> Monomials | None:
    """Coefficients of a polynomial, None where it is none."""
    import sympy

    symbols = [sympy.Symbol(name, positive=True) for name in states]
    plain = {sympy.Symbol(name): one for name, one in zip(states, symbols, strict=True)}
    form = sympy.powsimp(sympy.expand(sympy.simplify(to_sympy(expr).subs(plain))))
    try:
        poly = sympy.Poly(form, *symbols)
    except sympy.PolynomialError:
        return None
    found = {powers: float(value) for powers, value in poly.terms()}
    return {powers: value for powers, value in found.items() if value != 0.0}


def errors(found: Monomials | None, true: Monomials, power: float) -> float:
    """Largest relative error of the coefficients to a power; NaN for another form."""
    if found is None or set(found) != set(true):
        return float("nan")
    return max(abs(abs(found[one] / true[one]) ** power * np.sign(found[one] / true[one]) - 1.0) for one in true)


def judged(system: System, model: FittedModel, text: str, seconds: float, spread: np.ndarray) -> Verdict:
    """A model of formulas beside the truth."""
    states = list(system.drift)
    worst = 0.0
    for state in states:
        a, s2 = law(model, state)
        worst = max(
            worst,
            errors(monomials(a, states), system.drift[state], 1.0),
            errors(monomials(s2, states), system.squared[state], 0.5),
            key=lambda one: np.inf if np.isnan(one) else one,
        )
    variation, escape = float("nan"), float("nan")
    if len(states) == 1:
        a, s2 = law(model, states[0])
        x = np.linspace(spread[0], spread[1], 4001)
        fields = [np.broadcast_to(evaluate(one, {states[0]: x}), x.shape) for one in (a, s2)]
        true = [sum(v * x ** p[0] for p, v in one.items()) for one in (system.drift["x"], system.squared["x"])]
        true = [np.broadcast_to(one, x.shape) for one in true]
        with np.errstate(all="ignore"):
            if system.stationary:
                p, q = density(fields[0], fields[1], x), density(true[0], true[1], x)
                variation = 0.5 * float(np.trapezoid(np.abs(p - q), x))
                variation = 1.0 if np.isnan(variation) else variation
            if system.escape is not None:
                begin, end = system.escape
                escape = abs(
                    passage(fields[0], fields[1], x, begin, end) / passage(true[0], true[1], x, begin, end) - 1.0
                )
                escape = np.inf if np.isnan(escape) else escape
    return Verdict(not np.isnan(worst), worst, variation, escape, text, seconds)


def reach(system: System) -> np.ndarray:
    """Where the stationary density lies but for a millionth, or where a series was."""
    if not system.stationary:
        return np.array([0.3, 30.0])
    x = np.linspace(-12.0 if (0,) in system.squared["x"] else 1e-3, 12.0, 40001)
    a, s2 = (sum(v * x ** p[0] for p, v in one.items()) + 0.0 * x for one in (system.drift["x"], system.squared["x"]))
    p = np.cumsum(density(a, s2, x)) * (x[1] - x[0])
    return np.asarray(np.interp([1e-6, 1 - 1e-6], p, x))


def one(name: str, seed: int, samples: int, preset: Preset, evaluations: int) -> tuple[Verdict, Verdict]:
    """Networks, then formulas; and the true form fitted to the same series, which bounds what can be had."""
    system = SYSTEMS[name]
    data = system.series(seed, samples)
    begun = time.perf_counter()
    networks: Mapping[str, NetworkConfig] = {n: NetworkConfig(width=16, depth=2) for n in system.networks}
    config = ModelConfig(equations=system.learned, networks=dict(networks))
    trained = fit(config, data, TrainConfig(preset=preset, time_limit=300.0))
    found = distil(trained.model, data, DistilConfig(evaluations=evaluations, threads=1))
    seconds = time.perf_counter() - begun
    spread = reach(system) if len(system.drift) == 1 else np.zeros(2)
    text = "; ".join(
        f"{key} = {short_text(value.expression, 4) if (value := found.model.replacements.get(key)) else '?'}"
        for key in system.networks
    )
    values = ", ".join(f"{key} {value:.4g}" for key, value in found.model.parameters.items())
    best = fit(ModelConfig(equations=system.equations), data)
    oracle = judged(system, best.model, "", 0.0, spread)
    if found.model.networks:
        return Verdict(False, float("nan"), 1.0, np.inf, found.sentence, seconds), oracle
    return judged(system, found.model, f"{text}  [{values}]", seconds, spread), oracle


def main(argv: Sequence[str]) -> None:
    """One line for each series, then one for each system."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stochastic rates")
    parser.add_argument("--systems", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--evaluations", type=int, default=200_000)
    given = parser.parse_args(argv)
    names = [key for key in given.systems.split(",") if key] or list(SYSTEMS)
    lines = []
    for name in names:
        rows = []
        for seed in range(given.first, given.first + given.seeds):
            found, oracle = one(name, seed, given.samples, given.preset, given.evaluations)
            rows.append((found, oracle))
            print(
                f"{name} {seed}: {'right' if found.right else 'WRONG'} coefficients {found.worst:.3f} ({oracle.worst:.3f}) "
                f"variation {found.variation:.4f} ({oracle.variation:.4f}) passage {found.escape:.3f} ({oracle.escape:.3f}) "
                f"{found.seconds:.0f} s  {found.text}",
                flush=True,
            )
        most = VARIATION.get(name, 0.01)
        whole, bound = (sum(row[k].whole(most) for row in rows) for k in (0, 1))
        right = sum(row[0].right for row in rows)
        within, may = (sum(row[k].worst < CLOSE for row in rows) for k in (0, 1))
        lines.append(
            f"{name}: form right {right}/{len(rows)}; coefficients within 5% {within}/{len(rows)} (true form fitted: {may}); density and "
            f"passage too {whole}/{len(rows)} (true form fitted: {bound})"
        )
    print("\n".join(lines))
