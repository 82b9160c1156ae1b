"""The colours of the two schemes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Colours:
    """One scheme; colours as `#rrggbb`."""

    name: Literal["light", "dark"]
    window: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    accent_text: str
    accent_soft: str
    selection: str
    good: str
    warning: str
    error: str
    curves: tuple[str, ...]
    plot_grid: str
    data: str


LIGHT = Colours(
    name="light",
    window="#f4f6f9",
    surface="#ffffff",
    raised="#eef1f5",
    border="#d9dee6",
    text="#1b2330",
    muted="#5c6777",
    accent="#0b66c3",
    accent_text="#ffffff",
    accent_soft="#e3effb",
    selection="#cfe3f8",
    good="#00795a",
    warning="#9a5b00",
    error="#b3261e",
    curves=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6a00", "#5c6777"),
    plot_grid="#e6eaf0",
    data="#1b2330",
)
DARK = Colours(
    name="dark",
    window="#14181f",
    surface="#1b212a",
    raised="#252c38",
    border="#333d4c",
    text="#e7ebf1",
    muted="#9aa7b8",
    accent="#5aa9f5",
    accent_text="#0b1522",
    accent_soft="#1d3147",
    selection="#274667",
    good="#4cc9a0",
    warning="#f0b64a",
    error="#ff8a80",
    curves=("#56b4e9", "#f0843c", "#2fc79a", "#dd94bd", "#f0b429", "#8ab8ff", "#f0e442", "#9aa7b8"),
    plot_grid="#2a323e",
    data="#e7ebf1",
)
