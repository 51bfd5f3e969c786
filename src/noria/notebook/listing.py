"""A list that shows itself as a table and gives itself as a data frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from noria.notebook.markup import heading, table, text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listing"]

T = TypeVar("T")
_SHOWN = 30


@dataclass(frozen=True, repr=False, eq=False)
class Listing(Sequence[T], Generic[T]):
    """Things in order, found by place or by name.

    Parameters
    ----------
    title : str
        What they are.
    items : tuple
        The things.
    columns : mapping of str to callable
        What a row of the table shows of each.
    by_name : callable
        Gives the thing of a name, or raises what noria raises when there is none.

    Examples
    --------
    >>> words = Listing("words", ("a", "bb"), {"word": str, "letters": len}, by_name=str)
    >>> words[1], len(words)
    ('bb', 2)
    >>> print(words)
    words: 2
      word  letters
      a     1
      bb    2
    """

    title: str
    items: tuple[T, ...]
    columns: Mapping[str, Callable[[T], object]]
    by_name: Callable[[str], T]

    @overload
    def __getitem__(self, which: int) -> T: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[T]: ...
    @overload
    def __getitem__(self, which: str) -> T: ...
    def __getitem__(self, which: int | slice | str) -> T | Sequence[T]:
        if isinstance(which, str):
            return self.by_name(which)
        if isinstance(which, slice):
            return Listing(self.title, self.items[which], self.columns, self.by_name)
        return self.items[which]

    def __len__(self) -> int:
        return len(self.items)

    def frame(self) -> pd.DataFrame:
        """Give the table as a pandas data frame, one row each."""
        import pandas as pd  # noqa: PLC0415 - only where a frame is asked for

        return pd.DataFrame({name: [give(item) for item in self.items] for name, give in self.columns.items()})

    def __repr__(self) -> str:
        rows = [[text(cell) for cell in row] for row in self._rows()]
        header = list(self.columns)
        widths = [max(len(line[place]) for line in [header, *rows]) for place in range(len(header))]
        lines = [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in ([header, *rows] if rows else [])
        ]
        return "\n".join([f"{self.title}: {len(self.items)}", *lines, *self._more()])

    def _repr_html_(self) -> str:
        more = "".join(f'<div style="opacity:.7">{line.strip()}</div>' for line in self._more())
        return heading(self.title, str(len(self.items))) + table(list(self.columns), self._rows()) + more

    def _rows(self) -> list[list[object]]:
        return [[give(item) for give in self.columns.values()] for item in self.items[:_SHOWN]]

    def _more(self) -> list[str]:
        left = len(self.items) - _SHOWN
        return [f"  … and {left} more"] if left > 0 else []
