"""What engines are told of the laws: nothing, or their linear part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.discovery.equal_forms import decimal
from benchmarks.discovery.system import DiscoverySystem
from benchmarks.symbolic.problem import OPERATORS
from ndestudio.distil.forms import REFUSED
from ndestudio.expression import Expr, fold, from_sympy, to_sympy, to_text

VARIANTS = ("nothing", "linear")


@dataclass(frozen=True)
class Question:
    """What is known and what is sought of a system.

    Parameters
    ----------
    known
        State -> known part of its law, with numbers.
    sought
        State -> what is to be found; a state whose law is known whole is not in it.
    arguments
        Of what is sought.
    operators
        Building blocks, those of the field.
    """

    system: DiscoverySystem
    known: Mapping[str, Expr]
    sought: Mapping[str, Expr]
    arguments: tuple[str, ...]
    operators: tuple[str, ...]

    def spec(self, seed: int, seconds: float | None) -> str:
        """The spec of a person who writes so many networks in their equations."""
        lines = []
        for state in self.system.states:
            parts = [to_text(self.known[state])] if state in self.known else []
            parts += [f"{term(state)}({', '.join(self.arguments)})"] if state in self.sought else []
            lines.append(f"d({state})/dt = {' + '.join(parts)}")
        text = ['[data]\nfiles = ["data.csv"]\ntime = "time"\ntrajectory = "run"']
        if self.system.inputs:
            text.append(f"inputs = {list(self.system.inputs)}".replace("'", '"'))
        text.append('[model]\nequations = """\n' + "\n".join(lines) + '\n"""')
        text += [f"[model.networks.{term(state)}]" for state in self.sought]
        text.append(f"[train]\nseed = {seed}\n[distil]\nseed = {seed}")
        text.append(f"operators = {list(self.operators)}".replace("'", '"'))
        if seconds is not None:
            text.append(f"seconds = {seconds}")
        return "\n".join(text) + "\n"

    def whole(self, found: Mapping[str, str]) -> dict[str, str]:
        """The whole laws: what is known and what was found, each as text."""
        laws = {}
        for state in self.system.states:
            parts = [f"({to_text(self.known[state])})"] if state in self.known else []
            parts += [f"({found[state]})"] if state in self.sought and state in found else []
            if state in self.sought and state not in found:
                continue
            laws[state] = " + ".join(parts) or "0"
        return laws


def term(state: str) -> str:
    """The name of the neural term in the equation of a state."""
    return f"law_{state}"


def question(system: DiscoverySystem, variant: str) -> Question | None:
    """What is asked; None where the variant asks the same as another: no linear part, or nothing but it."""
    laws = {state: fold(law) for state, law in system.expressions.items()}
    operators = OPERATORS["mechanics" if system.group == "chaos" else system.group]
    if variant == "nothing":
        return Question(system, {}, laws, system.arguments, operators)
    known, sought = {}, {}
    for state, law in laws.items():
        linear, rest = _divided(law, system.states)
        if linear is not None:
            known[state] = linear
        if rest is not None:
            sought[state] = rest
    if not known or not sought:
        return None
    return Question(system, known, sought, system.arguments, operators)


def _divided(law: Expr, states: tuple[str, ...]) -> tuple[Expr | None, Expr | None]:
    """The terms of ``law`` that are a number times a state, and the rest."""
    import sympy

    try:
        expanded = sympy.expand(sympy.nsimplify(to_sympy(law), rational=True))
        linear, rest = [], []
        for one in sympy.Add.make_args(expanded):
            factor, state = one.as_coeff_Mul()
            (linear if factor.is_number and str(state) in states else rest).append(one)
        parts = [from_sympy(sympy.Add(*some)) if some else None for some in (linear, rest)]
    except REFUSED:
        return None, law
    linear_part, other = (fold(decimal(one)) if one is not None else None for one in parts)
    return linear_part, (law if linear_part is None else other)
