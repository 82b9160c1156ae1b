"""Frozen values to plain JSON values and arrays, and back, directed by their declared types.

Reading builds nothing but the types a ``Project`` declares, so a file can never name a class of its own choosing. Arrays
go to an ``Arrays`` store by content; large values that several others share (a fit that is also in the runs table) are
written once and are one object again after reading.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.decoding import converted
from ndestudio.distil.result import Distillation, NeuralTermDistillation
from ndestudio.expression.functions import BUILT_IN
from ndestudio.expression.tree import Binary, Call, Delay, Expr, Name, Negate, Number
from ndestudio.fitting.result import Fit
from ndestudio.model.events import GIVEN, MOMENT
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.system import System

SHARED: tuple[type, ...] = (
    Dataset,
    Fit,
    Distillation,
    NeuralTermDistillation,
    FittedModel,
    NetworkWeights,
    System,
)
_EXPRESSION = frozenset(get_args(Expr))
_SCALARS = (bool, int, float, str)


class Damaged(ValueError):
    """A value does not fit its declared type; the text names where."""


class Encoder:
    """Turns values into plain ones.

    After encoding, ``objects`` holds the shared values (each refers only to earlier ones) and ``arrays`` the arrays.
    """

    def __init__(self) -> None:
        self.objects: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self._places: dict[int, int] = {}
        self._alive: list[Any] = []
        self._digests: dict[bytes, str] = {}

    def encode(self, type_: Any, value: Any) -> Any:
        options = _options(type_)
        if value is None:
            return None
        if set(options) >= _EXPRESSION:
            return encode_expression(value)
        type_ = _only(options)
        if _is_array(type_):
            return self._array(value)
        if type_ in SHARED:
            return self._shared(type_, value)
        if isinstance(type_, type) and dataclasses.is_dataclass(type_):
            return self._fields(type_, value)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            return _plain(msgspec.to_builtins(value))
        if isinstance(type_, type) and issubclass(type_, Enum):
            return value.value
        origin, args = get_origin(type_), get_args(type_)
        if origin is tuple:
            return [
                self.encode(item_type, item) for item_type, item in zip(_items(args, len(value)), value, strict=True)
            ]
        if _is_mapping(origin):
            return {key: self.encode(args[1], entry) for key, entry in value.items()}
        return _plain(type_(value) if type_ in _SCALARS else value)

    def _fields(self, type_: type, value: Any) -> dict[str, Any]:
        return {name: self.encode(field, getattr(value, name)) for name, field in fields(type_).items()}

    def _shared(self, type_: type, value: Any) -> dict[str, int]:
        if id(value) not in self._places:
            plain = self._fields(type_, value)
            self._places[id(value)] = len(self.objects)
            self._alive.append(value)
            self.objects.append(plain)
        return {"ref": self._places[id(value)]}

    def _array(self, value: Any) -> str:
        array = np.ascontiguousarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an array of {array.dtype} cannot be saved")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(np.shape(value))
        header = f"{array.dtype.str}{array.shape}".encode()
        digest = hashlib.blake2b(header + array.tobytes(), digest_size=16).digest()
        name = self._digests.setdefault(digest, f"{len(self._digests):05d}")
        self.arrays[name] = array
        return name


class Decoder:
    """Turns plain values into those of a declared type.

    Parameters
    ----------
    objects
        The shared values of the file.
    array
        Reads an array by its name.

    Raises
    ------
    Damaged
        (from ``decode``) where a value does not fit.
    """

    def __init__(self, objects: list[Any], array: Callable[[str], np.ndarray]) -> None:
        self._objects = objects
        self._array = array
        self._done: dict[int, Any] = {}
        self._below = len(objects)
        self._path: list[str] = []

    def decode(self, type_: Any, value: Any) -> Any:
        options = _options(type_)
        if value is None and type(None) in options:
            return None
        if set(options) >= _EXPRESSION:
            return decode_expression(value)
        type_ = _only(options)
        if _is_array(type_):
            return self._checked_array(type_, value)
        if type_ in SHARED:
            return self._shared(type_, value)
        if isinstance(type_, type) and dataclasses.is_dataclass(type_):
            return self._fields(type_, value)
        if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
            return self._struct(type_, value)
        if isinstance(type_, type) and issubclass(type_, Enum):
            return self._enum(type_, value)
        return self._container(type_, value)

    def _container(self, type_: Any, value: Any) -> Any:
        origin, args = get_origin(type_), get_args(type_)
        if origin is tuple:
            self._expect(isinstance(value, list), "a list")
            if len(args) != 2 or args[1] is not Ellipsis:
                self._expect(len(value) == len(args), f"{len(args)} values")
            return tuple(
                self._at(str(n), item_type, item)
                for n, (item_type, item) in enumerate(zip(_items(args, len(value)), value, strict=True))
            )
        if _is_mapping(origin):
            self._expect(isinstance(value, dict), "a table")
            return {key: self._at(key, args[1], entry) for key, entry in value.items()}
        value = _unplain(value)
        if type_ is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type_ in _SCALARS:
            self._expect(type(value) is type_, type_.__name__)
        return value

    def _fields(self, type_: type, value: Any) -> Any:
        self._expect(isinstance(value, dict), f"the fields of {type_.__name__}")
        types_ = fields(type_)
        known = {name: self._at(name, types_[name], entry) for name, entry in value.items() if name in types_}
        try:
            return type_(**known)
        except TypeError as error:
            raise Damaged(f"{self._where()}: {error}") from None

    def _shared(self, type_: type, value: Any) -> Any:
        place = value.get("ref") if isinstance(value, dict) else None
        # a value refers to earlier ones only: that rules out circles in a forged file
        if not isinstance(place, int) or not 0 <= place < self._below:
            raise Damaged(f"{self._where()}: expected a reference to a {type_.__name__}")
        if place not in self._done:
            below, self._below = self._below, place
            self._done[place] = self._fields(type_, self._objects[place])
            self._below = below
        found = self._done[place]
        self._expect(type(found) is type_, type_.__name__)
        return found

    def _struct(self, type_: type, value: Any) -> Any:
        try:
            return converted(_unplain(value), type_)
        except msgspec.ValidationError as error:
            raise Damaged(f"{self._where()}: {error}") from None

    def _enum(self, type_: type[Enum], value: Any) -> Enum:
        try:
            return type_(value)
        except ValueError:
            raise Damaged(f"{self._where()}: unknown {type_.__name__} {value!r}") from None

    def _checked_array(self, type_: Any, name: Any) -> np.ndarray:
        self._expect(isinstance(name, str), "the name of an array")
        array = self._array(name)
        axes = getattr(type_, "dim_str", "").split()
        plain = all(axis.isidentifier() for axis in axes)
        self._expect(not axes or not plain or array.ndim == len(axes), f"an array with axes {' '.join(axes)}")
        return array

    def _at(self, key: str, type_: Any, value: Any) -> Any:
        with self._inside(key):
            return self.decode(type_, value)

    @contextmanager
    def _inside(self, key: str) -> Iterator[None]:
        self._path.append(key)
        yield
        self._path.pop()

    def _where(self) -> str:
        return ".".join(self._path) or "project"

    def _expect(self, good: bool, what: str) -> None:
        if not good:
            raise Damaged(f"{self._where()}: expected {what}")


def encode_expression(expr: Expr) -> Any:
    """A formula as nested lists: exact, also for trees whose text would read back as another form of the same thing."""
    match expr:
        case Number(value):
            return _plain(float(value))
        case Name(name):
            return name
        case Negate(operand):
            return ["neg", encode_expression(operand)]
        case Binary(operator, left, right):
            return [operator, encode_expression(left), encode_expression(right)]
        case Call(function, arguments):
            return ["call", function, *map(encode_expression, arguments)]
        case Delay(operand, lag):
            return ["delay", encode_expression(operand), encode_expression(lag)]


def decode_expression(value: Any) -> Expr:
    """The formula of ``encode_expression``; ``Damaged`` for anything else."""
    match _unplain(value):
        case bool():
            raise Damaged("a truth value is no formula")
        case float() | int() as number:
            return Number(float(number))
        case str() as name if name.isidentifier() or name in (GIVEN, MOMENT):
            return Name(name)
        case ["neg", operand]:
            return Negate(decode_expression(operand))
        case [("+" | "-" | "*" | "/" | "^") as operator, left, right]:
            return Binary(operator, decode_expression(left), decode_expression(right))
        case ["delay", operand, lag]:
            return Delay(decode_expression(operand), decode_expression(lag))
        case ["call", str() as function, *arguments] if function.isidentifier() or function in BUILT_IN:
            return Call(function, tuple(map(decode_expression, arguments)))
        case _:
            raise Damaged("a formula of unknown form")


@cache
def fields(type_: type) -> dict[str, Any]:
    """Field -> declared type of a dataclass."""
    hints = get_type_hints(type_)
    return {field.name: hints[field.name] for field in dataclasses.fields(type_)}


def _plain(value: Any) -> Any:
    """JSON has no infinities."""
    match value:
        case float() if not math.isfinite(value):
            return {"$float": repr(float(value))}
        case np.generic():
            return _plain(value.item())
        case Mapping():
            return {str(key): _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be saved")


def _unplain(value: Any) -> Any:
    match value:
        case {"$float": ("inf" | "-inf" | "nan") as text, **rest} if not rest:
            return float(text)
        case dict():
            return {key: _unplain(entry) for key, entry in value.items()}
        case list():
            return [_unplain(item) for item in value]
        case _:
            return value


def _options(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if get_origin(type_) in (Union, types.UnionType) else (type_,)


def _only(options: tuple[Any, ...]) -> Any:
    rest = [option for option in options if option is not type(None)]
    if len(rest) != 1:
        raise TypeError(f"a field that is one of {rest} cannot be saved")
    return rest[0]


def _is_array(type_: Any) -> bool:
    return type_ is np.ndarray or getattr(type_, "array_type", None) is np.ndarray


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _items(args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Types of the items of a tuple type."""
    return (args[0],) * count if len(args) == 2 and args[1] is Ellipsis else args
