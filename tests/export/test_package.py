"""The names of the package are what they say, whatever was imported before."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import ndestudio.export


def test_no_module_hides_a_function() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ndestudio.export.__path__)}
    assert modules.isdisjoint(ndestudio.export.__all__)
    assert all(getattr(ndestudio.export, name) is not None for name in ndestudio.export.__all__)


def test_importing_it_loads_nothing_heavy() -> None:
    script = (
        "import sys, ndestudio.export; print(sorted({'jax', 'scipy', 'sympy', 'polars', 'ziamath'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
