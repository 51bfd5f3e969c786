"""The contract of kinds of sources, for those of noria and of other packages.

A test module makes a class of its own from `SourceContract` and gives a fixture ``laid``, which lays rows out where the
kind reads them::

    class TestMine(SourceContract):
        @pytest.fixture
        def laid(self, tmp_path: Path) -> Laid:
            (tmp_path / "rows.mine").write_text(…)
            return Laid("mine:rows.mine", tmp_path, absent="mine:none.mine", change=…)
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.errors import NoriaError, NotFound, WrongArgument
from noria.sources.kind import VOLATILE, Incremental, Pull
from noria.sources.plugins import kind_of, prefixes
from noria.sources.reference import parse, prefix_of
from noria.sources.source import read, token

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

__all__ = ["ROWS", "Laid", "SourceContract"]

ROWS: tuple[dict[str, object], ...] = (
    {"id": 1, "amount": 10.5, "grade": "A"},
    {"id": 2, "amount": None, "grade": "B"},
    {"id": 3, "amount": 7.25, "grade": None},
)
"""What lies there, unless `Laid` says otherwise."""


@dataclass(frozen=True)
class Laid:
    """Rows laid out for a test.

    Parameters
    ----------
    source : str
        Leads to `rows`.
    root : Path
        Folder that relative paths start from.
    absent : str
        A source of this kind that is not there.
    change : callable, optional
        Adds the row ``{"id": 4, "amount": 1.5, "grade": "D"}``, or another if `rows` are others.
    rows : sequence of dict
        In any order.
    beside : tuple of str
        Further columns, which the kind adds by itself.
    store : Path, optional
        The project's folder ``.noria``.
    empty : callable, optional
        Gives a source that is there and has no rows.
    broken : callable, optional
        Gives a source that dies when some of it has been read.
    hinted : str, optional
        A source with a hint, which reads the same rows.
    secret : str
        What must never be shown; the environment holds it.
    grows : str, optional
        Column that grows with each change, where the kind can be asked from a value on.
    """

    source: str
    root: Path
    absent: str
    change: Callable[[], None] | None = None
    rows: tuple[dict[str, object], ...] = ROWS
    beside: tuple[str, ...] = ()
    store: Path | None = None
    empty: Callable[[], str] | None = None
    broken: Callable[[], str] | None = None
    hinted: str | None = None
    secret: str = ""
    grows: str | None = None
    notes: list[str] = field(default_factory=list)

    def read(self, source: str | None = None) -> pa.Table:
        """Read it as a project does."""
        return read(source or self.source, root=self.root, store=self.store, note=self.notes.append)

    def token(self, source: str | None = None) -> str:
        """Ask for its state as a project does."""
        return token(source or self.source, root=self.root, cache=self.store / "cache" if self.store else None)


def _plain(table: pa.Table, beside: tuple[str, ...] = ()) -> list[str]:
    return sorted(repr(row) for row in table.drop_columns(list(beside)).to_pylist())


class SourceContract:
    """What holds for every kind of source."""

    def test_it_introduces_itself(self, laid: Laid) -> None:
        """Its name can be typed, its summary is a line, and the prefix leads to it."""
        prefix = prefix_of(laid.source)
        kind = kind_of(prefix)
        assert re.fullmatch(r"[a-z][a-z0-9+.-]{1,30}", kind.name)
        assert 0 < len(kind.summary) <= 160
        assert "\n" not in kind.summary
        assert prefix in prefixes()

    def test_taking_it_apart_opens_nothing(self, laid: Laid) -> None:
        """What is not there is told when it is read; the text stays as it was written."""
        assert parse(laid.source).text == laid.source
        assert parse(laid.absent) == parse(laid.absent)

    def test_it_gives_all_rows(self, laid: Laid) -> None:
        """Each once, with its types; and again when it is read again."""
        table = laid.read()
        assert _plain(table, laid.beside) == sorted(repr(row) for row in laid.rows)
        assert laid.read().equals(table)

    def test_the_state_stays_while_nothing_changes(self, laid: Laid) -> None:
        """A few bytes, the same each time; reading changes nothing."""
        first = laid.token()
        laid.read()
        assert laid.token() == first
        assert 0 < len(first) <= 300
        assert "\n" not in first

    def test_the_state_moves_with_a_change(self, laid: Laid) -> None:
        """Another row is another state, and is read."""
        if laid.change is None:
            pytest.skip("nothing of this kind changes")
        before = laid.token()
        laid.change()
        assert laid.token() != before or before == VOLATILE
        assert laid.read().num_rows == len(laid.rows) + 1

    def test_what_is_not_there_is_told(self, laid: Laid) -> None:
        """As not found, with a mend; the state of nothing is no state."""
        with pytest.raises(NotFound) as caught:
            laid.read(laid.absent)
        assert caught.value.mend
        assert re.fullmatch(r"N-[A-Z]+-\d{3}", caught.value.code)
        with suppress(NotFound):
            assert laid.token(laid.absent) == VOLATILE

    def test_no_rows_are_told(self, laid: Laid) -> None:
        """A source without rows is an error, not a table without rows."""
        if laid.empty is None:
            pytest.skip("nothing of this kind is empty")
        with pytest.raises(NoriaError) as caught:
            laid.read(laid.empty())
        assert caught.value.exit_status in {2, 3}
        assert caught.value.mend

    def test_what_dies_half_way_gives_nothing(self, laid: Laid) -> None:
        """Not even the rows that had come."""
        if laid.broken is None:
            pytest.skip("nothing of this kind dies half-way")
        with pytest.raises(NoriaError) as caught:
            laid.read(laid.broken())
        assert caught.value.exit_status in {1, 2}
        assert caught.value.mend

    def test_hints(self, laid: Laid) -> None:
        """A known one is taken, an unknown one refused before anything is opened."""
        if laid.hinted is None:
            pytest.skip("this kind takes no hints")
        assert _plain(laid.read(laid.hinted), laid.beside) == _plain(laid.read(), laid.beside)
        with pytest.raises(WrongArgument, match="no_such_hint"):
            parse(f"{laid.hinted}&no_such_hint=1")

    def test_no_secret_is_shown(self, laid: Laid) -> None:
        """Neither in the reference, nor in a state, a note or an error."""
        if not laid.secret:
            pytest.skip("this kind needs no secret")
        laid.read()
        told = [repr(parse(laid.source)), laid.token(), *laid.notes]
        for wrong in [laid.absent, *([laid.broken()] if laid.broken else [])]:
            with pytest.raises(NoriaError) as caught:
                laid.read(wrong)
            told += [caught.value.render(), repr(caught.value)]
        assert [text for text in told if laid.secret in text] == []

    def test_from_a_value_on(self, laid: Laid) -> None:
        """From the mark on come the new row and those at the mark; nothing is lost between two pulls."""
        kind = kind_of(prefix_of(laid.source))
        if laid.grows is None or laid.change is None or not isinstance(kind, Incremental):
            pytest.skip("this kind is read whole")
        reference, pull = parse(laid.source), replace(Pull(laid.root), store=laid.store)
        place = kind.place(reference, pull)
        first = kind.increment(reference, pull, column=laid.grows, since=None, lag=0.0)
        assert first.table.num_rows == len(laid.rows)
        assert laid.secret == "" or laid.secret not in f"{place} {first.high}"
        laid.change()
        second = kind.increment(reference, pull, column=laid.grows, since=first.high, lag=0.0)
        ids = second.table["id"].to_pylist()
        assert set(ids) == {laid.rows[-1]["id"], 4}
        assert kind.place(reference, pull) == place
