"""Settings of what computes (the `[computing]` table of a spec)."""

from __future__ import annotations

import msgspec


class ComputingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who computes what falls into independent parts; results do not depend on it.

    Attributes
    ----------
    executor
        `"here"` (one after the other), `"local"`, `"local:N"` (processes of this machine), `"dask"`, `"dask:N"` (a cluster that is started on
        it); "": as the program is asked to on the command line, else here. Addresses of other machines are given there alone.
    """

    executor: str = ""
