"""What the workers of one socket have counted, in memory that they share: whoever is asked tells the sum.

Each has a place of its own and writes the whole of its counters there a few times a second; nobody waits for anybody.
What a killed worker had written stays, and the one started in its place goes on from it: a sum never falls.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import tempfile
import zlib
from operator import add

import msgspec

__all__ = ["ArmCounts", "Board", "Snapshot", "create"]

_PAGE = 1 << 20
_PLACE = 2 * _PAGE
"""Bytes a worker: two pages, written in turn, so that one is whole whenever a worker is killed. Untouched ones take no
memory."""
_HEAD = struct.Struct("<II")
_FRESH_SECONDS = 3.0


class ArmCounts(msgspec.Struct, frozen=True, array_like=True):
    """What one version answered in one arm."""

    version: int
    arm: str
    requests: int
    rows: int
    refused: int
    failed: int
    seconds: float
    histogram: tuple[int, ...]

    def plus(self, other: ArmCounts) -> ArmCounts:
        """Add the same version's counts of another process."""
        return ArmCounts(
            self.version,
            self.arm,
            self.requests + other.requests,
            self.rows + other.rows,
            self.refused + other.refused,
            self.failed + other.failed,
            self.seconds + other.seconds,
            tuple(map(add, self.histogram, other.histogram)),
        )


class Snapshot(msgspec.Struct, frozen=True):
    """Counters of a worker; what comes before `swaps` holds for this moment only.

    Parameters
    ----------
    pid, version, in_flight, pending : int
        Of the process as it is.
    at : float
        When, on the monotonic clock that all processes of a machine share.
    """

    pid: int
    at: float
    version: int
    in_flight: int
    pending: int
    swaps: int
    load_failures: int
    shadows_dropped: int
    written: int
    dropped: int
    arms: tuple[ArmCounts, ...]
    model: str = ""
    engine: str = ""

    def plus(self, other: Snapshot) -> Snapshot:
        """Add another's counters; the moment stays this one's.

        Examples
        --------
        >>> one = Snapshot(7, 0.0, 2, 0, 0, 1, 0, 0, 10, 0, ())
        >>> both = one.plus(Snapshot(8, 0.0, 1, 5, 5, 0, 0, 0, 4, 0, ()))
        >>> both.pid, both.version, both.written
        (7, 2, 14)
        """
        return msgspec.structs.replace(
            self,
            swaps=self.swaps + other.swaps,
            load_failures=self.load_failures + other.load_failures,
            shadows_dropped=self.shadows_dropped + other.shadows_dropped,
            written=self.written + other.written,
            dropped=self.dropped + other.dropped,
            arms=_summed((*self.arms, *other.arms)),
        )

    def is_fresh(self, now: float) -> bool:
        """Say whether its process still writes."""
        return now - self.at < _FRESH_SECONDS


def _summed(arms: tuple[ArmCounts, ...]) -> tuple[ArmCounts, ...]:
    made: dict[tuple[int, str], ArmCounts] = {}
    for one in arms:
        key = one.version, one.arm
        made[key] = made[key].plus(one) if key in made else one
    return tuple(made.values())


def create(workers: int) -> int:
    """Give the descriptor of empty memory for so many workers, to be inherited by them."""
    if sys.platform == "linux":
        opened = os.memfd_create("noria-board")
    else:
        with tempfile.TemporaryFile() as file:
            opened = os.dup(file.fileno())
    os.ftruncate(opened, workers * _PLACE)
    os.set_inheritable(opened, True)
    return opened


class Board:
    """The memory that workers share.

    Parameters
    ----------
    descriptor : int
        What `create` gave.
    slot : int
        This worker's place.
    """

    def __init__(self, descriptor: int, slot: int) -> None:
        self._memory = mmap.mmap(descriptor, 0)
        self._slot = slot
        self._workers = len(self._memory) // _PLACE
        self._turn = 0
        self._before = self._read(slot)

    def write(self, snapshot: Snapshot) -> Snapshot:
        """Put this worker's counters down, those of killed predecessors with them; give them."""
        whole = snapshot if self._before is None else snapshot.plus(self._before)
        data = msgspec.msgpack.encode(whole)
        if len(data) <= _PAGE - _HEAD.size:
            start = self._slot * _PLACE + self._turn * _PAGE
            self._memory[start : start + _HEAD.size + len(data)] = _HEAD.pack(len(data), zlib.crc32(data)) + data
            self._turn = 1 - self._turn
        return whole

    def others(self) -> list[Snapshot]:
        """Give what the other workers last wrote, dead or alive."""
        found = (self._read(slot) for slot in range(self._workers) if slot != self._slot)
        return [each for each in found if each is not None]

    def _read(self, slot: int) -> Snapshot | None:
        pages = (self._page(slot * _PLACE + turn * _PAGE) for turn in (0, 1))
        return max((page for page in pages if page is not None), key=lambda page: page.at, default=None)

    def _page(self, start: int) -> Snapshot | None:
        length, check = _HEAD.unpack_from(self._memory, start)
        data = self._memory[start + _HEAD.size : start + _HEAD.size + length]
        # Read while it is written, or never written whole: the check tells.
        return msgspec.msgpack.decode(data, type=Snapshot) if length and zlib.crc32(data) == check else None
