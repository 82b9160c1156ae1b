"""The reference of the spec is what the structs say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_reference_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "spec_docs.py"))["page"]()
    written = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    assert written == page, "run `python tools/spec_docs.py`"


def test_every_key_is_in_the_reference() -> None:
    module = runpy.run_path(str(ROOT / "tools" / "spec_docs.py"))
    page = module["page"]()
    for path, type_ in module["TABLES"].items():
        section = page.split(f"## `[{path}]`" if path else "## At the top")[1].split("\n## ")[0]
        for name in module["struct_fields"](type_):
            assert not path or f"| `{name}` |" in section, (path, name)
