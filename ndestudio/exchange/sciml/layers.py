"""Layers of networks, as PyTorch has them; JAX is imported when they are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ndestudio.exchange.sciml.functions import FUNCTIONS


def _lax() -> Any:
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().lax


def _jnp() -> Any:
    from ndestudio.solve.jax_backend import get_jax

    return get_jax().numpy


class Layer(Protocol):
    """A layer without its numbers.

    Attributes
    ----------
    shapes
        Array -> its shape.
    """

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any: ...


def _tuple(value: Any, count: int) -> tuple[int, ...]:
    if isinstance(value, list | tuple):
        if len(value) != count:
            raise ValueError(f"{count} numbers are needed, not {list(value)}")
        return tuple(int(one) for one in value)
    return (int(value),) * count


class _Linear:
    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._bias = bool(a.get("bias", True))
        out = int(a["out_features"])
        if kind == "Bilinear":
            weight: tuple[int, ...] = (out, int(a["in1_features"]), int(a["in2_features"]))
        else:
            weight = (out, int(a["in_features"]))
        self.shapes = {"weight": weight, **({"bias": (out,)} if self._bias else {})}

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        if len(x) == 2:
            y = _jnp().einsum("...i,oij,...j->...o", x[0], arrays["weight"], x[1])
        else:
            y = x[0] @ arrays["weight"].T
        return y + arrays["bias"] if self._bias else y


class _Convolution:
    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._transposed, self._n = "Transpose" in kind, int(kind[-2])
        n = self._n
        self._stride, self._dilation = _tuple(a.get("stride", 1), n), _tuple(a.get("dilation", 1), n)
        self._kernel, self._groups = _tuple(a["kernel_size"], n), int(a.get("groups", 1))
        padding = a.get("padding", 0)
        if isinstance(padding, str):
            spread = [d * (k - 1) for d, k in zip(self._dilation, self._kernel, strict=True)]
            self._padding = [(s // 2, s - s // 2) if padding == "same" else (0, 0) for s in spread]
        else:
            self._padding = [(p, p) for p in _tuple(padding, n)]
        self._more = _tuple(a.get("output_padding", 0), n)
        self._mode = str(a.get("padding_mode", "zeros"))
        if self._mode not in _MODES:
            raise ValueError(f"padding_mode {self._mode}")
        inside, out, self._bias = int(a["in_channels"]), int(a["out_channels"]), bool(a.get("bias", True))
        first = (inside, out // self._groups) if self._transposed else (out, inside // self._groups)
        self.shapes = {"weight": (*first, *self._kernel), **({"bias": (out,)} if self._bias else {})}

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        jnp, (inner,) = _jnp(), x
        batched = inner.ndim == self._n + 2
        inner = inner if batched else inner[None]
        inner, weight = jnp.asarray(inner, dtype=float), jnp.asarray(arrays["weight"], dtype=float)
        y = self._back(inner, weight) if self._transposed else self._forth(inner, weight)
        if self._bias:
            y = y + arrays["bias"].reshape(1, -1, *(1,) * self._n)
        return y if batched else y[0]

    def _forth(self, x: Any, weight: Any) -> Any:
        padding = self._padding
        if self._mode != "zeros":
            x = _jnp().pad(x, [(0, 0), (0, 0), *padding], mode=_MODES[self._mode])
            padding = [(0, 0)] * self._n
        return _lax().conv_general_dilated(
            x, weight, self._stride, padding, rhs_dilation=self._dilation, feature_group_count=self._groups
        )

    def _back(self, x: Any, weight: Any) -> Any:
        jnp = _jnp()
        groups = self._groups
        inside, out = weight.shape[0], weight.shape[1] * groups
        w = jnp.flip(weight, axis=tuple(range(2, weight.ndim)))
        w = w.reshape(groups, inside // groups, out // groups, *self._kernel)
        w = jnp.swapaxes(w, 1, 2).reshape(out, inside // groups, *self._kernel)
        padding = [
            (d * (k - 1) - p[0], d * (k - 1) - p[1] + more)
            for d, k, p, more in zip(self._dilation, self._kernel, self._padding, self._more, strict=True)
        ]
        return _lax().conv_general_dilated(
            x,
            w,
            (1,) * self._n,
            padding,
            lhs_dilation=self._stride,
            rhs_dilation=self._dilation,
            feature_group_count=groups,
        )


_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class _Pool:
    """Windows that move along: largest value, mean, or norm."""

    shapes: Mapping[str, tuple[int, ...]] = {}

    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._n, self._kind = int(kind[-2]), kind[:-6]
        n = self._n
        self._kernel = _tuple(a["kernel_size"], n)
        stride = a.get("stride")
        self._stride = self._kernel if stride is None or stride == [] else _tuple(stride, n)
        self._padding, self._dilation = _tuple(a.get("padding", 0), n), _tuple(a.get("dilation", 1), n)
        self._ceil, self._counted = bool(a.get("ceil_mode", False)), bool(a.get("count_include_pad", True))
        self._divisor, self._norm = a.get("divisor_override"), float(a.get("norm_type", 2.0))

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        jnp, lax, (inner,) = _jnp(), _lax(), x
        inner = jnp.asarray(inner, dtype=float)
        lead = inner.ndim - self._n
        padding = [(0, 0)] * lead + self._paddings(inner.shape[lead:])
        window, strides = (1,) * lead + self._kernel, (1,) * lead + self._stride
        dilation = (1,) * lead + self._dilation
        if self._kind == "Max":
            return lax.reduce_window(inner, -jnp.inf, lax.max, window, strides, padding, window_dilation=dilation)
        if self._kind == "LP":
            total = lax.reduce_window(inner**self._norm, 0.0, lax.add, window, strides, padding)
            return jnp.sign(total) * jnp.abs(total) ** (1.0 / self._norm)
        total = lax.reduce_window(inner, 0.0, lax.add, window, strides, padding)
        if self._divisor is not None:
            return total / float(self._divisor)
        ones = jnp.ones(inner.shape)
        if self._counted:
            # the padding that is asked for counts, what a window sticks out beyond it does not
            asked = [(0, 0)] * lead + [(p, p) for p in self._padding]
            rest = [(0, b - a) for (_, a), (_, b) in zip(asked, padding, strict=True)]
            count = lax.reduce_window(jnp.pad(ones, asked, constant_values=1.0), 0.0, lax.add, window, strides, rest)
        else:
            count = lax.reduce_window(ones, 0.0, lax.add, window, strides, padding)
        return total / count

    def _paddings(self, shape: tuple[int, ...]) -> list[tuple[int, int]]:
        found = []
        for size, k, s, p, d in zip(shape, self._kernel, self._stride, self._padding, self._dilation, strict=True):
            span, more = size + 2 * p - d * (k - 1) - 1, 0
            if self._ceil:
                count = math.ceil(span / s) + 1
                if (count - 1) * s >= size + p:
                    count -= 1
                more = max((count - 1) * s - span, 0)
            found.append((p, p + more))
        return found


class _Adaptive:
    """Windows whose number is given: each output covers its share of the input."""

    shapes: Mapping[str, tuple[int, ...]] = {}

    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._n, self._largest = int(kind[-2]), "Max" in kind
        size = a["output_size"]
        self._size = tuple(size) if isinstance(size, list | tuple) else (size,) * self._n
        if len(self._size) != self._n:
            raise ValueError(f"output_size {self._size}")

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        jnp, (inner,) = _jnp(), x
        lead = inner.ndim - self._n
        for k, wanted in enumerate(self._size):
            axis, size = lead + k, inner.shape[lead + k]
            if wanted is None:
                continue
            parts = []
            for i in range(int(wanted)):
                begin, end = (i * size) // wanted, -((-(i + 1) * size) // wanted)
                part = jnp.take(inner, jnp.arange(begin, end), axis=axis)
                parts.append(part.max(axis=axis) if self._largest else part.mean(axis=axis))
            inner = jnp.stack(parts, axis=axis)
        return inner


class _Norm:
    """Normalisation over the batch, or over each instance."""

    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._n, self._instance = int(kind[-2]), kind.startswith("Instance")
        self._eps = float(a.get("eps", 1e-5))
        self._affine = bool(a.get("affine", not self._instance))
        self._running = bool(a.get("track_running_stats", not self._instance))
        size = (int(a["num_features"]),)
        self.shapes = {"weight": size, "bias": size} if self._affine else {}
        if self._running and self._instance:
            self.shapes |= {"running_mean": size, "running_var": size}

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        jnp, (inner,) = _jnp(), x
        single = self._instance and inner.ndim == self._n + 1
        inner = inner[None] if single else inner
        shape = (1, -1, *(1,) * (inner.ndim - 2))
        if "running_mean" in arrays and self._running:
            mean, variance = arrays["running_mean"].reshape(shape), arrays["running_var"].reshape(shape)
        else:
            over = tuple(k for k in range(inner.ndim) if k != 1 and not (self._instance and k == 0))
            mean, variance = inner.mean(axis=over, keepdims=True), inner.var(axis=over, keepdims=True)
        y = (inner - mean) / jnp.sqrt(variance + self._eps)
        if self._affine:
            y = y * arrays["weight"].reshape(shape) + arrays["bias"].reshape(shape)
        return y[0] if single else y


class _LayerNorm:
    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        shape = a["normalized_shape"]
        self._shape = tuple(int(one) for one in shape) if isinstance(shape, list | tuple) else (int(shape),)
        self._eps, affine = float(a.get("eps", 1e-5)), bool(a.get("elementwise_affine", True))
        self._bias = affine and bool(a.get("bias", True))
        self.shapes = {"weight": self._shape} if affine else {}
        if self._bias:
            self.shapes["bias"] = self._shape

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        jnp, (inner,) = _jnp(), x
        over = tuple(range(inner.ndim - len(self._shape), inner.ndim))
        y = (inner - inner.mean(axis=over, keepdims=True)) / jnp.sqrt(inner.var(axis=over, keepdims=True) + self._eps)
        y = y * arrays["weight"] if self.shapes else y
        return y + arrays["bias"] if self._bias else y


class _Plain:
    """A function as a layer, with its settings."""

    shapes: Mapping[str, tuple[int, ...]] = {}

    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._function = FUNCTIONS[_AS_LAYERS[kind]]
        self._settings = {k: v for k, v in a.items() if k != "inplace"}
        if kind == "Flatten":
            self._settings = {"start_dim": 1, **self._settings}

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        return self._function(*x, **self._settings)


class _Passed:
    """Dropout and identity: what comes in goes out."""

    shapes: Mapping[str, tuple[int, ...]] = {}

    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        pass

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        return x[0]


class _Prelu:
    def __init__(self, kind: str, a: Mapping[str, Any]) -> None:
        self._count = int(a.get("num_parameters", 1))
        self.shapes = {"weight": (self._count,)}

    def __call__(self, arrays: Mapping[str, Any], *x: Any) -> Any:
        (inner,) = x
        weight = arrays["weight"]
        if self._count > 1:
            axis = 0 if inner.ndim == 1 else 1
            weight = weight.reshape(*(-1 if k == axis else 1 for k in range(inner.ndim)))
        return _jnp().where(inner >= 0, inner, weight * inner)


_AS_LAYERS = {
    "ReLU": "relu", "ReLU6": "relu6", "Tanh": "tanh", "Sigmoid": "sigmoid", "Hardtanh": "hardtanh", "Hardswish": "hardswish",
    "Hardsigmoid": "hardsigmoid", "SELU": "selu", "CELU": "celu", "ELU": "elu", "LeakyReLU": "leaky_relu", "SiLU": "silu",
    "GELU": "gelu", "GLU": "glu", "Mish": "mish", "Softplus": "softplus", "Softsign": "softsign", "Softmax": "softmax",
    "Softmin": "softmin", "LogSoftmax": "log_softmax", "LogSigmoid": "logsigmoid", "Tanhshrink": "tanhshrink",
    "Softshrink": "softshrink", "Hardshrink": "hardshrink", "Threshold": "threshold", "RReLU": "rrelu", "Flatten": "flatten",
}  # fmt: skip
_PASSED = (
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "Identity",
)  # fmt: skip
LAYERS: Mapping[str, Callable[[str, Mapping[str, Any]], Layer]] = {
    "Linear": _Linear,
    "Bilinear": _Linear,
    **{f"Conv{n}d": _Convolution for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _Convolution for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": _Pool for kind in ("Max", "Avg", "LP") for n in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{n}d": _Adaptive for kind in ("Max", "Avg") for n in (1, 2, 3)},
    **{f"{kind}Norm{n}d": _Norm for kind in ("Batch", "Instance") for n in (1, 2, 3)},
    "LayerNorm": _LayerNorm,
    "PReLU": _Prelu,
    **dict.fromkeys(_AS_LAYERS, _Plain),
    **dict.fromkeys(_PASSED, _Passed),
}
"""Kind -> what makes a layer of it."""
