"""Which functions of FMI the libraries for each system give out, read from their tables of symbols."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from ndestudio.export.fmu.platforms import PLATFORMS, sources
from ndestudio.paths import fmu_binaries


def missing() -> Iterator[tuple[str, str, int, set[str]]]:
    """Platform, kind of file, how many functions there are to be, and which lack."""
    folder = fmu_binaries()
    text = "".join(path.read_text() for path in sources())
    wanted = set(re.findall(r"^API [\w *]*?\b(fmi[23]\w+)\(", text, re.MULTILINE))
    wanted |= {f"fmi3{name}" for name in re.findall(r"^NOT_OFFERED\((\w+)", text, re.MULTILINE)}
    for name in re.findall(r"^NO_VARIABLES\((\w+)", text, re.MULTILINE):
        wanted |= {f"fmi3Get{name}", f"fmi3Set{name}"}
    for one in PLATFORMS:
        path = (folder or Path()) / one.name / f"model{one.ending}"
        if path.is_file():
            kind, found = given_out(path.read_bytes())
            yield one.name, kind, len(wanted), wanted - found


def given_out(data: bytes) -> tuple[str, set[str]]:
    """Kind of a library, and the names that others can call in it."""
    if data[:4] == b"\x7fELF":
        machine = {62: "x86-64", 183: "AArch64"}[struct.unpack_from("<H", data, 18)[0]]
        return f"ELF {machine}", _elf(data)
    if data[:2] == b"MZ":
        return "PE32+ x86-64", _pe(data)
    if data[:4] == b"\xcf\xfa\xed\xfe":
        machine = {0x01000007: "x86-64", 0x0100000C: "arm64"}[struct.unpack_from("<I", data, 4)[0]]
        return f"Mach-O {machine}", _mach(data)
    return "unknown", set()


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("ascii", "replace")


def _elf(data: bytes) -> set[str]:
    at, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, at + k * size) for k in range(count)]
    found = set()
    for head in heads:
        if head[1] == 11:  # SHT_DYNSYM
            names = heads[head[6]][4]
            for k in range(head[5] // 24):
                name, _, _, section = struct.unpack_from("<IBBH", data, head[4] + 24 * k)
                if section:
                    found.add(_text(data, names + name))
    return found


def _pe(data: bytes) -> set[str]:
    head = struct.unpack_from("<I", data, 60)[0]
    assert (
        struct.unpack_from("<H", data, head + 4)[0] == 0x8664 and struct.unpack_from("<H", data, head + 24)[0] == 0x20B
    )
    sections, optional = struct.unpack_from("<H", data, head + 6)[0], struct.unpack_from("<H", data, head + 20)[0]
    table = [struct.unpack_from("<8sIIII", data, head + 24 + optional + 40 * k) for k in range(sections)]

    def place(address: int) -> int:
        return next(
            raw + address - virtual for _, size, virtual, _, raw in table if virtual <= address < virtual + size
        )

    exports = place(struct.unpack_from("<I", data, head + 24 + 112)[0])
    count, names = struct.unpack_from("<I", data, exports + 24)[0], struct.unpack_from("<I", data, exports + 32)[0]
    listed = struct.unpack_from(f"<{count}I", data, place(names))
    return {_text(data, place(one)) for one in listed}


def _mach(data: bytes) -> set[str]:
    found, at = set(), 32
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        command, size = struct.unpack_from("<II", data, at)
        if command == 2:  # LC_SYMTAB
            symbols, count, strings, _ = struct.unpack_from("<IIII", data, at + 8)
            for k in range(count):
                name, kind = struct.unpack_from("<IB", data, symbols + 16 * k)
                if kind & 0x01 and kind & 0x0E:
                    found.add(_text(data, strings + name).removeprefix("_"))
        at += size
    return found
