"""The C++ tests and a fuzz run under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sanitizers of Linux compilers")
@pytest.mark.timeout(900)
def test_the_native_tests_are_clean_under_the_sanitizers(tmp_path: Path) -> None:
    configure = [
        *("cmake", "-S", str(ROOT), "-B", str(tmp_path), "-DNDE_SANITIZE=ON", "-DNDE_NATIVE_TESTS=ON"),
        *("-DNDE_PYTHON_MODULE=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"),
    ]
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", str(tmp_path), "--parallel", "2"], check=True, capture_output=True)
    for arguments in ([], ["fuzz", "150"]):
        done = subprocess.run(
            [str(tmp_path / "evolution_tests"), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
