"""Draws the thumbnails of the sample gallery from the samples' own data.

python tools/thumbnails.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ndestudio.data import load
from ndestudio.data.dataset import Dataset
from ndestudio.paths import examples_dir, resources_dir
from ndestudio.project import load_spec, with_base

_WIDTH, _HEIGHT, _MARGIN = 144.0, 112.0, 10.0
_COLOURS = ("#2f8fd0", "#e0701a", "#17a97c", "#cc79a7")


def thumbnail(dataset: Dataset) -> str:
    """The first trajectory as SVG: one line per measured column, each over its own range."""
    one = dataset.trajectories[0]
    t = (one.t - one.t[0]) / (one.t[-1] - one.t[0])
    lines = []
    for values, colour in zip(one.measured.T, _COLOURS, strict=False):
        known = np.isfinite(values)
        low, high = values[known].min(), values[known].max()
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * t[known]
        y = _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * (values[known] - low) / (high - low or 1.0)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="4" stroke-linejoin="round" '
            'stroke-linecap="round"/>'
        )
    body = "".join(lines)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">{body}</svg>\n'


def main() -> None:
    """One thumbnail for each sample whose data are there."""
    folder = resources_dir() / "thumbnails"
    folder.mkdir(exist_ok=True)
    for path in sorted(examples_dir().glob("*/spec.toml")):
        spec = with_base(load_spec(path), path.parent)
        if all(Path(file).is_file() for file in spec.data.files):
            target = folder / f"{path.parent.name}.svg"
            target.write_text(thumbnail(load(spec.data)), encoding="utf-8")
            print(target)


if __name__ == "__main__":
    main()
