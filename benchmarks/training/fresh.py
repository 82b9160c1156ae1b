"""The race in a process of its own, with a cache folder of its own: what a person meets after starting the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time


def run_here(seed: int) -> dict[str, float]:
    """Train once in this process and tell the seconds and the peak memory in MB."""
    import resource

    from benchmarks.training.problems import HYBRID, measurements, trajectory_error, unseen
    from benchmarks.training.watch import Watch
    from ndestudio.fitting import TrainConfig, fit

    dataset = measurements(32, 100, 0.05, seed)
    watch = Watch(dataset)
    found = fit(HYBRID, dataset, TrainConfig(seed=seed), watch)
    end = time.perf_counter() - watch.begin
    test = unseen()
    errors = [(at, trajectory_error(model, *test)) for at, model in watch.models]
    reached = {f"to {goal:.0%}": next((at for at, e in errors if e <= goal), float("nan")) for goal in (0.05, 0.02)}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    waited = found.seconds.get("compiling", 0.0)
    return {
        "first plot": watch.first_plot,
        **reached,
        "end": end,
        "error": errors[-1][1],
        "waited": waited,
        "MB": memory,
    }


def fresh_runs(repeats: int) -> None:
    """Print a cold and warm runs; each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        for run in range(1 + repeats):
            environment = {**os.environ, "XDG_CACHE_HOME": folder}
            code = f"import json; from benchmarks.training.fresh import run_here; print(json.dumps(run_here({max(run - 1, 0)})))"
            done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr)
            found = json.loads(done.stdout.splitlines()[-1])
            name = "empty cache, seed 0" if run == 0 else f"filled cache, seed {run - 1}"
            print(
                f"  {name:24}first plot {found['first plot']:5.2f} s, <= 5% {found['to 5%']:5.2f} s, <= 2% {found['to 2%']:5.2f} s, "
                f"end {found['end']:5.2f} s ({found['error']:.2%}), waited for programs {found['waited']:.1f} s, peak {found['MB']:.0f} MB"
            )
