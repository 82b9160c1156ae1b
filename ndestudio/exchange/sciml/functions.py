"""Functions that networks call between layers, as PyTorch has them; JAX is imported when they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def _jnp() -> Any:
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().numpy


def _nn() -> Any:
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().nn


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    # PyTorch's is the identity beyond the threshold
    return _jnp().where(x * beta > threshold, x, _nn().softplus(x * beta) / beta)


def _gelu(x: Any, approximate: str = "none") -> Any:
    # PyTorch's default is the form with the error function; JAX's that with tanh
    return _nn().gelu(x, approximate=approximate == "tanh")


def _elu(x: Any, alpha: float = 1.0) -> Any:
    jnp = _jnp()
    return jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0.0)))


def _celu(x: Any, alpha: float = 1.0) -> Any:
    jnp = _jnp()
    return jnp.maximum(x, 0.0) + jnp.minimum(alpha * jnp.expm1(jnp.minimum(x, 0.0) / alpha), 0.0)


def _hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return _jnp().clip(x, min_val, max_val)


def _leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    return _jnp().where(x >= 0, x, negative_slope * x)


def _mish(x: Any) -> Any:
    return x * _jnp().tanh(_softplus(x))


def _softshrink(x: Any, lambd: float = 0.5) -> Any:
    jnp = _jnp()
    return jnp.where(x > lambd, x - lambd, jnp.where(x < -lambd, x + lambd, 0.0))


def _hardshrink(x: Any, lambd: float = 0.5) -> Any:
    jnp = _jnp()
    return jnp.where(jnp.abs(x) > lambd, x, 0.0)


def _threshold(x: Any, threshold: float, value: float) -> Any:
    return _jnp().where(x > threshold, x, value)


def _softmax(x: Any, dim: int | None = None) -> Any:
    return _nn().softmax(x, axis=_axis(x, dim))


def _log_softmax(x: Any, dim: int | None = None) -> Any:
    return _nn().log_softmax(x, axis=_axis(x, dim))


def _axis(x: Any, dim: int | None) -> int:
    """PyTorch's choice where no dimension is given."""
    if dim is not None:
        return dim
    return 0 if x.ndim in (0, 1, 3) else 1


def _rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Any:
    return _leaky_relu(x, (lower + upper) / 2)


def _glu(x: Any, dim: int = -1) -> Any:
    first, second = _jnp().split(x, 2, axis=dim)
    return first * _nn().sigmoid(second)


def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def _cat(parts: Sequence[Any], dim: int = 0) -> Any:
    return _jnp().concatenate(parts, axis=dim)


def _stack(parts: Sequence[Any], dim: int = 0) -> Any:
    return _jnp().stack(parts, axis=dim)


def _dropped(x: Any, p: float = 0.5, training: bool = False) -> Any:
    return x


def _reshape(x: Any, *shape: Any) -> Any:
    return x.reshape(*(shape[0] if len(shape) == 1 and isinstance(shape[0], list) else shape))


def _reduced(name: str) -> Callable[..., Any]:
    def function(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        axis = tuple(dim) if isinstance(dim, list) else dim
        return getattr(_jnp(), name)(x, axis=axis, keepdims=keepdim)

    return function


def _of_jnp(name: str) -> Callable[..., Any]:
    return lambda *x: getattr(_jnp(), name)(*x)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "relu": lambda x: _jnp().maximum(x, 0.0),
    "relu6": lambda x: _jnp().clip(x, 0.0, 6.0),
    "tanh": _of_jnp("tanh"),
    "sigmoid": lambda x: _nn().sigmoid(x),
    "hardtanh": _hardtanh,
    "hardswish": lambda x: x * _jnp().clip(x + 3.0, 0.0, 6.0) / 6.0,
    "hardsigmoid": lambda x: _jnp().clip(x / 6.0 + 0.5, 0.0, 1.0),
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "celu": _celu,
    "elu": _elu,
    "leaky_relu": _leaky_relu,
    "prelu": lambda x, weight: _jnp().where(x >= 0, x, weight * x),
    "rrelu": _rrelu,
    "glu": _glu,
    "silu": lambda x: x * _nn().sigmoid(x),
    "gelu": _gelu,
    "mish": _mish,
    "softplus": _softplus,
    "softsign": lambda x: x / (1.0 + _jnp().abs(x)),
    "softmax": _softmax,
    "softmin": lambda x, dim=None: _softmax(-x, dim),
    "log_softmax": _log_softmax,
    "logsigmoid": lambda x: -_nn().softplus(-x),
    "tanhshrink": lambda x: x - _jnp().tanh(x),
    "softshrink": _softshrink,
    "hardshrink": _hardshrink,
    "threshold": _threshold,
    "flatten": _flatten,
    "cat": _cat,
    "concat": _cat,
    "stack": _stack,
    "reshape": _reshape,
    "view": _reshape,
    "squeeze": lambda x, dim=None: _jnp().squeeze(x, axis=dim),
    "unsqueeze": lambda x, dim: _jnp().expand_dims(x, dim),
    "transpose": lambda x, dim0, dim1: _jnp().swapaxes(x, dim0, dim1),
    "dropout": _dropped,
    "alpha_dropout": _dropped,
    "add": _of_jnp("add"),
    "sub": _of_jnp("subtract"),
    "mul": _of_jnp("multiply"),
    "div": _of_jnp("divide"),
    "truediv": _of_jnp("divide"),
    "neg": _of_jnp("negative"),
    "pow": _of_jnp("power"),
    "matmul": _of_jnp("matmul"),
    "exp": _of_jnp("exp"),
    "log": _of_jnp("log"),
    "sqrt": _of_jnp("sqrt"),
    "abs": _of_jnp("abs"),
    "sin": _of_jnp("sin"),
    "cos": _of_jnp("cos"),
    "square": _of_jnp("square"),
    "sum": _reduced("sum"),
    "mean": _reduced("mean"),
}
"""Name -> function; the same for functions and methods."""
