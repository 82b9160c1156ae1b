"""A model as tables for the interpreter in `native/`: programs of simple operations on numbered registers.

Registers are constants, the time, what is given to an event, states, inputs, parameters, and one for each operation. The order
of everything in the file is that in which `native/model.c` reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import pi

import numpy as np

from ndestudio.errors import ExportError
from ndestudio.export.content import Content
from ndestudio.export.event_parts import changed, program_kind, times_of
from ndestudio.export.networks import RAW, ExportedNetwork, exported
from ndestudio.export.paths import InputTable
from ndestudio.expression.functions import find
from ndestudio.expression.functions.defined import definition
from ndestudio.expression.tree import Binary, Call, Expr, Name, Negate, Number
from ndestudio.model.events import GIVEN

VERSION = 1
MAGIC = b"NDEMODEL"
OPERATIONS = (
    "+", "-", "*", "/", "^", "negate", "exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "log10", "atan2", "erf",
    "abs", "min", "max", "sign", "heaviside", "floor", "sigmoid", "softplus", "hill", "<", "<=", ">", ">=", "==", "and", "or",
    "not", "if", "network",
)  # fmt: skip
"""In the order of `native/nde.h`."""
_CODE = {name: number for number, name in enumerate(OPERATIONS)}
ACTIVATIONS = ("tanh", "softplus", "gelu", "swish", "sin")
KINDS = ("at", "every", "dose", "when")
_FREE = -1


@dataclass(frozen=True)
class Program:
    """Operations from ``start`` on, and the registers of what they compute."""

    start: int
    count: int
    results: tuple[int, ...]


class Assembler:
    """Turns formulas into operations; what is computed once in a program is computed once."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.networks: dict[str, tuple[int, ExportedNetwork]] = {
            name: (k, exported(network)) for k, (name, network) in enumerate(content.networks.items())
        }
        self.constants: dict[bytes, int] = {}
        self.numbers: list[float] = []
        self.code: list[list[int]] = []
        self.arguments: list[int] = []
        self.programs: list[Program] = []
        self.deepest = 0
        named = ("t", GIVEN, *(one.name for one in (*content.states, *content.inputs, *content.parameters)))
        # registers of what is named and computed are counted from 0, those of constants go before them at the end
        self.named = {name: k for k, name in enumerate(named)}
        self._seen: dict[tuple[int, ...], int] = {}

    def program(self, expressions: Iterable[Expr]) -> int:
        """Number of a new program that computes ``expressions``."""
        start, self._seen = len(self.code), {}
        found = tuple(self._place(expr, self.named) for expr in expressions)
        count = len(self.code) - start
        self.deepest = max(self.deepest, count)
        self.programs.append(Program(start, count, found))
        return len(self.programs) - 1

    def constant(self, value: float) -> int:
        """Register of a number: counted downward from -1."""
        key = struct.pack("<d", value)
        if key not in self.constants:
            if not np.isfinite(value):
                raise ExportError(f"the model holds the number {value}, which cannot be written; train it again")
            self.constants[key] = -1 - len(self.numbers)
            self.numbers.append(value)
        return self.constants[key]

    def _place(self, expr: Expr, names: Mapping[str, int]) -> int:
        match expr:
            case Number(value):
                return self.constant(float(value))
            case Name("pi"):
                return self.constant(pi)
            case Name(name):
                if name not in names:
                    raise ExportError(f"`{name}` has no value in the model; write the equations anew")
                return names[name]
            case Negate(Number(value)):
                return self.constant(-float(value))
            case Negate(operand):
                return self._operation("negate", self._place(operand, names))
            case Binary("^", base, exponent):
                return self._power(self._place(base, names), exponent, names)
            case Binary(operator, left, right):
                return self._operation(operator, self._place(left, names), self._place(right, names))
            case Call(function, arguments):
                return self._call(function, arguments, names)
        raise ExportError("the equations read delayed values, which FMUs are not written with")

    def _power(self, base: int, exponent: Expr, names: Mapping[str, int]) -> int:
        match exponent:
            case Number(1.0):
                return base
            case Number(2.0):
                return self._operation("*", base, base)
            case Number(3.0):
                return self._operation("*", self._operation("*", base, base), base)
            case Number(0.5):
                return self._operation("sqrt", base)
        return self._operation("^", base, self._place(exponent, names))

    def _call(self, function: str, arguments: tuple[Expr, ...], names: Mapping[str, int]) -> int:
        if function in self.networks:
            return self._network(function, [self._place(one, names) for one in arguments])
        known = find(function, tuple(self.networks))
        if known is not None and known.rewrite is not None and known.kinds(len(arguments)) is not None:
            return self._place(definition(known, arguments), names)
        if function in _CODE:
            return self._operation(function, *(self._place(one, names) for one in arguments))
        if known is None or not known.definition:
            raise ExportError(f"`{function}` is no function that FMUs are written with; write it out by simpler ones")
        return self._place(definition(known, arguments), names)

    def _network(self, name: str, places: Sequence[int]) -> int:
        number, form = self.networks[name]
        given = dict(zip(form.arguments, places, strict=True))
        entering = [
            self._operation(
                "/",
                self._operation("-", self._place(one, given), self.constant(float(center))),
                self.constant(float(scale)),
            )
            for one, center, scale in zip(form.inputs, form.center, form.scale, strict=True)
        ]
        key = (_CODE["network"], number, *entering)
        if key not in self._seen:
            self._seen[key] = self._new(_CODE["network"], number, len(self.arguments))
            self.arguments += entering
        return self._place(form.output, {**given, RAW: self._seen[key]})

    def _operation(self, name: str, *places: int) -> int:
        key = (_CODE[name], *places)
        if key not in self._seen:
            self._seen[key] = self._new(*key)
        return self._seen[key]

    def _new(self, *words: int) -> int:
        # each operation of a program has a register of its own; programs use the same ones in turn
        start = self.programs[-1].start + self.programs[-1].count if self.programs else 0
        to = len(self.named) + len(self.code) - start
        self.code.append([words[0], to, *words[1:], *[0] * (4 - len(words))])
        return to


@dataclass(frozen=True, eq=False)
class Tables:
    """What the interpreter reads: counts and operations, and numbers."""

    ints: tuple[int, ...]
    doubles: tuple[float, ...]

    def written(self, token: str) -> bytes:
        """The file, with the identifier of the FMU in it."""
        mark = (len(token), *token.encode("ascii"))
        ints = (*self.ints[:16], *mark, *self.ints[16:])
        head = MAGIC + struct.pack("<ii", len(ints), len(self.doubles))
        return head + np.asarray(ints, "<i4").tobytes() + np.asarray(self.doubles, "<f8").tobytes()


def tables(content: Content) -> Tables:
    """All programs and numbers of a model.

    Raises
    ------
    ExportError
        It has something that the interpreter does not know.
    """
    assembler = Assembler(content)
    assembler.program(content.equations)
    assembler.program(expr for _, expr in content.outputs)
    assembler.program(event.condition for event in content.events if event.condition is not None)
    events = _events(content, assembler)
    networks, weights = _networks(assembler)
    tracks, paths = _tracks(content)
    programs, results = _laid_out(assembler)
    shift = len(assembler.numbers)
    place = lambda register: -1 - register if register < 0 else register + shift  # noqa: E731
    code = [
        word
        for op, to, a, b, c in assembler.code
        for word in (
            (op, place(to), a, b, c) if op == _CODE["network"] else (op, place(to), place(a), place(b), place(c))
        )
    ]
    ints = [VERSION, len(content.states), len(content.inputs), len(content.outputs), len(content.parameters)]
    ints += [len(content.events), len(content.conditions), len(content.tracks), shift]
    ints += [shift + len(assembler.named) + assembler.deepest, len(assembler.networks), len(assembler.programs)]
    ints += [len(assembler.code), len(results), len(assembler.arguments), int(content.stiff)]
    ints += [*programs, *map(place, results), *map(place, assembler.arguments), *code]
    ints += [*networks, *events, *content.conditions, *tracks]
    doubles = [*assembler.numbers, *content.scale, *content.tracks[0].initial, *start_inputs(content)]
    doubles += [one.value for one in content.parameters]
    return Tables(tuple(ints), tuple(map(float, [*doubles, *weights, *paths])))


def start_inputs(content: Content) -> list[float]:
    """Value of each input at the begin of the first trajectory."""
    track = content.tracks[0]
    return [_value(table, track.start) for table in track.inputs]


def _value(table: InputTable, t: float) -> float:
    piece = int(np.searchsorted(table.breaks, t, side="right")) - 1
    s = 0.0 if piece < 0 else t - float(table.breaks[piece])
    return float(sum(column[max(piece, 0)] * s**k for k, column in enumerate(table.coefficients)))


def _laid_out(assembler: Assembler) -> tuple[list[int], list[int]]:
    programs: list[int] = []
    results: list[int] = []
    for one in assembler.programs:
        programs += [one.start, one.count, len(results), len(one.results)]
        results += one.results
    return programs, results


def _events(content: Content, assembler: Assembler) -> list[int]:
    found: list[int] = []
    for event, times in times_of(content):
        new = changed(content, event)
        change = assembler.program(expr for _, expr in new)
        due = assembler.program(times)
        found += [KINDS.index(program_kind(event)), change, due, len(new), *(k for k, _ in new)]
    return found


def _networks(assembler: Assembler) -> tuple[list[int], list[float]]:
    sizes: list[int] = []
    weights: list[float] = []
    for _, form in assembler.networks.values():
        if form.activation not in ACTIVATIONS:
            raise ExportError(f"the activation `{form.activation}` is none that FMUs are written with")
        sizes += [
            len(form.layers),
            ACTIVATIONS.index(form.activation),
            len(form.inputs),
            *(len(bias) for _, bias in form.layers),
        ]
        for matrix, bias in form.layers:
            weights += [*np.asarray(matrix).T.ravel(), *bias]
    return sizes, weights


def _tracks(content: Content) -> tuple[list[int], list[float]]:
    sizes: list[int] = []
    values: list[float] = []
    for track in content.tracks:
        values += [track.start, track.stop, *track.initial]
        for table in (one.until(track.stop) for one in track.inputs):
            sizes += [len(table.breaks), len(table.coefficients)]
            values += [*table.breaks, *(number for column in table.coefficients for number in column)]
        doses = [(k, row) for k in range(len(content.events)) for row in track.doses(k)]
        sizes += [len(doses), *(k for k, _ in doses)]
        values += [number for _, row in doses for number in row]
    return sizes, values
