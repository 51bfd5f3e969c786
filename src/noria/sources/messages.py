"""Messages of a spool as rows: what the JSON in them says, where it was published and when it came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import SourceNotFound
from noria.sources.cells import columns_of
from noria.sources.inference import alike
from noria.sources.spool import RECEIVED, TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from noria.sources.spool import Message, Spool

__all__ = ["read_spool"]

_BLOCK = 50_000
_SHOWN = 3


def read_spool(
    spool: Spool, source: str, *, note: Callable[[str], None], progress: Callable[[float | None, str], None]
) -> pa.Table:
    """Read what has been collected.

    An object is a row, a list of objects several; a bare number, truth or text is a row with a column ``value``. What
    is no JSON stays in the spool and is told.

    Parameters
    ----------
    spool : Spool
        The messages.
    source : str
        What to call it in an error.
    note, progress : callable
        As a kind is given them.

    Raises
    ------
    SourceNotFound
        Nothing has been collected yet.
    """
    last, wrong = spool.last, []
    rows: list[dict[str, object]] = []
    parts: list[pa.Table] = []
    for message in spool.messages():
        try:
            rows += _rows(message)
        except ValueError:
            wrong.append(f"{message.number} of {message.topic}: {message.body[:40]!r}")
        if len(rows) >= _BLOCK:
            parts.append(columns_of(rows))
            rows = []
            progress(message.number / max(last, 1), f"{message.number:,} messages")
    if rows:
        parts.append(columns_of(rows))
    if wrong:
        more = f", and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        note(f"messages of {source} that are no JSON, and left out: {len(wrong):,}: {'; '.join(wrong[:_SHOWN])}{more}")
    if not parts:
        raise SourceNotFound(
            f"nothing has been collected from {source} yet",
            why=f"{last:,} messages are kept, none of which is JSON" if last else "",
            mend="noria collect     takes the messages as they come; noria up does it too",
            code="N-SOURCE-090",
        )
    return _together(parts)


def _rows(message: Message) -> Iterable[dict[str, object]]:
    value = json.loads(message.body)
    found = value if isinstance(value, list) else [value]
    beside = {TOPIC: message.topic, RECEIVED: message.received}
    return [{**one, **beside} if isinstance(one, dict) else {"value": one, **beside} for one in found]


def _together(parts: list[pa.Table]) -> pa.Table:
    names = list(dict.fromkeys(name for part in parts for name in part.column_names))
    whole = [
        pa.table(
            [part.column(name) if name in part.column_names else pa.nulls(part.num_rows) for name in names], names=names
        )
        for part in parts
    ]
    return pa.concat_tables(alike(whole))
