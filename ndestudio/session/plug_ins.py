"""What installed packages add, and what of it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

from ndestudio.plugins import Failure, PlugIn
from ndestudio.progress import Reporter
from ndestudio.session.ports import Context
from ndestudio.session.presenter import Presenter

_KINDS = {
    "engines": "Engine",
    "solvers": "Solver",
    "readers": "Reader",
    "exporters": "Exporter",
    "functions": "Function",
}
_NOTE = "Help > Plug-ins shows why."


@dataclass(frozen=True)
class PlugInRow:
    """A plug-in.

    Parameters
    ----------
    problem
        Why it cannot be used, "" if it can.
    details
        The traceback, "" where there is none.
    """

    kind: str
    name: str
    package: str
    target: str
    problem: str = ""
    details: str = ""


@dataclass(frozen=True)
class PlugInsState:
    """Arguments:
    looking: they are being loaded. sentence: how many there are, and what to do about those that failed.
    rows: those that cannot be used come first.
    report: of all that failed, to be copied into a report; "" where nothing did.
    """

    looking: bool
    sentence: str
    rows: tuple[PlugInRow, ...]
    report: str


class PlugInsController(Presenter[PlugInsState]):
    """Loads plug-ins once, says so when one fails, and shows all in a dialog."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._rows: tuple[PlugInRow, ...] | None = None

    def look(self) -> None:
        """Load what is installed, unless that is done."""
        if self._rows is None and not self._tasks.running("plug-ins"):
            self._tasks.start("plug-ins", "", _survey, done=self._on_found)

    def state(self) -> PlugInsState:
        rows = self._rows or ()
        failed = [row for row in rows if row.problem]
        return PlugInsState(
            looking=self._rows is None,
            sentence=_sentence(self._rows, len(failed)),
            rows=rows,
            report="\n\n".join(_report(row) for row in failed),
        )

    def _on_found(self, found: tuple[tuple[PlugIn, ...], tuple[Failure, ...]]) -> None:
        good, failed = found
        bad_rows = [
            PlugInRow(_KINDS[one.kind], one.name, one.package, one.target, one.sentence, one.details) for one in failed
        ]
        good_rows = [PlugInRow(_KINDS[one.kind], one.name, one.package, one.target) for one in good]
        self._rows = (*bad_rows, *good_rows)
        self.refresh()
        if bad_rows:
            names = ", ".join(f"{row.name} of {row.package}" for row in bad_rows)
            text = f"A plug-in cannot be used: {names}." if len(bad_rows) == 1 else f"Plug-ins cannot be used: {names}."
            self._notifier.toast(f"{text} {_NOTE}", "warning", self.state().report)


def _sentence(rows: tuple[PlugInRow, ...] | None, failed: int) -> str:
    if rows is None:
        return "Looking …"
    if not rows:
        return (
            "No installed package adds anything. Packages can add engines, solvers, readers, exporters and functions; "
            "the documentation says how."
        )
    if not failed:
        return "All that installed packages add can be used."
    words = "One of them cannot" if failed == 1 else f"{failed} of them cannot"
    return f"{words} be used; everything else works. The text below is for whoever maintains the package."


def _report(row: PlugInRow) -> str:
    head = f"{row.kind} `{row.name}` of {row.package} ({row.target}): {row.problem}"
    return f"{head}\n{row.details}".rstrip()


def _survey(*, reporter: Reporter) -> tuple[tuple[PlugIn, ...], tuple[Failure, ...]]:
    from ndestudio.project.extensions import survey

    del reporter
    return survey()
