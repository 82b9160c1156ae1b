"""Tables beside each other, and names that stand above several columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ndestudio.data.decisions import Choice, Decision
from ndestudio.data.names import split_header
from ndestudio.data.tables.choosing import letters_of
from ndestudio.data.tables.layout import Block, Layout, RawRow


def find_blocks(layout: Layout, body: Sequence[RawRow]) -> tuple[Layout, list[Decision]]:
    """Tell tables beside each other apart: each begins with a column of the same name, a time.

    Returns
    -------
    tuple[Layout, list[Decision]]
        With ``blocks`` if all blocks have the same names; they become trajectories below each other. Blocks that
        share one time become one table.
    """
    parts = _parts(layout)
    if len(parts) < 2 and (numbered := _numbered(layout, body)) is not None:
        layout, parts = numbered, _parts(numbered)
    if len(parts) < 2:
        return _without_empty(layout), []
    times = [[row.cells[part[0]] if part[0] < len(row.cells) else "" for row in body] for part in parts]
    if all(one == times[0] for one in times):
        kept = (*parts[0], *(column for part in parts[1:] for column in part[1:]))
        return grouped_names(replace(layout, columns=kept), always=True), []
    names = _block_names(layout, parts)
    blocks = tuple(Block(name, tuple(part)) for name, part in zip(names, parts, strict=True))
    shown = ", ".join(f"`{block.name}`" for block in blocks)
    each = tuple(Choice(f"only {block.name}", {"columns": letters_of(block.columns)}) for block in blocks)
    labels = [[split_header(layout.headers[column])[0] for column in part] for part in parts]
    if all(one == labels[0] for one in labels):
        decision = Decision(
            "table",
            f"{len(blocks)} tables stand beside each other ({shown}); they were taken as trajectories.",
            choices=(Choice("each is a trajectory", {"columns": ()}), *each),
        )
        return replace(layout, blocks=blocks), [decision]
    decision = Decision(
        "table",
        f"{len(blocks)} tables with different columns and times stand beside each other ({shown})",
        choices=each,
        chosen=None,
    )
    return layout, [decision]


def grouped_names(layout: Layout, always: bool = False) -> Layout:
    """Names of groups before the names below them, where these are not unique alone (``always``: wherever there are groups)."""
    chosen = [layout.names[one] for one in layout.columns]
    if not layout.groups or not (always or len(set(chosen)) < len(chosen)):
        return layout
    names = list(layout.names)
    for one in layout.columns:
        group = layout.groups[one]
        alone = sum(layout.names[other] == layout.names[one] for other in layout.columns) == 1
        if group and not alone:
            names[one] = f"{group} {names[one]}".strip()
    return replace(layout, names=tuple(names))


def _parts(layout: Layout) -> list[list[int]]:
    """Columns of each block; one part if there are no blocks."""
    used = [one for one in range(layout.width) if layout.names[one] or layout.kinds[one]]
    named = [one for one in used if layout.names[one]]
    if not named:
        return [used]
    first = layout.names[named[0]]
    # `T` and `t` are different quantities, as `Time` and `time` are not
    starts = [one for one in named if _same(layout.names[one], first)]
    if len(starts) < 2 or starts[0] != used[0] or layout.kinds[starts[0]] == "t":
        return [used]
    bounds = [*starts, layout.width]
    parts = [[one for one in used if start <= one < stop] for start, stop in pairwise(bounds)]
    return parts if all(len(part) > 1 for part in parts) else [used]


def _same(name: str, other: str) -> bool:
    return name == other or (min(len(name), len(other)) > 1 and name.lower() == other.lower())


_NUMBERED_TIME = re.compile(r"(?:.*[\s_])?(?:time|zeit|temps|t|x)[\s_]*#.*|.*#[\s_]*(?:time|t|x)(?:\W.*)?\Z")


def _numbered(layout: Layout, body: Sequence[RawRow]) -> Layout | None:
    """The layout of blocks whose names are numbered (`Time1, Data1, Time2, Data2`), with the numbers as names of groups.

    None if there are none, or if the blocks share one time.
    """
    found = [re.search(r"\d+", name) for name in layout.names]
    forms = [re.sub(r"\d+", "#", name, count=1).lower() for name in layout.names]
    starts = [place for place, form in enumerate(forms) if form == forms[0]]
    size = starts[1] if len(starts) > 1 else 0
    if layout.groups or not size or size * len(starts) != len(forms) or not _NUMBERED_TIME.match(forms[0]):
        return None
    if size < 2 or any(forms[place] != forms[place % size] for place in range(len(forms))):
        return None
    numbers = [match[0] if match else "" for match in found]
    if any(numbers[place] != numbers[place - place % size] for place in range(len(forms))):
        return None
    times = [[row.cells[start] if start < len(row.cells) else "" for row in body] for start in starts]
    if all(one == times[0] for one in times):
        return None
    names = tuple(re.sub(r"[\s_]*\d+[\s_]*", " ", name, count=1).strip() for name in layout.names)
    return replace(layout, names=names, groups=tuple(numbers))


def _without_empty(layout: Layout) -> Layout:
    """Without columns that have neither a name nor a cell."""
    kept = tuple(one for one in layout.columns if layout.names[one] or layout.kinds[one])
    return replace(layout, columns=kept) if kept and any(layout.names) else layout


def _block_names(layout: Layout, parts: Sequence[Sequence[int]]) -> list[str]:
    names = [next((layout.groups[one] for one in part if layout.groups and layout.groups[one]), "") for part in parts]
    if all(names) and len(set(names)) == len(names):
        return names
    return [str(number) for number in range(1, len(parts) + 1)]
