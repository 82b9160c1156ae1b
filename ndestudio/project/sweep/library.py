"""A sweep in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndestudio.errors import SpecError
from ndestudio.progress import Reporter
from ndestudio.project.project import Spec
from ndestudio.project.spec import load_spec
from ndestudio.project.sweep.folder import made
from ndestudio.project.sweep.row import Work
from ndestudio.project.sweep.run import sweep as computed
from ndestudio.project.sweep.table import table
from ndestudio.project.sweep.vary import Variation, setting_of

if TYPE_CHECKING:
    import polars


def sweep(
    spec: Spec | str | Path,
    vary: Mapping[str, Iterable[Any]],
    folder: str | Path,
    *,
    executor: str = "local",
    work: Work = "run",
    keep: bool = False,
    again: bool = False,
    reporter: Reporter | None = None,
) -> polars.DataFrame:
    """Compute a spec for every combination of varied settings; what ``folder`` has results of is not computed again.

    Parameters
    ----------
    vary
        Setting, as `"train.seed"` or `"model.networks.f.width"`, -> its values.
    folder
        Where the results are kept, each as it comes.
    executor
        Who computes: `"here"`, `"local"`, `"local:4"`, `"dask"`, `"dask:tcp://HOST:8786"`.
    work
        `"run"` (train and distil), `"train"`, or `"recover"` (the recovery test of the spec).
    keep
        Keep the project of each variant, too.
    again
        Compute those that failed once more.

    Returns
    -------
    polars.DataFrame
        A row for each result: settings, outcome, errors (NRMSE), equations, parameters (units of the spec), seconds.

    Raises
    ------
    SpecError
        A setting, value, executor or folder that cannot be used.
    ExecutorLost
        What computes is gone; results until then are kept.
    """
    from ndestudio.jobs.executors import executor as named

    spec = load_spec(spec) if isinstance(spec, str | Path) else spec
    variations = [Variation(setting_of(name), tuple(values)) for name, values in vary.items()]
    empty = next((one.name for one in variations if not one.values), None)
    if empty is not None:
        raise SpecError(f"`{empty}` is varied over no values")
    place = made(Path(folder), spec, variations, work=work, keep=keep)
    workers = named(executor)
    try:
        computed(place, workers, reporter, again=again)
    finally:
        workers.close()
    return table(place.rows())
