"""Lines that speak of several names at once: outputs of one kind of network, and hidden states.

marker_1 to marker_20 = g(Disease, Z5)     each marker has a network g_marker_1, ... with the settings of `g`
hidden Z5, Z6 = h(Disease, Z5, Z6)         d(Z5)/dt = h_Z5(Disease, Z5, Z6), and the same for Z6
hidden V                                   the state V, whose equation stands elsewhere, is measured by nobody
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ndestudio.expression.tokens import Token, TokenKind, error_at
from ndestudio.model.config import ModelConfig, NetworkConfig

HIDDEN, UP_TO = "hidden", "to"
MOST = 1000
"""Names of one line."""


@dataclass(frozen=True)
class Several:
    """A line about several names.

    Parameters
    ----------
    targets
        The names.
    hidden
        They are hidden states.
    network
        Token of the network they share; None where the line only says that states are hidden.
    call
        What follows that token: `(`, arguments, `)`.
    """

    targets: tuple[Token, ...]
    hidden: bool
    network: Token | None = None
    call: tuple[Token, ...] = ()

    def groups(self) -> list[tuple[Token, list[Token]]]:
        """For each name the tokens of the line that is meant, `name = g_name(...)` or `d(name)/dt = g_name(...)`."""
        if self.network is None:
            return []
        return [(target, self._line(target, self.network)) for target in self.targets]

    def _line(self, target: Token, network: Token) -> list[Token]:
        def at(kind: TokenKind, text: str) -> Token:
            return Token(kind, text, target.line, target.column)

        left = [target]
        if self.hidden:
            left = [
                at("name", "d"),
                at("operator", "("),
                target,
                *(at("operator", ")"), at("operator", "/")),
                at("name", "dt"),
            ]
        called = Token("name", member(network.text, target.text), network.line, network.column)
        return [*left, at("operator", "="), called, *self.call]


def member(network: str, target: str) -> str:
    """Name of the network of one of several outputs."""
    return f"{network}_{target}"


def several(group: Sequence[Token]) -> Several | None:
    """What a line says of several names; None where it is another one.

    Raises
    ------
    EquationError
        It begins like one and goes on otherwise.
    """
    equals = next((k for k, token in enumerate(group) if token.text == "="), len(group))
    left = list(group[:equals])
    hidden = len(left) > 1 and left[0].text == HIDDEN and left[1].kind == "name"
    names = left[1:] if hidden else left
    listed = len(names) > 1 and names[0].kind == "name" and (names[1].text == "," or _is_range(names, 1))
    if not hidden and not (listed and equals < len(group)):
        return None
    targets = _targets(names)
    if equals == len(group):
        return Several(tuple(targets), hidden)
    right = list(group[equals + 1 :])
    if not _one_call(right):
        raise error_at(
            right[0] if right else group[-1],
            "several names on the left share one kind of network: write `a, b = g(x)`, or an equation for each of them",
        )
    return Several(tuple(targets), hidden, right[0], tuple(right[1:]))


def _is_range(names: Sequence[Token], k: int) -> bool:
    return names[k].text == UP_TO and k + 1 < len(names) and names[k + 1].kind == "name"


def _targets(names: Sequence[Token]) -> list[Token]:
    found: list[Token] = []
    k = 0
    while k < len(names):
        token = names[k]
        if token.kind != "name":
            raise error_at(
                token, "a name is expected here; names are set apart by `,` (`a, b`), or a row of them is `m_1 to m_20`"
            )
        if k + 1 < len(names) and _is_range(names, k + 1):
            found += _range(token, names[k + 2])
            k += 3
        else:
            found.append(token)
            k += 1
        if k < len(names) and names[k].text != ",":
            raise error_at(names[k], "names are set apart by `,` (`a, b`), or a row of them is `m_1 to m_20`")
        k += 1
    return found


def _range(first: Token, last: Token) -> list[Token]:
    """`m_1 to m_20`."""
    begin, end = (re.fullmatch(r"(.*?)(\d+)", token.text) for token in (first, last))
    if begin is None or end is None or begin[1] != end[1] or not int(begin[2]) < int(end[2]):
        raise error_at(
            first,
            f"`{first.text} to {last.text}` is no row of names; write `m_1 to m_20`, rising numbers at the end of one name",
        )
    low, high = int(begin[2]), int(end[2])
    if high - low >= MOST:
        raise error_at(last, f"more than {MOST} names in a row")
    width = len(begin[2]) if begin[2].startswith("0") else 0
    return [Token("name", f"{begin[1]}{n:0{width}d}", first.line, first.column) for n in range(low, high + 1)]


def _one_call(right: Sequence[Token]) -> bool:
    """Whether tokens are one call and nothing else."""
    if len(right) < 4 or right[0].kind != "name" or right[1].text != "(":
        return False
    depth = 0
    for k, token in enumerate(right[1:], start=1):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return k == len(right) - 1
    return False


def with_members(config: ModelConfig, shared: Sequence[tuple[str, str]]) -> ModelConfig:
    """``config`` with a network for each output that shares the settings of another: pairs of (network, its member)."""
    missing = {one: base for base, one in shared if one not in config.networks and base in config.networks}
    if not missing:
        return config
    made: dict[str, NetworkConfig] = {one: config.networks[base] for one, base in missing.items()}
    kept = {name: one for name, one in config.networks.items() if name not in missing.values()}
    return msgspec.structs.replace(config, networks={**kept, **made})
