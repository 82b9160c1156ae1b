"""What the interpreter of FMUs is built from, and for which platforms. Wheels are built with this file alone: it imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NATIVE = Path(__file__).resolve().parent / "native"
FLAGS = (
    "-std=c99",
    "-O3",
    "-shared",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
)


@dataclass(frozen=True)
class Platform:
    """Parameters
    ----------
    name
        As FMI 3.0 calls it, and the folder of its binary.
    ending
        Of libraries there.
    former
        As FMI 2.0 calls it, "" where it does not.
    target
        For `zig cc`.
    """

    name: str
    ending: str
    former: str
    target: str


PLATFORMS = (
    Platform("x86_64-linux", ".so", "linux64", "x86_64-linux-gnu.2.17"),
    Platform("aarch64-linux", ".so", "", "aarch64-linux-gnu.2.17"),
    Platform("x86_64-windows", ".dll", "win64", "x86_64-windows-gnu"),
    Platform("x86_64-darwin", ".dylib", "", "x86_64-macos"),
    Platform("aarch64-darwin", ".dylib", "", "aarch64-macos"),
)
DARWIN = ("x86_64-darwin", "aarch64-darwin")
"""Both are one file in FMI 2.0, `darwin64`."""


def sources() -> tuple[Path, ...]:
    """C files and headers of the interpreter."""
    return tuple(sorted(path for path in NATIVE.iterdir() if path.suffix in (".c", ".h")))
