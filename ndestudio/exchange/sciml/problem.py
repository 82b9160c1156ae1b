"""The parts of a PEtab problem that the extension SciML adds: networks, arrays, what they take in and set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import DataError
from ndestudio.exchange.petab.formula import own_name, parse_formula
from ndestudio.exchange.petab.priors import Prior
from ndestudio.exchange.petab.problem import ArrayParameter, NetworkUse, PetabProblem
from ndestudio.exchange.petab.tables import is_number, listed, read_table
from ndestudio.exchange.sciml.arrays import read_arrays
from ndestudio.exchange.sciml.network import Network, read_network
from ndestudio.expression.tree import Expr, Name

_ENTITY = re.compile(r"(?P<network>\w+)\.(?P<what>inputs|outputs|parameters)(?P<rest>.*)", re.DOTALL)
_INDEX = re.compile(r"\[(\d+)\]")
_LAYER = re.compile(r"(?:\[(?P<layer>\w+)\])?(?:\.(?P<array>\w+))?")
ARRAY = "array"
"""Word of the tables for what an array file holds."""


@dataclass(frozen=True)
class ArrayRow:
    """A row of the parameter table that is about arrays: network, layer, array ("" for all)."""

    name: str
    place: tuple[str, str, str]
    estimate: bool
    nominal: str
    prior: Prior | None


@dataclass(frozen=True, eq=False)
class UsedNetworks:
    """What a problem says of its networks, before its tables are read.

    Parameters
    ----------
    entities
        Name in the tables -> network, `"inputs"`, `"outputs"` or `"parameters"`, and the rest of its address.
    targets
        Name -> formula text, of the hybridisation tables.
    values
        Network -> layer -> array -> numbers.
    arrays
        Input -> condition -> numbers.
    """

    networks: Mapping[str, tuple[Network, bool]]
    entities: Mapping[str, tuple[str, str, str]]
    targets: Mapping[str, str]
    values: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]
    arrays: Mapping[str, Mapping[str, np.ndarray]]
    path: str

    def place(self, name: str) -> tuple[str, str, str] | None:
        """Network, layer and array that a parameter of the tables stands for; None for an ordinary one."""
        found = self.entities.get(name)
        if found is None or found[1] != "parameters":
            return None
        match = _LAYER.fullmatch(found[2])
        if match is None:
            raise DataError(
                f"`{name}` stands for `{found[0]}.parameters{found[2]}`, which is not understood", path=self.path
            )
        return found[0], match["layer"] or "", match["array"] or ""


def networks_of(path: Path, yaml: Mapping[str, Any], mapping: Mapping[str, str]) -> UsedNetworks | None:
    """Networks of a problem; None where it has none.

    Raises
    ------
    DataError
        What is wrong, and in which file.
    """
    extensions = yaml.get("extensions") or {}
    if not isinstance(extensions, dict):
        raise DataError("`extensions` should be a mapping", path=str(path))
    for name in extensions:
        if name not in ("sciml", "petab_sciml"):
            raise DataError(f"it needs the extension `{name}`, which is not known; `sciml` is", path=str(path))
    part = extensions.get("sciml") or extensions.get("petab_sciml")
    if not part:
        return None
    declared = part.get("neural_networks") or part.get("neural_nets") or {} if isinstance(part, dict) else None
    if not isinstance(declared, dict) or not all(isinstance(one, dict) for one in declared.values()):
        raise DataError("`neural_networks` should name networks with their `location`", path=str(path))
    networks = {}
    for name, one in declared.items():
        if str(one.get("format", "YAML")).upper() != "YAML":
            raise DataError(f"the network `{name}` has the format `{one.get('format')}`; YAML is read", path=str(path))
        locations = listed(one.get("location"), "location", path)
        if len(locations) != 1:
            raise DataError(f"the network `{name}` needs one `location`", path=str(path))
        networks[str(name)] = (read_network(locations[0]), bool(one.get("pre_initialization", False)))
    entities = {}
    for name, entity in mapping.items():
        match = _ENTITY.fullmatch(entity)
        if match is not None and match["network"] in networks:
            entities[name] = (match["network"], match["what"], match["rest"])
    targets = {}
    for file in listed(part.get("hybridization_files"), "hybridization_files", path):
        for row in read_table(file, ("targetId", "targetValue")):
            targets[row["targetId"]] = row["targetValue"]
    values: dict[str, dict[str, Any]] = {}
    arrays: dict[str, dict[str, Any]] = {}
    for file in listed(part.get("array_files"), "array_files", path):
        for network, layers in read_arrays(file, "parameters").items():
            for layer, found in layers.items():
                values.setdefault(network, {}).setdefault(layer, {}).update(found)
        arrays.update(read_arrays(file, "inputs"))
    return UsedNetworks(networks, entities, targets, values, arrays, str(path))


def add_networks(problem: PetabProblem, used: UsedNetworks, rows: Sequence[ArrayRow]) -> PetabProblem:
    """The problem with its networks in place.

    Raises
    ------
    DataError, EquationError
        Something is named that there is not, or does not fit.
    """
    renamed = problem.model.renamed
    uses = {}
    for name, (network, before) in used.networks.items():
        inputs = _inputs(name, network, used, renamed)
        outputs = {
            own_name(one, renamed): _indices(rest, one, used.path)
            for one, (of, what, rest) in used.entities.items()
            if of == name and what == "outputs"
        }
        values = _filled(name, network, used, rows)
        uses[name] = NetworkUse(network, before, inputs, outputs, values)
    model = problem.model
    inner = {one for one, (_, what, _) in used.entities.items() if what == "inputs"}
    rules: dict[str, Expr] = {}
    for target, text in used.targets.items():
        if target in inner:
            continue
        name = own_name(target, renamed)
        if (
            name not in model.constants
            and name not in model.rates
            and name not in {one.name for one in problem.parameters}
        ):
            raise DataError(
                f"a hybridisation table sets `{target}`, which is no parameter and no state of the model",
                path=used.path,
            )
        rules[name] = parse_formula(text, renamed)
    arrays = tuple(
        ArrayParameter(row.name, *row.place, row.estimate, _number(row, used.path), row.prior) for row in rows
    )
    return replace(problem, networks=uses, rules=rules, arrays=arrays)


def _number(row: ArrayRow, path: str) -> float | None:
    if row.nominal in ("", ARRAY):
        return None
    if not is_number(row.nominal):
        raise DataError(
            f"the nominal value of `{row.name}` is `{row.nominal[:40]}`; it is a number or `{ARRAY}`", path=path
        )
    return float(row.nominal)


def _indices(rest: str, name: str, path: str) -> tuple[int, ...]:
    if _INDEX.sub("", rest):
        raise DataError(f"`{name}` has the address `{rest[:40]}`; it should be numbers in brackets", path=path)
    return tuple(int(one) for one in _INDEX.findall(rest))


def _inputs(name: str, network: Network, used: UsedNetworks, renamed: Mapping[str, str]) -> tuple[Any, ...]:
    """For each argument its entries as expressions, or its array for each condition."""
    count = len(network.inputs)
    arrays: dict[int, Mapping[str, np.ndarray]] = {}
    entries: dict[int, dict[int, Expr]] = {}
    for one, (of, what, rest) in used.entities.items():
        if of != name or what != "inputs":
            continue
        index = [*_indices(rest, one, used.path)]
        if not 1 <= len(index) <= 2 or index[0] >= count:
            raise DataError(
                f"`{one}` stands for `{name}.inputs{rest}`; the network has {count} arguments", path=used.path
            )
        text = used.targets.get(one)
        if text == ARRAY or (text is None and one in used.arrays):
            if one not in used.arrays:
                raise DataError(f"`{one}` is an array that no array file has", path=used.path)
            arrays[index[0]] = used.arrays[one]
            continue
        made = Name(own_name(one, renamed)) if text is None else parse_formula(text, renamed)
        entries.setdefault(index[0], {})[index[-1] if len(index) > 1 else 0] = made
    for k in range(count):
        if k not in arrays and k not in entries:
            raise DataError(f"nothing says what the argument {k} of the network `{name}` is", path=used.path)
        places = sorted(entries.get(k, {}))
        if places != list(range(len(places))):
            raise DataError(
                f"the entries of the argument {k} of the network `{name}` have gaps: {places}", path=used.path
            )
    return tuple(arrays[k] if k in arrays else tuple(entries[k][j] for j in sorted(entries[k])) for k in range(count))


def _filled(
    name: str, network: Network, used: UsedNetworks, rows: Sequence[ArrayRow]
) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Arrays of a network: those of the files, but where a row of the table gives a number."""
    known = used.values.get(name, used.values.get(network.name, {}))
    values = {layer: dict(arrays) for layer, arrays in known.items()}
    for layer, kind in network.layers.items():
        for array, shape in kind.shapes.items():
            row = most_special(rows, name, layer, array)
            number = None if row is None else _number(row, used.path)
            if number is not None:
                values.setdefault(layer, {})[array] = np.full(shape, number)
    network.check(values, used.path)
    return values


def most_special(rows: Sequence[Any], network: str, layer: str, array: str) -> Any:
    """The row about an array that says most precisely which; None where none is about it."""
    best, found = -1, None
    for row in rows:
        of, its_layer, its_array = row.place if isinstance(row, ArrayRow) else (row.network, row.layer, row.array)
        if of != network or its_layer not in ("", layer) or its_array not in ("", array):
            continue
        rank = (its_layer != "") + (its_array != "")
        if rank > best:
            best, found = rank, row
    return found


__all__ = ["ARRAY", "ArrayRow", "UsedNetworks", "add_networks", "most_special", "networks_of"]
