"""Datasets and their versions: committed once, read back checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.datasets.schema import Schema, from_json
from noria.datasets.tables import dataset_versions
from noria.datasets.version import DatasetVersion
from noria.errors import Conflict, DatasetNotFound, did_you_mean
from noria.store.blobs import Blobs, Digest

if TYPE_CHECKING:
    import pyarrow as pa

    from noria.datasets.profile import Profile
    from noria.store.database import Database

__all__ = ["Datasets"]

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
    """

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

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
        at: datetime | None = None,
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
        at : datetime, optional
            When; now, when left out.

        Returns
        -------
        DatasetVersion
            The new version, or the newest one when nothing changed.
        """
        from noria.datasets.parquet import fingerprint, to_bytes  # noqa: PLC0415 - tables only when one is committed
        from noria.datasets.profile import profile  # noqa: PLC0415 - as above
        from noria.datasets.schema import infer  # noqa: PLC0415 - as above
        from noria.store.blobs import canonical_json  # noqa: PLC0415 - as above

        data = to_bytes(table)
        latest = self._latest(name)
        digest = self._blobs.put(data)
        known = schema or infer(table)
        if latest is not None and latest.digest == digest:
            return self._described(latest, known, table)
        mark = fingerprint(table)
        if latest is not None and latest.fingerprint == mark and latest.schema.names == known.names:
            return self._described(latest, known, table)
        values: dict[str, object] = {
            "name": name,
            "digest": digest,
            "fingerprint": mark,
            "rows": table.num_rows,
            "columns": len(known.columns),
            "schema": known.to_json(),
            "profile": self._blobs.put(canonical_json(profile(table, schema=known).to_json()).encode()),
            "created": at or datetime.now(UTC),
            "source": source,
            "token": token,
            "run_id": run_id,
            "note": note,
        }
        return self._insert(name, values)

    def _described(self, version: DatasetVersion, known: Schema, table: pa.Table) -> DatasetVersion:
        """Give a version with these rows, its profile taken anew when other columns are personal now."""
        from noria.datasets.profile import profile  # noqa: PLC0415 - tables only when one is committed
        from noria.store.blobs import canonical_json  # noqa: PLC0415 - as above

        if _personal(version.schema) == _personal(known) and self._blobs.is_whole(version.profile):
            return version
        described = {
            "schema": known.to_json(),
            "profile": self._blobs.put(canonical_json(profile(table, schema=known).to_json()).encode()),
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
            Dataset, or ``name@number`` in one.
        number : int or "latest"
            Which version.

        Raises
        ------
        DatasetNotFound
            There is no such dataset or version.
        """
        if "@" in name and number == "latest":
            name, _, asked = name.rpartition("@")
            number = int(asked) if asked.isdigit() else asked
        query = sa.select(dataset_versions).where(_T.name == name)
        if number != "latest":
            query = query.where(_T.number == (int(number) if str(number).isdigit() else -1))
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
        from noria.datasets.parquet import from_file  # noqa: PLC0415 - tables only when rows are read

        return from_file(self._blobs.path(version.digest))

    def profile(self, version: DatasetVersion) -> Profile:
        """Give the profile that was taken when the version was committed."""
        import json  # noqa: PLC0415 - beside its one use

        from noria.datasets.profile import from_json as profile_from_json  # noqa: PLC0415 - as above

        return profile_from_json(json.loads(self._blobs.get(version.profile)))

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
                    connection.execute(sa.insert(dataset_versions).values(**values, number=number, parent=parent))
            except IntegrityError:
                continue  # somebody took the number: look again
            return self.get(name, number)
        raise Conflict(
            f"dataset {name} is being written by others all the time", mend="run it again", code="N-DATA-021"
        )

    def _missing(self, name: str, number: int | str) -> DatasetNotFound:
        names = self.names()
        if name in names:
            known = [str(version.number) for version in self.versions(name)]
            return DatasetNotFound(
                f"dataset {name} has no version {number}",
                why=f"versions: {', '.join(known[:20])}",
                mend=f"noria data log {name}",
                code="N-DATA-020",
            )
        return DatasetNotFound(
            f"there is no dataset {name!r}",
            why=f"datasets: {', '.join(names)}" if names else "no dataset has been recorded yet",
            mend=did_you_mean(name, names) or ("noria data list" if names else "noria run"),
            code="N-DATA-020",
        )


def _personal(schema: Schema) -> set[str]:
    return {column.name for column in schema.columns if column.pii}


def _version(row: sa.Row[tuple[object, ...]]) -> DatasetVersion:
    fields = dict(row._mapping)
    fields["schema"] = from_json(fields["schema"])
    fields["digest"], fields["profile"] = Digest(fields["digest"]), Digest(fields["profile"])
    return DatasetVersion(**cast("dict[str, object]", fields))  # type: ignore[arg-type]
