"""A file as what it adds to an older one: pieces compressed by zstd with the older bytes before them.

Content-defined chunks, the usual answer, store 80 to 99 % again when single rows change all over a table: every chunk
holds one of them. With the old bytes as prefix a changed row costs its own bytes and a few more.

Each piece is compressed twice. The first pass only says what is copied from where and leaves what is new as it is: were
it to look for short matches as well, each would cost more, in a far-off place's number, than the digits it spares; and
blocks of 128 KB hold too few of them to be worth a code of their own. The second pass sees all that is new at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from noria.errors import CorruptedBlob
from noria.store.compression import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["LAYERS", "Decoded", "Piece", "Ranges", "encode"]

LAYERS = 2
"""How often a piece is compressed; deltas that say nothing of it were compressed once."""

Piece = tuple[int, int, int, int]
"""Bytes of the new file, where the old ones begin, how many they are, bytes kept."""

_SEGMENT = 16 << 20
_PAD = 4 << 20
_POOR = 0.05  # of a segment: then the old bytes may have been looked for in the wrong place
_PROBES = 9
_PROBE = 64
_TAILS = 3
_TAIL = 4096
_SPARE = 1024  # that zstd may need for what it does not compress
_REMEMBERED = 3
"""A segment and its pads reach into three segments of the file before, if that is kept as such pieces too."""

_NAMES = zstd.CompressionParameter
_COPIES: dict[int, int] = {
    _NAMES.enable_long_distance_matching: 1,
    _NAMES.ldm_min_match: 32,
    _NAMES.ldm_hash_log: 21,
    _NAMES.ldm_hash_rate_log: 4,
    # The quickest search there is, and a step that leaves what is new uncompressed.
    _NAMES.strategy: zstd.Strategy.fast,
    _NAMES.hash_log: 6,
    _NAMES.min_match: 7,
    _NAMES.target_length: 4096,
    _NAMES.checksum_flag: 1,
}
_FEW = 12
_MANY = 3
"""Levels of the second pass: what is new is a small part of a segment, or not."""


class Ranges(Protocol):
    """Bytes that can be read from anywhere."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """Give the bytes from `start` up to `end`, fewer where the file ends."""


def encode(
    read: Callable[[int], bytes], size: int, old: Ranges, write: Callable[[bytes], object], *, limit: float
) -> list[Piece] | None:
    """Write what new bytes add to old ones.

    Parameters
    ----------
    read : callable
        Gives the next so many of the new bytes, fewer at their end.
    size : int
        How many there are, as far as known: it says where to look in the old ones.
    old : Ranges
        The old bytes.
    write : callable
        Takes what is to be kept.
    limit : float
        Bytes from which it is not worth it.

    Returns
    -------
    list of Piece or None
        What `Decoded` needs; None when it was not worth it.
    """
    pieces: list[Piece] = []
    at = kept = 0
    shift: int | None = None
    while segment := read(_SEGMENT):
        made = _compressed(segment, old, at * old.size // max(size, 1) if shift is None else at + shift)
        if len(made.data) > _POOR * len(segment):
            found = _find(segment, at, size, old)
            if found is not None:
                shift = found - at
                made = min(made, _compressed(segment, old, found), key=lambda tried: len(tried.data))
        write(made.data)
        kept += len(made.data)
        if kept > limit:
            return None
        pieces.append((len(segment), made.start, len(made.before), len(made.data)))
        shift = _followed(segment, at, made, shift)
        at += len(segment)
    return pieces


@dataclass(frozen=True)
class _Compressed:
    start: int
    before: bytes
    data: bytes


def _compressed(segment: bytes, old: Ranges, middle: int) -> _Compressed:
    start = max(0, min(middle, old.size) - _PAD)
    before = old.read(start, min(old.size, start + len(segment) + 2 * _PAD))
    window_log = max(10, min(31, (len(before) + len(segment)).bit_length()))
    writer = zstd.ZstdCompressor(options={**_COPIES, _NAMES.window_log: window_log}, zstd_dict=_prefix(before))
    writer.set_pledged_input_size(len(segment))  # spares it a copy
    copies = writer.compress(segment, writer.FLUSH_FRAME)
    level = _FEW if len(copies) <= _POOR * len(segment) else _MANY
    return _Compressed(start, before, zstd.compress(copies, level))


def _prefix(before: bytes) -> tuple[zstd.ZstdDict, int] | None:
    # zstd wants eight bytes of a dictionary at least.
    return zstd.ZstdDict(before, is_raw=True).as_prefix if len(before) >= 8 else None


def _followed(segment: bytes, at: int, made: _Compressed, shift: int | None) -> int | None:
    """Say how far off the old file has what a segment ends with: there the next one is looked for."""
    for place in range(len(segment) - _PROBE, 0, -_TAIL)[:_TAILS]:
        probe = segment[place : place + _PROBE]
        there = made.before.find(probe)
        if there >= 0 and made.before.rfind(probe) == there:
            return made.start + there - at - place
    return shift


def _find(segment: bytes, at: int, size: int, old: Ranges) -> int | None:
    """Say where the old file has what the segment begins with: rows put in or taken out move all that follows.

    The old place is as far off as the files differ in length, at most; what was moved about besides is not found.
    """
    moved = old.size - size
    start, end = max(0, min(at, at + moved) - _PAD), min(old.size, max(at, at + moved) + len(segment) + _PAD)
    step = max(1, len(segment) // _PROBES)
    probes = {place: segment[place : place + _PROBE] for place in range(step // 2, len(segment) - _PROBE, step)}
    found = []
    for block_at in range(start, end, _SEGMENT):
        block = old.read(block_at, min(end, block_at + _SEGMENT + _PROBE))
        for place, probe in list(probes.items()):
            there = block.find(probe)
            if there >= 0:
                found.append(block_at + there - place)
                del probes[place]
    if not found:
        return None
    return max(0, sorted(found)[len(found) // 2])


class Decoded:
    """The new bytes again, read from anywhere, a few segments in memory at a time.

    Parameters
    ----------
    pieces : sequence of Piece
        As `encode` gave them.
    old : Ranges
        The old bytes.
    stored : callable
        Gives the kept bytes from one place up to another.
    layers : int, default LAYERS
        How often they were compressed.

    Raises
    ------
    CorruptedBlob
        At reading: the kept bytes, or the old ones, are not what they were.
    """

    def __init__(
        self, pieces: Sequence[Piece], old: Ranges, stored: Callable[[int, int], bytes], layers: int = LAYERS
    ) -> None:
        self._old = old
        self._stored = stored
        self._layers = layers
        self._table: list[tuple[int, int, Piece]] = []
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        at = kept = 0
        for piece in pieces:
            self._table.append((at, kept, piece))
            at, kept = at + piece[0], kept + piece[3]
        self.size = at

    def read(self, start: int, end: int) -> bytes:
        """Give the bytes from `start` up to `end`."""
        parts = []
        for number, (at, _, piece) in enumerate(self._table):
            if at < end and at + piece[0] > start:
                parts.append(self._segment(number)[max(0, start - at) : end - at])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def segments(self) -> Iterator[bytes]:
        """Give all the bytes in order, a segment at a time."""
        for number in range(len(self._table)):
            yield self._segment(number)

    def _segment(self, number: int) -> bytes:
        known = self._recent.get(number)
        if known is not None:
            self._recent.move_to_end(number)
            return known
        _, kept, (length, start, count, stored) = self._table[number]
        before, data = self._old.read(start, start + count), self._stored(kept, kept + stored)
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 31}
        try:
            for _ in range(self._layers - 1):
                data = zstd.ZstdDecompressor().decompress(data, max_length=length + (length >> 8) + _SPARE)
            reader = zstd.ZstdDecompressor(zstd_dict=_prefix(before), options=options)
            # Never more than was said: what came from elsewhere could be made to fill the memory.
            segment = reader.decompress(data, max_length=length + 1)
        except zstd.ZstdError as error:
            raise _damaged(str(error)) from error
        if len(segment) != length:
            raise _damaged(f"a piece gives {len(segment):,} bytes of {length:,}")
        self._recent[number] = segment
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return segment


def _damaged(why: str) -> CorruptedBlob:
    return CorruptedBlob(
        "what one version adds to another is damaged",
        why=why,
        mend="noria fsck     says what needs it, and how to get it back",
        code="N-STORE-050",
    )
