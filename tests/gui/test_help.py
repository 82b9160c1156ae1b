"""A "?" opens the page of the documentation; where it was not built the window says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QToolButton

from ndestudio.gui import help as help_pages
from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session
from tests.session import results

ROOT = Path(__file__).parents[2]


def test_every_page_that_help_names_is_in_the_documentation(window: MainWindow, session: Session) -> None:
    from ndestudio.fitting.explanation import explain_fit

    fit = results.fit()
    named = {*help_pages.PAGES.values(), *(one.page for one in explain_fit(fit, results.dataset()))}
    for page in named:
        path, _, heading = page.partition("#")
        text = (ROOT / "docs" / path.replace(".html", ".md")).read_text(encoding="utf-8")
        slugs = [
            "".join(c for c in line[3:].lower().replace(" ", "-") if c.isalnum() or c == "-")
            for line in text.splitlines()
            if line.startswith("## ")
        ]
        assert not heading or heading in slugs, page


def test_a_question_mark_opens_its_page(
    window: MainWindow, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session.workspace.open(results.project(), None)
    window.go("train")
    buttons = [one for one in window.views["train"].findChildren(QToolButton) if one.toolTip().startswith("Read about")]
    assert len(buttons) > 4, "one at the head, one at each statement"
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    monkeypatch.setattr(help_pages, "documentation", lambda: None)
    buttons[0].click()
    assert not opened
    monkeypatch.setattr(help_pages, "documentation", lambda: tmp_path / "index.html")
    buttons[0].click()
    assert opened == [f"file://{tmp_path}/how-to/doubtful.html"]
