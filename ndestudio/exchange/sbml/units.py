"""Units of SBML as the texts that our models have, where there is a plain one; else none."""

from __future__ import annotations

from typing import Any

from ndestudio.errors import NdeStudioError
from ndestudio.exchange.packages import package
from ndestudio.expression.units import parse_unit

_KINDS = {
    "ampere": "A", "becquerel": "Bq", "candela": "cd", "coulomb": "C", "farad": "F", "gram": "g", "henry": "H", "hertz": "Hz",
    "joule": "J", "katal": "kat", "kelvin": "K", "litre": "L", "liter": "L", "lumen": "lm", "lux": "lx", "metre": "m",
    "meter": "m", "mole": "mol", "newton": "N", "ohm": "ohm", "pascal": "Pa", "second": "s", "siemens": "S", "tesla": "T",
    "volt": "V", "watt": "W", "weber": "Wb", "item": "items",
}  # fmt: skip
_PURE = ("dimensionless", "radian", "steradian")
_PREFIXES = {0: "", 3: "k", 6: "M", 9: "G", -1: "d", -2: "c", -3: "m", -6: "u", -9: "n", -12: "p", -15: "f", -18: "a"}
_TIMES = {60.0: "min", 3600.0: "h", 86400.0: "d"}


def unit_texts(model: Any) -> dict[str, str]:
    """Name in the file -> its unit, of those that have one with a plain text."""
    found = {}
    substance = _text(model, model.getSubstanceUnits() or "substance")
    volume = _text(model, model.getVolumeUnits() or "volume")
    for k in range(model.getNumParameters()):
        one = model.getParameter(k)
        found[one.getId()] = _text(model, one.getUnits())
    for k in range(model.getNumCompartments()):
        one = model.getCompartment(k)
        found[one.getId()] = _text(model, one.getUnits() or model.getVolumeUnits() or "volume")
    for k in range(model.getNumSpecies()):
        one = model.getSpecies(k)
        compartment = model.getCompartment(one.getCompartment())
        amount = _text(model, one.getSubstanceUnits()) or substance
        size = _text(model, compartment.getUnits()) if compartment is not None else ""
        if one.getHasOnlySubstanceUnits():
            found[one.getId()] = amount
        elif amount and (size or volume):
            found[one.getId()] = (
                f"{amount}/({size or volume})" if " " in (size or volume) else f"{amount}/{size or volume}"
            )
    return {name: text for name, text in found.items() if text and _known(text)}


def _known(text: str) -> bool:
    try:
        return parse_unit(text) is not None
    except NdeStudioError:
        return False


def _text(model: Any, name: str) -> str:
    if not name or name in _PURE:
        return ""
    if name in _KINDS:
        return _KINDS[name]
    definition = model.getUnitDefinition(name)
    if definition is None:
        return ""
    parts = []
    for k in range(definition.getNumUnits()):
        one = definition.getUnit(k)
        part = _part(one)
        if part is None:
            return ""
        if part:
            parts.append(part)
    return " ".join(parts)


def _part(one: Any) -> str | None:
    libsbml = package("libsbml")

    kind, power = libsbml.UnitKind_toString(one.getKind()), one.getExponentAsDouble()
    if kind in _PURE and one.getMultiplier() == 1 and one.getScale() == 0:
        return ""
    if kind not in _KINDS or power == 0 or power != int(power):
        return None
    text = _KINDS[kind]
    if one.getMultiplier() != 1:
        if kind != "second" or one.getScale() != 0 or one.getMultiplier() not in _TIMES:
            return None
        text = _TIMES[one.getMultiplier()]
    elif one.getScale() not in _PREFIXES:
        return None
    else:
        text = _PREFIXES[one.getScale()] + text
    return text if power == 1 else f"{text}^{int(power)}"
