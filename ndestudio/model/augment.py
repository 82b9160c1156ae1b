"""Hidden states for unknown functions: what the measured states alone cannot tell, a further one may remember.

After Dupont, Doucet and Teh 2019, Augmented Neural ODEs (NeurIPS), equations 3 to 5: paths of the measured states may then
cross, and what the data do not name (a delay, a store, an adaptation) has a place.
"""

from __future__ import annotations

import re

import msgspec

from ndestudio.model.analysis import analyse
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig

_NAME = re.compile(r"[A-Za-z_]\w*")


def with_hidden_state(
    config: ModelConfig,
    start: float | None = None,
    network: NetworkConfig | None = None,
    taken: frozenset[str] = frozenset(),
) -> ModelConfig:
    """``config`` with a state `h` that nobody measured: `d(h)/dt = h_rate(states, h)`, which every network reads too.

    Parameters
    ----------
    start
        Its initial value in all trajectories; None: one that is estimated for each.
    network
        Settings of `h_rate`; None: those of the first network without what is meant for its own output.
    taken
        Further names that must not be used (columns of the data).
    """
    used = {*_NAME.findall(config.equations), *config.parameters, *config.networks, *taken}
    state = _unused("h", used)
    rate = _unused(f"{state}_rate", used)
    lines = [_reading(line, state, tuple(config.networks)) for line in config.equations.rstrip().splitlines()]
    arguments = ", ".join([*analyse(config, [], []).states, state])
    text = "\n".join([*lines, f"d({state})/dt = {rate}({arguments})", ""])
    if network is None:
        first = next(iter(config.networks.values()), NetworkConfig())
        network = NetworkConfig(width=first.width, depth=first.depth, activation=first.activation)
    initial = config.initial if start is None else {**config.initial, state: InitialConfig(value=start, fit=False)}
    return msgspec.structs.replace(config, equations=text, networks={**config.networks, rate: network}, initial=initial)


def _unused(name: str, used: set[str]) -> str:
    found = next(one for one in (name, *(f"{name}{k}" for k in range(2, 1000))) if one not in used)
    used.add(found)
    return found


def _reading(line: str, state: str, networks: tuple[str, ...]) -> str:
    """The line with a further argument in every call of a network."""
    code, mark, comment = line.partition("#")
    at = 0
    while match := re.compile(rf"\b(?:{'|'.join(map(re.escape, networks)) or '(?!)'})\s*\(").search(code, at):
        depth, end = 1, match.end()
        while end < len(code) and depth:
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        if depth:
            break  # the line does not end its call; it has a problem of its own
        inside = state if not code[match.end() : end - 1].strip() else f", {state}"
        code = code[: end - 1] + inside + code[end - 1 :]
        at = match.end()  # calls inside the call come next
    return code + mark + comment
