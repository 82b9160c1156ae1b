"""`stacked(f, x)`: networks that follow each other in time, written out as a choice among them.

A state that counts the switches is constant between them, and the switches are events: no step of a solver leads across one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from ndestudio.errors import EquationError
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, StructureConfig

_CALL = re.compile(r"\bstacked\s*\(")
NEAR = 1e-9
"""Part of a time by which a run may begin before a switch and be after it: rounding of the times of stages."""


@dataclass(frozen=True)
class _Stack:
    """A stack that the equations call, with the texts of its arguments; ``count``: the state that counts its switches."""

    name: str
    times: tuple[float, ...]

    @property
    def count(self) -> str:
        return f"{self.name}_piece"

    def call(self, arguments: str) -> str:
        pieces = [f"{self.name}_{k + 1}({arguments})" for k in range(len(self.times) + 1)]
        choices = [
            f"{piece}, {self.count} < {k + 1.5} and t < {time + NEAR * max(abs(time), 1e-3)!r}"
            for k, (piece, time) in enumerate(zip(pieces, self.times, strict=False))
        ]
        return f"piecewise({', '.join(choices)}, {pieces[-1]})"

    def lines(self) -> list[str]:
        switches = [f"at t = {time!r}: {self.count} = {k + 2}" for k, time in enumerate(self.times)]
        return [f"d({self.count})/dt = 0", *switches]


def stacked_networks(config: ModelConfig) -> ModelConfig:
    """The model with stacks of networks written out; as it is where there are none.

    Raises
    ------
    EquationError
        A stack that [model.structures] does not have, or times that do not increase.
    """
    known = {name: _checked(name, one) for name, one in config.structures.items() if one.kind == "stacked"}
    called: dict[str, _Stack] = {}
    lines = []
    for line in config.equations.splitlines():
        code, hash_, comment = line.partition("#")
        while match := _CALL.search(code):
            end = _closing(code, match.end())
            name, _, arguments = (part.strip() for part in code[match.end() : end].partition(","))
            if name not in known:
                there = ", ".join(f"`{one}`" for one in known) or "none"
                raise EquationError(
                    f'there is no stack `{name}` in [model.structures] with `kind = "stacked"`; there are {there}'
                )
            if not arguments:
                raise EquationError(f"`stacked({name})` has no argument; write `stacked({name}, x)`")
            called[name] = known[name]
            code = code[: match.start()] + known[name].call(arguments) + code[end + 1 :]
        lines.append(code + hash_ + comment)
    if not called:
        return config
    networks, initial = dict(config.networks), dict(config.initial)
    for name, one in called.items():
        lines += one.lines()
        plain = networks.pop(name, NetworkConfig(width=config.structures[name].width))
        for k in range(len(one.times) + 1):
            networks.setdefault(f"{name}_{k + 1}", plain)
        initial.setdefault(one.count, InitialConfig(value=1.0, fit=False))
    return msgspec.structs.replace(config, equations="\n".join(lines), networks=networks, initial=initial)


def _closing(code: str, begin: int) -> int:
    depth = 1
    for k in range(begin, len(code)):
        depth += {"(": 1, ")": -1}.get(code[k], 0)
        if depth == 0:
            return k
    raise EquationError(f"`{code.strip()}` has a bracket that is not closed")


def _checked(name: str, config: StructureConfig) -> _Stack:
    times, where = config.times, f"[model.structures.{name}]"
    if config.positions or config.momenta or config.states:
        raise EquationError(
            f"{where}: a stack has `times`, and no states, positions or momenta; its arguments are in the equations"
        )
    increasing = all(a < b for a, b in pairwise(times))
    if not times or not increasing or not all(map(math.isfinite, times)):
        raise EquationError(
            f"{where}: `times` are when the next network takes over, increasing; write `times = [5.0, 10.0]`"
        )
    if config.width < 1:
        raise EquationError(f"{where}: `width` is a number of units, 1 or more")
    return _Stack(name, times)
