"""One frozen ``Project`` value and its history: an edit replaces the value, undo is a list of values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ndestudio.project.project import Project

_MERGE_SECONDS = 1.5


@dataclass(frozen=True, eq=False)
class Step:
    """A value of the history and the words for the edit that led to it ("Change k", "Train")."""

    project: Project
    text: str
    merge: str = ""
    at: float = 0.0


class Workspace:
    """The project being worked on.

    Parameters
    ----------
    project
        What to begin with.
    clock
        Seconds, for merging keystrokes into one undo step.
    limit
        Steps of history kept.
    """

    def __init__(
        self, project: Project | None = None, *, clock: Callable[[], float] = monotonic, limit: int = 300
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._listeners: list[Callable[[], None]] = []
        self._begin(project or Project(), None)

    def _begin(self, project: Project, path: Path | None) -> None:
        self._past: list[Step] = [Step(project, "")]
        self._future: list[Step] = []
        self._saved: Project | None = project
        self.path = path

    @property
    def project(self) -> Project:
        return self._past[-1].project

    @property
    def modified(self) -> bool:
        """Whether there is something that is not in the file."""
        return self.project is not self._saved

    @property
    def undo_text(self) -> str:
        """What an undo would take back, "" when there is nothing."""
        return self._past[-1].text if len(self._past) > 1 else ""

    @property
    def redo_text(self) -> str:
        """What a redo would do again, "" when there is nothing."""
        return self._future[-1].text if self._future else ""

    @property
    def steps(self) -> tuple[tuple[str, ...], int]:
        """Words of all edits that can be taken back or made again, oldest first, and how many of them are in force."""
        past = tuple(step.text for step in self._past[1:])
        return (*past, *(step.text for step in reversed(self._future))), len(past)

    def go_to(self, edits: int) -> None:
        """Undo, or redo, until ``edits`` of ``steps`` are in force."""
        while len(self._past) - 1 > max(edits, 0):
            self._future.append(self._past.pop())
        while self._future and len(self._past) - 1 < edits:
            step = self._future.pop()
            self._past.append(Step(step.project, step.text))
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` once after each change."""
        self._listeners.append(listener)

    def edit(self, text: str, project: Project, *, merge: str = "") -> None:
        """Replace the project.

        Parameters
        ----------
        text
            Words for the undo menu.
        project
            The new value; the same value again is no edit.
        merge
            Edits with the same non-empty key in quick succession are one step (typing).
        """
        if project is self.project:
            return
        now = self._clock()
        last = self._past[-1]
        joins = bool(merge) and merge == last.merge and now - last.at < _MERGE_SECONDS and len(self._past) > 1
        if joins:
            self._past.pop()
        self._past.append(Step(project, text, merge, now))
        del self._past[: max(0, len(self._past) - self._limit)]
        self._future.clear()
        self._tell()

    def amend(self, project: Project, *, unsaved: bool = False) -> None:
        """Replace the project without a step of history (what the window remembers, not what the person decided).

        Parameters
        ----------
        unsaved
            Whether the file lacks something by it.
        """
        last = self._past[-1]
        if project is not last.project:
            if self._saved is last.project and not unsaved:
                self._saved = project
            self._past[-1] = Step(project, last.text, last.merge, last.at)
            self._tell()

    def undo(self) -> None:
        if len(self._past) > 1:
            self._future.append(self._past.pop())
            self._tell()

    def redo(self) -> None:
        if self._future:
            step = self._future.pop()
            self._past.append(Step(step.project, step.text))
            self._tell()

    def open(self, project: Project, path: Path | None, *, modified: bool = False) -> None:
        """Begin anew with another project; its history starts empty.

        Parameters
        ----------
        path
            Its file, None while it has none.
        modified
            Whether it holds work that is not in the file (recovered after a crash).
        """
        self._begin(project, path)
        if modified:
            self._saved = None
        self._tell()

    def saved(self, project: Project, path: Path) -> None:
        """``project`` is now in the file ``path``."""
        self._saved = project
        self.path = path
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
