"""A table laid out within the width of a terminal: what is least wanted is left out, long texts are folded."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Laid", "lay_out", "shown_width"]

_GAP = 2
_LEGIBLE = 24
_NARROWEST = 10


@dataclass(frozen=True)
class Laid:
    """A table as lines, and the titles of the columns that there was no room for."""

    head: tuple[str, ...]
    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def lay_out(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    spare: Sequence[tuple[str, ...]] = (),
    whole: Collection[str] = (),
    width: int | None = None,
) -> Laid:
    """Lay a table out.

    Parameters
    ----------
    header : sequence of str
        Column titles.
    rows : sequence of sequences of str
        Cells.
    right : collection of int
        Positions of the columns to align right; these are never folded.
    spare : sequence of tuples of str
        Titles of columns that may be left out where room is short, the least wanted first; those of a tuple together.
    whole : collection of str
        Titles of further columns that are never folded.
    width : int, optional
        Characters in a line; as many as it takes when left out.

    Examples
    --------
    >>> rows = [("age", "35", "38.1", "whole numbers"), ("job", "–", "–", "fixed 12, other 3")]
    >>> titles = ("column", "median", "mean", "what it holds")
    >>> wide = lay_out(titles, rows, right=(1, 2), spare=[("mean",)])
    >>> for line in (*wide.head, *wide.lines):
    ...     print(line)
    column  median  mean  what it holds
    age         35  38.1  whole numbers
    job          –     –  fixed 12, other 3
    >>> small = lay_out(titles, rows, right=(1, 2), spare=[("mean",)], width=26)
    >>> for line in (*small.head, *small.lines, small.left_out):
    ...     print(line)
    column  median  what it
                    holds
    age         35  whole
                    numbers
    job          –  fixed 12,
                    other 3
    ('mean',)
    """
    natural = [max(map(shown_width, column)) for column in zip(header, *rows, strict=True)]
    kept = list(range(len(header)))
    if width is None or _total(natural) <= width:
        return Laid(*_lines(header, rows, kept, natural, right))
    foldable = {at for at, title in enumerate(header) if at not in right and title not in whole}
    least = [min(wide, _LEGIBLE) if at in foldable else wide for at, wide in enumerate(natural)]
    left_out: list[str] = []
    for group in _by_use(header, rows, spare):
        if _total([least[at] for at in kept]) <= width:
            break
        left_out += [header[at] for at in kept if header[at] in group]
        kept = [at for at in kept if header[at] not in group]
    # A name that is broken cannot be copied: words are kept whole as long as that is possible.
    words = [_longest_word(column) for column in zip(header, *rows, strict=True)]
    whole_words = [min(wide, words[at], _LEGIBLE) if at in foldable else wide for at, wide in enumerate(natural)]
    narrowest = [min(wide, _NARROWEST) if at in foldable else wide for at, wide in enumerate(natural)]
    widths = natural
    for bounds in (whole_words, narrowest):
        widths = _shrunk(widths, bounds, kept, width)
    return Laid(*_lines(header, rows, kept, widths, right), tuple(left_out))


def shown_width(text: str) -> int:
    """Count the places a text takes on a terminal.

    Examples
    --------
    >>> shown_width("abc"), shown_width("数据")
    (3, 4)
    """
    return len(text) if text.isascii() else sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _longest_word(column: Sequence[str]) -> int:
    return max((shown_width(word) for cell in column for word in cell.split()), default=0)


def _by_use(
    header: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Put first what holds nothing at all."""

    def is_empty(group: tuple[str, ...]) -> bool:
        places = [at for at, title in enumerate(header) if title in group]
        return all(row[at] == "–" for row in rows for at in places)

    return sorted(spare, key=lambda group: not is_empty(group))


def _shrunk(natural: Sequence[int], least: Sequence[int], kept: Sequence[int], width: int) -> list[int]:
    """Take from the widest that may be folded until all fit, or none can give more."""
    widths = list(natural)
    while _total([widths[at] for at in kept]) > width:
        able = [at for at in kept if widths[at] > least[at]]
        if not able:
            break
        widths[max(able, key=lambda at: widths[at])] -= 1
    return widths


def _lines(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    kept: Sequence[int],
    widths: Sequence[int],
    right: Collection[int],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    below = (line for row in rows for line in _folded(row, kept, widths, right))
    return tuple(_folded(header, kept, widths, right)), tuple(below)


def _folded(row: Sequence[str], kept: Sequence[int], widths: Sequence[int], right: Collection[int]) -> list[str]:
    cells = [_parts(row[at], widths[at]) for at in kept]
    made = []
    for place in range(max(map(len, cells), default=0)):
        parts = []
        for at, cell in zip(kept, cells, strict=True):
            text = cell[place] if place < len(cell) else ""
            room = " " * (widths[at] - shown_width(text))
            parts.append(room + text if at in right else text + room)
        made.append((" " * _GAP).join(parts).rstrip())
    return made


def _parts(text: str, width: int) -> list[str]:
    if shown_width(text) <= width:
        return [text]
    narrow = width if text.isascii() else max(1, width // 2)
    return textwrap.wrap(text, narrow, break_on_hyphens=False) or [""]
