"""What the parts of a hybrid model are worth: fits of its relatives to the same data, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from ndestudio.data.dataset import Dataset, Part
from ndestudio.errors import EquationError
from ndestudio.fitting.comparison_result import Compared, Comparison, quiet
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.fit_model import fit, fitted
from ndestudio.fitting.result import Fit, Outcome
from ndestudio.fitting.uncertainty.information_criteria import information
from ndestudio.fitting.validation import held_out_error
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.config import ModelConfig
from ndestudio.model.diffusion import noises_written
from ndestudio.model.encoders import refuse_encoder
from ndestudio.model.parse import parse_system
from ndestudio.model.runs import for_runs
from ndestudio.model.variants import all_neural, without_neural_terms
from ndestudio.progress import Phase, Reporter, SilentReporter

HYBRID, MECHANISTIC, NEURAL, AS_WRITTEN = "hybrid", "mechanistic only", "neural only", "as written"
ALIKE = 1.1
"""Held-out errors within this factor of the least one are no difference."""
CLEAR = 2.0
"""Differences of AICc below this are no difference (Burnham and Anderson 2002, section 2.6)."""


def compare(
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig | None = None,
    reporter: Reporter | None = None,
    *,
    models: Mapping[str, ModelConfig] | None = None,
    known: Fit | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Fit ``config``, its mechanistic part, a plain neural ODE, and any further ``models`` to the same data.

    A model with noise is compared with its drift and errors of measurement, and with both (``noise_comparison``).

    Parameters
    ----------
    models
        Name -> model, compared too.
    known
        The fit of ``config`` with these data and settings, where it is at hand.
    executor
        Who fits; None: one after the other in this process.

    Returns
    -------
    Comparison
        Even of one model, where there is nothing to compare it with. Where it is stopped, of those that were fitted.

    Raises
    ------
    EquationError
        ``config`` or one of ``models`` cannot be used.
    DataError
        ``config`` or one of ``models`` cannot be used.
    DeviceError
        ``config`` or one of ``models`` cannot be used.
    """
    refuse_encoder(config, "the comparison of models")
    train, reporter = train or TrainConfig(), reporter or SilentReporter()
    if noises_written(config, [*dataset.measured_names, *dataset.input_names]):
        if models:
            raise EquationError(
                "further models are not compared with one with noise yet; compare it with its own relatives (leave `models` out)"
            )
        from ndestudio.fitting.noise_comparison import compare_noise

        return compare_noise(config, dataset, train, reporter, known, executor)
    # held-out rows judge, so no model is fitted to them
    train = msgspec.structs.replace(train, all_rows=False)
    known = known if known is None or not known.all_rows else None
    wanted, notes = _relatives(config, dataset)
    for name, other in (models or {}).items():
        if name in wanted:
            raise EquationError(f"there are two models called `{name}`; name them differently")
        parse_system(other, dataset.measured_names, dataset.input_names)
        wanted[name] = (other, "")
    found: list[Compared] = []
    made = {} if executor is None else elsewhere(executor, wanted, config, dataset, train, reporter, known)
    for k, (name, (one, words)) in enumerate(wanted.items()):
        if executor is not None and (done := made.get(name)) is not None:
            found.append(_compared(name, words, one, done, dataset, train, reporter))
        if executor is not None:
            continue
        if reporter.should_stop():
            break
        reporter.emit(Phase("compare", f"{name} ({k + 1} of {len(wanted)})", k + 1, len(wanted)))
        data = replace(dataset, conditions={}) if name == NEURAL else dataset  # it has none of the parameters
        done = known if known is not None and one is config else fit(one, data, train, quiet(reporter))
        if done.outcome is Outcome.STOPPED and done is not known:
            break
        found.append(_compared(name, words, one, done, dataset, train, reporter))
    part = _judging(dataset)
    return _judged(found, part.name.lower() if part is not None else "none", notes, complete=len(found) == len(wanted))


def elsewhere(
    executor: Executor,
    wanted: Mapping[str, tuple[ModelConfig, str]],
    config: ModelConfig,
    dataset: Dataset,
    train: TrainConfig,
    reporter: Reporter,
    known: Fit | None,
) -> dict[str, Fit | None]:
    """The fits by an executor; None where a stop came first, or the fit failed."""
    reporter.emit(Phase("compare", f"{', '.join(wanted)} with {executor.name}", 1, 1))
    left = [name for name, (one, _) in wanted.items() if known is None or one is not config]
    questions = [(wanted[name][0], train, name != NEURAL) for name in left]
    names = [f"The model `{name}`" for name in left]
    fits = gathered(executor, fitted, questions, shared=(dataset, None), names=names, reporter=reporter)
    made = dict(zip(left, fits, strict=True))
    return {name: made.get(name, known) for name in wanted}


def _relatives(config: ModelConfig, dataset: Dataset) -> tuple[dict[str, tuple[ModelConfig, str]], list[str]]:
    measured, inputs = dataset.measured_names, dataset.input_names
    system = parse_system(config, measured, inputs)
    notes: list[str] = []
    if not system.neural_terms:
        return {
            AS_WRITTEN: (config, ""),
            NEURAL: (all_neural(config, measured, inputs), "a network of all states"),
        }, notes
    wanted = {HYBRID: (config, "as written")}
    bare = without_neural_terms(for_runs(config, dataset), measured, inputs)
    if bare is None:
        notes.append("There is no mechanistic model to compare with: without its unknown functions nothing is left.")
    else:
        wanted[MECHANISTIC] = (bare[0], ", ".join(bare[1]))
    neural = all_neural(config, measured, inputs)
    if bare is None and all(
        len(neural_term.arguments) == len(system.states) + len(inputs) for neural_term in system.neural_terms
    ):
        notes.append("The model is a plain neural ODE already.")
    else:
        wanted[NEURAL] = (neural, "a network of all states for each state")
    return wanted, notes


def _compared(
    name: str, words: str, config: ModelConfig, done: Fit, dataset: Dataset, train: TrainConfig, reporter: Reporter
) -> Compared:
    usable = done.outcome is not Outcome.DIVERGED
    criteria = information(done.model, dataset, train, reporter) if usable else None
    part = _judging(dataset)
    held = held_out_error(done.model, dataset, part, train) if part is not None and usable else None
    error = done.metrics.train.get("mean", float("inf"))
    return Compared(name, words, config, done, criteria, error, held if usable or part is None else float("inf"))


def _judging(dataset: Dataset) -> Part | None:
    return next((part for part in (Part.TEST, Part.VALIDATION) if dataset.has(part)), None)


def _judged(found: Sequence[Compared], held: str, notes: list[str], *, complete: bool) -> Comparison:
    if not found:
        return Comparison((), held, "", "The comparison was stopped before a model was fitted.", tuple(notes), False)
    ordered = sorted(found, key=lambda one: _key(one, held))
    chosen = _simplest([one for one in ordered if _as_good(one, ordered[0], held)])
    sentence = _sentence(ordered, chosen, held)
    if not complete:
        sentence += " The comparison was stopped; not all models were fitted."
    return Comparison(tuple(ordered), held, chosen.name, sentence, tuple(notes), complete)


def _criterion(one: Compared) -> float:
    """AICc, or AIC where that cannot be had; infinite without either."""
    if one.information is None:
        return float("inf")
    return one.information.aicc if one.information.aicc is not None else float("inf")


def _key(one: Compared, held: str) -> tuple[float, float]:
    if held == "none":
        return (_criterion(one), one.train_error)
    return (one.held_out if one.held_out is not None else float("inf"), _criterion(one))


def _as_good(one: Compared, best: Compared, held: str) -> bool:
    if held == "none":
        return _criterion(one) <= _criterion(best) + CLEAR or one is best
    return _key(one, held)[0] <= ALIKE * _key(best, held)[0] or one is best


def _simplest(alike: Sequence[Compared]) -> Compared:
    """The one with the fewest effective parameters among models that do as well as each other."""
    return min(alike, key=lambda one: one.information.parameters if one.information is not None else float("inf"))


def _sentence(ordered: Sequence[Compared], chosen: Compared, held: str) -> str:
    others = [one for one in ordered if one is not chosen]
    if not others:
        return f"Only `{chosen.name}` was fitted; there is nothing to compare it with."
    if held == "none":
        figure = f"AICc {_criterion(chosen):.1f}"
        rest = ", ".join(f"{_criterion(one):.1f} ({one.name})" for one in others)
        return f"The data support `{chosen.name}`: {figure} against {rest}. No rows were held out to check it."
    error = f"{held} error {chosen.held_out:.2%} of the spread" if chosen.held_out is not None else "no held-out error"
    rest = ", ".join(f"{_percent(one.held_out)} ({one.name})" for one in others)
    alike = [one.name for one in others if _as_good(one, ordered[0], held)]
    text = f"The data support `{chosen.name}`: {error} against {rest}"
    if alike:
        text += f"; it does as well as {' and '.join(f'`{name}`' for name in alike)} with fewer parameters"
    return f"{text}. {_by_criterion(ordered, chosen)}"


def _by_criterion(ordered: Sequence[Compared], chosen: Compared) -> str:
    best = min(ordered, key=_criterion)
    if _criterion(best) == float("inf"):
        return "Information criteria could not be had."
    gap = _criterion(chosen) - _criterion(best)
    if best is chosen or gap <= CLEAR:
        return "AICc on the training rows agrees."
    return f"AICc on the training rows prefers `{best.name}` (by {gap:.1f}): look at both."


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}" if value < 10 else "diverged"
