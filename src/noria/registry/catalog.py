"""Registered versions and their files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from noria.errors import (
    AliasNotFound,
    BlobNotFound,
    Conflict,
    ModelNotFound,
    UntrustedFormat,
    WrongArgument,
    did_you_mean,
)
from noria.registry import events
from noria.registry.tables import model_aliases, model_tags, model_versions, registered_models
from noria.registry.version import MODEL_FOLDER, ModelVersion, model_digest, parse_ref
from noria.security.names import checked_name
from noria.store.blobs import digest_bytes, digest_json
from noria.store.database import upsert
from noria.store.files import contained

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from noria.store.blobs import Blobs
    from noria.store.database import Database, Write

__all__ = ["Registry", "add_version", "ensure_model", "kept_versions", "read_versions"]

_AT_ONCE = 500


class Registry:
    """Model versions in the database, their files in the blobs.

    Parameters
    ----------
    database : Database
        With this room's tables.
    blobs : Blobs
        Where the files are.
    write : Write, optional
        How a write is made durable; in a transaction of its own when left out.
    approvals : callable() -> int, optional
        How many people must agree before production follows another version; none, when left out.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        write: Write | None = None,
        approvals: Callable[[], int] = lambda: 0,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.write: Write = write or database.write
        self.approvals = approvals

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
        user_id: str = "",
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
        params, metrics, signature, tags, user_id
            See `ModelVersion`.

        Returns
        -------
        ModelVersion
            The new version, or the old one that is the same.
        """
        if not self._is_open(model):  # other clients name models more freely, and such a one was checked then
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
            "user_id": user_id,
            "updated": created,
        }

        def work(connection: sa.Connection) -> None:
            ensure_model(connection, model, created)
            add_version(connection, row, tags or {})

        with contextlib.suppress(IntegrityError):  # somebody registered the very same
            self.write(work)
        registered = self._by_identity(model, identity)
        if registered is None:
            raise Conflict(
                f"version of {model} was deleted while it was registered", mend="try again", code="N-REGISTRY-004"
            )
        return registered

    def attach(self, version: ModelVersion, files: Mapping[str, bytes], *, instead_of: str) -> ModelVersion:
        """Lay files beside a version's model; the model itself is never touched.

        Parameters
        ----------
        version : ModelVersion
            Which.
        files : mapping of path to bytes
            What to lay there.
        instead_of : str
            Files under this prefix that are not among them are left out from now on.

        Raises
        ------
        WrongArgument
            A path is one of the model's own.
        """
        if any(path.startswith(MODEL_FOLDER) for path in (*files, instead_of)):
            raise WrongArgument(f"the files of {version.ref} itself do not change", code="N-REGISTRY-008")
        kept = {path: digest for path, digest in version.files.items() if not path.startswith(instead_of)}
        kept |= {path: self.blobs.put(data) for path, data in sorted(files.items())}
        self._write_files(version, kept)
        return self.get(version.model, version.number)

    def models(self) -> tuple[str, ...]:
        """Name the models that have a version."""
        with self.database.reading() as connection:
            names = connection.execute(
                sa.select(model_versions.c.model).where(model_versions.c.deleted.is_(None)).distinct()
            ).scalars()
            return tuple(sorted(names))

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Give all versions of a model, newest first; none for a name nobody has used."""
        query = kept_versions().where(model_versions.c.model == model)
        with self.database.reading() as connection:
            return read_versions(connection, query.order_by(model_versions.c.number.desc()))

    def of_runs(self, runs: Sequence[str]) -> dict[str, tuple[ModelVersion, ...]]:
        """Give the versions that each of several runs made, by run id."""
        found: dict[str, list[ModelVersion]] = {}
        with self.database.reading() as connection:
            for start in range(0, len(runs), _AT_ONCE):
                query = kept_versions().where(model_versions.c.run_id.in_(runs[start : start + _AT_ONCE]))
                query = query.order_by(model_versions.c.model, model_versions.c.number)
                for version in read_versions(connection, query):
                    found.setdefault(version.run_id, []).append(version)
        return {run: tuple(made) for run, made in found.items()}

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
            query = kept_versions().where(model_versions.c.model == model)
            query = query.order_by(model_versions.c.number.desc()).limit(1)
            if number is not None:
                query = query.where(model_versions.c.number == number)
            found = read_versions(connection, query) if number is not None or which == "latest" else ()
        if found:
            return found[0]
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
        UntrustedFormat
            Another client logged the model: its files are kept, and not to be loaded.
        """
        if version.origin != "noria" and folder == MODEL_FOLDER:
            raise UntrustedFormat(
                f"{version.ref} was logged by another client, and noria does not load it",
                why=version.unsafe or "its format is not one of noria's own",
                mend=f"noria models convert {version.ref}     makes a safe version of it, in a process of its own",
                code="N-REGISTRY-032",
            )
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
        self._write_files(version, files)
        return self.get(version.model, version.number)

    def _write_files(self, version: ModelVersion, files: Mapping[str, str]) -> None:
        own = sa.and_(model_versions.c.model == version.model, model_versions.c.number == version.number)
        query = sa.update(model_versions).where(own).values(files=dict(files))
        self.write(lambda connection: connection.execute(query).rowcount)

    def _is_open(self, model: str) -> bool:
        query = sa.select(registered_models.c.name).where(registered_models.c.name == model)
        with self.database.reading() as connection:
            return connection.execute(query).first() is not None

    def _by_identity(self, model: str, identity: str) -> ModelVersion | None:
        query = kept_versions().where(model_versions.c.model == model, model_versions.c.identity == identity)
        with self.database.reading() as connection:
            return next(iter(read_versions(connection, query)), None)

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


def kept_versions() -> sa.Select[tuple[object, ...]]:
    """Select the versions that are not deleted."""
    return sa.select(*_SHOWN).where(model_versions.c.deleted.is_(None))


def read_versions(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]] | Sequence[Mapping[str, Any]]
) -> tuple[ModelVersion, ...]:
    """Give the versions that a query made from `kept_versions` finds, or that these rows are, with their tags."""
    rows = query if isinstance(query, Sequence) else connection.execute(query).mappings().all()
    tags: dict[tuple[str, int], dict[str, str]] = {}
    models = sorted({row["model"] for row in rows})
    numbers = sorted({row["number"] for row in rows})
    own = model_tags.c
    for start in range(0, len(models), _AT_ONCE):
        some = sa.select(model_tags).where(own.model.in_(models[start : start + _AT_ONCE]), own.number > 0)
        if len(numbers) <= _AT_ONCE:
            some = some.where(own.number.in_(numbers))
        for tag in connection.execute(some.order_by(own.name)):
            tags.setdefault((tag.model, tag.number), {})[tag.name] = tag.value
    return tuple(ModelVersion(**row, tags=tags.get((row["model"], row["number"]), {})) for row in rows)


def ensure_model(connection: sa.Connection, model: str, at: datetime) -> None:
    """Open a model where there is none of the name."""
    there = sa.select(registered_models.c.name).where(registered_models.c.name == model)
    if connection.execute(there).first() is not None:
        return
    events.record(connection, "registered_model.created", model, at=at)
    row = {"name": model, "created": at, "updated": at, "description": "", "last_number": 0}
    upsert(connection, registered_models, row, key=("name",), update=())


def add_version(
    connection: sa.Connection, row: Mapping[str, object], tags: Mapping[str, str], *, number: int | None = None
) -> int:
    """Write a version under the next number of its model, or a given one; the model must be there.

    The model's row is what two who register at once wait for, so that no number is given twice or left out.
    """
    own = registered_models.c
    last = own.last_number + 1 if number is None else sa.case((own.last_number < number, number), else_=own.last_number)
    raised = sa.update(registered_models).where(own.name == row["model"])
    raised = raised.values(last_number=last, updated=row["created"])
    given = connection.execute(raised.returning(own.last_number)).scalar_one()
    number = int(given) if number is None else number
    connection.execute(sa.insert(model_versions), {**row, "number": number})
    if tags:
        rows = [{"model": row["model"], "number": number, "name": name, "value": v} for name, v in tags.items()]
        connection.execute(sa.insert(model_tags), rows)
    made, by = cast("datetime", row["created"]), str(row.get("user_id", ""))
    told = {"run_id": row["run_id"], "source": row.get("source", ""), "origin": row.get("origin", "noria")}
    events.record(connection, "model_version.created", str(row["model"]), number, at=made, actor=by, detail=told)
    return number


_SHOWN = [column for column in model_versions.c if column.name not in ("identity", "deleted")]
