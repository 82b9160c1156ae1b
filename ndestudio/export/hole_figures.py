"""The response of a hole: a curve over one argument, maps over two, agreement over more."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ndestudio.export.figure import Figure, slug
from ndestudio.export.gather import Job
from ndestudio.export.svg import OKABE_ITO, Panel, drawing, label, legend_row
from ndestudio.export.ticks import Axis, axis
from ndestudio.model.fitted import FittedModel

GRID = 72
BLUE, VERMILION = OKABE_ITO[0], OKABE_ITO[1]


def response_figure(job: Job, name: str) -> Figure | None:
    """A ``Figure`` of the hole ``name``, None where nothing is known about the range of its arguments."""
    trained = job.network_model
    if trained is None or name not in trained.networks:
        return None
    network = trained.networks[name]
    samples = _samples(job, name)
    if samples is None or len(samples) < 2:
        return None
    formula = job.model if job.model is not None and name in job.model.replacements else None
    match len(network.arguments):
        case 1:
            svg, caption = _curve(name, network.arguments[0], trained, formula, samples)
        case 2:
            svg, caption = _maps(name, network.arguments, trained, formula, samples)
        case _ if formula is not None:
            svg, caption = _agreement(name, trained, formula, samples)
        case _:
            return None
    return Figure(f"hole_{slug(name)}", caption, svg)


def _samples(job: Job, name: str) -> Float[np.ndarray, "sample argument"] | None:
    if job.distillation is not None and name in job.distillation.holes:
        return np.asarray(job.distillation.holes[name].samples.X, dtype=float)
    assert job.network_model is not None
    return job.network_model.networks[name].support


def _evaluated(model: FittedModel, name: str, X: Float[np.ndarray, "... argument"]) -> Float[np.ndarray, "..."]:
    from ndestudio.model.evaluate import evaluate_hole

    return np.asarray(evaluate_hole(model, name, X), dtype=float)


def _curve(
    name: str,
    argument: str,
    trained: FittedModel,
    formula: FittedModel | None,
    samples: Float[np.ndarray, "sample argument"],
) -> tuple[str, str]:
    x = samples[:, 0]
    room = 0.05 * (float(np.ptp(x)) or 1.0)
    dense = np.linspace(x.min() - room, x.max() + room, 300)
    learnt, here = _evaluated(trained, name, dense[:, None]), _evaluated(trained, name, samples)
    said = None if formula is None else _evaluated(formula, name, dense[:, None])
    shown = np.concatenate([learnt, here] if said is None else [learnt, here, said])
    panel = Panel(
        92.0,
        58.0,
        500.0,
        300.0,
        axis(dense, argument, count=7, margin=0.0),
        axis(shown, f"{name}({argument})", count=6),
    )
    panel.dots(x, here, "#8b949e", radius=2.2, opacity=0.7, name="visited by the data")
    panel.line(dense, learnt, BLUE, width=2.2, name="network")
    if said is not None:
        panel.line(dense, said, VERMILION, width=2.0, dash=True, name="formula")
    caption = f"Response of {name} to {argument} over the range the data visited."
    return _single(name, panel, caption, 616.0, 412.0), caption


def _agreement(
    name: str, trained: FittedModel, formula: FittedModel, samples: Float[np.ndarray, "sample argument"]
) -> tuple[str, str]:
    learnt, said = _evaluated(trained, name, samples), _evaluated(formula, name, samples)
    both = np.concatenate([learnt, said])
    panel = Panel(92.0, 58.0, 380.0, 380.0, axis(both, "network", count=6), axis(both, "formula", count=6))
    ends = np.array([panel.x.low, panel.x.high])
    panel.line(ends, ends, "#8b949e", width=1.2, dash=True, name="equal")
    panel.dots(learnt, said, BLUE, radius=2.6, opacity=0.7, name="samples")
    caption = f"{name}: the formula against the network where the data visited."
    return _single(name, panel, caption, 500.0, 492.0), caption


def _maps(
    name: str,
    arguments: tuple[str, ...],
    trained: FittedModel,
    formula: FittedModel | None,
    samples: Float[np.ndarray, "sample argument"],
) -> tuple[str, str]:
    axes = [axis(samples[:, k], arguments[k], count=5, margin=0.05) for k in (0, 1)]
    lines = [np.linspace(item.low, item.high, GRID) for item in axes]
    grid = np.stack(np.meshgrid(*lines), axis=-1)
    learnt = _evaluated(trained, name, grid)
    maps = [("network", learnt)] + ([("formula", _evaluated(formula, name, grid))] if formula is not None else [])
    visited = _evaluated(trained, name, samples)
    low, high = (float(value) for value in np.nanpercentile(visited, [1, 99]))
    room = 0.15 * (high - low) or 1.0
    positive, negative = np.all(visited >= 0), np.all(visited <= 0)
    low, high = max(low - room, 0.0) if positive else low - room, min(high + room, 0.0) if negative else high + room
    size, gap, left = 250.0, 34.0, 84.0
    parts: list[str] = []
    for index, (title, values) in enumerate(maps):
        y_axis = (
            axes[1] if index == 0 else Axis(axes[1].low, axes[1].high, "", axes[1].ticks, ("",) * len(axes[1].ticks))
        )
        panel = Panel(left + index * (size + gap), 70.0, size, size, axes[0], y_axis, title)
        panel.heat(values, low, high)
        panel.dots(samples[:, 0], samples[:, 1], "#ffffff", radius=1.4, rim=False, opacity=0.6)
        parts.append(panel.svg(grid=False))
    right = left + len(maps) * (size + gap)
    parts.append(_colour_bar(right, 70.0, size, low, high))
    width = right + 20 + 60
    both = f"{name}({', '.join(arguments)})"
    caption = f"{both} as the network learnt it" + (" and as the formula says" if formula is not None else "")
    caption += "; white points: where the data visited."
    head = label(left, 24.0, f"Response of {both}", size=14, weight="600")
    return drawing(width, 70.0 + size + 48, [head, *parts], caption), caption


def _colour_bar(left: float, top: float, height: float, low: float, high: float) -> str:
    bar = Panel(
        left,
        top,
        14.0,
        height,
        Axis(0.0, 1.0, "", np.zeros(0), ()),
        axis(np.array([low, high]), "", count=5, margin=0.0),
    )
    bar.heat(np.linspace(low, high, 128)[:, None].repeat(2, axis=1), low, high)
    labels = [
        label(left + 20, float(b) + 4, text, size=11, kind="axis")
        for b, text in zip(bar.py(bar.y.ticks), bar.y.labels, strict=True)
    ]
    bar.y = Axis(bar.y.low, bar.y.high, "", np.zeros(0), ())
    return "\n".join([bar.svg(grid=False), *labels])


def _single(name: str, panel: Panel, caption: str, width: float, height: float) -> str:
    head = label(panel.left, 22.0, f"Response of {name}", size=14, weight="600")
    legend, _ = legend_row(panel.legend, panel.left, 44.0, width - panel.left)
    return drawing(width, height, [head, legend, panel.svg()], caption)
