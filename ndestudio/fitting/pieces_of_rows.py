"""Many rows in pieces of equal size, for which one program serves: memory is bounded, cores and devices share the work.

What a gradient takes beside the data is, in bytes,

    w * 8 * rows * steps * stages * (4 * states + 3 * units + 1)

for each piece, with w pieces at a time (one for each core, at most 32; on devices one for each) and the units of all networks; ``GRADIENT_BYTES``
bounds the piece. Sums over pieces are added in the order of the rows, so that results do not depend on how many share the work.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ndestudio.fitting.batched_ensemble import BatchedEnsemble
from ndestudio.problem.structure import ProblemStructure
from ndestudio.solve.jax_backend import cores, get_jax
from ndestudio.solve.time_grid import of_rows

PIECE_BYTES = {"cpu": 3e8}
"""Memory that the sensitivities of the rows computed at once may take; on other devices:"""
LARGE_PIECE_BYTES = 4e9
GRADIENT_BYTES = {"cpu": 3e7}
"""The same of what a gradient keeps on its way forth, few enough to stay near the processor."""
GRADIENT_THREADS, JACOBIAN_THREADS = 32, 4
"""Pieces at a time on the processor, at most: 1 GB of gradients, 1.2 GB of sensitivities."""
WORTH_SHARING = 1e7
"""Bytes of work from which several devices share it."""


def pieces_of(rows: int, most: float, least: int = 1) -> int:
    """The fewest pieces of equal size, ``least`` or more of them, of at most ``most`` rows each; ``least`` gives way where rows do not
    divide."""
    fitting = [n for n in range(1, rows + 1) if rows % n == 0 and (rows // n <= most or n == rows)]
    return next((n for n in fitting if n >= least), fitting[0] if fitting else 1)


def gradient_pieces(structure: ProblemStructure, method: Any, data: tuple[Any, ...], device: Any) -> int:
    """Pieces of a simulated loss; one where rows continue each other, or seeds share the program."""
    if isinstance(device, BatchedEnsemble) or np.any(data[-1].linked):
        return 1
    rows, steps = len(data[2].step), len(data[2].h)
    row = gradient_row_bytes(structure, method, steps)
    most = GRADIENT_BYTES.get(device.platform, LARGE_PIECE_BYTES) / row
    return pieces_of(rows, most, shards(device, row * rows))


def gradient_row_bytes(structure: ProblemStructure, method: Any, steps: int) -> float:
    """What a gradient keeps of one row on its way forth."""
    units = sum(int(np.prod(bias)) for one in structure.neural_terms for _, bias in one.shapes)
    stages = len(getattr(method, "b", (0.0,)))
    return 8.0 * max(steps, 1) * stages * (4 * len(structure.states) + 3 * units + 1)


def shards(device: Any, work: float) -> int:
    """How many devices share so many bytes of work."""
    return len(_alike(device)) if work >= WORTH_SHARING else 1


def places(device: Any, pieces: int) -> list[Any]:
    """The devices that so many pieces are computed on, the one that was chosen first."""
    return [device] if pieces == 1 else _alike(device)[:pieces]


def _alike(device: Any) -> list[Any]:
    """All devices of this process that are of the kind of ``device``."""
    if isinstance(device, BatchedEnsemble) or not hasattr(device, "client"):
        return [device]
    others = [one for one in get_jax().local_devices(backend=device.platform) if one != device]
    return [device, *others]


def side_by_side(
    one: Callable[[int], Any], count: int, devices: list[Any], threads_at_most: int = GRADIENT_THREADS
) -> list[Any]:
    """``one(k)`` for each of ``count`` pieces, the results in order.

    As many at a time as there are devices; on a single one of the processor, as many as it has cores, and no more than
    ``threads_at_most``: each takes the memory of a piece.
    """
    on_processor = getattr(devices[0], "platform", "") == "cpu" and not isinstance(devices[0], BatchedEnsemble)
    workers = min(count, max(len(devices), min(cores(), threads_at_most) if on_processor else 1))
    if workers < 2:
        return [one(k) for k in range(count)]
    with ThreadPoolExecutor(workers, thread_name_prefix="piece") as threads:
        return list(threads.map(one, range(count)))


def loss_parts(data: tuple[Any, ...], pieces: int) -> list[tuple[Any, ...]]:
    """The arguments of a loss (constants, start, grid, target, settings) for as many rows each."""
    if pieces == 1:
        return [data]
    constants, start, grid, target, settings = data
    rows, found = len(grid.step) // pieces, []
    for first in range(0, rows * pieces, rows):
        part = slice(first, first + rows)
        own = settings._replace(follows=np.zeros(rows, dtype=settings.follows.dtype), linked=settings.linked[part])
        cut = (type(start)(*(a[part] for a in start)), of_rows(grid, part), type(target)(*(a[part] for a in target)))
        found.append((constants, *cut, own))
    return found
