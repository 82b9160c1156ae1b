"""Errors on the terminal: a sentence, and the exit code it means."""

from __future__ import annotations

import sys

from ndestudio.cli.exit_codes import BAD_INPUT, FAILED
from ndestudio.errors import DataError, EquationError, NdeStudioError, ProjectError, SettingError, SpecError


def complain(error: Exception) -> int:
    """Print an error as a sentence and say which exit code it means; one that is no user's fault is raised again."""
    if not isinstance(error, NdeStudioError):
        raise error
    print(f"ndestudio: {error}", file=sys.stderr)
    return (
        BAD_INPUT if isinstance(error, DataError | EquationError | ProjectError | SettingError | SpecError) else FAILED
    )
