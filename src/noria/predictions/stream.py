"""The log where there is no folder for it: lines of JSON for whoever collects a container's output, or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from noria.predictions.columns import rows as as_rows
from noria.predictions.log import Key, PredictionLog

if TYPE_CHECKING:
    from typing import BinaryIO

    from noria.predictions.entry import Entry

__all__ = ["LineLog", "NoLog"]

_NOWHERE = Path(os.devnull) / "predictions"
"""Can never be there: both logs have a folder by type only, and a container may have no place to write at all."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[object]).decode


class LineLog(PredictionLog):
    """One line of JSON an answered row, with the columns of the log in a folder.

    The queue, its bound and its counts are the same: a reader that stops reading costs rows, never answers.

    Parameters
    ----------
    stream : binary file
        Gets the lines.
    """

    def __init__(self, stream: BinaryIO, *, capacity: int = 100_000) -> None:
        super().__init__(_NOWHERE, capacity=capacity)
        self._stream = stream

    def _append(self, key: Key, requests: list[bytes], rows: int) -> None:
        decoded = [_decode(request) for request in requests]
        self._stream.write(b"".join(_encode(row) + b"\n" for row in as_rows(key[2], decoded)))
        self._stream.flush()

    def _end(self, keys: list[Key]) -> None:
        """Do nothing: a stream has no segments."""


class NoLog(PredictionLog):
    """Keeps nothing: for models whose input must not be written anywhere."""

    def __init__(self) -> None:
        super().__init__(_NOWHERE)

    def append(self, entry: Entry) -> bool:
        """Forget it."""
        return True
