"""Attributes of variables in NetCDF and HDF5 files: units, missing values, packing, times.

Source: NetCDF Climate and Forecast Metadata Conventions 1.11, sections 2.5.1, 4.4 and 8.1; default fill values of
`netcdf.h`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ndestudio.data.readers.nodes import Variable, variable

DEFAULT_FILL: Mapping[str, float] = {
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u2": 65535,
    "u4": 4294967295,
    "f4": float(np.float32(9.9692099683868690e36)),
    "f8": 9.9692099683868690e36,
}
"""NumPy type -> what NetCDF writes where nothing was written (single bytes have none)."""

_SINCE = re.compile(r"\s*(?P<unit>[A-Za-z]+)\s+(?:since|after|from|ref|@)\s+(?P<date>\S.*?)\s*\Z", re.IGNORECASE)
_DATE = re.compile(
    r"(?P<year>[+-]?\d{1,5})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T\s]+(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2}))?(?::(?P<second>\d{1,2}(?:\.\d*)?))?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?\Z",
    re.IGNORECASE,
)
_UNITS: Mapping[str, tuple[int, str]] = {
    **dict.fromkeys(("microsecond", "microseconds", "microsec", "microsecs", "us"), (1, "us")),
    **dict.fromkeys(("millisecond", "milliseconds", "millisec", "millisecs", "msec", "msecs", "ms"), (1_000, "ms")),
    **dict.fromkeys(("second", "seconds", "sec", "secs", "s"), (1_000_000, "s")),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), (60_000_000, "min")),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), (3_600_000_000, "h")),
    **dict.fromkeys(("day", "days", "d"), (86_400_000_000, "d")),
    **dict.fromkeys(("week", "weeks"), (7 * 86_400_000_000, "d")),
}
"""Unit of a time -> microseconds, and how it is written here."""
_REAL_CALENDARS = frozenset({"standard", "gregorian", "proleptic_gregorian", ""})
_GREGORIAN_BEGIN = (1582, 10, 15)
_UNIX_EPOCH = 2_440_588
"""Julian day number of 1970-01-01."""


def text(value: Any) -> str:
    """An attribute as text; "" for what is none."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip("\0 ")
    return value.strip() if isinstance(value, str) else ""


def unit_of(attributes: Mapping[str, Any]) -> str:
    """The unit of a variable; "" for the number one."""
    found = next(
        (text(attributes[key]) for key in ("units", "unit", "Units", "Unit", "UNITS") if key in attributes), ""
    )
    return "" if found in ("1", "none", "None", "-", "dimensionless", "unitless") else found


def is_time(attributes: Mapping[str, Any]) -> bool:
    """Whether attributes say that a variable is the time."""
    return (
        text(attributes.get("axis")).upper() == "T"
        or text(attributes.get("standard_name")) == "time"
        or since(text(attributes.get("units"))) is not None
    )


def since(units: str) -> tuple[str, str] | None:
    """Unit and date of `hours since 1970-01-01`, None for other units."""
    match = _SINCE.match(units)
    return (match["unit"].lower(), match["date"]) if match else None


def decoded(one: Variable, attributes: Mapping[str, Any], netcdf: bool) -> Variable:
    """A variable as the numbers that were measured: NaN where missing, unpacked, with its unit.

    Parameters
    ----------
    netcdf
        Whether the fill values of NetCDF hold where the attributes name none.
    """
    one = replace(one, unit=unit_of(attributes))
    if one.dtype.kind not in "iuf":
        return one
    missing = _missing(one.dtype, attributes, netcdf)
    limits = _limits(attributes)
    scale, offset = _number(attributes.get("scale_factor")), _number(attributes.get("add_offset"))
    unsigned = text(attributes.get("_Unsigned")).lower() == "true" and one.dtype.kind == "i"
    if not len(missing) and limits is None and scale is None and offset is None and not unsigned:
        return one
    read = one.read

    def values(part: tuple[slice, ...]) -> np.ndarray:
        raw = np.asarray(read(part))
        absent = np.isin(raw, missing)
        if unsigned:
            raw = raw.view(raw.dtype.str.replace("i", "u"))
        if limits is not None:
            absent |= (raw < limits[0]) | (raw > limits[1])
        numbers = raw.astype(np.float64) * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
        numbers[absent] = np.nan
        return numbers

    return replace(one, dtype=np.dtype(np.float64), read=values)


def _missing(dtype: np.dtype[Any], attributes: Mapping[str, Any], netcdf: bool) -> np.ndarray:
    found = [
        np.asarray(attributes[key]).reshape(-1)
        for key in ("_FillValue", "missing_value")
        if key in attributes and np.asarray(attributes[key]).dtype.kind in "iuf"
    ]
    if not any(len(one) for one in found) and netcdf and dtype.str[1:] in DEFAULT_FILL:
        found = [np.array([DEFAULT_FILL[dtype.str[1:]]])]
    if not found:
        return np.zeros(0, dtype)
    # as the type of the data, for 1e20 in single precision is another number than in double
    with np.errstate(all="ignore"):
        return np.concatenate([one.astype(dtype) for one in found])


def _limits(attributes: Mapping[str, Any]) -> tuple[float, float] | None:
    valid = np.asarray(attributes.get("valid_range", ())).reshape(-1)
    if len(valid) == 2 and valid.dtype.kind in "iuf":
        return float(valid[0]), float(valid[1])
    low, high = _number(attributes.get("valid_min")), _number(attributes.get("valid_max"))
    if low is None and high is None:
        return None
    return -np.inf if low is None else low, np.inf if high is None else high


def _number(value: Any) -> float | None:
    """A single number; one in single precision as the decimal number that it was written for (0.01, not 0.00999999977)."""
    array = np.asarray(value if value is not None else ()).reshape(-1)
    if array.size != 1 or array.dtype.kind not in "iuf":
        return None
    return float(str(array[0])) if array.dtype.itemsize < 8 else float(array[0])


def time_of(one: Variable, attributes: Mapping[str, Any]) -> Variable:
    """A time as dates, where its units name a date of the real calendar; else as numbers in its unit.

    Times of model calendars (`noleap`, `360_day`), and those in months or years, stay numbers.
    """
    found = since(text(attributes.get("units")))
    if found is None:
        return one
    unit, date = found
    microseconds, written = _UNITS.get(unit, (0, unit))
    calendar = text(attributes.get("calendar")).lower()
    begin = epoch(date, calendar) if calendar in _REAL_CALENDARS else None
    if not microseconds or begin is None:
        return replace(one, unit=written)
    values = one.values().astype(np.float64)
    counted = values * microseconds + begin
    known = np.isfinite(counted)
    steps = np.abs(np.diff(np.unique(values[known]))) * microseconds
    if not known.any() or np.abs(counted[known]).max() > 9e18 or (len(steps) and steps.min() < 1.0):
        return replace(one, unit=written)
    # whole units are exact in integers, where a sum of floats since a distant date is not
    whole = np.where(known, np.floor(np.where(known, values, 0.0)), 0.0)
    rest = np.where(known, values - whole, 0.0)
    total = whole.astype(np.int64) * microseconds + np.round(rest * microseconds).astype(np.int64) + begin
    dates = total.astype("datetime64[us]")
    dates[~known] = np.datetime64("NaT")
    return variable(dates, written, one.axes)


def epoch(date: str, calendar: str = "") -> int | None:
    """Microseconds from 1970-01-01 UTC to a date; None for what is none.

    In the standard calendar dates before 1582-10-15 are Julian.
    """
    match = _DATE.match(date.strip())
    if match is None:
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    julian = calendar != "proleptic_gregorian" and (year, month, day) < _GREGORIAN_BEGIN
    days = _day_number(year, month, day, julian) - _UNIX_EPOCH
    seconds = int(match["hour"] or 0) * 3600 + int(match["minute"] or 0) * 60 + float(match["second"] or 0.0)
    return days * 86_400_000_000 + round(seconds * 1e6) - _zone(match["zone"] or "") * 60_000_000


def _day_number(year: int, month: int, day: int, julian: bool) -> int:
    """Julian day number (Fliegel and van Flandern 1968, Communications of the ACM 11, 657)."""
    before = (14 - month) // 12
    y, m = year + 4800 - before, month + 12 * before - 3
    days = day + (153 * m + 2) // 5 + 365 * y + y // 4
    return days - 32083 if julian else days - y // 100 + y // 400 - 32045


def _zone(zone: str) -> int:
    """Minutes east of UTC."""
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    return (-1 if zone[0] == "-" else 1) * (60 * hours + minutes)
