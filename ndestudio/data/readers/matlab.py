"""MATLAB files up to version 7.2, through SciPy; the fields of a struct count as variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ndestudio.data.readers.arrays import DAMAGE, ArrayReader, complaint
from ndestudio.errors import DataError


def matlab_arrays(path: Path, name: str) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
    """The variables of a file; nothing is left out here.

    Raises
    ------
    DataError
        The file is damaged, or of a version that is not read.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        variables = loadmat(path, simplify_cells=True)
    except NotImplementedError as error:
        raise DataError(
            "this MATLAB file is of version 7.3, which is not read; save it in MATLAB with save(..., '-v7'), or as CSV",
            path=name,
        ) from error
    except (MatReadError, *DAMAGE) as error:
        raise DataError(
            f"the file is not readable as a MATLAB file ({complaint(error)}); save it again with save(..., '-v7')",
            path=name,
        ) from error
    arrays: dict[str, np.ndarray] = {}
    for key, value in variables.items():
        if key.startswith("__"):
            continue
        if isinstance(value, dict):
            arrays |= {field: np.asarray(inner) for field, inner in value.items() if not isinstance(inner, dict)}
        else:
            arrays[key] = np.asarray(value)
    return arrays, ()


READER = ArrayReader("mat", matlab_arrays, "MATLAB", (".mat",), (b"MATLAB ",))
