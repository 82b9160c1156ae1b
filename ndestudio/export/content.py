"""What an artefact says, gathered once from a fitted model and its data, before any language comes into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ndestudio.blackbox.label import Label
from ndestudio.data.dataset import Dataset, Source, Trajectory
from ndestudio.errors import DataError, EquationError, ExportError
from ndestudio.export.paths import InputTable, input_table
from ndestudio.export.track import Track
from ndestudio.expression import evaluate, to_text
from ndestudio.expression.tree import CONSTANTS, Expr, calls, names
from ndestudio.figures.text import plain
from ndestudio.fitting.metrics import Metrics
from ndestudio.model.algebraic import AlgebraicEquation
from ndestudio.model.black_boxes import black_boxes
from ndestudio.model.events import GIVEN, Event
from ndestudio.model.fitted import FittedModel, NetworkWeights
from ndestudio.model.schedule import RANK, given_by_data, schedule
from ndestudio.model.system import System
from ndestudio.model.units import UnitProblem, unit_problems
from ndestudio.problem.delays import Delays, system_delays

DEFAULT_SPAN = (0.0, 10.0)
"""Times of a simulation for a model that comes without data."""
RELAXATIONS = 20.0
"""Slowest relaxation times over which a program runs to a measured steady state."""


@dataclass(frozen=True)
class Origin:
    """Where a model came from; whoever exports passes it, nothing is read from a clock.

    Parameters
    ----------
    program
        Name and version.
    date
        ISO 8601 date or time of the export, "" to leave it out.
    sources
        Data files with their SHA-256.
    metrics
        Of the model, None when it was not scored.
    notes
        Further sentences.
    title
        Name of the job; "" for that of the model.
    """

    program: str = "NDE Studio"
    date: str = ""
    seed: int | None = None
    engine: str = ""
    sources: tuple[Source, ...] = ()
    metrics: Metrics | None = None
    notes: tuple[str, ...] = ()
    title: str = ""

    def sentences(self) -> tuple[str, ...]:
        """The origin line by line, for a comment."""
        lines = [f"Written by {self.program}{f' on {self.date}' if self.date else ''}."]
        for source in self.sources:
            digest = f" (SHA-256 {source.sha256})" if source.sha256 else ""
            lines.append(f"Data: {_file_name(source.path)}{digest}")
        if self.seed is not None:
            lines.append(f"Seed: {self.seed}")
        if self.engine:
            lines.append(f"Symbolic regression: {self.engine}")
        if self.metrics is not None:
            for part in ("train", "validation", "test"):
                errors: Mapping[str, float] = getattr(self.metrics, part)
                if errors:
                    listed = ", ".join(f"{name} {value:.4g}" for name, value in errors.items())
                    lines.append(f"NRMSE, {part}: {listed}")
        return (*(plain(line) for line in lines), *(plain(note) for note in self.notes))


@dataclass(frozen=True)
class Quantity:
    """A named number of the model, with its unit ("" where there is none) and what is known about it."""

    name: str
    unit: str = ""
    value: float = 0.0
    note: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, eq=False)
class Content:
    """A model with all that its artefacts carry, in the units of the data.

    Parameters
    ----------
    equations
        State -> right-hand side, with parameters as names and calls of the terms that are still neural.
    outputs
        Quantity -> expression, in the order of the system.
    formulas
        Neural term -> (arguments, formula) of the neural terms that were replaced, for the reader.
    tracks
        At least one.
    scale
        Typical magnitude of each state.
    stiff
        An explicit solver would need very many steps.
    delays
        What the equations read of earlier times; None where nothing.
    events
        What changes states at a moment, that which comes first at one time before the others; their doses are in the tracks.
    algebraic
        Equations whose unknowns, which are outputs as well, equations and outputs read by name.
    noises
        Noise -> what it is multiplied by in each equation; ``equations`` are the drift then.
    calculus
        In whose sense noises are meant: `ito` or `stratonovich`.
    black_boxes
        Simulators that the equations call.
    step
        Length of the steps of a system in steps, whose equations are still rates, (g - x)/h; 0: differential equations.
    """

    title: str
    time: Quantity
    states: tuple[Quantity, ...]
    equations: tuple[Expr, ...]
    outputs: tuple[tuple[Quantity, Expr], ...]
    parameters: tuple[Quantity, ...]
    inputs: tuple[Quantity, ...]
    networks: Mapping[str, NetworkWeights]
    formulas: Mapping[str, tuple[tuple[str, ...], Expr]]
    tracks: tuple[Track, ...]
    scale: Float[np.ndarray, " state"]
    origin: Origin
    stiff: bool = False
    delays: Delays | None = None
    events: tuple[Event, ...] = ()
    algebraic: tuple[AlgebraicEquation, ...] = ()
    noises: Mapping[str, tuple[Expr, ...]] = field(default_factory=dict)
    calculus: str = "ito"
    black_boxes: tuple[Label, ...] = ()
    step: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """All names that occur in the expressions: states, inputs, parameters, neural terms and their arguments,
        outputs."""
        quantities = (*self.states, *self.inputs, *self.parameters, *(quantity for quantity, _ in self.outputs))
        found = [quantity.name for quantity in quantities]
        for neural_term, network in self.networks.items():
            found += [neural_term, *network.arguments]
        if self.doses:
            found.append(GIVEN)
        return tuple(dict.fromkeys(found))

    @property
    def doses(self) -> bool:
        """Whether events happen at doses of the data."""
        return any(event.of_data for event in self.events)

    @property
    def conditions(self) -> tuple[int, ...]:
        """Numbers of the events that wait for a condition."""
        return tuple(k for k, event in enumerate(self.events) if event.condition is not None)

    @property
    def event_expressions(self) -> tuple[Expr, ...]:
        """All that is written in events."""
        return tuple(expr for event in self.events for expr in event.expressions)

    @property
    def spread(self) -> tuple[tuple[Expr, ...], ...]:
        """The diffusion: for each state what each noise is multiplied by in its equation."""
        return tuple(tuple(column[k] for column in self.noises.values()) for k in range(len(self.states)))

    @property
    def right_hand_sides(self) -> tuple[Expr, ...]:
        """Drift and diffusion, one expression after the other."""
        return (*self.equations, *(expr for column in self.noises.values() for expr in column))

    @property
    def sense(self) -> str:
        """The calculus as it is written."""
        return "Stratonovich" if self.calculus == "stratonovich" else "Itô"

    @property
    def time_title(self) -> str:
        """Label and unit of time, as in the header of the data."""
        label = self.time.note or self.time.name
        return f"{label} [{self.time.unit}]" if self.time.unit else label


def content(model: FittedModel, dataset: Dataset | None = None, origin: Origin | None = None) -> Content:
    """Gather what artefacts of ``model`` say.

    Raises
    ------
    ExportError
        When the model has no value for something in it.
    """
    system = model.system
    missing = [name for name in system.parameters if name not in model.parameters]
    missing += [neural_term.name for neural_term in system.neural_terms if neural_term.name not in model.networks]
    if missing:
        raise ExportError(f"the model has no value for `{'`, `'.join(missing)}`; train it before exporting")
    _check_names(model)
    _check_lags(model)
    units = _units(model, dataset)
    doubts = unit_problems(model.config, dataset) if dataset is not None else ()
    tracks = _tracks(model, dataset)
    scale = model.scale if model.scale is not None else np.maximum(1e-12, np.abs(tracks[0].initial))
    if origin is None:
        origin = Origin(program=program_name(), sources=dataset.sources if dataset else ())
    return Content(
        title=plain(origin.title) or plain(model.config.name) or "Hybrid model",
        time=Quantity(
            "t", plain(dataset.time.unit) if dataset else "", note=plain(dataset.time.label) if dataset else ""
        ),
        states=tuple(
            Quantity(name, units.get(name, ""), value=float(tracks[0].initial[index]))
            for index, name in enumerate(system.states)
        ),
        equations=tuple(system.rhs),
        outputs=tuple((Quantity(name, units.get(name, "")), expr) for name, expr in system.outputs.items()),
        parameters=tuple(_parameter(model, name, doubts) for name in system.parameters),
        inputs=tuple(Quantity(name, units.get(name, "")) for name in system.inputs),
        networks={neural_term.name: model.networks[neural_term.name] for neural_term in system.neural_terms},
        formulas={name: (item.arguments, item.expression) for name, item in model.replacements.items()},
        tracks=tracks,
        scale=np.asarray(scale, dtype=float),
        origin=origin,
        stiff=not system.diffusion and _stiff(model, tracks),
        noises=dict(system.diffusion),
        calculus=system.calculus,
        delays=system_delays(system),
        algebraic=system.algebraic,
        black_boxes=black_boxes(system.expressions),
        step=system.step,
        events=tuple(system.events[k] for k in _order(system)),
        notes=_notes(model, tracks, doubts),
    )


def _notes(model: FittedModel, tracks: tuple[Track, ...], doubts: Sequence[UnitProblem]) -> tuple[str, ...]:
    found = [f"Units do not fit, and nothing is converted: {one}." for one in doubts]
    settled = [track.name for track in tracks if track.settled]
    if settled:
        found.append(
            f"{', '.join(settled[:5])}{', ...' if len(settled) > 5 else ''}: a steady state (before the begin, or of doses that have "
            "been repeated for ever) was found with the parameters below; with others the initial values have to be found anew."
        )
    return tuple(map(plain, found))


def _check_lags(model: FittedModel) -> None:
    for delay in model.system.delays:
        lag = float(evaluate(delay.lag, model.parameters))
        if not lag > 0.0:
            raise ExportError(
                f"the delay of `{to_text(delay)}` is {lag:.6g}; it must be above 0 to be written into a program"
            )


def _stiff(model: FittedModel, tracks: tuple[Track, ...]) -> bool:
    """Whether programs should take an implicit solver."""
    if model.system.step:
        return False
    from ndestudio.solve.stiffness import is_stiff

    first = tracks[0]
    times = np.linspace(first.start, first.stop, 5)
    longest = max(track.stop - track.start for track in tracks)
    return is_stiff(model, times, first.initial, first.control, longest)


def _check_names(model: FittedModel) -> None:
    """Refuse names that would be written into programs as they are but are none of the model, or no names at all.

    The parser lets none of them through; a project file made by somebody else may hold anything.
    """
    system = model.system
    formulas = [(name, item.arguments, item.expression, item.parameters) for name, item in model.replacements.items()]
    own = {*system.states, *system.inputs, *system.parameters, *system.unknowns, "t", *CONSTANTS}
    callable_ = set(model.networks)
    declared = [*own, *system.outputs, *callable_, *model.replacements, *model.parameters]
    declared += [argument for network in model.networks.values() for argument in network.arguments]
    declared += [name for _, arguments, _, constants in formulas for name in (*arguments, *constants)]
    for name in declared:
        if not name.isidentifier():
            raise ExportError(f"the model calls something {plain(name)!r}, which is no name; write its equations anew")
    for expr in (*system.expressions, *(one.start for one in system.algebraic)):
        _check_expression(expr, own, callable_)
    for event in system.events:
        for state, _ in event.changes:
            if state not in system.states:
                raise ExportError(f"an event changes `{plain(state)}`, which is no state; write the equations anew")
        for expr in event.expressions:
            _check_expression(expr, {*own, GIVEN}, callable_)
    for _, arguments, expr, constants in formulas:
        _check_expression(expr, {*own, *arguments, *constants}, callable_)


def _check_expression(expr: Expr, known: Collection[str], functions: Collection[str]) -> None:
    unknown = [name for name in names(expr) if name not in known]
    unknown += [call.function for call in calls(expr, functions) if call.function not in functions]
    if unknown:
        raise ExportError(f"the equations use `{plain(unknown[0])}`, which the model does not have; write them anew")


def program_name() -> str:
    """Name and version of this program."""
    from ndestudio import __version__

    return f"NDE Studio {__version__}"


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _units(model: FittedModel, dataset: Dataset | None) -> dict[str, str]:
    units = {name: plain(unit) for name, unit in model.config.units.items()}
    if dataset is not None:
        for column in (*dataset.measured, *dataset.inputs):
            if column.unit:
                units.setdefault(column.name, plain(column.unit))
    return units


def _parameter(model: FittedModel, name: str, doubts: Sequence[UnitProblem]) -> Quantity:
    config = model.config.parameters.get(name)
    unit, note = (plain(config.unit), plain(config.note)) if config else ("", "")
    if config is None:
        for neural_term, replacement in model.replacements.items():
            if name in replacement.parameters:
                note = f"constant of {neural_term}"
    acts = next((other.unit for doubt in doubts for other in doubt.conversions if other.name == name), "")
    if acts:
        note = "; ".join(part for part in (note, f"the equations take its number in {acts}") if part)
    return Quantity(name, unit, float(model.parameters[name]), note)


def _tracks(model: FittedModel, dataset: Dataset | None) -> tuple[Track, ...]:
    if dataset is None:
        if model.system.inputs:
            raise ExportError(
                f"the model is driven by the measured input `{model.system.inputs[0]}`; export it together with its data"
            )
        events = _scheduled(model, None)
        tracks = tuple(
            Track(name, *DEFAULT_SPAN, np.asarray(y0, dtype=float), **events) for name, y0 in model.initial.items()
        )
    else:
        tracks = tuple(_track(model, dataset, trajectory) for trajectory in dataset.trajectories)
    if not tracks:
        raise ExportError("the model has initial values for no trajectory; train it before exporting")
    return _plainly_named(tracks)


def _plainly_named(tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """Names that fit into one line of any language and onto a command line, still distinct."""
    taken: set[str] = set()
    renamed = []
    for track in tracks:
        base = name = plain(track.name) or "unnamed"
        number = 2
        while name in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(name)
        renamed.append(replace(track, name=name))
    return tuple(renamed)


def _track(model: FittedModel, dataset: Dataset, trajectory: Trajectory) -> Track:
    from ndestudio.problem.conditions import initial_state, unsettled

    track = Track(
        trajectory.name,
        0.0,
        0.0,
        np.zeros(0),
        tuple(_input(dataset, trajectory, name) for name in model.system.inputs),
        control=trajectory.control if model.system.inputs else None,
    )
    if trajectory.is_steady_state:
        return _to_rest(model, trajectory, track)
    initial = initial_state(model, trajectory)
    if sentence := unsettled(model, trajectory, initial):
        raise ExportError(sentence)
    return replace(
        track,
        start=float(trajectory.t[0]),
        stop=float(trajectory.t[-1]),
        initial=initial,
        settled=trajectory.settles or any(one.steady_state for one in trajectory.doses),
        **_scheduled(model, trajectory),
    )


def _input(dataset: Dataset, trajectory: Trajectory, name: str) -> InputTable:
    table = input_table(trajectory.control, dataset.input_names.index(name))
    if table is None:
        raise ExportError(
            f"the input `{name}` has no samples in trajectory `{plain(trajectory.name)}`; measure it there, or leave the trajectory out"
        )
    return table


def _order(system: System) -> list[int]:
    """Events with those first that come first at one time."""
    return sorted(range(len(system.events)), key=lambda k: RANK.get(system.events[k].kind, len(RANK)))


def _scheduled(model: FittedModel, trajectory: Trajectory | None) -> dict[str, Any]:
    """Events of a track: in the numbers of the model, in those of the programs, and what the data give."""
    order = _order(model.system)
    try:
        found = schedule(model.system, model.parameters, trajectory)
        given = tuple(tuple(given_by_data(model.system, k, trajectory)) for k in order)
    except (DataError, EquationError) as error:
        raise ExportError(f"the events cannot be written: {error}") from error
    if not order:
        return {}
    return {"events": found, "happens": replace(found, which=np.argsort(order)[found.which]), "given": given}


def _to_rest(model: FittedModel, trajectory: Trajectory, track: Track) -> Track:
    """From the initial values to the steady state that was measured: programs show how it is reached."""
    from ndestudio.model.initial import model_start, start_values
    from ndestudio.problem.space import structure_of
    from ndestudio.problem.steady_state import conserved, settled_start

    structure = structure_of(model)
    start = np.asarray(model_start(model, trajectory), dtype=float)
    found = settled_start(model, structure, trajectory, start)
    if not conserved(structure).any():
        # that of a fitted model is at rest already
        values = start_values(model.system, model.config, model.parameters, (trajectory,), model.measured, model.inputs)
        start = values[trajectory.name]
    slowest = float(np.abs(np.real(found.eigenvalues)).min(initial=np.inf))
    length = RELAXATIONS / slowest if found.settles and np.isfinite(slowest) and slowest > 0 else DEFAULT_SPAN[1]
    return replace(track, stop=length, initial=start)
