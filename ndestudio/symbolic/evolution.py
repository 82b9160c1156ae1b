"""The embedded engine: regularised evolution with fitted coefficients, compiled (see ``native/``)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ndestudio.errors import EngineUnavailable, NdeStudioError, SettingError
from ndestudio.progress import Note, Progress, Reporter
from ndestudio.symbolic.dimensions import (
    ProblemUnits,
    argument_dimensions,
    check_dimensions,
    core_dimensions,
    units_of,
)
from ndestudio.symbolic.engine import SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Front
from ndestudio.symbolic.postfix import MOST_NODES, to_postfix
from ndestudio.symbolic.presets import OPERATORS
from ndestudio.symbolic.snapshots import constant_front, front_of, progress_text, sentence, with_constants
from ndestudio.symbolic.template import Template, parse_template

CHECKPOINT_SECONDS = 60.0
POLL_SECONDS = 0.02
"""How long a request to stop may wait until it is seen."""
SAY_SECONDS = 0.07
MOST_TARGETS = 8
MOST_RESPONSES = 128

# name of the setting -> (name in the compiled core, type, smallest, largest)
_NUMBERS: dict[str, tuple[str, type, float, float]] = {
    "populations": ("islands", int, 1, 256),
    "population_size": ("individuals", int, 4, 4096),
    "tournament": ("tournament", int, 1, 4096),
    "parsimony": ("parsimony", float, 0.0, 1e4),
    "crossover": ("crossover", float, 0.0, 1.0),
    "migration": ("migration", float, 0.0, 1.0),
    "optimise": ("optimise", float, 0.0, 1.0),
    "temperature": ("temperature", float, 0.0, 100.0),
    "terms": ("terms", int, 1, 12),
    "batch": ("batch", int, 16, 10_000_000),
}
_OTHERS = ("constraints", "nested_constraints", "seeding", "simd", "checkpoint", "resume", "wildcards", "start")


class EvolutionEngine:
    """Searches with the compiled core; see ``SearchConfig`` for the common settings.

    Several targets (columns of ``SearchProblem.y``, at most 8) are searched together: an individual is one set of
    terms, whose coefficients are fitted to each target. Half of the islands breed for all targets, the others for one
    of them; what these find is joined at each migration. With a robust loss the error of a row is the norm over its
    targets.

    ``SearchConfig.options`` may hold:

    - `populations`, `population_size`, `tournament`, `crossover`, `migration`, `temperature`: of the evolution.
    - `parsimony`: strength with which frequent complexities are disfavoured.
    - `optimise`: share of the children whose inner constants are optimised at once.
    - `terms`: most terms of a formula whose coefficients are fitted by least squares (at most 12).
    - `batch`: rows used while searching; the front is fitted on all rows.
    - `constraints`: operator -> largest complexity of its argument, or of both ((-1: free)).
    - `nested_constraints`: operator -> {operator: how often it may occur within}.
    - `wildcards`: with units, `"constants"` (default) lets every number take whatever dimension fits, as a rate or a
      capacity has one; `"none"` takes numbers for pure numbers. Exponents are pure numbers either way.
    - `start`: with a template, parameter -> value at which its fit begins (default 1; several others are tried too).
    - `seeding`: begin with a sparse regression over simple terms (default True).
    - `checkpoint`: path of a file that keeps the state of the search, written once a minute and at its end.
    - `resume`: path of such a file; the search goes on from it as if it had never been interrupted (same samples and
      settings, larger limits).
    - `simd`: `"avx512"`, `"avx2"` or `"portable"` instead of the best the processor has.

    Where the problem has units, every formula of the front respects them: sums, differences, `min` and `max` join like
    quantities, functions and exponents take pure numbers, and the whole has the unit of y. The fitted coefficient of a
    term is a number like any other: with wildcards each term at the top of a formula carries one, so that terms of any
    dimension may stand side by side and the constraint bites inside of terms. Columns, or a y, without a unit fit in
    anywhere; a word that is no known unit is a dimension of its own, with a warning.

    With a template the unknown functions are evolved and the parameters fitted with them through the whole formula;
    the complexities of a front are those of the functions. Units then constrain the functions from their arguments.
    """

    name = "evolution"
    title = "Evolution (embedded)"
    takes_templates = True
    takes_responses = True

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

        X, Y, weights = _checked(problem)
        if weights is not None:
            keep = weights > 0.0
            X, Y, weights = X[keep], Y[keep], weights[keep]
        constants = {k: float(Y[0, k]) for k in range(Y.shape[1]) if float(np.ptp(Y[:, k])) == 0.0}
        if problem.response is not None:
            constants = {}
        if len(constants) == Y.shape[1]:
            front = constant_front(tuple(constants.values()))
            return SearchResult(
                front, "solved", "The target has the same value in all samples: a constant describes it."
            )
        varying = [k for k in range(Y.shape[1]) if k not in constants]
        X_held_out, Y_held_out = _held_out(problem)
        units, template = units_of(problem), _template(problem)
        options = _core_options(config)
        if template is not None and not template.functions:
            from ndestudio.symbolic.parametric import fit_template

            return fit_template(replace(problem, X=X, y=Y[:, 0], weights=weights), template, config, reporter, on_front)
        if units is not None:
            options |= _dimensions(units, varying, options.get("wildcards", True), reporter)
        if template is not None:
            options = _with_template(options, template, config, units)
            X, X_held_out = template.samples(X), None if X_held_out is None else template.samples(X_held_out)
        core = _evolution.Search(
            X,
            np.ascontiguousarray(Y[:, varying]),
            weights,
            X_held_out,
            None if Y_held_out is None else np.ascontiguousarray(Y_held_out[:, varying]),
            _guesses(problem, units, options.get("wildcards", True)),
            options,
            str(config.options.get("simd", "")),
            None if problem.response is None else np.ascontiguousarray(problem.response, dtype=np.float64),
        )

        def read(snapshot: Mapping[str, Any]) -> Front:
            return with_constants(front_of(snapshot, problem, config, len(varying), template), constants)

        if (path := config.options.get("resume")) is not None:
            try:
                core.resume(Path(path).read_bytes())
            except OSError as error:
                raise ValueError(f"the checkpoint `{path}` cannot be read: {error}") from error
        core.start()
        snapshot = _watch(core, read, config, reporter, on_front)
        _keep(core, config)
        if snapshot["error"]:
            raise RuntimeError(f"the search failed: {snapshot['error']}")
        front = read(snapshot)
        if not front.candidates and snapshot["outcome"] == "stopped":
            return SearchResult(front, "stopped", "Stopped before a first formula was found.")
        if not front.candidates:
            return SearchResult(front, "failed", "no formula within the limits has a finite value on all samples")
        return SearchResult(front, snapshot["outcome"], sentence(snapshot["outcome"], front, config))


def _watch(
    core: Any,
    read: Callable[[Mapping[str, Any]], Front],
    config: SearchConfig,
    reporter: Reporter,
    on_front: Callable[[Front], None] | None,
) -> Mapping[str, Any]:
    version = -1
    kept, said = time.monotonic(), 0.0
    counted, at = -1.0, 0.0
    while True:
        snapshot = core.poll(POLL_SECONDS)
        if snapshot["seconds"] != counted:
            counted, at = snapshot["seconds"], time.monotonic()
        if reporter.should_stop():
            core.stop()
        awaited = version < 0 and on_front is not None
        if not snapshot["done"] and not awaited and time.monotonic() - said < SAY_SECONDS:
            continue
        said = time.monotonic()
        if snapshot["front"] and snapshot["version"] != version and on_front is not None:
            version = snapshot["version"]
            on_front(read(snapshot))
        if snapshot["done"]:
            return snapshot
        # a long step of the core may count nothing for seconds, but the time goes on
        if (fraction := _fraction(snapshot, config, counted + time.monotonic() - at)) is not None:
            reporter.emit(Progress(fraction, text=progress_text(snapshot)))
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


def _fraction(snapshot: Mapping[str, Any], config: SearchConfig, seconds: float) -> float | None:
    parts = []
    if config.seconds:
        parts.append(seconds / config.seconds)
    if config.evaluations:
        parts.append(snapshot["evaluations"] / config.evaluations)
    return min(1.0, max(parts)) if parts else None


def _checked(problem: SearchProblem) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """X, y as [sample, target], and weights."""
    X = np.ascontiguousarray(problem.X, dtype=np.float64)
    y = np.ascontiguousarray(problem.y, dtype=np.float64)
    if problem.response is not None:
        _check_response(problem, X, y)
    elif X.ndim != 2 or y.ndim not in (1, 2) or X.shape[0] != y.shape[0]:
        raise ValueError(
            f"X has the shape {X.shape} and y {y.shape}; X must be [sample, input] and y [sample] or [sample, target] with "
            "the same samples"
        )
    Y = y.reshape(len(y), -1)
    if X.shape[0] == 0 or X.shape[1] == 0 or Y.shape[1] == 0:
        raise ValueError(
            f"X has the shape {X.shape}, y {y.shape}: there must be at least one sample, one input and one target"
        )
    if X.shape[1] > 60_000:
        raise ValueError(f"X has {X.shape[1]} inputs; at most 60000 can be searched")
    if Y.shape[1] > MOST_TARGETS:
        raise ValueError(
            f"y has {Y.shape[1]} targets; at most {MOST_TARGETS} can be searched together: search them in several runs"
        )
    if len(problem.names) != X.shape[1]:
        raise ValueError(f"{len(problem.names)} names were given for {X.shape[1]} columns of X")
    for label, values in (("X", X), ("y", Y)):
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise ValueError(f"{label} has a value that is not finite in sample {row}; leave such samples out")
    if float(np.abs(Y).max()) > 1e150:
        raise ValueError(f"y reaches {np.abs(Y).max():.3g}, whose square cannot be held; rescale it")
    return X, Y, _weights(problem, len(Y))


def _check_response(problem: SearchProblem, X: np.ndarray, y: np.ndarray) -> None:
    response = np.asarray(problem.response)
    if X.ndim != 2 or y.ndim != 1 or response.shape != (len(y), len(X)) or len(y) > MOST_RESPONSES:
        raise ValueError(
            f"the response has the shape {response.shape}, X {X.shape} and y {y.shape}; they must be [row, point], [point, "
            f"input] and [row], with at most {MOST_RESPONSES} rows"
        )
    if not np.isfinite(response).all():
        raise ValueError("the response has values that are not finite")
    if problem.weights is not None or problem.X_held_out is not None or problem.template.strip():
        raise ValueError("a response goes with no weights, held-out rows or template")


def _weights(problem: SearchProblem, rows: int) -> np.ndarray | None:
    if problem.weights is None:
        return None
    weights = np.ascontiguousarray(problem.weights, dtype=np.float64)
    if weights.shape != (rows,):
        raise ValueError(f"weights has the shape {weights.shape}; one for each of the {rows} samples is needed")
    if not np.isfinite(weights).all() or weights.min() < 0.0 or weights.max() <= 0.0:
        raise ValueError("weights must be finite and not negative, and not all zero")
    return weights


def _held_out(problem: SearchProblem) -> tuple[np.ndarray | None, np.ndarray | None]:
    if problem.X_held_out is None and problem.y_held_out is None:
        return None, None
    if problem.X_held_out is None or problem.y_held_out is None:
        raise ValueError("X_held_out and y_held_out belong together: give both or neither")
    X = np.ascontiguousarray(problem.X_held_out, dtype=np.float64)
    Y = np.ascontiguousarray(problem.y_held_out, dtype=np.float64).reshape(len(problem.y_held_out), -1)
    if X.ndim != 2 or X.shape[1] != np.shape(problem.X)[1] or len(X) != len(Y) or Y.shape[1] != problem.targets:
        raise ValueError(
            f"the held-out X has the shape {X.shape} and y {np.shape(problem.y_held_out)}; they must have the inputs and "
            "targets of the other samples"
        )
    return X, Y


def _dimensions(units: ProblemUnits, varying: list[int], wildcards: bool, reporter: Reporter) -> dict[str, Any]:
    if units.unknown:
        words = ", ".join(f"`{word}`" for word in units.unknown)
        reporter.emit(Note(f"no known units: {words}; each is taken for a dimension of its own", "warning"))
    units = replace(units, targets=tuple(units.targets[k] for k in varying))
    if not wildcards and len({None if u is None else str(u) for u in units.targets}) > 1:
        raise ValueError(
            "with `wildcards` = `none`, targets that share terms must have the same unit; search them one by one, or let "
            "constants carry units"
        )
    return core_dimensions(units)


def _template(problem: SearchProblem) -> Template | None:
    if not problem.template.strip():
        return None
    if problem.guesses:
        raise ValueError("a template leaves no room for guesses of the whole formula; leave one of the two out")
    if problem.targets > 1:
        raise ValueError(f"a template is for one target, and y has {problem.targets}; search them one after the other")
    return parse_template(problem.template, problem.names)


def _with_template(
    options: dict[str, Any], template: Template, config: SearchConfig, units: ProblemUnits | None
) -> dict[str, Any]:
    """Settings of a search for the functions of a template; its units are those of their arguments."""
    start = config.options.get("start", {})
    if not isinstance(start, Mapping) or not all(isinstance(v, int | float) for v in start.values()):
        raise ValueError(f"option `start` must map parameters of the template to numbers, not {start!r}")
    settings = {key: value for key, value in options.items() if key not in ("dimensions", "target_dimensions")}
    if units is not None:
        settings["dimensions"] = argument_dimensions(units, template)
    return settings | {"template": template.core_settings(start)}


def _guesses(problem: SearchProblem, units: ProblemUnits | None, wildcards: bool) -> list[str]:
    if not problem.guesses:
        return []
    from ndestudio.expression import parse_expression  # type: ignore[attr-defined]

    out = []
    for text in problem.guesses:
        try:
            expression = parse_expression(text)
            postfix = to_postfix(expression, problem.names)
            if (count := len(postfix.split())) > MOST_NODES:
                raise ValueError(f"it has {count} operators, variables and numbers; the engine holds {MOST_NODES}")
            out.append(postfix)
            if units is not None:
                check_dimensions(expression, units, wildcards)
        except (NdeStudioError, ValueError) as error:
            raise ValueError(f"the guess `{text}` cannot be used: {error}") from error
    return out


def _core_options(config: SearchConfig) -> dict[str, Any]:
    known = set(OPERATORS)
    if unknown := [o for o in config.operators if o not in known]:
        raise SettingError(f"unknown operator `{unknown[0]}`; known are {' '.join(OPERATORS)}")
    if not config.operators:
        raise ValueError("no operators were given")
    if config.max_size < 1 or config.max_size > 60:
        raise ValueError(f"max_size is {config.max_size}; it must be between 1 and 60")
    if unknown := [o for o in config.complexity if o not in known | {"constant", "variable"}]:
        raise SettingError(f"complexity names the unknown operator `{unknown[0]}`")
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
        "noise": float(config.noise or 0.0),
        "settle": config.settle or 0,
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
    if key in ("simd", "checkpoint", "resume", "start"):
        return {}
    if key == "wildcards":
        if value not in ("constants", "none"):
            raise ValueError(f"option `wildcards` is {value!r}; it must be `constants` or `none`")
        return {key: value == "constants"}
    if key in ("constraints", "nested_constraints"):
        if not isinstance(value, Mapping) or any(o not in known for o in value):
            raise ValueError(f"option `{key}` must map operators to limits, not {value!r}")
        if key == "nested_constraints":
            return {key: {o: {i: int(n) for i, n in inner.items()} for o, inner in value.items()}}
        return {key: {o: [int(v) for v in (x if isinstance(x, list | tuple) else [x])] for o, x in value.items()}}
    raise SettingError(f"unknown option `{key}`; known are {', '.join((*_NUMBERS, *_OTHERS))}")


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
