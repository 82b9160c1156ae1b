"""The documentation says what the program does: pages that are written by tools are up to date, no name is left out."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

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
    from ndestudio.data.config import DataConfig, RunConfig, SplitConfig, ValueConfig
    from ndestudio.distil.config import DistilConfig
    from ndestudio.fitting.config import TrainConfig
    from ndestudio.model.config import InitialConfig, NetworkConfig

    keys = {
        key
        for struct in (
            DataConfig,
            RunConfig,
            ValueConfig,
            SplitConfig,
            DistilConfig,
            InitialConfig,
            NetworkConfig,
            TrainConfig,
        )
        for key in struct.__struct_fields__
    }
    for path in [*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorials/*.md")]:
        text = path.read_text(encoding="utf-8")
        used = set(re.findall(r"^ *(?:venv/bin/)?ndestudio ([a-z]+)(?= )", text, re.MULTILINE))
        assert used <= set(COMMANDS), path
        for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
            set_here = {line.split("=")[0].strip() for line in block.splitlines() if "=" in line}
            assert {name for name in set_here if name.islower()} <= keys, path


def _pages(entry: str | dict) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [
        page
        for value in entry.values()
        for one in ([value] if isinstance(value, str) else value)
        for page in _pages(one)
    ]
