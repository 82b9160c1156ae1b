"""The window as its actions see it."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from ndestudio.gui.actions import Actions
from ndestudio.session.ports import Stage
from ndestudio.session.session import Session
from ndestudio.session.settings import Scheme


class StudioWindow(QMainWindow):
    """What ``handlers`` call; ``MainWindow`` does it."""

    session: Session
    actions_: Actions
    views: dict[Stage, QWidget]
    stack: QStackedWidget

    @abstractmethod
    def go(self, stage: Stage) -> None:
        """Show a stage."""

    @abstractmethod
    def go_home(self) -> None:
        """Show the start page."""

    @abstractmethod
    def open_files(self, paths: list[str]) -> None:
        """Open files; what is not saved is asked about first."""

    @abstractmethod
    def browse(self) -> None:
        """Ask for files and open them."""

    @abstractmethod
    def new_project(self) -> None:
        """Begin with an empty project."""

    @abstractmethod
    def take_tour(self) -> None:
        """From measurements to equations on a sample."""

    @abstractmethod
    def save(self) -> bool:
        """Save; False when the person cancelled."""

    @abstractmethod
    def save_as(self) -> bool:
        """Save to a file that is asked for; False when the person cancelled."""

    @abstractmethod
    def use_scheme(self, scheme: Scheme) -> None:
        """Light, dark, or as the system."""
