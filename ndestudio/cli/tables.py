"""Tables that commands write: CSV, to a file or to the terminal."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ndestudio.errors import SpecError


def write_table(path: Path | None, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under a header; None writes to the terminal.

    Raises
    ------
    SpecError
        The file cannot be written.
    """
    try:
        with nullcontext(sys.stdout) if path is None else path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        raise SpecError(f"{path} cannot be written ({error.strerror or error}); name another file with -o") from None
