"""What a fit costs where its input is sampled ten times more finely than the dynamics need.

    python -m benchmarks.paths                       # every kind of path, the displacement at 1 and 10 times the samples
    python -m benchmarks.paths --kinds linear --finer 1 10 40 --seeds 3

The law of `examples/hysteresis` is fitted with a network that is multiplied by the rate of the displacement. The force is measured
at the same 121 times of each run throughout; only the displacement has more samples. Each fit is a process of its own and is
made twice, so that the second finds its programs compiled; seconds are processor seconds of the second.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "hysteresis"


def fit_here(kind: str, finer: int, seed: int, solver: str) -> dict[str, float]:
    """One fit in this process: processor and wall seconds, and the error of the run held out for tests over its spread."""
    import msgspec

    import ndestudio as nde
    from ndestudio.model.statements import data_for

    spec = importlib.util.spec_from_file_location("generate", EXAMPLE / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    told = nde.load_spec(EXAMPLE / "spec.toml")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hysteresis.csv"
        file.write_text(generate.table(seed, finer), encoding="utf-8")
        config = msgspec.structs.replace(told.data, files=(str(file),), interpolation={"u": kind})
        data = nde.load(data_for(config, told.model.equations))
    train = nde.TrainConfig(seed=seed, solver=solver)
    cpu, wall = time.process_time(), time.perf_counter()
    found = nde.fit(told.model, data, train, nde.SilentReporter())
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "error": found.metrics.test["mean"],
        **{f"s {name}": value for name, value in found.seconds.items()},
    }


def fit_apart(kind: str, finer: int, seed: int, solver: str) -> dict[str, float]:
    """As ``fit_here``, in a process of its own."""
    code = f"import json; from benchmarks.paths.__main__ import fit_here; print(json.dumps(fit_here({kind!r}, {finer}, {seed}, {solver!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=["linear", "hermite", "cubic"])
    parser.add_argument("--finer", nargs="+", type=int, default=[1, 10])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--solver", default="auto")
    parser.add_argument("-v", action="store_true", help="show the seconds of each part")
    options = parser.parse_args()
    for kind in options.kinds:
        for seed in range(options.seeds):
            first = None
            for finer in options.finer:
                fit_apart(kind, finer, seed, options.solver)
                found = fit_apart(kind, finer, seed, options.solver)
                first = first or found
                print(
                    f"{kind:12} seed {seed}, {finer:3} x samples: {found['cpu']:6.1f} s of processor ({found['wall']:.1f} s), "
                    f"{found['cpu'] / first['cpu']:.2f} times the first, test error {found['error']:.2%}",
                    flush=True,
                )
                if options.v:
                    print("   ", {name: round(value, 1) for name, value in found.items() if name.startswith("s ")})


if __name__ == "__main__":
    main()
