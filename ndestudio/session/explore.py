"""A model away from its data: values changed, ranges, and what is asked of them. The Explore window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ndestudio.errors import NdeStudioError, SettingError
from ndestudio.figures.description import Figure
from ndestudio.progress import Reporter
from ndestudio.session.ports import Context, ModelInUse
from ndestudio.session.presenter import Presenter
from ndestudio.session.training.state import Status

if TYPE_CHECKING:
    from ndestudio.data.dataset import Trajectory
    from ndestudio.explore.case import Case
    from ndestudio.model.fitted import FittedModel

Kind = Literal["simulate", "scan", "sensitivity", "shares", "steady", "bifurcation"]
KINDS: tuple[tuple[Kind, str, str], ...] = (
    ("simulate", "Simulate", "With the values of the table, beside those of the model"),
    ("scan", "Scan", "Over the range of one or two values"),
    ("sensitivity", "Sensitivities", "Percent of an output for one percent of a parameter, over time"),
    ("shares", "Shares of the variance", "Which part each value decides over its range (Sobol' indices)"),
    ("steady", "Steady states", "Where the model can rest, and whether it does so stably"),
    ("bifurcation", "Bifurcations", "Steady states over the range of one value: folds, branch points, Hopf points"),
)
_RANGES: Mapping[Kind, tuple[int, int]] = {"scan": (1, 2), "shares": (2, 12), "bifurcation": (1, 1)}
SECONDS = 120.0
SAMPLES = 128
WIDER = 2.0
"""A first range goes from the value over this to the value times this."""


@dataclass(frozen=True)
class ValueRow:
    """A value that can be changed.

    Parameters
    ----------
    fitted
        In the model, or at the begin of the run.
    value
        To be taken.
    low, high
        Its range; None: it is not varied.
    """

    name: str
    fitted: float
    value: float
    low: float | None
    high: float | None
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found.

    Parameters
    ----------
    header, rows
        Of a table; () where there is none.
    """

    kind: Kind
    figure: Figure | None
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExploreState:
    """Arguments:
    obstacle: why nothing can be explored, "" where it can. missing: what has to be chosen before it can start.
    """

    kind: Kind
    obstacle: str
    missing: str
    runs: tuple[str, ...]
    run: str
    until: float
    rows: tuple[ValueRow, ...]
    outputs: tuple[str, ...]
    output: str
    status: Status
    found: Found | None
    problem: str


class ExploreController(Presenter[ExploreState]):
    """Intents of the Explore window."""

    def __init__(self, context: Context, in_use: ModelInUse) -> None:
        super().__init__(context)
        self._in_use = in_use
        self._kind: Kind = "simulate"
        self._run, self._output = "", ""
        self._until: float | None = None
        self._values: dict[str, float] = {}
        self._ranges: dict[str, tuple[float, float]] = {}
        self._found: Found | None = None
        self._problem = ""
        self._model: FittedModel | None = None

    # --- intents ---------------------------------------------------------------------------------------------------

    def choose(self, kind: Kind) -> None:
        """What is to be found; a simulation starts at once."""
        self._kind = kind
        self._changed()

    def choose_run(self, name: str) -> None:
        """The run whose inputs, doses and start hold."""
        self._run, self._until = name, None
        self._changed()

    def choose_output(self, name: str) -> None:
        """The state or quantity whose variance is shared out."""
        self._output = name
        self._changed()

    def set_until(self, until: float) -> None:
        """Last time."""
        self._until = until
        self._changed()

    def set_value(self, name: str, value: float | None) -> None:
        """Take another value; None: that of the model."""
        self._values.pop(name, None)
        if value is not None:
            self._values[name] = value
        self._changed()

    def set_range(self, name: str, low: float | None, high: float | None) -> None:
        """Vary a value; None for both ends: no more."""
        known = {row.name: row for row in self.state().rows}[name]
        if low is None and high is None:
            self._ranges.pop(name, None)
        else:
            first, last = suggested_range(known.value)
            self._ranges[name] = (first if low is None else low, last if high is None else high)
        self._changed()

    def reset(self) -> None:
        """All values as in the model."""
        self._values.clear()
        self._changed()

    def start(self) -> None:
        """Find it."""
        state = self.state()
        model = self._in_use.model
        if state.obstacle or state.missing or model is None:
            return
        self._problem = ""
        dataset = self._workspace.project.dataset
        trajectory = dataset.trajectory(state.run) if dataset is not None and state.run else None
        ranges = {name: self._ranges[name] for name in self._varied(state.rows)}
        self._tasks.start(
            "explore",
            "" if self._kind == "simulate" else "Exploring",
            _found,
            self._kind,
            model,
            trajectory,
            self._until,
            dict(self._values),
            ranges,
            state.output,
            dataset.time.title if dataset is not None else "t",
            done=self._on_done,
            failed=self._on_failed,
        )
        self._navigation.refresh()

    def stop(self) -> None:
        """End it."""
        self._tasks.stop("explore")
        self._navigation.refresh()

    # --- state -----------------------------------------------------------------------------------------------------

    def state(self) -> ExploreState:
        model, project = self._in_use.model, self._workspace.project
        self._follow(model)
        obstacle = self._obstacle(model)
        runs = tuple(one.name for one in project.dataset.trajectories) if project.dataset is not None else ()
        run = self._run if self._run in runs else runs[0] if runs else ""
        case = None
        if not obstacle and model is not None:
            try:
                case = self._case(model, run)
            except NdeStudioError as error:
                obstacle = str(error)
        rows = self._rows(case) if case is not None else ()
        from ndestudio.explore.case import outputs

        shown = outputs(case) if case is not None else ()
        task = self._tasks.running("explore")
        return ExploreState(
            kind=self._kind,
            obstacle=obstacle,
            missing=self._missing(rows),
            runs=runs,
            run=run,
            until=float(case.t[-1]) if case is not None else 0.0,
            rows=rows,
            outputs=shown,
            output=self._output if self._output in shown else shown[0] if shown else "",
            status="idle" if task is None else "stopping" if task.stopping else "running",
            found=self._found if self._found is not None and self._found.kind == self._kind else None,
            problem=self._problem,
        )

    def _follow(self, model: FittedModel | None) -> None:
        """Forget what belonged to another model."""
        if model is not self._model:
            self._model, self._found, self._problem = model, None, ""

    def _obstacle(self, model: FittedModel | None) -> str:
        project = self._workspace.project
        if project.fit is None:
            return "There is no trained model to explore yet: train in Train first."
        if model is None or project.dataset is None:
            return "The model is still being put together."
        if model.system.diffusion:
            return "This model has noise in its law; the fan of paths in Train shows what it does."
        return ""

    def _case(self, model: FittedModel, run: str) -> Case:
        from ndestudio.explore.case import case_of

        dataset = self._workspace.project.dataset
        return case_of(model, dataset.trajectory(run) if dataset is not None and run else None, until=self._until)

    def _rows(self, case: Case) -> tuple[ValueRow, ...]:
        from ndestudio.explore.case import variable

        units = {name: one.unit for name, one in self._workspace.project.spec.model.parameters.items()}
        found = []
        for name, value in variable(case).items():
            low, high = self._ranges.get(name, (None, None))
            found.append(ValueRow(name, value, self._values.get(name, value), low, high, units.get(name, "")))
        return tuple(found)

    def _varied(self, rows: tuple[ValueRow, ...]) -> tuple[str, ...]:
        known = {row.name for row in rows}
        return tuple(name for name in self._ranges if name in known) if self._kind in _RANGES else ()

    def _missing(self, rows: tuple[ValueRow, ...]) -> str:
        if self._kind not in _RANGES:
            return ""
        least, most = _RANGES[self._kind]
        count = len(self._varied(rows))
        if count < least:
            return {1: "Give one value a range: type its ends.", 2: "Give at least two values a range."}[least]
        if count > most:
            return {1: "Only one value can have a range here.", 2: "Only two values can have a range here."}.get(
                most, f"Only {most} values can have a range here."
            )
        return ""

    # --- events ----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._problem = ""
        if self._kind != "simulate":
            self._found = None  # it was about other values
            self._tasks.discard("explore")
        elif self._view is not None:
            self.start()
        self._navigation.refresh()

    def _on_done(self, found: Found) -> None:
        self._found = found
        self._navigation.refresh()

    def _on_failed(self, failed: Any) -> None:
        self._problem, self._found = failed.sentence, None
        self._navigation.refresh()


def suggested_range(value: float) -> tuple[float, float]:
    """Around a value: from half of it to twice it, around 0 from -1 to 1."""
    if not value:
        return -1.0, 1.0
    low, high = sorted((value / WIDER, value * WIDER))
    return float(f"{low:.3g}"), float(f"{high:.3g}")


def _found(
    kind: Kind,
    model: FittedModel,
    trajectory: Trajectory | None,
    until: float | None,
    values: dict[str, float],
    ranges: dict[str, tuple[float, float]],
    output: str,
    time: str,
    *,
    reporter: Reporter,
) -> Found:
    from ndestudio.explore.case import case_of, with_values
    from ndestudio.explore.scan import default_outputs

    plain = case_of(model, trajectory, until=until)
    known = {name: value for name, value in values.items() if name}
    case = with_values(plain, known) if known else plain
    shown = default_outputs(case)
    match kind:
        case "simulate":
            return _simulated(case, plain, bool(known), time)
        case "scan":
            from ndestudio.explore.scan import scan, spread
            from ndestudio.figures.explore import scan_figure

            count = 21 if len(ranges) == 1 else 13
            varied = [(name, spread(*ends, count)) for name, ends in ranges.items()]
            scanned = scan(case, varied, shown, reporter, seconds=SECONDS)
            return Found(kind, scan_figure(scanned, time), sentences=scanned.sentences)
        case "sensitivity":
            from ndestudio.explore.sensitivity import local_sensitivity
            from ndestudio.figures.explore import local_figure

            local = local_sensitivity(case, shown)
            return Found(kind, local_figure(local, time), sentences=local.sentences)
        case "shares":
            from ndestudio.explore.sensitivity import global_sensitivity
            from ndestudio.figures.explore import shares_figure

            shares = global_sensitivity(case, ranges, output, reporter=reporter, samples=SAMPLES, seconds=SECONDS)
            return Found(kind, shares_figure(shares), sentences=shares.sentences)
        case "steady":
            return _steady(case)
        case "bifurcation":
            from ndestudio.explore.continuation import bifurcations
            from ndestudio.figures.explore import bifurcation_figure

            ((name, (low, high)),) = ranges.items()
            found = bifurcations(case, name, low, high, reporter, seconds=SECONDS)
            words = [f"{one.kind[:1].upper()}{one.kind[1:]} at {name} = {one.value:.5g}" for one in found.points]
            words += [found.sentence] if found.sentence else []
            none = () if found.branches else ("No steady state was found in the range.",)
            return Found(kind, bifurcation_figure(found, _moving(case)), sentences=(*words, *none))
    raise SettingError(f"`{kind}` is nothing that can be explored")


def _simulated(case: Case, plain: Case, changed: bool, time: str) -> Found:
    from ndestudio.explore.case import looked_at, outputs, simulated
    from ndestudio.figures.explore import simulation_figure

    names = outputs(case)
    here = simulated(case)
    before = looked_at(plain, simulated(plain), names) if changed else None
    figure = simulation_figure(here.t, looked_at(case, here, names), names, before, time)
    return Found("simulate", figure, sentences=(here.sentence,) if here.sentence else ())


def _steady(case: Case) -> Found:
    from ndestudio.explore.steady import steady_states

    found = steady_states(case)
    names = case.model.system.states
    rows = tuple((*(f"{value:.5g}" for value in one.states), one.kind, "yes" if one.reached else "no") for one in found)
    sentence = f"{len(found)} found; others may exist." if found else "No steady state was found."
    return Found("steady", None, (*names, "Kind", "Simulations end there"), rows, (sentence,))


def _moving(case: Case) -> tuple[str, ...]:
    """States that are not constant."""
    pairs = zip(case.model.system.states, case.model.system.rhs, strict=True)
    return tuple(state for state, rhs in pairs if getattr(rhs, "value", None) != 0.0)
