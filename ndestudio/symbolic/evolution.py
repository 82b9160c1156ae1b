"""The embedded engine: regularised evolution with fitted coefficients, compiled (see ``native/``)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import EngineUnavailable, NdeStudioError
from ndestudio.expression.tree import Number, names
from ndestudio.progress import Progress, Reporter
from ndestudio.symbolic.choice import choose
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Candidate, Front
from ndestudio.symbolic.postfix import from_postfix, to_postfix

OPERATORS = (
    *("+", "-", "*", "/", "^", "neg", "exp", "log", "sqrt", "sin", "cos", "tan"),
    *("tanh", "abs", "min", "max", "square", "cube", "inv"),
)

CHECKPOINT_SECONDS = 60.0

# name of the setting -> (name in the compiled core, type, smallest, largest)
_NUMBERS: dict[str, tuple[str, type, float, float]] = {
    "populations": ("islands", int, 1, 256),
    "population_size": ("members", int, 4, 4096),
    "tournament": ("tournament", int, 1, 4096),
    "parsimony": ("parsimony", float, 0.0, 1e4),
    "crossover": ("crossover", float, 0.0, 1.0),
    "migration": ("migration", float, 0.0, 1.0),
    "optimise": ("optimise", float, 0.0, 1.0),
    "temperature": ("temperature", float, 0.0, 100.0),
    "terms": ("terms", int, 1, 8),
    "batch": ("batch", int, 16, 10_000_000),
}
_OTHERS = ("constraints", "nested_constraints", "seeding", "simd", "checkpoint", "resume")


class EvolutionEngine:
    """Searches with the compiled core; see ``SearchConfig`` for the common settings.

    ``SearchConfig.options`` may hold:

    - `populations`, `population_size`, `tournament`, `crossover`, `migration`, `temperature`: of the evolution.
    - `parsimony`: strength with which frequent complexities are disfavoured.
    - `optimise`: share of the children whose inner constants are optimised at once.
    - `terms`: most terms whose coefficients are fitted by least squares (at most 8).
    - `batch`: rows used while searching; the front is fitted on all rows.
    - `constraints`: operator -> largest complexity of its argument, or of both ((-1: free)).
    - `nested_constraints`: operator -> {operator: how often it may occur within}.
    - `seeding`: begin with a sparse regression over simple terms (default True).
    - `checkpoint`: path of a file that keeps the state of the search, written once a minute and at its end.
    - `resume`: path of such a file; the search goes on from it as if it had never been interrupted (same samples and
      settings, larger limits).
    - `simd`: `"avx512"`, `"avx2"` or `"portable"` instead of the best the processor has.
    """

    name = "evolution"

    def unavailable(self) -> str | None:
        try:
            from ndestudio.symbolic import _evolution  # noqa: F401
        except ImportError as error:
            return (
                "the compiled part of the evolution engine is missing or does not load here "
                f"({error}); install NDE Studio again, with a C++ compiler if you build it yourself"
            )
        return None

    def search(
        self,
        problem: SearchProblem,
        config: SearchConfig,
        reporter: Reporter,
        on_front: Callable[[Front], None] | None = None,
    ) -> SearchResult:
        """Search until a limit, the target, or ``reporter.should_stop()``; see ``Engine.search``."""
        if (missing := self.unavailable()) is not None:
            raise EngineUnavailable(missing)
        from ndestudio.symbolic import _evolution

        X, y, weights = _checked(problem)
        if weights is not None:
            keep = weights > 0.0
            X, y, weights = X[keep], y[keep], weights[keep]
        if float(np.ptp(y)) == 0.0:
            return _constant(float(y[0]))
        core = _evolution.Search(
            X,
            y,
            weights,
            None if problem.X_held_out is None else np.ascontiguousarray(problem.X_held_out, dtype=np.float64),
            None if problem.y_held_out is None else np.ascontiguousarray(problem.y_held_out, dtype=np.float64),
            _guesses(problem),
            _core_options(config),
            str(config.options.get("simd", "")),
        )
        if (path := config.options.get("resume")) is not None:
            try:
                core.resume(Path(path).read_bytes())
            except OSError as error:
                raise ValueError(f"the checkpoint `{path}` cannot be read: {error}") from error
        core.start()
        snapshot = _watch(core, problem, config, reporter, on_front)
        _keep(core, config)
        if snapshot["error"]:
            raise RuntimeError(f"the search failed: {snapshot['error']}")
        front = _front(snapshot, problem, config)
        if not front.candidates:
            return SearchResult(front, "failed", "no formula has a finite value on all samples")
        return SearchResult(front, snapshot["outcome"], _sentence(snapshot["outcome"], front, config))


def _watch(
    core: Any,
    problem: SearchProblem,
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None,
) -> Mapping[str, Any]:
    version = -1
    kept = time.monotonic()
    while True:
        snapshot = core.poll(0.02 if version < 0 else 0.1)
        if snapshot["front"] and snapshot["version"] != version and on_front is not None:
            version = snapshot["version"]
            on_front(_front(snapshot, problem, config))
        if snapshot["done"]:
            return snapshot
        if (fraction := _fraction(snapshot, config)) is not None:
            rate = snapshot["evaluations"] / max(snapshot["seconds"], 1e-9)
            reporter.emit(Progress(fraction, text=f"{rate:,.0f} formulas per second"))
        if reporter.should_stop():
            core.stop()
        if time.monotonic() - kept > CHECKPOINT_SECONDS:
            _keep(core, config)
            kept = time.monotonic()


def _keep(core: Any, config: SearchConfig) -> None:
    if (name := config.options.get("checkpoint")) is None:
        return
    path = Path(name)
    part = path.with_name(path.name + ".part")
    part.write_bytes(core.checkpoint())
    part.replace(path)


def _fraction(snapshot: Mapping[str, Any], config: SearchConfig) -> float | None:
    parts = []
    if config.seconds:
        parts.append(snapshot["seconds"] / config.seconds)
    if config.evaluations:
        parts.append(snapshot["evaluations"] / config.evaluations)
    return min(1.0, max(parts)) if parts else None


def _checked(problem: SearchProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    X = np.ascontiguousarray(problem.X, dtype=np.float64)
    y = np.ascontiguousarray(problem.y, dtype=np.float64)
    if X.ndim != 2 or y.ndim != 1 or X.shape[0] != y.shape[0]:
        raise ValueError(
            f"X has the shape {X.shape} and y {y.shape}; X must be [sample, input] and y [sample] with the same samples"
        )
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError(f"X has the shape {X.shape}: there must be at least one sample and one input")
    if X.shape[1] > 60_000:
        raise ValueError(f"X has {X.shape[1]} inputs; at most 60000 can be searched")
    if len(problem.names) != X.shape[1]:
        raise ValueError(f"{len(problem.names)} names were given for {X.shape[1]} columns of X")
    for label, values in (("X", X), ("y", y)):
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise ValueError(f"{label} has a value that is not finite in sample {row}; leave such samples out")
    if float(np.abs(y).max()) > 1e150:
        raise ValueError(f"y reaches {np.abs(y).max():.3g}, whose square cannot be held; rescale it")
    if (problem.X_held_out is None) != (problem.y_held_out is None):
        raise ValueError("X_held_out and y_held_out belong together: give both or neither")
    weights = None if problem.weights is None else np.ascontiguousarray(problem.weights, dtype=np.float64)
    if weights is not None:
        if weights.shape != y.shape:
            raise ValueError(f"weights has the shape {weights.shape}, y {y.shape}")
        if not np.isfinite(weights).all() or weights.min() < 0.0 or weights.max() <= 0.0:
            raise ValueError("weights must be finite and not negative, and not all zero")
    return X, y, weights


def _guesses(problem: SearchProblem) -> list[str]:
    if not problem.guesses:
        return []
    from ndestudio.expression import parse_expression  # type: ignore[attr-defined]

    out = []
    for text in problem.guesses:
        try:
            out.append(to_postfix(parse_expression(text), problem.names))
        except (NdeStudioError, ValueError) as error:
            raise ValueError(f"the guess `{text}` cannot be used: {error}") from error
    return out


def _core_options(config: SearchConfig) -> dict[str, Any]:
    known = set(OPERATORS)
    if unknown := [o for o in config.operators if o not in known]:
        raise ValueError(f"unknown operator `{unknown[0]}`; known are {' '.join(OPERATORS)}")
    if not config.operators:
        raise ValueError("no operators were given")
    if config.max_size < 1 or config.max_size > 60:
        raise ValueError(f"max_size is {config.max_size}; it must be between 1 and 60")
    if unknown := [o for o in config.complexity if o not in known | {"constant", "variable"}]:
        raise ValueError(f"complexity names the unknown operator `{unknown[0]}`")
    if config.seconds is None and config.evaluations is None and config.target_loss <= 0.0:
        raise ValueError("the search would never end: set seconds, evaluations or target_loss")
    options: dict[str, Any] = {
        "operators": list(config.operators),
        "cost": _costs(config),
        "max_size": config.max_size,
        "max_depth": config.max_depth or 0,
        "loss": config.loss,
        "huber": config.huber_delta,
        "seed": config.seed % 2**64,
        "threads": config.threads or os.cpu_count() or 1,
        "seconds": float(config.seconds or 0.0),
        "evaluations": config.evaluations or 0,
        "target": config.target_loss,
    }
    for key, value in config.options.items():
        options |= _option(key, value, known)
    return options


def _option(key: str, value: Any, known: set[str]) -> dict[str, Any]:
    if key in _NUMBERS:
        core, kind, low, high = _NUMBERS[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"option `{key}` is {value!r}; it must be a number between {low:g} and {high:g}")
        return {core: kind(value)}
    if key == "seeding":
        return {"seeding": bool(value)}
    if key in ("simd", "checkpoint", "resume"):
        return {}
    if key in ("constraints", "nested_constraints"):
        if not isinstance(value, Mapping) or any(o not in known for o in value):
            raise ValueError(f"option `{key}` must map operators to limits, not {value!r}")
        if key == "nested_constraints":
            return {key: {o: {i: int(n) for i, n in inner.items()} for o, inner in value.items()}}
        return {key: {o: [int(v) for v in (x if isinstance(x, list | tuple) else [x])] for o, x in value.items()}}
    raise ValueError(f"unknown option `{key}`; known are {', '.join((*_NUMBERS, *_OTHERS))}")


def _costs(config: SearchConfig) -> dict[str, int]:
    def of(name: str) -> int:
        return int(config.complexity.get(name, 1))

    costs = {name: of(name) for name in OPERATORS if name in ("neg", *config.operators)}
    # x^2, x^3 and 1/x are written with an operator and a number
    for name in ("square", "cube"):
        if name not in config.complexity:
            costs[name] = of("^") + of("constant")
    if "inv" not in config.complexity:
        costs["inv"] = of("/") + of("constant")
    return costs | {"constant": of("constant"), "variable": of("variable")}


def _front(snapshot: Mapping[str, Any], problem: SearchProblem, config: SearchConfig) -> Front:
    candidates: list[Candidate] = []
    for complexity, loss, held_out, text in snapshot["front"]:
        score = 0.0
        if candidates and complexity > candidates[-1].complexity:
            score = -math.log(max(loss, 1e-300) / max(candidates[-1].loss, 1e-300)) / (
                complexity - candidates[-1].complexity
            )
        expression = from_postfix(text, problem.names)
        held = held_out if held_out >= 0.0 else None
        candidates.append(Candidate(complexity, loss, expression, held, score))
    held_rows = 0 if problem.y_held_out is None else len(problem.y_held_out)
    vocabulary = len(config.operators) + len(problem.names)
    best, reason = choose(candidates, len(problem.y), vocabulary, config.noise, held_rows)
    return Front(tuple(candidates), snapshot["version"], snapshot["evaluations"], snapshot["seconds"], best, reason)


def _constant(value: float) -> SearchResult:
    front = Front((Candidate(1, 0.0, Number(value)),), 1, 0, 0.0, 0, "the target is constant")
    return SearchResult(front, "solved", "The target has the same value in all samples: a constant describes it.")


def _sentence(outcome: str, front: Front, config: SearchConfig) -> str:
    best = front.candidates[front.best]
    used = len(names(best.expression))
    tail = f"the choice has complexity {best.complexity}, {used} variables and an error (NMSE) of {best.loss:.2g}"
    match outcome:
        case "solved":
            return f"Solved after {front.evaluations:,} formulas in {front.seconds:.2f} s; {tail}."
        case "stopped":
            return f"Stopped after {front.evaluations:,} formulas in {front.seconds:.2f} s; {tail}."
        case _:
            limit = "time" if config.seconds and front.seconds >= config.seconds else "evaluation"
            return f"The {limit} limit was reached after {front.evaluations:,} formulas; {tail}."
