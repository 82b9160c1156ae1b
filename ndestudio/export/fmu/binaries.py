"""The interpreter of models for each platform: where it lies, and where it goes in an FMU."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

from ndestudio.errors import ExportError
from ndestudio.export.fmu.platforms import DARWIN, PLATFORMS
from ndestudio.paths import fmu_binaries


@cache
def _read(folder: Path) -> dict[str, bytes]:
    found = {}
    for one in PLATFORMS:
        path = folder / one.name / f"model{one.ending}"
        if path.is_file():
            found[one.name] = path.read_bytes()
    return found


def binaries(version: int, name: str) -> dict[str, bytes]:
    """Path inside an FMU -> file, for all platforms that were built.

    Parameters
    ----------
    version
        Of FMI, 2 or 3.
    name
        Of the model, which libraries have.

    Raises
    ------
    ExportError
        None was built.
    """
    folder = fmu_binaries()
    built = _read(folder) if folder is not None else {}
    if not built:
        raise ExportError(
            "the libraries that FMUs run with are missing here; `make fmu` builds them in a checkout of the sources, and every wheel "
            "has them: install the program again"
        )
    if version == 3:
        return {f"binaries/{one.name}/{name}{one.ending}": built[one.name] for one in PLATFORMS if one.name in built}
    found = {
        f"binaries/{one.former}/{name}{one.ending}": built[one.name]
        for one in PLATFORMS
        if one.former and one.name in built
    }
    darwin = [built[one] for one in DARWIN if one in built]
    if darwin:
        found[f"binaries/darwin64/{name}.dylib"] = universal(darwin)
    return found


def universal(parts: list[bytes]) -> bytes:
    """Libraries of macOS for several processors in one file (the format is in Apple's `mach-o/fat.h`)."""
    align, at, heads, bodies = 14, 1 << 14, [], []
    for part in parts:
        kind, sub = struct.unpack_from("<II", part, 4)
        heads.append(struct.pack(">IIIII", kind, sub, at, len(part), align))
        padding = -len(part) % (1 << align)
        bodies.append(part + bytes(padding))
        at += len(part) + padding
    head = struct.pack(">II", 0xCAFEBABE, len(parts)) + b"".join(heads)
    return head + bytes((1 << align) - len(head)) + b"".join(bodies)
