"""The engines there are. A new one is a module and a line here, or a package with an entry point ``ndestudio.engines``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ndestudio.errors import SettingError
from ndestudio.plugins import Registry

if TYPE_CHECKING:
    from ndestudio.symbolic.engine import Engine

ENGINES: Registry[Engine] = Registry(
    "engines",
    "engine",
    {
        "evolution": "ndestudio.symbolic.evolution:EvolutionEngine",
        "pysr": "ndestudio.symbolic.pysr_engine:PysrEngine",
    },
    needs=("unavailable", "search"),
    error=SettingError,
)
"""Engines by name, the embedded one first."""
