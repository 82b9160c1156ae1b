"""SVG to PNG without a window system: resvg renders, the font comes with a dependency."""

from __future__ import annotations

from pathlib import Path


def svg_to_png(svg: str, zoom: float = 2.0) -> bytes:
    """A PNG of ``svg``; the same on every machine, since only the font shipped with ziafont (DejaVu Sans) is used.

    Arguments:
        zoom: pixels per unit of the drawing.
    """
    import resvg_py
    import ziafont

    font = Path(ziafont.__file__).parent / "fonts" / "DejaVuSans.ttf"
    image = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=zoom,
        skip_system_fonts=True,
        font_files=[str(font)],
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
    )
    return bytes(image)
