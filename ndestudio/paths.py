"""Where the bundled files are and where the user's own files go."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import platformdirs


@cache
def _shared(name: str) -> Path:
    package = Path(__file__).resolve().parent
    for place in (package.parent / name, package / "_shared" / name):
        if place.is_dir() and (place.parent != package.parent or (package.parent / "pyproject.toml").is_file()):
            return place
    raise FileNotFoundError(f"the folder `{name}` that belongs to NDE Studio is missing; install the program again")


def resources_dir() -> Path:
    """Icons, thumbnails, style."""
    return _shared("resources")


def examples_dir() -> Path:
    """Example CSVs and specs."""
    return _shared("examples")


def documentation() -> Path | None:
    """Start page of the documentation for a browser; None where it was not built (`make docs` does it)."""
    page = resources_dir() / "site" / "index.html"
    return page if page.is_file() else None


def fmu_binaries() -> Path | None:
    """The libraries that FMUs run with, a folder for each platform; None where they were not built (`make fmu` does it)."""
    package = Path(__file__).resolve().parent
    places = (package.parent / "build" / "fmu", package / "_shared" / "fmu")
    return next((place for place in places if place.is_dir()), None)


def user_cache_dir() -> Path:
    """Private to the user: compiled programs are kept here."""
    return _private(platformdirs.user_cache_path("ndestudio", appauthor=False))


def user_state_dir() -> Path:
    """Autosaves, logs, recent files."""
    return _private(platformdirs.user_state_path("ndestudio", appauthor=False))


def user_config_dir() -> Path:
    """Settings of the window."""
    return _private(platformdirs.user_config_path("ndestudio", appauthor=False))


def _private(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
