"""The bundled SVG icons, drawn in the colour asked for.

Each is drawn once and shared: Qt keeps scaled and greyed copies by the identity of the picture, so that a picture drawn anew
for each button would leave its copies behind.
"""

from __future__ import annotations

from functools import cache, lru_cache

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from ndestudio.paths import resources_dir

_SIZES = (16, 20, 24, 32, 48)


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """An icon as pixels.

    Parameters
    ----------
    size
        In device-independent pixels.
    ratio
        Physical pixels per device-independent one.
    """
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))
    image = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    image.setDevicePixelRatio(ratio)
    return image


@lru_cache(maxsize=32)
def picture(path: str, width: int, height: int) -> QPixmap:
    """An SVG file as pixels, at twice the resolution of the screen's points."""
    image = QPixmap(QSize(2 * width, 2 * height))
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(path).render(painter)
    painter.end()
    image.setDevicePixelRatio(2)
    return image


@lru_cache(maxsize=256)
def icon(name: str, colour: str, active: str | None = None) -> QIcon:
    """An icon for buttons and menus; ``active`` is its colour while checked."""
    made = QIcon()
    for size in _SIZES:
        made.addPixmap(pixmap(name, colour, size))
        if active:
            made.addPixmap(pixmap(name, active, size), QIcon.Mode.Normal, QIcon.State.On)
    return made


@cache
def application_icon() -> QIcon:
    made = QIcon()
    for size in (16, 32, 64, 128, 256):
        made.addPixmap(pixmap("ndestudio", "#ffffff", size))
    return made
