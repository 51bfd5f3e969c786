"""The classes that an estimator saw."""

from __future__ import annotations

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported

__all__ = ["seen"]


def seen(estimator: object, n_classes: int) -> tuple[int, ...]:
    """Give their positions among the model's, ascending; none for a regression.

    Raises
    ------
    Unsupported
        They are not positions, as the estimator was not fitted on encoded labels; or it has classes and the model none.

    Examples
    --------
    >>> class Fold:
    ...     classes_ = np.array([0, 2])
    >>> seen(Fold(), 3)
    (0, 2)
    """
    known = getattr(estimator, "classes_", None)
    if n_classes == 0 and known is not None:
        raise Unsupported("it has classes, and the model is none of classes")
    found = np.arange(n_classes) if known is None else np.asarray(known)
    if not np.isin(found, np.arange(n_classes)).all():
        raise Unsupported("its classes are not positions of the model's classes")
    return tuple(int(one) for one in found)
