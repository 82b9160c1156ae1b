"""A release is refused while its version is not said alike everywhere."""

from __future__ import annotations

import runpy
from pathlib import Path

from ndestudio import __version__

ROOT = Path(__file__).parents[2]
disagreements = runpy.run_path(str(ROOT / "tools" / "release.py"))["disagreements"]


def _tree(folder: Path, changelog: str, package: str = "1.2.0") -> Path:
    (folder / "ndestudio").mkdir()
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (folder / "ndestudio" / "__init__.py").write_text(f'"""Words."""\n__version__ = "{package}"\n')
    (folder / "CITATION.cff").write_text("version: 1.2.0\n")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## {changelog}\n\n## 1.1.0 (2026-01-01)\n")
    return folder


def test_all_agree(tmp_path: Path) -> None:
    assert disagreements("v1.2.0", _tree(tmp_path, "1.2.0 (2026-12-01)")) == []


def test_each_that_does_not_is_named(tmp_path: Path) -> None:
    package, changelog = disagreements("v1.2.0", _tree(tmp_path, "1.2.0 (unreleased)", package="1.1.0"))
    assert package == "ndestudio/__init__.py says 1.1.0, the tag v1.2.0"
    assert "still called unreleased" in changelog
    assert len(disagreements("v1.3.0", tmp_path)) == 5


def test_this_tree_says_one_version() -> None:
    assert [one for one in disagreements(f"v{__version__}") if "unreleased" not in one] == []
