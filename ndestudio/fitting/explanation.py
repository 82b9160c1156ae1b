"""What a fit means, in plain words, each statement with the figures it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.result import CHAOTIC, Fit, Outcome
from ndestudio.wording import percent

_CLOSE, _FAR = 0.1, 0.25
"""Errors of whole runs, in spreads of the data: up to the one a model follows closely, beyond the other it is far off."""
_WORSE = 1.5
"""Ratio of held-out and training error from which on what was learned does not carry over."""
_LOOSE, _TIGHT = 1.0, 0.2
"""Half widths of 95% limits, in their parameter: beyond the one the data hardly determine it, below the other they do so well."""
_AS_NOISE = 1.3
"""Ratio of the error and the noise up to which what is left is noise."""


@dataclass(frozen=True)
class Statement:
    """One thing that can be said of a fit.

    Parameters
    ----------
    title
        The question that it answers.
    words
        The answer.
    figures
        (what, value) that it rests on, as text.
    page
        Page of the documentation that has more, such as `"how-to/doubtful.html#do-other-seeds-agree"`.
    """

    title: str
    words: str
    figures: tuple[tuple[str, str], ...] = ()
    page: str = "how-to/doubtful.html"


def explain_fit(fit: Fit, dataset: Dataset) -> tuple[Statement, ...]:
    """Say what a fit means.

    Parameters
    ----------
    dataset
        What it was fitted to; values are counted and spreads taken from it.
    """
    found = [_end(fit)]
    if fit.stochastic is None:
        found += [*_errors(fit), *(() if CHAOTIC in fit.sentence else _columns(fit, dataset))]
    found += [*_networks(fit, dataset), *_parameters(fit), *_seeds(fit)]
    return tuple(found)


def _end(fit: Fit) -> Statement:
    words = {
        Outcome.CONVERGED: "The training ended by itself: further steps no longer made the model better.",
        Outcome.LIMIT: "The training ended at a limit of time or steps, before further steps made no difference: training on may make it better.",
        Outcome.STOPPED: "Somebody stopped the training; the best model until then was kept.",
        Outcome.DOUBTFUL: "The training ended by itself, but something speaks against the model.",
        Outcome.DIVERGED: "No model was reached that can be used.",
    }[fit.outcome]
    seconds = fit.seconds.get("total", sum(fit.seconds.values()))
    told = () if fit.sentence in words else ((("said at the end", fit.sentence),))
    return Statement("How did it end?", words, (("time", f"{seconds:.1f} s"), *told), "how-it-works/training.html")


def _errors(fit: Fit) -> Iterator[Statement]:
    parts = [(name, part["mean"]) for name, part in _parts(fit) if "mean" in part]
    if not parts:
        return
    errors = dict(parts)
    if CHAOTIC in fit.sentence:
        words = "It is chaotic: neighbouring runs part, so that errors over whole runs say nothing. It was judged over short segments."
        yield Statement("Does it follow the data?", words, (("said at the end", fit.sentence),))
        return
    figures = tuple((f"error, {name} rows", percent(value)) for name, value in parts)
    if not all(math.isfinite(value) for value in errors.values()):
        yield Statement(
            "Does it follow the data?", "Simulated over whole runs, the model does not stay finite.", figures
        )
        return
    shown = next((errors[name] for name in ("validation", "test") if name in errors), errors.get("training", math.nan))
    held = "validation" in errors or "test" in errors
    level = "closely" if shown <= _CLOSE else "roughly" if shown <= _FAR else "badly"
    what = (
        "data that it was not trained on"
        if held
        else "the data that it was trained on (none were held out, so this says little of others)"
    )
    words = f"Simulated from the starts of whole runs, the model follows {level} {what}: it is off by {percent(shown)} of their spread."
    if held and "training" in errors and shown > max(_WORSE * errors["training"], _CLOSE):
        words += f" That is {shown / max(errors['training'], 1e-12):.1f} times its error on training rows: it has learned something that does not carry over."
    yield Statement("Does it follow the data?", words, figures)


def _columns(fit: Fit, dataset: Dataset) -> Iterator[Statement]:
    """Which column it misses most, and whether what is left is noise."""
    part = next((part for _, part in reversed(_parts(fit)) if part), {})
    errors = {name: value for name, value in part.items() if name != "mean" and math.isfinite(value)}
    if not errors:
        return
    spread = {
        column.name: float(np.nanstd(np.concatenate([one.measured[:, place] for one in dataset.trajectories])))
        for place, column in enumerate(dataset.measured)
        if column.name in errors
    }
    figures, beyond = [], []
    for name, value in errors.items():
        noise = fit.noise.get(name)
        size = value * spread.get(name, math.nan)
        text = f"error {size:.3g}" + (f", noise {noise:.3g}" if noise is not None else "")
        figures.append((name, f"{text}{_unit(dataset, name)}"))
        if noise is not None and noise > 0 and size > _AS_NOISE * noise:
            beyond.append(name)
    worst = max(errors, key=lambda name: errors[name])
    words = f"It misses {worst} most." if len(errors) > 1 else ""
    if fit.noise:
        words += (
            f" What it leaves of {', '.join(beyond)} is larger than the noise: there are dynamics in it that the model does not have."
            if beyond
            else " What it leaves is about as large as the noise: nothing more is to be had from a better model."
        )
    if words:
        yield Statement(
            "What does it leave?", words.strip(), tuple(figures), "how-to/doubtful.html#is-what-is-left-noise"
        )


def _networks(fit: Fit, dataset: Dataset) -> Iterator[Statement]:
    if not fit.model.networks:
        return
    weights = {
        name: sum(int(one.size) for one in (*network.weights, *network.biases))
        for name, network in fit.model.networks.items()
    }
    values = sum(int(np.isfinite(one.measured[one.part == Part.TRAIN]).sum()) for one in dataset.trajectories)
    total = sum(weights.values())
    count = "A network" if len(weights) == 1 else f"{len(weights)} networks"
    words = f"{count} with {total} weights learned from {values} measured values. Away from the data that were visited, what {'it says' if len(weights) == 1 else 'they say'} means nothing."
    if total > values:
        words += (
            " There are more weights than values: the penalty on weights and the equations decide much of the shape."
        )
    yield Statement(
        "What do the networks know?",
        words,
        tuple(
            (name, f"{count} weights, of {', '.join(fit.model.networks[name].arguments)}")
            for name, count in weights.items()
        ),
        "how-it-works/training.html",
    )


def _parameters(fit: Fit) -> Iterator[Statement]:
    if not fit.intervals:
        return
    widths = {
        name: (high - low) / 2 / abs(fit.model.parameters[name])
        for name, (low, high) in fit.intervals.items()
        if fit.model.parameters.get(name)
    }
    loose = [name for name, width in widths.items() if width > _LOOSE]
    tight = [name for name, width in widths.items() if width < _TIGHT]
    words = []
    if tight:
        words.append(f"The data determine {', '.join(tight)} well.")
    if loose:
        words.append(
            f"{'They' if tight else 'The data'} hardly determine {', '.join(loose)}: give bounds or a prior, or fix what is known from elsewhere."
        )
    if not words:
        words.append("The data determine the parameters to some degree.")
    figures = tuple(
        (name, f"{fit.model.parameters[name]:.4g}, 95% from {low:.3g} to {high:.3g}")
        for name, (low, high) in fit.intervals.items()
        if name in fit.model.parameters
    )
    yield Statement(
        "Which parameters can be trusted?", " ".join(words), figures, "how-to/doubtful.html#how-far-can-a-parameter-go"
    )


def _seeds(fit: Fit) -> Iterator[Statement]:
    if not fit.model.networks:
        return
    count = len(fit.ensemble)
    words = (
        f"{count} networks were trained from different starts; the best is shown, and where they differ the data say nothing."
        if count > 1
        else "One start was tried. Several would show where the data say nothing of the networks."
    )
    page = "how-to/doubtful.html#do-other-seeds-agree"
    yield Statement("Was it luck?", words, (("seed", str(fit.seed)),), page)


def _parts(fit: Fit) -> list[tuple[str, Mapping[str, float]]]:
    metrics = fit.metrics
    return [("training", metrics.train), ("validation", metrics.validation), ("test", metrics.test)]


def _unit(dataset: Dataset, name: str) -> str:
    unit = next((column.unit for column in dataset.measured if column.name == name), "")
    return f" {unit}" if unit else ""
