"""LaTeX to SVG that stands inside a page and takes its text colour."""

from __future__ import annotations

import logging
import threading
from html import escape

_lock = threading.Lock()
_log = logging.getLogger(__name__)


def inline_svg(latex: str, size: float = 17.0) -> str:
    """A picture of a formula, or its LaTeX as text where it cannot be drawn.

    Parameters
    ----------
    size
        Of the letters in pixels.
    """
    from ziamath.config import config
    from ziamath.zmath import Latex

    try:
        # glyphs written out in place: shared symbols would clash between the pictures of one page
        with _lock:
            before = config.svg2
            config.svg2 = False
            try:
                svg = Latex(latex, size=size, color="currentColor").svg()
            finally:
                config.svg2 = before
    except Exception:
        _log.warning("cannot draw the formula %s", latex, exc_info=True)
        return f"<code>{escape(latex)}</code>"
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(latex, quote=True)}" class="formula" ', 1)
