"""`ndestudio info`: what is installed, what computes, where files go. The first thing to put into a bug report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable

from ndestudio import __version__
from ndestudio.paths import examples_dir, resources_dir, user_cache_dir, user_config_dir, user_state_dir

_PACKAGES = (
    "numpy",
    "scipy",
    "jax",
    "diffrax",
    "equinox",
    "optimistix",
    "sympy",
    "polars",
    "PySide6-Essentials",
    "pyqtgraph",
    "pysr",
    "fastexcel",
)


def info_command() -> int:
    """Print everything; returns the exit code."""
    for title, lines in sections():
        print(title)
        for name, value in lines:
            print(f"  {name:<20} {value}")
    return 0


def sections() -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles, each with its names and values."""
    return [
        (
            "NDE Studio",
            [
                ("version", __version__),
                ("Python", f"{platform.python_version()} ({sys.executable})"),
                ("system", f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"),
            ],
        ),
        ("Packages", [(name, _version(name)) for name in _PACKAGES]),
        ("Device", _guarded(_device)),
        ("Engines", _guarded(_engines)),
        ("Folders", _guarded(_folders)),
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _device() -> list[tuple[str, str]]:
    from ndestudio.solve.jax_backend import device_info

    device = device_info()
    lines = [(device.kind, device.name)]
    if device.memory:
        lines.append(("memory", f"{device.memory / 2**30:.1f} GiB"))
    return [*lines, ("no GPU, because", device.why_no_gpu)] if device.why_no_gpu else lines


def _engines() -> list[tuple[str, str]]:
    from ndestudio.symbolic import ENGINES, engine

    def state(name: str) -> str:
        return engine(name).unavailable() or "available"

    return [(name, _guarded(lambda name=name: [(name, state(name))])[0][1]) for name in ENGINES]


def _folders() -> list[tuple[str, str]]:
    return [
        ("examples", str(examples_dir())),
        ("resources", str(resources_dir())),
        ("compiled programs", str(user_cache_dir())),
        ("state and log", str(user_state_dir())),
        ("settings", str(user_config_dir())),
    ]


def _guarded(part: Callable[[], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """A broken installation is what this command is for: one part that fails must not hide the others."""
    try:
        return part()
    except Exception as error:
        return [("not known", f"{type(error).__name__}: {error}")]
