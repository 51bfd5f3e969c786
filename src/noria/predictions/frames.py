"""A file that only grows, of which every part that was written whole can be read.

A frame is a length, a checksum and as many bytes, MessagePack all of them. The first one holds the layout of the
rows, every further one the rows of some requests. What a killed process or machine left of the last frame, its length
or its checksum gives away.

Rows are written by the processes that answer. This form costs them a microsecond or two a request and no library that
they do not have anyway; Arrow would cost ten times that, and each process some thirty megabytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import msgspec

if TYPE_CHECKING:
    from noria.predictions.entry import Layout

__all__ = ["first_frame", "frame", "read_frames"]

_MAGIC = b"noria rows 1\n"
_HEAD = struct.Struct("<II")
_ARRAY = struct.Struct(">BI")
_ARRAY_32 = 0xDD

_Layout = tuple[tuple[str, str], ...]
_layouts = msgspec.msgpack.Decoder(_Layout)
_requests = msgspec.msgpack.Decoder(list[list[object]])


def first_frame(layout: Layout) -> bytes:
    """Give the beginning of a file."""
    return _MAGIC + _framed(msgspec.msgpack.encode(layout))


def frame(requests: Sequence[bytes]) -> bytes:
    """Give the frame of some requests, each as `noria.predictions.entry.encode` wrote it."""
    return _framed(_ARRAY.pack(_ARRAY_32, len(requests)) + b"".join(requests))


def read_frames(file: BinaryIO) -> tuple[Layout, Iterator[list[list[object]]]] | None:
    """Give the layout of a file and, frame by frame, its requests; None where not even the layout is whole.

    Examples
    --------
    >>> import io
    >>> request = msgspec.msgpack.encode(["p1", 0.5])
    >>> whole = first_frame((("prediction_id", "text"), ("score", "float"))) + frame([request, request])
    >>> layout, frames = read_frames(io.BytesIO(whole[:-1] + b"?"))
    >>> layout, list(frames)
    ((('prediction_id', 'text'), ('score', 'float')), [])
    >>> list(read_frames(io.BytesIO(whole))[1])
    [[['p1', 0.5], ['p1', 0.5]]]
    """
    if file.read(len(_MAGIC)) != _MAGIC:
        return None
    first = _payload(file)
    if first is None:
        return None
    layout: Layout = _layouts.decode(first)  # type: ignore[assignment] # kinds are written by `layout` alone
    return layout, _frames(file)


def _frames(file: BinaryIO) -> Iterator[list[list[object]]]:
    while (payload := _payload(file)) is not None:
        yield _requests.decode(payload)


def _framed(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _payload(file: BinaryIO) -> bytes | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    payload = file.read(length)
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None
