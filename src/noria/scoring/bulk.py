"""Many rows scored block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from noria.errors import WrongArgument, did_you_mean
from noria.scoring.arrays import look
from noria.scoring.signature import InputRefused
from noria.sources.inference import retyped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noria.scoring.signature import Checked, Problem, Signature

__all__ = ["Bulk", "Tally", "in_full"]

Ask = Callable[["Checked", pa.Table, int], pa.Table]
"""Rows that were checked, the columns sent along, and the number of the first -> their answers, one row each."""


@dataclass
class Tally:
    """What has become of the rows so far.

    Attributes
    ----------
    rows, scored, refused, unusual : int
        Read; answered; refused; answered, but flagged.
    """

    rows: int = 0
    scored: int = 0
    refused: int = 0
    unusual: int = 0


class Bulk:
    """Scores tables that come one after another.

    Parameters
    ----------
    signature : Signature
        What the model accepts.
    ask : callable
        Answers rows that were checked.
    keep : sequence of str
        Columns of the input to carry into the output, beside the key columns that the model knows.
    written : bool
        Numbers may still be text.
    refuse : callable, optional
        Gets the problems of the rows that are left out; without it the first such row ends the work.
    """

    def __init__(
        self,
        signature: Signature,
        ask: Ask,
        *,
        keep: Sequence[str] = (),
        written: bool = False,
        refuse: Callable[[Sequence[Problem]], None] | None = None,
    ) -> None:
        self.tally = Tally()
        self._signature = signature
        self._ask = ask
        self._keep = keep
        self._written = written
        self._refuse = refuse
        self._schema: pa.Schema | None = None

    def scored(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Score table after table.

        Yields
        ------
        pyarrow.Table
            ``row``, its number in the input from 0; the kept columns, called ``input.NAME`` where a column of the
            answers has that name; the answers. Never an empty one.

        Raises
        ------
        InputRefused
            A row does not fit, and nobody takes refusals; or a column is not there.
        WrongArgument
            A column to be kept is not there.
        """
        for table in tables:
            made = self._block(table)
            if made is not None:
                self._schema = self._schema or made.schema
                yield made.cast(self._schema)

    def _block(self, table: pa.Table) -> pa.Table | None:
        tally, first = self.tally, self.tally.rows
        checked, problems = self._signature.look_over(table, written=self._written)
        numbers = np.arange(first, first + table.num_rows)
        tally.rows += table.num_rows
        if problems:
            moved = [replace(problem, row=problem.row + first) for problem in problems]
            if self._refuse is None:
                raise InputRefused(moved, mend="mend the rows, or leave them out: --skip-bad FILE")
            self._refuse(moved)
            good = np.ones(table.num_rows, bool)
            good[[problem.row for problem in problems]] = False
            table, numbers = table.filter(pa.array(good)), numbers[good]
            checked, _ = self._signature.look_over(table, written=self._written)
            tally.refused += int((~good).sum())
        if not table.num_rows:
            return None
        along = self._along(table, checked)
        answers = self._ask(checked, along, first)
        tally.scored += answers.num_rows
        tally.unusual += sum(map(bool, checked.flags))
        kept = dict(zip(along.column_names, along.columns, strict=True))
        kept |= {name: _kept(table, name) for name in self._keep}
        taken = {"row", *answers.column_names}
        names = [f"input.{name}" if name in taken else name for name in kept]
        return pa.table(
            [pa.array(numbers), *kept.values(), *answers.columns], names=["row", *names, *answers.column_names]
        )

    def _along(self, table: pa.Table, checked: Checked) -> pa.Table:
        """Take the key and time columns, each of its own type."""
        made: dict[str, pa.ChunkedArray] = {}
        for column in self._signature.carried:
            if column.name in table.column_names:
                made[column.name] = _typed(column.type, table.column(column.name), checked.carried[column.name])
        return pa.table(made)


def in_full(signature: Signature, tables: Iterator[pa.Table]) -> tuple[Iterator[pa.Table], bool]:
    """See from the first rows whether cells of text can be read one by one.

    Of "1,234" only the other cells of its column can tell whether it is a thousand or a bit more than one; and of
    "03/04/2026", which is the month. Such a file has to be read in full.

    Returns
    -------
    (iterator of pyarrow.Table, bool)
        All tables, and whether they have to be read in full.
    """
    first = next(tables, None)
    if first is None:
        return iter(()), False
    for column in signature.columns:
        if column.name not in first.column_names or column.type not in ("float", "int", "bool", "timestamp"):
            continue
        cells = first.column(column.name)
        if not pa.types.is_string(cells.type):
            continue
        unread = any(fault.code == "wrong_type" for _, fault in look(column, cells, written=True).faults)
        if unread and not pa.types.is_string(retyped(cells).type):
            return chain([first], tables), True
    return chain([first], tables), False


def _kept(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise WrongArgument(
            f"there is no column {name!r} to keep",
            why=f"columns: {', '.join(table.column_names[:30])}",
            mend=did_you_mean(name, table.column_names) or "leave --keep out",
            code="N-SCORING-020",
        )
    cells = table.column(name)
    return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells


_KINDS = {
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}


def _typed(kind: str, cells: pa.ChunkedArray, checked: Sequence[object]) -> pa.ChunkedArray:
    """Give cells the type of their column, whatever they were written as: a key is often longer than a float64."""
    wanted = _KINDS.get(kind, pa.string())
    try:
        return cells.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.array(checked, wanted, from_pandas=True)])
