"""A fitted model as a fit that can go on: for what is asked of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.data.dataset import Dataset
from ndestudio.fitting.batches import make_batch, start_point
from ndestudio.fitting.config import TrainConfig
from ndestudio.fitting.engines import JaxEngine, VectorEngine
from ndestudio.fitting.noise import with_noise
from ndestudio.fitting.optimizers.levenberg_marquardt import Point
from ndestudio.fitting.prepared import PreparedFit, prepare_fit
from ndestudio.fitting.stages.collocation import smooth_training
from ndestudio.fitting.stages.programs import affordable
from ndestudio.fitting.step_count import accurate, steps_for
from ndestudio.model.fitted import FittedModel
from ndestudio.problem.rows import bucket
from ndestudio.progress import Reporter
from ndestudio.solve.jax_backend import device

FINEST = 1024
"""Steps of the solver that are not exceeded."""


@dataclass(frozen=True, eq=False)
class ResumedFit:
    """Arguments: point: where the model stands."""

    problem: PreparedFit
    engine: JaxEngine | VectorEngine
    point: Point


def resume_fit(
    model: FittedModel,
    dataset: Dataset,
    train: TrainConfig,
    reporter: Reporter,
    problem: PreparedFit | None = None,
    steps: int = 0,
) -> ResumedFit | None:
    """The fit of ``model``, on a grid that is fine enough for it (``steps`` or more); None where it is too large for a
    Jacobian.

    Parameters
    ----------
    problem
        That of the model, where it is at hand.
    """
    problem = problem or prepare_fit(model, dataset, train, smooth_training(dataset, train, model))
    padded = bool(problem.structure.neural_terms)
    batch = make_batch(problem, min(bucket(steps or steps_for(problem)), FINEST), padded=padded)
    while batch.steps < FINEST and not accurate(problem, batch, model):
        batch = make_batch(problem, bucket(2 * batch.steps), padded=padded)
    batch = with_noise(problem, batch)
    if not padded:
        return ResumedFit(problem, VectorEngine(problem, batch), start_point(problem, batch))
    if not affordable(problem, batch):
        return None
    engine = JaxEngine(problem, batch, device(train.device)[0])
    engine.ready(reporter)
    return ResumedFit(problem, engine, start_point(problem, batch))
