"""Registered versions and their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import AliasNotFound, BlobNotFound, Conflict, ModelNotFound, did_you_mean
from noria.registry.tables import model_aliases, model_versions
from noria.registry.version import MODEL_FOLDER, ModelVersion, model_digest, parse_ref
from noria.security.names import checked_name
from noria.store.blobs import Digest, digest_bytes, digest_json
from noria.store.files import contained

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Registry"]

_TRIES = 20


class Registry:
    """Model versions in the database, their files in the blobs.

    Parameters
    ----------
    database : Database
        With this room's tables.
    blobs : Blobs
        Where the files are.
    """

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.database = database
        self.blobs = blobs

    def register(
        self,
        model: str,
        files: Mapping[str, bytes],
        *,
        run_id: str,
        dataset: str,
        data_digest: str,
        task: str,
        family: str,
        created: datetime,
        evidence: Mapping[str, bytes] | None = None,
        evaluation_digest: str = "",
        code_commit: str | None = None,
        code_clean: bool | None = None,
        environment: Mapping[str, object] | None = None,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, object] | None = None,
        signature: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Keep a trained model as the next version; the same model from the same data and evaluation is kept once.

        Parameters
        ----------
        model : str
            Its name.
        files : mapping of path to bytes
            What the model consists of, as `noria.registry.format.save` gives it.
        evidence : mapping of path to bytes, optional
            Files beside the model, such as ``reference.json`` and ``report.html``.
        run_id, dataset, data_digest, task, family, created, evaluation_digest, code_commit, code_clean, environment, \
        params, metrics, signature, tags
            See `ModelVersion`.

        Returns
        -------
        ModelVersion
            The new version, or the old one that is the same.
        """
        checked_name("model", model)
        digest = model_digest(files)
        identity = digest_json([digest, data_digest, evaluation_digest])
        named = {MODEL_FOLDER + path: data for path, data in files.items()} | dict(evidence or {})
        known = self._by_identity(model, identity)
        if known is not None:
            return self._mended(known, named)
        # Blobs first: a version in the database never names bytes that a crash could have kept from the disk.
        kept = {path: self.blobs.put(data) for path, data in sorted(named.items())}
        row: dict[str, object] = {
            "model": model,
            "identity": identity,
            "created": created,
            "run_id": run_id,
            "dataset": dataset,
            "data_digest": data_digest,
            "model_digest": digest,
            "evaluation_digest": evaluation_digest,
            "code_commit": code_commit,
            "code_clean": code_clean,
            "task": task,
            "family": family,
            "environment": dict(environment or {}),
            "params": dict(params or {}),
            "metrics": dict(metrics or {}),
            "signature": dict(signature or {}),
            "files": kept,
            "tags": dict(tags or {}),
        }
        for _ in range(_TRIES):
            try:
                with self.database.transaction() as connection:
                    last = connection.execute(
                        sa.select(sa.func.max(model_versions.c.number)).where(model_versions.c.model == model)
                    ).scalar()
                    connection.execute(sa.insert(model_versions), {**row, "number": (last or 0) + 1})
            except IntegrityError:
                # Somebody took the number, or registered the very same: look again.
                pass
            registered = self._by_identity(model, identity)
            if registered is not None:
                return registered
        raise Conflict(
            f"could not register a version of {model}: too many others are doing it",
            mend="try again",
            code="N-REGISTRY-004",
        )

    def models(self) -> tuple[str, ...]:
        """Name the models that have a version."""
        with self.database.reading() as connection:
            names = connection.execute(sa.select(model_versions.c.model).distinct()).scalars()
            return tuple(sorted(names))

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Give all versions of a model, newest first; none for a name nobody has used."""
        query = sa.select(model_versions).where(model_versions.c.model == model)
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(model_versions.c.number.desc())).mappings().all()
        return tuple(_version(row) for row in rows)

    def get(self, model: str, which: int | str = "latest") -> ModelVersion:
        """Give one version.

        Parameters
        ----------
        model : str
            Its name.
        which : int or str
            Its number, an alias, or ``latest``.

        Raises
        ------
        ModelNotFound
            There is no such model or number.
        AliasNotFound
            The model has no such alias.
        """
        number: int | None = which if isinstance(which, int) else None
        with self.database.reading() as connection:
            if isinstance(which, str) and which != "latest":
                number = connection.execute(
                    sa.select(model_aliases.c.number).where(
                        model_aliases.c.model == model, model_aliases.c.alias == which
                    )
                ).scalar()
            query = sa.select(model_versions).where(model_versions.c.model == model)
            query = query.order_by(model_versions.c.number.desc()).limit(1)
            if number is not None:
                query = query.where(model_versions.c.number == number)
            found = number is not None or which == "latest"
            row = connection.execute(query).mappings().first() if found else None
        if row is not None:
            return _version(row)
        raise self._missing(model, which)

    def resolve(self, text: str, *, model: str | None = None) -> ModelVersion:
        """Give the version somebody wrote as ``name@3`` or ``name@champion`` (see `parse_ref`)."""
        ref = parse_ref(text, model=model)
        return self.get(ref.model, ref.which)

    def file(self, version: ModelVersion, path: str) -> bytes:
        """Read one file of a version, its digest checked.

        Raises
        ------
        BlobNotFound
            The version has no such file.
        CorruptedBlob
            Its bytes changed on disk.
        """
        digest = version.files.get(path)
        if digest is None:
            hint = did_you_mean(path, version.files)
            raise BlobNotFound(
                f"{version.ref} has no file {path!r}",
                why=hint,
                mend=f"noria models show {version.ref} lists its files",
                code="N-REGISTRY-005",
            )
        return self.blobs.get(digest)

    def files(self, version: ModelVersion, folder: str = MODEL_FOLDER) -> dict[str, bytes]:
        """Read the files under a prefix, by default the model itself; the prefix is cut off the names.

        Raises
        ------
        CorruptedBlob
            A file changed on disk: nothing of the model is given then.
        """
        found = {path: digest for path, digest in version.files.items() if path.startswith(folder)}
        return {path.removeprefix(folder): self.blobs.get(digest) for path, digest in found.items()}

    def export(self, version: ModelVersion, folder: Path) -> tuple[Path, ...]:
        """Write all files of a version into a folder."""
        from noria.store.files import write_atomic  # noqa: PLC0415 - only when something is written

        written = []
        for path, digest in version.files.items():
            target = contained(folder, path)
            write_atomic(target, self.blobs.get(digest))
            written.append(target)
        return tuple(written)

    def verify(self, version: ModelVersion) -> None:
        """Read every file of a version.

        Raises
        ------
        CorruptedBlob, BlobNotFound
            One of them is not what was registered.
        """
        for digest in version.files.values():
            self.blobs.get(digest)

    def _mended(self, version: ModelVersion, named: Mapping[str, bytes]) -> ModelVersion:
        """Put back what a version lost: the same bytes where they come again, else the like, as a report has a date.

        Files of the model itself are in the version's identity and never taken from other bytes.
        """
        files = dict(version.files)
        for path, data in named.items():
            if digest_bytes(data) == files.get(path):
                self.blobs.put(data)
            elif not path.startswith(MODEL_FOLDER) and not (path in files and self.blobs.is_whole(files[path])):
                files[path] = self.blobs.put(data)
        if files == version.files:
            return version
        own = sa.and_(model_versions.c.model == version.model, model_versions.c.number == version.number)
        with self.database.transaction() as connection:
            connection.execute(sa.update(model_versions).where(own).values(files=files))
        return self.get(version.model, version.number)

    def _by_identity(self, model: str, identity: str) -> ModelVersion | None:
        query = sa.select(model_versions).where(model_versions.c.model == model, model_versions.c.identity == identity)
        with self.database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return _version(row) if row is not None else None

    def _missing(self, model: str, which: int | str) -> ModelNotFound | AliasNotFound:
        versions = self.versions(model)
        if not versions:
            # A bare word is a model, so `--model champoin` comes here as well.
            hint = did_you_mean(model, [*self.models(), "champion", "challenger", "latest"])
            return ModelNotFound(
                f"no model is called {model!r}",
                why=hint or "nothing has been registered under that name",
                mend="noria run         trains and registers one\nnoria models list shows what is there",
                code="N-REGISTRY-002",
            )
        if isinstance(which, str):
            return AliasNotFound(
                f"model {model} has no alias {which!r}",
                why=did_you_mean(which, ("champion", "challenger", "latest"))
                or f"it has versions 1 to {versions[0].number}",
                mend=f'noria models promote {model}@{versions[0].number} --reason "…" makes one the champion',
                code="N-REGISTRY-006",
            )
        return ModelNotFound(
            f"model {model} has no version {which}",
            why=f"the newest is {versions[0].number}",
            mend=f"noria models list {model}",
            code="N-REGISTRY-003",
        )


def _version(row: sa.RowMapping) -> ModelVersion:
    fields = {name: value for name, value in row.items() if name != "identity"}
    fields["data_digest"] = Digest(cast("str", fields["data_digest"]))
    return ModelVersion(**fields)
