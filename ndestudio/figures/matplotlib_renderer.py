"""Figures as SVG, PDF and PNG by matplotlib: text stays text, and the same figure gives the same bytes.

matplotlib is imported here alone, and this module when a figure is written. Its settings are global: they are changed within a
lock, from its defaults, and put back; what a person set for matplotlib elsewhere has no influence.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing

from ndestudio.errors import ExportError
from ndestudio.figures.data_table import csv_text
from ndestudio.figures.decimate import thinning_sentence
from ndestudio.figures.description import Figure
from ndestudio.figures.matplotlib_layout import lay_out
from ndestudio.figures.style import FigureStyle, check_style
from ndestudio.figures.text import plain

Form: TypeAlias = Literal["svg", "pdf", "png"]

_FALLBACK = {"sans-serif": "DejaVu Sans", "serif": "DejaVu Serif", "monospace": "DejaVu Sans Mono"}
_lock = threading.Lock()


def render(figure: Figure, form: Form = "svg", style: FigureStyle | None = None) -> bytes:
    """The file of a figure.

    Parameters
    ----------
    form
        `svg`, `pdf` or `png`.
    style
        Size, letters, lines, colours; None: the default ones.

    Raises
    ------
    ExportError
        The style cannot be drawn.
    """
    style = style or FigureStyle()
    try:
        check_style(style)
    except ValueError as error:
        raise ExportError(f"figure style: {error}") from None
    out = io.BytesIO()
    with _settings(style, figure.name):
        drawing = Drawing(layout="constrained", dpi=style.dpi)
        FigureCanvasAgg(drawing)
        lay_out(drawing, figure, style)
        drawing.savefig(out, format=form, dpi=style.dpi, metadata=_metadata(figure, form))
    data = out.getvalue()
    return _families(_shorter(data)) if form == "svg" else data


def save(figure: Figure, path: str | Path, style: FigureStyle | None = None) -> Path:
    """Write a figure in the form that the ending of `path` names (SVG without one); `.csv` holds the numbers behind it.

    Raises
    ------
    ExportError
        The ending is another one, the style cannot be drawn, or the file cannot be written.
    """
    path = Path(path)
    path = path if path.suffix else path.with_suffix(".svg")
    form = path.suffix.lower().removeprefix(".")
    match form:
        case "svg" | "pdf" | "png":
            data = render(figure, form, style)
        case "csv":
            data = csv_text(figure).encode()
        case _:
            raise ExportError(f"figures are written as .svg, .pdf, .png or .csv, not .{form}")
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error.strerror or error}; choose another name or folder"
        ) from error
    return path


def embedded(svg: bytes, prefix: str) -> str:
    """An SVG file as part of a page: without its head, its names made unique by `prefix`, no style beyond itself."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<defs>\s*<style type=\"text/css\">.*?</style>\s*</defs>", "", text, flags=re.S)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"\n\s*", "\n", text)
    return text.replace("<svg ", '<svg role="img" style="stroke-linejoin: round; stroke-linecap: butt" ', 1).strip()


def _shorter(svg: bytes) -> bytes:
    """The same drawing in fewer bytes: coordinates to 1/1000 point, and one style for all points of a series."""

    def together(found: re.Match[bytes]) -> bytes:
        return b'<g style="' + found[1] + b'">\n' + found[0].replace(b' style="' + found[1] + b'"', b"") + b"</g>\n"

    svg = re.sub(rb'(?: d| x| y)="[^"]*"', lambda found: re.sub(rb"(\.\d{3})\d+", rb"\1", found[0]), svg)
    one = rb' *<use xlink:href="[^"]+" x="[^"]+" y="[^"]+" style="'
    return re.sub(one + rb'([^"]+)"/>\n(?:' + one + rb'\1"/>\n){3,}', together, svg)


def _families(svg: bytes) -> bytes:
    """Each font with the generic one of its kind behind it, for viewers that do not have it."""
    for generic, family in _FALLBACK.items():
        quoted = f"'{family}'"
        svg = re.sub(rf"{quoted}(?!, )".encode(), f"{quoted}, {generic}".encode(), svg)
    return svg


def _metadata(figure: Figure, form: str) -> dict[str, Any]:
    """Title and description; no date, for the same bytes on another day."""
    title, said = plain(figure.title), plain(f"{figure.caption} {thinning_sentence(figure)}")
    match form:
        case "svg":
            return {"Title": title, "Description": said, "Date": None, "Creator": "NDE Studio"}
        case "pdf":
            return {"Title": title, "Subject": said, "CreationDate": None, "Creator": "NDE Studio"}
        case _:
            return {"Title": title, "Description": said, "Software": None}


@contextmanager
def _settings(style: FigureStyle, name: str) -> Iterator[None]:
    """matplotlib's defaults with our own on top, for as long as a figure is drawn."""
    with _lock, warnings.catch_warnings(), matplotlib.rc_context():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a viewer of SVG may have it
        warnings.filterwarnings("ignore", message=".*constrained_layout not applied")
        matplotlib.rcdefaults()
        settings: Any = _parameters(style, name)
        matplotlib.rcParams.update(settings)
        yield


def _parameters(style: FigureStyle, name: str) -> dict[str, Any]:
    small = max(2.0, style.font_size - 1)
    return {
        **{f"font.{generic}": [family] for generic, family in _FALLBACK.items()},
        "font.family": [_family(style.font)],
        "font.size": style.font_size,
        "axes.labelsize": style.font_size,
        "axes.titlesize": style.font_size,
        "axes.titlelocation": "left",
        "axes.titlepad": 4.0,
        "axes.linewidth": 0.6,
        "axes.formatter.useoffset": False,
        "axes.formatter.limits": (-4, 5),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.labelsize": small,
        "ytick.labelsize": small,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "ytick.minor.width": 0.4,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "xtick.minor.size": 1.8,
        "ytick.minor.size": 1.8,
        "legend.fontsize": small,
        "legend.frameon": False,
        "mathtext.fontset": "dejavuserif" if style.font == "serif" else "dejavusans",
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "pdf.fonttype": 42,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }


def _family(font: str) -> str:
    """A family that is there: that asked for, else the sans-serif one that matplotlib brings."""
    if font in _FALLBACK:
        return font
    try:
        font_manager.findfont(font, fallback_to_default=False)
    except ValueError:
        return "sans-serif"
    return font
