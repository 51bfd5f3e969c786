"""What may not be stored is taken out of the rows, by a run as by a check that keeps nothing."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from noria.datasets.personal import detect, protect, refuse_untagged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from noria.datasets.settings import ColumnSettings
    from noria.security.pseudonyms import Pseudonyms

__all__ = ["StoredOnly"]


class StoredOnly:
    """Takes out columns that are not kept, names of people, and people who were erased: a `noria.project.pulls.Guard`.

    Parameters
    ----------
    columns : mapping of str to ColumnSettings
        Those of ``[data.columns]`` that say what is personal, and what of it may be stored.
    source : str
        Where the rows come from, for messages.
    pseudonyms : callable
        Gives the names that people are kept under; asked only where there are any.
    left_out : callable
        Takes the rows of erased people out, and says how many those were.
    note : callable
        Told what is done, and what sounds personal.
    """

    def __init__(
        self,
        columns: Mapping[str, ColumnSettings],
        source: str,
        *,
        pseudonyms: Callable[[], Pseudonyms],
        left_out: Callable[[pa.Table], tuple[pa.Table, int]],
        note: Callable[[str], None],
    ) -> None:
        self._columns = columns
        self._source = source
        self._pseudonyms = cache(pseudonyms)
        self._left_out = left_out
        self._note = note

    def fetched(self, table: pa.Table) -> pa.Table:
        """Guard rows as they come in.

        Raises
        ------
        WrongData
            A column holds personal data and the project file does not say so.
        """
        for each in refuse_untagged(table, self._columns, self._source):
            mend = each.mend.replace(chr(10), " ")
            self._note(f"{each.text}: say so in noria.toml, {mend}, or pii = false")
        return protect(table, self._columns, self._pseudonyms)

    def together(self, table: pa.Table) -> pa.Table:
        """Guard all rows, the new and those of before: many say what few do not, and people are erased meanwhile.

        Raises
        ------
        WrongData
            As in `fetched`.
        """
        refuse_untagged(table, self._columns, self._source)
        return self.admitted(table)

    def admitted(self, table: pa.Table) -> pa.Table:
        """Leave out the rows of people who were erased."""
        kept, gone = self._left_out(table)
        if gone:
            self._note(f"{gone:,} rows of people who were erased are left out")
        return kept

    def storable(self, table: pa.Table, name: str) -> bool:
        """Say whether a table of the query may be stored as it is; what the query makes of it is guarded anyway."""
        tagged = [column for column, said in self._columns.items() if said.pii is False]
        why = [each.text for each in detect(table, tagged) if each.is_certain]
        why += [
            f"column {column!r} is not to be stored as it is"
            for column, said in self._columns.items()
            if said.store != "plain" and column in table.column_names
        ]
        if why:
            self._note(f"table {name} is read whole each time, as nothing of it is stored: {why[0]}")
        return not why
