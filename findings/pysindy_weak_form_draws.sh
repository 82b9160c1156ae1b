#!/bin/sh
# pysindy 2.1.0: the weak form of SINDy has no seed. `WeakPDELibrary` draws the centres of its K subdomains from NumPy's global
# random state when it is made, so that the same lines give other coefficients on the same array each time, and near the threshold
# another law. Neither `WeakPDELibrary` nor `SINDy` takes `random_state`, as scikit-learn's estimators do whose interface they
# follow; only `numpy.random.seed` before the library is made repeats a result.
# Seen with two species (x' = x - 0.5 x y, y' = 0.5 x y - 0.8 y, 2% noise, 150 samples, K = 200) on Python 3.11, Linux x86-64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "pysindy==2.1.0" "numpy==2.4.6" "scipy==1.17.1" "scikit-learn==1.9.1"
"$folder/venv/bin/python" - <<'PYTHON'
import inspect
import warnings

import numpy as np
import pysindy as ps
from scipy.integrate import solve_ivp

t = np.linspace(0.0, 10.0, 150)
clean = solve_ivp(
    lambda _, s: [s[0] - 0.5 * s[0] * s[1], 0.5 * s[0] * s[1] - 0.8 * s[1]], (0, 10), [2.0, 1.0], t_eval=t, rtol=1e-9
).y.T
data = clean + 0.02 * clean.std(axis=0) * np.random.default_rng(0).standard_normal(clean.shape)


def coefficients(seed=None):
    if seed is not None:
        np.random.seed(seed)
    library = ps.WeakPDELibrary(ps.PolynomialLibrary(degree=2), spatiotemporal_grid=t, K=200)
    model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.05), feature_library=library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own arrays
        model.fit(data, t=t)
    return np.asarray(model.coefficients())


one, two = coefficients(), coefficients()
again, same = coefficients(7), coefficients(7)
parameters = {*inspect.signature(ps.WeakPDELibrary).parameters, *inspect.signature(ps.SINDy).parameters}
print("made and fitted twice, largest difference of a coefficient:", np.abs(one - two).max())
print("seeded each time:", np.abs(again - same).max())
print("a seed among the parameters:", bool({"random_state", "seed", "rng"} & parameters))
assert np.abs(one - two).max() > 1e-3 and np.abs(again - same).max() == 0.0, "the behaviour has changed"
assert not {"random_state", "seed", "rng"} & parameters, "the behaviour has changed"
PYTHON
