"""A model laid out for the runs of a data set: parameters that differ between runs become parts of its equations.

    one value for each category      k = piecewise(k_a, strain < 0.5, k_b)
    another value in a condition     k = piecewise(k_mutant, condition < 0.5, k_shared)
    one value for each run           d(k)/dt = 0, with an initial value that is estimated for each run
    drawn from a population          d(eta_k)/dt = 0, k = k_pop*exp(eta_k), with a normal prior on the initial value of eta_k

So every solver, figure and exported program has them without knowing of conditions, and which of the numbers are trained is data
of the problem: a value of a condition is a fixed parameter, one of a run an initial value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
import numpy as np

from ndestudio.data.conditions import groups
from ndestudio.data.dataset import Dataset
from ndestudio.data.names import identifier, suggestion
from ndestudio.errors import EquationError
from ndestudio.expression.parse import parse_expression
from ndestudio.expression.text import to_text
from ndestudio.expression.tokens import error_at
from ndestudio.expression.tree import names, substitute
from ndestudio.model.config import InitialConfig, ModelConfig, ParameterConfig, PriorConfig, RandomConfig
from ndestudio.model.doses import for_doses
from ndestudio.model.events import word
from ndestudio.model.parse import Reading, read_system, with_shared_networks

HEAD = "# the runs"
RUN, CONDITION = "run", "condition"
OCCASIONS = 30
"""Most occasions that are told apart."""
SPREAD = 0.3
"""Spread of a population that nothing is said of: a factor, or a part of the value."""


def for_runs(config: ModelConfig, dataset: Dataset) -> ModelConfig:
    """``config`` with what is not the same in all runs of ``dataset`` written out: doses, and parameters; unchanged without.

    Raises
    ------
    EquationError
        A parameter that cannot differ in the way that is asked for, or a condition that sets what is no parameter.
    DataError
        Groups by an input that is no covariate.
    """
    config = for_doses(with_shared_networks(config), dataset)
    overrides = _overrides(dataset)
    asked = [name for name, one in config.parameters.items() if one.per or (one.random and not one.random.effect)]
    if not (overrides or asked or any(one.initial for one in dataset.trajectories)):
        return config
    reading = read_system(config, dataset.measured_names, dataset.input_names)
    if reading.system is None:
        return config
    _check_states(dataset, reading)
    writer = _Writer(config, dataset, reading, overrides)
    for name in dict.fromkeys((*asked, *overrides)):
        writer.write(name)
    return writer.finished()


def effects(config: ModelConfig) -> dict[str, str]:
    """Population parameter -> the state that holds its random effect, of a model laid out for its runs."""
    return {name: one.random.effect for name, one in config.parameters.items() if one.random and one.random.effect}


def occasion_effects(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Population parameter -> the states that hold its effects of occasions, of a model laid out for its runs."""
    return {
        name: one.random.occasions for name, one in config.parameters.items() if one.random and one.random.occasions
    }


def _overrides(dataset: Dataset) -> dict[str, dict[str, float]]:
    """Parameter -> condition -> value."""
    found: dict[str, dict[str, float]] = {}
    used = {one.condition for one in dataset.trajectories}
    for condition, values in dataset.conditions.items():
        for name, value in values.items() if condition in used else ():
            found.setdefault(name, {})[condition] = value
    return found


def _check_states(dataset: Dataset, reading: Reading) -> None:
    assert reading.system is not None
    for one in dataset.trajectories:
        for state in one.initial:
            if state not in reading.system.states:
                where = f"condition `{one.condition}` or run `{one.name}`" if one.condition else f"run `{one.name}`"
                hint = suggestion(state, reading.system.states)
                raise EquationError(f"{where} gives an initial value of `{state}`, which is no state{hint}")


@dataclass
class _Writer:
    config: ModelConfig
    dataset: Dataset
    reading: Reading
    overrides: Mapping[str, Mapping[str, float]]
    lines: list[str] = field(default_factory=list)
    parameters: dict[str, ParameterConfig] = field(default_factory=dict)
    initial: dict[str, InitialConfig] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    """Parameter -> text that stands for it in initial values; of a value of each run its own name."""
    populations: dict[str, str] = field(default_factory=dict)
    """Random parameter -> its parameter of the population."""

    def __post_init__(self) -> None:
        self.parameters, self.initial = dict(self.config.parameters), dict(self.config.initial)
        system, dataset = self.reading.system, self.dataset
        assert system is not None
        self.taken = {*system.states, *system.outputs, *system.parameters, "t"}
        self.taken |= {*dataset.input_names, *dataset.measured_names, *self.config.networks}

    def write(self, name: str) -> None:
        """The lines of one parameter."""
        system = self.reading.system
        assert system is not None
        settings = self.config.parameters.get(name, ParameterConfig())
        if name not in system.parameters:
            if name in self.overrides and not self._written(name):
                what = (
                    "a state" if name in system.states else "given by an equation" if name in system.outputs else None
                )
                what = what or ("an input (set it in `inputs`)" if name in self.dataset.input_names else None)
                hint = (
                    f"is {what}, and no parameter" if what else f"is no parameter{suggestion(name, system.parameters)}"
                )
                raise EquationError(f"condition `{next(iter(self.overrides[name]))}` sets `{name}`, which {hint}")
            return
        self._check(name, settings)
        fixed = dict(self.overrides.get(name, {}))
        used = {one.condition for one in self.dataset.trajectories}
        everywhere = used <= set(fixed)
        base = "" if everywhere else self._base(name, settings, alone=not fixed)
        self.parameters.pop(name, None)
        if fixed and (base or everywhere):
            self._choices(name, settings, fixed, base)

    def finished(self) -> ModelConfig:
        """The settings with the lines at the end of the equations."""
        if not self.lines:
            return self.config
        text = "\n".join([self.config.equations.rstrip(), "", HEAD, *self.lines, ""])
        for population in self.populations.values():
            settings = self.parameters[population]
            assert settings.random is not None
            told = {self.populations.get(one, one): value for one, value in settings.random.correlated.items()}
            random = msgspec.structs.replace(settings.random, correlated=told)
            self.parameters[population] = msgspec.structs.replace(settings, random=random)
        return msgspec.structs.replace(
            self.config, equations=text, parameters=self.parameters, initial=self._initial(), name=self.config.name
        )

    def _written(self, name: str) -> bool:
        """Whether the equations were laid out for these runs before."""
        own = [_named(name, condition) for condition in self.overrides[name]]
        return all(one in self.config.parameters for one in own)

    def _check(self, name: str, settings: ParameterConfig) -> None:
        system = self.reading.system
        assert system is not None
        event = next((one for one in system.events for time in one.times if name in names(time)), None)
        if event is not None:
            raise self._problem(
                name,
                f"is read by the time of the event `{word(event)}`, which has to be the same in all runs so far; give `{name}` one value "
                "for all of them",
            )
        if settings.random is None:
            if settings.per == RUN and settings.fixed:
                raise self._problem(
                    name,
                    "is fixed and has a value for each run; give the runs their values in [data.runs], or do "
                    "not fix it",
                )
            return
        if settings.per not in ("", RUN):
            raise self._problem(
                name, f'is random and has `per = "{settings.per}"`; random values are those of runs, so leave `per` out'
            )
        if settings.fixed:
            raise self._problem(name, "is random and fixed; to keep its spread, set `fixed` in its table `random`")
        sd = settings.random.sd
        if sd is not None and not (math.isfinite(sd) and sd > 0):
            raise self._problem(name, f"is random with the spread {sd:g}; `sd` must be above 0")
        self._check_correlated(name, settings.random)

    def _check_correlated(self, name: str, random: RandomConfig) -> None:
        given = self.config.parameters
        for other, value in random.correlated.items():
            partner = given[other].random if other in given else None
            if partner is None or other == name:
                raise self._problem(
                    name, f"is correlated with `{other}`, which is no other random parameter; give it `random` too"
                )
            if not -1 < value < 1:
                raise self._problem(
                    name, f"is correlated with `{other}` by {value:g}; a correlation lies between -1 and 1"
                )
            if random.fixed or partner.fixed:
                raise self._problem(
                    name,
                    f"is correlated with `{other}`, and the spread of one of them is fixed; estimate both, or leave it out",
                )
        wide = random.occasion_sd
        if wide is not None and not (math.isfinite(wide) and wide > 0):
            raise self._problem(name, f"has the spread {wide:g} between occasions; `occasion_sd` must be above 0")

    def _occasions(self, name: str, random: RandomConfig, sd: float) -> tuple[tuple[str, ...], str]:
        """States of the effects of occasions, and the text of the one that holds."""
        if random.occasion not in self.dataset.input_names:
            raise self._problem(
                name,
                f"differs between occasions told by `{random.occasion}`, which is no input{suggestion(random.occasion, self.dataset.input_names)}; "
                "name a column of `inputs`",
            )
        place = self.dataset.input_names.index(random.occasion)
        levels = np.unique(np.concatenate([one.inputs[:, place] for one in self.dataset.trajectories]))
        if not 2 <= len(levels) <= OCCASIONS:
            raise self._problem(
                name,
                f"differs between occasions told by `{random.occasion}`, which has {len(levels)} values; from 2 to {OCCASIONS} serve",
            )
        if any(
            one.control.kind(place) != "hold"
            for one in self.dataset.trajectories
            if len(np.unique(one.inputs[:, place])) > 1
        ):
            raise self._problem(
                name,
                f'differs between occasions told by `{random.occasion}`, which is interpolated; say `interpolation = {{ {random.occasion} = "hold" }}` in [data]',
            )
        states = []
        for level in levels:
            state = self._fresh(identifier(f"kappa_{name}_{level:g}"))
            states.append(state)
            self.lines.append(f"d({state})/dt = 0")
            self.initial[state] = InitialConfig(value=0.0, fit=True, prior=PriorConfig(kind="normal", mean=0.0, sd=sd))
        return tuple(states), _piecewise(states, random.occasion, levels.tolist())

    def _base(self, name: str, settings: ParameterConfig, *, alone: bool) -> str:
        """What holds where no condition fixes the value; of a parameter ``alone`` its line is written."""
        plain = msgspec.structs.replace(settings, per="", random=None)
        if settings.random is not None:
            text = self._random(name, settings, settings.random)
        elif settings.per == RUN:
            state = self._fresh(name if alone else f"{name}_run", own=alone)
            self.lines.append(f"d({state})/dt = 0")
            self.initial[state] = _start(plain)
            self.replaced[name] = ""
            return state
        elif settings.per:
            column = self.dataset.condition_column if settings.per == CONDITION else settings.per
            if settings.per == CONDITION and settings.per in self.dataset.input_names and not column:
                column = CONDITION
            if not column:
                raise self._problem(
                    name,
                    "has a value for each condition, and the runs have none; name the column that tells it in "
                    "`condition` of [data], or give it in [data.runs]",
                )
            self._grouped(name, column, plain)
            return ""
        else:
            text = self._fresh(f"{name}_shared")
            self.parameters[text] = plain
            return text
        if alone:
            self._line(name, text)
        return text

    def _random(self, name: str, settings: ParameterConfig, random: RandomConfig) -> str:
        population, effect = self._fresh(f"{name}_pop"), self._fresh(f"eta_{name}")
        kind = random.kind or _kind(settings)
        value, lower, upper = settings.value, *settings.bounds
        sd = random.sd if random.sd is not None else SPREAD * (abs(value) or 1.0) if kind == "normal" else SPREAD
        if kind == "log-normal" and (value <= 0 or (lower or 0.0) < 0):
            raise self._problem(name, f"is log-normal; its value {value:g} and bounds must be above 0")
        if kind == "logit-normal" and (lower is None or upper is None or not lower < value < upper):
            raise self._problem(name, "is logit-normal and needs both bounds, with its value between them")
        inner, states, wide = effect, (), random.occasion_sd
        if random.occasion:
            wide = sd if wide is None else wide
            states, text = self._occasions(name, random, wide)
            inner = f"({effect} + {text})"
        kept = msgspec.structs.replace(random, kind=kind, sd=sd, effect=effect, occasion_sd=wide, occasions=states)
        self.populations[name] = population
        self.parameters[population] = msgspec.structs.replace(
            settings, per="", random=kept, log=settings.log or kind == "log-normal"
        )
        self.lines.append(f"d({effect})/dt = 0")
        self.initial[effect] = InitialConfig(value=0.0, fit=True, prior=PriorConfig(kind="normal", mean=0.0, sd=sd))
        self.replaced[name] = ""
        if kind == "log-normal":
            return f"{population}*exp({inner})"
        if kind == "normal":
            return f"{population} + {inner}"
        odds = f"({upper!r} - {population})/({population} - {lower!r})"
        return f"{lower!r} + ({upper!r} - {lower!r})/(1 + {odds}*exp(-{inner}))"

    def _grouped(self, name: str, column: str, plain: ParameterConfig) -> None:
        """A parameter for each group; in groups that are conditions, with the values that these fix."""
        fixed = self.overrides.get(name, {})
        if fixed and column != self.dataset.condition_column:
            raise self._problem(
                name,
                f"has a value for each `{column}`, and conditions (a value of `{self.dataset.condition_column}` each) set it too; use "
                "one of the two",
            )
        found = groups(self.dataset, column)
        own = [_named(name, level) for level, _ in found]
        for (level, _), one in zip(found, own, strict=True):
            self._fresh(one, own=one in self.config.parameters)
            if level in fixed:
                self.parameters[one] = _kept(fixed[level], plain, level)
            else:
                self.parameters.setdefault(one, plain)
        self._line(name, _piecewise(own, column, [value for _, value in found]))

    def _choices(self, name: str, settings: ParameterConfig, fixed: Mapping[str, float], base: str) -> None:
        """A parameter that conditions fix: their values are parameters that are not trained."""
        column = self.dataset.condition_column
        for condition, value in fixed.items():
            self.parameters[self._fresh(_named(name, condition))] = _kept(value, settings, condition)
        found = groups(self.dataset, column)
        pieces = [_named(name, level) if level in fixed else base for level, _ in found]
        self._line(name, _piecewise(pieces, column, [value for _, value in found]))

    def _line(self, name: str, text: str) -> None:
        self.lines.append(f"{name} = {text}")
        self.replaced.setdefault(name, text)

    def _problem(self, name: str, sentence: str) -> EquationError:
        """An error about a parameter, placed where the equations first mention it."""
        tokens = (token for one in self.reading.statements for token in one.tokens)
        place = next((token for token in tokens if token.text == name), None)
        whole = f"parameter `{name}` {sentence}"
        return EquationError(whole) if place is None else error_at(place, whole)

    def _fresh(self, name: str, *, own: bool = False) -> str:
        if name in self.taken and not own:
            raise EquationError(
                f"the values of runs and conditions need the name `{name}`, which means something else; rename that"
            )
        self.taken.add(name)
        return name

    def _initial(self) -> dict[str, InitialConfig]:
        """Initial values that are given by formulas, with what stands for the parameters in them."""
        found = dict(self.initial)
        for state, settings in self.initial.items():
            if not isinstance(settings.value, str):
                continue
            expr = parse_expression(settings.value)
            used = [name for name in names(expr) if name in self.replaced]
            for name in used:
                if not self.replaced[name]:
                    raise EquationError(
                        f"the initial value of `{state}` reads `{name}`, which has a value for each run; estimate the initial value "
                        "for each run instead, or give it in [data.runs]"
                    )
            if used:
                values = {name: parse_expression(self.replaced[name]) for name in used}
                found[state] = msgspec.structs.replace(settings, value=to_text(substitute(expr, values)))
        return found


def _named(name: str, level: str) -> str:
    """`k_mutant`; `k_2_5` for the number 2.5."""
    text = identifier(level.replace("-", "minus ") if _number(level) else level)
    return f"{name}_{text.removeprefix('x_') if level[:1].isdigit() else text}"


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _piecewise(pieces: Sequence[str], column: str, values: Sequence[float]) -> str:
    """The piece of the number that ``column`` has, told apart half-way between numbers."""
    parts = []
    for (piece, value), (following, after) in pairwise(zip(pieces, values, strict=True)):
        if piece != following:
            parts.append(f"{piece}, {column} < {0.5 * (value + after)!r}")
    return f"piecewise({', '.join([*parts, pieces[-1]])})" if parts else pieces[-1]


def _kept(value: float, settings: ParameterConfig, condition: str) -> ParameterConfig:
    """A value that is not trained; a bound that holds for the estimate need not hold for a knock-out."""
    return ParameterConfig(value=value, fixed=True, unit=settings.unit, note=f"condition {condition}")


def _start(plain: ParameterConfig) -> InitialConfig:
    return InitialConfig(value=plain.value, fit=True, lower=plain.lower, upper=plain.upper, prior=plain.prior)


def _kind(settings: ParameterConfig) -> str:
    lower, upper = settings.bounds
    if lower is not None and upper is not None:
        return "logit-normal"
    return "log-normal" if settings.value > 0 and (lower is None or lower >= 0) and upper is None else "normal"


__all__ = ["effects", "for_runs"]
