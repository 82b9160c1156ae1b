"""Every setting of ``PySRRegressor``, spelled out.

PySR's documented defaults drift from the real ones between versions, so none is left to it. Values that are not ours to
choose are those of PySR 1.5.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ndestudio.errors import SettingError
from ndestudio.expression.functions import searchable
from ndestudio.symbolic.dimensions import units_of
from ndestudio.symbolic.engine import SearchConfig, SearchProblem

BINARY = {name: name for name in ("+", "-", "*", "/", "^", *searchable(2))}
UNARY = {name: name for name in ("neg", *searchable(1), "square", "cube", "inv")}

FIXED: dict[str, Any] = {
    "model_selection": "best",
    "expression_spec": None,
    "populations": 31,
    "population_size": 27,
    "warmup_maxsize_by": 0.0,
    "loss_function": None,
    "loss_function_expression": None,
    "loss_scale": "log",
    "complexity_mapping": None,
    "parsimony": 0.0,
    "use_frequency": True,
    "use_frequency_in_tournament": True,
    "adaptive_parsimony_scaling": 1040.0,
    "alpha": 3.17,
    "annealing": False,
    "ncycles_per_iteration": 380,
    "fraction_replaced": 0.00036,
    "fraction_replaced_hof": 0.0614,
    "weight_add_node": 2.47,
    "weight_insert_node": 0.0112,
    "weight_delete_node": 0.870,
    "weight_do_nothing": 0.273,
    "weight_mutate_constant": 0.0346,
    "weight_mutate_operator": 0.293,
    "weight_swap_operands": 0.198,
    "weight_rotate_tree": 4.26,
    "weight_randomize": 0.000502,
    "weight_simplify": 0.00209,
    "weight_optimize": 0.0,
    "crossover_probability": 0.0259,
    "skip_mutation_failures": True,
    "migration": True,
    "hof_migration": True,
    "topn": 12,
    "should_simplify": True,
    "should_optimize_constants": True,
    "optimizer_algorithm": "BFGS",
    "optimizer_nrestarts": 2,
    "optimizer_f_calls_limit": 10_000,
    "optimize_probability": 0.14,
    "optimizer_iterations": 8,
    "perturbation_factor": 0.129,
    "probability_negate_constant": 0.00743,
    "tournament_selection_n": 15,
    "tournament_selection_p": 0.982,
    "procs": None,
    "cluster_manager": None,
    "heap_size_hint_in_bytes": None,
    "batching": False,
    "batch_size": 50,
    "fast_cycle": False,
    "turbo": False,
    "bumper": False,
    "precision": 64,
    "autodiff_backend": None,
    "warm_start": False,
    "verbosity": 0,
    "update_verbosity": 0,
    "print_precision": 17,
    "progress": False,
    "logger_spec": None,
    "input_stream": "devnull",
    "temp_equation_file": False,
    "tempdir": None,
    "delete_tempfiles": True,
    "update": False,
    "output_jax_format": False,
    "output_torch_format": False,
    "extra_sympy_mappings": None,
    "extra_torch_mappings": None,
    "extra_jax_mappings": None,
    "denoise": False,
    "select_k_features": None,
}

OPTIONS: tuple[str, ...] = (
    *(
        name
        for name, value in FIXED.items()
        if isinstance(value, (bool, int, float))
        and name not in ("precision", "verbosity", "update_verbosity", "progress")
    ),
    "constraints",
    "nested_constraints",
    "dimensional_constraint_penalty",
    "dimensionless_constants_only",
    "wildcards",
)
"""Names that ``SearchConfig.options`` may set for this engine."""


def pysr_settings(problem: SearchProblem, config: SearchConfig, output: str) -> dict[str, Any]:
    """Arguments of ``PySRRegressor`` for a search whose files go to the folder ``output``/`run`.

    Raises
    ------
    ValueError
        For an operator or an option that PySR does not have.
    """
    unknown = [name for name in config.options if name not in OPTIONS]
    if unknown:
        raise SettingError(
            f"unknown option `{unknown[0]}` of the engine `pysr`; known are {', '.join(sorted(OPTIONS))}"
        )
    strange = [name for name in config.operators if name not in BINARY and name not in UNARY]
    if strange:
        raise SettingError(f"unknown operator `{strange[0]}`; PySR knows {' '.join((*BINARY, *UNARY))}")
    reproducible = config.threads == 1 or config.seconds is None
    wildcards = config.options.get("wildcards", "constants")
    if wildcards not in ("constants", "none"):
        raise ValueError(f"option `wildcards` is {wildcards!r}; it must be `constants` or `none`")
    return {
        **FIXED,
        "binary_operators": [BINARY[name] for name in config.operators if name in BINARY],
        "unary_operators": [UNARY[name] for name in config.operators if name in UNARY],
        "niterations": 1_000_000,
        "max_evals": config.evaluations,
        "timeout_in_seconds": config.seconds,
        "maxsize": max(7, config.max_size),
        "maxdepth": config.max_depth,
        "constraints": None,
        "nested_constraints": None,
        "elementwise_loss": _loss(problem, config),
        "complexity_of_operators": {
            (BINARY | UNARY)[name]: cost for name, cost in config.complexity.items() if name in config.operators
        }
        or None,
        "complexity_of_constants": config.complexity.get("constant", 1),
        "complexity_of_variables": config.complexity.get("variable", 1),
        "dimensional_constraint_penalty": 1000.0 if pysr_units(problem) else None,
        "dimensionless_constants_only": wildcards == "none",
        "early_stop_condition": _target(problem, config),
        "parallelism": "serial" if reproducible else "multithreading",
        "deterministic": reproducible,
        "random_state": config.seed,
        "run_id": "run",
        "output_directory": output,
        **{name: value for name, value in config.options.items() if name != "wildcards"},
    }


_SI = {"length": "m", "mass": "kg", "time": "s", "current": "A", "temperature": "K", "amount": "mol", "light": "cd"}


def pysr_units(problem: SearchProblem) -> tuple[list[str], str] | None:
    """Units of the columns and of y for PySR, None without units.

    PySR knows the seven base dimensions of the SI and no others; a further one (counts, unknown words) is written as one that
    the problem does not use. What has no unit is a pure number to PySR.

    Raises
    ------
    ValueError
        For a unit that cannot be read, or more than seven dimensions.
    """
    units = units_of(problem)
    if units is None:
        return None
    every = [u.powers if u is not None else {} for u in (*units.columns.values(), *units.targets)]
    used = tuple(dict.fromkeys(name for powers in every for name in powers))
    spare = [word for name, word in _SI.items() if name not in used]
    strange = [name for name in used if name not in _SI]
    if len(strange) > len(spare):
        raise ValueError(f"the units have {len(used)} base dimensions ({', '.join(used)}), and PySR tells seven apart")
    words = {**_SI, **dict(zip(strange, spare, strict=False))}

    def text(powers: Mapping[str, Fraction]) -> str:
        def raised(word: str, power: Fraction) -> str:
            return (
                word
                if power == 1
                else f"{word}^{power}"
                if power.denominator == 1
                else f"{word}^({power.numerator}//{power.denominator})"
            )

        return "*".join(raised(words[n], p) for n, p in powers.items()) or "1"

    texts = [text(powers) for powers in every]
    return texts[:-1], texts[-1]


def _loss(problem: SearchProblem, config: SearchConfig) -> str:
    if config.loss == "absolute":
        return "L1DistLoss()"
    if config.loss == "huber":
        return f"HuberLoss({config.huber_delta * float(np.std(problem.y))!r})"
    return "L2DistLoss()"


def _target(problem: SearchProblem, config: SearchConfig) -> float | None:
    """The target as PySR's loss, where that is a squared error in the unit of y."""
    return config.target_loss * float(np.var(problem.y)) if config.loss == "squares" else None
