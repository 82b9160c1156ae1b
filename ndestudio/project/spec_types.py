"""The types of spec settings: what they are called for a person, and how TOML values become them."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from ndestudio.decoding import converted
from ndestudio.errors import SpecError


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, None if none is near."""
    found = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return found[0] if found else None


@cache
def struct_fields(type_: type) -> dict[str, Any]:
    """Field name -> type, in order."""
    hints = get_type_hints(type_)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(type_)}


def struct_of(type_: Any) -> type | None:
    """The struct, also where a setting may be none."""
    options = [option for option in _options(type_) if option is not type(None)]
    if len(options) == 1:
        type_ = options[0]
    return type_ if isinstance(type_, type) and issubclass(type_, msgspec.Struct) else None


def element_struct(type_: Any) -> type | None:
    """The struct in `dict[str, Struct]`."""
    return struct_of(get_args(type_)[1]) if get_origin(type_) is dict else None


def admits_none(type_: Any) -> bool:
    """Whether a setting may be none and is no text (for which the word `none` would be ambiguous)."""
    options = _options(type_)
    return type(None) in options and str not in options


def convert_leaf(type_: Any, value: Any, place: str) -> Any:
    """A TOML value as ``type_``.

    Raises
    ------
    SpecError
        Naming ``place``, what was expected and what was found.
    """
    if isinstance(value, str) and str not in _options(type_) and _is_texts(type_):
        value = [value]
    try:
        return converted(value, type_)
    except msgspec.ValidationError:
        raise SpecError(f"{place}: {_complaint(type_, value)}") from None


def seen(value: Any) -> str:
    """A TOML value in a few words."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'the text "{value if len(value) <= 40 else value[:37] + "..."}"'
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the date or time {value}"


def describe(type_: Any) -> str:
    """A type for a person: "a whole number", "one of `a`, `b`", "a list of texts"."""
    options = [option for option in _options(type_) if option is not type(None)]
    if len(options) > 1:
        return " or ".join(describe(option) for option in options)
    (only,) = options
    origin, args = get_origin(only), get_args(only)
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in args)
    if origin is tuple:
        return "a list of " + _plural(args[0])
    if origin is dict:
        return f"a table whose entries are {describe(args[1])}" if args[1] is not Any else "a table"
    return {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}.get(only, "a value")


def _options(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)


def _is_texts(type_: Any) -> bool:
    return any(
        get_origin(option) is tuple and (get_args(option)[0] is str or get_origin(get_args(option)[0]) is Literal)
        for option in _options(type_)
    )


def _plural(type_: Any) -> str:
    if get_origin(type_) is Literal:
        return "the words " + ", ".join(f"`{choice}`" for choice in get_args(type_))
    return {str: "texts", float: "numbers", int: "whole numbers"}.get(type_, "values")


def _complaint(type_: Any, value: Any) -> str:
    choices = [choice for option in _options(type_) if get_origin(option) is Literal for choice in get_args(option)]
    near = nearest(value, choices) if isinstance(value, str) and choices else None
    hint = f"; did you mean `{near}`?" if near else ""
    return f"expected {describe(type_)}, found {seen(value)}{_inside(type_, value)}{hint}"


def _inside(type_: Any, value: Any) -> str:
    """Which element of a list or entry of a table is the wrong one."""
    for option in _options(type_):
        origin, args = get_origin(option), get_args(option)
        if origin is tuple and isinstance(value, list):
            bad = [(f"element {n + 1}", item) for n, item in enumerate(value) if not _fits(args[0], item)]
        elif origin is dict and isinstance(value, dict):
            bad = [
                (f"`{key}`", item) for key, item in value.items() if not (_fits(args[0], key) and _fits(args[1], item))
            ]
        else:
            continue
        if bad:
            return f" in which {bad[0][0]} is {seen(bad[0][1])}"
    return ""


def _fits(type_: Any, value: Any) -> bool:
    try:
        converted(value, type_)
    except msgspec.ValidationError:
        return False
    return True
