"""No module imports itself by a way round, not even for types: each part can be read, tested and replaced by itself.

The ``__init__`` of a package is its face: it names what lies in its modules and loads it on first use, so its own imports
count for nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def cycle(imports: Mapping[str, Sequence[str]]) -> list[str]:
    """One way from a module back to itself; empty when there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def imports_of(package: str) -> dict[str, tuple[str, ...]]:
    """Module -> the modules of the package that it imports anywhere, inside functions and for types as well."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    faces = {module for module in graph.modules if graph.find_children(module)}
    return {
        module: () if module in faces else tuple(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
    }


def test_a_way_round_is_found() -> None:
    assert set(cycle({"a": ["b"], "b": ["c"], "c": ["a"]})) == {"a", "b", "c"}
    assert cycle({"a": ["b", "c"], "b": ["c"], "c": []}) == []


@pytest.mark.parametrize("package", ["ndestudio", "benchmarks"])
def test_nothing_imports_itself_by_a_way_round(package: str) -> None:
    assert cycle(imports_of(package)) == []
