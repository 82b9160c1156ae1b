"""The executors there are, by the text a person names them with."""

from __future__ import annotations

from ndestudio.errors import SpecError
from ndestudio.jobs.executors.base import Executor

FORMS = "here, local, local:N (N processes), dask (a cluster on this machine), dask:N or dask:tcp://HOST:PORT"


def executor(text: str) -> Executor:
    """The executor that ``text`` names; `close()` ends what it has started.

    Raises
    ------
    SpecError
        No executor is called so, or it cannot be had.
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "here" and not rest:
        from ndestudio.jobs.executors.here import Here

        return Here()
    if kind == "local":
        from ndestudio.jobs.executors.local import Local

        return Local(_number(rest, text))
    if kind == "dask":
        from ndestudio.jobs.executors.dask import Dask

        return Dask(rest) if "://" in rest else Dask(workers=_number(rest, text))
    raise SpecError(f"`{text}` is no executor; there are {FORMS}")


def _number(rest: str, text: str) -> int | None:
    if not rest:
        return None
    if not rest.isdigit() or int(rest) < 1:
        raise SpecError(f"`{text}` is no executor: `{rest}` is no number of workers; there are {FORMS}")
    return int(rest)
