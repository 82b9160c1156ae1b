"""Named sets of building blocks with what each operator costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndestudio.errors import SettingError
from ndestudio.expression.functions import BUILT_IN, searchable

OPERATORS: tuple[str, ...] = ("+", "-", "*", "/", "^", "neg", *searchable(), "square", "cube", "inv")
"""Every operator an engine knows by these names."""


def _functions(preset: str) -> dict[str, int]:
    """Functions of a preset and their complexities there."""
    return {name: BUILT_IN[name].presets[preset] for name in searchable() if preset in BUILT_IN[name].presets}


@dataclass(frozen=True)
class Preset:
    """A set of operators for a kind of model.

    Parameters
    ----------
    title
        A few words for a menu;.
    hint
        When to take it.
    operators
        Building blocks.
    complexity
        Operator -> complexity where it differs from 1.
    """

    name: str
    title: str
    hint: str
    operators: tuple[str, ...]
    complexity: Mapping[str, int] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "polynomial",
            "Polynomials",
            "mass action, bilinear interactions, weakly nonlinear oscillators",
            ("+", "-", "*"),
        ),
        Preset(
            "rational",
            "Rational functions",
            "saturation, Michaelis-Menten and Holling terms, Hill functions; the default",
            ("+", "-", "*", "/"),
        ),
        Preset(
            "trigonometric",
            "Trigonometric",
            "pendulums, phases, periodic forcing",
            ("+", "-", "*", "/", *_functions("trigonometric")),
            _functions("trigonometric"),
        ),
        Preset(
            "kinetics",
            "Kinetics",
            "Arrhenius and other exponential laws, logarithms, square-root outflow, saturation",
            ("+", "-", "*", "/", *_functions("kinetics")),
            _functions("kinetics"),
        ),
    )
}
"""Preset name -> preset, in the order of a menu."""


def resolve_operators(
    operators: str | tuple[str, ...] | list[str], complexity: Mapping[str, int] | None = None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Building blocks and their complexities from a preset name or a list.

    Parameters
    ----------
    operators
        A preset name, one operator, or a list in which both may stand.
    complexity
        Operator -> complexity, over the preset's own.

    Returns
    -------
    tuple[tuple[str, ...], dict[str, int]]
        Operators without repeats, in order, and the complexities that differ from 1.

    Raises
    ------
    SettingError
        For a name that is neither, with the nearest known one.
    """
    wanted = (operators,) if isinstance(operators, str) else tuple(operators)
    if not wanted:
        raise SettingError("no operators are given; name a preset such as `rational` or a list such as `+ - * /`")
    found: dict[str, None] = {}
    costs: dict[str, int] = {}
    for name in wanted:
        if name in PRESETS:
            found.update(dict.fromkeys(PRESETS[name].operators))
            costs.update(PRESETS[name].complexity)
        elif _canonical(name) in OPERATORS:
            found.setdefault(_canonical(name))
        else:
            raise SettingError(_unknown(name))
    for name, cost in (complexity or {}).items():
        if name not in ("constant", "variable") and _canonical(name) not in OPERATORS:
            raise SettingError(_unknown(name))
        if cost < 1:
            raise SettingError(f"the complexity of `{name}` is {cost}; it must be 1 or more")
        costs[_canonical(name)] = cost
    return tuple(found), {name: cost for name, cost in costs.items() if cost != 1}


def _canonical(name: str) -> str:
    return {"**": "^", "pow": "^", "add": "+", "sub": "-", "mul": "*", "div": "/"}.get(
        name, next((known for known in searchable() if name in BUILT_IN[known].aliases), name)
    )


def _unknown(name: str) -> str:
    import difflib

    known = (*OPERATORS, *PRESETS)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return f"unknown operator `{name}`{hint} Known are {' '.join(OPERATORS)} and the presets {', '.join(PRESETS)}"
