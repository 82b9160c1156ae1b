"""Log likelihood of a stochastic model: all transitions in one batch.

Models of formulas are evaluated in NumPy, where nothing has to be compiled, and differentiated by differences of the few
parameters; models with networks in JAX, with the gradient by all weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ndestudio.errors import SpecError
from ndestudio.expression.tree import names
from ndestudio.fitting.stochastic.fields import NUDGE as NUDGE_STATE
from ndestudio.fitting.stochastic.fields import Fields, FormulaFields, differenced_around, formula_fields, ito
from ndestudio.fitting.stochastic.grid import StateGrid, grid_density
from ndestudio.fitting.stochastic.moments import (
    Around,
    milstein_density,
    moments,
    normal_density,
    squared,
    taylor_moments,
)
from ndestudio.fitting.stochastic.nodes import StartNodes, moments_between, start_nodes
from ndestudio.fitting.stochastic.transitions import Transitions
from ndestudio.problem.dynamics import EquationDynamics, neural_functions
from ndestudio.problem.expressions import Functions
from ndestudio.problem.space import Space
from ndestudio.solve.jax_backend import get_jax

Density = Literal["euler", "milstein", "taylor", "linear", "moments", "grid"]
"""Transition densities: Euler-Maruyama, Milstein (one state, one noise), moments to second order of the step, local linearisation, moment equations, and moment
equations of short steps put together on a grid of states (one state)."""
DENSITIES: tuple[Density, ...] = ("euler", "milstein", "taylor", "linear", "moments", "grid")
NUDGE = 1e-5
"""Of a trained number, for differences."""

Theta = Float[np.ndarray, " theta"]


@dataclass(frozen=True, eq=False)
class TransitionLikelihood:
    """The likelihood of transitions under a model of numbers ``theta`` (see ``Space``).

    Parameters
    ----------
    density
        How a transition is approximated.
    parts
        Steps of the moment equations within a transition (of short steps for `grid`).
    grid
        Of the density `grid`.
    nodes
        Where ``negative`` has the moment equations of models with networks solved; None: for each transition. ``each`` is
        without them.
    """

    space: Space
    transitions: Transitions
    density: Density = "moments"
    parts: int = 1
    grid: StateGrid | None = None
    nodes: StartNodes | None = None

    @property
    def dynamics(self) -> EquationDynamics:
        dynamics = self.space.structure.dynamics
        assert isinstance(dynamics, EquationDynamics)
        return dynamics

    @property
    def count(self) -> int:
        return len(self.transitions)

    @cached_property
    def free(self) -> Any:
        return np.flatnonzero(self.space.free)

    def each(self, theta: Theta) -> Float[np.ndarray, " n"]:
        """Log density of each transition."""
        if self.dynamics.neural_terms:
            return np.asarray(self._program("each")(theta, *self._data))
        with np.errstate(all="ignore"):
            return self._formula_densities(theta)

    def moments(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """Mean [state, n] and covariance [state, state, n] of where each transition leads, by moment equations."""
        if self.dynamics.neural_terms:
            mean, covariance = self._program("moments")(theta, *self._data)
            return np.asarray(mean), np.asarray(covariance)
        one, fields = self.transitions, formula_fields(self.dynamics)
        with np.errstate(all="ignore"):
            return moments(fields.around(self._values(theta)), one.t, one.h, one.y, max(self.parts, 2), np)

    def negative(self, theta: Theta) -> tuple[float, Theta]:
        """Minus the log likelihood in nats, and its gradient."""
        if self.dynamics.neural_terms:
            value, gradient = self._program("negative" if self.nodes is None else "between")(theta, *self._data)
            return float(value), np.asarray(gradient)
        gradient = np.zeros(len(theta))
        gradient[self.free] = -self.scores(theta).sum(axis=0)
        return -float(self.each(theta).sum()), gradient

    def scores(self, theta: Theta) -> Float[np.ndarray, "n free"]:
        """Derivatives of each log density by the free numbers (few of them), by central differences."""
        found = np.empty((self.count, len(self.free)))
        for k, place in enumerate(self.free):
            step = NUDGE * max(1.0, abs(theta[place]))
            up, down = theta.copy(), theta.copy()
            up[place] += step
            down[place] -= step
            found[:, k] = (self.each(up) - self.each(down)) / (2.0 * step)
        return found

    def information(self, theta: Theta) -> Float[np.ndarray, "free free"]:
        """Observed information: second derivatives of minus the log likelihood by the free numbers, by differences."""
        free = self.free
        found = np.empty((len(free), len(free)))
        for k, place in enumerate(free):
            step = 1e-3 * max(1.0, abs(theta[place]))
            up, down = theta.copy(), theta.copy()
            up[place] += step
            down[place] -= step
            found[k] = (self.negative(up)[1][free] - self.negative(down)[1][free]) / (2.0 * step)
        return 0.5 * (found + found.T)

    def on(self, transitions: Transitions) -> TransitionLikelihood:
        """The same of other transitions (of the same step lengths, where there is a grid)."""
        grid = None if self.grid is None else self.grid.over(transitions)
        return replace(self, transitions=transitions, grid=grid, nodes=None)

    def with_nodes(self) -> TransitionLikelihood:
        """With nodes for the gradient, where equations, data and density have any."""
        dynamics = self.dynamics
        if self.density not in ("moments", "linear") or not dynamics.neural_terms:
            return self
        if len(dynamics.states) != 1 or not autonomous(dynamics):
            return self
        return replace(self, nodes=start_nodes(self.transitions))

    def _values(self, theta: Theta) -> Callable[[Any, Any], Sequence[Any]]:
        one = self.transitions
        known = self.space.parameters(theta)
        parameters = [known[name] for name in self.dynamics.parameters]
        if not self.dynamics.inputs:
            return lambda t, y: [*y, *parameters, t]

        def driven(t: Any, y: Any) -> Sequence[Any]:
            return [*y, *(one.u + (t - one.t) / one.h * (one.u_later - one.u)), *parameters, t]

        return driven

    def _formula_densities(self, theta: Theta) -> Any:
        one, fields, values = self.transitions, formula_fields(self.dynamics), self._values(theta)
        if self.density == "grid":
            assert self.grid is not None
            still = self._still(theta)
            return grid_density(fields.around(still), self.grid.arrays, self.grid.steps, self.parts, np)
        if self.density == "taylor":
            return normal_density(*taylor_moments(fields.around(values), one.t, one.h, one.y, np), one.later, np)
        if self.density in ("moments", "linear"):
            found = moments(
                fields.around(values), one.t, one.h, one.y, self.parts, np, second=self.density == "moments"
            )
            return normal_density(*found, one.later, np)
        return _simple(fields, values, self)

    def _still(self, theta: Theta) -> Callable[[Any, Any], Sequence[Any]]:
        """Values at nodes, where neither time nor inputs count."""
        known = self.space.parameters(theta)
        parameters = [known[name] for name in self.dynamics.parameters]
        inputs = [0.0] * len(self.dynamics.inputs)
        return lambda t, y: [*y, *inputs, *parameters, t]

    @property
    def _data(self) -> tuple[Any, ...]:
        one = self.transitions
        known = self.space.constants
        constants = (known.bijection, known.scales, NUDGE_STATE * known.state_scale)
        data = (one.t, one.h, one.y, one.later, one.u, one.u_later)
        lie = self.grid or self.nodes
        return constants, data, () if lie is None else lie.arrays

    def _program(self, what: str) -> Callable[..., Any]:
        short = 0 if self.grid is None else self.grid.steps
        slices = self.space.structure.neural_term_slices().items()
        slots = tuple((name, place.start, place.stop) for name, place in slices)
        return _program(self.dynamics, slots, self.density, self.parts, short, what)


def _simple(fields: FormulaFields, values: Callable[[Any, Any], Sequence[Any]], one: TransitionLikelihood) -> Any:
    """Densities of a single step of Euler-Maruyama or Milstein."""
    d = one.transitions
    v, shape = values(d.t, d.y), d.t.shape
    a, b = fields.drift(v, shape), fields.diffusion(v, shape)
    if one.density == "milstein":
        return milstein_density(a[0], b[0, 0], fields.spread_slope(v, shape), d.h, d.y[0], d.later[0], np)
    return normal_density(d.y + a * d.h, squared(b, np) * d.h, d.later, np)


def check_density(density: str, dynamics: EquationDynamics) -> None:
    """Refuse a density that these equations do not have.

    Raises
    ------
    SpecError
        Unknown, or for one state and one noise only.
    """
    if density not in DENSITIES:
        raise SpecError(f"there is no transition density `{density}`; known are {', '.join(DENSITIES)}")
    one = len(dynamics.states) == 1
    if density in ("milstein", "grid") and not (one and (density == "grid" or len(dynamics.noises) == 1)):
        raise SpecError(
            f"the density `{density}` is for one state{'' if density == 'grid' else ' and one noise'}, and these equations have "
            f"{len(dynamics.states)} and {len(dynamics.noises)}; choose `moments`"
        )
    if density == "grid" and not autonomous(dynamics):
        raise SpecError("the density `grid` is for equations without inputs and `t`; choose `moments`")


def autonomous(dynamics: EquationDynamics) -> bool:
    """Whether the equations read neither inputs nor the time."""
    terms = [*dynamics.rhs, *(term for column in dynamics.columns for term in column)]
    return not {*dynamics.inputs, "t"} & {name for term in terms for name in names(term)}


def traced_fields(
    dynamics: EquationDynamics,
    theta: Any,
    slots: Any,
    constants: Any,
    inputs: Callable[[Any], Any],
    changed: Callable[[Functions], Functions] | None = None,
) -> Fields:
    """Fields of Ito's calculus in JAX, for numbers ``theta``.

    Parameters
    ----------
    changed
        What is put in the place of the networks.
    """
    import jax.numpy as jnp

    bijection, scales, _ = constants
    parameters = bijection.forward(theta[: len(dynamics.parameters)], jnp)
    weights = {name: theta[start:stop] for name, start, stop in slots}
    functions = neural_functions(dynamics.neural_terms, weights, scales, jnp)
    functions = functions if changed is None else changed(functions)
    drift, diffusion = dynamics.drift(functions, jnp), dynamics.diffusion(functions, jnp)
    assert diffusion is not None

    def fields(t: Any, y: Any) -> tuple[Any, Any]:
        u = inputs(t)
        return drift(parameters, t, u, y), diffusion(parameters, t, u, y)

    return fields if dynamics.calculus == "ito" else ito(fields)


@lru_cache(maxsize=128)
def _program(
    dynamics: EquationDynamics, slots: Any, density: Density, parts: int, short: int, what: str
) -> Callable[..., Any]:
    jax = get_jax()
    import jax.numpy as jnp

    def fields(theta: Any, constants: Any, data: Any) -> Fields:
        t0, h, _, _, u, later = data

        def inputs(t: Any) -> Any:
            return u + (t - t0) / h * (later - u) if u.shape[0] else u

        return traced_fields(dynamics, theta, slots, constants, inputs)

    def each(theta: Any, constants: Any, data: Any, grid: Any) -> Any:
        t, h, y, later, u, _ = data
        if density == "grid":
            still = traced_fields(dynamics, theta, slots, constants, lambda t: u[:, :1] * 0.0)
            return grid_density(differenced_around(still, constants[2], jnp), grid, short, parts, jnp)
        f = fields(theta, constants, data)
        if density == "milstein":
            (a, b), (_, slope) = jax.jvp(lambda x: f(t, x), (y,), (jnp.ones_like(y),))
            return milstein_density(a[0], b[0, 0], slope[0, 0], h, y[0], later[0], jnp)
        if density == "euler":
            a, b = f(t, y)
            return normal_density(y + a * h, squared(b, jnp) * h, later, jnp)
        if density == "taylor":
            near = taylor_moments(differenced_around(f, constants[2], jnp), t, h, y, jnp)
            return normal_density(*near, later, jnp)
        found = moments(differenced_around(f, constants[2], jnp), t, h, y, parts, jnp, second=density == "moments")
        return normal_density(*found, later, jnp)

    def total(theta: Any, constants: Any, data: Any, grid: Any) -> Any:
        return -each(theta, constants, data, grid).sum()

    def between(theta: Any, constants: Any, data: Any, nodes: Any) -> Any:
        _, h, y, later, u, _ = data
        still = traced_fields(dynamics, theta, slots, constants, lambda t: u[:, :1] * 0.0)
        around = differenced_around(still, constants[2], jnp)
        found = moments_between(around, nodes, h, y, parts, jnp, second=density == "moments")
        return -normal_density(*found, later, jnp).sum()

    def mean_and_covariance(theta: Any, constants: Any, data: Any, grid: Any) -> Any:
        t, h, y, _, _, _ = data
        around: Around = differenced_around(fields(theta, constants, data), constants[2], jnp)
        return moments(around, t, h, y, max(parts, 2), jnp)

    made = {
        "each": each,
        "moments": mean_and_covariance,
        "negative": jax.value_and_grad(total),
        "between": jax.value_and_grad(between),
    }
    return jax.jit(made[what])
