#!/bin/sh
# SciPy 1.17.1, `odeint`: `tcrit` takes "critical points (e.g., singularities) where integration care should be taken". An input that is
# 1000 on [1, 1.001) and on [3, 3.001), both ends of both pulses named in `tcrit` and among the times of the result, ought to be
# integrated. It is passed over without a word: "Integration successful", x = 0 throughout, where x' = u(t) - 0.1*x has 1.489 at the
# end. Steps do end at the critical times, but LSODA is not started anew there: it leads on with the slopes it remembers, and its
# next step, as long as the gap to the next critical time, sees the input before and after the pulse only. With the end of the
# pulse written u(1.001) = 1000 it is found. Critical times that are not among those of the result are no help either: two of them before
# the first time of the result make it refuse ("Illegal input detected").
# Seen on Python 3.11, Linux x86-64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "scipy==1.17.1" "numpy==2.4.6"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import scipy
from scipy.integrate import odeint

assert scipy.__version__ == "1.17.1"
ends = [1.0, 1.001, 3.0, 3.001]


def pulses(t, closed):
    return 1000.0 * any(a <= t < b or (closed and t == b) for a, b in zip(ends[::2], ends[1::2]))


def solved(times, closed=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y, told = odeint(lambda y, t: pulses(t, closed) - 0.1 * y, 0.0, times, tcrit=ends, rtol=1e-8, full_output=True)
    return float(y[-1, 0]), told["message"]


exact = (1.0 - np.exp(-0.0001)) * 10_000 * (np.exp(-0.1999) + np.exp(-0.3999))
at_all, at_ends, closed = solved([0.0, *ends, 5.0]), solved([0.0, 5.0]), solved([0.0, *ends, 5.0], closed=True)
print(f"exact                             {exact:.6f}")
print(f"critical times in the result      {at_all[0]:.6f}  {at_all[1]}")
print(f"the same, pulses closed on both sides {closed[0]:.6f}  {closed[1]}")
print(f"only the end in the result        {at_ends[0]:.6f}  {at_ends[1]}")
assert at_all == (0.0, "Integration successful."), "the behaviour has changed"
assert at_ends[1].startswith("Illegal input"), "the behaviour has changed"
PYTHON
