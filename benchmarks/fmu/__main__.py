"""python -m benchmarks.fmu [agree|speed|symbols]: FMUs of all examples and of the whole library of systems.

`agree`: fmpy's validation, and simulation in fmpy beside our own, FMI 2 and 3, model exchange and co-simulation; how long the
export takes. `speed`: 10,000 steps of co-simulation beside the C program with as many rows. `symbols`: what the libraries for
other systems give out. Needs `pip install fmpy lxml`, and `make fmu`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from jaxtyping import Float

from benchmarks.fmu.models import examples, templates
from ndestudio.data.dataset import Dataset
from ndestudio.errors import ExportError
from ndestudio.export.artefacts import artefact
from ndestudio.export.content import content
from ndestudio.export.registry import EXPORTERS
from ndestudio.export.rerun import TOLERANCE, deviation, horizon
from ndestudio.model.fitted import FittedModel
from ndestudio.solve.scipy_reference import simulate

POINTS = 201


def reference(model: FittedModel, data: Dataset, t: Float[np.ndarray, " time"]) -> Float[np.ndarray, "time state"]:
    track = content(model, data).tracks[0]
    events = track.events if model.system.events else None
    return simulate(model, t, track.initial, track.control, rtol=1e-10, atol=1e-12, events=events).states


def table(result: Any, names: tuple[str, ...]) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, "time state"]]:
    """Times and states; of several rows at one time the last, which is that after an event."""
    last = np.append(np.diff(result["time"]) > 0, True)
    return result["time"][last], np.stack([result[name][last] for name in names], axis=1)


def compared(path: str, kind: str, model: FittedModel, data: Dataset) -> float:
    """Largest difference over the range of a state."""
    import fmpy

    track = content(model, data).tracks[0]
    span = track.stop - track.start
    found = fmpy.simulate_fmu(
        path,
        fmi_type=kind,
        start_values={"measured_inputs": True} if model.system.inputs else {},
        output=list(model.system.states),
        output_interval=span / (POINTS - 1),
        relative_tolerance=1e-12,
        stop_time=track.stop,
        validate=False,
    )
    t, states = table(found, model.system.states)
    inside = t <= track.stop
    known = reference(model, data, t[inside])
    largest = deviation(states[inside], known)
    if largest <= TOLERANCE:
        return largest
    # of chaos only the time over which two solutions of the model's own stay together
    return deviation(states[inside], known, horizon(model, track, t[inside], known))


def agree() -> int:
    from fmpy.validation import validate_fmu

    bad = count = 0
    times: list[float] = []
    largest = 0.0
    for one in (*examples(), *templates()):
        if len(one) == 2:
            print(f"    {one[0]}: left out: {one[1]}")
            continue
        name, model, data = one
        for form in ("fmu", "fmu3"):
            begin = process_time()
            try:
                made = artefact(model, form, dataset=data)
            except ExportError as refusal:
                print(f"    {name}: refused: {refusal}")
                break
            times.append(process_time() - begin)
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "model.fmu")
                Path(path).write_bytes(made.payload)
                wrong = validate_fmu(path)
                found = {kind: compared(path, kind, model, data) for kind in ("ModelExchange", "CoSimulation")}
            count += 2
            largest = max(largest, *found.values())
            for kind, value in found.items():
                if wrong or not value <= TOLERANCE:
                    bad += 1
                    print(f"    {name} {form} {kind}: {value:.1e} {'; '.join(wrong)[:300]}", flush=True)
    print(
        f"{count - bad} of {count} valid and within {TOLERANCE:g} (largest {largest:.1e}); "
        f"export, processor time: first {times[0]:.3f} s, then median {np.median(times[1:]):.3f} s, slowest {max(times[1:]):.3f} s"
    )
    return bad


def symbols() -> int:
    from benchmarks.fmu.symbols import missing

    bad = 0
    for platform, kind, wanted, lacking in missing():
        bad += bool(lacking)
        print(f"{platform:16} {kind:24} {wanted - len(lacking)} of {wanted} functions {' '.join(sorted(lacking)[:5])}")
    return bad


def speed() -> int:
    from benchmarks.fmu.speed import measured

    return measured()


def main(names: list[str]) -> int:
    parts = {"agree": agree, "symbols": symbols, "speed": speed}
    assert EXPORTERS.get("fmu")
    return 1 if sum(parts[name]() for name in names or parts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
