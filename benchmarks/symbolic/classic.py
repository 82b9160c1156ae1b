"""Anchors of the project and the classic sets of genetic programming."""

from __future__ import annotations

from benchmarks.symbolic.problem import BenchmarkProblem

_UNIT = (-1.0, 1.0)


def _anchor(name: str, truth: str, box: dict[str, tuple[float, float]], rows: int, source: str) -> BenchmarkProblem:
    return BenchmarkProblem(name, "anchor", truth, box, rows, source)


ANCHORS = (
    _anchor(
        "T0",
        "2.5382*cos(x3) + x0^2 - 0.5",
        {f"x{i}": (-3.0, 3.0) for i in range(5)},
        100,
        "first example of PySR's documentation, box instead of normal variables",
    ),
    _anchor(
        "f1", "y/(1 + y)", {"x": (0.1, 4.0), "y": (0.1, 4.0)}, 1000, "nonlinear oscillator, diffrax's symbolic example"
    ),
    _anchor(
        "f2", "-x/(1 + x)", {"x": (0.1, 4.0), "y": (0.1, 4.0)}, 1000, "nonlinear oscillator, diffrax's symbolic example"
    ),
    _anchor(
        "f3", "1.5*x*y/(2 + x) - 0.3*x", {"x": (0.1, 5.0), "y": (0.1, 5.0)}, 1000, "Holling type II with mortality"
    ),
    _anchor("f4", "sin(x) + 0.5*y^2*exp(-x)", {"x": (-2.0, 3.0), "y": (-2.0, 2.0)}, 1000, "mixed transcendental"),
)

_NGUYEN = "Uy et al. 2011, Genetic Programming and Evolvable Machines 12:91"

NGUYEN = tuple(
    BenchmarkProblem(f"nguyen-{number}", "nguyen", truth, box, rows, _NGUYEN)
    for number, truth, box, rows in (
        (1, "x^3 + x^2 + x", {"x": _UNIT}, 20),
        (2, "x^4 + x^3 + x^2 + x", {"x": _UNIT}, 20),
        (3, "x^5 + x^4 + x^3 + x^2 + x", {"x": _UNIT}, 20),
        (4, "x^6 + x^5 + x^4 + x^3 + x^2 + x", {"x": _UNIT}, 20),
        (5, "sin(x^2)*cos(x) - 1", {"x": _UNIT}, 20),
        (6, "sin(x) + sin(x + x^2)", {"x": _UNIT}, 20),
        (7, "log(x + 1) + log(x^2 + 1)", {"x": (0.0, 2.0)}, 20),
        (8, "sqrt(x)", {"x": (0.0, 4.0)}, 20),
        (9, "sin(x) + sin(y^2)", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (10, "2*sin(x)*cos(y)", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (11, "x^y", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (12, "x^4 - x^3 + 0.5*y^2 - y", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
    )
)

_KEIJZER = "Keijzer 2003, EuroGP; as listed by McDermott et al. 2012, GECCO"
_SQUARE = {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}

KEIJZER = tuple(
    BenchmarkProblem(f"keijzer-{number}", "keijzer", truth, box, rows, _KEIJZER)
    for number, truth, box, rows in (
        (1, "0.3*x*sin(2*pi*x)", {"x": _UNIT}, 21),
        (2, "0.3*x*sin(2*pi*x)", {"x": (-2.0, 2.0)}, 41),
        (3, "0.3*x*sin(2*pi*x)", {"x": (-3.0, 3.0)}, 61),
        (4, "x^3*exp(-x)*cos(x)*sin(x)*(sin(x)^2*cos(x) - 1)", {"x": (0.0, 10.0)}, 201),
        (5, "30*x*z/((x - 10)*y^2)", {"x": _UNIT, "y": (1.0, 2.0), "z": _UNIT}, 1000),
        # number 6, the harmonic sum, has no closed form
        (7, "log(x)", {"x": (1.0, 100.0)}, 100),
        (8, "sqrt(x)", {"x": (0.0, 100.0)}, 101),
        (9, "log(x + sqrt(x^2 + 1))", {"x": (0.0, 100.0)}, 101),
        (10, "x^y", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 100),
        (11, "x*y + sin((x - 1)*(y - 1))", _SQUARE, 100),
        (12, "x^4 - x^3 + y^2/2 - y", _SQUARE, 100),
        (13, "6*sin(x)*cos(y)", _SQUARE, 100),
        (14, "8/(2 + x^2 + y^2)", _SQUARE, 100),
        (15, "x^3/5 + y^3/2 - y - x", _SQUARE, 100),
    )
)

_LIVERMORE = "Mundhenk et al. 2021, NeurIPS, table of the Livermore set"

LIVERMORE = tuple(
    BenchmarkProblem(f"livermore-{number}", "livermore", truth, box, rows, _LIVERMORE)
    for number, truth, box, rows in (
        (1, "1/3 + x + sin(x^2)", {"x": (-10.0, 10.0)}, 1000),
        (2, "sin(x^2)*cos(x) - 2", {"x": _UNIT}, 20),
        (3, "sin(x^3)*cos(x^2) - 1", {"x": _UNIT}, 20),
        (4, "log(x + 1) + log(x^2 + 1) + log(x)", {"x": (0.0, 2.0)}, 20),
        (5, "x^4 - x^3 + x^2 - y", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (6, "4*x^4 + 3*x^3 + 2*x^2 + x", {"x": _UNIT}, 20),
        (7, "(exp(x) - exp(-x))/2", {"x": _UNIT}, 20),
        (8, "(exp(x) + exp(-x))/2", {"x": _UNIT}, 20),
        (9, "x^9 + x^8 + x^7 + x^6 + x^5 + x^4 + x^3 + x^2 + x", {"x": _UNIT}, 20),
        (10, "6*sin(x)*cos(y)", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (11, "x^2*y^2/(x + y)", {"x": _UNIT, "y": _UNIT}, 50),
        (12, "x^5/y^3", {"x": _UNIT, "y": _UNIT}, 50),
        (13, "x^(1/3)", {"x": (0.0, 4.0)}, 20),
        (14, "x^3 + x^2 + x + sin(x) + sin(x^2)", {"x": _UNIT}, 20),
        (15, "x^(1/5)", {"x": (0.0, 4.0)}, 20),
        (16, "x^(2/5)", {"x": (0.0, 4.0)}, 20),
        (17, "4*sin(x)*cos(y)", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, 20),
        (18, "sin(x^2)*cos(x) - 5", {"x": _UNIT}, 20),
        (19, "x^5 + x^4 + x^2 + x", {"x": _UNIT}, 20),
        (20, "exp(-x^2)", {"x": _UNIT}, 20),
        (21, "x^8 + x^7 + x^6 + x^5 + x^4 + x^3 + x^2 + x", {"x": _UNIT}, 20),
        (22, "exp(-0.5*x^2)", {"x": _UNIT}, 20),
    )
)
