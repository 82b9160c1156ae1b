"""Pages of the documentation, opened from where the question is."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QToolButton, QWidget

from ndestudio.gui.building import tool_button
from ndestudio.gui.window import StudioWindow
from ndestudio.paths import documentation

PAGES = {
    "Data": "how-to/import.html",
    "Model": "equations.html",
    "Train": "how-to/doubtful.html",
    "Distil": "how-it-works/distillation.html",
    "Export": "how-to/export.html",
}
"""Title of a stage -> its page."""


def help_button(page: str, what: str) -> QToolButton:
    """A "?" that opens a page of the offline documentation, such as `"spec.html#train"`."""
    made = tool_button("help", f"Read about {what} (opens the documentation)")
    made.clicked.connect(lambda _=False: open_page(made, page))
    return made


def open_page(widget: QWidget, page: str = "") -> None:
    """Open a page in the browser; where there is none the window says what to do."""
    window = widget.window()
    while not isinstance(window, StudioWindow) and (owner := window.parentWidget()) is not None:
        window = owner.window()  # from a dialog
    start = documentation()
    words, level = "", "info"
    if start is None:
        words = "The documentation is not part of this installation; `make docs` builds it in a checkout."
    else:
        name, _, fragment = page.partition("#")
        url = QUrl.fromLocalFile(str(start.parent / name if name else start))
        if fragment:
            url.setFragment(fragment)
        if not QDesktopServices.openUrl(url):
            words, level = f"Nothing here opens web pages; the documentation is in {start}.", "warning"
    if words and isinstance(window, StudioWindow):
        window.session.toast(words, level)  # type: ignore[arg-type]
