"""Rows of a request, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

__all__ = ["Rows"]


class Rows:
    """Rows that all have the same columns, which is how most requests come.

    Parameters
    ----------
    columns : mapping of name to list
        Values as JSON has them, all lists of one length.
    length : int
        That length.
    again : callable, optional
        Gives the rows one by one as they were sent, for a refusal that names each fault; they are put together from
        `columns` when left out.

    Examples
    --------
    >>> rows = Rows({"age": [30, 40], "grade": ["A", "B"]}, 2)
    >>> len(rows), list(rows)
    (2, [{'age': 30, 'grade': 'A'}, {'age': 40, 'grade': 'B'}])
    """

    __slots__ = ("_again", "columns", "length")

    def __init__(
        self,
        columns: Mapping[str, list[object]],
        length: int,
        again: Callable[[], Sequence[object]] | None = None,
    ) -> None:
        self.columns = columns
        self.length = length
        self._again = again

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[object]:
        return iter(self.records())

    @classmethod
    def of(cls, records: Sequence[object]) -> Rows | None:
        """Put records side by side; None where they are not all objects with the same keys."""
        first = records[0] if records else None
        if type(first) is not dict or not first:
            return None
        if len(records) == 1:
            return cls({name: [value] for name, value in first.items()}, 1)
        names = first.keys()
        if not all(type(record) is dict and record.keys() == names for record in records):
            return None
        alike = cast("Sequence[dict[str, object]]", records)
        return cls({name: [record[name] for record in alike] for name in names}, len(records))

    def records(self) -> Sequence[object]:
        """Give one mapping a row."""
        if self._again is not None:
            return self._again()
        if not self.columns:
            return [{} for _ in range(self.length)]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]
