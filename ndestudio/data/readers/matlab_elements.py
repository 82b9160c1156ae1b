"""A look at the elements of a MATLAB file of version 5 before SciPy reads it: their sizes, and whether they fit together.

SciPy trusts what the elements say of themselves; a damaged class or number of fields ends the whole program there.
Source: MathWorks, "MAT-File Format", R2024b, level 5.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Type of data -> bytes of one value."""
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_NUMERIC = range(6, 16)
_LAST_CLASS = 18
_COMPLEX = 8
_DEEPEST = 64


def unpacked_bytes(path: Path) -> int:
    """Bytes that the variables take without compression, by the tags before them; 0 for files of version 4."""
    total = 0
    with path.open("rb") as stream:
        order = _order(stream.read(_HEADER))
        if not order:
            return 0
        while len(tag := stream.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            start = stream.read(min(length, 256)) if kind == _COMPRESSED else b""
            inner = zlib.decompressobj().decompress(start, 8) if start else b""
            total += struct.unpack(f"{order}I", inner[4:8])[0] if len(inner) == 8 else length
            stream.seek(length - len(start), 1)
    return total


def check_elements(path: Path) -> None:
    """Raise ``ValueError`` where elements do not fit together; files of version 4 have none."""
    with path.open("rb") as stream:
        order = _order(stream.read(_HEADER))
        if not order:
            return
        while len(tag := stream.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            body = stream.read(length)
            if len(body) < length:
                raise ValueError("it ends within a variable")
            if kind == _COMPRESSED:
                # the same end as SciPy has: a checksum that is cut off does not matter
                whole = zlib.decompressobj().decompress(body)
                kind, length = struct.unpack(f"{order}II", whole[:8])
                body = whole[8 : 8 + length]
            if kind == _MATRIX:
                _Elements(memoryview(body), order).matrix(0, length, 0)


def _order(header: bytes) -> str:
    return {b"IM": "<", b"MI": ">"}.get(header[126:128], "")


class _Elements:
    def __init__(self, data: memoryview, order: str) -> None:
        self._data, self._order = data, order

    def matrix(self, start: int, end: int, depth: int) -> None:
        """Check the matrix between two places."""
        if depth > _DEEPEST or end > len(self._data):
            raise ValueError("its variables do not fit together")
        if start == end:
            # an empty field
            return
        place, length, following = self._element(start, end, (6,))
        if length != 8:
            raise ValueError("its variables do not fit together")
        (word,) = struct.unpack(f"{self._order}I", self._data[place : place + 4])
        kind, flags = word & 0xFF, word >> 8 & 0xFF
        if kind not in range(1, _LAST_CLASS + 1) or (flags & _COMPLEX and kind not in (*_NUMERIC, _SPARSE)):
            raise ValueError(f"it holds a variable of the unknown class {kind}")
        if kind > _NUMERIC[-1]:
            # functions and objects, which are not looked into
            return
        place, length, following = self._element(following, end, (5, 6))
        count = 1
        for number in struct.unpack(f"{self._order}{length // 4}i", self._data[place : place + length // 4 * 4]):
            count *= max(number, 0)
        if length < 8:
            raise ValueError("it holds a variable without a shape")
        _, _, following = self._element(following, end, (1, 2))
        if kind in _NUMERIC:
            for _ in range(2 if flags & _COMPLEX else 1):
                following = self._numbers(following, end, count)
        elif kind == _CHAR:
            if count:
                self._element(following, end, (1, 2, 3, 4, 16, 17, 18))
        elif kind != _SPARSE:
            following, fields = (following, 1) if kind == _CELL else self._fields(following, end, kind)
            self._matrices(following, end, count * fields, depth)

    def _matrices(self, start: int, end: int, count: int, depth: int) -> None:
        if count > (end - start) // 8:
            raise ValueError("it says that it has more fields than it has")
        for _ in range(count):
            place, length, following = self._element(start, end, (_MATRIX,))
            self.matrix(place, place + length, depth + 1)
            start = following

    def _fields(self, start: int, end: int, kind: int) -> tuple[int, int]:
        """Where the fields of a struct begin, and how many there are."""
        if kind == _OBJECT:
            _, _, start = self._element(start, end, (1, 2))
        place, length, start = self._element(start, end, (5, 6))
        width = struct.unpack(f"{self._order}i", self._data[place : place + 4])[0] if length == 4 else 0
        _, length, start = self._element(start, end, (1, 2))
        if width <= 0 or length % width:
            raise ValueError("the names of its fields do not fit together")
        return start, length // width

    def _numbers(self, start: int, end: int, count: int) -> int:
        _, length, following = self._element(start, end, tuple(_BYTES))
        kind = struct.unpack(f"{self._order}I", self._data[start : start + 4])[0] & 0xFFFF
        if length // _BYTES.get(kind, 1) < count:
            raise ValueError("it holds a variable with fewer numbers than its shape has")
        return following

    def _element(self, start: int, end: int, kinds: tuple[int, ...]) -> tuple[int, int, int]:
        """Place and length of the data of the element at a place, and the place of the next."""
        if start + 8 > end:
            raise ValueError("its variables do not fit together")
        first, length = struct.unpack(f"{self._order}II", self._data[start : start + 8])
        kind, place, following = first, start + 8, start + 8 + (length + 7) // 8 * 8
        if first >> 16:
            # small data stand in the tag itself
            kind, length, place, following = first & 0xFFFF, first >> 16, start + 4, start + 8
        if kind not in kinds or place + length > end or (first >> 16 and length > 4):
            raise ValueError("its variables do not fit together")
        return place, length, following if kind != _MATRIX else start + 8 + length
