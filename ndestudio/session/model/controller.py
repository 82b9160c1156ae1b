"""The model: equation text, tables, networks, library, and a live simulation of the values in the tables."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec

from ndestudio.data.dataset import Dataset
from ndestudio.expression.tree import Name
from ndestudio.figures.plot_data import PlotData, simulate_all, simulate_fans
from ndestudio.model.config import InitialConfig, ModelConfig, NetworkConfig, ParameterConfig
from ndestudio.model.networks import layer_sizes
from ndestudio.progress import Reporter
from ndestudio.session import commands
from ndestudio.session.formulas import FormulaCache, FormulaRequest
from ndestudio.session.model import run_parameters
from ndestudio.session.model.advice import advice, doubts
from ndestudio.session.model.analysis import Analysis, analyse, default_equations, renamed, replaced, without_line
from ndestudio.session.model.library import entries, inserted
from ndestudio.session.model.noise import Fan, noise_state
from ndestudio.session.model.state import Advice, EquationRow, InitialRow, ModelState, NetworkRow, ParameterRow
from ndestudio.session.ports import Columns, Context
from ndestudio.session.presenter import Presenter


class ModelController(Presenter[ModelState]):
    """Intents of the Model view."""

    def __init__(self, context: Context, formulas: FormulaCache, columns: Columns) -> None:
        super().__init__(context)
        self._formulas, self._columns = formulas, columns
        self._analysed: tuple[object, Analysis | None] = (None, None)
        self._typeset: dict[int, FormulaRequest] = {}
        self._simulating = False
        self._fan = Fan()
        self._simulation: tuple[object, PlotData | None, str] = (None, None, "")

    # --- intents ---------------------------------------------------------------------------------------------------

    def edit_text(self, text: str) -> None:
        """The equations were typed in; keystrokes in quick succession are one step."""
        if text != self._workspace.project.spec.model.equations:
            self._edit("Edit equations", commands.with_equations(self._workspace.project, text), "equations")

    def change_parameter(self, name: str, **changes: Any) -> None:
        """Change fields of a ``ParameterConfig``."""
        key = f"parameter {name} {' '.join(changes)}"
        self._edit(f"Change {name}", commands.with_parameter(self._workspace.project, name, **changes), key)

    def set_values(self, name: str, wanted: str) -> None:
        """Whether a parameter has one value, one for each run or group of runs, or values from a population."""
        config = self._workspace.project.spec.model.parameters.get(name, ParameterConfig())
        self.change_parameter(name, **run_parameters.changes(config, wanted))

    def set_spread(self, name: str, text: str) -> None:
        """Kind and spread of the population that a parameter is drawn from, as `0.3`, `normal 2` or `0.3 known`."""
        config = self._workspace.project.spec.model.parameters.get(name, ParameterConfig())
        try:
            random = run_parameters.read_spread(config, text)
        except ValueError as error:
            self._notifier.toast(f"{name}: {error}", "warning")
            self._shown = None
            self._navigation.refresh()
            return
        self.change_parameter(name, random=random)

    def rename(self, old: str, new: str) -> None:
        """Rename a parameter or a neural term everywhere in the model."""
        model = self._workspace.project.spec.model
        if not new.isidentifier() or new in self.analysis.taken:
            self._notifier.toast(
                f"`{new}` cannot be used: give a name of letters and digits that is not in use.", "warning"
            )
            self._shown = None
            self._navigation.refresh()
            return
        self._edit(f"Rename {old}", commands.with_model(self._workspace.project, renamed(model, old, new)))

    def declare_network(self, name: str) -> None:
        """Say that a function of the equations is unknown, to be learned."""
        self._edit(f"Declare {name} as network", commands.with_network(self._workspace.project, name))

    def follow_advice(self, step: Advice) -> None:
        """Do what would put a problem right."""
        match step.kind:
            case "declare":
                self.declare_network(step.name)
            case "replace":
                model = self._workspace.project.spec.model
                text = replaced(model.equations, step.name, step.value)
                self._edit(
                    f"Write {step.value} for {step.name}", commands.with_equations(self._workspace.project, text)
                )
            case "ignore":
                self._columns.ignore(step.name)
            case "input":
                self._columns.use_as_input(step.name)
            case "remove" if step.problem is not None:
                text = without_line(self._workspace.project.spec.model.equations, step.problem.line)
                self._edit(step.action, commands.with_equations(self._workspace.project, text))
            case "allow":
                self.allow(step.value)
            case "append":
                text = f"{self._workspace.project.spec.model.equations.rstrip()}\n{step.value}\n"
                self._edit(step.action, commands.with_equations(self._workspace.project, text))
            case "convert":
                model = self._workspace.project.spec.model
                parameters = dict(model.parameters)
                for one in step.conversions:
                    parameters[one.name] = one.applied(parameters[one.name])
                changed = msgspec.structs.replace(model, parameters=parameters)
                self._edit(step.action, commands.with_model(self._workspace.project, changed))

    def allow(self, path: str) -> None:
        """The person lets a simulator run, for as long as its content stays what it is."""
        from ndestudio.blackbox import allow
        from ndestudio.errors import BlackBoxError

        try:
            entry = allow(path)
        except BlackBoxError as error:
            self._notifier.toast(str(error), "error")
            return
        self._simulation = (None, None, "")
        self._notifier.toast(f"{entry.path} may run from now on.", "good")
        self._shown = None
        self._navigation.refresh()

    def _of_doses(self) -> tuple[str, ...]:
        from ndestudio.model.doses import taken_of_doses

        project = self._workspace.project
        return () if project.dataset is None else taken_of_doses(project.spec.model.equations, project.dataset)

    def change_network(self, name: str, **changes: Any) -> None:
        """Change fields of a ``NetworkConfig``."""
        key = f"network {name} {' '.join(changes)}"
        self._edit(f"Change {name}", commands.with_network(self._workspace.project, name, **changes), key)

    def remove_network(self, name: str) -> None:
        self._edit(f"Remove {name}", commands.without_network(self._workspace.project, name))

    def change_initial(self, state: str, **changes: Any) -> None:
        """Change fields of an ``InitialConfig``."""
        self._edit(f"Initial value of {state}", commands.with_initial(self._workspace.project, state, **changes))

    def take_fitted(self) -> None:
        """Use the fitted values as the new start values."""
        project = self._workspace.project
        if project.fit is None:
            return
        known = self.analysis.parameters
        for name, value in project.fit.model.parameters.items():
            if name in known:
                project = commands.with_parameter(project, name, value=float(value))
        self._edit("Take fitted values", project)

    def insert(self, kind: str, key: str, position: int) -> None:
        """Insert a term of the library at a position of the text, or start from a template system."""
        words = self.analysis.words
        states = words.states if kind == "term" and words.states else words.measured
        model = inserted(self._workspace.project.spec.model, kind, key, position, states, self.analysis.taken)
        self._edit("Insert from library", commands.with_model(self._workspace.project, model))

    def start_from_unknown(self) -> None:
        """Replace the equations by one unknown function per state."""
        dataset = self._workspace.project.dataset
        if dataset is not None:
            self._edit(
                "Unknown right-hand sides", commands.with_model(self._workspace.project, default_equations(dataset))
            )

    def add_hidden_state(self) -> None:
        """Add a state that nobody measured and that all networks read."""
        from ndestudio.model.augment import with_hidden_state

        model = with_hidden_state(self._workspace.project.spec.model, taken=self.analysis.taken)
        self._edit("Add hidden state", commands.with_model(self._workspace.project, model))

    def simulate(self, on: bool) -> None:
        """Whether the simulation is looked at: only then is it made."""
        self._simulating = on
        self._navigation.refresh()

    def choose_calculus(self, name: str) -> None:
        """In whose sense the noise of the equations is meant: `ito` or `stratonovich`."""
        model = self._workspace.project.spec.model
        if name != model.calculus:
            changed = msgspec.structs.replace(model, calculus=name)
            title = "Stratonovich" if name == "stratonovich" else "Itô"
            self._edit(f"Noise in the sense of {title}", commands.with_model(self._workspace.project, changed))

    def choose_fan(self, paths: int, seed: int) -> None:
        """How many paths of a stochastic model are simulated, and with which seed."""
        self._fan = Fan(paths, seed)
        self._navigation.refresh()

    def _edit(self, text: str, project: Any, merge: str = "") -> None:
        self._workspace.edit(text, project, merge=merge)

    # --- state -----------------------------------------------------------------------------------------------------

    @property
    def analysis(self) -> Analysis:
        """What the text means; made anew when text, tables or columns changed."""
        project = self._workspace.project
        model, dataset = project.spec.model, project.dataset
        if self._analysed[1] is None or self._analysed[0] != (id(model), id(dataset)):
            self._analysed = ((id(model), id(dataset)), analyse(model, dataset))
            self._kept = (model, dataset)
        analysis = self._analysed[1]
        assert analysis is not None
        return analysis

    @property
    def ready(self) -> bool:
        return not self.obstacle

    @property
    def obstacle(self) -> str:
        """What keeps this model from being trained, "" if nothing does."""
        if not self._workspace.project.spec.model.equations.strip():
            return "Training needs equations: write one per state in Model."
        if self.analysis.problems:
            problem = self.analysis.problems[0]
            return f"The equations have an error on line {problem.line}: {problem.sentence}."
        waiting = self.analysis.not_allowed
        if waiting:
            return f"Nobody has allowed the simulator `{waiting[0].title}` to run yet: Model asks."
        return ""

    def follow(self) -> None:
        """The project changed."""

    def state(self) -> ModelState:
        project = self._workspace.project
        analysis = self.analysis
        plot_data, problem = self._simulated()
        return ModelState(
            text=project.spec.model.equations,
            problems=analysis.problems,
            doubts=doubts(analysis),
            advice=advice(project.spec.model, analysis, self._of_doses()),
            words=analysis.words,
            equations=self._equations(analysis),
            parameters=self._parameters(analysis),
            networks=_networks(project.spec.model, analysis),
            initial=_initial(project.spec.model, analysis, project.dataset),
            library=entries(),
            obstacle=self.obstacle,
            summary=analysis.summary,
            dataset=project.dataset,
            simulation=plot_data,
            simulation_problem=problem,
            noise=noise_state(analysis.system, self._fan),
        )

    def _equations(self, analysis: Analysis) -> tuple[EquationRow, ...]:
        """A line that cannot be read while it is written keeps what it was before."""
        neural_terms = tuple(analysis.neural_terms)
        rows = {
            line: FormulaRequest(left, expression, neural_terms=neural_terms)
            for line, left, expression in analysis.statements
        }
        text = self._workspace.project.spec.model.equations
        lines = len(text.splitlines()) if analysis.problems else 0
        kept = {line: request for line, request in self._typeset.items() if line <= lines}
        self._typeset = dict(sorted({**kept, **rows}.items()))
        return tuple(EquationRow(line, self._formulas.get(request)) for line, request in self._typeset.items())

    def _parameters(self, analysis: Analysis) -> tuple[ParameterRow, ...]:
        project = self._workspace.project
        fit, ways = project.fit, run_parameters.choices(project.dataset)
        rows = []
        for name in analysis.parameters:
            config = project.spec.model.parameters.get(name, ParameterConfig())
            low, high = fit.intervals.get(name, (None, None)) if fit else (None, None)
            rows.append(
                ParameterRow(
                    name=name,
                    value=config.value,
                    lower=config.lower,
                    upper=config.upper,
                    unit=config.unit,
                    fixed=config.fixed,
                    log=config.log,
                    note=config.note,
                    fitted=fit.model.parameters.get(name) if fit else None,
                    low=low,
                    high=high,
                    prior=str(config.prior) if config.prior is not None else "",
                    values=run_parameters.chosen(config),
                    choices=ways,
                    fitted_words=run_parameters.fitted_words(name, config, fit),
                    spread=run_parameters.spread_text(config),
                )
            )
        return tuple(rows)

    def _simulated(self) -> tuple[PlotData | None, str]:
        """The simulation of now; a newer one is made while an older one is shown."""
        project = self._workspace.project
        if not self._simulating or project.dataset is None or self.analysis.system is None:
            return None, ""
        key = (project.spec.model, project.dataset, project.fit, self._fan)
        kept = self._simulation[0]
        fresh = isinstance(kept, tuple) and all(a is b for a, b in zip(kept, key, strict=True))
        if not fresh and not self._tasks.running("simulate"):
            self._tasks.start(
                "simulate",
                "",
                _simulate,
                project.spec.model,
                project.dataset,
                project.fit.model if project.fit else None,
                self._fan,
                done=lambda made: self._on_simulated(key, made, ""),
                failed=lambda failed: self._on_simulated(key, None, failed.sentence),
            )
        return self._simulation[1], self._simulation[2]

    def _on_simulated(self, key: object, made: PlotData | None, problem: str) -> None:
        self._simulation = (key, made, problem)


def _networks(model: ModelConfig, analysis: Analysis) -> tuple[NetworkRow, ...]:
    rows = []
    for name, config in model.networks.items():
        if name not in analysis.neural_terms and config == NetworkConfig():
            continue  # nobody chose anything for it: left over from equations that called it
        arguments = analysis.neural_terms.get(name, ())
        sizes = layer_sizes(config, arguments)
        weights = sum((a + 1) * b for a, b in pairwise(sizes))
        rows.append(NetworkRow(name, arguments, config, name in analysis.neural_terms, weights))
    return tuple(rows)


def _initial(model: ModelConfig, analysis: Analysis, dataset: Dataset | None) -> tuple[InitialRow, ...]:
    measured = dataset.measured_names if dataset else ()
    delays = analysis.system.delays if analysis.system is not None else ()
    earlier = {one.operand.name for one in delays if isinstance(one.operand, Name)}
    rows = []
    for state in analysis.words.states:
        config = model.initial.get(state, InitialConfig())
        value = "" if config.value is None else config.value if isinstance(config.value, str) else f"{config.value:g}"
        default = "first measured value" if state in measured else "0, then estimated"
        default = "read from the history" if config.encoder else default
        past = (config.past or "") if state in earlier or config.past is not None else None
        rows.append(InitialRow(state, value, default, config.fit, state in measured, config.shared, past))
    return tuple(rows)


def _simulate(model: ModelConfig, dataset: Dataset, trained: Any, fan: Fan, *, reporter: Reporter) -> PlotData:
    """The model with the start values of the tables; trained networks are kept where they still fit."""
    from ndestudio.model import initial_model

    fresh = initial_model(model, dataset, 0)
    if trained is not None:
        kept = {
            name: trained.networks[name]
            for name, network in fresh.networks.items()
            if name in trained.networks and trained.networks[name].arguments == network.arguments
        }
        fresh = replace(fresh, networks={**fresh.networks, **kept})
    if fresh.system.diffusion:
        return PlotData(fresh, simulate_fans(fresh, dataset, paths=fan.paths, seed=fan.seed, reporter=reporter))
    return PlotData(fresh, simulate_all(fresh, dataset, reporter=reporter))
