"""Transformers of the user's own: any class in scikit-learn's shape, named in the project file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import WrongSetting
from noria.pipeline.own import Kind, own_class, seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.base import BaseEstimator

__all__ = ["own_transformer"]


def _wrong(what: str, why: str, use: str) -> WrongSetting:
    return WrongSetting(what, why=why, mend=f"use {use}", code="N-PREP-003")


TRANSFORMER = Kind(
    "a transformer", "package.module:Transformer", {"fit": "fit(X, y)", "transform": "transform(X)"}, _wrong
)


def own_transformer(path: str, args: Mapping[str, object], *, seed: int = 0) -> BaseEstimator:
    """Make one of ``{ class = "pkg.mod:Name", args = {…} }``, unfitted.

    The class is imported here, so this runs only where the project's code may run.

    Parameters
    ----------
    path : str
        ``package.module:Class``.
    args : mapping
        What it is built with.
    seed : int
        Its ``random_state``, where it has one that `args` does not give.

    Raises
    ------
    WrongSetting
        The class cannot be imported, lacks fit or transform, or takes other arguments.

    Examples
    --------
    >>> own_transformer("sklearn.preprocessing:Binarizer", {"threshold": 3.0})
    Binarizer(threshold=3.0)
    """
    found = own_class(path, TRANSFORMER, args)
    try:
        return found(**seeded(found, args, seed))
    except (TypeError, ValueError) as error:
        raise _wrong(f"{path} cannot be built with {dict(args)}", str(error), "other args") from None
