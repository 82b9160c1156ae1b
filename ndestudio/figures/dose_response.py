"""Dose-response curves: steady states over the input that was varied, with what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ndestudio.data.dataset import Dataset, Trajectory
from ndestudio.errors import EquationError
from ndestudio.figures.description import Axis, Band, Curve, Figure, Mark, Panel, Points
from ndestudio.figures.text import slug
from ndestudio.model.fitted import FittedModel

FEWEST, MOST_CURVES = 3, 5
"""Levels of the varied input with which there is a curve, and curves (levels of the other inputs) that are drawn."""
LEVELS = 60
DECADES = 30.0
"""Ratio of the largest to the smallest level from which on the axis is logarithmic."""
BESIDE = 0.05
"""Part of the range by which curves reach beyond the levels that were measured."""
ELSEWHERE = (0.0, 10.0)
"""Starts, in units of the scales of the states, from which other steady states are looked for."""
APART = 1e-3
TWO_DEVIATIONS = 2.0


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """Steady states of one measured column over one input, the others as in ``held``.

    Parameters
    ----------
    levels, values
        The model's; NaN where it does not settle.
    stable
        Whether small disturbances die out there.
    lowest, highest
        Over the networks of all seeds; None for a single one.
    others
        (level, value) of further stable steady states, which other starts lead to.
    measured
        (level, value) of the data.
    log
        Whether levels are spread over decades.
    """

    column: str
    input: str
    held: Mapping[str, float]
    levels: Float[np.ndarray, " level"]
    values: Float[np.ndarray, " level"]
    stable: Bool[np.ndarray, " level"]
    measured: Float[np.ndarray, "point 2"]
    others: Float[np.ndarray, "other 2"]
    lowest: Float[np.ndarray, " level"] | None = None
    highest: Float[np.ndarray, " level"] | None = None
    log: bool = False


def dose_responses(
    model: FittedModel, dataset: Dataset, others: Sequence[FittedModel] = ()
) -> tuple[DoseResponse, ...]:
    """A curve for each measured column and each set of the inputs that were not varied; none without steady states of at least
    three levels of an input that the equations use.

    Parameters
    ----------
    others
        Models of further seeds.
    """
    runs = [one for one in dataset.trajectories if one.is_steady_state and one.name in model.initial]
    varied = _varied(model, dataset, runs)
    if varied is None:
        return ()
    found: list[DoseResponse] = []
    for held, group in _groups(model, dataset, runs, varied):
        try:
            found += _curves(model, dataset, group, varied, held, others)
        except EquationError:
            return ()
    return tuple(found)


def _varied(model: FittedModel, dataset: Dataset, runs: Sequence[Trajectory]) -> str | None:
    """The input with the most levels."""
    counts = {}
    for name in model.system.inputs:
        place = dataset.input_names.index(name)
        counts[name] = len({float(one.settle_point[place]) for one in runs})
    most = max(counts, key=lambda name: counts[name], default=None)
    return most if most is not None and counts[most] >= FEWEST else None


def _groups(
    model: FittedModel, dataset: Dataset, runs: Sequence[Trajectory], varied: str
) -> list[tuple[dict[str, float], list[Trajectory]]]:
    """Runs with the same levels of the other inputs, the largest groups first."""
    beside = [name for name in model.system.inputs if name != varied]
    places = [dataset.input_names.index(name) for name in beside]
    groups: dict[tuple[float, ...], list[Trajectory]] = {}
    for one in runs:
        groups.setdefault(tuple(float(one.settle_point[k]) for k in places), []).append(one)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))[:MOST_CURVES]
    return [(dict(zip(beside, key, strict=True)), group) for key, group in sorted(ordered)]


def _curves(
    model: FittedModel,
    dataset: Dataset,
    group: Sequence[Trajectory],
    varied: str,
    held: Mapping[str, float],
    others: Sequence[FittedModel],
) -> list[DoseResponse]:
    place = dataset.input_names.index(varied)
    at = np.array([float(one.settle_point[place]) for one in group])
    log = bool(at.min() > 0.0 and at.max() > DECADES * at.min())
    levels = _levels(at, log)
    near = [group[int(np.argmin(np.abs(_on(at, log) - x)))] for x in _on(levels, log)]
    inputs = np.stack([one.settle_point for one in near])
    inputs[:, place] = levels
    states, stable, seen = _settled(model, near, inputs)
    spread = np.stack([seen, *(_settled(one, near, inputs)[2] for one in others)]) if others else None
    elsewhere = _elsewhere(model, inputs, states)
    found = []
    for name in dataset.measured_names:
        if name not in model.measured or model.system.observation(name) is None:
            continue
        k, column = model.measured.index(name), dataset.measured_names.index(name)
        points = np.array([(x, one.measured[0, column]) for x, one in zip(at, group, strict=True)])
        with np.errstate(all="ignore"):
            bounds = (
                (None, None) if spread is None else (np.min(spread[..., k], axis=0), np.max(spread[..., k], axis=0))
            )
        further = np.array([(levels[row], value[k]) for row, value in elsewhere]).reshape(-1, 2)
        found.append(
            DoseResponse(
                name,
                varied,
                held,
                levels,
                seen[:, k],
                stable,
                points[np.isfinite(points).all(axis=1)],
                further,
                *bounds,
                log,
            )
        )
    return found


def _on(values: Float[np.ndarray, " n"], log: bool) -> Float[np.ndarray, " n"]:
    return np.log(values) if log else values


def _levels(at: Float[np.ndarray, " run"], log: bool) -> Float[np.ndarray, " level"]:
    low, high = float(_on(at, log).min()), float(_on(at, log).max())
    margin = BESIDE * (high - low)
    start = low - margin if log or low - margin > 0.0 or low < 0.0 else max(low - margin, 0.0)
    levels = np.linspace(start, high + margin, LEVELS)
    return np.exp(levels) if log else levels


def _settled(
    model: FittedModel, near: Sequence[Trajectory], inputs: Float[np.ndarray, "level input"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, whether they are stable, and what is measured of them."""
    from ndestudio.model.evaluate import observe
    from ndestudio.model.initial import model_start
    from ndestudio.problem.space import structure_of
    from ndestudio.problem.steady_state import settled_rows

    starts = np.stack([np.asarray(model_start(model, one), float) for one in near])
    states, stable = settled_rows(model, structure_of(model), inputs, starts)
    with np.errstate(all="ignore"):
        return states, stable, observe(model, np.zeros(len(states)), states, inputs)


def _elsewhere(
    model: FittedModel, inputs: Float[np.ndarray, "level input"], states: Float[np.ndarray, "level state"]
) -> list[tuple[int, Float[np.ndarray, " measured"]]]:
    """Levels and what is measured of other stable steady states; none where sums are conserved, for other starts change them."""
    from ndestudio.model.evaluate import observe
    from ndestudio.problem.space import structure_of
    from ndestudio.problem.steady_state import conserved, settled_rows

    structure = structure_of(model)
    if conserved(structure).any():
        return []
    scale = np.ones(states.shape[1]) if model.scale is None else np.asarray(model.scale, float)
    found: list[tuple[int, np.ndarray]] = []
    known = [states]
    for share in ELSEWHERE:
        other, stable = settled_rows(model, structure, inputs, np.tile(share * scale, (len(inputs), 1)))
        new = stable & np.isfinite(other).all(axis=1)
        for one in known:
            with np.errstate(invalid="ignore"):
                new &= ~(np.abs(other - one).max(axis=1) <= APART * float(scale.max()))
        known.append(np.where(new[:, None], other, np.nan))
        rows = np.flatnonzero(new)
        if len(rows):
            seen = observe(model, np.zeros(len(rows)), other[rows], inputs[rows])
            found += list(zip(rows.tolist(), seen, strict=True))
    return found


def dose_response_figure(
    responses: Sequence[DoseResponse], dataset: Dataset, noise: Mapping[str, float] | None = None
) -> Figure | None:
    """One panel for each measured column; None where there are no curves.

    Parameters
    ----------
    noise
        Standard deviation of each column, which makes the band of a model of one seed.
    """
    if not responses:
        return None
    columns = list(dict.fromkeys(one.column for one in responses))
    name = responses[0].input
    panels = tuple(dose_response_panel(responses, column, dataset, noise) for column in columns)
    caption = f"Steady states over {name}: curves of the model, points as measured"
    seeds = any(one.lowest is not None for one in responses)
    caption += ", bands: spread of seeds" if seeds else ", bands: two standard deviations of the noise" if noise else ""
    caption += "; dashed where small disturbances grow" if any(_unstable(one).any() for one in responses) else ""
    caption += "; hollow: further stable steady states" if any(len(one.others) for one in responses) else ""
    title = f"Steady states over {name}"
    return Figure(
        "dose response", f"dose_response_{slug(name)}", title, f"{caption}.", panels, columns=min(len(panels), 2)
    )


def dose_response_panel(
    responses: Sequence[DoseResponse],
    column: str,
    dataset: Dataset,
    noise: Mapping[str, float] | None = None,
) -> Panel:
    """Curves of one measured column, one for each set of the other inputs."""
    mine = [one for one in responses if one.column == column]
    marks: list[Mark] = []
    for colour, one in enumerate(mine):
        held = ", ".join(f"{name} = {value:.4g}" for name, value in one.held.items())
        low, high = one.lowest, one.highest
        if low is None and noise is not None and column in noise:
            width = TWO_DEVIATIONS * noise[column]
            low, high = one.values - width, one.values + width
        if low is not None and high is not None:
            marks.append(Band(one.levels, low, high, colour))
        unstable = _unstable(one)
        marks.append(Curve(one.levels, np.where(unstable, np.nan, one.values), colour, held or "model"))
        if unstable.any():
            marks.append(Curve(one.levels, np.where(unstable, one.values, np.nan), colour, dash=True))
        if len(one.others):
            marks.append(Points(one.others[:, 0], one.others[:, 1], colour, "also stable", "diamond", hollow=True))
        shown = "data" if len(mine) == 1 else colour
        marks.append(Points(one.measured[:, 0], one.measured[:, 1], shown, "" if colour else "measured"))
    titles = {item.name: item.title for item in (*dataset.measured, *dataset.inputs)}
    log = all(one.log for one in mine)
    return Panel(
        Axis(titles.get(mine[0].input, mine[0].input), log=log), Axis(titles.get(column, column)), tuple(marks)
    )


def _unstable(one: DoseResponse) -> Bool[np.ndarray, " level"]:
    return ~one.stable & np.isfinite(one.values)
