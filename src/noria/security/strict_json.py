"""JSON that means one thing only: what could be read two ways is refused, never altered.

RFC 8259 leaves duplicate keys, huge numbers and NUL to the reader, and readers disagree: the same body then means
one thing to the check and another to the model. Refused here: NaN and infinities, numbers beyond float64,
integers beyond int64, duplicate keys, NUL and lone surrogates, a byte order mark, anything but UTF-8, nesting
deeper than 50, more items than asked for.
"""

from __future__ import annotations

import json
import math

import msgspec

from noria.errors import WrongData

__all__ = ["BadJson", "decode"]

_DEPTH = 50
_ITEMS = 2_000_000
_INT64 = 1 << 63

_decoder = msgspec.json.Decoder()


class BadJson(WrongData):
    """A body is not JSON that noria reads; `what` names the place."""


def decode(body: bytes, *, max_depth: int = _DEPTH, max_items: int = _ITEMS, constants: bool = False) -> object:
    """Read a JSON body strictly.

    Parameters
    ----------
    body : bytes
        UTF-8 without byte order mark.
    max_depth : int
        Deepest nesting of arrays and objects.
    max_items : int
        Most array elements and object members in all.
    constants : bool
        Read the bare words NaN, Infinity and -Infinity, which are no JSON and which Python and others write, as the
        numbers they mean. Whoever asks for that must look at every number itself.

    Raises
    ------
    BadJson
        The body is not JSON, or could be read in two ways.

    Examples
    --------
    >>> decode(b'{"age": 30}')
    {'age': 30}
    >>> decode(b'{"age": 30, "age": 70}')
    Traceback (most recent call last):
    noria.security.strict_json.BadJson: the key 'age' is there twice in one object
    """
    try:
        value = _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise _bad("the body is not UTF-8") from error
    except RecursionError as error:
        raise _bad(f"nested deeper than {max_depth} levels") from error
    except (msgspec.MsgspecError, ValueError) as error:
        if not constants or (b"NaN" not in body and b"Infinity" not in body):
            raise _bad(str(error)) from error
        value = _with_constants(body, max_depth)
    strings = _walk(value, max_depth, max_items, escaped=b"\\" in body)
    # Every string stands between two quotes, and only an escape could hide one. So a key that the decoder let a
    # later one replace leaves more quotes than the strings that were read: the exact pass then finds its name.
    if b"\\" in body or body.count(b'"') != 2 * strings:
        json.loads(body, object_pairs_hook=_single)
    return value


def _with_constants(body: bytes, depth: int) -> object:
    """Read a body that holds bare words for numbers, as strictly otherwise."""
    try:
        # As bytes, Python would guess at UTF-16 and UTF-32, and drop a byte order mark.
        return json.loads(body.decode("utf-8"), parse_float=_finite)
    except UnicodeDecodeError as error:
        raise _bad("the body is not UTF-8") from error
    except RecursionError as error:
        raise _bad(f"nested deeper than {depth} levels") from error
    except ValueError as error:
        raise _bad(str(error)) from error


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is out of range")
    return value


def _walk(value: object, depth: int, items: int, *, escaped: bool) -> int:
    """Count the strings of a value, refusing what the decoder lets through."""
    strings = 0
    level: list[object] = [value]
    for deeper in range(depth, -1, -1):
        items -= len(level)
        if items < 0:
            raise _bad("too many items")
        # Most levels hold many values of few kinds: each is looked at only where its kind calls for it.
        each = list(map(type, level))
        kinds = set(each)
        if str in kinds:
            strings += each.count(str)
            if escaped and any("\x00" in item for item in level if type(item) is str):
                raise _bad("a text holds the character NUL")
        if int in kinds and not all(-_INT64 <= item < _INT64 for item in level if type(item) is int):
            raise _bad("an integer does not fit into 64 bits")
        if kinds.isdisjoint((dict, list)):
            break
        if not deeper:
            raise _bad(f"nested deeper than {depth} levels")
        below: list[object] = []
        for item in level:
            if type(item) is dict:
                strings += len(item)
                if escaped and any("\x00" in key for key in item):
                    raise _bad("a key holds the character NUL")
                below.extend(item.values())
            elif type(item) is list:
                below.extend(item)
        level = below
    return strings


def _single(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _bad(f"the key {key[:80]!r} is there twice in one object")
            seen.add(key)
    return found


def _bad(what: str) -> BadJson:
    return BadJson(what, code="N-SECURITY-010")
