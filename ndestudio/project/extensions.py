"""What installed packages add to every kind of thing, and what of it cannot be used."""

from __future__ import annotations

from ndestudio.plugins import KINDS, Failure, PlugIn, entries, failures


def survey() -> tuple[tuple[PlugIn, ...], tuple[Failure, ...]]:
    """Load all plug-ins.

    Returns
    -------
    tuple
        Those that can be used, by kind, and those that cannot.
    """
    from ndestudio.data.readers.registry import READERS
    from ndestudio.export.registry import EXPORTERS
    from ndestudio.expression.functions import functions
    from ndestudio.solve.registry import SOLVERS
    from ndestudio.symbolic.registry import ENGINES

    for registry in (ENGINES, SOLVERS, READERS, EXPORTERS):
        registry.known()  # refuses what is no such thing, or has a name that is taken
    functions()
    return tuple(one for kind in KINDS for one in entries(kind)), failures()
