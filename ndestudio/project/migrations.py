"""The number of the project format, and the steps from each older one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ndestudio.errors import ProjectError
from ndestudio.project.former_names import renamed

SCHEMA = 2
"""Number written by this program. Raise it, and add a step below, when a change makes older files unreadable."""

Step = Callable[[dict[str, Any]], dict[str, Any]]
STEPS: Mapping[int, Step] = {1: renamed}
"""Schema number -> function that turns the content of project.json into that of the next number."""


def migrate(
    content: dict[str, Any], *, schema: int = SCHEMA, steps: Mapping[int, Step] | None = None
) -> dict[str, Any]:
    """Bring the content of a project file to the current schema.

    Raises
    ------
    ProjectError
        If the file is of a newer program, or older than the chain of steps.
    """
    steps = STEPS if steps is None else steps
    number = content.get("schema")
    if not isinstance(number, int) or number < 1:
        raise ProjectError("its format has no number, so it was not written by NDE Studio or is damaged")
    if number > schema:
        program = content.get("program")
        newer = f" {program}" if isinstance(program, str) else ""
        raise ProjectError(
            f"it was written by a newer NDE Studio{newer} (format {number}; this one reads up to {schema}); "
            "update NDE Studio to open it"
        )
    while number < schema:
        if number not in steps:
            raise ProjectError(f"its format {number} is too old for this NDE Studio")
        content = {**steps[number](content), "schema": number + 1}
        number += 1
    return content
