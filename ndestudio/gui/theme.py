"""Light and dark: colours, palette, style sheet, fonts, and how plots are drawn.

The palette is our own (Fusion style), because asking Qt for a scheme has no effect on every platform. Curves take
their colours from Okabe and Ito's set, which the common forms of colour blindness keep apart
(Okabe & Ito, "Color Universal Design", 2008).
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from ndestudio.gui import style_cache
from ndestudio.gui.colours import DARK, LIGHT, Colours
from ndestudio.gui.stylesheet import style_sheet
from ndestudio.paths import resources_dir
from ndestudio.session.settings import Scheme

GRID = 8
"""All distances are multiples of this many pixels (or its half)."""


class Theme(QObject):
    """The scheme in use. ``changed`` is emitted after palette and style sheet have been replaced."""

    changed = Signal()

    def __init__(self, application: QApplication, scheme: Scheme = "system") -> None:
        super().__init__()
        self._application = application
        self._scheme: Scheme = scheme
        self.colours = LIGHT
        application.setStyle("Fusion")
        _load_fonts(application)
        application.styleHints().colorSchemeChanged.connect(self._on_system_change)
        self._apply()

    @property
    def scheme(self) -> Scheme:
        return self._scheme

    @property
    def dark(self) -> bool:
        return self.colours is DARK

    def use(self, scheme: Scheme) -> None:
        """Follow the system, or be light or dark."""
        self._scheme = scheme
        self._apply()

    def _on_system_change(self) -> None:
        if self._scheme == "system":
            self._apply()

    def _apply(self) -> None:
        system_dark = self._application.styleHints().colorScheme() is Qt.ColorScheme.Dark
        dark = self._scheme == "dark" or (self._scheme == "system" and system_dark)
        wanted = DARK if dark else LIGHT
        if wanted is self.colours and self._application.styleSheet():
            return
        self.colours = wanted
        self._application.setStyleSheet("")  # replacing a sheet takes ten times as long as clearing and setting one
        self._application.setPalette(_palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours))
        style_cache.renew()
        self.changed.emit()


_current: list[Theme] = []


def install(application: QApplication, scheme: Scheme = "system") -> Theme:
    """Make the theme of this application; ``theme()`` returns it from then on."""
    made = Theme(application, scheme)
    _current[:] = [made]
    return made


def theme() -> Theme:
    """The theme in use; one that follows the system is made when there is none (single widgets in tests)."""
    if not _current:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        install(application)
    return _current[0]


def colours() -> Colours:
    return theme().colours


def follow(owner: QObject, restyle: Callable[[], None]) -> None:
    """Call ``restyle`` now and whenever the scheme changes, as long as ``owner`` lives."""
    current = theme()
    connection = current.changed.connect(restyle)

    def let_go() -> None:
        if isValid(current):
            QObject.disconnect(connection)

    owner.destroyed.connect(let_go)
    restyle()


def monospace(points: float = 10.5) -> QFont:
    """The font of equations as text and of code."""
    font = QFont("JetBrains Mono")
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(points)
    return font


def _load_fonts(application: QApplication) -> None:
    for path in sorted((resources_dir() / "fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(path))
    font = QFont("Inter")
    font.setStyleHint(QFont.StyleHint.SansSerif)
    font.setPointSizeF(10)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    application.setFont(font)


def _palette(c: Colours) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    palette = QPalette()
    for which, colour in {
        role.Window: c.window,
        role.WindowText: c.text,
        role.Base: c.surface,
        role.AlternateBase: c.raised,
        role.Text: c.text,
        role.Button: c.raised,
        role.ButtonText: c.text,
        role.BrightText: c.error,
        role.ToolTipBase: c.raised,
        role.ToolTipText: c.text,
        role.PlaceholderText: c.muted,
        role.Highlight: c.selection,
        role.HighlightedText: c.text,
        role.Link: c.accent,
        role.Accent: c.accent,
        role.Light: c.surface,
        role.Midlight: c.raised,
        role.Mid: c.border,
        role.Dark: c.border,
        role.Shadow: c.border,
    }.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(group.Disabled, which, _faded(c))
    return palette


def _faded(c: Colours) -> QColor:
    front, back = QColor(c.muted), QColor(c.window)
    return QColor(*((a + b) // 2 for a, b in zip(front.getRgb()[:3], back.getRgb()[:3], strict=True)))  # type: ignore[arg-type]
