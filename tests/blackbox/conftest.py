"""Simulators for tests: a store of their own for what may run, FMUs that are built once, small programs."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ndestudio.blackbox import close_all

FMI2 = '''
from pythonfmu import Fmi2Causality, Fmi2Initial, Fmi2Slave, Fmi2Variability, Real


class Tank2(Fmi2Slave):
    """dx/dt = u - x by Euler's method, eight times in a step; it ends the process at x > 1000."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.x, self.u = 1.0, 0.0
        made = dict(variability=Fmi2Variability.continuous)
        self.register_variable(Real("x", causality=Fmi2Causality.output, initial=Fmi2Initial.exact, start=1.0, **made))
        self.register_variable(Real("u", causality=Fmi2Causality.input, start=0.0, **made))

    def do_step(self, current_time, step_size):
        if self.x > 1000:
            import os
            os.abort()
        if self.x < -1000:
            while True:
                pass
        for _ in range(8):
            self.x += step_size / 8 * (self.u - self.x)
        return True
'''
FMI3 = '''
from pythonfmu3 import Fmi3Causality, Fmi3Initial, Fmi3SlaveBase, Fmi3Variability, Float64, ModelExchange


class Spiral3(Fmi3SlaveBase, ModelExchange):
    """dx/dt = y - x, dy/dt = -x."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time, self.x, self.y, self.dx, self.dy = 0.0, 1.0, 0.0, 0.0, 0.0
        made = dict(variability=Fmi3Variability.continuous)
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, **made))
        for k, name in enumerate("xy"):
            self.register_variable(
                Float64(name, causality=Fmi3Causality.output, initial=Fmi3Initial.exact, start=1.0, **made)
            )
            self.register_variable(Float64("d" + name, causality=Fmi3Causality.local, derivative=1 + 2 * k, **made))

    def get_continuous_state_derivatives(self):
        self.dx, self.dy = self.y - self.x, -self.x
        return [self.dx, self.dy]
'''


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that a test allows stays allowed; no process outlives it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    yield
    close_all()


@pytest.fixture(scope="session")
def fmus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`tank` (FMI 2, co-simulation) and `spiral` (FMI 3, model exchange)."""
    for name in ("fmpy", "pythonfmu", "pythonfmu3"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("fmus")
    for builder, name, text in (("pythonfmu", "tank2", FMI2), ("pythonfmu3", "spiral3", FMI3)):
        (folder / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", builder, "build", "-f", f"{name}.py", "-d", "."]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return {"tank": folder / "Tank2.fmu", "spiral": folder / "Spiral3.fmu"}


def program(path: Path, body: str) -> Path:
    """A program that answers lines; ``body`` makes the list ``out`` of the list ``x``."""
    text = (
        f"#!{sys.executable}\nimport sys, time, os\nfor line in sys.stdin:\n    x = [float(w) for w in line.split()]\n"
    )
    text += "".join(f"    {line}\n" for line in body.splitlines()) + "    print(*out, flush=True)\n"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
