"""The architecture page speaks of modules and names that are there."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE)))
NAMES = sorted(
    set(re.findall(r"`((?:ndestudio\.)?[a-z_]+(?:\.[a-z_]+)*\.[A-Za-z_]+)(?:\([^`]*\))?`", PAGE)) - {"project.json"}
)
PACKAGES = sorted(path.name for path in (ROOT / "ndestudio").iterdir() if (path / "__init__.py").is_file())


def test_it_names_files() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("name", FILES)
def test_a_file_it_names_is_there(name: str) -> None:
    places = [ROOT / "ndestudio" / name, ROOT / name, *(ROOT / "ndestudio" / one / name for one in PACKAGES)]
    assert any(place.is_file() for place in places)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_described(package: str) -> None:
    assert f"| `{package}/` |" in PAGE


@pytest.mark.parametrize("name", [name for name in NAMES if name.removeprefix("ndestudio.").split(".")[0] in PACKAGES])
def test_a_name_it_names_is_there(name: str) -> None:
    module, attribute = f"ndestudio.{name.removeprefix('ndestudio.')}".rsplit(".", 1)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        outer, owner = module.rsplit(".", 1)
        found = getattr(importlib.import_module(outer), owner)
    assert hasattr(found, attribute) or importlib.util.find_spec(f"{module}.{attribute}") is not None
