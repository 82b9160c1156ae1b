"""A particle in a double well, kicked by noise: dx = (x - x^3) dt + 0.7 dW, looked at every 0.1."""

from pathlib import Path

import numpy as np

import ndestudio as nde

SPEC = """
[model]
equations = "d(x)/dt = x - x^3 + 0.7*noise"
initial.x = 1.0
"""


def main() -> None:
    """Write `double_well.csv` beside this script."""
    model = nde.stated_model(nde.parse_spec(SPEC).model)
    t = np.round(np.arange(4001) * 0.1, 10)
    found = nde.simulate_paths(model, t, {"x": 1.0}, seed=4, substeps=20)
    lines = ["t,x", *(f"{time:.1f},{x:.5f}" for time, x in zip(t, found.states[0, :, 0], strict=True))]
    (Path(__file__).parent / "double_well.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
