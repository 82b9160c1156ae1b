"""JSON for other programs: it has no infinities, so what is not finite is written as null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Dictionaries, lists and numbers as JSON knows them.

    Parameters
    ----------
    value : any
        Nested mappings, lists, tuples, texts, numbers (NumPy's too), booleans, None.

    Returns
    -------
    any
        The same with every number that is not finite replaced by None; where that means something (no limit, a failed
        simulation), the documents of the format say what.
    """
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {str(key): plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.ndarray():
            return plain(value.tolist())
        case _:
            return value


def json_text(value: Any, indent: int = 2) -> str:
    """JSON text of ``value``, ended by a newline; see ``plain``."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"
