"""Every purpose of a job is declared with its place, and nothing that computes runs on a thread of the window's process."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

import ndestudio
from ndestudio.session.purposes import PURPOSES, THREAD, PurposeName
from ndestudio.session.tasks import Tasks

SOURCES = Path(ndestudio.__file__).parent
HEAVY = (
    "ndestudio.fitting",
    "ndestudio.distil",
    "ndestudio.symbolic",
    "ndestudio.export",
    "ndestudio.model",
    "jax",
    "scipy",
)


class Start(NamedTuple):
    place: str
    slot: str
    imports: tuple[str, ...]


def imports_of(function: ast.FunctionDef) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(function):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return tuple(found)


def starts() -> list[Start]:
    """Every ``start("slot", title, function, ...)`` in session and gui, with what its function imports."""
    found = []
    for path in sorted([*(SOURCES / "session").rglob("*.py"), *(SOURCES / "gui").rglob("*.py")]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or len(node.args) < 3:
                continue
            slot, _, function = node.args[:3]
            if node.func.attr in ("start", "_start") and isinstance(slot, ast.Constant):
                name = function.id if isinstance(function, ast.Name) else ""
                imported = imports_of(functions[name]) if name in functions else ()
                found.append(Start(f"{path.name}:{node.lineno}", str(slot.value), imported))
    return found


def test_every_purpose_that_is_used_is_declared_and_the_other_way_round() -> None:
    assert {start.slot for start in starts()} == set(PURPOSES) == set(get_args(PurposeName))


def test_nothing_that_computes_runs_on_a_thread() -> None:
    heavy = [
        (start.place, start.slot, name)
        for start in starts()
        for name in start.imports
        if PURPOSES[start.slot].where == THREAD and name.startswith(HEAVY)
    ]
    assert heavy == []


def test_a_purpose_that_is_not_declared_is_refused(runner) -> None:
    with pytest.raises(ValueError, match="`settling` is no declared purpose"):
        Tasks(runner, lambda *_: None).start("settling", "", print)  # pyright: ignore[reportArgumentType]
    assert runner.submitted == []
