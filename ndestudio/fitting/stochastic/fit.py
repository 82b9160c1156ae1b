"""Fit a stochastic model by the likelihood of its transitions; never by squared errors, which shrink the noise to nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np

from ndestudio.data.dataset import Dataset, Part
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.result import Checkpoint, Fit, Outcome, StageHistory
from ndestudio.fitting.stochastic.check import hausman, intervals
from ndestudio.fitting.stochastic.descent import Ended, Theta, Watcher, descend, scoring
from ndestudio.fitting.stochastic.filter_fit import fit_filtered
from ndestudio.fitting.stochastic.grid_choice import EXACT, MOST_GRIDS, fitted_on_grid, grid_of
from ndestudio.fitting.stochastic.likelihood import TransitionLikelihood, autonomous, check_density
from ndestudio.fitting.stochastic.refusals import refuse_settings
from ndestudio.fitting.stochastic.residuals import one_step
from ndestudio.fitting.stochastic.result import StochasticFit
from ndestudio.fitting.stochastic.space import stochastic_space
from ndestudio.fitting.stochastic.transitions import Transitions, transitions
from ndestudio.model.diffusion import sde_text
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.space import Space
from ndestudio.progress import FitSnapshot, Note, Phase, Reporter, SilentReporter
from ndestudio.solve.jax_backend import device, one_thread, plain_cpu

STEPS = {"quick": (40, 30), "balanced": (100, 60), "thorough": (500, 500)}
"""Steps of training networks by the first density, and by the one that counts."""
SECONDS = {"quick": 15.0, "balanced": 60.0, "thorough": 300.0}
WEIGHT_PRIOR = 1.0
"""Penalty on weights in nats: half their sum of squares, a standard normal prior."""
SAME = 0.5
"""Nats by which a better density must change the likelihood to be used."""
SUPPORT = 2000
"""Samples of the arguments of a network that are kept."""


@dataclass
class _Run:
    """What goes on while a model is fitted."""

    model: FittedModel
    dataset: Dataset
    train: TrainConfig
    reporter: Reporter
    watcher: Watcher
    space: Space
    notes: list[str] = field(default_factory=list)
    held: Transitions | None = None

    def note(self, text: str, level: str = "warning") -> None:
        self.notes.append(text)
        self.reporter.emit(Note(text, level))


def fit_stochastic(
    model: FittedModel, dataset: Dataset, train: TrainConfig | None = None, reporter: Reporter | None = None
) -> Fit:
    """Fit a stochastic model by the likelihood of the transitions between its measurements.

    Parameters
    ----------
    model
        With start values and fresh networks.

    Returns
    -------
    Fit
        With ``Fit.stochastic``; its errors of whole trajectories are empty, since a path of a stochastic model is no prediction.

    Raises
    ------
    DataError
        A state is not measured.
    SpecError
        A setting that stochastic models do not have.
    """
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    refuse_settings(model, dataset, train)
    if train.estimates_noise:
        with one_thread():
            return fit_filtered(model, dataset, train, reporter)
    begun = time.perf_counter()
    limit = train.time_limit if train.time_limit is not None else SECONDS[train.preset]
    reporter.emit(Phase("preparing", "transitions between measurements"))
    space = stochastic_space(model)
    data = transitions(model, dataset)
    watcher = Watcher(reporter, begun + limit, space.parameters, lambda x: x)
    watcher.model = lambda theta: space.fitted(theta, {})
    run = _Run(model, dataset, train, reporter, watcher, space)
    if data.gaps:
        run.note(f"{data.gaps} gaps, more than 8 usual steps long, are left out.", "info")
    likelihood = TransitionLikelihood(space, data, "euler")
    theta, reason = space.theta, "converged"
    try:
        with one_thread():
            theta, likelihood, reason = _optimised(run, likelihood)
    except Ended as ended:
        reason = ended.reason
        theta = watcher.last if watcher.last is not None else space.theta
        if isinstance(watcher.likelihood, TransitionLikelihood):
            likelihood = watcher.likelihood
    with one_thread():
        return _finished(run, likelihood, theta, reason, begun)


def _optimised(run: _Run, likelihood: TransitionLikelihood) -> tuple[Theta, TransitionLikelihood, str]:
    """A good start by Euler-Maruyama, then the density that counts."""
    train, space, watcher = run.train, run.space, run.watcher
    open_terms = bool(space.structure.neural_terms)
    dynamics = likelihood.dynamics
    if train.density != "auto":
        check_density(train.density, dynamics)
    theta, reason = space.theta, "converged"
    first, second = STEPS[train.preset]
    held = transitions(run.model, run.dataset, Part.VALIDATION) if run.dataset.has(Part.VALIDATION) else None
    if not np.isfinite(likelihood.negative(theta)[0]):
        likelihood = replace(likelihood, density="moments")
        if not np.isfinite(likelihood.negative(theta)[0]):
            return theta, likelihood, "stuck"
    run.reporter.emit(Phase("likelihood", f"likelihood of {len(likelihood.transitions)} transitions"))
    watcher.follow(likelihood, held if open_terms else None)
    if open_terms:
        theta, reason = descend(likelihood, theta, watcher, steps=first, l2=_l2(train))
    else:
        theta, _ = descend(likelihood, theta, watcher, steps=first)
        theta, reason = scoring(likelihood, theta, watcher)
    if train.density == likelihood.density:
        return theta, likelihood, reason
    better = _better(run, likelihood, theta)
    if better is likelihood:
        return theta, likelihood, reason
    run.held = held if open_terms else None
    watcher.follow(better, run.held)
    if better.grid is not None:
        return _on_grids(run, better, theta)
    if open_terms:
        theta, reason = descend(better, theta, watcher, steps=second, l2=_l2(train))
        exact = -float(np.sum(better.each(theta)))
        if better.nodes is not None and not abs(better.negative(theta)[0] - exact) < SAME:
            better = replace(better, nodes=None)
            watcher.follow(better, run.held)
            theta, reason = descend(better, theta, watcher, steps=second, l2=_l2(train))
    else:
        theta, reason = scoring(better, theta, watcher)
    return theta, better, reason


def _on_grids(run: _Run, likelihood: TransitionLikelihood, theta: Theta) -> tuple[Theta, TransitionLikelihood, str]:
    """The largest likelihood on grids that follow the model."""
    if not run.space.structure.neural_terms:
        found = fitted_on_grid(likelihood, theta, run.watcher, steps=40)
        if found is None:
            theta, reason = scoring(likelihood, theta, run.watcher)
            return theta, likelihood, reason
        return found[1], found[0], found[2]
    reason = "converged"
    for _ in range(MOST_GRIDS):
        theta, reason = descend(likelihood, theta, run.watcher, steps=STEPS[run.train.preset][1], l2=_l2(run.train))
        grid = grid_of(run.space.fitted(theta, {}), likelihood.transitions)
        if grid is None:
            break
        moved = replace(likelihood, grid=grid)
        change = abs(float(np.sum(moved.each(theta) - likelihood.each(theta))))
        likelihood = moved
        if reason == "converged" and change < EXACT:
            break
        run.watcher.follow(likelihood, run.held)
    return theta, likelihood, reason


def _better(run: _Run, likelihood: TransitionLikelihood, theta: Theta) -> TransitionLikelihood:
    """The likelihood that counts: the one asked for, or the cheapest whose error is below half a nat."""
    asked = run.train.density
    if asked == "grid" or (
        asked == "auto" and len(likelihood.dynamics.states) == 1 and autonomous(likelihood.dynamics)
    ):
        grid = grid_of(run.space.fitted(theta, {}), likelihood.transitions)
        if grid is not None:
            return replace(likelihood, density="grid", grid=grid)
        if asked == "grid":
            run.note("The density `grid` needs steps of one length and states it can hold; moment equations are used.")
    if asked in ("euler", "milstein", "taylor"):
        return replace(likelihood, density=asked)
    parts = 1
    if asked == "auto" and likelihood.dynamics.neural_terms:
        near, far = (replace(likelihood, density=name, parts=1) for name in ("taylor", "moments"))
        if abs(float(np.sum(far.each(theta) - near.each(theta)))) < SAME:
            return near
    coarse = replace(likelihood, density="linear" if asked == "linear" else "moments", parts=1)
    while parts < 8:
        fine = replace(coarse, parts=2 * parts)
        if abs(float(np.sum(fine.each(theta) - coarse.each(theta)))) < SAME:
            break
        coarse, parts = fine, 2 * parts
    return coarse.with_nodes()


def _l2(train: TrainConfig) -> float:
    return WEIGHT_PRIOR if train.l2 is None else train.l2


def _finished(run: _Run, likelihood: TransitionLikelihood, theta: Theta, reason: str, begun: float) -> Fit:
    space, dataset = run.space, run.dataset
    run.reporter.emit(Phase("validating", "likelihood of held-out transitions"))
    model = with_supports(space.fitted(theta, {}), dataset)
    value = -float(np.sum(likelihood.each(theta)))
    failed = reason == "stuck" or not np.isfinite(value)
    found, thinned = {}, {}
    if not failed and not space.structure.neural_terms and len(likelihood.free):
        found = intervals(likelihood, theta)
        check = hausman(run.model, dataset, likelihood, theta)
        thinned = check.thinned
        for text in check.sentences:
            run.note(text)
    likelihoods = {} if failed else _parts(model, dataset, likelihood, theta)
    known = sde_text(model.system)
    described = StochasticFit(likelihood.density, likelihood.count, likelihoods, tuple(known), {}, thinned)
    outcome, sentence = _judged(reason, failed, likelihood, likelihoods)
    steps = np.array(run.watcher.losses or [(0, value / likelihood.count, np.nan)])
    seconds = time.perf_counter() - begun
    history = StageHistory("likelihood", steps[:, 0], steps[:, 1], steps[:, 2], seconds)
    last = Checkpoint("likelihood", len(steps), value / likelihood.count, likelihoods.get("validation"), model)
    run.reporter.emit(FitSnapshot("likelihood", len(steps), model, {} if failed else one_step(model, dataset)))
    return Fit(
        outcome=outcome,
        sentence=sentence,
        model=model,
        metrics=Metrics(),
        seed=run.train.seed,
        device=device("cpu")[1] if space.structure.neural_terms else plain_cpu(),
        history=(history,),
        checkpoints=(*run.watcher.moments, last),
        seconds={"likelihood": seconds, "total": seconds},
        intervals=found,
        notes=tuple(run.notes),
        stochastic=described,
    )


def _parts(model: FittedModel, dataset: Dataset, likelihood: TransitionLikelihood, theta: Theta) -> dict[str, float]:
    """Mean log likelihood of a transition in each part of the data."""
    found = {"train": float(np.mean(likelihood.each(theta)))}
    for name, part in (("validation", Part.VALIDATION), ("test", Part.TEST)):
        if dataset.has(part):
            data = transitions(model, dataset, part)
            if len(data):
                found[name] = float(np.mean(likelihood.on(data).each(theta)))
    return found


def _judged(
    reason: str, failed: bool, likelihood: TransitionLikelihood, values: dict[str, float]
) -> tuple[Outcome, str]:
    if failed:
        return Outcome.DIVERGED, (
            "The likelihood has no value at the start: the drift or the diffusion is not finite at some measurement, or no noise "
            "reaches a state. Look at the start values and at roots and logarithms in the equations."
        )
    how = {
        "euler": "Euler-Maruyama",
        "milstein": "Milstein",
        "taylor": "moments to second order of the step",
        "linear": "local linearisation",
        "moments": "moment equations",
        "grid": "short steps on a grid of states",
    }[likelihood.density]
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    sentence = (
        f"Fitted by the likelihood of {likelihood.count} transitions ({how}); mean log likelihood of one: {told}."
    )
    if reason == "stopped":
        return Outcome.STOPPED, f"Stopped. {sentence}"
    if reason in ("time", "limit"):
        return Outcome.LIMIT, f"The search ended before it stood still. {sentence}"
    return Outcome.CONVERGED, sentence


def with_supports(model: FittedModel, dataset: Dataset) -> FittedModel:
    """The model whose networks know where the measurements were."""
    from ndestudio.fitting.stochastic.arguments import call_arguments

    if not model.networks:
        return model
    data = transitions(model, dataset)
    networks = {}
    for name, network in model.networks.items():
        points = call_arguments(model, name, data.t, data.y, data.u)
        some = points[:: max(1, len(points) // SUPPORT)]
        networks[name] = replace(network, support=some)
    return replace(model, networks=networks)
