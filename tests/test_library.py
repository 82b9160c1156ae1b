"""The face of the library: its names are what they say, and what the README shows runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ndestudio

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ndestudio.__all__)
def test_every_name_of_the_library_is_there_and_no_module(name: str) -> None:
    assert not isinstance(getattr(ndestudio, name), ModuleType)


def test_importing_the_library_loads_nothing() -> None:
    code = (
        "import sys, ndestudio\n"
        "loaded = {'numpy', 'jax', 'scipy', 'sympy', 'polars', 'msgspec', 'PySide6', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ndestudio.nothing


def readme_code() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert found is not None
    return found[1]


def test_the_example_of_the_readme_is_short() -> None:
    assert len([line for line in readme_code().splitlines() if line.strip()]) <= 16


@pytest.mark.slow
def test_the_example_of_the_readme_runs() -> None:
    code = readme_code().replace("seconds=5.0", "seconds=1.0")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^d\(hare\)/dt = .*hare", done.stdout, re.M)
    assert re.search(r"^d\(lynx\)/dt = .*lynx", done.stdout, re.M)
    assert "held-out error:" in done.stdout and "solve_ivp" in done.stdout


def test_links_of_the_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")]
    assert len(documents) > 8
    links = [
        (document, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    broken = [f"{document.name}: {target}" for document, target in links if not (document.parent / target).exists()]
    assert not broken
