"""What a sweep varies: `train.seed=0..31`, `model.networks.f.width=8,16,32`, and the specs that makes."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ndestudio.errors import SpecError
from ndestudio.project.project import Spec
from ndestudio.project.spec import dump_spec, spec_of

MOST_VARIANTS = 100_000
_OPENING, _CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class Variation:
    """One setting and the values it takes.

    Parameters
    ----------
    setting
        Keys from the top of the spec to the setting: `("model", "networks", "f", "width")`.
    values
        As TOML knows them.
    """

    setting: tuple[str, ...]
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The setting as it is written: `model.networks.f.width`."""
        return ".".join(self.setting)


@dataclass(frozen=True, eq=False)
class Variant:
    """One spec of a sweep, and the values that set it apart, by the names of the settings."""

    number: int
    values: Mapping[str, Any]
    spec: Spec


def variation(text: str) -> Variation:
    """A variation as it is written: `SETTING=FIRST..LAST`, `SETTING=FIRST..LAST..STEP` or `SETTING=VALUE,VALUE,...`.

    Raises
    ------
    SpecError
        With what is wrong and how it is written.
    """
    name, sign, values = text.partition("=")
    if not sign or not name.strip() or not values.strip():
        raise SpecError(f"--vary {text}: write SETTING=VALUES, as train.seed=0..31 or model.networks.f.width=8,16,32")
    setting = setting_of(name.strip())
    return Variation(setting, _range(values, text) or tuple(_value(part) for part in _parts(values, text)))


def variants(spec: Spec, variations: Sequence[Variation]) -> list[Variant]:
    """Every combination of the values, the last variation changing fastest.

    Raises
    ------
    SpecError
        A setting that a spec does not have, a value it cannot take, a setting varied twice, or too many combinations.
    """
    names = [one.name for one in variations]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"`{twice}` is varied twice; write all its values behind one --vary")
    count = 1
    for one in variations:
        count *= len(one.values)
    if count > MOST_VARIANTS:
        raise SpecError(
            f"the values make {count:,} combinations, more than {MOST_VARIANTS:,}; vary fewer settings at once"
        )
    text = dump_spec(spec)
    found = []
    for number, values in enumerate(itertools.product(*(one.values for one in variations))):
        table = tomllib.loads(text)
        for one, value in zip(variations, values, strict=True):
            _put(table, one.setting, value)
        try:
            made = spec_of(table)
        except SpecError as error:
            raise SpecError(f"with {_shown(names, values)}: {error}") from None
        found.append(Variant(number, dict(zip(names, values, strict=True)), made))
    return found


def _shown(names: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=True))


def setting_of(name: str) -> tuple[str, ...]:
    """Dotted keys as TOML reads them, quoted ones too.

    Raises
    ------
    SpecError
        It is no name of a setting.
    """
    try:
        table: Any = tomllib.loads(f"{name} = 0")
    except tomllib.TOMLDecodeError:
        raise SpecError(
            f"--vary: `{name}` is no setting; write its keys with dots, as model.networks.f.width"
        ) from None
    keys: list[str] = []
    while isinstance(table, dict):
        if len(table) != 1:
            raise SpecError(f"--vary: `{name}` is no single setting")
        ((key, table),) = table.items()
        keys.append(key)
    return tuple(keys)


def _range(values: str, text: str) -> tuple[Any, ...]:
    """`0..31` and `0..1..0.25`, both ends taken in; empty where it is no range."""
    parts = [part.strip() for part in values.split("..")]
    if not 2 <= len(parts) <= 3:
        return ()
    numbers = [_value(part) for part in parts]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        return ()
    first, last, step = (*numbers, 1)[:3]
    if step == 0 or (last - first) * step < 0:
        raise SpecError(f"--vary {text}: from {first} to {last} in steps of {step} there are no values")
    steps = int((last - first) / step * (1 + 1e-12) + 1e-9)
    if steps >= MOST_VARIANTS:
        raise SpecError(f"--vary {text}: more than {MOST_VARIANTS:,} values")
    return tuple(first + k * step for k in range(steps + 1))


def _parts(values: str, text: str) -> list[str]:
    """Split at commas outside quotes and brackets."""
    parts, depth, quote, start = [], 0, "", 0
    for k, letter in enumerate(values):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(values[start:k])
            start = k + 1
    parts.append(values[start:])
    if not all(part.strip() for part in parts):
        raise SpecError(f"--vary {text}: a value between two commas is missing")
    return parts


def _value(text: str) -> Any:
    """A value of TOML; a bare word is a text."""
    text = text.strip()
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _put(table: dict[str, Any], setting: tuple[str, ...], value: Any) -> None:
    *tables, key = setting
    for name in tables:
        inner = table.get(name, {})
        if not isinstance(inner, dict):  # `k = 0.3` stands for `k.value = 0.3`
            inner = {"value": inner}
        table[name] = inner
        table = inner
    table[key] = value
