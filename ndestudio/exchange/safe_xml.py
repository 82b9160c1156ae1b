"""XML of strangers: looked through before any library builds a tree of it."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from ndestudio.errors import DataError

LARGEST = 64 * 1024 * 1024
"""Bytes of a file."""
DEEPEST = 400
"""Elements inside one another: libraries that read them recurse that deep."""
MOST = 2_000_000
"""Elements."""


def read_xml(path: Path) -> bytes:
    """The bytes of an XML file that is well-formed, of a size one can work with, and without a document type.

    Raises
    ------
    DataError
        It is none of that.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"it has {size:,} bytes; at most {LARGEST:,} are read", path=str(path))
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror})", path=str(path)) from None
    check_xml(content, str(path))
    return content


def check_xml(content: bytes, path: str = "") -> None:
    """Refuse what is not well-formed, too deep, or declares a document type (entities live there, external ones too)."""
    parser = expat.ParserCreate()
    level = count = 0

    def begin(name: str, attributes: object) -> None:
        nonlocal level, count
        level, count = level + 1, count + 1
        if level > DEEPEST or count > MOST:
            raise DataError(
                f"line {parser.CurrentLineNumber}: {'elements are nested too deep' if level > DEEPEST else 'too many elements'}; "
                "this is no model",
                path=path,
            )

    def end(name: str) -> None:
        nonlocal level
        level -= 1

    def refuse(*_: object) -> int:
        raise DataError(
            "it declares a document type (`<!DOCTYPE ...>`), which is not read: take the line out of the file",
            path=path,
        )

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"line {error.lineno}: it is not well-formed XML ({expat.ErrorString(error.code)})", path=path
        ) from None
    except (ValueError, LookupError) as error:
        raise DataError(f"it cannot be read as XML ({error})", path=path) from None
