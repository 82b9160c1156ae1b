"""Cases of the public suites and what each asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.exchange.petab.derivatives import programs
from ndestudio.exchange.petab.formula import parse_formula
from ndestudio.exchange.petab.objective import Objective, PetabEvaluation
from ndestudio.exchange.petab.problem import PetabProblem
from ndestudio.exchange.petab.read import read_petab
from ndestudio.exchange.petab.tables import Row, read_table, read_yaml
from ndestudio.exchange.petab.write import write_petab
from ndestudio.exchange.sciml.arrays import read_arrays
from ndestudio.exchange.sciml.network import read_network
from ndestudio.expression.numeric import evaluate

SYMBOLS = {"a * b"}
"""Expected results of the formula tests that are formulas themselves."""
DROPPED = 2e-2
"""Tolerance where the expected value is a mean over random dropouts."""


def folder() -> Path | None:
    """Where the suites are: what NDESTUDIO_SUITES names, or `shared/suites` beside the project; None: nowhere."""
    given = os.environ.get("NDESTUDIO_SUITES")
    places = [Path(given)] if given else [one / "shared" / "suites" for one in Path(__file__).resolve().parents]
    return next((one for one in places if one.is_dir()), None)


def cases(suite: str) -> list[Path]:
    """Folders of the cases of a suite, in order."""
    root = folder()
    return [] if root is None else sorted(one for one in (root / suite).iterdir() if one.is_dir())


def petab_case(case: Path) -> Iterator[str]:
    """What is wrong with a case of PEtab 1 or 2: a sentence each."""
    solution: Any = read_yaml(case / f"_{case.name}_solution.yaml")
    objective = Objective(read_petab(case / f"_{case.name}.yaml"))
    found = objective.evaluate()
    for name, value in (("llh", found.llh), ("chi2", found.chi2)):
        if not abs(value - solution[name]) <= solution[f"tol_{name}"]:
            yield f"{name} is {value}, not {solution[name]}"
    rows = [row for file in solution["simulation_files"] for row in read_table(case / file)]
    yield from _simulations(objective.problem, found, rows, solution["tol_simulations"])
    for name, value in solution.get("log_prior", {}).items():
        if not abs(found.log_priors[name] - value) <= max(solution["tol_log_prior"], 1e-12):
            yield f"the prior of {name} is {found.log_priors[name]}, not {value}"
    expected = solution.get("unnorm_log_posterior")
    if expected is not None and not abs(found.log_posterior - expected) <= solution["tol_unnorm_log_posterior"]:
        yield f"the posterior is {found.log_posterior}, not {expected}"


def _simulations(problem: PetabProblem, found: PetabEvaluation, rows: list[Row], tolerance: float) -> Iterator[str]:
    left = list(range(len(problem.measurements)))
    for row in rows:
        value = float(row["simulation"])
        like = [k for k in left if _same(problem, k, row)]
        if not like:
            yield f"nothing is simulated for {row}"
            continue
        best = min(like, key=lambda k: abs(found.simulated[k] - value))
        left.remove(best)
        if not abs(found.simulated[best] - value) <= tolerance:
            yield f"{row['observableId']} at {row['time']} is {found.simulated[best]}, not {value}"


def _same(problem: PetabProblem, k: int, row: Row) -> bool:
    one = problem.measurements[k]
    if problem.version == 1:
        before = row.get("preequilibrationConditionId", "")
        experiment = f"{before} > {row['simulationConditionId']}" if before else row["simulationConditionId"]
    else:
        experiment = row.get("experimentId", one.experiment)
    return one.observable == row["observableId"] and one.time == float(row["time"]) and one.experiment == experiment


def formula_case(case: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a formula test."""
    made = parse_formula(str(case["expression"]))
    if case["expected"] in SYMBOLS:
        if evaluate(made, {"a": 2.0, "b": 3.0}) != 6.0:
            yield f"{case['expression']} is not {case['expected']}"
        return
    value, expected = float(evaluate(made, {})), float(case["expected"])
    if not (value == expected or abs(value - expected) <= 1e-12 * (1 + abs(expected))):
        yield f"{case['expression']} is {value}, not {expected}"


def sciml_case(case: Path) -> Iterator[str]:
    """What is wrong with a hybrid problem: likelihood, simulations, gradients."""
    solution: Any = read_yaml(case / "solutions.yaml")
    objective = Objective(read_petab(case / "petab" / "problem.yaml"))
    found = objective.evaluate()
    for name, value in (("llh", found.llh), ("log_posterior", found.log_posterior)):
        if name in solution and not abs(value - solution[name]) <= solution[f"tol_{name}"]:
            yield f"{name} is {value}, not {solution[name]}"
    rows = [row for file in solution["simulation_files"] for row in read_table(case / file)]
    yield from _simulations(objective.problem, found, rows, solution["tol_simulations"])
    slopes = programs(objective).linearise(objective.nominal, rows=False).gradient
    if "log_posterior" in solution:
        slopes = slopes + objective.prior_slopes(objective.nominal)
    gradient = dict(zip(objective.labels, slopes, strict=True))
    for of, file in solution["grad_files"].items():
        expected: dict[str, float] = {}
        if of == "mech":
            expected = {row["parameterId"]: float(row["value"]) for row in read_table(case / file)}
        else:
            for layer, arrays in read_arrays(case / file, "parameters")[of].items():
                for array, values in arrays.items():
                    for index in np.ndindex(values.shape):
                        expected[f"{of}.{layer}.{array}[{','.join(map(str, index))}]"] = float(values[index])
        for name, value in expected.items():
            if not abs(gradient[name] - value) <= solution["tol_grad"]:
                yield f"the derivative by {name} is {gradient[name]}, not {value}"


def network_case(case: Path) -> Iterator[str]:
    """What is wrong with a network alone."""
    from ndestudio.solve.jax_backend import get_jax

    solution: Any = read_yaml(case / "solutions.yaml")
    network = read_network(case / solution["net_file"])
    run = get_jax().jit(lambda arrays, inputs: network(arrays, inputs))
    arguments = [solution[name] for name in sorted(solution) if name.startswith("net_input")]
    tolerance = DROPPED if "dropout" in solution else 1e-3
    for k, file in enumerate(solution["net_output"]):
        arrays = read_arrays(case / solution["net_ps"][k], "parameters") if "net_ps" in solution else {}
        inputs = [_only(read_arrays(case / files[k], "inputs")) for files in arguments]
        expected = _only(read_arrays(case / file, "outputs"))
        found = np.asarray(run(next(iter(arrays.values()), {}), inputs)[0])
        if found.shape != expected.shape or not np.abs(found - expected).max() <= tolerance:
            yield f"output {k} is {found.ravel()[:3]}, not {expected.ravel()[:3]}"


def _only(nested: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    (inner,) = nested.values()
    (value,) = inner.values()
    return value


def initialisation_case(case: Path) -> Iterator[str]:
    """What is wrong with the numbers that networks begin with."""
    solution: Any = read_yaml(case / "solutions.yaml")
    hybrid = Objective(read_petab(case / "petab" / "problem.yaml")).hybrid
    for name, file in solution["parameter_files"].items():
        for layer, arrays in read_arrays(case / file, "parameters")[name].items():
            for array, expected in arrays.items():
                found = hybrid.weights(name, hybrid.nominal, np)[layer][array]
                if not np.abs(found - expected).max() <= solution["tol"]:
                    yield f"{name}.{layer}.{array} is {found.ravel()[:3]}, not {expected.ravel()[:3]}"


Case = Any
SUITES: dict[str, tuple[Callable[[], list[Case]], Callable[[Any], Iterator[str]]]] = {
    "petab_v1": (lambda: cases("petab_v1"), petab_case),
    "petab_v2": (lambda: cases("petab_v2"), petab_case),
    "petab_v2_math": (lambda: formulas(), formula_case),
    "sciml_networks": (lambda: cases("sciml_networks"), network_case),
    "sciml_initialization": (lambda: cases("sciml_initialization"), initialisation_case),
    "sciml_problems": (lambda: cases("sciml_problems"), sciml_case),
}
"""Name -> its cases, and what is wrong with one."""


def formulas() -> list[dict[str, Any]]:
    """Cases of the formula tests."""
    root = folder()
    return [] if root is None else list(read_yaml(root / "petab_v2_math" / "math_tests.yaml")["cases"])


def measured_case(case: Path) -> Iterator[str]:
    """What is wrong with a measured problem: its objective at the nominal values as its own simulated data give it."""
    objective = Objective(read_petab(case / f"{case.name}.yaml"))
    found = objective.evaluate()
    theirs, left = found.simulated.copy(), set(range(len(found.simulated)))
    for row in read_table(next(case.glob("simulatedData*.tsv"))):
        like = [k for k in left if _same(objective.problem, k, row)]
        if like:
            best = min(like, key=lambda k: abs(found.simulated[k] - float(row["simulation"])))
            theirs[best] = float(row["simulation"])
            left.remove(best)
    expected = objective.likelihood(theirs, found.noise)[0]
    if left:
        yield f"{len(left)} measurements are not among the simulated data"
    if not abs(found.llh - expected) <= 1e-3 * max(1.0, abs(expected)):
        yield f"the log likelihood is {found.llh}, and {expected} with the simulated data"


SUITES["petab_benchmark"] = (lambda: cases("petab_benchmark"), measured_case)


def written_case(file: Path) -> Iterator[str]:
    """What is wrong with a problem that was written by us and read again: likelihood and chi2 are to be the same."""
    import tempfile

    problem = read_petab(file)
    with tempfile.TemporaryDirectory() as place:
        again = read_petab(write_petab(problem, place).yaml)
    before, after = Objective(problem).evaluate(), Objective(again).evaluate()
    for name in ("llh", "chi2"):
        one, other = getattr(before, name), getattr(after, name)
        if not abs(one - other) <= 1e-8 * max(1.0, abs(one)):
            yield f"{name} is {other} when it was written and read, and {one} before"


def problem_files() -> list[Path]:
    """The problems of all suites."""
    root = folder()
    if root is None:
        return []
    patterns = ("petab_v1/*/_*.yaml", "petab_v2/*/_*.yaml", "sciml_problems/*/petab/problem*.yaml")
    return sorted(one for pattern in patterns for one in root.glob(pattern) if "solution" not in one.name)


SUITES["written"] = (problem_files, written_case)
