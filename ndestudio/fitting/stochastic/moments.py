"""Mean and covariance of a stochastic model a while after a known state, for many starts at once.

Moment equations, closed as for a normal distribution to second order (Jazwinski 1970, Stochastic Processes and Filtering
Theory, section 9.3):

    m' = a(m) + 1/2 sum_kl P_kl d2a/dx_k dx_l      P' = J P + P J^T + S(m) + 1/2 sum_kl P_kl d2S/dx_k dx_l,    S = b b^T

Without the second derivatives this is the local linearisation (Ozaki 1992, Statistica Sinica 2, 113). The equations are exact
for linear drift and at most quadratic S. Drift and diffusion are those of Ito's calculus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Moments = tuple[Any, Any]
"""Means [state, n] and covariances [state, state, n]."""


class Local(NamedTuple):
    """Drift and squared diffusion at points, with derivatives.

    Parameters
    ----------
    a
        Drift [state, n].
    s
        Squared diffusion b b^T [state, state, n].
    slope
        Derivatives of the drift [state, by, n].
    bend
        Second derivatives of the drift [state, by, by, n].
    widen
        Second derivatives of the squared diffusion [state, state, by, by, n].
    s_slope
        Derivatives of the squared diffusion [state, state, by, n].
    """

    a: Any
    s: Any
    slope: Any
    bend: Any
    widen: Any
    s_slope: Any


Around = Callable[[Any, Any], Local]
"""(t [n], y [state, n]) -> what the equations are like there."""

_AT, _SHARE = (0.0, 0.5, 0.5, 1.0), (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)


def squared(b: Any, xp: Any) -> Any:
    """b b^T for each point."""
    return xp.einsum("ikn,jkn->ijn", b, b)


def moments(
    around: Around, t: Any, h: Any, y: Any, parts: int, xp: Any, *, second: bool = True, begin: Any = None
) -> Moments:
    """Mean and covariance after ``h``, by ``parts`` steps of the classical Runge-Kutta method.

    Parameters
    ----------
    second
        With second derivatives; without: local linearisation.
    begin
        Covariances to begin with; None: the states are known.
    """
    size, step = y.shape[0], h / parts
    first = (y, xp.zeros((size, size, y.shape[1]), dtype=y.dtype) if begin is None else begin)

    def stage(carried: Any, place: Any) -> Any:
        state, found, slope = carried
        part, at, share, first = place
        time = t + (part + at) * step
        inner = _moved(state, slope, at * step)
        slope = _slope(around(time, inner[0]), inner[1], xp, second=second)
        found = _moved(found, slope, share * step)
        last = first > 0
        if xp.__name__ == "numpy":
            return (found, found, slope) if last else (state, found, slope)
        state = tuple(xp.where(last, a, b) for a, b in zip(found, state, strict=True))
        return state, found, slope

    places = [
        (float(k), at, share, float(j == 3))
        for k in range(parts)
        for j, (at, share) in enumerate(zip(_AT, _SHARE, strict=True))
    ]
    zero = (xp.zeros_like(first[0]), xp.zeros_like(first[1]))
    carried = (first, first, zero)
    if xp.__name__ == "numpy":
        for place in places:
            carried = stage(carried, place)
        return carried[0]
    import jax

    columns = tuple(xp.asarray(column, dtype=y.dtype) for column in zip(*places, strict=True))
    carried, _ = jax.lax.scan(lambda c, p: (stage(c, p), None), carried, columns)
    return carried[0]


def cubature_moments(
    fields: Callable[[Any, Any], tuple[Any, Any]], t: Any, h: Any, m: Any, p: Any, parts: int, xp: Any
) -> tuple[Any, Any]:
    """Mean [state] and covariance [state, state] after ``h`` of a normal distribution, whose means of drift and squared diffusion are
    taken over the points of the unscented transform (Julier and Uhlmann 2004; Sarkka 2007, IEEE Trans. Autom. Control 52, 1631):

        m' = E[a(x)]      P' = E[(x - m) a(x)^T + a(x) (x - m)^T + S(x)]

    The weight of the center is 1 - n/3 of n states (kurtosis 3 of a normal distribution), none for three states or more, whose 2n
    points are those of the cubature filter. Exact where the integrands are polynomials of third degree, with one state of fifth.

    Parameters
    ----------
    fields
        (t [n], y [state, n]) -> drift [state, n] and diffusion [state, noise, n], Ito's.
    t, h
        Begin and length, numbers.
    p
        Positive definite.
    """
    size = m.shape[0]
    whole = float(max(3, size))
    middle = 1.0 - size / whole
    weights = xp.asarray([middle] + [0.5 / whole] * (2 * size))
    unit = whole**0.5 * xp.concatenate([xp.zeros((size, 1)), xp.eye(size), -xp.eye(size)], axis=1)

    def slope(time: Any, m: Any, p: Any) -> tuple[Any, Any]:
        apart = xp.linalg.cholesky(p) @ unit
        a, b = fields(xp.reshape(time, (1,)), m[:, None] + apart)
        turned = xp.einsum("in,jn,n->ij", apart, a, weights)
        return a @ weights, turned + turned.T + squared(b, xp) @ weights

    step = h / parts
    for part in range(parts):
        begin, moved, wider, (dm, dp) = t + part * step, 0.0, 0.0, (0.0 * m, 0.0 * p)
        for at, share in zip(_AT, _SHARE, strict=True):
            dm, dp = slope(begin + at * step, m + at * step * dm, p + at * step * dp)
            moved, wider = moved + share * step * dm, wider + share * step * dp
        m, p = m + moved, p + wider
    return m, 0.5 * (p + p.T)


def taylor_moments(around: Around, t: Any, h: Any, y: Any, xp: Any) -> Moments:
    """Mean and covariance after ``h`` to its second order, from the equations at the start alone (Kessler 1997, Scand. J. Statist.
    24, 211).

        m = y + a h + (J a + 1/2 s:a'') h^2/2      P = s h + (J s + s J^T + a s' + 1/2 s:s'') h^2/2
    """
    here = around(t + 0.5 * h, y)
    a, s = here.a, here.s
    mean = xp.einsum("ikn,kn->in", here.slope, a) + 0.5 * xp.einsum("ikln,kln->in", here.bend, s)
    turned = xp.einsum("ikn,kjn->ijn", here.slope, s)
    wide = turned + xp.swapaxes(turned, 0, 1) + xp.einsum("ijkn,kn->ijn", here.s_slope, a)
    wide = wide + 0.5 * xp.einsum("ijkln,kln->ijn", here.widen, s)
    return y + a * h + 0.5 * h**2 * mean, s * h + 0.5 * h**2 * wide


def _moved(state: Moments, slope: Moments, step: Any) -> Moments:
    return state[0] + step * slope[0], state[1] + step * slope[1]


def _slope(here: Local, p: Any, xp: Any, *, second: bool) -> Moments:
    if p.shape[0] == 1:
        var = p[0, 0]
        a, s, j = here.a[0], here.s[0, 0], here.slope[0, 0]
        if second:
            a, s = a + 0.5 * var * here.bend[0, 0, 0], s + 0.5 * var * here.widen[0, 0, 0, 0]
        return a[None], (2.0 * j * var + s)[None, None]
    a, s = here.a, here.s
    if second:
        a = a + 0.5 * xp.einsum("ikln,kln->in", here.bend, p)
        s = s + 0.5 * xp.einsum("ijkln,kln->ijn", here.widen, p)
    turned = xp.einsum("ikn,kjn->ijn", here.slope, p)
    return a, turned + xp.swapaxes(turned, 0, 1) + s


def normal_density(m: Any, p: Any, y: Any, xp: Any) -> Any:
    """Logarithm of the density at ``y`` of normal distributions; NaN where a covariance is none."""
    r, size = y - m, y.shape[0]
    constant = size * xp.log(2 * xp.pi)
    if size == 1:
        return -0.5 * (r[0] ** 2 / p[0, 0] + xp.log(p[0, 0]) + constant)
    if size == 2:
        det = p[0, 0] * p[1, 1] - p[0, 1] ** 2
        square = (p[1, 1] * r[0] ** 2 - 2 * p[0, 1] * r[0] * r[1] + p[0, 0] * r[1] ** 2) / det
        return -0.5 * (square + xp.log(det) + constant) + 0.0 * xp.log(p[0, 0])
    rows: list[list[Any]] = []
    for i in range(size):
        rows.append([])
        for j in range(i):
            rows[i].append((p[i, j] - sum(rows[i][k] * rows[j][k] for k in range(j))) / rows[j][j])
        rows[i].append(xp.sqrt(p[i, i] - sum(one**2 for one in rows[i])))
    total, white = -0.5 * constant, []
    for i in range(size):
        white.append((r[i] - sum(rows[i][k] * white[k] for k in range(i))) / rows[i][i])
        total = total - 0.5 * white[i] ** 2 - xp.log(rows[i][i])
    return total


def skewed_density(m: Any, var: Any, lean: Any, y: Any, xp: Any) -> Any:
    """Density of m - c + b w + c w^2 with a standard normal w: of mean ``m``, variance ``var``, and skewness 6 c / sqrt(var) to
    first order.

    Parameters
    ----------
    lean
        c; a quarter of the standard deviation at most is taken.
    """
    most = 0.25 * xp.sqrt(var)
    c = xp.clip(lean, -most, most)
    b = xp.sqrt(var - 2.0 * c**2)
    under = b**2 + 4.0 * c * (y - m + c)
    inside = under > 1e-9 * b**2
    root = xp.sqrt(xp.where(inside, under, b**2))
    near = 2.0 * (y - m + c) / (b + root)
    density = xp.exp(-0.5 * near**2)
    flat = xp.abs(c) < 1e-6 * b
    far = -b / xp.where(flat, 1.0, c) - near
    density = density + xp.where(flat, 0.0, xp.exp(-0.5 * far**2))
    return xp.where(inside, density / (root * xp.sqrt(2.0 * xp.pi)), 0.0)


def milstein_density(a: Any, b: Any, slope: Any, h: Any, y: Any, later: Any, xp: Any) -> Any:
    """Logarithm of the density of one step of Milstein's scheme, for one state and one noise (Elerian 1998).

    Parameters
    ----------
    slope
        Derivative of the diffusion ``b`` by the state.
    """
    c = 0.5 * b * slope
    rest = later - y - a * h + c * h
    under = b**2 + 4.0 * c * rest
    inside = under > 1e-12 * b**2
    root = xp.sqrt(xp.where(inside, under, b**2))
    near = 2.0 * rest / (xp.abs(b) + root)
    flat = xp.abs(c) * xp.sqrt(h) < 1e-9 * xp.abs(b)
    far = -xp.abs(b) / xp.where(flat, 1.0, c) - near
    second = xp.where(flat, -1e300, -0.5 * far**2 / h)
    density = xp.logaddexp(-0.5 * near**2 / h, second) - xp.log(root) - 0.5 * xp.log(2 * xp.pi * h)
    return xp.where(inside, density, -1e4)
