"""Simulators that cannot be differentiated, as functions of equations: FMUs, programs, tables, Python callables.

What may run, and how it is run, is settled here; equations know a black box by its ``Label`` alone.
"""

from __future__ import annotations

from ndestudio.blackbox.callables import forget_callable, register_callable
from ndestudio.blackbox.describe import Description, describe
from ndestudio.blackbox.label import Label
from ndestudio.blackbox.opened import close_all, opened
from ndestudio.blackbox.permission import allow, allowed, disallow, is_allowed

__all__ = [
    "Description",
    "Label",
    "allow",
    "allowed",
    "close_all",
    "describe",
    "disallow",
    "forget_callable",
    "is_allowed",
    "opened",
    "register_callable",
]
