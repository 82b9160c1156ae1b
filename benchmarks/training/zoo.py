"""Systems nobody tuned for: the templates of the library and classics that people bring, each with a term to be hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.model import library


@dataclass(frozen=True)
class Known:
    """A system with its constants.

    Parameters
    ----------
    equations
        Model text; a quantity in it (`rate = ...`) can be hidden as a whole.
    values
        Of the constants.
    initial
        Of each state; starts are drawn around it.
    span
        Length of a trajectory.
    inputs
        Name -> `"steps"` or `"wave"`, of size 1 around 0, drawn for each trajectory.
    scatter
        Starts are initial * (1 +- scatter).
    decades
        Samples lie evenly in the logarithm of time, over so many decades; 0: evenly in time.
    hide
        The quantity or state whose (least linear) term is hidden; "": chosen among all.
    """

    name: str
    equations: str
    values: Mapping[str, float]
    initial: Mapping[str, float]
    span: float
    inputs: Mapping[str, str] = field(default_factory=dict)
    scatter: float = 0.5
    decades: float = 0.0
    hide: str = ""


SETTINGS: dict[str, dict[str, object]] = {
    "robertson": {"decades": 8.0, "span": 1e4, "scatter": 0.2},
    "cstr": {"scatter": 0.05, "hide": "k"},
    "lorenz": {"span": 4.0},
    "chemostat": {"hide": "mu"},
    "falling_body": {"scatter": 0.2},
    "cooling": {"scatter": 0.3},
    "duffing": {"span": 15.0},
    "driven_pendulum": {"span": 25.0},
}
"""What is different from the template: only where its own values make no experiment that anybody would do."""


def templates() -> tuple[Known, ...]:
    """The systems of the library."""
    return tuple(
        Known(
            one.name,
            one.equations,
            {name: parameter.value for name, parameter in one.parameters.items()},
            one.initial,
            **{"span": one.span, **SETTINGS.get(one.name, {})},  # type: ignore[arg-type]
        )
        for one in library.systems()
        if not one.networks
    )


CLASSICS = (
    Known(
        "saturating_sir",
        "infections = beta*S*I/(1 + a*I)\nd(S)/dt = -infections\nd(I)/dt = infections - gamma*I\nd(R)/dt = gamma*I",
        {"beta": 0.003, "a": 0.01, "gamma": 0.3},
        {"S": 800.0, "I": 5.0, "R": 0.0},
        25.0,
    ),
    Known("van_der_pol_5", "d(x)/dt = y\nd(y)/dt = mu*(1 - x^2)*y - x", {"mu": 5.0}, {"x": 2.0, "y": 0.5}, 20.0),
    Known(
        "relaxation",
        "d(x)/dt = mu*(x - x^3/3 - y)\nd(y)/dt = x/mu",
        {"mu": 10.0},
        {"x": 1.5, "y": 0.3},
        40.0,
    ),
    Known(
        "rossler",
        "d(x)/dt = -y - z\nd(y)/dt = x + a*y\nd(z)/dt = b + z*(x - c)",
        {"a": 0.2, "b": 0.2, "c": 5.7},
        {"x": 4.0, "y": 4.0, "z": 0.5},
        15.0,
    ),
    Known(
        "goodwin",
        "d(M)/dt = a/(1 + P^10) - k*M\nd(E)/dt = M - k*E\nd(P)/dt = E - k*P",
        {"a": 3.0, "k": 0.5},
        {"M": 0.5, "E": 0.7, "P": 1.0},
        40.0,
    ),
    Known(
        "selkov",
        "d(x)/dt = -x + a*y + x^2*y\nd(y)/dt = b - a*y - x^2*y",
        {"a": 0.08, "b": 0.6},
        {"x": 0.8, "y": 1.5},
        30.0,
    ),
    Known(
        "saturable_absorption",
        "d(G)/dt = -k_a*G\nd(C)/dt = k_a*G - V_max*C/(K_m + C)",
        {"k_a": 0.9, "V_max": 4.0, "K_m": 3.0},
        {"G": 30.0, "C": 1.0},
        12.0,
    ),
    Known(
        "haldane",
        "mu = mu_max*S/(K_s + S + S^2/K_i)\nd(X)/dt = mu*X - D*X\nd(S)/dt = D*(S_in - S) - mu*X/Y",
        {"mu_max": 0.8, "K_s": 0.5, "K_i": 4.0, "D": 0.15, "S_in": 10.0, "Y": 0.5},
        {"X": 0.5, "S": 8.0},
        30.0,
    ),
    Known("allee", "d(x)/dt = r*x*(x/A - 1)*(1 - x/K)", {"r": 0.4, "A": 2.0, "K": 10.0}, {"x": 3.0}, 12.0, scatter=0.6),
    Known(
        "pendulum_drag",
        "d(q)/dt = w\nd(w)/dt = -9.81*sin(q) - c*abs(w)*w",
        {"c": 0.25},
        {"q": 1.8, "w": 0.5},
        8.0,
        hide="w",
    ),
    Known(
        "cart",
        "d(x)/dt = v\nd(v)/dt = F - k*x - c*tanh(v/0.1)",
        {"k": 1.0, "c": 0.4},
        {"x": 1.0, "v": 0.3},
        15.0,
        {"F": "wave"},
    ),
    Known(
        "valve_tank",
        "d(h)/dt = (q_in*(1 + 0.5*valve) - a*sqrt(h))/A",
        {"q_in": 2.0, "a": 1.0, "A": 2.0},
        {"h": 3.0},
        30.0,
        {"valve": "steps"},
    ),
    Known(
        "fermentation",
        "growth = mu*S/(K + S)*(1 - P/P_m)*X\nd(X)/dt = growth\nd(S)/dt = -growth/Y\nd(P)/dt = a*growth + b*X",
        {"mu": 0.45, "K": 1.5, "P_m": 60.0, "Y": 0.3, "a": 1.5, "b": 0.05},
        {"X": 0.5, "S": 60.0, "P": 0.5},
        16.0,
        scatter=0.3,
        hide="growth",
    ),
    Known(
        "holling",
        "d(x)/dt = r*x*(1 - x/K) - a*x/(1 + a*h*x)*y\nd(y)/dt = e*a*x/(1 + a*h*x)*y - m*y",
        {"r": 1.0, "K": 8.0, "a": 1.2, "h": 0.5, "e": 0.6, "m": 0.5},
        {"x": 2.0, "y": 1.0},
        25.0,
    ),
    Known(
        "morris_lecar",
        "m = 0.5*(1 + tanh((V + 1.2)/18))\n"
        "d(V)/dt = (I - 4.4*m*(V - 120) - 8*w*(V + 84) - 2*(V + 60))/20\n"
        "d(w)/dt = 0.04*(0.5*(1 + tanh((V - 2)/30)) - w)*(exp((V - 2)/60) + exp((2 - V)/60))/2",
        {"I": 90.0},
        {"V": -30.0, "w": 0.1},
        150.0,
        hide="m",
    ),
    Known(
        "toggle",
        "d(u)/dt = a/(1 + v^n) - u\nd(v)/dt = a/(1 + u^n) - v",
        {"a": 4.0, "n": 2.5},
        {"u": 1.5, "v": 1.4},
        8.0,
        scatter=0.9,
    ),
    Known(
        "heated_room",
        "d(T)/dt = (P*(1 + heat) - loss*(T - 5) - s*(T/50)^4)/C",
        {"P": 30.0, "loss": 1.2, "s": 50.0, "C": 20.0},
        {"T": 18.0},
        100.0,
        {"heat": "steps"},
        scatter=0.2,
    ),
    Known(
        "oregonator",
        "d(x)/dt = (q*y - x*y + x*(1 - x))/e\nd(y)/dt = (-q*y - x*y + f*z)/d\nd(z)/dt = x - z",
        {"q": 0.002, "e": 0.04, "d": 0.0004, "f": 0.8},
        {"x": 0.4, "y": 0.2, "z": 0.3},
        15.0,
    ),
)


def systems() -> tuple[Known, ...]:
    """All of them."""
    return (*templates(), *CLASSICS)
