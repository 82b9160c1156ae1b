"""What a fitted model says of the steady states that the data begin at or consist of: whether it settles, and where else."""

from __future__ import annotations

import time

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.model.fitted import FittedModel
from ndestudio.model.initial import model_start
from ndestudio.problem.conditions import initial_state, unsettled
from ndestudio.problem.space import structure_of
from ndestudio.problem.steady_state import conserved, other_steady_states, settled_start

LOOKED_AT = 40
"""Trajectories that are looked at, and seconds for it."""
SECONDS = 5.0
ELSEWHERE = (0.0, 0.1, 1.0, 10.0)
"""Further starts, in units of the scales of the states."""


def steady_state_sentences(model: FittedModel, dataset: Dataset) -> list[str]:
    """Sentences on trajectories that do not settle, settle where small disturbances grow, or could settle elsewhere."""
    sentences = _regimen_sentences(model, dataset)
    used = [one for one in dataset.trajectories if one.settles][:LOOKED_AT]
    if not used:
        return sentences
    structure, end = structure_of(model), time.monotonic() + SECONDS
    scale = np.ones(len(structure.states)) if model.scale is None else np.asarray(model.scale, float)
    # other starts would have other sums
    fixed = conserved(structure).any()
    restless: list[str] = []
    unstable: list[str] = []
    several: list[str] = []
    for one in used:
        if time.monotonic() > end:
            break
        start = np.asarray(model_start(model, one), float)
        found = settled_start(model, structure, one, start)
        if not found.settles:
            restless.append(one.name)
            continue
        if not found.stable:
            unstable.append(one.name)
        starts = [start, *(share * scale for share in ELSEWHERE)]
        if not fixed and sum(each.stable for each in other_steady_states(model, structure, one, starts)) > 1:
            several.append(one.name)
    if restless:
        sentences.append(
            f"The model does not settle in {_named(restless)}: it oscillates, grows without end or takes too long, so that it has no "
            "steady state to compare there."
        )
    if unstable:
        sentences.append(
            f"In {_named(unstable)} the steady state is unstable: small disturbances grow, and an experiment would not stay there."
        )
    if several:
        sentences.append(
            f"In {_named(several)} the model has further stable steady states, which other initial values lead to; the one is "
            "compared that is reached from the initial values of the run."
        )
    return sentences


def _regimen_sentences(model: FittedModel, dataset: Dataset) -> list[str]:
    """On the first trajectory whose doses at steady state have none."""
    for one in dataset.trajectories[:LOOKED_AT]:
        if any(dose.steady_state for dose in one.doses) and (said := unsettled(model, one, initial_state(model, one))):
            return [said]
    return []


def _named(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return shown + (f" and {len(names) - 5} more trajectories" if len(names) > 5 else "")
