"""Learned terms that keep a structure by construction, and stopping times: what is written out before equations are read.

With x the states of a structure, z_k = w_k . (x - e) + b_k, and a, b, c, d, e, s, w parameters that are trained:

- Hamiltonian: H = sum_k a_k tanh(z_k) + sum_i c_i^2 x_i^2 / 2, q' = dH/dp, p' = -dH/dq. H is constant along solutions (Greydanus, Dzamba
  and Yosinski 2019, Hamiltonian neural networks).
- port-Hamiltonian: p' = -dH/dq - d^2 dH/dp. H never grows by itself; what else is written into the equation of p are the ports (Massaroli et
  al. 2019, Port-Hamiltonian approach to neural network training; van der Schaft and Jeltsema 2014).
- stable: V = sum_i (1/100 + c_i^2) (x_i - e_i)^2 / 2 + sum_k a_k^2 log cosh(z_k) with b = 0, convex and least at e; x' = (S - R) grad V with S skew and
  R = diag(1/100 + d_i^2). So dV/dt = -grad V . R grad V < 0 everywhere but at e: V is a Lyapunov function, and every solution comes to rest at e
  (after Kolter and Manek 2019, Learning stable deep dynamics models).
- stacked: networks f_1, f_2, ... with weights of their own, each for a span of time ("stacked" neural differential equations, Massaroli et al.
  2020, Dissecting neural ODEs). A constant state counts the switches, which are events, so that no step leads across one.

The others are formulas of parameters: every solver, fit, figure and export takes them as they are.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping

import msgspec
import numpy as np

from ndestudio.errors import EquationError
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, StructureConfig
from ndestudio.model.stacked import stacked_networks

FREE = -1e6
"""A lower bound that is none: without one, a parameter that looks like a rate would be kept above 0."""
LEAST = 0.01
"""Smallest curvature of a Lyapunov function and smallest damping of its descent."""
_CALL = re.compile(r"\b(flow|energy)\s*\(\s*(\w+)\s*(?:,\s*(\w+)\s*)?\)")
_UNTIL = re.compile(r"^(\s*)(\w+)\s*=\s*until\s*\((.*)\)\s*(#.*)?$")


def expanded(config: ModelConfig, seed: int = 0) -> ModelConfig:
    """The model with structured terms and stopping times written out; as it is where there are none.

    Parameters
    ----------
    seed
        Of the starts of the parameters of structured terms.

    Raises
    ------
    EquationError
        A structure that is not there, or a state that is none of it.
    """
    if not config.structures and not any(word in config.equations for word in ("until", "stacked")):
        return config
    given, config = config.equations, stacked_networks(config)
    parameters = dict(config.parameters)
    called: set[str] = set()
    written = {name: _written(name, one) for name, one in config.structures.items() if one.kind != "stacked"}

    def replaced(match: re.Match[str]) -> str:
        word, name, state = match.groups()
        if name not in written:
            if state is None or word == "energy":
                return match.group()
            known = ", ".join(f"`{one}`" for one in written) or "none"
            raise EquationError(f"there is no structure `{name}` in [model.structures]; there are {known}")
        called.add(name)
        energy, flows = written[name]
        if word == "energy":
            return f"({energy})"
        if state not in flows:
            raise EquationError(
                f"`{state}` is no state of the structure `{name}`; write `flow({name}, {next(iter(flows))})`"
            )
        return f"({flows[state]})"

    lines, events, initial = [], [], dict(config.initial)
    for line in config.equations.splitlines():
        code, hash_, comment = line.partition("#")
        stop = _UNTIL.match(code)
        if stop:
            space, name, condition = stop.group(1), stop.group(2), stop.group(3)
            going = f"{name}_going"
            code = f"{space}d({name})/dt = {going}"
            events += [f"d({going})/dt = 0", f"when {condition.strip()}: {going} = 0"]
            initial.setdefault(name, InitialConfig(value=0.0, fit=False))
            initial.setdefault(going, InitialConfig(value=1.0, fit=False))
        lines.append((_CALL.sub(replaced, code) if written else code) + hash_ + comment)
    for name in called:
        for key, value in _starts(name, config.structures[name], seed).items():
            parameters.setdefault(key, ParameterConfig(value=value, lower=FREE))
    text = "\n".join([*lines, *events])
    if text == given:
        return config
    return msgspec.structs.replace(config, equations=text, parameters=parameters, initial=initial)


def _written(name: str, config: StructureConfig) -> tuple[str, dict[str, str]]:
    """The energy, and the rate of each state."""
    states = _states(name, config)
    tilted = {k: _unit(name, config, states, k) for k in range(1, config.width + 1)}
    if config.kind == "stable":
        shifted = {x: f"({x} - {name}_e_{x})" for x in states}
        least = {x: f"({LEAST} + {name}_c_{x}^2)" for x in states}
        energy = " + ".join(
            [
                *(f"{least[x]}*{shifted[x]}^2/2" for x in states),
                *(f"{name}_a{k}^2*log(cosh({z}))" for k, z in tilted.items()),
            ]
        )
        slope = {
            x: " + ".join(
                [f"{least[x]}*{shifted[x]}", *(f"{name}_a{k}^2*{name}_w{k}_{x}*tanh({z})" for k, z in tilted.items())]
            )
            for x in states
        }
        flows = {}
        for i, x in enumerate(states):
            terms = [f"-({LEAST} + {name}_d_{x}^2)*({slope[x]})"]
            for j, y in enumerate(states):
                if i != j:
                    a, b = (x, y) if i < j else (y, x)
                    terms.append(f"{'+' if i < j else '-'} {name}_s_{a}_{b}*({slope[y]})")
            flows[x] = " ".join(terms)
        return energy, flows
    energy = " + ".join(
        [*(f"{name}_a{k}*tanh({z})" for k, z in tilted.items()), *(f"{name}_c_{x}^2*{x}^2/2" for x in states)]
    )
    slope = {
        x: " + ".join(
            [f"{name}_c_{x}^2*{x}", *(f"{name}_a{k}*{name}_w{k}_{x}*(1 - tanh({z})^2)" for k, z in tilted.items())]
        )
        for x in states
    }
    flows = {}
    for q, p in zip(config.positions, config.momenta, strict=True):
        flows[q] = slope[p]
        damped = f" - {name}_d_{p}^2*({slope[p]})" if config.kind == "port-hamiltonian" else ""
        flows[p] = f"-({slope[q]}){damped}"
    return energy, flows


def _unit(name: str, config: StructureConfig, states: tuple[str, ...], k: int) -> str:
    """The argument of a hidden unit."""
    if config.kind == "stable":
        return " + ".join(f"{name}_w{k}_{x}*({x} - {name}_e_{x})" for x in states)
    return " + ".join([*(f"{name}_w{k}_{x}*{x}" for x in states), f"{name}_b{k}"])


def _starts(name: str, config: StructureConfig, seed: int) -> Mapping[str, float]:
    """Where the parameters begin: weights drawn, a small correction to a quadratic energy."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    states, stable = _states(name, config), config.kind == "stable"
    found: dict[str, float] = {}
    for k in range(1, config.width + 1):
        found[f"{name}_a{k}"] = float(rng.normal(0.0, 0.3))
        found |= {f"{name}_w{k}_{x}": float(rng.normal(0.0, 1.0)) for x in states}
        if not stable:
            found[f"{name}_b{k}"] = float(rng.normal(0.0, 0.5))
    found |= {f"{name}_c_{x}": 1.0 for x in states}
    if stable:
        found |= {f"{name}_e_{x}": 0.0 for x in states}
        found |= {f"{name}_d_{x}": 0.5 for x in states}
        found |= {f"{name}_s_{x}_{y}": 0.0 for i, x in enumerate(states) for y in states[i + 1 :]}
    if config.kind == "port-hamiltonian":
        found |= {f"{name}_d_{p}": 0.3 for p in config.momenta}
    return found


def _states(name: str, config: StructureConfig) -> tuple[str, ...]:
    """The states of a structure, checked."""
    where = f"[model.structures.{name}]"
    if config.width < 1:
        raise EquationError(f"{where}: `width` is a number of units, 1 or more")
    if config.kind == "stable":
        if not config.states or config.positions or config.momenta:
            raise EquationError(f'{where}: a stable term has states; write `states = ["x", "y"]`')
        return config.states
    if not config.positions or len(config.positions) != len(config.momenta) or config.states:
        raise EquationError(
            f'{where}: a Hamiltonian has as many positions as momenta; write `positions = ["q"]` and `momenta = ["p"]`'
        )
    return (*config.positions, *config.momenta)
