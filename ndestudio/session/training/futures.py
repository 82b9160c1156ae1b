"""The future of one run from its history, and under another dose, asked for by the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ndestudio.fitting.result import Fit
from ndestudio.progress import Reporter
from ndestudio.session.ports import Context

if TYPE_CHECKING:
    from ndestudio.data.dataset import Dataset, Trajectory
    from ndestudio.figures.description import Figure
    from ndestudio.fitting.latent.result import LatentFit
    from ndestudio.model.fitted import FittedModel


@dataclass(frozen=True)
class FuturesState:
    """Arguments:
    there: the model reads starts from histories, so that there are futures. runs: names, held-out ones first. chosen: the one shown.
    history_end: up to where it is read. dosed: runs have doses, so that another one can be tried. time, amount: of the other dose, ""
    for none. figure: None until it is made. doing: it is being made. problem: why the other dose is none.
    sentence: how good predictions of held-out runs are.
    """

    there: bool = False
    runs: tuple[str, ...] = ()
    chosen: str = ""
    history_end: float = 0.0
    dosed: bool = False
    time: str = ""
    amount: str = ""
    figure: Figure | None = None
    doing: bool = False
    problem: str = ""
    sentence: str = ""


class FuturesController:
    """Asked by the controller of training while it resolves its state; what it finds is forgotten with the fit."""

    def __init__(self, context: Context) -> None:
        self._workspace, self._tasks = context.workspace, context.tasks
        self._notifier, self._navigation = context.notifier, context.navigation
        self._fit: Fit | None = None
        self._looked = False
        self._chosen = self._time = self._amount = ""
        self._figure: tuple[object, Figure] | None = None
        self._asked: object = None

    def look(self) -> None:
        """Futures are looked at: from now on they are made."""
        self._looked = True
        self._navigation.refresh()

    def choose(self, run: str) -> None:
        """Look at another run."""
        self._chosen = run
        self._navigation.refresh()

    def what_if(self, time: str, amount: str) -> None:
        """Another dose after the history, in place of those of the data; two empty texts for none."""
        self._time, self._amount = time.strip(), amount.strip()
        self._navigation.refresh()

    def state(self) -> FuturesState:
        """What is shown of the present fit; asks for the figure where it is wanted."""
        project = self._workspace.project
        fit, dataset = project.fit, project.dataset
        if fit is not self._fit:
            self._fit, self._figure, self._asked = fit, None, None
            self._tasks.discard("future")
        if fit is None or fit.latent is None or dataset is None:
            return FuturesState()
        runs = _runs(dataset)
        chosen = self._chosen if self._chosen in runs else runs[0]
        run = dataset.trajectory(chosen)
        end = float(run.t[0]) + fit.latent.scales.length
        dose, problem = self._dose(end)
        self._request(fit, dataset, run, dose)
        scores = next(
            (fit.latent.future[part] for part in ("test", "validation", "train") if part in fit.latent.future), None
        )
        return FuturesState(
            there=True,
            runs=runs,
            chosen=chosen,
            history_end=end,
            dosed=any(one.doses for one in dataset.trajectories),
            time=self._time,
            amount=self._amount,
            figure=None if self._figure is None else self._figure[1],
            doing=self._tasks.running("future") is not None,
            problem=problem,
            sentence=""
            if scores is None
            else f"Runs not trained on, after their history: RMSE {scores.rmse:.3g}, CRPS {scores.crps:.3g} of the spread; "
            f"{scores.coverage:.0%} of values within 90% bands.",
        )

    def _dose(self, end: float) -> tuple[tuple[float, float] | None, str]:
        if not self._time and not self._amount:
            return None, ""
        try:
            time, amount = float(self._time), float(self._amount)
        except ValueError:
            return None, "Give a time and an amount."
        if not amount >= 0 or time < end:
            return None, f"A dose to try lies after the history (from {end:.4g} on) and is not negative."
        return (time, amount), ""

    def _request(self, fit: Fit, dataset: Dataset, run: Trajectory, dose: tuple[float, float] | None) -> None:
        key = (run.name, dose)
        if not self._looked or key == self._asked or self._tasks.running("fit"):
            return
        self._asked = key
        self._tasks.start(
            "future",
            "",
            _future,
            fit.model,
            fit.latent,
            dataset,
            run.name,
            dose,
            done=self._made(key),
            failed=self._failed,
        )

    def _made(self, key: object) -> Callable[[Figure], None]:
        def done(figure: Figure) -> None:
            if key == self._asked:
                self._figure = key, figure

        return done

    def _failed(self, failed: Any) -> None:
        self._notifier.toast(f"The run cannot be predicted: {failed.sentence}", "warning", failed.details)


def _runs(dataset: Dataset) -> tuple[str, ...]:
    order = sorted(dataset.trajectories, key=lambda one: -int(one.part[0]))
    return tuple(one.name for one in order)


def _future(
    model: FittedModel,
    latent: LatentFit,
    dataset: Dataset,
    name: str,
    dose: tuple[float, float] | None,
    *,
    reporter: Reporter,
) -> Figure:
    from ndestudio.data.dataset import Dose
    from ndestudio.figures.future import POINTS, future_figure
    from ndestudio.fitting.latent.predict import predict_run

    del reporter
    run = dataset.trajectory(name)
    other = None
    if dose is not None:
        compartment = next((one.compartment for one in run.doses), "")
        other = predict_run(model, latent, run, doses=[Dose(*dose, compartment=compartment)], points=POINTS)
    return future_figure(dataset, run, predict_run(model, latent, run, points=POINTS), other)
