"""Programs of tests run for moments: compiling them well would take longer than running them."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
