"""FMUs of other makers with a term taken out, mended: pythonfmu (FMI 2, co-simulation) and pythonfmu3 (FMI 3, model exchange)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.blackbox.problems import PROBLEMS, forecast_error
from ndestudio.blackbox import allow, close_all
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model import ModelConfig, NetworkConfig, initial_model
from ndestudio.solve.scipy_reference import simulate

STEP, LENGTH, WINDOWS, HORIZON = 0.02, 0.4, 16, 0.4
RATES = "[10.0 * (y - x), 28.0 * x - y, x * y - 8.0 / 3.0 * z]"
FMI2 = f'''
from pythonfmu import Fmi2Causality, Fmi2Initial, Fmi2Slave, Fmi2Variability, Real


class Lorenz2(Fmi2Slave):
    """Lorenz-63 without its term -x z, by the classical Runge-Kutta method, four times in a step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.x = self.y = self.z = 1.0
        for name in "xyz":
            self.register_variable(Real(name, causality=Fmi2Causality.output, variability=Fmi2Variability.continuous,
                                        initial=Fmi2Initial.exact, start=1.0))

    def rates(self, state):
        x, y, z = state
        return {RATES}

    def do_step(self, current_time, step_size):
        h, s = step_size / 4, [self.x, self.y, self.z]
        for _ in range(4):
            a = self.rates(s)
            b = self.rates([p + h / 2 * q for p, q in zip(s, a)])
            c = self.rates([p + h / 2 * q for p, q in zip(s, b)])
            d = self.rates([p + h * q for p, q in zip(s, c)])
            s = [p + h / 6 * (q + 2 * r + 2 * v + w) for p, q, r, v, w in zip(s, a, b, c, d)]
        self.x, self.y, self.z = s
        return True
'''
FMI3 = f'''
from pythonfmu3 import Fmi3Causality, Fmi3Initial, Fmi3SlaveBase, Fmi3Variability, Float64, ModelExchange


class Lorenz3(Fmi3SlaveBase, ModelExchange):
    """Lorenz-63 without its term -x z."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time = self.dx = self.dy = self.dz = 0.0
        self.x = self.y = self.z = 1.0
        continuous = Fmi3Variability.continuous
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, variability=continuous))
        for k, name in enumerate("xyz"):
            self.register_variable(Float64(name, causality=Fmi3Causality.output, variability=continuous,
                                           initial=Fmi3Initial.exact, start=1.0))
            self.register_variable(Float64("d" + name, causality=Fmi3Causality.local, variability=continuous,
                                           derivative=1 + 2 * k))

    def get_continuous_state_derivatives(self):
        x, y, z = self.x, self.y, self.z
        self.dx, self.dy, self.dz = {RATES}
        return [self.dx, self.dy, self.dz]
'''


def built(folder: Path) -> dict[str, Path]:
    """Both FMUs, made by their tools."""
    for builder, name, text in (("pythonfmu", "lorenz2", FMI2), ("pythonfmu3", "lorenz3", FMI3)):
        (folder / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", builder, "build", "-f", f"{name}.py", "-d", "."]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {"2": folder / "Lorenz2.fmu", "3": folder / "Lorenz3.fmu"}


def models(fmus: dict[str, Path]) -> dict[str, tuple[ModelConfig, ModelConfig]]:
    """Each hybrid model, and its FMU alone."""
    networks = {"f": NetworkConfig(width=16), "g": NetworkConfig(width=16)}
    found = {}
    for kind, path in fmus.items():
        call = f'blackbox("{path}")(x, y, z)'
        left = "{0}(t + " + f"{STEP})" if kind == "2" else "d({0})/dt"
        # a term that acts within a step moves the other states as well by its end
        more = ("", f" + {STEP}*f(x, y, z)", f" + {STEP}*g(x, y, z)") if kind == "2" else ("", " + f(x, z)", "")
        used = networks if kind == "2" else {"f": networks["f"]}
        lines = [f"{left.format(state)} = {call}" for state in "xyz"]
        mended = ModelConfig(equations="\n".join(a + b for a, b in zip(lines, more, strict=True)), networks=used)
        found[kind] = mended, ModelConfig(equations="\n".join(lines))
    return found


def mended() -> dict[str, tuple[float, str]]:
    """Forecast errors of each FMU alone and with what was learned."""
    problem = PROBLEMS["lorenz63"]()
    t = np.arange(round(LENGTH / STEP) + 1) * STEP
    y, windows = problem.start, []
    for _ in range(WINDOWS + 8):
        y = problem._path(y, 2.0, 2.0)[-1]
        windows.append(problem._path(y, LENGTH, STEP))
    known, truth = windows[:WINDOWS], windows[WINDOWS:]
    split = SplitConfig(by="trajectory", train=0.75, validation=0.25, test=0.0)
    data = dataset_from_arrays([t] * WINDOWS, known, ["x", "y", "z"], split=split)
    values: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # nothing stays allowed
        fmus = built(Path(folder))
        for kind, (model, alone) in models(fmus).items():
            allow(fmus[kind])
            begin = time.perf_counter()
            fitted = fit(model, data, TrainConfig(preset="quick", time_limit=90.0)).model
            errors = [
                forecast_error([simulate(one, t, path[0]).states for path in truth], truth)
                for one in (initial_model(alone, data, 0), fitted)
            ]
            print(
                f"FMI {kind}: forecast error {errors[0]:.4f} alone, {errors[1]:.4f} mended, ratio {errors[1] / errors[0]:.4f}, "
                f"{time.perf_counter() - begin:.0f} s",
                flush=True,
            )
            values |= {f"FMI {kind} alone": (errors[0], "1"), f"FMI {kind} mended": (errors[1], "1")}
        close_all()
    return values
