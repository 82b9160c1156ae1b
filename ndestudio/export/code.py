"""What the writers of program text share: comments, strings, and the tables of numbers a program carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.export.content import Content, Quantity, plain
from ndestudio.export.printer import exact
from ndestudio.expression.numeric import number_of
from ndestudio.expression.text import to_text
from ndestudio.expression.tree import Expr, Name, walk
from ndestudio.model.events import GIVEN, text_of
from ndestudio.model.steps import left_side, next_value

WIDTH = 110
"""Longest line of generated code where it can be helped."""


def header(content: Content, mapping: Mapping[str, str]) -> list[str]:
    """What every artefact says first: title, equations, replaced neural terms, origin, notes, renamed quantities."""
    lines = [content.title, ""]
    lines += _equations(content)
    lines += [text_of(event) for event in content.events]
    unknowns = {one.name for one in content.algebraic}
    lines += [f"0 = {to_text(one.residual)} for {one.name} from {to_text(one.start)}" for one in content.algebraic]
    lines += [f"{q.name} = {to_text(expr)}" for q, expr in content.outputs if q.name not in unknowns]
    if content.formulas:
        lines += ["", "Found by symbolic regression:"]
        lines += [
            f"{name}({', '.join(arguments)}) = {to_text(body)}" for name, (arguments, body) in content.formulas.items()
        ]
    for name, network in content.networks.items():
        lines += ["", f"{name}({', '.join(network.arguments)}) is a neural network; its weights are below."]
    lines += ["", *content.origin.sentences()]
    lines += content.notes
    renamed = [f"{name} is called {new} here" for name, new in mapping.items() if name not in (new, GIVEN)]
    if renamed:
        lines += ["", "Names this language does not allow, or uses itself: " + "; ".join(renamed) + "."]
    return [plain(line) for line in lines]


def _equations(content: Content) -> list[str]:
    named = zip(content.states, content.equations, content.spread, strict=True)
    if not content.noises:
        step = content.step
        return [f"{left_side(q.name, step)} = {to_text(next_value(rhs, q.name, step))}" for q, rhs, _ in named]
    lines = []
    for quantity, drift, row in named:
        terms = [
            f"({to_text(term)}) d{wiener(name)}"
            for name, term in zip(content.noises, row, strict=True)
            if number_of(term) != 0.0
        ]
        lines.append(" + ".join([f"d{quantity.name} = ({to_text(drift)}) dt", *terms]))
    return [
        *lines,
        f"Wiener processes {', '.join(map(wiener, content.noises))} are independent; equations are meant in the sense of {content.sense}.",
    ]


def wiener(noise: str) -> str:
    """Name of the Wiener process whose rate a noise is."""
    return f"W{noise.removeprefix('noise')}"


def commented(lines: Iterable[str], mark: str) -> list[str]:
    """``lines`` as comment lines."""
    return [f"{mark} {line}".rstrip() for line in lines]


def remark(*parts: str) -> str:
    """Parts of a trailing comment (unit, note), empty ones left out."""
    return "; ".join(plain(part) for part in parts if part)


def unit_text(unit: str) -> str:
    return f"[{plain(unit)}]" if unit else ""


def unit_remark(quantity: Quantity, mark: str) -> str:
    """The unit of ``quantity`` as a trailing comment begun by ``mark``, "" where it has none."""
    unit = unit_text(quantity.unit)
    return f"{mark}{unit}" if unit else ""


def csv_field(text: str) -> str:
    """``text`` as a field of a CSV file."""
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',"\n') else text


def wrapped(items: Sequence[str], indent: str, width: int = WIDTH) -> list[str]:
    """Items joined by commas over as many lines as they need; the last one has no comma."""
    lines: list[str] = []
    line = ""
    for index, item in enumerate(items):
        piece = item + ("," if index < len(items) - 1 else "")
        if line and len(indent) + len(line) + 1 + len(piece) > width:
            lines.append(indent + line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    if line:
        lines.append(indent + line)
    return lines


def number_text(value: float) -> str:
    """A finite number as all the languages here read it."""
    if not np.isfinite(value):
        from ndestudio.errors import ExportError

        raise ExportError(f"the model holds the number {value}, which cannot be written; train it again")
    return exact(value)


def number_list(values: Float[np.ndarray, "..."] | Sequence[float]) -> list[str]:
    return [number_text(value) for value in np.asarray(values, dtype=float).ravel()]


def used_in(expressions: Iterable[Expr], names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that occur in ``expressions``, in their given order."""
    found = {node.name for expr in expressions for node in walk(expr) if isinstance(node, Name)}
    return tuple(name for name in names if name in found)


def places(
    content: Content,
    expressions: Iterable[Expr],
    *,
    element: str,
    parameter: Callable[[int, Quantity], str],
    first: int,
) -> list[tuple[Quantity, str]]:
    """The quantities that ``expressions`` use, each with the place where a function finds its value.

    Parameters
    ----------
    element
        Of an array, with its name and its index to be filled in, such as `{0}[{1}]`.
    parameter
        Place of a parameter by its number (from ``first`` on).
    first
        Index of the first element in the language.
    """
    found = set(used_in(tuple(expressions), content.names))
    listed = [(quantity, element.format("state", k)) for k, quantity in enumerate(content.states, first)]
    listed += [(quantity, element.format("forcing", k)) for k, quantity in enumerate(content.inputs, first)]
    listed += [(quantity, parameter(k, quantity)) for k, quantity in enumerate(content.parameters, first)]
    return [(quantity, place) for quantity, place in listed if quantity.name in found]


def filled(template: str, **pieces: str) -> str:
    """``template`` with each `@NAME@` replaced by its piece, in one pass: a piece that holds `@NAME@` stays as it is."""
    return re.sub(r"@([A-Z_]+)@", lambda match: pieces.get(match[1], match[0]), template)
