"""From the project and what jobs said to what every view shows, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ndestudio.session.data_state import DataState
from ndestudio.session.distil_state import DistilState
from ndestudio.session.export_state import ExportState
from ndestudio.session.model_state import ModelState
from ndestudio.session.shell import ShellState
from ndestudio.session.train_state import TrainState

if TYPE_CHECKING:
    from ndestudio.session.session import Session


@dataclass(frozen=True)
class ViewState:
    """The whole window."""

    shell: ShellState
    data: DataState
    model: ModelState
    train: TrainState
    distil: DistilState
    export: ExportState


def resolve(session: Session) -> ViewState:
    """What all views would show now. The window resolves only the visible stage; scripts and tests want them all."""
    return ViewState(
        shell=session.shell.state(),
        data=session.data.state(),
        model=session.model.state(),
        train=session.train.state(),
        distil=session.distil.state(),
        export=session.export.state(),
    )
