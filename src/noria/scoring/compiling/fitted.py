"""What is read from a fitted estimator, looked at before it becomes part of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fitted", "fitted_number", "known_classes", "public_name"]


def fitted(estimator: object, name: str, n_axes: int) -> NDArray[np.float64]:
    """Read an array of float64 that the estimator learned, C-ordered.

    Raises
    ------
    Unsupported
        It is absent, sparse, of another type (float32 is added up otherwise) or shape, or not finite.
    """
    found = getattr(estimator, name, None)
    if not isinstance(found, np.ndarray) or found.dtype != np.float64 or found.ndim != n_axes:
        raise Unsupported(f"{name} of {type(estimator).__name__} is not an array of float64 with {n_axes} axes")
    if not np.isfinite(found).all():
        raise Unsupported(f"{name} of {type(estimator).__name__} holds values that are not finite")
    return np.ascontiguousarray(found)


def fitted_number(estimator: object, name: str) -> float:
    """Read a finite number that the estimator learned, or was given."""
    found = getattr(estimator, name, None)
    if not isinstance(found, (int, float, np.number, np.ndarray)) or np.size(found) != 1:
        raise Unsupported(f"{name} of {type(estimator).__name__} is not a number")
    value = float(np.asarray(found, dtype=np.float64).reshape(()))
    if not np.isfinite(value):
        raise Unsupported(f"{name} of {type(estimator).__name__} is not finite")
    return value


def known_classes(estimator: object, n_classes: int) -> list[int]:
    """Read which classes, as positions, the estimator knows; all where it does not say.

    Raises
    ------
    Unsupported
        They are no positions among `n_classes`.
    """
    found = getattr(estimator, "classes_", None)
    if found is None:
        return list(range(n_classes))
    try:
        known = [int(value) for value in found]
    except (TypeError, ValueError):
        raise Unsupported(f"the classes of {type(estimator).__name__} are not positions") from None
    if known != sorted(set(known)) or not known or known[0] < 0 or known[-1] >= n_classes:
        raise Unsupported(f"{type(estimator).__name__} knows the classes {known} where there are {n_classes}")
    return known


def public_name(estimator: object) -> str:
    """Give package and class as people import it: private modules are left out.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> public_name(Ridge())
    'sklearn.linear_model.Ridge'
    """
    kind = type(estimator)
    parts = kind.__module__.split(".")
    public = next((n for n, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join([*parts[:public], kind.__qualname__])
