"""The documentation says what the program does: pages that are written by tools are up to date, no name is left out."""

from __future__ import annotations

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import ndestudio

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_page_of_the_command_line_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "cli_docs.py"))["page"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == page, "run `python tools/cli_docs.py`"


def test_every_public_name_is_in_the_reference_and_every_name_there_exists() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^::: ndestudio\.(\w+)$", text, re.MULTILINE))
    assert listed == set(ndestudio.__all__) - {"__version__"}
    assert all(hasattr(ndestudio, name) for name in listed)


def test_every_page_is_reached_from_the_navigation() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    reached = {page for one in settings["nav"] for page in _pages(one)}
    assert reached == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_the_settings_of_the_reference_suit_the_style_of_the_docstrings() -> None:
    config = pytest.importorskip("mkdocstrings_handlers.python").PythonOptions
    plugins = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["plugins"]
    (settings,) = (one["mkdocstrings"] for one in plugins if isinstance(one, dict) and "mkdocstrings" in one)
    config.from_data(**settings["handlers"]["python"]["options"])


def test_commands_and_keys_on_the_pages_exist() -> None:
    from ndestudio.cli.arguments import COMMANDS

    tables = runpy.run_path(str(DOCS.parent / "tools" / "spec_docs.py"))["TABLES"]
    everything = {key for struct in tables.values() for key in struct.__struct_fields__}
    for path in [*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorials/*.md")]:
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"^ *(?:venv/bin/)?ndestudio ([a-z]+)(?= )", text, re.MULTILINE))
        assert used <= set(COMMANDS), path
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            keys: set[str] | None = everything
            for line in re.sub(r'"""(.*?)"""', "", block, flags=re.DOTALL).splitlines():
                if line.startswith("["):
                    keys = _keys_of(line.split("]")[0].strip("["), tables)
                elif "=" in line and keys is not None:
                    name = line.split("=")[0].strip()
                    assert name in keys or not name.islower() or "." in name, (path, line)


def _keys_of(table: str, tables: Mapping[str, Any]) -> set[str] | None:
    """Settings of a table of a spec; None where its keys are names that a person gives."""
    parts = table.split(".")
    for name, struct in tables.items():
        known = name.split(".")
        if len(known) == len(parts) and all(a == b or a.isupper() for a, b in zip(known, parts, strict=True)):
            return set(struct.__struct_fields__)
    return None


def _pages(entry: str | dict) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [
        page
        for value in entry.values()
        for one in ([value] if isinstance(value, str) else value)
        for page in _pages(one)
    ]
