"""`ndestudio info`: what is installed, what computes, where files go. The first thing to put into a bug report."""

from __future__ import annotations

import os
import platform
import sys
from argparse import Namespace
from collections.abc import Callable

from ndestudio import __version__
from ndestudio.cli.command import Command
from ndestudio.cli.exit_codes import DONE

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


def _command(options: Namespace) -> int:
    """Print everything; returns the exit code."""
    del options
    for title, lines in sections():
        print(title)
        for name, value in lines:
            print(f"  {name:<20} {value}")
    return DONE


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
        ("Plug-ins", _guarded(_plug_ins)),
        ("Folders", _guarded(_folders)),
    ]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device() -> list[tuple[str, str]]:
    from ndestudio.solve.jax_backend import device_info

    device = device_info()
    lines = [(device.kind, device.name)]
    if device.memory:
        lines.append(("memory", f"{device.memory / 2**30:.1f} GiB"))
    return [*lines, ("no GPU, because", device.why_no_gpu)] if device.why_no_gpu else lines


def _engines() -> list[tuple[str, str]]:
    from ndestudio.symbolic import ENGINES

    def state(name: str) -> str:
        return ENGINES.get(name).unavailable() or "available"

    return [(name, _guarded(lambda name=name: [(name, state(name))])[0][1]) for name in ENGINES]


def _plug_ins() -> list[tuple[str, str]]:
    """What installed packages add, and what of it cannot be used, with its traceback."""
    from ndestudio.project.extensions import survey

    found, failed = survey()
    lines = [(f"{one.kind}: {one.name}", f"{one.package} ({one.target})") for one in found]
    for one in failed:
        lines.append((f"{one.kind}: {one.name}", f"FAILED, {one.package} ({one.target}): {one.sentence}"))
        lines += [("", f"| {line}") for line in one.details.splitlines()]
    return lines or [("none", "")]


def _folders() -> list[tuple[str, str]]:
    from ndestudio.paths import examples_dir, resources_dir, user_cache_dir, user_config_dir, user_state_dir

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


COMMAND = Command(
    "info",
    "versions, devices, engines, folders",
    _command,
    "Print versions, the device and why there is no GPU, engines, plug-ins, and the folders of settings, log and compiled programs.",
)
