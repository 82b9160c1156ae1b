#!/bin/sh
# diffrax 0.7.2 (JAX 0.10.2, Equinox 0.13.8, Optimistix 0.1.0): `diffeqsolve(..., event=Event([first, second], root_finder))` ends at
# the first of several conditions. Where both come true within one step, "first" is the one that stands first in the list, not the
# one that happens first: x' = 1 from 0 with the conditions x = 0.9 and x = 0.3 in this order ends at 0.9, in the other order at 0.3.
# Steps of an adaptive method are that long wherever the solution is smooth, so that the answer depends on tolerances too. SciPy's
# `solve_ivp` ends at 0.3 in both orders. One condition, the largest of both numbers, ends at 0.3 in diffrax as well.
# Seen on Python 3.11, Linux x86-64, processor.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "jax==0.10.2" "jaxlib==0.10.2" "diffrax==0.7.2" "equinox==0.13.8" "numpy==2.4.6" "scipy==1.17.1"
"$folder/venv/bin/python" - <<'PYTHON'
import diffrax
import jax
import jax.numpy as jnp
import optimistix
from scipy.integrate import solve_ivp

assert diffrax.__version__ == "0.7.2" and jax.__version__ == "0.10.2"
jax.config.update("jax_enable_x64", True)
late = lambda t, y, args, **_: y - 0.9
early = lambda t, y, args, **_: y - 0.3
both = lambda t, y, args, **_: jnp.maximum(y - 0.9, y - 0.3)


def end(conditions, controller, first=None):
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, _: jnp.ones_like(y)), diffrax.Tsit5(), 0.0, 2.0, first, jnp.array(0.0),
        stepsize_controller=controller, event=diffrax.Event(conditions, optimistix.Newton(1e-9, 1e-9)),
    )
    return float(found.ts[-1])


def reference(*levels):
    events = [lambda t, y, level=level: y[0] - level for level in levels]
    for one in events:
        one.terminal = True
    return float(solve_ivp(lambda t, y: [1.0], (0.0, 2.0), [0.0], events=events).t[-1])


adaptive = diffrax.PIDController(rtol=1e-8, atol=1e-8)
seen = {
    "step of 1, late first": end([late, early], diffrax.ConstantStepSize(), 1.0),
    "step of 1, early first": end([early, late], diffrax.ConstantStepSize(), 1.0),
    "adaptive, late first": end([late, early], adaptive, 1.0),
    "adaptive, largest of both": end(both, adaptive, 1.0),
    "SciPy, late first": reference(0.9, 0.3),
    "SciPy, early first": reference(0.3, 0.9),
}
for name, value in seen.items():
    print(f"{name:28} {value:.6f}")
expected = (0.9, 0.3, 0.9, 0.3, 0.3, 0.3)
assert all(abs(one - value) < 1e-6 for one, value in zip(seen.values(), expected)), "the behaviour has changed"
PYTHON
