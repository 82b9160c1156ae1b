"""What scikit-learn's conventions ask of the inputs of an estimator, without scikit-learn.

Where its checks look for certain words in an error, those words are used.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

Targets = Float[np.ndarray, " sample"] | Float[np.ndarray, "sample target"]


def read_samples(
    X: Any, y: Any, *, needs_y: bool = True
) -> tuple[Float[np.ndarray, "sample input"], Float[np.ndarray, "..."], list[str] | None]:
    """X and y as float64 arrays and the column labels of a data frame (None without, or where not all are text).
    Several columns of y stay columns.

    Parameters
    ----------
    needs_y
        False for prediction: ``y`` is not looked at, and an empty target is returned.

    Raises
    ------
    ValueError
        For shapes, kinds or lengths that cannot be used.
    TypeError
        For a sparse matrix.
    """
    labels = _labels(X)
    samples = _array(X, "X")
    if samples.ndim != 2:
        raise ValueError(
            f"Expected 2D array for X, got {samples.ndim}D array instead. Reshape your data either using array.reshape(-1, 1) if "
            "it has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    rows, columns = samples.shape
    if rows == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={samples.shape}) while a minimum of 1 is required.")
    if columns == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={samples.shape}) while a minimum of 1 is required.")
    if not needs_y:
        _finite(samples)
        return samples, np.empty(0), labels
    target = _array(y, "y")
    if target.ndim == 2 and target.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,).",
            _conversion_warning(),
            stacklevel=3,
        )
        target = target[:, 0]
    if target.ndim not in (1, 2) or (target.ndim == 2 and target.shape[1] == 0):
        raise ValueError(
            f"y should be a 1d array, or have one column for each target; got an array of shape {target.shape} instead."
        )
    if len(target) != rows:
        raise ValueError(
            f"X has {rows} rows and y has {len(target)}; found input variables with inconsistent numbers of samples"
        )
    return samples, target, labels


def read_weights(sample_weight: Any, rows: int) -> Float[np.ndarray, " sample"] | None:
    """Row weights (None stays None). Raises ValueError for another shape than one weight per row."""
    if sample_weight is None:
        return None
    weights = _array(sample_weight, "sample_weight")
    if weights.ndim == 0:
        weights = np.full(rows, float(weights))
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight has shape {weights.shape}; one weight per row ({rows}) is needed")
    return weights


def feature_names(labels: list[str] | None, count: int) -> tuple[str, ...]:
    """Names for formulas: labels that are identifiers of the grammar and no function, else `x0`, `x1`, ..."""
    from ndestudio.expression.functions import RESERVED
    from ndestudio.expression.tree import CONSTANTS

    plain = tuple(f"x{index}" for index in range(count))
    if labels is None:
        return plain
    usable = [
        bool(re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", label)) and label not in RESERVED and label not in CONSTANTS
        for label in labels
    ]
    names = tuple(label if good else own for label, good, own in zip(labels, usable, plain, strict=True))
    return names if len(set(names)) == count else plain


def check_features(estimator: Any, columns: int, labels: list[str] | None) -> None:
    """Raise ValueError unless the columns are those of the fit; warn where only one of the two had labels."""
    fitted = getattr(estimator, "feature_names_in_", None)
    kind = type(estimator).__name__
    if fitted is None and labels is not None:
        warnings.warn(f"X has feature names, but {kind} was fitted without feature names", UserWarning, stacklevel=3)
    elif fitted is not None and labels is None:
        warnings.warn(
            f"X does not have valid feature names, but {kind} was fitted with feature names", UserWarning, stacklevel=3
        )
    elif fitted is not None and labels is not None and list(fitted) != labels:
        raise ValueError(_other_names(list(fitted), labels))
    if columns != estimator.n_features_in_:
        raise ValueError(
            f"X has {columns} features, but {kind} is expecting {estimator.n_features_in_} features as input."
        )


def _other_names(fitted: list[str], labels: list[str]) -> str:
    text = "The feature names should match those that were passed during fit.\n"
    new = sorted(set(labels) - set(fitted))
    missing = sorted(set(fitted) - set(labels))
    if new:
        text += "Feature names unseen at fit time:\n" + "".join(f"- {name}\n" for name in new)
    if missing:
        text += "Feature names seen at fit time, yet now missing:\n" + "".join(f"- {name}\n" for name in missing)
    if not new and not missing:
        text += "Feature names must be in the same order as they were in fit.\n"
    return text


def target_names(y: Any, count: int) -> tuple[str, ...]:
    """Labels of the columns of a data frame of targets, else `y0`, `y1`, ..."""
    labels = _labels(y)
    return tuple(labels) if labels is not None and len(labels) == count else tuple(f"y{k}" for k in range(count))


def r_squared(y: Targets, predicted: Targets, weights: Float[np.ndarray, " sample"] | None) -> float:
    """Coefficient of determination, its mean over several targets; minus infinity where a prediction is not finite."""
    if not np.isfinite(predicted).all():
        return -np.inf
    w = np.ones(len(y)) if weights is None else weights
    scores = []
    for target, value in zip(y.reshape(len(y), -1).T, predicted.reshape(len(y), -1).T, strict=True):
        mean = np.sum(w * target) / np.sum(w)
        total, left = float(np.sum(w * (target - mean) ** 2)), float(np.sum(w * (target - value) ** 2))
        scores.append(1.0 - left / total if total > 0.0 else float(left == 0.0))
    return float(np.mean(scores))


def not_fitted(estimator: Any) -> Exception:
    """scikit-learn's error where it is installed, else one of the same bases."""
    text = f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments first."
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        return _NotFitted(text)
    return NotFittedError(text)


class _NotFitted(ValueError, AttributeError):
    pass


def sklearn_tags() -> Any:
    """Tags of a regressor that needs y, of one column or of several; only scikit-learn asks for them."""
    from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type="regressor",
        target_tags=TargetTags(required=True, multi_output=True),
        input_tags=InputTags(),
        regressor_tags=RegressorTags(),
        non_deterministic=False,
    )


def _array(values: Any, name: str) -> np.ndarray:
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()' to convert.")
    if values is None:
        raise ValueError(f"{name} is None; this estimator requires {name} to be passed, but the target {name} is None")
    array = np.asarray(values)
    if np.iscomplexobj(array):
        raise ValueError(f"Complex data not supported: {name} has the type {array.dtype}")
    try:
        return np.ascontiguousarray(array, dtype=float) if array.ndim else array.astype(float)
    except (TypeError, ValueError) as error:
        if array.dtype == object and isinstance(error, TypeError):
            raise TypeError(f"argument must be a string or a real number: {name} holds {error}") from error
        raise ValueError(f"{name} holds something that is no number: {error}") from error


def _finite(X: Float[np.ndarray, "sample input"]) -> None:
    bad = ~np.isfinite(X)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        kind = "NaN" if np.isnan(X[row, column]) else "infinity"
        raise ValueError(f"X holds {kind} in row {row}, column {column} ({int(bad.sum())} such values in all)")


def _labels(X: Any) -> list[str] | None:
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    labels = list(columns)
    text = [isinstance(label, str) for label in labels]
    if any(text) and not all(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has mixed types; convert "
            "them with `X.columns = X.columns.astype(str)`"
        )
    return labels if labels and all(text) else None


def _conversion_warning() -> type[Warning]:
    try:
        from sklearn.exceptions import DataConversionWarning
    except ImportError:
        return UserWarning
    return DataConversionWarning
