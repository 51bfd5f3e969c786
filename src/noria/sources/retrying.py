"""Trying again what failed in passing: longer pauses each time, and never two clients in step."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Transient", "retried"]

TRIES = 3
FIRST_SECONDS = 0.5
_MOST_SECONDS = 20.0

_T = TypeVar("_T")


@dataclass
class Transient(Exception):
    """What failed may succeed if it is tried again.

    Parameters
    ----------
    error : Exception
        What to raise when it does not.
    after_seconds : float
        How long the other side asks to wait.
    """

    error: Exception
    after_seconds: float = 0.0


def retried(
    attempt: Callable[[], _T],
    *,
    note: Callable[[str], None] = lambda _text: None,
    sleep: Callable[[float], None] = time.sleep,
    draw: Callable[[], float] = random.random,
) -> _T:
    """Make an attempt, and another after a pause where it raised `Transient`.

    Parameters
    ----------
    attempt : callable
        What to do; begins from nothing each time.
    note : callable
        Told of each failure that is tried again.
    sleep, draw : callable
        The clock, and a number from 0 to 1: of two clients that failed together one comes back first.

    Returns
    -------
    object
        What the attempt gave.

    Raises
    ------
    Exception
        The error within the last `Transient`; anything else at once.

    Examples
    --------
    >>> left = [ConnectionError("reset"), None]
    >>> def attempt():
    ...     if error := left.pop(0):
    ...         raise Transient(error)
    ...     return "rows"
    >>> retried(attempt, sleep=lambda seconds: None)
    'rows'
    """
    for number in range(TRIES):
        try:
            return attempt()
        except Transient as failed:
            if number == TRIES - 1:
                raise failed.error from failed.error.__cause__
            pause = min(_MOST_SECONDS, max(failed.after_seconds, FIRST_SECONDS * 2**number * (0.5 + draw())))
            note(f"{failed.error}; tried again in {pause:.1f} s ({number + 1} of {TRIES - 1})")
            sleep(pause)
    raise AssertionError("unreachable")
