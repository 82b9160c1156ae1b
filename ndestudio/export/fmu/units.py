"""Units as FMI declares them: by the base units of the SI, with a factor and an offset."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.errors import NdeStudioError
from ndestudio.expression.units import parse_unit

_BASE = {"mass": "kg", "length": "m", "time": "s", "current": "A", "temperature": "K", "amount": "mol", "light": "cd"}


@dataclass(frozen=True)
class BaseUnit:
    """What a unit measures: exponents of base units, and that `value in SI = factor*value + offset`."""

    exponents: tuple[tuple[str, int], ...]
    factor: float = 1.0
    offset: float = 0.0

    def attributes(self) -> dict[str, str]:
        """As written; what is 0 (a factor of 1) is left out."""
        found = {name: str(power) for name, power in self.exponents}
        if self.factor != 1.0:
            found["factor"] = repr(self.factor)
        if self.offset != 0.0:
            found["offset"] = repr(self.offset)
        return found


def base_unit(text: str) -> BaseUnit | None:
    """What ``text`` measures; None where FMI has no way to say it: counts, unknown words, powers that are no whole numbers."""
    try:
        unit = parse_unit(text)
    except (ValueError, NdeStudioError):
        return None
    if (
        unit is None
        or unit.unknown
        or any(name not in _BASE or power.denominator != 1 for name, power in unit.powers.items())
    ):
        return None
    # sizes are in grams
    factor = unit.size * 1e-3 ** int(unit.powers.get("mass", 0))
    exponents = tuple(
        (name, int(unit.powers[dimension])) for dimension, name in _BASE.items() if unit.powers.get(dimension)
    )
    return BaseUnit(exponents, float(f"{factor:.15g}"), unit.zero)


def rate_unit(unit: str, time: str) -> str:
    """Unit of a time derivative, "" where one of the two is unknown."""
    if not unit or not time:
        return ""
    # what is divided by stands in brackets: `/` takes the one word after it
    divisor = time if time.isalpha() else f"({time})"
    return f"{unit}/{divisor}" if unit != "1" else f"1/{divisor}"
