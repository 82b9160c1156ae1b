"""Networks of PEtab SciML: layers and the order in which they are called, read from YAML and evaluated with JAX.

Meanings and defaults are PyTorch's (2.x), which the format takes them from: arrays are out x in, images are channel, height,
width, with or without a batch before them. Networks are evaluated, not trained: dropout passes its input on, normalisation
takes its running statistics where the file has them and those of the batch where it has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import DataError
from ndestudio.exchange.petab.tables import read_yaml
from ndestudio.exchange.sciml.functions import FUNCTIONS
from ndestudio.exchange.sciml.layers import LAYERS, Layer

MOST_STEPS = 10_000


@dataclass(frozen=True)
class Step:
    """One call in a network.

    Parameters
    ----------
    kind
        `"placeholder"`, `"call_module"`, `"call_function"`, `"call_method"` or `"output"`.
    arguments, settings
        Names of earlier steps (as `Earlier`) and plain values.
    """

    name: str
    kind: str
    target: str
    arguments: tuple[Any, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Earlier:
    """The result of an earlier step."""

    name: str


@dataclass(frozen=True, eq=False)
class Network:
    """A network without its numbers.

    Parameters
    ----------
    layers
        Name -> what it is.
    inputs
        Names of its arguments.
    document
        What it was made of, as it stands in a file.
    """

    name: str
    layers: Mapping[str, Layer]
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    document: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, arrays: Mapping[str, Mapping[str, Any]], inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Outputs for inputs, with JAX.

        Parameters
        ----------
        arrays
            Layer -> array -> numbers.
        """
        found: dict[str, Any] = {}
        given = iter(inputs)

        def value(one: Any) -> Any:
            if isinstance(one, Earlier):
                return found[one.name]
            return [value(each) for each in one] if isinstance(one, list | tuple) else one

        for step in self.steps:
            arguments = [value(one) for one in step.arguments]
            if step.kind == "placeholder":
                found[step.name] = next(given)
            elif step.kind == "call_module":
                found[step.name] = self.layers[step.target](arrays.get(step.target, {}), *arguments)
            elif step.kind == "output":
                whole = arguments[0] if len(arguments) == 1 else arguments
                return tuple(whole) if isinstance(whole, list) else (whole,)
            else:
                settings = {name: value(one) for name, one in step.settings.items()}
                found[step.name] = FUNCTIONS[step.target](*arguments, **settings)
        raise AssertionError("a network without an output was refused when it was read")

    def check(self, arrays: Mapping[str, Mapping[str, np.ndarray]], where: str = "") -> None:
        """Refuse arrays that do not fit.

        Raises
        ------
        DataError
            One is missing, or has another shape.
        """
        called = {step.target for step in self.steps if step.kind == "call_module"}
        for name, layer in ((name, layer) for name, layer in self.layers.items() if name in called):
            for array, shape in layer.shapes.items():
                known = arrays.get(name, {}).get(array)
                if known is None:
                    raise DataError(
                        f"the array `{array}` of the layer `{name}` of `{self.name}` is missing", path=where or None
                    )
                if tuple(known.shape) != shape:
                    raise DataError(
                        f"the array `{array}` of the layer `{name}` of `{self.name}` has the shape {tuple(known.shape)}; {shape} is needed",
                        path=where or None,
                    )


def read_network(path: Path) -> Network:
    """The network in a YAML file.

    Raises
    ------
    DataError
        It is no network, or has a layer or function that is not known.
    """
    text = read_yaml(path)
    return network_of(text, str(text.get("nn_model_id", path.stem)), str(path))


def network_of(text: Mapping[str, Any], name: str, where: str = "") -> Network:
    """The network that a document says.

    Raises
    ------
    DataError
        As ``read_network``.
    """
    layers = {}
    for one in _mappings(text.get("layers") or [], "layers", where):
        kind, known = str(one.get("layer_type", "")), str(one.get("layer_id", ""))
        if kind not in LAYERS:
            raise DataError(
                f"the layer `{known}` is a `{kind[:60]}`, which is not known; there are {', '.join(LAYERS)}", path=where
            )
        arguments = one.get("args") or {}
        if not isinstance(arguments, dict):
            raise DataError(f"`args` of the layer `{known}` should be a mapping", path=where)
        try:
            layers[known] = LAYERS[kind](kind, {str(k): v for k, v in arguments.items()})
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"the layer `{known}` ({kind}) has settings that do not fit: {error}", path=where) from None
    steps: list[Step] = []
    known_steps: set[str] = set()
    rows = _mappings(text.get("forward") or [], "forward", where)
    if len(rows) > MOST_STEPS:
        raise DataError(f"it has {len(rows)} steps; at most {MOST_STEPS} are read", path=where)
    for row in rows:
        steps.append(_step(row, known_steps, layers, where))
        known_steps.add(steps[-1].name)
    if not steps or steps[-1].kind != "output":
        raise DataError("its last step should be its output", path=where)
    inputs = tuple(step.name for step in steps if step.kind == "placeholder")
    return Network(name, layers, inputs, tuple(steps), text)


def _step(row: Mapping[str, Any], known: set[str], layers: Mapping[str, Layer], where: str) -> Step:
    name, kind, target = (str(row.get(key, "")) for key in ("name", "op", "target"))
    if kind not in ("placeholder", "call_module", "call_function", "call_method", "output"):
        raise DataError(f"the step `{name}` is a `{kind[:40]}`, which is not known", path=where)
    if kind == "call_module" and target not in layers:
        raise DataError(f"the step `{name}` calls the layer `{target}`, which there is not", path=where)
    if kind in ("call_function", "call_method") and target not in FUNCTIONS:
        raise DataError(
            f"the step `{name}` calls `{target[:60]}`, which is not known; there are {', '.join(FUNCTIONS)}", path=where
        )
    arguments, settings = row.get("args") or [], row.get("kwargs") or {}
    if not isinstance(arguments, list) or not isinstance(settings, dict):
        raise DataError(f"`args` and `kwargs` of the step `{name}` should be a list and a mapping", path=where)

    def linked(one: Any) -> Any:
        if isinstance(one, str):
            if one not in known:
                raise DataError(f"the step `{name}` reads `{one[:60]}`, which comes later or not at all", path=where)
            return Earlier(one)
        return [linked(each) for each in one] if isinstance(one, list) else one

    inner = () if kind == "placeholder" else tuple(linked(one) for one in arguments)
    allowed = {str(k): v for k, v in settings.items() if k not in ("inplace", "_stacklevel", "dtype")}
    return Step(name, kind, target, inner, allowed)


def _mappings(rows: Any, what: str, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise DataError(f"`{what}` should be a list of mappings", path=where)
    return rows
