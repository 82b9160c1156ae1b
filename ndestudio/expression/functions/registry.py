"""All functions by name: the built-in ones, and those of installed packages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import pairwise

from ndestudio import plugins
from ndestudio.blackbox.label import is_label
from ndestudio.expression.functions import elementary, logic, shapes, steps
from ndestudio.expression.functions.base import Function
from ndestudio.expression.functions.black_box import black_box
from ndestudio.plugins import PlugIn

GROUP = "ndestudio.functions"

# in the order in which the first version named them; menus and messages keep it
_FIRST = ("exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "abs", "min", "max")
_ENTRIES = {entry.name: entry for module in (elementary, steps, shapes, logic) for entry in module.FUNCTIONS}

BUILT_IN: Mapping[str, Function] = {
    name: _ENTRIES[name] for name in (*_FIRST, *(n for n in _ENTRIES if n not in _FIRST))
}
"""Name -> entry, of this program's own."""
RESERVED: tuple[str, ...] = tuple(name for name, entry in BUILT_IN.items() if entry.reserved)
"""Names of functions that can name nothing else."""

# the plug-ins that they are of: they are collected anew when others are installed
_added: tuple[tuple[PlugIn, ...], Mapping[str, Function]] = ((), {})


def find(name: str, neural_terms: Collection[str] = ()) -> Function | None:
    """The function called ``name``; None if there is none, or if ``neural_terms`` (declared networks) has the name."""
    if name in neural_terms:
        return None
    if is_label(name):
        return black_box(name)
    return BUILT_IN.get(name) or _from_outside().get(name)


def is_known(name: str, count: int, neural_terms: Collection[str] = ()) -> bool:
    """Whether `name` with ``count`` arguments is a call of a known function, as opposed to that of a neural term."""
    entry = find(name, neural_terms)
    return entry is not None and entry.kinds(count) is not None


def functions() -> tuple[Function, ...]:
    """All of them."""
    return (*BUILT_IN.values(), *_from_outside().values())


def words() -> tuple[str, ...]:
    """Names that are called with brackets, for completion and messages."""
    return tuple(entry.name for entry in functions() if entry.word)


def searchable(arguments: int | None = None) -> tuple[str, ...]:
    """Names that engines know as building blocks (of so many arguments)."""
    return tuple(name for name, entry in BUILT_IN.items() if entry.search and arguments in (None, len(entry.arguments)))


def _from_outside() -> Mapping[str, Function]:
    global _added
    if _added[0] is not plugins.entries("functions"):
        found = {entry.name: entry for entry in _from_plugins()}
        _added = plugins.entries("functions"), found
    return _added[1]


def _from_plugins() -> Iterator[Function]:
    """Functions of installed packages; one that is not what it must be is refused with a sentence."""
    taken = set(BUILT_IN)
    for plug_in in plugins.entries("functions"):
        try:
            entries = _checked(plug_in.value, taken)
        except (TypeError, ValueError) as error:
            plugins.refuse(plug_in, str(error))
            continue
        except Exception as error:
            # code of somebody else, such as an iterator that fails
            plugins.refuse(plug_in, f"it cannot be read ({type(error).__name__}: {error})")
            continue
        for entry in entries:
            taken.add(entry.name)
            yield entry


def _checked(loaded: object, taken: Collection[str]) -> tuple[Function, ...]:
    entries = tuple(loaded) if isinstance(loaded, Iterable) else (loaded,)
    for entry in entries:
        if not isinstance(entry, Function):
            raise TypeError(f"an entry point of `{GROUP}` must be a Function or a list of them, not {entry!r}")
        if not isinstance(entry.name, str) or not entry.word:
            raise ValueError(f"`{entry.name}` cannot be called by that name; use letters, digits and `_`")
        if entry.name in taken:
            raise ValueError(f"there is a function `{entry.name}` already; give it another name")
        if len(entry.derivative) != len(entry.arguments):
            raise ValueError(f"`{entry.name}` needs a derivative by each of its arguments")
        for formula in (*entry.derivative, entry.definition):
            _check_names(entry, formula)
        if not callable(entry.scalar) or not (isinstance(entry.array, str) or callable(entry.array)):
            raise TypeError(f"`{entry.name}` needs its value on arrays and on floats, as functions")
    return entries  # type: ignore[return-value]  # checked above


def _check_names(entry: Function, formula: str) -> None:
    """A derivative or a definition is one of the arguments alone: any other name would be looked for in the model."""
    from ndestudio.expression.tokens import scan

    tokens, _ = scan(formula)
    for token, following in pairwise(tokens):
        if token.kind == "name" and following.text != "(" and token.text not in (*entry.arguments, "pi", *BUILT_IN):
            raise ValueError(f"`{entry.name}` has no argument `{token.text}`, which stands in its formula `{formula}`")
