"""Names of bytes: what they hold decides what they are called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NewType

from blake3 import blake3

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Digest", "canonical_json", "digest_bytes", "digest_file", "digest_json"]

Digest = NewType("Digest", str)
"""BLAKE3 of the content, 64 lower-case hexadecimal digits."""

_CHUNK = 1 << 20


def canonical_json(value: object) -> str:
    """Write a JSON value in the one form that equal values share.

    Raises
    ------
    ValueError
        The value holds NaN or an infinity, which JSON does not have.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_bytes(data: bytes) -> Digest:
    """Name bytes by their content.

    Examples
    --------
    >>> digest_bytes(b"noria")[:12]
    'fcddf9451cc0'
    """
    return Digest(blake3(data).hexdigest())


def digest_json(value: object) -> Digest:
    """Name a JSON value by its canonical form."""
    return digest_bytes(canonical_json(value).encode())


def digest_file(path: Path) -> Digest:
    """Name a file by its content, reading it in pieces."""
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return Digest(hasher.hexdigest())
