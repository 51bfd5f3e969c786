"""Ids of requests that brought none."""

from __future__ import annotations

import os

__all__ = ["request_id"]

_BYTES = 16
_AT_ONCE = 256

_ready: list[str] = []
# A forked process must not go on with what its parent had drawn.
os.register_at_fork(after_in_child=_ready.clear)


def request_id() -> str:
    """Give a new id: 128 random bits in hexadecimal. For the event loop's thread only.

    Examples
    --------
    >>> first, second = request_id(), request_id()
    >>> len(first), first == second
    (32, False)
    """
    if not _ready:
        # The system is asked for many at once: one call to it costs more than all else here.
        drawn = os.urandom(_BYTES * _AT_ONCE).hex()
        _ready.extend(drawn[start : start + 2 * _BYTES] for start in range(0, len(drawn), 2 * _BYTES))
    return _ready.pop()
