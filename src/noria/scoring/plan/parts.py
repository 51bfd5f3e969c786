"""What is read from the files of a plan, looked at before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from noria.scoring.plan.unsound import Unsound, array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts

__all__ = ["count", "floats", "positions", "truth", "word"]

Word = TypeVar("Word", bound=str)


def floats(arrays: Arrays, name: str, *shape: int | None) -> NDArray[np.float64]:
    """Take an array of finite float64, C-ordered.

    Examples
    --------
    >>> floats({"bias": np.zeros(3)}, "bias", 3).tolist()
    [0.0, 0.0, 0.0]
    """
    found = cast("NDArray[np.float64]", array(arrays, name, "float64", *shape))
    if not np.isfinite(found).all():
        raise Unsound(f"the array {name!r} holds values that are not finite")
    return np.ascontiguousarray(found)


def positions(arrays: Arrays, name: str, below: int, length: int | None = None) -> NDArray[np.int64]:
    """Take an array of int64, none negative, none at or above a limit.

    Examples
    --------
    >>> positions({"kept": np.array([0, 2])}, "kept", below=3).tolist()
    [0, 2]
    """
    found = cast("NDArray[np.int64]", array(arrays, name, "int64", length))
    if found.size and (found.min() < 0 or found.max() >= below):
        raise Unsound(f"the array {name!r} points outside 0 to {below - 1}")
    return found


def count(facts: Facts, name: str, at_least: int = 0) -> int:
    """Take a whole number that must be there."""
    found = facts.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or found < at_least:
        raise Unsound(f"{name!r} is {found!r}, not a whole number from {at_least}")
    return found


def truth(facts: Facts, name: str) -> bool:
    """Take a truth value that must be there."""
    found = facts.get(name)
    if not isinstance(found, bool):
        raise Unsound(f"{name!r} is {found!r}, neither true nor false")
    return found


def word(facts: Facts, name: str, known: tuple[Word, ...]) -> Word:
    """Take a word that must be one of these.

    Examples
    --------
    >>> word({"link": "softmax"}, "link", ("sigmoid", "softmax"))
    'softmax'
    """
    found = facts.get(name)
    for choice in known:
        if found == choice:
            return choice
    raise Unsound(f"{name!r} is {found!r}, not one of {', '.join(known)}")
