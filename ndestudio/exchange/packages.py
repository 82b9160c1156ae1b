"""Packages of others that formats need; a sentence where one is missing."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ndestudio.errors import EngineUnavailable

_WHAT = {"libsbml": "SBML needs libSBML", "antimony": "Antimony text needs `antimony`", "yaml": "PEtab needs PyYAML"}


@cache
def package(name: str) -> Any:
    """The package, imported.

    Raises
    ------
    EngineUnavailable
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError:
        what = _WHAT.get(name, f"this needs `{name}`")
        raise EngineUnavailable(f'{what}, which is not installed: `pip install "ndestudio[exchange]"`') from None
