"""Identifiers that are safe in each target language."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Iterable
from functools import cache

from ndestudio.expression.functions import BUILT_IN
from ndestudio.expression.functions import RESERVED as RESERVED_FUNCTIONS

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi", "ρ": "rho",
    "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip

_PYTHON = (
    *keyword.kwlist, *keyword.softkwlist, "float", "int", "len", "list", "dict", "tuple", "range",
    "print", "sum", "pow", "zip", "map", "open", "str", "sys", "csv", "argparse", "np", "solve_ivp", "math", "t", "state",
    "forcing", "p", "pi", "raw", "sigmoid", "softplus", "swish", "gelu", "field", "outputs", "simulate", "inputs", "main", "network", "TITLE", "PARAMETERS", "STATES", "OUTPUTS",
    "INPUTS", "TIME", "TRAJECTORIES", "NETWORKS", "UNITS", "trajectory", "parameters", "rtol", "atol", "model",
    "bisect_right", "knots", "schedule", "moments", "conditions", "happen", "piece", "EVENTS", "KINDS", "WAITING", "LOOKS", "MOST",
    "given", "lags", "past", "joints", "DELAYED", "earlier", "which_state", "first_state",
    "residuals", "starts", "roots", "unknown",
)  # fmt: skip

_JAX = (
    *_PYTHON,
    "jax",
    "jnp",
    "diffrax",
    "args",
    "_inputs",
    "X64",
    "SCALE",
    "optimistix",
    "controller",
    "changed",
    "REPETITIONS",
    "SAME",
)

_JULIA = (
    "baremodule", "begin", "break", "catch", "const", "continue", "do", "else", "elseif", "end", "export", "false",
    "finally", "for", "function", "global", "if", "import", "let", "local", "macro", "module", "quote", "return", "struct",
    "true", "try", "using", "while", "abstract", "mutable", "primitive", "type", "where", "in", "isa", "outer", "public",
    "pi", "im", "Inf", "NaN", "e", "ans",
    "t", "state", "forcing", "rate", "p", "raw", "sigmoid", "softplus", "swish", "gelu", "field", "field!", "outputs", "simulate", "inputs", "main", "network", "interpolate",
    "parse", "print", "println", "join", "length", "map", "sum", "collect", "range", "findfirst", "error", "string", "ARGS",
    "TITLE", "PARAMETERS", "STATES", "OUTPUTS", "INPUTS", "TIME", "TRAJECTORIES", "solve", "sol", "prob", "names", "size",
    "ODEProblem", "AutoVern7", "Rodas5P", "OrdinaryDiffEq", "Base", "Core", "Main", "trajectory", "parameters", "isempty",
    "DELAYED", "lags", "past", "joints", "earlier", "which_state", "first_state", "Vern7", "Set", "union!", "minimum",
    "given", "known", "knots", "schedule", "repeated", "doses", "conditions", "settle", "record!", "piece!", "EVENTS", "WAITING",
    "append!", "push!", "sort", "first", "last", "filter", "filter!", "zero", "reverse", "reached", "track",
)  # fmt: skip

_MATLAB = (
    "break", "case", "catch", "classdef", "continue", "else", "elseif", "end", "for", "function", "global", "if",
    "otherwise", "parfor", "persistent", "return", "spmd", "switch", "try", "while", "pi", "i", "j", "I", "J", "e", "E", "eps", "inf", "Inf", "nan", "NaN", "NA", "ans",
    "beta", "gamma", "psi", "erf", "sum", "prod", "diff", "mean", "mode", "step", "rank", "size", "length", "numel",
    "zeros", "ones", "eye", "rand", "det", "inv", "trace", "norm", "dot", "cross", "line", "plot", "axis", "alpha", "zeta",
    "lambertw", "sign", "mod", "rem", "floor", "ceil", "round", "fix", "real", "imag", "angle", "conj", "factor", "primes",
    "input", "type", "time", "clock", "date", "quit", "exit", "who", "what", "why", "help", "figure", "title", "text",
    "t", "state", "forcing", "rate", "raw", "sigmoid", "softplus", "swish", "gelu", "solution", "model", "field", "outputs", "inputs", "network", "interpolate", "trajectories",
    "points", "trajectory", "options", "tracks", "values", "end_function", "endif", "endwhile", "endfor", "endfunction",
    "until", "do", "unwind_protect", "legend", "hold", "grid", "view", "sigma", "filter", "gradient", "kron", "nargin",
    "nargout", "fprintf", "ode45", "ode15s", "odeset", "interp1", "linspace", "error", "true", "false", "logical", "double",
    "single", "char", "cell", "struct", "table", "string", "parameters", "names", "units", "log1p",
    "lags", "past", "joints", "earlier", "earlier_values", "which_state", "history",
    "after", "given", "known", "happens", "schedule", "in_order", "repeated", "doses", "conditions", "settle", "flow", "value",
)  # fmt: skip

_C = (
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static",
    "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "_Bool", "_Complex", "_Imaginary",
    "asm", "class", "new", "delete", "this", "template", "private", "public", "protected", "virtual", "bool", "true",
    "false", "I", "NULL", "EOF", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "abs", "fabs", "pow", "hypot", "erf",
    "erfc", "gamma", "lgamma", "tgamma", "ceil", "floor", "round", "trunc", "rint", "fmin", "fmax", "fmod", "remainder",
    "modf", "frexp", "ldexp", "scalb", "logb", "nan", "j0", "j1", "jn", "y0", "y1", "yn", "signgam", "infinity", "div",
    "ldiv", "abort", "exit", "atexit", "atof", "atoi", "strtod", "strtol", "rand", "srand", "malloc", "free", "system",
    "index", "rindex", "time", "clock", "signal", "remove", "rename", "printf", "puts", "putchar", "stdin", "stdout",
    "stderr", "errno", "main", "t", "state", "forcing", "rate", "raw", "swish", "gelu", "field", "outputs", "inputs", "network", "interpolate", "integrate",
    "argc", "argv", "min", "max", "pi", "PI", "NAN", "INFINITY", "HUGE_VAL", "isnan", "isfinite", "isinf", "signbit", "drem",
    "significand", "unix", "linux", "ddiv", "fdim", "fma", "nearbyint", "ilogb", "gets", "getc", "putc", "step", "y_new",
    "read", "write", "tolerance", "layer", "activation", "observed", "this_layer", "next_layer", "table", "track", "tracks", "magnitude", "derivative", "next_kink", "factorise", "solve", "relative", "scaled_norm", "jacobian", "attempt",
    "parameters", "N_STATES", "N_OUTPUTS", "N_INPUTS", "N_TRAJECTORIES", "softplus", "sigmoid", "trajectory",
    "inside", "after", "given", "events", "change", "occurrence", "plan", "add", "repeat", "give", "dose", "known", "schedule",
    "earlier_of", "waiting", "conditions", "value", "run", "apply", "begin", "advance", "flow", "happen", "differs", "LOOKS", "MOST",
    "N_EVENTS", "N_CONDITIONS", "experiment", "N_DELAYS", "delayed", "lags", "ago", "past", "which_state", "history", "joints", "shortest",
    "pieces", "room", "n_joints", "grown", "upwards", "prepare", "next_joint", "keep", "earlier", "earlier_values", "nextafter", "qsort", "realloc", "memcpy", "memset", "floor",
)  # fmt: skip


@cache
def _sympy_names() -> frozenset[str]:
    import sympy

    return frozenset(name for name in dir(sympy) if not name.startswith("_")) | frozenset(keyword.kwlist)


def reserved(language: str) -> frozenset[str]:
    """Names that generated code of ``language`` may not use for quantities of the model."""
    tables = {"python": _PYTHON, "jax": _JAX, "julia": _JULIA, "matlab": _MATLAB, "c": _C}
    if language == "sympy":
        return _sympy_names() | {
            "rhs",
            "parameters",
            "outputs",
            "initial",
            "substituted",
            "t",
            "events",
            "doses",
            "delay",
            "past",
        }
    if language not in tables:
        return frozenset()
    own = {name: entry.written(language) for name, entry in BUILT_IN.items() if entry.rewrite is None}
    # what the language brings along, and the names of the first version, with which programs were always written
    brought = {code.text for code in own.values() if language == "c" and code.text.isidentifier() and not code.helper}
    return (
        frozenset(tables[language])
        | brought
        | {own[name].text for name in RESERVED_FUNCTIONS}
        | set(RESERVED_FUNCTIONS)
    )


def ascii_identifier(name: str) -> str:
    """``name`` with Greek letters spelled out and everything else outside ASCII as `u` and its code point."""
    decomposed = unicodedata.normalize("NFKD", name)
    parts = (
        character if character.isascii() else _GREEK.get(character, f"u{ord(character):04x}")
        for character in decomposed
        if not unicodedata.combining(character)
    )
    text = "".join(character if character.isalnum() or character == "_" else "_" for character in "".join(parts))
    return text if text and not text[0].isdigit() else f"v{text}"


def identifiers(names: Iterable[str], language: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """A distinct safe identifier for each name: unchanged where that is possible, else with `_` behind.

    Parameters
    ----------
    language
        `python`, `jax`, `sympy`, `julia`, `matlab` or `c`.
    taken
        Further identifiers the generated code uses itself.
    """
    names = tuple(dict.fromkeys(names))
    forbidden = reserved(language) | set(taken)
    chosen: dict[str, str] = {}
    used: set[str] = set()
    unchanged = {name for name in names if name == ascii_identifier(name) and name not in forbidden}
    for name in names:
        safe = ascii_identifier(name)
        if safe.startswith("_") and language in ("matlab", "c"):
            safe = f"v{safe}"
        while safe in forbidden or safe in used or (safe != name and safe in unchanged):
            safe += "_"
        used.add(safe)
        chosen[name] = safe
    return chosen
