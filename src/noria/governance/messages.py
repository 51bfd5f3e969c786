"""One person's rows out of the messages that brokers sent, before and after a run has read them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from noria.sources.spool import TOPIC, Spool

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from noria.governance.meant import Meant
    from noria.sources.spool import Message

__all__ = ["erase_messages"]


def erase_messages(store: Path, columns: Collection[str], meant: Meant, *, dry: bool) -> int:
    """Take a person's rows out of the messages that were collected; say how many messages held any.

    A message keeps its number; of a list of rows only the person's go. What is no JSON never becomes a row, and stays.

    Parameters
    ----------
    store : Path
        The folder ``.noria``.
    columns : collection of str
        What the column that names people is called, in the messages.
    meant : Meant
        Who.
    dry : bool
        Count, and change nothing.
    """
    found = 0

    def without(message: Message) -> Message:
        nonlocal found
        left = _left(message, columns, meant)
        found += left is not message
        return left

    for folder in sorted((store / "spool").glob("*")):
        spool = Spool(folder)
        if dry:
            for message in spool.messages():
                without(message)
        else:
            spool.rewrite(without)
    return found


def _left(message: Message, columns: Collection[str], meant: Meant) -> Message:
    if TOPIC in columns and meant.is_value(message.topic):
        return replace(message, topic="", body=b"[]")
    try:
        value = json.loads(message.body)
    except ValueError:
        return message
    rows = value if isinstance(value, list) else [value]
    kept = [row for row in rows if not _is_of(row, columns, meant)]
    return message if len(kept) == len(rows) else replace(message, body=json.dumps(kept).encode())


def _is_of(row: object, columns: Collection[str], meant: Meant) -> bool:
    if not isinstance(row, dict):
        return "value" in columns and meant.is_value(row)
    return any(meant.is_value(row.get(column)) for column in columns)
