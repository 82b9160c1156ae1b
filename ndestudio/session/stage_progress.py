"""The sequence of steps of a training or a search: which are over, which goes on, which are still to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ndestudio.session.durations import Durations, Rest
from ndestudio.session.live import StageTime
from ndestudio.session.tasks import Task
from ndestudio.session.training.state import Progression, StageRow

TRAINING: Mapping[str, tuple[str, str]] = {
    "preparing": ("Prepare", "smoothing the measurements, tracing the model"),
    "compiling": ("Compile", "translating the model into machine code; once for each form of it, then it is kept"),
    "collocation": ("Warm-up", "networks and parameters are fitted to slopes of the smoothed data"),
    "shooting": ("Shooting", "short segments are simulated and joined"),
    "trajectory": ("Trajectories", "whole trajectories are fitted"),
    "final_refinement": ("Refinement", "second-order steps on whole trajectories"),
    "likelihood": ("Likelihood", "drift and diffusion are moved to where the transitions are likeliest"),
    "validating": ("Check", "all trajectories are simulated with the accurate solver"),
}
"""Machine name -> (title, what it does), in the order in which they come."""

_UNTIMED = ("preparing", "compiling", "validating")
"""Steps of every training; a fit that was kept does not always say how long they took."""


TOGETHER = 3
"""Steps of a search for all terms at once; one after the other they are two for each term, and one."""


SQUARES = ("collocation", "shooting", "trajectory", "final_refinement")
"""Stages that fit by squared errors."""


def training_stages(
    times: Sequence[StageTime], running: bool, wanted: Sequence[str] | None, stochastic: bool = False
) -> tuple[StageRow, ...]:
    """All steps of a training.

    Parameters
    ----------
    times
        What was entered so far.
    running
        Whether more is to come.
    wanted
        Stages of the settings, None for the usual recipe.
    stochastic
        Whether the model has noise: it is fitted by one likelihood, without the stages of an ordinary one.
    """
    entered = _totals(times)
    others = (*SQUARES, "compiling") if stochastic else ("likelihood",)
    order = [name for name in TRAINING if name not in others or name in entered]
    order += [name for name in entered if name not in TRAINING]
    reached = max((order.index(name) for name in entered if name != "compiling"), default=-1)
    active = _active(times)
    rows = []
    for position, name in enumerate(order):
        title, text = TRAINING.get(name, (name.capitalize(), name))
        left_out = wanted is not None and name in SQUARES and name not in wanted
        ahead = position > reached or (name == "compiling" and reached < 1)
        if entered and not running and name not in entered and name in _UNTIMED:
            continue
        state = _state(name in entered, name == active, running and ahead and not left_out, bool(entered))
        rows.append(StageRow(name, title, text, state, round(entered.get(name, 0.0), 1)))
    return tuple(rows)


def search_stages(times: Sequence[StageTime], running: bool, neural_terms: Sequence[str]) -> tuple[StageRow, ...]:
    """All steps of a search: each neural term is searched, then its candidates are refitted, at the end all together; or
    all terms are searched along the trajectories at once."""
    plan: dict[str, tuple[str, str]] = {}
    at_once = len(neural_terms) > 1 and bool(times) and times[-1].total == TOGETHER
    if at_once:
        plan["search 1"] = ("Search all terms", "looking for formulas that the trajectories follow")
        plan["refit 2"] = ("Refit all terms", "constants of the candidates are refitted through the solver")
        plan["joint 3"] = ("All together", "the chosen formulas are refitted together")
        times = [one for one in times if one.total == TOGETHER]
    for number, neural_term in enumerate(() if at_once else neural_terms):
        plan[f"search {2 * number + 1}"] = (f"Search {neural_term}", f"looking for formulas that follow {neural_term}")
        plan[f"refit {2 * number + 2}"] = (
            f"Refit {neural_term}",
            "constants of the candidates are refitted through the solver",
        )
    if not at_once:
        plan[f"joint {2 * len(neural_terms) + 1}"] = ("All together", "the chosen formulas are refitted together")
        times = [one for one in times if one.total != TOGETHER or len(neural_terms) == 1]
    named = [replace(one, stage=f"{one.stage} {one.index}") for one in times]
    known = [one for one in named if one.stage in plan]
    entered = _totals(known)
    order = list(plan)
    reached = max((order.index(name) for name in entered), default=-1)
    active = _active(known)
    return tuple(
        StageRow(
            name,
            *plan[name],
            _state(name in entered, name == active, running and position > reached, bool(entered)),
            round(entered.get(name, 0.0), 1),
        )
        for position, name in enumerate(order)
    )


def _totals(times: Sequence[StageTime]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for one in times:
        totals[one.stage] = totals.get(one.stage, 0.0) + one.spent
    return totals


def _active(times: Sequence[StageTime]) -> str:
    return times[-1].stage if times and times[-1].seconds is None else ""


def _state(entered: bool, active: bool, ahead: bool, begun: bool) -> Progression:
    if active:
        return "active"
    if entered:
        return "done"
    return "pending" if ahead or not begun else "skipped"


def rest(
    task: Task | None, times: Sequence[StageTime], rows: Sequence[StageRow], durations: Durations, shape: str
) -> Rest | None:
    """Time that a training or a search will still take, by earlier ones of the same shape; None while nobody can say."""
    if task is None or task.paused or task.stopping or not times:
        return None
    fraction = task.progress.fraction if task.progress else None
    active = _named(times[-1])
    pending = [row.stage for row in rows if row.state == "pending" and row.stage not in _UNTIMED]
    return durations.rest(shape, spent(times), active, fraction, pending)


def spent(times: Sequence[StageTime]) -> dict[str, float]:
    """Stage -> seconds, those of a search told apart by their number."""
    return _totals([replace(one, stage=_named(one)) for one in times])


def _named(one: StageTime) -> str:
    return f"{one.stage} {one.index}" if one.total and one.stage not in TRAINING else one.stage
