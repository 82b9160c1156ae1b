"""FMUs of other makers with a term taken out, mended: pythonfmu (FMI 2, co-simulation) and pythonfmu3 (FMI 3, model exchange)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.blackbox.problems import forecast_error
from ndestudio.blackbox import allow, close_all
from ndestudio.data.arrays import dataset_from_arrays
from ndestudio.data.config import SplitConfig
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model import ModelConfig, NetworkConfig, initial_model
from ndestudio.solve.scipy_reference import simulate

STEP, LENGTH, WINDOWS, TESTS = 0.1, 6.0, 6, 6
DRAG = 0.3
RATES = "[v, -math.sin(x)]"
FMI2 = f'''
import math

from pythonfmu import Fmi2Causality, Fmi2Initial, Fmi2Slave, Fmi2Variability, Real


class Pendulum2(Fmi2Slave):
    """A pendulum without its drag, by the classical Runge-Kutta method, twice in a step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.x, self.v = 1.0, 0.0
        for name in "xv":
            self.register_variable(Real(name, causality=Fmi2Causality.output, variability=Fmi2Variability.continuous,
                                        initial=Fmi2Initial.exact, start=1.0))

    def rates(self, state):
        x, v = state
        return {RATES}

    def do_step(self, current_time, step_size):
        h, s = step_size / 2, [self.x, self.v]
        for _ in range(2):
            a = self.rates(s)
            b = self.rates([p + h / 2 * q for p, q in zip(s, a)])
            c = self.rates([p + h / 2 * q for p, q in zip(s, b)])
            d = self.rates([p + h * q for p, q in zip(s, c)])
            s = [p + h / 6 * (q + 2 * r + 2 * v + w) for p, q, r, v, w in zip(s, a, b, c, d)]
        self.x, self.v = s
        return True
'''
FMI3 = f'''
import math

from pythonfmu3 import Fmi3Causality, Fmi3Initial, Fmi3SlaveBase, Fmi3Variability, Float64, ModelExchange


class Pendulum3(Fmi3SlaveBase, ModelExchange):
    """A pendulum without its drag."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time = self.dx = self.dv = 0.0
        self.x, self.v = 1.0, 0.0
        continuous = Fmi3Variability.continuous
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, variability=continuous))
        for k, name in enumerate("xv"):
            self.register_variable(Float64(name, causality=Fmi3Causality.output, variability=continuous,
                                           initial=Fmi3Initial.exact, start=1.0))
            self.register_variable(Float64("d" + name, causality=Fmi3Causality.local, variability=continuous,
                                           derivative=1 + 2 * k))

    def get_continuous_state_derivatives(self):
        x, v = self.x, self.v
        self.dx, self.dv = {RATES}
        return [self.dx, self.dv]
'''


def built(folder: Path) -> dict[str, Path]:
    """Both FMUs, made by their tools."""
    for builder, name, text in (("pythonfmu", "pendulum2", FMI2), ("pythonfmu3", "pendulum3", FMI3)):
        (folder / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", builder, "build", "-f", f"{name}.py", "-d", "."]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return {"2": folder / "Pendulum2.fmu", "3": folder / "Pendulum3.fmu"}


def models(fmus: dict[str, Path]) -> dict[str, tuple[ModelConfig, ModelConfig]]:
    """Each hybrid model, and its FMU alone."""
    networks = {name: NetworkConfig(width=8) for name in "fg"}
    found = {}
    for kind, path in fmus.items():
        call, steps = f'blackbox("{path}")(x, v)', kind == "2"
        left = f"{{0}}(t + {STEP})" if steps else "d({0})/dt"
        # a term that acts within a step moves the other state as well by its end
        more = (f" + {STEP}*g(x, v)", f" + {STEP}*f(x, v)") if steps else ("", " + f(v)")
        lines = [f"{left.format(state)} = {call}" for state in "xv"]
        mended = ModelConfig(
            equations="\n".join(a + b for a, b in zip(lines, more, strict=True)),
            networks=networks if steps else {"f": networks["f"]},
        )
        found[kind] = mended, ModelConfig(equations="\n".join(lines))
    return found


def _pendulum(start: tuple[float, float], t: np.ndarray) -> np.ndarray:
    """The truth: with drag."""
    found = solve_ivp(
        lambda _, s: (s[1], -np.sin(s[0]) - DRAG * s[1] * abs(s[1])),
        (0.0, t[-1]),
        start,
        t_eval=t,
        rtol=1e-9,
        atol=1e-10,
    )
    return found.y.T


def mended() -> dict[str, tuple[float, str]]:
    """Forecast errors of each FMU alone and with what was learned."""
    t = np.arange(round(LENGTH / STEP) + 1) * STEP
    random = np.random.default_rng(0)
    starts = [(float(a), float(b)) for a, b in random.uniform(-1.5, 1.5, size=(WINDOWS + TESTS, 2))]
    paths = [_pendulum(start, t) for start in starts]
    known, truth = paths[:WINDOWS], paths[WINDOWS:]
    split = SplitConfig(by="trajectory", train=0.7, validation=0.3, test=0.0)
    data = dataset_from_arrays([t] * WINDOWS, known, ["x", "v"], split=split)
    values: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # nothing stays allowed
        fmus = built(Path(folder))
        for kind, (model, alone) in models(fmus).items():
            allow(fmus[kind])
            begin = time.perf_counter()
            fitted = fit(model, data, TrainConfig(preset="quick")).model
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
