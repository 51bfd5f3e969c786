"""Datasets and their versions: committed once, read back checked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.datasets.kinds import claim, kind_of
from noria.datasets.schema import Schema, from_json
from noria.datasets.tables import dataset_rewrites, dataset_versions
from noria.datasets.tags import Tags
from noria.datasets.version import DatasetVersion
from noria.errors import BlobNotFound, Conflict, CorruptedBlob, DatasetNotFound, did_you_mean
from noria.store.blobs import Blobs, Digest, canonical_json, digest_bytes
from noria.store.database import upsert
from noria.store.memory import is_large

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.folders import Folders
    from noria.datasets.profile import Profile
    from noria.datasets.profiled import Scalar
    from noria.store.database import Database
    from noria.store.delta_writing import Rows

__all__ = ["Datasets", "held"]

_T = dataset_versions.c
_ATTEMPTS = 20


class Datasets:
    """The catalog of a project.

    Parameters
    ----------
    database : Database
        Holds what is known of each version.
    blobs : Blobs
        Holds the rows and profiles.
    root : Path, optional
        The project's folder; where `blobs` lies, when left out.
    """

    def __init__(self, database: Database, blobs: Blobs, root: Path | None = None) -> None:
        self._database = database
        self._blobs = blobs
        self._root = root or blobs.root.parent
        self.tags = Tags(database)

    @cached_property
    def folders(self) -> Folders:
        """Versions of folders of files."""
        from noria.datasets.folders import Folders  # noqa: PLC0415 - most commands ask for tables

        return Folders(self._database, self._blobs, self._root)

    def find(self, ref: str) -> DatasetVersion | FolderVersion:
        """Look a version of either kind up: ``name``, ``name@number`` or ``name@tag``.

        Raises
        ------
        DatasetNotFound
            There is none.
        """
        name, _, asked = ref.rpartition("@") if "@" in ref else (ref, "", "latest")
        if kind_of(self._database, name) != "folder":
            return self.get(name, asked)
        if asked == "latest":
            newest = self.folders.catalog.latest(name)
            return newest if newest is not None else self.folders.catalog.get(name, 0)
        return self.folders.catalog.get(name, self._number(name, asked))

    def tag(self, ref: str, tag: str) -> tuple[DatasetVersion | FolderVersion, int | None]:
        """Point a tag at a version; give the version, and the number the tag pointed at before."""
        version = self.find(ref)
        return version, self.tags.set(version.name, tag, version.number)

    def commit(
        self,
        name: str,
        table: pa.Table,
        *,
        source: str,
        token: str = "",
        run_id: str | None = None,
        note: str = "",
        schema: Schema | None = None,
        key: Sequence[str] = (),
        at: datetime | None = None,
        target: str | None = None,
        positive: Scalar = None,
    ) -> DatasetVersion:
        """Keep a table as the newest version; rows that equal the newest version's, in any order, make no new one.

        What has been declared personal since is taken out of the newest version's profile all the same.

        Parameters
        ----------
        name : str
            Dataset.
        table : pyarrow.Table
            Rows as `noria.sources.source.read` gives them.
        source, token : str
            Where they came from, and its state.
        run_id : str, optional
            The run that brings them.
        note : str
            For people.
        schema : Schema, optional
            What the columns are; inferred when left out.
        key : sequence of str
            What identifies a row: it helps to find the row of the version before, of which only the changes are kept.
        at : datetime, optional
            When; now, when left out.
        target, positive : optional
            Column to be predicted, and its class to find: the profile then tells how the others go with it.

        Returns
        -------
        DatasetVersion
            The new version, or the newest one when nothing changed.
        """
        from noria.datasets.parquet import fingerprint, to_bytes, to_store  # noqa: PLC0415 - tables only when committed
        from noria.datasets.schema import infer  # noqa: PLC0415 - as above

        # What changed of a large table is not looked for: that would take both versions in memory.
        data = None if is_large(table.nbytes) else to_bytes(table)
        latest = self._latest(name)
        digest = to_store(table, self._blobs) if data is None else digest_bytes(data)
        known = schema or infer(table)
        if latest is not None and latest.digest == digest:
            if data is not None:
                self._blobs.put(data)  # which mends it where it was damaged
            return self._described(latest, known, table)
        mark = fingerprint(table)
        if latest is not None and latest.fingerprint == mark and latest.schema.names == known.names:
            return self._described(latest, known, table)
        values: dict[str, object] = {
            "name": name,
            "digest": digest if data is None else self._blobs.put(data, base=self._rows(table, data, latest, key)),
            "fingerprint": mark,
            "rows": table.num_rows,
            "columns": len(known.columns),
            "schema": known.to_json(),
            "profile": self._measured(table, known, target, positive),
            "created": at or datetime.now(UTC),
            "source": source,
            "token": token,
            "run_id": run_id,
            "note": note,
        }
        return self._insert(name, values)

    def retoken(self, version: DatasetVersion, token: str) -> DatasetVersion:
        """Note another state of the source in which these are its rows."""
        mine = sa.and_(_T.name == version.name, _T.number == version.number)
        with self._database.transaction() as connection:
            connection.execute(sa.update(dataset_versions).where(mine).values(token=token))
        return self.get(version.name, version.number)

    def adopt(self, version: DatasetVersion, *, held: Digest | None = None, at: datetime | None = None) -> None:
        """Record a version as another project has it, number and all; its objects must be here.

        Parameters
        ----------
        version : DatasetVersion
            The version.
        held : Digest, optional
            The object that holds its rows, where rows were erased there.
        at : datetime, optional
            When; now, when left out.

        Raises
        ------
        Conflict
            Another version has this name and number.
        """
        row = {**vars(version), "schema": version.schema.to_json()}
        try:
            with self._database.transaction() as connection:
                claim(connection, version.name, "table")
                connection.execute(sa.insert(dataset_versions).values(**row))
                if held is not None and held != version.digest:
                    rewrite = {"digest": version.digest, "replacement": held, "at": at or datetime.now(UTC)}
                    upsert(connection, dataset_rewrites, [rewrite], key=("digest",))
        except IntegrityError as error:
            if self.get(version.name, version.number).digest != version.digest:
                raise Conflict(
                    f"another version {version.ref} has just been recorded here",
                    mend=f"noria data pull {version.ref} --as {version.name}-theirs",
                    code="N-DATA-083",
                ) from error

    def _rows(self, table: pa.Table, data: bytes, latest: DatasetVersion | None, key: Sequence[str]) -> Rows | None:
        """Say how the rows follow from those of the version before, where that may save room."""
        from noria.datasets.matching import match  # noqa: PLC0415 - tables only when one is committed
        from noria.datasets.parquet import OPTIONS, plain  # noqa: PLC0415 - as above
        from noria.store.delta_writing import LEAST, Rows  # noqa: PLC0415 - as above
        from noria.store.deltas import DEEPEST  # noqa: PLC0415 - as above

        if latest is None or len(data) < LEAST:
            return None
        base = self.held(latest)
        if self._blobs.deltas.depth(base) >= DEEPEST:
            return None
        try:
            before = self._blobs.table(base)
        except (BlobNotFound, CorruptedBlob):
            return None  # fsck tells of it; what comes in now is kept all the same
        return Rows(base, before, match(table, before, key), OPTIONS, plain(table))

    def _described(self, version: DatasetVersion, known: Schema, table: pa.Table) -> DatasetVersion:
        """Give a version with these rows, its profile taken anew when other columns are personal now."""
        if _personal(version.schema) == _personal(known) and self._blobs.is_whole(version.profile):
            return version
        described = {
            "schema": known.to_json(),
            "profile": self._measured(table, known, *self._target(version)),
        }
        mine = sa.and_(_T.name == version.name, _T.number == version.number)
        with self._database.transaction() as connection:
            connection.execute(sa.update(dataset_versions).where(mine).values(**described))
        return self.get(version.name, version.number)

    def get(self, name: str, number: int | str = "latest") -> DatasetVersion:
        """Look a version up.

        Parameters
        ----------
        name : str
            Dataset, or ``name@number`` or ``name@tag`` in one.
        number : int, "latest" or tag
            Which version.

        Raises
        ------
        DatasetNotFound
            There is no such dataset or version.
        """
        if "@" in name and number == "latest":
            name, _, number = name.rpartition("@")
        query = sa.select(dataset_versions).where(_T.name == name)
        if number != "latest":
            query = query.where(_T.number == self._number(name, number))
        with self._database.reading() as connection:
            row = connection.execute(query.order_by(_T.number.desc()).limit(1)).one_or_none()
        if row is None:
            raise self._missing(name, number)
        return _version(row)

    def versions(self, name: str) -> tuple[DatasetVersion, ...]:
        """List the versions of a dataset, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(dataset_versions).where(_T.name == name).order_by(_T.number.desc())
            ).all()
        return tuple(_version(row) for row in rows)

    def names(self) -> tuple[str, ...]:
        """List the datasets by name."""
        with self._database.reading() as connection:
            return tuple(connection.execute(sa.select(_T.name).distinct().order_by(_T.name)).scalars())

    def read(self, version: DatasetVersion) -> pa.Table:
        """Read the rows back, checked against their digest."""
        return self.rows(self.held(version))

    def rows(self, held: Digest) -> pa.Table:
        """Read the rows that an object holds, checked."""
        from noria.store.parquet import read_rows  # noqa: PLC0415 - tables only when rows are read

        found = self._stored(held)
        return read_rows(found) if hasattr(found, "resolve") else found

    def held(self, version: DatasetVersion) -> Digest:
        """Name the object that holds the rows: the version's own, or what is left of it after rows were erased."""
        return held(self._database, version.digest)

    def objects(self, version: DatasetVersion) -> tuple[Digest, ...]:
        """Name every object that the version is made of."""
        return self.held(version), version.profile

    def rewrite(self, version: DatasetVersion, table: pa.Table, *, at: datetime) -> tuple[Digest, ...]:
        """Let a version, and all that are named by the same digest, hold fewer rows from now on.

        For rows that may not be kept any longer. Number, digest and fingerprint stay, so that whatever names the
        version still names it; the profile, and what the schema says of values seen, are taken anew.

        Returns
        -------
        tuple of Digest
            The objects that held the rows and their profile before, where others have taken their place.
        """
        before = self.objects(version)
        now = self.lessened(version, table)
        self.supersede(now[0], held=now[1], at=at)
        return tuple(digest for digest in before if digest not in (now[1], now[0].profile))

    def lessened(self, version: DatasetVersion, table: pa.Table) -> tuple[DatasetVersion, Digest]:
        """Keep what is left of a version's rows and profile, for `supersede`; give its new row and what holds them.

        The version's old profile must be here; the version itself may be another project's.
        """
        from noria.datasets.parquet import to_bytes, to_store  # noqa: PLC0415 - tables only when one is written
        from noria.datasets.schema import reseen  # noqa: PLC0415 - as above

        held = to_store(table, self._blobs) if is_large(table.nbytes) else self._blobs.put(to_bytes(table))
        schema = reseen(version.schema, table)
        measured = self._measured(table, schema, *self._target(version))
        return replace(version, schema=schema, profile=measured), held

    def supersede(self, version: DatasetVersion, *, held: Digest, at: datetime | None = None) -> None:
        """Let a version hold from now on what another object holds, and be described as this row says."""
        row = {"digest": version.digest, "replacement": held, "at": at or datetime.now(UTC)}
        described = {"schema": version.schema.to_json(), "profile": version.profile}
        with self._database.transaction() as connection:
            upsert(connection, dataset_rewrites, [row], key=("digest",))
            same = sa.and_(_T.name == version.name, _T.digest == version.digest)
            connection.execute(sa.update(dataset_versions).where(same).values(**described))

    def stored(self, version: DatasetVersion) -> pa.Table | Path:
        """Give the file of the rows, for what scans it without loading it; rows kept as changes come as a table."""
        return self._stored(self.held(version))

    def _stored(self, held: Digest) -> pa.Table | Path:
        return self._blobs.table(held) if self._blobs.deltas.depth(held) else self._blobs.path(held)

    def erased(self, *versions: DatasetVersion) -> dict[str, int]:
        """Say of which versions rows were taken out for good, by ``name@number``, and how many.

        What a version is named by stays, and so does the number of rows it was committed with.
        """
        asked = {version.digest for version in versions}
        query = sa.select(dataset_rewrites.c.digest).where(dataset_rewrites.c.digest.in_(asked))
        with self._database.reading() as connection:
            less = set(connection.execute(query).scalars())
        # The profile was taken anew when the rows went.
        return {
            version.ref: version.rows - int(json.loads(self._blobs.get(version.profile))["rows"])
            for version in versions
            if version.digest in less and self._blobs.is_whole(version.profile)
        }

    def profile(self, version: DatasetVersion) -> Profile:
        """Give the profile that was taken when the version was committed, or when rows had to go from it."""
        from noria.datasets.profile import from_json as profile_from_json  # noqa: PLC0415 - as above

        return profile_from_json(json.loads(self._blobs.get(version.profile)))

    def _measured(self, table: pa.Table, schema: Schema, target: str | None, positive: Scalar) -> Digest:
        from noria.datasets.profile import profile  # noqa: PLC0415 - tables only when one is written

        made = profile(table, schema=schema, target=target, positive=positive)
        return self._blobs.put(canonical_json(made.to_json()).encode())

    def _target(self, version: DatasetVersion) -> tuple[str | None, Scalar]:
        """Recall what the version's columns were held against."""
        found = self.profile(version).target if self._blobs.is_whole(version.profile) else None
        return (found.name, found.positive) if found is not None else (None, None)

    def _latest(self, name: str) -> DatasetVersion | None:
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(dataset_versions).where(_T.name == name).order_by(_T.number.desc()).limit(1)
            ).one_or_none()
        return None if row is None else _version(row)

    def _insert(self, name: str, values: dict[str, object]) -> DatasetVersion:
        for _ in range(_ATTEMPTS):
            latest = self._latest(name)
            if latest is not None and latest.digest == values["digest"]:
                return latest  # somebody committed the same rows meanwhile
            number = 1 if latest is None else latest.number + 1
            parent = None if latest is None else latest.number
            try:
                with self._database.transaction() as connection:
                    claim(connection, name, "table")
                    connection.execute(sa.insert(dataset_versions).values(**values, number=number, parent=parent))
            except IntegrityError:
                continue  # somebody took the number: look again
            return self.get(name, number)
        raise Conflict(
            f"dataset {name} is being written by others all the time", mend="run it again", code="N-DATA-021"
        )

    def _number(self, name: str, asked: int | str) -> int:
        text = str(asked)
        if text.isascii() and text.isdecimal():
            # More digits than any version has, and than a database's whole number.
            return int(text) if len(text) < 10 else -1
        if kind_of(self._database, name) is None:
            raise self._missing(name, asked)
        return self.tags.number(name, text)

    def _missing(self, name: str, number: int | str) -> DatasetNotFound:
        names = self.names()
        if kind_of(self._database, name) == "folder":
            return DatasetNotFound(
                f"{name} is a folder of files, no table",
                mend=f"noria data show {name}\nnoria data checkout {name} INTO",
                code="N-DATA-022",
            )
        if name in names:
            known = [str(version.number) for version in self.versions(name)]
            return DatasetNotFound(
                f"dataset {name} has no version {number}",
                why=f"versions: {', '.join(known[:20])}",
                mend=f"noria data log {name}",
                code="N-DATA-020",
            )
        names = (*names, *self.folders.catalog.names())
        return DatasetNotFound(
            f"there is no dataset {name!r}",
            why=f"datasets: {', '.join(names)}" if names else "no dataset has been recorded yet",
            mend=did_you_mean(name, names) or ("noria data list" if names else "noria run"),
            code="N-DATA-020",
        )


def held(database: Database, digest: Digest) -> Digest:
    """Name the object that holds the rows of the versions with a digest; see `Datasets.held`."""
    query = sa.select(dataset_rewrites.c.replacement).where(dataset_rewrites.c.digest == digest)
    with database.reading() as connection:
        found = connection.execute(query).scalar()
    return digest if found is None else Digest(found)


def _personal(schema: Schema) -> set[str]:
    return {column.name for column in schema.columns if column.pii}


def _version(row: sa.Row[tuple[object, ...]]) -> DatasetVersion:
    fields = dict(row._mapping)
    fields["schema"] = from_json(fields["schema"])
    fields["digest"], fields["profile"] = Digest(fields["digest"]), Digest(fields["profile"])
    return DatasetVersion(**cast("dict[str, object]", fields))  # type: ignore[arg-type]
