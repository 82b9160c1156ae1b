"""The package is on the way to the window, so importing it must stay cheap."""

from __future__ import annotations

import subprocess
import sys


def test_import_needs_no_heavy_package() -> None:
    code = (
        "import sys; import ndestudio.data; from ndestudio.data import preview, load, DataConfig, smooth, Preview; "
        "import ndestudio.data.file_preview; "
        "print([name for name in ('jax', 'scipy', 'polars', 'sympy', 'PySide6') if name in sys.modules], callable(preview))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"
