"""A small plotter that writes SVG: panels with axes, lines, points, bands, heat maps and legends.

No toolkit and no clock: the same input gives the same text. Every colour that belongs to the paper or the ink is also a
class (`paper`, `ink`, `axis`, `grid`), so that a page that embeds a figure can restyle it for a dark background.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Float

from ndestudio.export.clipping import Box, Points, clip_area, clip_line, inside
from ndestudio.export.content import plain
from ndestudio.export.ticks import Axis

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Colours that most colour-blind people can tell apart (Okabe and Ito 2008, Color Universal Design)."""

INK, AXIS, GRID, PAPER = "#1f2328", "#59636e", "#e4e7eb", "#ffffff"
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
SIZE = 12.0

Vector: TypeAlias = Float[np.ndarray, " n"]

_NARROW = set("iljtfrI.,:;'|!()[]{} -")
_WIDE = set("mwMWGOQ@%")


def text_width(text: str, size: float = SIZE) -> float:
    """Width of ``text`` in pixels, roughly (a renderer may use another font)."""
    units = sum(0.36 if character in _NARROW else 0.88 if character in _WIDE else 0.6 for character in text)
    return units * size


def num(value: float) -> str:
    """A coordinate: two decimals are finer than any screen."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def label(
    x: float,
    y: float,
    text: str,
    *,
    size: float = SIZE,
    anchor: str = "start",
    kind: str = "ink",
    turn: bool = False,
    weight: str = "",
) -> str:
    """A piece of text; ``turn`` writes it upwards."""
    color = {"ink": INK, "axis": AXIS}[kind]
    turned = f' transform="rotate(-90 {num(x)} {num(y)})"' if turn else ""
    bold = f' font-weight="{weight}"' if weight else ""
    place = f'x="{num(x)}" y="{num(y)}" font-size="{num(size)}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place} fill="{color}"{bold}{turned}>{escape(plain(text))}</text>'


@dataclass
class LegendEntry:
    text: str
    color: str
    mark: str
    """`line`, `dash`, `dot` or `band`."""


@dataclass
class Panel:
    """One pair of axes at a place of the drawing, in pixels.

    Arguments:
        left, top, width, height: of the area inside the axes.
        x, y: the axes, with range, scale and title.
    """

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis
    title: str = ""
    tick_labels_x: bool = True
    legend: list[LegendEntry] = field(default_factory=list)
    _under: list[str] = field(default_factory=list)
    _marks: list[str] = field(default_factory=list)
    _over: list[str] = field(default_factory=list)

    def px(self, x: Vector | float) -> Vector:
        return self.left + self.width * self.x.fraction(x)

    def py(self, y: Vector | float) -> Vector:
        return self.top + self.height * (1.0 - self.y.fraction(y))

    @property
    def box(self) -> Box:
        return self.left, self.top, self.left + self.width, self.top + self.height

    def _pixels(self, x: Vector, y: Vector) -> Points:
        return np.stack([self.px(np.asarray(x, float)), self.py(np.asarray(y, float))], axis=-1)

    def line(
        self,
        x: Vector,
        y: Vector,
        color: str,
        *,
        width: float = 1.8,
        dash: bool = False,
        name: str = "",
        opacity: float = 1.0,
    ) -> None:
        """A curve; it breaks where a value is not finite, and ends at the edges of the panel."""
        for piece in clip_line(self._pixels(x, y), self.box):
            points = " ".join(f"{num(a)},{num(b)}" for a, b in piece)
            style = ' stroke-dasharray="5 4"' if dash else ""
            faint = f' stroke-opacity="{num(opacity)}"' if opacity < 1 else ""
            self._marks.append(
                f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{num(width)}"'
                f' stroke-linejoin="round" stroke-linecap="round"{style}{faint}/>'
            )
        if name:
            self.legend.append(LegendEntry(name, color, "dash" if dash else "line"))

    def dots(
        self,
        x: Vector,
        y: Vector,
        color: str,
        *,
        radius: float = 3.0,
        name: str = "",
        hollow: bool = False,
        rim: bool = True,
        opacity: float = 1.0,
    ) -> None:
        """Points, with a thin rim of paper so that crowded ones stay apart."""
        pixels = self._pixels(x, y)
        paint = (
            f'class="hollow" fill="{PAPER}" stroke="{color}" stroke-width="1.4"'
            if hollow
            else f'fill="{color}" stroke="{PAPER}" stroke-width="0.6" class="rim"'
            if rim
            else f'fill="{color}"'
        )
        shown = pixels[inside(pixels, self.box)]
        circles = "".join(f'<circle cx="{num(p)}" cy="{num(q)}" r="{num(radius)}"/>' for p, q in shown)
        faint = f' opacity="{num(opacity)}"' if opacity < 1 else ""
        self._marks.append(f"<g {paint}{faint}>{circles}</g>")
        if name:
            self.legend.append(LegendEntry(name, color, "ring" if hollow else "dot"))

    def span(self, start: float, stop: float, color: str, *, opacity: float = 0.12, name: str = "") -> None:
        """A shaded stretch of x."""
        a, b = np.clip(self.px(np.array([start, stop])), self.left, self.left + self.width)
        if b > a:
            box = f'x="{num(a)}" y="{num(self.top)}" width="{num(b - a)}" height="{num(self.height)}"'
            self._under.append(f'<rect {box} fill="{color}" fill-opacity="{num(opacity)}"/>')
            if name:
                self.legend.append(LegendEntry(name, color, "band"))

    def band(self, x: Vector, low: Vector, high: Vector, color: str, *, opacity: float = 0.2, name: str = "") -> None:
        """The area between two curves."""
        around = np.concatenate([self._pixels(x, low), self._pixels(x, high)[::-1]])
        points = " ".join(f"{num(p)},{num(q)}" for p, q in clip_area(around, self.box))
        self._marks.append(f'<polygon points="{points}" fill="{color}" fill-opacity="{num(opacity)}"/>')
        if name:
            self.legend.append(LegendEntry(name, color, "band"))

    def arrows(self, x: Vector, y: Vector, dx: Vector, dy: Vector, color: str = "#9aa4af") -> None:
        """Short arrows that start at (x, y), dx and dy in pixels (dy upwards)."""
        paths = []
        for a, b, u, v in zip(self.px(x), self.py(y), dx, -np.asarray(dy), strict=True):
            if not np.all(np.isfinite([a, b, u, v])) or np.hypot(u, v) < 0.5:
                continue
            tip, back = np.array([a + u, b + v]), -np.array([u, v]) / np.hypot(u, v) * 3.2
            turn = np.array([[0.87, -0.5], [0.5, 0.87]])
            one, two = tip + turn @ back, tip + turn.T @ back
            for stroke in (np.array([[a, b], tip]), np.array([one, tip, two])):
                paths += [
                    "M" + "L".join(f"{num(p)} {num(q)}" for p, q in piece) for piece in clip_line(stroke, self.box)
                ]
        self._under.append(
            f'<path d="{"".join(paths)}" fill="none" stroke="{color}" stroke-width="0.9" class="arrows"/>'
        )

    def heat(self, values: Float[np.ndarray, "row column"], low: float, high: float) -> None:
        """Colours over the whole panel; the first row is the lowest y."""
        image = png(colors((values[::-1] - low) / (high - low if high > low else 1.0)))
        data = base64.b64encode(image).decode("ascii")
        box = f'x="{num(self.left)}" y="{num(self.top)}" width="{num(self.width)}" height="{num(self.height)}"'
        self._under.append(f'<image {box} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>')

    def note(self, x: float, y: float, text: str, *, anchor: str = "start", dx: float = 6.0, dy: float = -6.0) -> None:
        """Words beside a point."""
        self._over.append(label(float(self.px(x)) + dx, float(self.py(y)) + dy, text, size=11, anchor=anchor))

    def vertical(self, x: float) -> None:
        """A thin line across the panel."""
        if not self.x.low <= x <= self.x.high:
            return
        a = num(float(self.px(x)))
        self._under.append(
            f'<line x1="{a}" x2="{a}" y1="{num(self.top)}" y2="{num(self.top + self.height)}" class="axis-line" stroke="{AXIS}" stroke-width="0.8" stroke-dasharray="2 3"/>'
        )

    def svg(self, *, grid: bool = True) -> str:
        """The panel."""
        parts = [*self._under, *(self._grid() if grid else []), *self._marks, *self._axes(), *self._over]
        if self.title:
            parts.append(label(self.left, self.top - 10, self.title, size=13, weight="600"))
        return "\n".join(parts)

    def _grid(self) -> list[str]:
        right, bottom = self.left + self.width, self.top + self.height
        marks = [f"M{num(a)} {num(self.top)}V{num(bottom)}" for a in self.px(self.x.ticks)]
        marks += [f"M{num(self.left)} {num(b)}H{num(right)}" for b in self.py(self.y.ticks)]
        return [f'<path d="{"".join(marks)}" class="grid" stroke="{GRID}" stroke-width="0.8" fill="none"/>']

    def _axes(self) -> list[str]:
        right, bottom = self.left + self.width, self.top + self.height
        marks = [f"M{num(self.left)} {num(self.top)}V{num(bottom)}H{num(right)}"]
        marks += [f"M{num(a)} {num(bottom)}v4" for a in self.px(self.x.ticks)]
        marks += [f"M{num(self.left)} {num(b)}h-4" for b in self.py(self.y.ticks)]
        parts = [f'<path d="{"".join(marks)}" class="axis-line" stroke="{AXIS}" stroke-width="1" fill="none"/>']
        if self.tick_labels_x:
            parts += [
                label(a, bottom + 17, text, size=11, anchor="middle", kind="axis")
                for a, text in zip(self.px(self.x.ticks), self.x.labels, strict=True)
            ]
            parts.append(label(self.left + self.width / 2, bottom + 35, self.x.title, anchor="middle"))
        parts += [
            label(self.left - 8, b + 4, text, size=11, anchor="end", kind="axis")
            for b, text in zip(self.py(self.y.ticks), self.y.labels, strict=True)
        ]
        widest = max((text_width(text, 11) for text in self.y.labels), default=0.0)
        parts.append(
            label(self.left - 16 - widest, self.top + self.height / 2, self.y.title, anchor="middle", turn=True)
        )
        return parts


def legend_row(entries: Sequence[LegendEntry], left: float, baseline: float, width: float) -> tuple[str, float]:
    """Entries side by side, in as many rows as needed; also the height used."""
    parts: list[str] = []
    x, y = left, baseline
    for entry in {entry.text: entry for entry in entries}.values():
        needed = 28 + text_width(entry.text) + 14
        if x > left and x + needed > left + width:
            x, y = left, y + 19
        parts += [_swatch(entry, x, y - 4), label(x + 28, y, entry.text)]
        x += needed
    return "\n".join(parts), y - baseline + 19


def _swatch(entry: LegendEntry, x: float, y: float) -> str:
    if entry.mark == "band":
        return f'<rect x="{num(x)}" y="{num(y - 5)}" width="20" height="10" fill="{entry.color}" fill-opacity="0.25"/>'
    if entry.mark == "ring":
        return f'<circle class="hollow" cx="{num(x + 10)}" cy="{num(y)}" r="3.6" fill="{PAPER}" stroke="{entry.color}" stroke-width="1.4"/>'
    if entry.mark == "dot":
        return f'<circle cx="{num(x + 10)}" cy="{num(y)}" r="3.4" fill="{entry.color}"/>'
    style = ' stroke-dasharray="5 4"' if entry.mark == "dash" else ""
    return f'<line x1="{num(x)}" x2="{num(x + 20)}" y1="{num(y)}" y2="{num(y)}" stroke="{entry.color}" stroke-width="2"{style}/>'


def drawing(width: float, height: float, parts: Sequence[str], description: str) -> str:
    """The whole file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {num(width)} {num(height)}" width="{num(width)}" height="{num(height)}"'
            f' font-family="{FONT}" role="img">',
            f"<title>{escape(plain(description))}</title>",
            f'<rect class="paper" width="{num(width)}" height="{num(height)}" fill="{PAPER}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


_VIRIDIS = np.array(
    [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]],
    dtype=float,
)  # fmt: skip
"""Nine points of the viridis colour map (van der Walt and Smith 2015, CC0)."""


def colors(fractions: Float[np.ndarray, "row column"]) -> Float[np.ndarray, "row column rgb"]:
    """Colours of numbers between 0 and 1; what is not finite becomes grey."""
    position = np.clip(np.nan_to_num(fractions), 0.0, 1.0) * (len(_VIRIDIS) - 1)
    channels = [np.interp(position, np.arange(len(_VIRIDIS)), _VIRIDIS[:, channel]) for channel in range(3)]
    painted = np.stack(channels, axis=-1)
    painted[~np.isfinite(fractions)] = 200.0
    return painted


def png(pixels: Float[np.ndarray, "row column rgb"]) -> bytes:
    """A PNG file of 8-bit colours (W3C PNG specification, colour type 2, no filter)."""
    rows, columns, _ = pixels.shape
    body = np.clip(np.round(pixels), 0, 255).astype(np.uint8)
    raw = b"".join(b"\x00" + body[row].tobytes() for row in range(rows))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
