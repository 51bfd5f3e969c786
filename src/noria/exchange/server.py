"""An MLflow server, asked over its REST protocol, from 2.9 on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO
from urllib.parse import quote, urlsplit

from noria.errors import NoriaError, SourceNotFound, WorkFailed
from noria.exchange.reading import as_int, dataset_input, latest_of, model_status, run_status
from noria.exchange.rest import Missing, Rest
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
from noria.exchange.tree import is_sound_path
from noria.runs.inputs import DatasetInput, ModelUse

__all__ = ["MlflowServer"]

_API = "/api/2.0/mlflow/"
_BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
_PAGE = 500
_MODELS_PAGE = 50
_HISTORY_PAGE = 10_000
_BULK_RUNS = 100
_BULK_POINTS = 25_000
_DEEPEST = 50

Fields = Mapping[str, object]


class MlflowServer:
    """Reads what a server gives to any client.

    Parameters
    ----------
    url : str
        Its address: see `noria.exchange.rest.Rest`.

    Raises
    ------
    WrongArgument
        It is no address.
    SourceNotFound, WorkFailed, NotAllowed
        No MLflow server answers there, or it does not let us in.
    """

    def __init__(self, url: str) -> None:
        self.rest = Rest(url)
        self.identity = f"server {self.rest.shown}"
        self.skips = Skips()
        self._metrics: dict[str, tuple[str, ...]] = {}
        self._has_bulk = True
        try:
            self.rest.post(f"{_API}experiments/search", {"max_results": 1}, again=True)
        except Missing as error:
            self.rest.close()
            raise SourceNotFound(
                f"{self.rest.shown} is no MLflow server",
                why="it has no route experiments/search",
                mend="name the address of the tracking server, with its path if it has one",
                code="N-EXCHANGE-070",
            ) from error
        except NoriaError:
            self.rest.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self.rest.close()

    def experiments(self) -> Sequence[ForeignExperiment]:
        """List all experiments, deleted ones too."""
        body = {"max_results": 1000, "view_type": "ALL", "order_by": ["experiment_id ASC"]}
        return [
            ForeignExperiment(
                _text(one, "experiment_id"),
                _text(one, "name"),
                deleted=one.get("lifecycle_stage") == "deleted",
                created_ms=as_int(one.get("creation_time")),
                updated_ms=as_int(one.get("last_update_time")),
                tags=_pairs(one.get("tags")),
            )
            for one in self._pages(f"{_API}experiments/search", body, "experiments")
        ]

    def runs(self, experiment: str) -> Iterator[Sequence[ForeignRun]]:
        """Walk the runs of one experiment in batches, deleted ones too."""
        body = {
            "experiment_ids": [experiment],
            "run_view_type": "ALL",
            "max_results": _PAGE,
            # The pages are cut by counting: what begins meanwhile must come last, or it would move the rest.
            "order_by": ["attributes.start_time ASC"],
        }
        batch: list[ForeignRun] = []
        for one in self._pages(f"{_API}runs/search", body, "runs"):
            batch.append(self._run(experiment, one))
            if len(batch) == _BULK_RUNS:
                yield batch
                batch = []
        if batch:
            yield batch

    def points(self, runs: Sequence[ForeignRun]) -> Iterator[Sequence[PointRow]]:
        """Walk every value of every metric of some runs, each once, in batches that fit in memory."""
        holders: dict[str, list[str]] = {}
        for run in runs:
            for name in self._metrics.pop(run.id, ()):
                holders.setdefault(name, []).append(run.id)
        for name, ids in sorted(holders.items()):
            for start in range(0, len(ids), _BULK_RUNS):
                some = ids[start : start + _BULK_RUNS]
                rows = self._bulk(name, some) if len(some) > 1 else None
                if rows is not None:
                    yield rows
                    continue
                for run_id in some:
                    yield from self._history(run_id, name)

    def models(self, experiment: str) -> Iterator[ForeignModel]:
        """Walk the logged models of one experiment; a server older than 3.0 has none."""
        body = {"experiment_ids": [experiment], "max_results": _MODELS_PAGE}
        try:
            for one in self._pages(f"{_API}logged-models/search", body, "models"):
                yield _model(experiment, _object(one.get("info")), _object(one.get("data")))
        except Missing:
            return

    def registered(self) -> Iterator[ForeignRegistered]:
        """Walk the registered models."""
        versions: dict[str, list[ForeignVersion]] = {}
        parameters = {"max_results": 10_000}
        for one in self._pages(f"{_API}model-versions/search", parameters, "model_versions", get=True):
            versions.setdefault(_text(one, "name"), []).append(_version(one))
        parameters = {"max_results": 1000}
        for one in self._pages(f"{_API}registered-models/search", parameters, "registered_models", get=True):
            name = _text(one, "name")
            created = as_int(one.get("creation_timestamp")) or 0
            aliases = {_text(alias, "alias"): as_int(alias.get("version")) for alias in _objects(one.get("aliases"))}
            yield ForeignRegistered(
                name=name,
                created_ms=created,
                updated_ms=as_int(one.get("last_updated_timestamp")) or created,
                description=_text(one, "description"),
                tags=_pairs(one.get("tags")),
                aliases={alias: number for alias, number in aliases.items() if number is not None},
                versions=tuple(sorted(versions.get(name, ()), key=lambda version: version.number)),
            )

    def files(self, owner: ForeignRun | ForeignModel) -> Iterator[ForeignFile]:
        """Walk the files of a run or of a logged model."""
        waiting = [""]
        seen = {""}
        while waiting:
            folder = waiting.pop()
            for one in self._listed(owner, folder):
                path = _text(one, "path")
                inside = not folder or path.startswith(f"{folder}/")
                if not is_sound_path(path) or not inside or path in seen:
                    self.skips.add("a file has a name that cannot be kept", f"{owner.id}: {path[:200]!a}")
                    continue
                seen.add(path)
                if one.get("is_dir"):
                    if path.count("/") < _DEEPEST:
                        waiting.append(path)
                else:
                    yield ForeignFile(path, as_int(one.get("file_size")) or 0)

    def open(self, owner: ForeignRun | ForeignModel, path: str) -> IO[bytes]:
        """Open one of those files."""
        # The host that stands in the address is not asked: only ours is, which serves what is its own.
        place = urlsplit(owner.artifact_uri)
        if place.scheme == "mlflow-artifacts":
            name = quote(f"{place.path.strip('/')}/{path}", safe="/")
            return self.rest.fetch(f"/api/2.0/mlflow-artifacts/artifacts/{name}")
        if isinstance(owner, ForeignModel):
            route = f"/ajax-api/2.0/mlflow/logged-models/{quote(owner.id, safe='')}/artifacts/files"
            return self.rest.fetch(route, {"artifact_file_path": path})
        return self.rest.fetch("/get-artifact", {"run_uuid": owner.id, "path": path})

    def _run(self, experiment: str, one: Fields) -> ForeignRun:
        info, data = _object(one.get("info")), _object(one.get("data"))
        params, tags = _pairs(data.get("params")), _pairs(data.get("tags"))
        metrics = _objects(data.get("metrics"))
        run_id = _text(info, "run_id") or _text(info, "run_uuid")
        self._metrics[run_id] = tuple(_text(metric, "key") for metric in metrics)
        latest = [[metric.get("key"), str(metric.get("value")), str(metric.get("step")), str(metric.get("timestamp"))]
                  for metric in metrics]  # fmt: skip
        datasets = tuple(_datasets(_object(one.get("inputs"))))
        models = tuple(_model_uses(one))
        uses = [[dataset.name, dataset.digest] for dataset in datasets] + [[use.model_id, use.role] for use in models]
        state = [str(info.get(name)) for name in ("status", "start_time", "end_time", "lifecycle_stage", "run_name")]
        return ForeignRun(
            id=run_id,
            experiment=experiment,
            name=tags.get("mlflow.runName") or _text(info, "run_name"),
            user_id=_text(info, "user_id"),
            status=run_status(info.get("status")),
            started_ms=as_int(info.get("start_time")),
            ended_ms=as_int(info.get("end_time")),
            deleted=info.get("lifecycle_stage") == "deleted",
            deleted_ms=None,
            artifact_uri=_text(info, "artifact_uri"),
            params=params,
            tags=tags,
            datasets=datasets,
            models=models,
            mark=digest_mark(state, params, tags, latest, uses),
        )

    def _bulk(self, name: str, ids: Sequence[str]) -> list[PointRow] | None:
        """Ask for one metric of many runs at once; None where the server cannot, or has more than it gives at once."""
        if not self._has_bulk:
            return None
        parameters = [("run_id", one) for one in ids] + [("metric_key", name), ("max_results", str(_BULK_POINTS))]
        try:
            found = _objects(self.rest.get(_BULK, parameters).get("metrics"))
        except Missing:
            self._has_bulk = False
            return None
        except WorkFailed:
            return None
        if len(found) >= _BULK_POINTS:
            return None
        return self._rows(name, [(_text(one, "run_id"), one) for one in found if _text(one, "run_id") in ids])

    def _history(self, run_id: str, name: str) -> Iterator[Sequence[PointRow]]:
        parameters = {"run_id": run_id, "metric_key": name, "max_results": _HISTORY_PAGE}
        rows: list[tuple[str, Fields]] = []
        for one in self._pages(f"{_API}metrics/get-history", parameters, "metrics", get=True):
            rows.append((run_id, one))
            if len(rows) >= _HISTORY_PAGE:
                yield self._rows(name, rows)
                rows = []
        if rows:
            yield self._rows(name, rows)

    def _rows(self, name: str, found: Sequence[tuple[str, Fields]]) -> list[PointRow]:
        # A server over files gives an exact repeat twice.
        rows: dict[tuple[str, int, int, float | None], PointRow] = {}
        for run_id, one in found:
            at_ms, step = as_int(one.get("timestamp", 0)), as_int(one.get("step", 0))
            try:
                value = float(str(one.get("value")))
            except ValueError:
                value = None
            if at_ms is None or step is None or value is None:
                self.skips.add("a value of a metric cannot be read", f"run {run_id}: {name}")
                continue
            rows[run_id, at_ms, step, value if value == value else None] = (run_id, name, value, at_ms, step)
        return list(rows.values())

    def _listed(self, owner: ForeignRun | ForeignModel, folder: str) -> Iterator[Fields]:
        if isinstance(owner, ForeignModel):
            route = f"{_API}logged-models/{quote(owner.id, safe='')}/artifacts/directories"
            parameters = {"artifact_directory_path": folder} if folder else {}
        else:
            route, parameters = f"{_API}artifacts/list", {"run_id": owner.id}
            if folder:
                parameters["path"] = folder
        try:
            yield from self._pages(route, parameters, "files", get=True)
        except (Missing, WorkFailed) as error:
            if not isinstance(error, Missing) and error.code == "N-EXCHANGE-064":
                raise
            self.skips.add("a folder of files cannot be listed", f"{owner.id}: {error.why or error.what}")

    def _pages(self, route: str, request: Fields, field: str, *, get: bool = False) -> Iterator[Fields]:
        token = ""
        used: set[str] = set()
        while True:
            page = {**request, "page_token": token} if token else dict(request)
            answer = self.rest.get(route, page) if get else self.rest.post(route, page, again=True)
            yield from _objects(answer.get(field))
            token = str(answer.get("next_page_token") or "")
            if not token:
                return
            if token in used:
                # Some versions answer the same token for ever.
                self.skips.add("the server gives the same page again and again", route)
                return
            used.add(token)


def _datasets(inputs: Fields) -> Iterator[DatasetInput]:
    for one in _objects(inputs.get("dataset_inputs")):
        yield dataset_input(_object(one.get("dataset")), _pairs(one.get("tags")))


def _model_uses(one: Fields) -> Iterator[ModelUse]:
    for model in _objects(_object(one.get("inputs")).get("model_inputs")):
        yield ModelUse(_text(model, "model_id"), "input")
    for model in _objects(_object(one.get("outputs")).get("model_outputs")):
        yield ModelUse(_text(model, "model_id"), "output", as_int(model.get("step")) or 0)


def _model(experiment: str, info: Fields, data: Fields) -> ForeignModel:
    created = as_int(info.get("creation_timestamp_ms")) or 0
    metrics = [
        ForeignModelMetric(
            _text(one, "key"),
            float(str(one.get("value", "nan"))),
            as_int(one.get("timestamp")) or 0,
            as_int(one.get("step")) or 0,
            _text(one, "run_id"),
            _text(one, "dataset_name"),
            _text(one, "dataset_digest"),
        )
        for one in _objects(data.get("metrics"))
    ]
    return ForeignModel(
        id=_text(info, "model_id"),
        experiment=experiment,
        name=_text(info, "name"),
        type=_text(info, "model_type"),
        status=model_status(info.get("status")),
        source_run_id=_text(info, "source_run_id"),
        created_ms=created,
        updated_ms=as_int(info.get("last_updated_timestamp_ms")) or created,
        deleted=False,
        artifact_uri=_text(info, "artifact_uri"),
        params=_pairs(data.get("params")),
        tags=_pairs(info.get("tags")),
        metrics=latest_of(metrics),
    )


def _version(one: Fields) -> ForeignVersion:
    created = as_int(one.get("creation_timestamp")) or 0
    source = _text(one, "source")
    return ForeignVersion(
        number=as_int(one.get("version")) or 0,
        created_ms=created,
        updated_ms=as_int(one.get("last_updated_timestamp")) or created,
        description=_text(one, "description"),
        user_id=_text(one, "user_id"),
        stage=_text(one, "current_stage") or "None",
        source=source,
        storage=source,
        run_id=_text(one, "run_id"),
        run_link=_text(one, "run_link"),
        model_id=_text(one, "model_id") or (source[8:] if source.startswith("models:/m-") else ""),
        status=_text(one, "status") or "READY",
        tags=_pairs(one.get("tags")),
    )


def _object(value: object) -> Fields:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Fields]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _pairs(value: object) -> dict[str, str]:
    return {_text(one, "key"): _text(one, "value") for one in _objects(value)}


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)
