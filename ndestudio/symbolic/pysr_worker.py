"""The process in which PySR and Julia live: `python -m ndestudio.symbolic.pysr_worker FOLDER`.

FOLDER holds `task.json` (settings of ``PySRRegressor``, names, units) and `data.npz` (X, y, weights). The worker writes
`state.json` ({"phase": "starting" | "searching" | "done" | "failed", "text": ...}); PySR itself writes
`output/run/hall_of_fame.csv`, which the parent polls. Nothing else passes between the two.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path) -> int:
    """Run the task in ``folder``; 0 when the search ended by itself."""
    _die_with_parent()
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    _say(folder, "starting", "")
    try:
        from pysr import PySRRegressor  # pyright: ignore[reportMissingImports]  # starts Julia
    except Exception as error:
        _say(folder, "failed", f"PySR did not start: {_one_line(error)}")
        return 3
    settings, dropped = _known(PySRRegressor, task["settings"])
    _say(folder, "searching", ", ".join(dropped))
    with np.load(folder / "data.npz", allow_pickle=False) as data:
        X, y = data["X"], data["y"]
        weights = data.get("weights", None)
    try:
        PySRRegressor(**settings).fit(
            X, y, weights=weights, variable_names=task["names"], X_units=task["X_units"], y_units=task["y_units"]
        )
    except Exception as error:
        _say(folder, "failed", f"PySR ended with an error: {_one_line(error)}")
        return 4
    _say(folder, "done", "")
    return 0


def _known(regressor: Any, settings: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Settings this version of PySR has, and the names of those it has not."""
    known = inspect.signature(regressor.__init__).parameters
    return {k: v for k, v in settings.items() if k in known}, [k for k in settings if k not in known]


def _say(folder: Path, phase: str, text: str) -> None:
    fresh = folder / "state.json.new"
    fresh.write_text(json.dumps({"phase": phase, "text": text}), encoding="utf-8")
    fresh.replace(folder / "state.json")


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its worker; the kernel can (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None, use_errno=True).prctl(parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
