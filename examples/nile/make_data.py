"""Writes the flows of the Nile that statsmodels brings along (public domain): `pip install statsmodels`."""

from pathlib import Path

import statsmodels.api as sm


def main() -> None:
    """Write `nile.csv` beside this script."""
    rows = sm.datasets.nile.load_pandas().data
    lines = [
        "year,flow [10^8 m^3]",
        *(f"{year:.0f},{flow:g}" for year, flow in zip(rows["year"], rows["volume"], strict=True)),
    ]
    (Path(__file__).parent / "nile.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
