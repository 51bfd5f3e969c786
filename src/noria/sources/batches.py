"""What a database driver gives, row by row, as columns: some rows at a time, so that millions fit."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from noria.errors import WrongData
from noria.sources.cells import column_of
from noria.sources.inference import alike
from noria.store.aside import Gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Batches", "loses", "rounded"]

_MYSQL_TINY, _MYSQL_BIT = 1, 16
_KEPT_DIGITS = 15


class Batches:
    """Rows that came so far.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    description : sequence of tuples
        What the driver says of them (PEP 249).
    truths : set of str
        Columns whose 0 and 1 are false and true.

    Examples
    --------
    >>> batches = Batches(["id", "share"], ())
    >>> batches.add([(1, Decimal("0.50")), (2, None)])
    >>> batches.add([(3, None)])
    >>> batches.table(print).to_pydict()
    {'id': [1, 2, 3], 'share': [0.5, None, None]}
    """

    def __init__(
        self, names: Sequence[str], description: Sequence[Sequence[object]], truths: frozenset[str] = frozenset()
    ) -> None:
        self._names = list(names)
        self._truths = [
            name in truths or _is_truth(column)
            for name, column in zip(names, description or [()] * len(names), strict=True)
        ]
        self._bits = [len(column) > 1 and column[1] == _MYSQL_BIT for column in description or [()] * len(names)]
        # Positions stand in for names, so that duplicate names arrive and can be told.
        self._places = [str(position) for position in range(len(self._names))]
        self._parts = Gathered()
        self._rounded: dict[str, Decimal] = {}
        self.rows = 0

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Take some rows.

        Raises
        ------
        WrongData
            A cell holds bytes.
        """
        self.rows += len(rows)
        columns = [self._column(position, values) for position, values in enumerate(zip(*rows, strict=True))]
        self._parts.add(pa.table(columns, names=self._places))

    def table(self, note: Callable[[str], None]) -> pa.Table:
        """Put all rows together.

        Parameters
        ----------
        note : callable
            Told of decimals that lost digits.
        """
        for name, value in self._rounded.items():
            note(rounded(name, value))
        parts = self._parts.tables()
        if not parts:
            return pa.table([pa.array([], pa.string())] * len(self._names), names=self._names)
        return pa.concat_tables(alike(parts)).rename_columns(self._names)

    def _column(self, position: int, values: Sequence[object]) -> pa.Array:
        name = self._names[position]
        if self._bits[position]:
            values = [int.from_bytes(value) if isinstance(value, bytes) else value for value in values]
        if self._truths[position] and {*values} <= {0, 1, None}:
            return pa.array([None if value is None else bool(value) for value in values], pa.bool_())
        kinds = {*map(type, values)}
        if kinds & {bytes, memoryview, bytearray}:
            raise WrongData(
                f"column {name!r} holds bytes, not one value a cell",
                why="noria learns from tables of numbers, truths, times and text",
                mend="name the columns you want: ?query=SELECT a, b FROM …",
                code="N-SOURCE-034",
            )
        if Decimal in kinds and name not in self._rounded:
            # Most have few digits, and to count them well takes time.
            long = (value for value in values if len(str(value)) > _KEPT_DIGITS)
            lost = next((value for value in long if isinstance(value, Decimal) and loses(value)), None)
            if lost is not None:
                self._rounded[name] = lost
        return column_of(values)


def _is_truth(column: Sequence[object]) -> bool:
    # MySQL's BOOLEAN is TINYINT(1), and BIT(1) comes as a byte.
    return len(column) > 3 and column[1] in (_MYSQL_TINY, _MYSQL_BIT) and column[3] == 1


def rounded(name: str, value: Decimal) -> str:
    """Say that numbers of a column lost digits."""
    return f"column {name}: numbers with more digits than are kept, such as {value}, are rounded to 15 or 16"


def loses(value: Decimal) -> bool:
    """Say whether a decimal is another one once it is a double.

    Examples
    --------
    >>> loses(Decimal("0.1")), loses(Decimal("1234567.1234567891"))
    (False, True)
    """
    if not value.is_finite():
        return False
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    if len(digits) <= _KEPT_DIGITS or (isinstance(exponent, int) and exponent >= 0 and abs(value) < 2**63):
        return False
    return Decimal(repr(float(value))) != value
