"""The face of the library: its names are what they say, and what the README shows runs."""

from __future__ import annotations

import ast
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


def test_what_the_documentation_reads_is_where_it_says() -> None:
    """Names that are loaded on first use are imported once more for readers of the source: from modules that have them."""
    root = Path(ndestudio.__file__).parent
    block = next(node for node in ast.parse((root / "__init__.py").read_text("utf-8")).body if isinstance(node, ast.If))
    for node in block.body:
        assert isinstance(node, ast.ImportFrom) and node.module is not None
        place = root.joinpath(*node.module.split(".")[1:])
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        known: set[str] = set()
        for one in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(one, ast.ClassDef | ast.FunctionDef):
                known.add(one.name)
            elif isinstance(one, ast.ImportFrom):
                known |= {name.asname or name.name for name in one.names}
            elif isinstance(one, ast.Name):
                known.add(one.id)
        missing = [name.name for name in node.names if name.name not in known]
        assert not missing, f"{node.module} has no {', '.join(missing)}"
