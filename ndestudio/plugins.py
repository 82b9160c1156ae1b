"""Kinds of things that can be added to: what belongs to the program, and what installed packages bring along.

A package adds an engine, a solver, a reader, an exporter or a function through an entry point of the group
``ndestudio.engines``, ``ndestudio.solvers``, ``ndestudio.readers``, ``ndestudio.exporters`` or ``ndestudio.functions``.
One that fails to load is kept in ``failures`` with its traceback, and everything else works.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Kind = Literal["engines", "solvers", "readers", "exporters", "functions"]
KINDS: tuple[Kind, ...] = get_args(Kind)

T = TypeVar("T")


@dataclass(frozen=True)
class PlugIn:
    """Something that an installed package adds.

    Parameters
    ----------
    kind, name
        What it is and how it is called: the group and the name of the entry point.
    package
        Name and version of the distribution.
    target
        Where it is: ``module:attribute``.
    value
        The object itself; a class stands for what calling it without arguments gives.
    """

    kind: Kind
    name: str
    package: str
    target: str
    value: Any = field(compare=False, repr=False, default=None)


@dataclass(frozen=True)
class Failure:
    """A plug-in that cannot be used: the place as in ``PlugIn``, a sentence, and the traceback ("" where there is none)."""

    kind: Kind
    name: str
    package: str
    target: str
    sentence: str
    details: str = ""


class _Found:
    """What is installed; each kind is loaded when it is first asked for, once."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loaded: dict[Kind, tuple[PlugIn, ...]] = {}
        self._failures: dict[tuple[Kind, str, str], Failure] = {}

    def of(self, kind: Kind) -> tuple[PlugIn, ...]:
        with self._lock:
            if kind not in self._loaded:
                self._loaded[kind] = ()  # what a plug-in sees that asks for its own kind while it is imported
                made = [self._load(kind, point) for point in _points(kind)]
                self._loaded[kind] = tuple(one for one in made if one is not None)
            return self._loaded[kind]

    def failed(self) -> tuple[Failure, ...]:
        with self._lock:
            return tuple(self._failures.values())

    def refuse(self, plug_in: PlugIn, sentence: str) -> None:
        with self._lock:
            self._fail(plug_in.kind, plug_in.name, plug_in.package, plug_in.target, sentence)
            kept = [one for one in self._loaded.get(plug_in.kind, ()) if one is not plug_in]
            self._loaded[plug_in.kind] = tuple(kept)

    def forget(self) -> None:
        with self._lock:
            self._loaded.clear()
            self._failures.clear()

    def _load(self, kind: Kind, point: EntryPoint) -> PlugIn | None:
        package = _package(point)
        try:
            value = point.load()
            if isinstance(value, type):
                value = value()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # a plug-in is code of somebody else: whatever it does wrong (to exit, a panic of Rust, which is no Exception)
            # must not end the program
            sentence = f"it did not load ({type(error).__name__}: {error})"
            self._fail(kind, point.name, package, point.value, sentence, _traceback(error))
            return None
        return PlugIn(kind, point.name, package, point.value, value)

    def _fail(self, kind: Kind, name: str, package: str, target: str, sentence: str, details: str = "") -> None:
        self._failures[(kind, name, package)] = Failure(kind, name, package, target, sentence, details)


def entries(kind: Kind) -> tuple[PlugIn, ...]:
    """The installed plug-ins of a kind that could be loaded, in the order of their names; loaded on the first call."""
    return _FOUND.of(kind)


def failures() -> tuple[Failure, ...]:
    """The plug-ins that cannot be used, among the kinds that were asked for so far."""
    return _FOUND.failed()


def refuse(plug_in: PlugIn, sentence: str) -> None:
    """Count a plug-in that was loaded among those that cannot be used: whoever collects its kind found it unfit."""
    _FOUND.refuse(plug_in, sentence)


def forget() -> None:
    """Look at what is installed anew when it is next asked for."""
    _FOUND.forget()


class Registry(Generic[T]):
    """All things of one kind by name: those of the program in their order, then those of plug-ins.

    Parameters
    ----------
    kind
        The group of entry points that adds to it.
    noun
        What errors call one of them, such as ``"engine"``.
    own
        Those of the program in their order: name to where it is (``module:attribute``). An object is imported when it is
        asked for; a class stands for what calling it without arguments gives.
    needs
        Attributes that an object must have to be one of the kind.
    error
        Raised for an unknown name.
    """

    def __init__(
        self,
        kind: Kind,
        noun: str,
        own: Mapping[str, str],
        *,
        needs: Sequence[str] = (),
        error: Callable[[str], Exception] = ValueError,
    ) -> None:
        self.kind: Kind = kind
        self._noun = noun
        self._own = dict(own)
        self._needs = tuple(needs)
        self._error = error
        self._made: dict[str, T] = {}

    def known(self) -> tuple[str, ...]:
        """All names, in order."""
        return (*self._own, *self._added())

    def __iter__(self) -> Iterator[str]:
        return iter(self.known())

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._added()

    def title(self, name: str) -> str:
        """What a person calls it: the ``title`` of the object, its name where it has none."""
        return str(getattr(self.get(name), "title", "") or self.check(name))

    def get(self, name: str) -> T:
        """The object called ``name`` (in any case); the same one each time.

        Raises
        ------
        Exception
            The ``error`` of the registry, naming what is known and the nearest name.
        """
        name = self.check(name)
        if name not in self._own:
            return self._added()[name].value
        if name not in self._made:
            module, _, attribute = self._own[name].partition(":")
            value = getattr(import_module(module), attribute)
            self._made[name] = value() if isinstance(value, type) else value
        return self._made[name]

    def all(self) -> tuple[T, ...]:
        """All objects, in order."""
        return tuple(self.get(name) for name in self.known())

    def check(self, name: str) -> str:
        """``name`` as it is registered.

        Raises
        ------
        Exception
            As ``get`` does.
        """
        if name in self._own:
            return name
        known = self.known()
        for one in known:
            if one.lower() == name.lower():
                return one
        for failure in failures():
            if failure.kind == self.kind and failure.name.lower() == name.lower():
                raise self._error(
                    f"the {self._noun} `{name}` of {failure.package} cannot be used: {failure.sentence}; "
                    "`ndestudio info` says more"
                )
        import difflib

        near = difflib.get_close_matches(name.lower(), [one.lower() for one in known], n=1)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        raise self._error(f"there is no {self._noun} `{name}`{hint} Known are {', '.join(known)}")

    def _added(self) -> dict[str, PlugIn]:
        """What plug-ins add, without those that are no such thing or whose name is taken."""
        found: dict[str, PlugIn] = {}
        for one in entries(self.kind):
            missing = [name for name in self._needs if not _has(one.value, name)]
            if one.name in self._own or one.name in found:
                owner = found[one.name].package if one.name in found else "NDE Studio"
                refuse(one, f"its name is taken: {owner} has the {self._noun} `{one.name}`")
            elif missing:
                refuse(one, f"it is no {self._noun}: it has no `{'`, `'.join(missing)}`")
            else:
                found[one.name] = one
        return found


def _has(value: object, name: str) -> bool:
    """Whether ``value`` has the attribute; one that cannot be read is none."""
    try:
        return hasattr(value, name)
    except Exception:
        return False


def _points(kind: Kind) -> list[EntryPoint]:
    from importlib.metadata import entry_points  # not at the top: it is a quarter of the time of `ndestudio --version`

    points = entry_points(group=f"ndestudio.{kind}")
    return sorted(points, key=lambda point: (point.name, _package(point)))


def _traceback(error: BaseException) -> str:
    """From where the code of the package begins; what lies above is the same for all."""
    step = error.__traceback__
    while step is not None and (
        step.tb_frame.f_code.co_filename == __file__ or "importlib" in step.tb_frame.f_code.co_filename
    ):
        step = step.tb_next
    return "".join(traceback.format_exception(type(error), error, step))


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"


_FOUND = _Found()
