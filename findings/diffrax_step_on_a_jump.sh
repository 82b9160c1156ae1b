#!/bin/sh
# diffrax 0.7.2 (JAX 0.10.2, Equinox 0.13.8): an input that jumps from 0 to 5 at t = 1 is written as two samples at one time and
# interpolated by `LinearInterpolation`, which takes it. Integrating x' = u(t) from 0 to 2 gives 5, and steps of 0.5 that end and
# begin exactly at the jump ought to be exact with any Runge-Kutta method. They are not: `evaluate(1.0)` is the value before the
# jump (`left=True` is the default), and the stage at the start of the step after the jump takes it, so that a part of that step
# is lost: Euler 2.5, Heun 3.75, Tsit5 4.76, Dopri5 4.77. A fixed step that is aligned with the jump loses its order without a
# word; `PIDController(jump_ts=...)` or steps that begin just behind the jump do not. NumPy's `interp` has the value after it.
# Seen on Python 3.11, Linux x86-64, processor.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "jax==0.10.2" "jaxlib==0.10.2" "diffrax==0.7.2" "equinox==0.13.8" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PYTHON'
import diffrax
import jax
import jax.numpy as jnp
import numpy as np

assert diffrax.__version__ == "0.7.2" and jax.__version__ == "0.10.2"
jax.config.update("jax_enable_x64", True)
times, values = jnp.array([0.0, 1.0, 1.0, 2.0]), jnp.array([0.0, 0.0, 5.0, 5.0])
path = diffrax.LinearInterpolation(times, values)
term = diffrax.ODETerm(lambda t, x, _: path.evaluate(t))
on_the_jump = diffrax.StepTo(ts=jnp.array([0.0, 0.5, 1.0, 1.5, 2.0]))
told = diffrax.PIDController(rtol=1e-6, atol=1e-6, jump_ts=jnp.array([1.0]))


def end(solver, controller, first=None):
    return float(diffrax.diffeqsolve(term, solver, 0.0, 2.0, first, jnp.array(0.0), stepsize_controller=controller).ys[-1])


seen = {
    "path at the jump": float(path.evaluate(1.0)),
    "numpy.interp at the jump": float(np.interp(1.0, times, values)),
    "Euler": end(diffrax.Euler(), on_the_jump),
    "Heun": end(diffrax.Heun(), on_the_jump),
    "Tsit5": end(diffrax.Tsit5(), on_the_jump),
    "Dopri5": end(diffrax.Dopri5(), on_the_jump),
    "Tsit5 that is told of the jump": end(diffrax.Tsit5(), told, 0.1),
}
for name, value in seen.items():
    print(f"{name:32} {value:.6f}")
expected = {
    "path at the jump": 0.0,
    "numpy.interp at the jump": 5.0,
    "Euler": 2.5,
    "Heun": 3.75,
    "Tsit5": 4.758848,
    "Dopri5": 4.772135,
    "Tsit5 that is told of the jump": 5.0,
}
assert all(abs(seen[name] - value) < 1e-5 for name, value in expected.items()), "the behaviour has changed"
PYTHON
