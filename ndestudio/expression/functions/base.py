"""What is known of a function of the equation language: everything, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ArrayValue: TypeAlias = Callable[..., Any]
"""`(xp, *arrays) -> array`, with `xp` numpy or jax.numpy."""
ScalarValue: TypeAlias = Callable[..., float]
"""Of floats; where it raises ArithmeticError or ValueError the value for arrays stands."""

Units = Literal["pure", "same", "root", "alike", "any", "hill", "choice", "logic", "unknown"]
"""Rule of the units: `pure` of pure numbers; `same` alike, and so is the value; `root` the square root; `alike` of each other,
value pure; `any`, value pure; `hill` the first two alike, the third pure; `choice` the branches alike, and so is the value;
`logic` conditions; `unknown` any, and nothing is known of the value."""

LANGUAGES = ("python", "jax", "julia", "matlab", "c", "sympy")


@dataclass(frozen=True)
class Code:
    """How a function is written in one language.

    Parameters
    ----------
    text : str
        A name that is called with the arguments, or a pattern with `{0}`, `{1}`, ...; "" writes out the definition.
    helper : str
        Program text that defines what ``text`` calls and the language does not have; its name is that of ``text``.
    needs : str
        A line that imports what ``text`` calls.
    """

    text: str
    helper: str = ""
    needs: str = ""

    @property
    def pattern(self) -> bool:
        return "{" in self.text


@dataclass(frozen=True)
class Function:
    """A function, comparison or connective of the equation language.

    Parameters
    ----------
    name : str
        In equations; comparisons are called by their sign.
    arguments : tuple of str
        Formal names, used by ``derivative`` and ``definition``.
    meaning : str
        A sentence for a person, with the convention where there is a choice.
    array : str or callable
        Name in numpy and jax.numpy, or `(xp, *arrays) -> array`.
    scalar : callable
        Of floats.
    derivative : tuple of str
        By each argument, as formulas in the formal names; empty for a choice or a condition, which have none of their own.
    latex : str or callable
        A command that is followed by the arguments in brackets, a pattern with `#1`, `#2`, ..., or a function of the
        arguments' LaTeX; "" writes out the definition.
    sympy : str or callable
        Name in SymPy or `(sympy, *arguments) -> expression`; "" writes out the definition.
    definition : str
        The same as a formula of simpler functions, where there is one.
    code : mapping of str to (Code or str)
        Language -> how it is written there, where that is not its own name (`np.` and `jnp.` before that of ``array``).
    takes, gives : str
        `n` for a number, `c` for a condition, one letter for each argument; of the value.
    units : str
        Rule of the units.
    complexity : int
        What a formula that uses it costs in a search, where nothing else is said.
    search : bool
        Whether the engines know it as a building block.
    presets : mapping of str to int
        Set of building blocks that it belongs to -> its complexity there.
    reserved : bool
        Whether its name can name nothing else. Only those of the first version are; a network, a parameter or a column
        may have the name of any other, and then it has the older meaning.
    power_before : bool
        Whether its square is written as in sin²(x).
    aliases : tuple of str
        Names by which people look for it; they are answered with a hint.
    domain : str
        Where it is a real number, if not everywhere.
    rewrite : callable, optional
        `arguments -> expression` of simpler functions, where the number of arguments varies.
    kinks : tuple of float
        Values of its first argument (of the difference of the first two, where there are several) at which it has no derivative.
    any_count : bool
        It takes as many arguments as it is given, all numbers.
    partial : callable, optional
        `(place, arguments) -> expression` of its derivative, where that is no text.
    """

    name: str
    arguments: tuple[str, ...]
    meaning: str
    array: str | ArrayValue
    scalar: ScalarValue
    derivative: tuple[str, ...] = ()
    latex: str | Callable[[Sequence[str]], str] = ""
    sympy: str | Callable[..., Any] = ""
    definition: str = ""
    code: Mapping[str, Code | str] = field(default_factory=dict)
    takes: str = ""
    gives: str = "n"
    units: Units = "pure"
    complexity: int = 1
    search: bool = False
    presets: Mapping[str, int] = field(default_factory=dict)
    reserved: bool = False
    power_before: bool = False
    aliases: tuple[str, ...] = ()
    domain: str = ""
    rewrite: Callable[[tuple[Any, ...]], Any] | None = None
    kinks: tuple[float, ...] = ()
    any_count: bool = False
    partial: Callable[[int, tuple[Any, ...]], Any] | None = None

    @property
    def word(self) -> bool:
        """Whether it is called by a name, as opposed to a sign or a connective between conditions."""
        return self.name.isidentifier() and self.units != "logic"

    def kinds(self, count: int) -> str | None:
        """What ``count`` arguments must be, a letter for each (see ``takes``); None if it does not take so many."""
        if self.rewrite is not None:
            return "nc" * (count // 2) + "n" if count >= 3 and count % 2 else None
        if self.any_count:
            return "n" * count
        return (self.takes or "n" * len(self.arguments)) if count == len(self.arguments) else None

    def numpy(self) -> Callable[..., Any]:
        """The function of NumPy arrays."""
        import functools

        import numpy

        if isinstance(self.array, str):
            return getattr(numpy, self.array)
        return functools.partial(self.array, numpy)

    def value(self, xp: Any, arguments: Sequence[Any]) -> Any:
        """Value on arrays of ``xp``, numpy or jax.numpy."""
        return getattr(xp, self.array)(*arguments) if isinstance(self.array, str) else self.array(xp, *arguments)

    def written(self, language: str) -> Code:
        """How it is written in one of ``LANGUAGES``."""
        given = self.code.get(language)
        if given is not None:
            return given if isinstance(given, Code) else Code(given)
        if language in ("python", "jax") and isinstance(self.array, str):
            return Code(f"{'np' if language == 'python' else 'jnp'}.{self.array}")
        if language == "sympy":
            return Code(self.sympy if isinstance(self.sympy, str) else self.name)
        return Code(self.name)

    def signature(self) -> str:
        """`hill(x, K, n)`, `a < b`."""
        if self.word:
            return f"{self.name}({', '.join(self.arguments)})"
        return f" {self.name} ".join(self.arguments) if len(self.arguments) == 2 else f"{self.name} {self.arguments[0]}"
