"""Drift and diffusion of a trained stochastic model as formulas.

Each network is searched on what the transitions say of it, networks of the diffusion also by their square. The formulas of
shortest description are put back, all constants fitted by the same likelihood as the networks, and the combination is taken that
describes data and formulas in the fewest nats; a constant may win.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.forms import complexity
from ndestudio.distil.result import Distillation, NeuralTermDistillation, NeuralTermSamples, ScoredCandidate
from ndestudio.distil.search import HELD_OUT, search_config
from ndestudio.distil.stochastic.curves import curve_responses
from ndestudio.distil.stochastic.formulas import Formula, ranked
from ndestudio.distil.stochastic.judging import Judge, Judged
from ndestudio.distil.stochastic.responses import Response, responses
from ndestudio.errors import EquationError, SettingError
from ndestudio.expression.text import short_text
from ndestudio.expression.tree import Expr
from ndestudio.fitting.metrics import Metrics
from ndestudio.fitting.stochastic.transitions import transitions
from ndestudio.model.diffusion import diffusion_networks, sde_text
from ndestudio.model.fitted import FittedModel
from ndestudio.progress import CandidateScored, FrontUpdate, Phase, Progress, Reporter
from ndestudio.solve.jax_backend import one_thread
from ndestudio.symbolic.engine import Engine, SearchProblem
from ndestudio.symbolic.front import Candidate, Front

ROUNDS = 3
"""Times that the formulas of each network are tried beside the best ones of the others."""
PARTS = 2
CLOSE, MOST_EXACT = 10.0, 6
"""Nats between lengths that are compared exactly, and how many are."""
HOPELESS = 60.0
"""Nats by which a formula describes what transitions say of its network worse than another, so that it is not fitted."""
SECONDS = 8.0
"""Longest search of one response, where nothing else was said: rows are few and noisy, and long formulas only chase the noise."""


@dataclass
class _Searched:
    """What is known of one network."""

    name: str
    direct: Response
    squared: Response | None
    front: Front
    formulas: list[Formula]
    tried: dict[str, tuple[Expr, Judged]] = field(default_factory=dict)


def distil_stochastic(
    model: FittedModel,
    dataset: Dataset,
    config: DistilConfig,
    reporter: Reporter,
    engine: Engine,
    neural_terms: Sequence[str],
) -> Distillation:
    """Formulas for networks in drift and diffusion.

    Raises
    ------
    SettingError
        A setting that this search does not honour.
    """
    _refuse(config)
    seconds: dict[str, float] = {}
    begun = time.perf_counter()
    with one_thread():
        searched = []
        known = curve_responses(model, list(neural_terms), transitions(model, dataset)) or {}
        for k, name in enumerate(neural_terms):
            if reporter.should_stop():
                break
            reporter.emit(Phase("search", f"Searching formulas for {name}", k + 1, len(neural_terms) + 1))
            searched.append(_search(model, dataset, name, known.get(name), config, reporter, engine))
        seconds["search"] = time.perf_counter() - begun
        if len(searched) < len(neural_terms) or not all(one.formulas for one in searched):
            missing = next((one.name for one in searched if not one.formulas), "")
            why = f"no formula was found for `{missing}`" if missing else "stopped before every network was searched"
            return _nothing(model, config, engine.name, why, stopped=not missing)
        reporter.emit(
            Phase("refit", "Fitting the formulas by the likelihood", len(neural_terms) + 1, len(neural_terms) + 1)
        )
        judge = Judge(model, dataset, {one.name: one.direct for one in searched}, PARTS)
        best = _chosen(judge, searched, reporter)
        seconds["refit"] = time.perf_counter() - begun - seconds["search"]
        if best is None:
            return _nothing(model, config, engine.name, "no formula has a likelihood in the equations", stopped=False)
        found = {one.name: _described(model, one, best, reporter, len(judge.data)) for one in searched}
        limits = best.intervals()
    notes = tuple(
        f"`{name}` {best.model.parameters[name]:.4g} ({low:.4g} to {high:.4g})" for name, (low, high) in limits.items()
    )
    told = "; ".join(f"`{name}` = {short_text(expr, 4)}" for name, expr in best.formulas.items())
    stopped = reporter.should_stop()
    sentence = f"{told}. Mean log likelihood of a transition {best.train:.4g}"
    sentence += f", held out {best.held_out:.4g}." if np.isfinite(best.held_out) else "."
    return Distillation(
        "stopped" if stopped else "done",
        sentence,
        found,
        best.model,
        Metrics(),
        engine.name,
        config.seed,
        seconds,
        (*notes, *sde_text(best.model.system)),
        intervals=limits,
    )


def _refuse(config: DistilConfig) -> None:
    for name in ("guesses", "templates"):
        if getattr(config, name):
            raise SettingError(f"[distil] {name} has no effect on models with noise yet; leave it out")
    if config.units:
        raise SettingError("[distil] units has no effect on models with noise yet; leave it out")
    if not config.refit:
        raise SettingError(
            "[distil] refit = false has no effect on models with noise, whose formulas are chosen by refits"
        )


def _search(
    model: FittedModel,
    dataset: Dataset,
    name: str,
    known: tuple[Response, Response] | None,
    config: DistilConfig,
    reporter: Reporter,
    engine: Engine,
) -> _Searched:
    data = transitions(model, dataset)
    direct, squared = responses(model, name, data, PARTS) if known is None else known
    arguments = model.networks[name].arguments
    spreads = name in diffusion_networks(model.system)
    front, found = _fronts(direct, arguments, config, reporter, engine, name)
    found_squared: list[Expr] = []
    if spreads:
        _, found_squared = _fronts(squared, arguments, config, reporter, engine, None)
    formulas = ranked(
        arguments, direct, squared if spreads else None, found, found_squared, len(data), max(config.candidates, 2)
    )
    return _Searched(name, direct, squared if spreads else None, front, formulas)


def _fronts(
    response: Response,
    arguments: tuple[str, ...],
    config: DistilConfig,
    reporter: Reporter,
    engine: Engine,
    name: str | None,
) -> tuple[Front, list[Expr]]:
    """The engine's front on a response."""
    spread = float(np.std(response.y)) or 1.0
    noise = float(np.sqrt(1.0 / np.mean(response.information))) / spread
    settings = search_config(config, float(np.clip(noise, 1e-6, 1.0)))
    import msgspec

    if config.evaluations is None and settings.seconds is not None:
        settings = msgspec.structs.replace(settings, seconds=min(settings.seconds, SECONDS), settle=400_000)
    held = np.random.default_rng([config.seed, 1]).random(len(response.y)) < HELD_OUT
    weights = response.information / np.mean(response.information)
    problem = SearchProblem(
        X=response.X[~held],
        y=response.y[~held],
        names=arguments,
        weights=weights[~held],
        X_held_out=response.X[held],
        y_held_out=response.y[held],
    )

    def told(front: Front) -> None:
        if name is not None:
            reporter.emit(FrontUpdate(name, front))

    result = engine.search(problem, settings, reporter, told)
    told(result.front)
    return result.front, [one.expression for one in result.front.candidates]


def _chosen(judge: Judge, searched: Sequence[_Searched], reporter: Reporter) -> Judged | None:
    """The combination of shortest description: each network's formulas in turn beside the best of the others."""
    current = {one.name: min(one.formulas, key=lambda each: each.nats).expression for one in searched}
    best = judge.judge(current)
    total = ROUNDS * sum(len(one.formulas) for one in searched)
    done = 0
    for _ in range(ROUNDS):
        before = dict(current)
        for one in searched:
            for formula in one.formulas:
                done += 1
                if formula.nats > min(each.nats for each in one.formulas) + HOPELESS:
                    continue
                if reporter.should_stop():
                    return best
                trial = judge.judge({**current, one.name: formula.expression})
                reporter.emit(Progress(done / total))
                if trial is None:
                    continue
                one.tried[repr(formula.expression)] = (formula.expression, trial)
                if best is None or trial.nats < best.nats - 1e-9:
                    best, current[one.name] = trial, formula.expression
        if current == before:
            break
    return best if best is None else _nearest(judge, best, searched)


def _nearest(judge: Judge, best: Judged, searched: Sequence[_Searched]) -> Judged:
    """The shortest of those whose lengths are too near to each other for quick likelihoods."""
    rivals = {id(trial): trial for one in searched for _, trial in one.tried.values()}
    near = sorted((one for one in rivals.values() if one.nats < best.nats + CLOSE), key=lambda one: one.nats)
    if len(near) < 2 or best.likelihood.grid is None:
        return best
    exact = {}
    for one in near[:MOST_EXACT]:
        found = judge.exactly(one)
        if found is not None:
            exact[id(one)] = found
    if not exact:
        return best
    for one in searched:
        one.tried = {key: (expr, exact.get(id(trial), trial)) for key, (expr, trial) in one.tried.items()}
    return min(exact.values(), key=lambda one: one.nats)


def _described(
    model: FittedModel, one: _Searched, best: Judged, reporter: Reporter, count: int
) -> NeuralTermDistillation:
    """The network's formulas beside the chosen one, by complexity."""
    arguments = model.networks[one.name].arguments
    samples = NeuralTermSamples(
        one.name, arguments, one.direct.X, one.direct.y, one.direct.information / np.mean(one.direct.information)
    )
    variance = max(
        float(np.average((samples.y - np.average(samples.y, weights=samples.weights)) ** 2, weights=samples.weights)),
        1e-300,
    )
    rows = []
    for _, trial in one.tried.values():
        expr = trial.formulas[one.name]
        values = _values(expr, arguments, samples)
        loss = float(np.average((samples.y - values) ** 2, weights=samples.weights)) / variance
        rows.append(
            (
                complexity(expr),
                trial.nats,
                ScoredCandidate(Candidate(complexity(expr), loss, expr), trial.model, Metrics()),
                trial,
            )
        )
    rows.sort(key=lambda row: row[:2])
    chosen = next((k for k, row in enumerate(rows) if row[3] is best), -1)
    if chosen < 0:
        chosen = min(range(len(rows)), key=lambda k: rows[k][1]) if rows else -1
    for k, row in enumerate(rows):
        reporter.emit(CandidateScored(one.name, k, row[2]))
    others = [row[1] - best.nats for k, row in enumerate(rows) if k != chosen]
    lead = f"; the next best formula is {min(others):.1f} nats longer" if others else ""
    reason = f"The shortest description of {count} transitions and the formulas together{lead}"
    return NeuralTermDistillation(samples, one.front, tuple(row[2] for row in rows), chosen, reason)


def _values(expr: Expr, arguments: tuple[str, ...], samples: NeuralTermSamples) -> np.ndarray:
    from ndestudio.expression.numeric import evaluate

    try:
        found = evaluate(expr, dict(zip(arguments, samples.X.T, strict=True)))
    except EquationError:
        found = np.nan
    return np.broadcast_to(found, samples.y.shape)


def _nothing(model: FittedModel, config: DistilConfig, engine: str, why: str, *, stopped: bool) -> Distillation:
    outcome = "stopped" if stopped else "failed"
    return Distillation(outcome, f"{why[0].upper()}{why[1:]}.", {}, model, Metrics(), engine, config.seed)
