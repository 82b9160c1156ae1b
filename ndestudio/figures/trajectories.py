"""Measured values over time and the simulation from the initial values, a panel for each measured column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from ndestudio.data.dataset import Column, Dataset, Dose, Part, Trajectory
from ndestudio.figures.description import (
    Axis,
    Band,
    Colour,
    Curve,
    Figure,
    Level,
    Mark,
    Moments,
    Panel,
    Points,
    Span,
    Symbol,
)
from ndestudio.figures.input_paths import input_panel, moving_inputs
from ndestudio.figures.noise_band import NoiseBand
from ndestudio.figures.plot_data import Path
from ndestudio.figures.text import slug

MOST_TRAJECTORIES = 12
"""Trajectories in the files of a project; a report of hundreds would be read by nobody."""

MOST_WORDS = 6
"""Doses or events of one time that are told one by one."""
HELD_OUT: Mapping[Part, tuple[str, Colour]] = {Part.VALIDATION: ("validation", 4), Part.TEST: ("test", 3)}


def trajectory_figure(
    dataset: Dataset,
    trajectory: Trajectory,
    path: Path | None,
    bands: Mapping[str, NoiseBand] | None = None,
    population: Path | None = None,
) -> Figure:
    """One trajectory and its simulation (None where there is none).

    Parameters
    ----------
    bands
        Measured column -> where its measurements are expected.
    population
        What a run without random effects would do, drawn dashed.
    """
    typical = {} if population is None else {trajectory.name: population}
    paths = {} if path is None else {trajectory.name: path}
    shown = [(0, trajectory)]
    panels = tuple(
        trajectory_panel(dataset, k, shown, paths, typical, bands=bands, dashed="population")
        for k in range(len(dataset.measured))
    )
    panels += tuple(input_panel(dataset, k, shown) for k in moving_inputs(dataset))
    several = len(dataset.trajectories) > 1
    caption = "Measured values (points) and the model simulated from its initial values (lines)"
    caption += f", trajectory {trajectory.name}." if several else "."
    if population is not None:
        caption += " Dashed: the run of a typical member of the population, without random effects."
    if path is not None and path.fan is not None:
        caption = (
            f"Measured values, and where {path.fan.paths} paths of the stochastic model run that begin where trajectory "
            f"{trajectory.name} does: 5, 25, 50, 75 and 95%. The measurements are one path."
        )
    if bands and path is not None:
        caption += " Within the band 95% of the measurements are expected, by the noise of their column."
    if trajectory.ends is not None:
        caption += " Triangles are limits that values are known to lie beyond."
    if path is not None and path.sentence:
        caption += f" {path.sentence}"
    title = f"Trajectory {trajectory.name}" if several else "Measured and simulated"
    ratio = 0.32 if len(panels) < 3 else 0.24
    name = f"trajectory_{slug(trajectory.name)}"
    return Figure("trajectories", name, title, caption, panels, ratio=ratio, share_x=True)


def trajectory_panel(
    dataset: Dataset,
    position: int,
    shown: Sequence[tuple[int, Trajectory]],
    paths: Mapping[str, Path],
    before: Mapping[str, Path] | None = None,
    *,
    residuals: bool = False,
    dashed: str = "before",
    bands: Mapping[str, NoiseBand] | None = None,
) -> Panel:
    """A measured column.

    Parameters
    ----------
    position
        Of the column among the measured ones.
    shown
        (colour, trajectory) of those that are drawn; the values of a single one are in the colour of data.
    paths, before
        Trajectory name -> its simulation; those of `before` are drawn dashed and called `dashed`.
    residuals
        Show measured minus simulated instead.
    bands
        Measured column -> where its measurements are expected, shown of a single trajectory.
    """
    column, before = dataset.measured[position], before or {}
    single = len(shown) == 1
    marks: list[Mark] = [Level(0.0, dash=False)] if residuals else []
    if single:
        marks += held_out_spans(shown[0][1])
    marks += moments([one for _, one in shown], paths)
    for number, (colour, one) in enumerate(shown):
        first = number == 0
        path, other = paths.get(one.name), before.get(one.name)
        if single and not residuals and path is not None and bands and (band := bands.get(column.name)) is not None:
            low, high = band.ends(path.measured[:, position])
            marks.append(Band(path.t, low, high, colour, "95% of measurements"))
        if path is not None and path.fan is not None and not residuals:
            marks += _fan(path, position, colour, first)
        marks += _measured(one, position, path, "data" if single else colour, first, residuals)
        lines: tuple[tuple[Path | None, Colour, str], ...] = ((other, "muted", dashed), (path, colour, "model"))
        for simulated, ink, name in lines:
            t, values = _simulated(None if residuals else simulated, position)
            name = name if simulated is None or simulated.fan is None else f"{name}, median of paths"
            marks.append(Curve(t, values, ink, name if first and len(t) else "", dash=ink == "muted"))
    title = f"residual of {column.title}" if residuals else column.title
    drawn = [one for _, one in shown]
    simulations = [made[one.name] for made in (paths, before) for one in drawn if one.name in made]
    reach = None if residuals else _in_view(drawn, simulations, position)
    return Panel(Axis(dataset.time.title), Axis(title, limits=reach), tuple(marks))


def _fan(path: Path, position: int, colour: Colour, first: bool) -> list[Mark]:
    """Where 90% and 50% of the paths of a stochastic model run, and the first of them."""
    fan = path.fan
    assert fan is not None
    low, near, _, far, high = fan.measured[:, :, position]
    return [
        Band(path.t, low, high, colour, "90% of paths" if first else ""),
        Band(path.t, near, far, colour, "50%" if first else ""),
        Curve(path.t, fan.example[:, position], colour, "one path" if first else "", faint=True, guest=True),
    ]


def moments(trajectories: Sequence[Trajectory], paths: Mapping[str, Path]) -> list[Moments]:
    """Doses of the data and events of the equations; the words of each tell which trajectory where there are several."""
    several = len(trajectories) > 1
    doses: dict[float, list[str]] = {}
    events: dict[float, list[str]] = {}
    for one in trajectories:
        of_run = f"{one.name}: " if several else ""
        for dose in one.doses:
            doses.setdefault(dose.time, []).append(of_run + dose_words(dose))
        path = paths.get(one.name)
        for time, words in path.happened if path is not None else ():
            events.setdefault(time, []).append(f"{of_run}{words} (t = {time:.6g})")
    made = []
    for found, name in ((doses, "dose"), (events, "event")):
        if found:
            times = sorted(found)
            words = tuple(
                "\n".join([*found[time][:MOST_WORDS], *["..."][: len(found[time]) > MOST_WORDS]]) for time in times
            )
            made.append(Moments(np.array(times), words, "muted" if name == "dose" else "accent", name))
    return made


def dose_words(dose: Dose) -> str:
    """A dose in a few words: `infusion of 80 over 2 into 1 at 24`."""
    if dose.reset and dose.amount == 0:
        return f"reset at {dose.time:.6g}"
    infused = f" over {dose.duration:.6g}" if dose.duration > 0 else ""
    what = f"{'infusion' if infused or dose.rate < 0 else 'dose'} of {dose.amount:.6g}{infused}"
    where = f" into {dose.compartment}" if dose.compartment else ""
    regimen = f", each {dose.interval:.6g} for ever" if dose.steady_state else ""
    return f"{'reset and ' if dose.reset else ''}{what}{where} at {dose.time:.6g}{regimen}"


def series_panel(
    column: Column,
    time: Column,
    series: Sequence[tuple[int, Trajectory, Float[np.ndarray, " time"]]],
    lines: Sequence[tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]] | None = None,
) -> Panel:
    """A column as measured: (colour, trajectory, values) of each trajectory, joined by straight lines or by ``lines``."""
    marks: list[Mark] = [*moments([one for _, one, _ in series], {})]
    for number, (colour, one, values) in enumerate(series):
        trains = one.part == Part.TRAIN
        t, line = (one.t, values) if lines is None else lines[number]
        marks.append(Curve(t, line, colour, one.name, faint=True))
        marks += [Points(one.t[rows], values[rows], colour, hollow=rows is not trains) for rows in (trains, ~trains)]
    return Panel(Axis(time.title), Axis(column.title), tuple(marks))


def shown_trajectories(dataset: Dataset) -> tuple[Trajectory, ...]:
    """The first trajectories, with some of every part among them."""
    if len(dataset.trajectories) <= MOST_TRAJECTORIES:
        return dataset.trajectories
    chosen: list[Trajectory] = []
    for part in Part:
        holding = [item for item in dataset.trajectories if np.any(item.part == part)]
        chosen += [item for item in holding[: MOST_TRAJECTORIES // 3] if item not in chosen]
    return tuple(item for item in dataset.trajectories if any(item is other for other in chosen))


def held_out_spans(trajectory: Trajectory) -> list[Span]:
    """Stretches of rows that were held out, to half-way between neighbours."""
    t, part = trajectory.t, trajectory.part
    if not len(t):
        return []
    middles = np.concatenate([[t[0]], 0.5 * (t[1:] + t[:-1]), [t[-1]]])
    spans = []
    for held_out, (name, colour) in HELD_OUT.items():
        inside = np.concatenate([[False], part == held_out, [False]]).astype(int)
        starts, stops = np.flatnonzero(np.diff(inside) == 1), np.flatnonzero(np.diff(inside) == -1)
        for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            label = "" if number else name
            spans.append(Span(float(middles[start]), float(middles[stop]), colour, label))
    return spans


def _measured(
    one: Trajectory, position: int, path: Path | None, colour: Colour, first: bool, residuals: bool
) -> list[Points]:
    values = one.measured[:, position]
    if residuals:
        values = values - _at(path, one, position)
    known = np.isfinite(values)
    beyond = np.zeros(len(values), dtype=int)
    if one.ends is not None and not residuals:
        ends = one.ends[:, position]
        beyond = np.where(np.isnan(ends[:, 0]), 0, np.where(np.isinf(ends[:, 1]), 1, -1))
    trains = one.part == Part.TRAIN
    made = []
    exact = known & (beyond == 0)
    for rows, hollow, name in ((exact & trains, False, "measured"), (exact & ~trains, True, "held out")):
        named = name if first and rows.any() else ""
        made.append(Points(one.t[rows], values[rows], colour, named, hollow=hollow, soft=True))
    below: tuple[tuple[int, Symbol, str], ...] = ((-1, "below", "below a limit"), (1, "above", "above a limit"))
    for side, symbol, name in below:
        rows = known & (beyond == side)
        if rows.any():
            made.append(Points(one.t[rows], values[rows], colour, name if first else "", symbol, hollow=True))
    return made


def _simulated(path: Path | None, position: int) -> tuple[np.ndarray, np.ndarray]:
    return (np.zeros(0), np.zeros(0)) if path is None else (path.t, path.measured[:, position])


def _in_view(trajectories: list[Trajectory], paths: list[Path], position: int) -> tuple[float, float] | None:
    """Ends of y beside a simulation that runs away: it is cut off a span outside the measurements, which stay legible."""
    measured = _range([one.measured[:, position] for one in trajectories])
    simulated = _range([path.measured[:, position] for path in paths])
    if measured is None or simulated is None:
        return None
    span = (measured[1] - measured[0]) or abs(measured[1]) or 1.0
    low, high = measured[0] - span, measured[1] + span
    if simulated[0] >= low and simulated[1] <= high:
        return None
    return max(low, min(simulated[0], measured[0])), min(high, max(simulated[1], measured[1]))


def _range(values: list[np.ndarray]) -> tuple[float, float] | None:
    """Smallest and largest finite value, None without any."""
    known = [one[np.isfinite(one)] for one in values]
    known = [one for one in known if len(one)]
    return (min(float(one.min()) for one in known), max(float(one.max()) for one in known)) if known else None


def _at(path: Path | None, one: Trajectory, position: int) -> Float[np.ndarray, " time"]:
    """The simulation at the measured times; NaN without one."""
    if path is None or not len(path.t):
        return np.full(len(one.t), np.nan)
    return np.interp(one.t, path.t, path.measured[:, position])
