"""Whether a tag, the package and the changelog say the same version: python tools/release.py v0.1.0

Standard library only: it runs before anything is installed.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def disagreements(tag: str, root: Path = ROOT) -> list[str]:
    """Sentences about what does not fit the tag; none if a release may be made."""
    version = tag.removeprefix("v")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    package = re.search(
        r'^__version__ = "(.+)"', (root / "ndestudio" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    citation = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    change = re.search(r"^## (\S+)(.*)$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    said = {
        "pyproject.toml": project,
        "ndestudio/__init__.py": package and package[1],
        "CITATION.cff": citation and citation[1],
        "the newest entry of CHANGELOG.md": change and change[1],
    }
    found = [f"{where} says {what}, the tag {tag}" for where, what in said.items() if what != version]
    if change and "unreleased" in change[2]:
        found.append("the newest entry of CHANGELOG.md is still called unreleased: put the date there")
    return found


if __name__ == "__main__":
    problems = disagreements(sys.argv[1])
    print("\n".join(problems) or f"{sys.argv[1]}: everything agrees")
    sys.exit(bool(problems))
