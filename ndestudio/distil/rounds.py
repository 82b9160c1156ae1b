"""All unknown terms decided by the data together: searched, put together, refitted through the solver, and again.

A round takes a model as the reference (first the trained one), asks how the data answer to changes of each term
(``response``), searches formulas for each on that, and fits combinations of the best ones together. The best combination,
its numbers fitted through the solver, is the reference of the next round: the linearisation then is that of nearly the
right model. Rounds end when the structure that was taken comes back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import msgspec
import numpy as np

from ndestudio.data.dataset import Dataset
from ndestudio.distil.asked import Asked, asked_of
from ndestudio.distil.config import DistilConfig
from ndestudio.distil.description import formula_nats, is_sound
from ndestudio.distil.laws import law_starts
from ndestudio.distil.linearised import (
    Fitted,
    TermData,
    evaluate_at,
    fit_term,
    fit_together,
    nearest,
    quotient_by,
    sums_of_known,
    sums_of_powers,
    sums_with_waves,
    term_data,
    with_noise_unknown,
)
from ndestudio.distil.neighbours import neighbours
from ndestudio.distil.reference_path import curves_of
from ndestudio.distil.response import Response, TermResponse, linear_response
from ndestudio.distil.scoring import Judge, Trial
from ndestudio.distil.search import (
    fitting_library,
    search_config,
    skeleton,
    uses_only,
)
from ndestudio.distil.shapes import sums_with_shapes
from ndestudio.distil.units import fitting_guesses
from ndestudio.distil.weak_form import weak_responses
from ndestudio.errors import EquationError
from ndestudio.expression.numeric import fold
from ndestudio.expression.tree import Call, Expr, Name, Number, calls, size, transform
from ndestudio.jobs.executors import Executor, gathered
from ndestudio.model.config import NetworkConfig
from ndestudio.model.fitted import FittedModel
from ndestudio.model.replace import replace_neural_term
from ndestudio.progress import FrontUpdate, Reporter
from ndestudio.symbolic.engine import Engine, SearchConfig, SearchProblem, SearchResult
from ndestudio.symbolic.front import Front
from ndestudio.symbolic.postfix import fits_the_engine

MOST_ROUNDS = 4
POOL, ALSO, SHARED = 8, 2, 4
"""Formulas of each term that are kept, those that are beside them should the noise be larger than was found, and those whose
summands are tried in other terms."""
COMBINED = 24
"""Combinations fitted together in the linearised world."""
AGREED = 2
"""Places among the formulas of the weak form in which those of a combination stand for it not to be asked again."""
WEAK_ROUNDS, WEAK_POOL, WEAK_COMBINED, LIKELIEST, NEIGHBOURED = 2, 6, 12, 10, 3
"""Rounds in which the weak form proposes formulas too, how many of each term, combinations of these alone that are fitted
together, sums without a shape that are fitted, and formulas whose neighbours are."""
TRIED = 4
"""Combinations whose numbers are fitted through the solver, and by how many nats they may be longer than the best."""
MARGIN, WORTH_A_LOOK = 8.0, 3.0
DETERMINED, MORE_DETERMINED, SAME, COMPARED = 6.0, 3.0, 1e-3, 80
"""Nats by which other forms have to be longer for the data to determine one, and those that are the same with a summand more, which
is worth about so much where it follows nothing but noise; part of a term's spread by which another form has to
differ from its own, whatever its numbers; points at which they are compared."""
LONGEST_CERTAIN = 20.0
"""Nats of a formula from which on a search is not taken to have seen all that would do as well: in ``benchmarks/discovery``
187 of 195 shorter ones that were told as determined were right, of 8 longer ones one."""
LM_STEPS = 30
SETTLE, SETTLE_AGAIN = 4_000, 2_000
AT_NOISE = 4.0
"""Standard deviations of the sum of squares within which nothing but noise is left."""
FOLLOWS, CERTAIN = 10, 0.95
"""Numbers of its own with which a network follows values at most where it leaves their noise out, and the level of the test."""
MOST_GUESSED, MOST_LAWS = 12, 12
WAVES = ("sin", "cos")
NEAR_ZERO = 0.03
"""Part of its largest value by which a smooth curve through a positive state may fall below zero."""
SHOWN, SHOWN_POOL = 6, 3
"""Formulas of a term that are simulated to be shown, at most, and how many of them because they describe the data well."""


@dataclass(frozen=True, eq=False)
class Round:
    """What a round came to: searches, the best formulas of each term (by length), combinations by length."""

    response: Response
    searches: Mapping[str, SearchResult]
    pools: Mapping[str, Sequence[Fitted]]
    combinations: Sequence[Fitted]
    searched_again: bool


@dataclass(frozen=True, eq=False)
class Decided:
    """What the rounds came to: the last of them, and trials of the best combinations, the shortest description first."""

    last: Round
    trials: tuple[Trial, ...]
    pieces: bool

    @property
    def searches(self) -> Mapping[str, SearchResult]:
        return self.last.searches

    def certainty(self, name: str, best: Trial) -> str:
        """Whether the data determine the form of a term, a sentence.

        They do where the description by the best combination leaves only noise, and is shorter by ``DETERMINED`` nats than
        every one with another form of the term that was found, the other terms as they are or otherwise, and by
        ``MORE_DETERMINED`` nats than what is the same form with something more, and where it is no longer than
        ``LONGEST_CERTAIN``.
        """
        from ndestudio.expression import to_text

        response, chosen = self.last.response, best.expressions
        mine = fit_together(response, chosen)
        term, form = response.terms[name], mine.formulas[name]
        beside = [fit_together(response, {**chosen, name: one.formulas[name]}) for one in self.last.pools[name]]
        others: list[tuple[float, float, Expr]] = []
        for one in (*self.last.combinations, *beside):
            other = one.formulas[name]
            if np.isfinite(one.length) and not _is_of_form(other, form, term):
                enough = MORE_DETERMINED if _is_of_form(form, other, term) else DETERMINED
                others.append((one.length - mine.length - enough, one.length - mine.length, other))
        if not at_noise(mine.squares, response.count):
            return "The data do not tell this form for certain: more than noise is left"
        if formula_nats(form) > LONGEST_CERTAIN:
            return "The data do not tell this form for certain: of formulas as long as this one too many may do as well"
        if not others:
            return "The data determine this form: nothing else that was found comes near"
        spare, gap, other = min(others, key=lambda one: one[0])
        text = to_text(other)
        if spare >= 0.0:
            return f"The data determine this form: the next best, `{text}`, describes them {gap:.0f} nats longer"
        if gap >= 0.0:
            return f"The data do not tell this form from `{text}`, which describes them {gap:.1f} nats longer"
        return f"The data do not tell this form from `{text}`, which describes them {-gap:.1f} nats shorter"

    def promising(self, formulas: Mapping[str, Expr], best: Mapping[str, Expr]) -> bool:
        """Whether ``formulas``, fitted in the linearised world, are nearly as short a description as ``best``."""
        lengths = [fit_together(self.last.response, one).length for one in (formulas, best)]
        return bool(lengths[0] < lengths[1] + WORTH_A_LOOK)

    def alternatives(self, name: str, best: Trial, count: int) -> list[Expr]:
        """Formulas of a term to be shown beside that of ``best``: what else describes the data, and what is simpler."""
        found = [best.expressions[name], *(trial.expressions[name] for trial in self.trials)]
        found += [one.formulas[name] for one in self.last.pools[name][:SHOWN_POOL]]
        front = self.last.searches[name].front.candidates
        found += [one.expression for one in sorted(front, key=lambda one: -one.score)]
        distinct: dict[str, Expr] = {}
        term = self.last.response.terms[name]
        for formula in found:
            if formula is not found[0] and not is_sound(formula, term.arguments, term.points):
                continue
            distinct.setdefault(skeleton(formula), formula)
        return list(distinct.values())[: max(1, min(count, SHOWN))]


@dataclass
class Rounds:
    """The rounds for one trained model."""

    model: FittedModel
    dataset: Dataset
    config: DistilConfig
    engine: Engine
    reporter: Reporter
    judge: Judge
    names: Sequence[str]
    operators: tuple[str, ...]
    trials: dict[str, Trial] = field(default_factory=dict)
    pieces: bool = False
    executor: Executor | None = None

    def run(self) -> Decided | None:
        """Rounds until the same structure comes back; None where the data cannot be asked this way."""
        response = self._response(None)
        if response is None:
            return None
        last: Round | None = None
        best: Trial | None = None
        seen: set[str] = set()
        reference: FittedModel | None = None
        agreed = False
        for number in range(MOST_ROUNDS):
            weak = self.by_weak_form(reference) if number < WEAK_ROUNDS and not agreed else {}
            found = self._round(response, last, weak, SETTLE if number == 0 else SETTLE_AGAIN)
            if found is None or self.reporter.should_stop():
                break
            last = found
            self.pieces = response.pieces
            combination = found.combinations[0]
            key = _key(combination.formulas)
            agreed = bool(weak) and self._agrees(combination, weak)
            if key in seen:
                break
            usable = self._first_usable(response, found.combinations)
            if usable is not None:
                used, best = usable
                seen.add(_key(used.formulas))
                reference = best.model
            else:
                reference = self._started(response, combination)
            response = self._response(reference)
            if response is None:
                break
        if last is None or best is None:
            return None
        return Decided(last, tuple(self._best(last)), self.pieces)

    def _first_usable(self, response: Response, combinations: Sequence[Fitted]) -> tuple[Fitted, Trial] | None:
        """The shortest of the likely combinations that can be simulated, refitted; None where none can."""
        limit = combinations[0].length + MARGIN
        for one in [one for one in combinations if one.length <= limit][:TRIED]:
            trial = self._tried(one, self._started(response, one))
            if trial is not None and trial.scores.usable:
                return one, trial
        return None

    def _started(self, response: Response, combination: Fitted) -> FittedModel:
        """The model with the formulas of a combination, and the parameters of its known part that go with them."""
        values = {
            name: evaluate_at(combination.formulas[name], term.arguments, term.points)
            for name, term in response.terms.items()
        }
        model = replace(self.model, parameters={**self.model.parameters, **response.parameters(values)})
        if not response.own_path:  # it does not follow the data, and neither do its starts
            model = replace(model, initial={})
        for name, formula in combination.formulas.items():
            model = replace_neural_term(model, name, formula)
        return model

    def _response(self, instead: FittedModel | None) -> Response | None:
        with np.errstate(all="ignore"):
            return linear_response(self.model, self.dataset, self.judge.candidates.measure, self.names, instead)

    def _agrees(self, combination: Fitted, weak: Mapping[str, Sequence[Expr]]) -> bool:
        """Whether the weak form has the same structures among its shortest."""
        return all(
            skeleton(combination.formulas[name]) in {skeleton(one) for one in weak[name][:AGREED]}
            for name in self.names
        )

    def by_weak_form(self, reference: FittedModel | None) -> dict[str, list[Expr]]:
        """What describes each term shortly in the weak form, the best first; empty where it cannot be asked."""
        measure = self.judge.candidates.measure
        with np.errstate(all="ignore"):
            paths = curves_of(self.model, self.dataset, measure)
            responses = weak_responses(self.model, measure, self.names, paths, reference) if paths else []
        if not responses:
            return {}
        found: dict[str, dict[str, tuple[int, Expr]]] = {name: {} for name in self.names}
        for response, name in product(responses, self.names):
            if self.reporter.should_stop():
                break
            for rank, formula in enumerate(self._shortest_sums(term_data(response, name))[:WEAK_POOL]):
                key = skeleton(formula)
                if key not in found[name] or rank < found[name][key][0]:
                    found[name][key] = (rank, formula)
        ranked = {name: sorted(known.values(), key=lambda one: one[0]) for name, known in found.items()}
        return {name: [formula for _, formula in known[:WEAK_POOL]] for name, known in ranked.items()}

    def _round(
        self, response: Response, before: Round | None, weak: Mapping[str, Sequence[Expr]], settle: int
    ) -> Round | None:
        data = {name: term_data(response, name) for name in self.names}
        if before is not None and before.searched_again:  # what was found may be all that the data ask for
            pools = {n: self._pool(data[n], [one.formulas[n] for one in before.pools[n]]) for n in self.names}
            found = self._combined(response, before.searches, pools, weak, True)
            if found is not None and found.combinations[0].squares <= _most_noise(response.count):
                return found
        searches, pools = {}, {}
        together = self._searched_together(data, before, settle)
        for name in self.names:
            known = [] if before is None else [one.formulas[name] for one in before.pools[name]]
            made = together.get(name) or self._searched(data[name], known, settle, first=before is None)
            result = made[0]
            found = [c.expression for one in made for c in one.front.candidates]
            if before is None:
                found += [*self._lawful(data[name]), *self._guessed(name)]
            if self.reporter.should_stop():
                return None
            self.reporter.emit(FrontUpdate(name, result.front))
            searches[name] = result
            pools[name] = self._pool(data[name], [*known, *found, *weak.get(name, ()), *self._shaped(data[name])])
        shared = [one.formulas[name] for name in self.names for one in pools[name][:SHARED]]
        for name in self.names:
            own, asked = [one.formulas[name] for one in pools[name]], self._asked(name)
            if not asked.factors:
                pools[name] = self._pool(data[name], own + sums_of_known(data[name], shared))
        return self._combined(response, searches, pools, weak, before is not None)

    def _combined(
        self,
        response: Response,
        searches: Mapping[str, SearchResult],
        pools: Mapping[str, Sequence[Fitted]],
        weak: Mapping[str, Sequence[Expr]],
        again: bool,
    ) -> Round | None:
        if not all(pools.values()):
            return None
        ranks = product(*[range(len(pools[name])) for name in self.names])
        likely = sorted(ranks, key=lambda k: sum(pools[n][i].length for n, i in zip(self.names, k, strict=True)))
        chosen = [{n: pools[n][i].formulas[n] for n, i in zip(self.names, k, strict=True)} for k in likely[:COMBINED]]
        if weak and all(weak.values()):
            ranks = sorted(product(*[range(len(weak[name])) for name in self.names]), key=sum)
            chosen += [{n: weak[n][i] for n, i in zip(self.names, k, strict=True)} for k in ranks[:WEAK_COMBINED]]
        together = _fitted_together(response, chosen)
        if together:
            others = {n: [*(one.formulas[n] for one in pools[n]), *weak.get(n, ())] for n in self.names}
            together = self._exchanged(response, together, others)
        return Round(response, searches, pools, together, again) if together else None

    def _exchanged(
        self, response: Response, together: list[Fitted], others: Mapping[str, Sequence[Expr]]
    ) -> list[Fitted]:
        """``together`` and what comes of exchanging one formula of the best for one of ``others``, as long as that is shorter."""
        for name in self.names if len(self.names) > 1 else ():
            best = together[0]
            tried = {_key(one.formulas) for one in together}
            changed = ({**best.formulas, name: formula} for formula in others[name])
            together = _by_length(
                [*together, *_fitted_together(response, [c for c in changed if _key(c) not in tried])]
            )
        return together

    def _as_rate(self, data: TermData) -> Asked | None:
        """A term in the equation of a positive state it reads, as that state times a rate: growth, decay and uptake are."""
        if self._asked(data.name).factors:
            return None
        for state, expr in zip(self.model.system.states, self.model.system.rhs, strict=True):
            inside = any(call.function == data.name for call in calls(expr, self.names))
            if not inside or state not in data.arguments:
                continue
            values = data.points[:, data.arguments.index(state)]
            if float(values.min()) > -NEAR_ZERO * float(values.max()):
                return asked_of(NetworkConfig(factor=(state,)), data.arguments)
        return None

    def _searched(self, data: TermData, known: Sequence[Expr], settle: int, *, first: bool) -> list[SearchResult]:
        """A term searched, and in the first round as a rate too where it may be one."""
        made = [self._search(data, known, settle, self._asked(data.name))]
        rate = self._as_rate(data) if first else None
        if rate is not None and not self.reporter.should_stop():
            made.append(self._search(data, (), settle, rate))
        return made

    def _searched_together(
        self, data: Mapping[str, TermData], before: Round | None, settle: int
    ) -> dict[str, list[SearchResult]]:
        """All terms searched by the executor; {} where there is none, or nothing to share out, or a stop came first."""
        if self.executor is None:
            return {}
        asked: list[tuple[str, Asked]] = []
        questions: list[tuple[str, SearchProblem, SearchConfig]] = []
        for name in self.names:
            known = [] if before is None else [one.formulas[name] for one in before.pools[name]]
            rate = self._as_rate(data[name]) if before is None else None
            for one, told in ((self._asked(name), known), *([(rate, ())] if rate is not None else [])):
                asked.append((name, one))
                questions.append((self.engine.name, *self._question(data[name], told, settle, one)))
        if len(questions) < 2:
            return {}
        names = [f"The search of `{name}`" for name, _ in asked]
        results = gathered(self.executor, searched, questions, names=names, reporter=self.reporter)
        if any(one is None for one in results):
            return {}
        found: dict[str, list[SearchResult]] = {}
        for (name, one), result in zip(asked, results, strict=True):
            found.setdefault(name, []).append(replace(result, front=_times_factor(one, result.front)))
        return found

    def _search(self, data: TermData, known: Sequence[Expr], settle: int, asked: Asked) -> SearchResult:
        problem, settings = self._question(data, known, settle, asked)
        result = self.engine.search(
            problem,
            settings,
            self.reporter,
            lambda front: self.reporter.emit(FrontUpdate(data.name, _times_factor(asked, front))),
        )
        return replace(result, front=_times_factor(asked, result.front))

    def _question(
        self, data: TermData, known: Sequence[Expr], settle: int, asked: Asked
    ) -> tuple[SearchProblem, SearchConfig]:
        """What the engine is asked of a term."""
        from ndestudio.expression import to_text

        settings = search_config(self.config, data.noise, settle)
        own = self.config.guesses.get(data.name, ())
        library, units, unit = fitting_library(
            self.model, self.dataset, data.name, data.arguments, self.config, self.operators
        )
        small = [one for one in known if fits_the_engine(one, data.arguments)]
        guesses = (*own, *(to_text(one) for one in small[:MOST_GUESSED]), *library)
        if asked.factors:  # guesses are of the whole term
            data, guesses = quotient_by(data, asked.factor(data.points)), ()
        problem = SearchProblem(
            X=data.points,
            y=data.target,
            names=data.arguments,
            units=units,
            unit_y=unit,
            guesses=guesses,
            response=data.rows,
        )
        return problem, settings

    def _pool(self, data: TermData, formulas: Sequence[Expr]) -> list[Fitted]:
        """The shortest descriptions among ``formulas``, polynomials and a constant, one for each structure."""
        asked = self._asked(data.name)
        part = quotient_by(data, asked.factor(data.points))
        sums: list[Expr] = [Number(1.0)]
        if "*" in self.operators:
            sums += [*sums_of_powers(part), *sums_with_waves(part, [f for f in WAVES if f in self.operators])]
        offered = [*formulas, *(asked.times_factor(one) for one in sums)]
        found = _shortest(data, [one for one in offered if self._allowed(one)])
        near = [one for known in found[:POOL] for one in neighbours(known.formulas[data.name])]
        doubted = sorted(found[2 * POOL :], key=lambda one: with_noise_unknown(data, one))[:ALSO]
        found = _shortest(data, [*(one.formulas[data.name] for one in (*found[: 2 * POOL], *doubted)), *near])
        kept = [one for one in found if asked.keeps(one.formulas[data.name], data.points)] or found
        others = sorted(kept[POOL:], key=lambda one: with_noise_unknown(data, one))
        return [*kept[:POOL], *others[:ALSO]]

    def _shortest_sums(self, data: TermData) -> list[Expr]:
        """Laws, and sums of powers, waves and shapes, that describe a term shortly; of sums without a shape the likeliest."""
        asked = self._asked(data.name)
        part = quotient_by(data, asked.factor(data.points))
        sums = []
        if "*" in self.operators:
            for kind in (sums_of_powers(part), sums_with_waves(part, [f for f in WAVES if f in self.operators])):
                sums += [asked.times_factor(one) for one in _likeliest(part, kind, LIKELIEST)]
        found = _shortest(
            data, [one for one in (*sums, *self._lawful(data), *self._shaped(data)) if self._allowed(one)]
        )
        near = [other for one in found[:NEIGHBOURED] for other in neighbours(one.formulas[data.name])]
        found = _shortest(data, [*(one.formulas[data.name] for one in found[: 2 * WEAK_POOL]), *near])
        formulas = [one.formulas[data.name] for one in found]
        return [one for one in formulas if asked.keeps(one, data.points)] or formulas

    def _shaped(self, data: TermData) -> list[Expr]:
        """Sums of powers and shapes that describe a term shortly."""
        asked = self._asked(data.name)
        part = quotient_by(data, asked.factor(data.points))
        return [asked.times_factor(one) for one in sums_with_shapes(part, self.operators)]

    def _guessed(self, name: str) -> list[Expr]:
        """What a person takes for possible, as it was written: the engine may have changed it."""
        from ndestudio.expression import parse_expression

        return [fold(parse_expression(text)) for text in self.config.guesses.get(name, ())]

    def _lawful(self, data: TermData) -> list[Expr]:
        """The laws of the library, those of the operators and units, each with the numbers that fit best."""
        from ndestudio.expression import to_text

        asked = self._asked(data.name)
        part = quotient_by(data, asked.factor(data.points))
        _, units, _ = fitting_library(self.model, self.dataset, data.name, data.arguments, self.config, ())
        wildcards = self.config.options.get("wildcards") != "none"
        found: list[tuple[float, Expr]] = []
        for starts in law_starts(data.arguments, data.points):
            text = (to_text(starts[0]),)
            fits = units is None or asked.factors or fitting_guesses(text, data.arguments, units, wildcards)
            if not fits or not uses_only(starts[0], self.operators):
                continue
            found.append(nearest(part, starts))
        found.sort(key=lambda one: one[0])
        return [asked.times_factor(fit_term(part, one).formulas[data.name]) for _, one in found[:MOST_LAWS]]

    def _asked(self, name: str) -> Asked:
        return asked_of(self.model.config.networks.get(name), self.model.system.neural_term(name).arguments)

    def _allowed(self, formula: Expr) -> bool:
        return uses_only(_without_drag(formula), self.operators)

    def _tried(self, combination: Fitted, start: FittedModel) -> Trial | None:
        key = f"{_key(combination.formulas)} {self.pieces}"
        if key not in self.trials or not self.trials[key].scores.usable:
            try:
                # where changes grow along the way, whole trajectories would only spoil what pieces of them tell
                steps = 0 if self.pieces else LM_STEPS
                self.trials[key] = self.judge.try_out(start, dict(combination.formulas), iterations=steps)
            except EquationError:
                return None
        return self.trials[key]

    def _best(self, last: Round) -> list[Trial]:
        limit = last.combinations[0].length + MARGIN
        chosen = [one for one in last.combinations if one.length <= limit][:TRIED]
        found: dict[str, Trial] = {}
        for one in chosen:
            trial = self._tried(one, self._started(last.response, one))
            if trial is not None:
                found.setdefault(_key(one.formulas), trial)
        return list(found.values())


def searched(engine: str, problem: SearchProblem, settings: SearchConfig, *, reporter: Reporter) -> SearchResult:
    """One search, on a worker."""
    from ndestudio.symbolic.registry import ENGINES

    threads = settings.threads or int(os.environ.get("NPROC") or 0)  # the share of a worker
    return ENGINES.get(engine).search(problem, msgspec.structs.replace(settings, threads=threads), reporter)


def _is_of_form(formula: Expr, form: Expr, term: TermResponse) -> bool:
    """Whether ``form`` with other numbers has the values of ``formula`` where the data lie."""
    points = term.points[:: max(1, len(term.points) // COMPARED)]
    values = evaluate_at(formula, term.arguments, points)
    size = float(np.std(values)) or float(np.abs(values).max()) or 1.0
    data = TermData(term.name, term.arguments, points, np.eye(len(points)), values)
    scaled = replace(data, rows=data.rows / (SAME * size), target=values / (SAME * size))
    return fit_term(scaled, form).squares <= len(points)


def _fitted_together(response: Response, formulas: Sequence[Mapping[str, Expr]]) -> list[Fitted]:
    """Combinations fitted in the linearised world, the shortest description first, one for each structure."""
    return _by_length([fit_together(response, one) for one in formulas])


def _by_length(together: Sequence[Fitted]) -> list[Fitted]:
    distinct: dict[str, Fitted] = {}
    for one in sorted((one for one in together if np.isfinite(one.length)), key=lambda one: one.length):
        distinct.setdefault(_key(one.formulas), one)
    return list(distinct.values())


def _likeliest(data: TermData, formulas: Sequence[Expr], count: int) -> list[Expr]:
    """The ``count`` likeliest of ``formulas`` with the numbers they have, a node costing a nat and a half."""
    if len(formulas) <= count:
        return list(formulas)
    with np.errstate(all="ignore"):
        values = np.stack([evaluate_at(one, data.arguments, data.points) for one in formulas], axis=1)
        squares = np.sum((data.target[:, None] - data.rows @ values) ** 2, axis=0)
    length = 0.5 * squares + [1.5 * size(one) for one in formulas]
    order = np.argsort(np.where(np.isfinite(length), length, np.inf), kind="stable")
    return [formulas[k] for k in order[:count]]


def _shortest(data: TermData, formulas: Sequence[Expr]) -> list[Fitted]:
    """The shortest descriptions, one for each structure."""
    found: dict[str, Fitted] = {}
    for formula in formulas:
        try:
            one = fit_term(data, formula)
        except EquationError:
            continue
        key = skeleton(one.formulas[data.name])
        if np.isfinite(one.length) and (key not in found or one.length < found[key].length):
            found[key] = one
    return sorted(found.values(), key=lambda one: one.length)


def _times_factor(asked: Asked, front: Front) -> Front:
    """A front of quotients as one of whole terms."""
    added = 2 * len(asked.factors)
    if not added:
        return front
    whole = [
        replace(one, expression=asked.times_factor(one.expression), complexity=one.complexity + added)
        for one in front.candidates
    ]
    return replace(front, candidates=tuple(whole))


def _without_drag(formula: Expr) -> Expr:
    """``x*abs(x)``, the drag of a fast body, counts as the square it is up to its sign."""

    def change(node: Expr) -> Expr:
        match node:
            case Call("abs", (Name() as inner,)):
                return inner
            case _:
                return node

    return transform(formula, change)


def at_noise(squares: float, count: int) -> bool:
    """Whether a sum of squares in units of the noise is that of noise alone.

    The noise is what the network leaves. Of a dozen values it leaves too little, having followed them with several numbers k of its
    own: by the F test of the smaller model, (S - S0)/k over S0/(n - k), where S0 is n in these units.
    """
    from scipy.special import fdtri

    most, follows = _most_noise(count), min(FOLLOWS, 2 * count // 3)
    if 0 < follows < count:
        most = max(most, count * (1.0 + follows / (count - follows) * fdtri(follows, count - follows, CERTAIN)))
    return bool(squares <= most)


def _most_noise(count: int) -> float:
    """The sum of squares that noise of a known size leaves at most."""
    return float(count + AT_NOISE * np.sqrt(2.0 * count))


def _key(formulas: Mapping[str, Expr]) -> str:
    return "; ".join(f"{name}: {skeleton(formula)}" for name, formula in sorted(formulas.items()))
