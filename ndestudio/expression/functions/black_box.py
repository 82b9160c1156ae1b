"""A black box as a function of the equation language: made from its label, evaluated by whoever keeps it open."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.blackbox.label import Label, label_of
from ndestudio.errors import BlackBoxError
from ndestudio.expression.functions.base import Function


@lru_cache(maxsize=4096)
def black_box(name: str) -> Function:
    """The function of the name of a label."""
    label = label_of(name)

    def array(xp: Any, *arguments: Any) -> Any:
        return _of_arrays(label, arguments) if xp is np else _of_jax(label, arguments)

    def scalar(*arguments: float) -> float:
        return float(_of_points(label, np.array([arguments], dtype=float))[0])

    def partial(place: int, arguments: tuple[Any, ...]) -> Any:
        from ndestudio.expression.tree import Call, Number

        if label.by >= 0:
            raise BlackBoxError(f"the second derivative of `{label.text}` is not known")
        if label.derivatives == "none":
            return Number(float(place == label.same and label.step > 0))
        return Call(replace(label, by=place).name, arguments)

    return Function(
        name,
        (),
        f"the black box `{label.file}`",
        array,
        scalar,
        latex=lambda inner: rf"\mathrm{{{_plain(label)}}}\left({', '.join(inner)}\right)",
        sympy=lambda sympy, *inner: sympy.Function(label.text)(*inner),
        units="unknown",
        any_count=True,
        partial=partial,
    )


def _plain(label: Label) -> str:
    shown = label.title.rsplit(".", 1)[0] + (f" {label.output}" if label.output else "")
    return "".join(c if c.isalnum() or c in "().,'" else r"\ " for c in shown)


def _column(label: Label, width: int, outputs: tuple[str, ...]) -> int:
    """Place of the output that is asked for."""
    names = outputs or label.outputs
    if label.output in names:
        return names.index(label.output)
    if label.output.isdigit() and 1 <= int(label.output) <= width:
        return int(label.output) - 1
    if not label.output and width == 1:
        return 0
    known = ", ".join(names) or f"1 to {width}"
    what = f"has no output `{label.output}`" if label.output else f"has {width} outputs, and none is chosen"
    raise BlackBoxError(f'`{label.title}` {what}; write `blackbox("{label.file}", "...")` with one of {known}')


def _of_points(label: Label, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, " point"]:
    """The value, or the derivative that the label means, at points."""
    from ndestudio.blackbox.opened import opened

    box = opened(label)
    if label.by < 0:
        found = box.values(X)
        return found[:, _column(label, found.shape[1], box.box.outputs)]
    return _gradient(label, X)[:, label.by]


def _gradient(label: Label, X: Float[np.ndarray, "point argument"]) -> Float[np.ndarray, "point argument"]:
    """Derivatives of the chosen output by all arguments."""
    from ndestudio.blackbox.opened import opened

    if label.derivatives == "none":
        found = np.zeros_like(X)
        if label.same >= 0 and label.step > 0:
            found[:, label.same] = 1.0
        return found
    box = opened(label)
    exact = box.box.exact and label.derivatives != "differences"
    if label.derivatives == "exact" and not exact:
        raise BlackBoxError(no_derivatives(label))
    found = box.jacobian(X, exact, label.difference)
    return found[:, _column(label, found.shape[1], box.box.outputs)]


def no_derivatives(label: Label) -> str:
    """What is said where exact derivatives are asked of a black box that has none."""
    return f'`{label.title}` gives no derivatives; set `gradients = "euler"` or `"differences"` in [train], which need none'


def _of_arrays(label: Label, arguments: Sequence[Any]) -> Any:
    together = np.broadcast_arrays(*[np.asarray(one, dtype=float) for one in arguments])
    shape = together[0].shape
    X = np.stack([one.reshape(-1) for one in together], axis=1)
    return _of_points(label, X).reshape(shape)[()]


@cache
def _quiet() -> None:
    """Keep JAX from writing the traceback of a failure that is said as a sentence."""
    logging.getLogger("jax._src.callback").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], BlackBoxError))
    )


def _of_jax(label: Label, arguments: Sequence[Any]) -> Any:
    """The value in a program of JAX, which calls back for it; with a derivative of first order."""
    import jax

    _quiet()
    jnp = jax.numpy
    together = jnp.broadcast_arrays(*[jnp.asarray(one, dtype=jnp.float64) for one in arguments])

    def host_value(x: Any) -> np.ndarray:
        x = np.asarray(x)
        return _of_points(label, x.reshape(-1, x.shape[-1])).reshape(x.shape[:-1])

    def host_gradient(x: Any) -> np.ndarray:
        x = np.asarray(x)
        return _gradient(label, x.reshape(-1, x.shape[-1])).reshape(x.shape)

    @jax.custom_jvp
    def value(x: Any) -> Any:
        shape = jax.ShapeDtypeStruct(x.shape[:-1], x.dtype)
        return jax.pure_callback(host_value, shape, x, vmap_method="broadcast_all")

    @value.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (moved,) = primals, tangents
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        by = jax.pure_callback(host_gradient, shape, x, vmap_method="broadcast_all")
        return value(x), jnp.sum(by * moved, axis=-1)

    return value(jnp.stack(together, axis=-1))
