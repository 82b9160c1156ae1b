#!/bin/sh
# SciPy 1.17.1 (NumPy 2.4.6): a right-hand side leaves the domain of its square root (x' = -sqrt(x) - 0.1 reaches x = 0 near
# t = 1.52 and has no real value beyond). `solve_ivp` says of the same problem:
#   RK45, DOP853   success False, status -1 ("Required step size is less than spacing between numbers."): stopped at t = 1.52
#   LSODA          success True,  status 0  ("The solver successfully reached the end of the integration interval."): the states are NaN
#   BDF, Radau     ValueError from the linear algebra, no result object
# Who trusts `success` takes NaN for a solution with LSODA alone. Seen on Python 3.11, Linux x86-64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "numpy==2.4.6" "scipy==1.17.1"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import scipy
from scipy.integrate import solve_ivp

assert scipy.__version__ == "1.17.1"


def rate(t, x):
    return [-np.sqrt(x[0]) - 0.1]


def outcome(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = solve_ivp(rate, (0.0, 5.0), [1.0], method=method)
        except ValueError as error:
            return f"ValueError: {error}"
    last = "NaN" if np.isnan(result.y[0, -1]) else "finite"
    return f"success {result.success}, status {result.status}, last time {result.t[-1]:.2f}, last state {last}"


expected = {
    "RK45": "success False, status -1, last time 1.52, last state finite",
    "DOP853": "success False, status -1, last time 1.52, last state finite",
    "LSODA": "success True, status 0, last time 5.00, last state NaN",
    "BDF": "ValueError: array must not contain infs or NaNs",
    "Radau": "ValueError: array must not contain infs or NaNs",
}
seen = {method: outcome(method) for method in expected}
for method, text in seen.items():
    print(f"{method:7} {text}")
assert seen == expected, "the behaviour has changed"
PYTHON
