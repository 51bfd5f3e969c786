"""MLflow's own database, from 2.9 on: SQLite, PostgreSQL or MySQL, read and never written to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from noria.errors import MissingExtra, SourceNotFound, WorkFailed, WrongArgument, WrongData
from noria.exchange.placed import PlacedFiles
from noria.exchange.reading import as_int, dataset_input, latest_of, model_status, run_status
from noria.exchange.source import (
    ForeignExperiment,
    ForeignFile,
    ForeignModel,
    ForeignModelMetric,
    ForeignRegistered,
    ForeignRun,
    ForeignVersion,
    PointRow,
    Skips,
    digest_mark,
)
from noria.runs.inputs import DatasetInput, ModelUse

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["MlflowDatabase"]

_AT_ONCE = 500
_POINTS_AT_ONCE = 50_000
_NEEDED = ("experiments", "runs", "metrics", "params", "tags")
_MODEL_SOURCE = re.compile(r"models:/(m-[0-9a-zA-Z]+)")


class MlflowDatabase:
    """Reads the tables that MLflow's server keeps.

    Tables and columns that an older MLflow lacks are taken for empty.

    Parameters
    ----------
    url : str
        ``sqlite:///mlflow.db``, ``postgresql://…`` or ``mysql://…``.
    artifacts : Path, optional
        Where the files lie, when not where the database says.

    Raises
    ------
    SourceNotFound
        There is no such file.
    WrongData
        It is not the database of MLflow.
    MissingExtra
        The driver is not installed.
    WorkFailed
        The server does not answer, or does not let anybody in.
    """

    def __init__(self, url: str, *, artifacts: Path | None = None) -> None:
        self.skips = Skips()
        self._engine, beside = _opened(url)
        self._shown = self._engine.url.render_as_string(hide_password=True)
        # Without the user: the same database read by somebody else is the same source.
        self.identity = f"database {beside or self._engine.url.set(username=None, password=None).render_as_string()}"
        self._columns: dict[str, list[str]] = {}
        try:
            with self._reading() as connection:
                inspector = sa.inspect(connection)
                for table in inspector.get_table_names():
                    self._columns[table] = [column["name"] for column in inspector.get_columns(table)]
        except BaseException:
            self._engine.dispose()
            raise
        missing = [table for table in _NEEDED if table not in self._columns]
        if missing:
            self._engine.dispose()
            raise WrongData(
                f"{self._shown} is not a database of MLflow",
                why=f"it has no table {missing[0]!r}",
                mend="name the database that `mlflow server --backend-store-uri` was given",
                code="N-EXCHANGE-041",
            )
        self._files = PlacedFiles(artifacts, beside.parent if beside else Path.cwd(), self.skips)

    def close(self) -> None:
        """Close the connections."""
        self._files.close()
        self._engine.dispose()

    def experiments(self) -> Sequence[ForeignExperiment]:
        """List all experiments, deleted ones too."""
        tags: dict[int, dict[str, str]] = {}
        for number, key, value in self._rows("experiment_tags", "experiment_id", "key", "value"):
            tags.setdefault(_int(number), {})[str(key)] = str(value or "")
        names = ("experiment_id", "name", "lifecycle_stage", "creation_time", "last_update_time", "workspace")
        return [
            ForeignExperiment(
                str(number),
                _of_workspace(name, workspace, "/"),
                deleted=stage == "deleted",
                created_ms=as_int(created),
                updated_ms=as_int(updated),
                tags=tags.get(_int(number), {}),
            )
            for number, name, stage, created, updated, workspace in self._rows("experiments", *names)
        ]

    def runs(self, experiment: str) -> Iterator[Sequence[ForeignRun]]:
        """Walk the runs of one experiment in batches, deleted ones too."""
        own = sa.column("experiment_id") == int(experiment)
        ids = sorted(str(run) for (run,) in self._rows("runs", "run_uuid", where=own))
        for start in range(0, len(ids), _AT_ONCE):
            yield self._batch(experiment, ids[start : start + _AT_ONCE])

    def points(self, runs: Sequence[ForeignRun]) -> Iterator[Sequence[PointRow]]:
        """Walk every value of every metric of some runs, each once, in batches that fit in memory."""
        ids = [run.id for run in runs]
        if not ids:
            return
        query = self._select("metrics", "run_uuid", "key", "value", "timestamp", "step", "is_nan")
        query = query.where(sa.column("run_uuid").in_(ids))
        with self._reading() as connection:
            streamed = connection.execution_options(stream_results=True).execute(query)
            for rows in streamed.partitions(_POINTS_AT_ONCE):
                yield [
                    (run, key, float("nan") if nan or value is None else float(value), int(at or 0), int(step or 0))
                    for run, key, value, at, step, nan in rows
                ]

    def models(self, experiment: str) -> Iterator[ForeignModel]:
        """Walk the logged models of one experiment."""
        own = sa.column("experiment_id") == int(experiment)
        params = self._named("logged_model_params", "model_id", "param_key", "param_value", own)
        tags = self._named("logged_model_tags", "model_id", "tag_key", "tag_value", own)
        metrics: dict[str, list[ForeignModelMetric]] = {}
        names = ("model_id", "metric_name", "metric_value", "metric_timestamp_ms", "metric_step", "run_id")
        for row in self._rows("logged_model_metrics", *names, "dataset_name", "dataset_digest", where=own):
            model, name, value, at, step, run, dataset, digest = row
            number = float("nan") if value is None else float(str(value))
            one = ForeignModelMetric(str(name), number, _int(at), _int(step), _text(run), _text(dataset), _text(digest))
            metrics.setdefault(str(model), []).append(one)
        names = ("model_id", "name", "model_type", "status", "source_run_id", "creation_timestamp_ms")
        more = ("last_updated_timestamp_ms", "lifecycle_stage", "artifact_location")
        for row in self._rows("logged_models", *names, *more, where=own):
            model, name, kind, status, run, created, updated, stage, place = row
            yield ForeignModel(
                id=str(model),
                experiment=experiment,
                name=_text(name),
                type=_text(kind),
                status=model_status(status),
                source_run_id=_text(run),
                created_ms=_int(created),
                updated_ms=_int(updated),
                deleted=stage == "deleted",
                artifact_uri=_text(place),
                params=params.get(str(model), {}),
                tags=tags.get(str(model), {}),
                metrics=latest_of(metrics.get(str(model), ())),
            )

    def registered(self) -> Iterator[ForeignRegistered]:
        """Walk the registered models."""
        tags: dict[tuple[str, str], dict[str, str]] = {}
        for space, name, key, value in self._rows("registered_model_tags", "workspace", "name", "key", "value"):
            tags.setdefault((_text(space), str(name)), {})[str(key)] = _text(value)
        aliases: dict[tuple[str, str], dict[str, int]] = {}
        for space, name, alias, number in self._rows(
            "registered_model_aliases", "workspace", "name", "alias", "version"
        ):
            aliases.setdefault((_text(space), str(name)), {})[str(alias)] = _int(number)
        versions = self._versions()
        names = ("workspace", "name", "description", "creation_time", "last_updated_time")
        for space, name, description, created, updated in self._rows("registered_models", *names):
            key = _text(space), str(name)
            yield ForeignRegistered(
                name=_of_workspace(name, space, "."),
                created_ms=_int(created),
                updated_ms=_int(updated) or _int(created),
                description=_text(description),
                tags=tags.get(key, {}),
                aliases=aliases.get(key, {}),
                versions=tuple(sorted(versions.get(key, ()), key=lambda version: version.number)),
            )

    def files(self, owner: ForeignRun | ForeignModel) -> Iterator[ForeignFile]:
        """Walk the files of a run or of a logged model."""
        return self._files.walk(owner)

    def open(self, owner: ForeignRun | ForeignModel, path: str) -> IO[bytes]:
        """Open one of those files."""
        return self._files.open(owner, path)

    def _batch(self, experiment: str, ids: Sequence[str]) -> list[ForeignRun]:
        own = sa.column("run_uuid").in_(ids)
        params = self._named("params", "run_uuid", "key", "value", own)
        tags = self._named("tags", "run_uuid", "key", "value", own)
        datasets, models = self._inputs(ids)
        counting: Any = sa.select(sa.column("run_uuid"), sa.func.count()).select_from(sa.table("metrics"))
        with self._reading() as connection:
            counted = connection.execute(counting.where(own).group_by(sa.column("run_uuid"))).all()
        # Points are only ever added there, so their number tells whether there are new ones.
        points = {str(run): int(number) for run, number in counted}
        names = ("run_uuid", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "deleted_time")
        found = []
        for row in self._rows("runs", *names, "artifact_uri", where=own):
            run, name, user, status, started, ended, stage, deleted, uri = row
            key = str(run)
            given, labels = params.get(key, {}), tags.get(key, {})
            uses = [[one.name, one.digest] for one in datasets.get(key, ())]
            uses += [[use.model_id, use.role] for use in models.get(key, ())]
            found.append(
                ForeignRun(
                    id=key,
                    experiment=experiment,
                    name=labels.get("mlflow.runName") or _text(name),
                    user_id=_text(user),
                    status=run_status(status),
                    started_ms=as_int(started),
                    ended_ms=as_int(ended),
                    deleted=stage == "deleted",
                    deleted_ms=as_int(deleted),
                    artifact_uri=_text(uri),
                    params=given,
                    tags=labels,
                    datasets=tuple(datasets.get(key, ())),
                    models=tuple(models.get(key, ())),
                    mark=digest_mark(
                        _plain([status, started, ended, stage, name]), given, labels, uses, points.get(key, 0)
                    ),
                )
            )
        return found

    def _inputs(self, ids: Sequence[str]) -> tuple[dict[str, list[DatasetInput]], dict[str, list[ModelUse]]]:
        datasets: dict[str, list[DatasetInput]] = {}
        models: dict[str, list[ModelUse]] = {}
        names = ("input_uuid", "source_type", "source_id", "destination_type", "destination_id", "step")
        given = list(self._rows("inputs", *names, where=sa.column("destination_id").in_(ids)))
        given = [row for row in given if row[1] == "DATASET" and row[3] == "RUN"]
        used = list(self._rows("inputs", *names, where=sa.column("source_id").in_(ids)))
        for _input, role, run, _kind, model, step in used:
            if role in ("RUN_INPUT", "RUN_OUTPUT"):
                use = ModelUse(str(model), "input" if role == "RUN_INPUT" else "output", _int(step))
                models.setdefault(str(run), []).append(use)
        keys = [str(row[0]) for row in given]
        labels: dict[str, dict[str, str]] = {}
        for start in range(0, len(keys), _AT_ONCE):
            own = sa.column("input_uuid").in_(keys[start : start + _AT_ONCE])
            labels.update(self._named("input_tags", "input_uuid", "name", "value", own))
        sources = sorted({str(row[2]) for row in given})
        known: dict[str, Mapping[str, object]] = {}
        columns = ("dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source")
        for start in range(0, len(sources), _AT_ONCE):
            own = sa.column("dataset_uuid").in_(sources[start : start + _AT_ONCE])
            for row in self._rows("datasets", *columns, "dataset_schema", "dataset_profile", where=own):
                fields = ("name", "digest", "source_type", "source", "schema", "profile")
                known[str(row[0])] = dict(zip(fields, row[1:], strict=True))
        for key, _role, source, _kind, run, _step in given:
            if str(source) in known:
                one = dataset_input(known[str(source)], labels.get(str(key), {}))
                datasets.setdefault(str(run), []).append(one)
        return datasets, models

    def _versions(self) -> dict[tuple[str, str], list[ForeignVersion]]:
        tags: dict[tuple[str, str, int], dict[str, str]] = {}
        for space, name, number, key, value in self._rows(
            "model_version_tags", "workspace", "name", "version", "key", "value"
        ):
            tags.setdefault((_text(space), str(name), _int(number)), {})[str(key)] = _text(value)
        found: dict[tuple[str, str], list[ForeignVersion]] = {}
        names = ("workspace", "name", "version", "creation_time", "last_updated_time", "description", "user_id")
        more = ("current_stage", "source", "storage_location", "run_id", "run_link", "status")
        for row in self._rows("model_versions", *names, *more):
            space, name, number, created, updated, description, user, stage, source, storage, run, link, status = row
            if stage == "Deleted_Internal":
                continue
            model = _MODEL_SOURCE.match(_text(source))
            found.setdefault((_text(space), str(name)), []).append(
                ForeignVersion(
                    number=_int(number),
                    created_ms=_int(created),
                    updated_ms=_int(updated) or _int(created),
                    description=_text(description),
                    user_id=_text(user),
                    stage=_text(stage) or "None",
                    source=_text(source),
                    storage=_text(storage) or _text(source),
                    run_id=_text(run),
                    run_link=_text(link),
                    model_id=model[1] if model else "",
                    status=_text(status) or "READY",
                    tags=tags.get((_text(space), str(name), _int(number)), {}),
                )
            )
        return found

    def _named(
        self, table: str, owner: str, key: str, value: str, where: sa.ColumnElement[bool]
    ) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for one, name, text in self._rows(table, owner, key, value, where=where):
            found.setdefault(str(one), {})[str(name)] = _text(text)
        return found

    def _rows(
        self, table: str, *columns: str, where: sa.ColumnElement[bool] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        if table not in self._columns:
            return ()
        query = self._select(table, *columns)
        with self._reading() as connection:
            return [tuple(row) for row in connection.execute(query if where is None else query.where(where))]

    def _select(self, table: str, *columns: str) -> sa.Select[Any]:
        known = self._columns[table]
        wanted: list[Any] = [sa.column(name) if name in known else sa.null().label(name) for name in columns]
        query: sa.Select[Any] = sa.select(*wanted).select_from(sa.table(table))
        return query

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return _Told(self._engine, self._shown)


class _Told:
    """A connection whose errors are told in noria's words."""

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self._engine = engine
        self._shown = shown

    def __enter__(self) -> sa.Connection:
        try:
            self._connection = self._engine.connect()
        except SQLAlchemyError as error:
            raise self._failed(error) from error
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._connection.close()
        if isinstance(error, DBAPIError):
            raise self._failed(error) from error

    def _failed(self, error: SQLAlchemyError) -> WorkFailed:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        mend = "check the address, the user and its right to read"
        if "not a database" in reason:
            mend = "name the database file of MLflow, usually mlflow.db"
        return WorkFailed(f"cannot read {self._shown}", why=reason, mend=mend, code="N-EXCHANGE-042")


def _opened(url: str) -> tuple[sa.Engine, Path | None]:
    try:
        parsed = sa.make_url(url.replace("postgres://", "postgresql://", 1))
    except (sa.exc.ArgumentError, ValueError) as error:
        raise WrongArgument(
            f"{url!r} is no address of a database",
            mend="write sqlite:///mlflow.db, postgresql://user@host/name or mysql://user@host/name",
            code="N-EXCHANGE-043",
        ) from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        path = Path(parsed.database or "")
        if not path.is_file():
            raise SourceNotFound(
                f"there is no file {path}",
                mend="a relative path has three slashes, an absolute one four: sqlite:////data/mlflow.db",
                code="N-EXCHANGE-044",
            )
        path = path.resolve()
        return sa.create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=sa.pool.NullPool), path
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("mysql", "mariadb"):
        parsed = parsed.set(drivername="mysql+pymysql")
    options = {"postgresql_readonly": True} if backend == "postgresql" else {}
    try:
        engine = sa.create_engine(parsed, execution_options=options, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        driver = parsed.get_driver_name() if parsed.drivername.startswith("mysql") else "psycopg"
        raise MissingExtra(
            f"{backend} needs its driver, which is not installed", mend=f"pip install {driver}", code="N-EXCHANGE-045"
        ) from error
    if backend == "mysql":
        sa.event.listen(engine, "connect", _mysql_read_only)
    return engine, None


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30, check_same_thread=False)


def _mysql_read_only(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined] # whichever driver it is
    cursor.execute("SET SESSION TRANSACTION READ ONLY")
    cursor.close()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _int(value: object) -> int:
    return as_int(value) or 0


def _plain(values: Sequence[object]) -> list[object]:
    return [None if value is None else str(value) for value in values]


def _of_workspace(name: object, workspace: object, between: str) -> str:
    return _text(name) if _text(workspace) in ("", "default") else f"{workspace}{between}{name}"
