"""Which of the tables of a file of arrays is read: one, or several that are runs of one experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ndestudio.data.decisions import Choice, Decision, question
from ndestudio.data.names import suggestion
from ndestudio.data.readers.blocks import Block, blocks_of
from ndestudio.data.readers.frames import as_text
from ndestudio.data.readers.nodes import Group, Variable, canonical, walk
from ndestudio.data.readers.orientation import Orientation
from ndestudio.errors import DataError

_MOST = 12
"""So many tables are offered as answers; the rest is there by name."""
_NAMES = (
    "name",
    "label",
    "title",
    "id",
    "run",
    "trial",
    "experiment",
    "condition",
    "sample",
    "subject",
    "strain",
    "key",
)
"""Single values that name a run, best first."""
_TELLING = ("eq_description", "description", "eq", "name", "label", "title", "id")
"""Single values that tell a person what a table is."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """What is read.

    Parameters
    ----------
    blocks
        Tables with the same columns, one below the other.
    names
        Of the trajectories that they are; empty for a single table.
    choices
        What `key` can name.
    named_by
        Single value beside each table that names it, "" if their groups do.
    problems
        A question, where nothing says which table is meant.
    """

    blocks: tuple[Block, ...]
    names: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    problems: tuple[DataError, ...] = ()
    notes: tuple[str, ...] = ()
    named_by: str = ""


def choose(root: Group, blocks: Sequence[Block], key: str | None, orientation: Orientation, name: str) -> Chosen:
    """Choose among the tables of a file.

    Raises
    ------
    DataError
        There is nothing of the name ``key``, or no table at all.
    """
    blocks = [block for block in blocks if block.measured]
    variables = tuple(path for path, node in walk(root) if isinstance(node, Variable))
    if key is not None:
        named = [block for block in blocks if _under(block, key)]
        if not named or canonical(key) == "":
            return _single(root, blocks, key, variables, orientation, name)
        chosen = _among(named, name, key, blocks)
        return replace(chosen, choices=_paths(blocks) or variables)
    if not blocks:
        raise DataError(
            "no variable of the file is a vector or a matrix of numbers; it needs a time, and measurements of the same length",
            path=name,
        )
    timed = [block for block in blocks if block.clock is not None]
    kept = timed or blocks
    chosen = _among(kept, name, None, kept)
    aside = [block for block in blocks if block not in kept]
    notes = [f"`{'/'.join(block.path)}` has no time and is left out." for block in aside[:8]]
    return replace(chosen, choices=_paths(kept) or variables, notes=(*chosen.notes, *notes))


def _under(block: Block, key: str) -> bool:
    path, wanted = canonical("/".join(block.path)), canonical(key)
    return path == wanted or path.startswith(f"{wanted}/")


def _single(
    root: Group,
    blocks: Sequence[Block],
    key: str,
    variables: tuple[str, ...],
    orientation: Orientation,
    name: str,
) -> Chosen:
    """One variable alone, with the time that it runs along."""
    wanted = canonical(key)
    found = [path for path in variables if canonical(path) == wanted]
    found = found or [path for path in variables if path.rsplit("/", 1)[-1] == key]
    if len(found) != 1:
        known = [*_paths(blocks), *variables]
        raise DataError(f"there is no variable `{key}`{suggestion(key, known)}", path=name)
    path = found[0]
    for block in blocks:
        series = tuple(
            one for one in block.series if canonical(one.origin) == canonical(path) or one.label == block.clock
        )
        if block.clock is not None and any(one.label != block.clock for one in series):
            return Chosen((replace(block, series=series),), choices=variables)
    node = dict(walk(root))[path]
    alone = blocks_of(Group({path.rsplit("/", 1)[-1]: node}), orientation)
    if not alone:
        raise DataError(
            f"the variable `{key}` is no vector or matrix of numbers; choose another"
            + suggestion(key, [one for one in variables if one != path]),
            path=name,
        )
    return _among(alone, name, key, alone, choices=variables)


def _among(
    blocks: Sequence[Block], name: str, key: str | None, offered: Sequence[Block], choices: tuple[str, ...] = ()
) -> Chosen:
    if len(blocks) == 1:
        decisions = () if len(offered) < 2 else (_taken(blocks[0], offered, key),)
        return Chosen(tuple(blocks), choices=choices, decisions=decisions)
    alike = len({block.labels for block in blocks}) == 1
    if alike and not _systems(blocks):
        names, by = trajectory_names(blocks)
        return Chosen(tuple(blocks), names, choices, (_runs(blocks, names, key),), named_by=by)
    top = [block for block in blocks if not block.path]
    if top:
        return Chosen((top[0],), choices=choices, decisions=(_taken(top[0], blocks, key),))
    return _asked(blocks, name, choices)


def _systems(blocks: Sequence[Block]) -> bool:
    """Whether tables are of different things: lists in a list (several runs of each of several systems)."""
    different = _varying(blocks)
    return (
        len(different) > 1 and all(block.item for block in blocks) and len({b.path[different[0]] for b in blocks}) > 1
    ) or (len({block.constants.get("eq") for block in blocks}) > 1)


def _varying(blocks: Sequence[Block]) -> list[int]:
    """Levels of the paths at which not all are the same."""
    depth = max(len(block.path) for block in blocks)
    return [level for level in range(depth) if len({block.path[level : level + 1] for block in blocks}) > 1]


def _options(blocks: Sequence[Block]) -> dict[str, Block]:
    """Path that names it, or the group of runs it is in -> first table of it."""
    level = _varying(blocks)[0] if len(blocks) > 1 else 0
    found: dict[str, Block] = {}
    for block in blocks:
        found.setdefault("/".join(block.path[: level + 1]), block)
    return found


def _asked(blocks: Sequence[Block], name: str, choices: tuple[str, ...]) -> Chosen:
    options = _options(blocks)
    answers = tuple(Choice(_title(path, block), {"key": path}) for path, block in list(options.items())[:_MOST])
    more = f" ({len(options)} in all; `key` can name any)" if len(options) > _MOST else ""
    shown = ", ".join(f"`{path}`" for path in list(options)[:6]) + (", ..." if len(options) > 6 else "")
    decision = Decision(
        "table",
        f"the file holds several tables that do not belong together: {shown}{more}",
        choices=answers,
        chosen=None,
    )
    first = next(iter(options))
    preview = [block for block in blocks if "/".join(block.path).startswith(first)]
    preview = [block for block in preview if block.labels == preview[0].labels]
    names, _ = trajectory_names(preview) if len(preview) > 1 else ((), "")
    return Chosen(tuple(preview), names, choices, (decision,), (question(decision, name),))


def _title(path: str, block: Block) -> str:
    told = next((str(block.constants[key]) for key in _TELLING if block.constants.get(key)), "")
    told = told if len(told) <= 60 else told[:57] + "..."
    return f"{path}: {told}" if told else path


def _taken(block: Block, offered: Sequence[Block], key: str | None) -> Decision:
    """One of several tables was taken, as the key says or since it is the topmost."""
    others = [one for one in offered if one is not block]
    path = "/".join(block.path)
    first = Choice(f"`{path or 'the table at the top'}`", {"key": path or None})
    choices = (first, *(Choice(f"`{'/'.join(one.path)}`", {"key": "/".join(one.path)}) for one in others[: _MOST - 1]))
    what = f"`{path}`" if path else "The table at the top of the file"
    return Decision("table", f"{what} of {len(offered)} was taken.", choices=choices, chosen=0, certain=key is not None)


def _runs(blocks: Sequence[Block], names: Sequence[str], key: str | None) -> Decision:
    shown = ", ".join(f"`{one}`" for one in names[:6]) + (", ..." if len(names) > 6 else "")
    all_of_them = Choice(f"{len(blocks)} trajectories", {"key": key})
    single = tuple(
        Choice(f"only `{one}`", {"key": "/".join(block.path)})
        for one, block in list(zip(names, blocks, strict=True))[: _MOST - 1]
        if block.path
    )
    return Decision(
        "trajectory",
        f"{shown} have the same variables and were taken as {len(blocks)} trajectories.",
        choices=(all_of_them, *single),
        certain=all(block.item for block in blocks) or key is not None,
    )


def _paths(blocks: Sequence[Block]) -> tuple[str, ...]:
    return tuple("/".join(block.path) for block in blocks if block.path) if len(blocks) > 1 else ()


def trajectory_names(blocks: Sequence[Block]) -> tuple[tuple[str, ...], str]:
    """What tables that are runs are called, and the single value beside each that says it; "" if their groups do."""
    for wanted in _NAMES:
        for key in blocks[0].constants:
            given = [block.constants.get(key) for block in blocks]
            if key.lower() == wanted and None not in given and len(set(given)) == len(given):
                return tuple(as_text(one) for one in given), key
    levels = _varying(blocks)
    return tuple("/".join(block.path[level] for level in levels if level < len(block.path)) for block in blocks), ""
