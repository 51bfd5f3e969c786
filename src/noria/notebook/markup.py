"""Plain HTML that is complete by itself: no script, no style sheet, nothing that leaks into the notebook."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["heading", "pairs", "table", "text"]

# Presentation through attributes of the elements themselves: a notebook has themes of its own, so no colour is set
# but `currentColor` and shades of it.
_CELL = 'style="padding:.25em .9em .25em 0;text-align:{side};vertical-align:top;font-variant-numeric:tabular-nums"'
_HEAD = 'style="padding:.25em .9em .25em 0;text-align:{side};font-weight:600;opacity:.7;white-space:nowrap"'


def text(value: object) -> str:
    """Write a value for a person.

    Examples
    --------
    >>> text(0.81234), text(None), text(True), text(12345)
    ('0.8123', '–', 'yes', '12,345')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)


def heading(title: str, note: str = "") -> str:
    """Give a line above a table."""
    small = f' <span style="opacity:.7;font-weight:400">{escape(note)}</span>' if note else ""
    return f'<div style="font-weight:600;margin:.4em 0">{escape(title)}{small}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "nothing yet") -> str:
    """Give a table; numbers stand to the right, everything is escaped.

    Examples
    --------
    >>> "&lt;b&gt;" in table(["name"], [["<b>"]])
    True
    >>> table(["name"], [])
    '<div style="opacity:.7">nothing yet</div>'
    """
    lines = [list(row) for row in rows]
    if not lines:
        return f'<div style="opacity:.7">{escape(empty)}</div>'
    sides = [
        "right" if all(_is_number(line[place]) or line[place] is None for line in lines) else "left"
        for place in range(len(header))
    ]
    head = "".join(
        f"<th {_HEAD.format(side=side)}>{escape(name)}</th>" for name, side in zip(header, sides, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td {_CELL.format(side=side)}>{escape(text(cell))}</td>" for cell, side in zip(line, sides, strict=True)
        )
        + "</tr>"
        for line in lines
    )
    return f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def pairs(values: Mapping[str, object]) -> str:
    """Give names and values, one line each."""
    return table(["", ""], [[name, text(value)] for name, value in values.items()], empty="none")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
