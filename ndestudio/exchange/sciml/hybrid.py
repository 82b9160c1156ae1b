"""Networks within a problem: which formulas they stand in, and what is fitted in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndestudio.errors import DataError
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.petab.problem import Experiment, NetworkUse, PetabProblem
from ndestudio.exchange.sciml.problem import most_special
from ndestudio.expression.tree import Call, Expr, Name, names

WHOLE = "0"
"""Name in array files of what holds under all conditions."""


@dataclass(frozen=True, eq=False)
class Block:
    """An array of a network.

    Parameters
    ----------
    at
        Where it begins among what is estimated; None: it is not.
    """

    network: str
    layer: str
    array: str
    value: np.ndarray
    at: int | None
    prior: Prior | None
    name: str

    @property
    def slice(self) -> slice:
        assert self.at is not None
        return slice(self.at, self.at + self.value.size)


class Hybrid:
    """The networks of a problem, ready to be called; nothing at all where it has none.

    Attributes
    ----------
    slots
        Constants that they add: outputs that are computed before a simulation, and entries of arrays.
    rules
        Quantities that they add: outputs along a simulation, and what they set.
    starts
        Name -> what its value at the begin is, by outputs that are computed before.
    """

    def __init__(self, problem: PetabProblem) -> None:
        self._uses = problem.networks
        self.before_names = [name for name, use in self._uses.items() if use.before]
        self.along = tuple(name for name, use in self._uses.items() if not use.before)
        self.blocks = self._laid_out(problem)
        estimated = [one for one in self.blocks if one.at is not None]
        self.nominal = np.concatenate([np.zeros(0), *(one.value.ravel() for one in estimated)])
        self.labels = tuple(
            f"{one.network}.{one.layer}.{one.array}[{','.join(map(str, index))}]"
            for one in estimated
            for index in np.ndindex(one.value.shape)
        )
        self.slots: list[str] = [out for name in self.before_names for out in self._uses[name].outputs]
        self.rules: dict[str, Expr] = {}
        self._arguments: dict[str, list[Expr]] = {}
        for name in self.along:
            self._arguments[name] = self._flat(name)
            for out in self._uses[name].outputs:
                self.rules[out] = Call(f"{name}.{out}", tuple(self._arguments[name]))
        moving = {*self.rules, *problem.model.rates, *problem.model.quantities}
        self.starts: dict[str, Expr] = {}
        for target, expr in problem.rules.items():
            if set(names(expr)) & moving or "t" in names(expr):
                if target in problem.model.rates:
                    raise DataError(
                        f"a hybridisation table sets the state `{target}` by what changes in time; only parameters can be"
                    )
                self.rules[target] = expr
            else:
                self.starts[target] = expr
        self._along_blocks = [one for one in self.blocks if one.network in self.along]
        self.size_along = sum(one.value.size for one in self._along_blocks)

    def _laid_out(self, problem: PetabProblem) -> list[Block]:
        found, at = [], 0
        for name, use in problem.networks.items():
            for layer, kind in use.network.layers.items():
                for array in dict.fromkeys([*kind.shapes, *use.values.get(layer, {})]):
                    if array not in use.values.get(layer, {}):
                        continue  # of a layer that is never called
                    value = np.asarray(use.values[layer][array], dtype=float)
                    row = most_special(problem.arrays, name, layer, array)
                    fitted = row is not None and row.estimate and array in kind.shapes
                    label = row.name if row is not None else f"{name}.{layer}.{array}"
                    found.append(
                        Block(name, layer, array, value, at if fitted else None, row.prior if row else None, label)
                    )
                    at += value.size if fitted else 0
        return found

    def _flat(self, name: str) -> list[Expr]:
        """Arguments of a network along a simulation, entry by entry; arrays become constants."""
        flat: list[Expr] = []
        for k, entries in enumerate(self._uses[name].inputs):
            if isinstance(entries, tuple):
                flat += entries
                continue
            size = next(iter(entries.values())).size
            added = [f"{name}.{k}.{j}" for j in range(size)]
            self.slots += added
            flat += [Name(one) for one in added]
        return flat

    def inputs(self, experiment: Experiment) -> dict[str, float]:
        """Constants that hold arrays, under the condition of an experiment."""
        found = {}
        for name in self.along:
            for k, entries in enumerate(self._uses[name].inputs):
                if isinstance(entries, Mapping):
                    value = _of_condition(entries, experiment)
                    found |= {f"{name}.{k}.{j}": float(one) for j, one in enumerate(value.ravel())}
        return found

    def before(
        self,
        values: list[Any],
        place: Mapping[str, int],
        theta: Any,
        experiment: Experiment,
        evaluated: Callable[[tuple[Expr, ...]], list[Any]],
        xp: Any,
    ) -> None:
        """Fill in what networks compute before a simulation, and what they set; in place."""
        waiting = list(self.before_names)
        while waiting:
            outputs = {out for name in waiting for out in self._uses[name].outputs}
            ready = [name for name in waiting if not self._reads(name) & outputs]
            if not ready:
                raise DataError(f"the networks {', '.join(waiting)} wait for each other")
            for name in ready:
                use = self._uses[name]
                given = [
                    xp.stack([xp.asarray(one, dtype=float) for one in evaluated(entries)])
                    if isinstance(entries, tuple)
                    else xp.asarray(_of_condition(entries, experiment))
                    for entries in use.inputs
                ]
                results = use.network(self.weights(name, theta, xp), given)
                for out, index in use.outputs.items():
                    values[place[out]] = _entry(results, index)
                waiting.remove(name)
        for target, expr in self.starts.items():
            if target in place:
                values[place[target]] = evaluated((expr,))[0]

    def _reads(self, name: str) -> set[str]:
        return {
            one
            for entries in self._uses[name].inputs
            if isinstance(entries, tuple)
            for e in entries
            for one in names(e)
        }

    def weights(self, name: str, theta: Any, xp: Any) -> dict[str, dict[str, Any]]:
        """Layer -> array -> numbers of a network, under what is estimated of arrays."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.blocks:
            if one.network == name:
                value = one.value if one.at is None else theta[one.slice].reshape(one.value.shape)
                found.setdefault(one.layer, {})[one.array] = xp.asarray(value)
        return found

    def weights_along(self, theta: Any, xp: Any) -> Any:
        """All numbers of networks along the simulation, one after the other; None where there are none."""
        if not self._along_blocks:
            return None
        parts = [one.value.ravel() if one.at is None else theta[one.slice] for one in self._along_blocks]
        return xp.concatenate([xp.asarray(one, dtype=float) for one in parts])

    def functions(self, offset: int) -> Callable[[Any], dict[str, Callable[..., Any]]]:
        """Calls of networks along a simulation, from the constants (their numbers begin at ``offset``)."""

        def of(p: Any) -> dict[str, Callable[..., Any]]:
            found: dict[str, Callable[..., Any]] = {}
            for name in self.along:
                use, weights, at = self._uses[name], {}, offset
                for one in self._along_blocks:
                    if one.network == name:
                        weights.setdefault(one.layer, {})[one.array] = p[at : at + one.value.size].reshape(
                            one.value.shape
                        )
                    at += one.value.size
                for out, index in use.outputs.items():
                    found[f"{name}.{out}"] = _called(use, weights, index)
            return found

        return of

    def log_priors(self, theta: np.ndarray) -> dict[str, float]:
        """Logarithm of the prior of the arrays that have one, together for those of one row of the table."""
        found: dict[str, float] = {}
        for one in self.blocks:
            if one.at is not None and one.prior is not None:
                found[one.name] = found.get(one.name, 0.0) + one.prior.log_density_of(theta[one.slice])
        return found

    def priors(self) -> list[Prior | None]:
        """Of each estimated number."""
        return [one.prior for one in self.blocks if one.at is not None for _ in range(one.value.size)]


def _called(use: NetworkUse, weights: Any, index: tuple[int, ...]) -> Callable[..., Any]:
    from ndestudio.solve.jax_backend import get_jax

    jnp = get_jax().numpy

    def call(*flat: Any) -> Any:
        given, at = [], 0
        for entries in use.inputs:
            shape = (len(entries),) if isinstance(entries, tuple) else next(iter(entries.values())).shape
            size = int(np.prod(shape))
            given.append(jnp.stack([jnp.asarray(one, dtype=float) for one in flat[at : at + size]]).reshape(shape))
            at += size
        return _entry(use.network(weights, given), index)

    return call


def _entry(results: Sequence[Any], index: tuple[int, ...]) -> Any:
    """One number of the outputs of a network; a batch of one is no dimension of its own."""
    first, *rest = index or (0,)
    if first >= len(results):
        raise DataError(f"a network has {len(results)} outputs, and `outputs[{first}]` is read")
    value = results[first]
    while value.ndim > len(rest) and value.shape[0] == 1:
        value = value[0]
    if value.ndim != len(rest) or any(k >= size for k, size in zip(rest, value.shape, strict=False)):
        raise DataError(
            f"an output of a network has the shape {tuple(value.shape)}, and its entry {list(rest)} is read"
        )
    return value[tuple(rest)]


def _of_condition(arrays: Mapping[str, np.ndarray], experiment: Experiment) -> np.ndarray:
    conditions = [one for period in experiment.periods for one in (period.condition, *period.condition.split(";"))]
    for key, value in arrays.items():
        if key in conditions or any(one in conditions for one in key.split(";")):
            return value
    if WHOLE in arrays:
        return arrays[WHOLE]
    raise DataError(f"an array of inputs has the conditions {', '.join(arrays)}, and `{experiment.name}` none of them")
