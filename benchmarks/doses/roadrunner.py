"""The same fit by libroadrunner (CVODE, one simulation for each run, doses as events of one model) and SciPy's least squares."""

from __future__ import annotations

import importlib
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.doses.problem import START
from ndestudio.data.dataset import Dataset


def simulator(doses: int) -> Any:
    """A model with as many dose events, their times and amounts parameters of it."""
    roadrunner: Any = importlib.import_module("roadrunner")  # its names are made when it is loaded
    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
    given = "".join(f"T{k} = 0; D{k} = 0; at time >= T{k}: G = G + D{k};\n" for k in range(1, doses))
    text = f"model m\nspecies G = 0; A = 0; ka = 1; ke = 1;\nG -> A; ka*G;\nA -> ; ke*A;\n{given}end\n"
    made = roadrunner.RoadRunner(_sbml(text))
    made.integrator.relative_tolerance, made.integrator.absolute_tolerance = 1e-7, 1e-9
    made.timeCourseSelections = ["time", "A"]
    return made


def _sbml(text: str) -> str:
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(text) < 0:
        raise RuntimeError(antimony.getLastError())
    return str(antimony.getSBMLString("m"))


def fitted(data: Dataset, doses: int) -> tuple[dict[str, float], float, int]:
    """Parameters, seconds and simulations of whole data sets."""
    from scipy.optimize import least_squares

    made, names, calls = simulator(doses), list(START), [0]

    def errors(x: np.ndarray) -> np.ndarray:
        calls[0] += 1
        ka, ke, volume = np.exp(x)
        found = []
        for one in data.trajectories:
            made.resetToOrigin()
            made["ka"], made["ke"], made["G"] = ka, ke, one.doses[0].amount
            for k, dose in enumerate(one.doses[1:], start=1):
                made[f"T{k}"], made[f"D{k}"] = dose.time, dose.amount
            table = made.simulate(times=one.t.tolist())
            found.append(np.asarray(table)[:, 1] / volume - one.measured[:, 0])
        return np.concatenate(found)

    began = perf_counter()
    result = least_squares(errors, np.log(list(START.values())), method="trf", x_scale="jac")
    return dict(zip(names, np.exp(result.x).tolist(), strict=True)), perf_counter() - began, calls[0]
