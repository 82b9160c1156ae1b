"""The view of each stage, made when it is first looked at: what it imports does not delay the window."""

from __future__ import annotations

from importlib import import_module

from PySide6.QtWidgets import QWidget

from ndestudio.session.ports import Stage
from ndestudio.session.session import Session


def prepare_plots() -> None:
    """Import the plotting library, which takes as long as making all views."""
    import_module("ndestudio.gui.widgets.plots.plot")


def make_view(stage: Stage, session: Session) -> QWidget:
    """The view of a stage, its signals connected to the session's controller."""
    match stage:
        case "data":
            from ndestudio.gui.views import data_view as module

            view: QWidget = module.DataView()
        case "model":
            from ndestudio.gui.views import model_view as module

            view = module.ModelView()
        case "train":
            from ndestudio.gui.views import train_view as module

            view = module.TrainView()
        case "distil":
            from ndestudio.gui.views import distil_view as module

            view = module.DistilView()
        case "export":
            from ndestudio.gui.views import export_view as module

            view = module.ExportView()
    module.connect(view, session)  # type: ignore[arg-type]
    return view
