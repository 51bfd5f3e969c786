"""Sources that are pulled bit by bit: what came last time, what is new, and both together."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from noria.duration import parse_duration
from noria.errors import BlobNotFound, CorruptedBlob, WrongSetting, did_you_mean
from noria.sources.kind import Incremental, Rows
from noria.sources.names import checked
from noria.sources.outside import guarded
from noria.sources.reference import parse
from noria.store.blobs import canonical_json, digest_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from noria.datasets.catalog import Datasets
    from noria.datasets.version import DatasetVersion
    from noria.sources.kind import Increment, Kind, Pull, Reference

__all__ = ["Guard", "Pulls"]

_SUFFIX = "-pulled"
_T = TypeVar("_T")


class Guard(Protocol):
    """Keeps back what may not be stored of the rows."""

    def fetched(self, table: pa.Table) -> pa.Table:
        """Guard rows as they come in."""
        ...

    def together(self, table: pa.Table) -> pa.Table:
        """Guard all rows, the new and those of before."""
        ...

    def storable(self, table: pa.Table, name: str) -> bool:
        """Say whether a table of a query may be stored as it is."""
        ...


@dataclass(frozen=True)
class Pulls:
    """What the incremental sources of a project gave.

    Each has a dataset of its own, ``PROJECT-pulled`` or ``PROJECT-pulled-TABLE``, whose versions are the rows as the
    source gave them, and whose token is the mark from which on the next pull reads.

    Parameters
    ----------
    project : str
        Its name.
    datasets : Datasets or None
        Where they are kept; None where there is no store yet, and so nothing that was pulled.
    run_id : str, optional
        The run that pulls.
    whole : bool
        Read everything again.
    guard : Guard, optional
        Says what may be stored.
    keep : bool
        Whether this pull counts; a check looks, and leaves everything as it was.
    """

    project: str
    datasets: Datasets | None
    run_id: str | None = None
    whole: bool = False
    guard: Guard | None = None
    keep: bool = True

    def pull(
        self,
        source: str,
        wanted: Mapping[str, object],
        pull: Pull,
        *,
        table: str,
        key: Sequence[str],
        rename: Mapping[str, str],
    ) -> Rows:
        """Fetch what is new and keep it together with what was there.

        A pull that breaks off leaves everything as it was.

        Parameters
        ----------
        source : str
            As in noria.toml.
        wanted : mapping
            ``incremental`` as JSON.
        pull : Pull
            What the kind is told.
        table : str
            Name of the table of a query; empty for the source of ``[data]``.
        key : sequence of str
            What identifies a row.
        rename : mapping of str to str
            Name in the source -> name that the project uses; what is kept has the project's names.

        Raises
        ------
        WrongSetting
            The source has no such column or key, or cannot be asked so.
        """
        from noria.datasets.merging import merge, unlike  # noqa: PLC0415 - tables only when one is read

        reference, column = parse(source), str(wanted["column"])
        name = f"{self.project}{_SUFFIX}" + (f"-{table}" if table else "")
        place = _ask(reference, lambda kind: kind.place(reference, pull))
        identity = str(digest_json([source, column, dict(rename)]))
        base, mark = self._last(name, identity, place, pull)
        if not key:
            pull.note(
                f'{source} has no key: a row that changes is there twice, as it was and as it is; write key = ["…"]'
            )

        def fetch(since: object) -> tuple[Increment, pa.Table, bool]:
            found = self._fetched(reference, wanted, pull, since)
            return (found, *self._guarded(found.table, source, table, key, rename, column))

        fetched, rows, kept = fetch(mark if base is not None else None)
        if base is not None and mark is not None and (not kept or (rows.num_rows and unlike(base, rows))):
            if kept:
                pull.note(f"{source} is read whole: {unlike(base, rows)}")
            base = None
            fetched, rows, kept = fetch(None)
        if not kept:
            return Rows(rows)
        if base is not None and mark is not None:
            new, rows = rows, base
            if new.num_rows:
                merged = merge(base, new, key=key, column=rename.get(column, column), bound=fetched.bound)
                rows = merged.table
                pull.note(f"{source}: new rows: {merged.added:,}; known, and looked at again: {merged.known:,}")
            else:
                pull.note(f"nothing new in {source}")
            gone = rows.num_rows - fetched.total if fetched.total is not None else 0
            if gone > 0:
                pull.note(
                    f"rows no longer seen in {source}, and kept: {gone:,}; "
                    "noria run --force ingest reads everything again"
                )
        if self.guard is not None:
            rows = self.guard.together(rows)
        if self.whole:
            self._tell_gone(name, rows, key, source, pull)
        if rows.num_rows and self.keep:
            state = {"identity": identity, "place": place, "high": fetched.high or mark}
            self._keep(name, rows, source, state, key, unchanged=rows is base)
        return Rows(rows)

    def _guarded(
        self, rows: pa.Table, source: str, table: str, key: Sequence[str], rename: Mapping[str, str], column: str
    ) -> tuple[pa.Table, bool]:
        """Give rows under the project's names, without what may not be stored; and whether the rest may."""
        if rows.num_columns == 0:
            return rows, True
        rows = checked(rows, source, rename)
        _check_key(source, key, rows)
        if self.guard is None:
            return rows, True
        if table:
            return rows, self.guard.storable(rows, table)
        column = rename.get(column, column)
        found = self.guard.fetched(rows)
        if column not in found.column_names or found.schema.field(column).type != rows.schema.field(column).type:
            raise WrongSetting(
                f"[data] incremental names the column {column!r}, which is not stored as it is",
                why="the next pull goes on from its greatest value",
                mend=f"name another column, or take store out of [data.columns] {column}",
                code="N-SOURCE-048",
            )
        return found, True

    def _last(self, name: str, identity: str, place: str, pull: Pull) -> tuple[pa.Table | None, object]:
        version = self._version(name)
        if version is None or self.datasets is None or self.whole:
            return None, None
        try:
            state = json.loads(version.token)
        except ValueError:
            return None, None
        if not isinstance(state, dict) or state.get("identity") != identity:
            return None, None
        if state.get("place") != place:
            pull.note(f"everything is read: it came from {state.get('place')} before, and comes from {place} now")
            return None, None
        try:
            return self.datasets.read(version), state.get("high")
        except (BlobNotFound, CorruptedBlob) as error:
            pull.note(f"everything is read: {error.what}")
            return None, None

    def _fetched(self, reference: Reference, wanted: Mapping[str, object], pull: Pull, mark: object) -> Increment:
        column, lag = str(wanted["column"]), wanted.get("lag")
        seconds = parse_duration(str(lag)).total_seconds() if lag else 0.0
        return _ask(
            reference, lambda kind: kind.increment(reference, pull, column=column, since=mark, lag=seconds)
        )  # fmt: skip

    def _tell_gone(self, name: str, rows: pa.Table, key: Sequence[str], source: str, pull: Pull) -> None:
        from noria.datasets.diff import diff  # noqa: PLC0415 - tables only when one is read

        version = self._version(name)
        if version is None or self.datasets is None:
            return
        try:
            before = self.datasets.read(version)
        except (BlobNotFound, CorruptedBlob):
            return
        found = diff(before, rows, key)
        if found.removed:
            what = "rows" if found.keyed else "rows as they were"
            pull.note(f"{what} of the last pull that are no longer seen in {source}, and gone now: {found.removed:,}")

    def _keep(
        self,
        name: str,
        rows: pa.Table,
        source: str,
        state: Mapping[str, object],
        key: Sequence[str],
        *,
        unchanged: bool,
    ) -> None:
        if self.datasets is None:
            return
        token = canonical_json(state)
        if unchanged and (last := self._version(name)) is not None:
            if last.token != token:
                self.datasets.retoken(last, token)
            return
        from noria.datasets.schema import Schema, infer  # noqa: PLC0415 - as above

        # Whatever is personal is said of the project's dataset; of these rows nothing is shown at all.
        schema = Schema(tuple(replace(column, pii=True) for column in infer(rows).columns))
        version = self.datasets.commit(
            name, rows, source=source, token=token, run_id=self.run_id, schema=schema, key=key,
            note="as the source gave them; the next pull goes on from here",
        )  # fmt: skip
        if version.token != token:
            self.datasets.retoken(version, token)

    def _version(self, name: str) -> DatasetVersion | None:
        return next(iter(self.datasets.versions(name)), None) if self.datasets is not None else None


def _ask(reference: Reference, ask: Callable[[Incremental], _T]) -> _T:
    def asked(kind: Kind) -> _T:
        if not isinstance(kind, Incremental):
            raise WrongSetting(
                f"{reference.text} is read whole: {kind.name} sources cannot be asked for the rows from a value on",
                mend="leave incremental out",
                code="N-SOURCE-046",
            )
        return ask(cast("Incremental", kind))

    return guarded(reference, asked)


def _check_key(source: str, key: Sequence[str], table: pa.Table) -> None:
    lacking = [name for name in key if name not in table.column_names]
    if lacking:
        raise WrongSetting(
            f"{source} has no column {lacking[0]!r}, which the key names",
            why=f"columns: {', '.join(table.column_names[:30])}",
            mend=did_you_mean(lacking[0], table.column_names) or "correct the key",
            code="N-SOURCE-047",
        )
