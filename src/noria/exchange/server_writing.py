"""Bringing runs to an MLflow server over its REST protocol.

The server gives a run an id of its own, so each run carries its id here as a tag. A second tag is set when everything
about the run has arrived: an export that was cut off goes on with the runs that lack it, and what is sent twice
is the same to the server as once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, urlsplit

from noria.errors import NoriaError, WorkFailed
from noria.exchange.reading import CONTEXT
from noria.exchange.rest import Missing, Rest
from noria.exchange.server import MlflowServer
from noria.exchange.source import Skips

if TYPE_CHECKING:
    from noria.exchange.leaving import LeavingModel, LeavingRun
    from noria.exchange.source import ForeignExperiment
    from noria.runs.artifacts import RunArtifact
    from noria.runs.experiments import Experiment
    from noria.store.blobs import Blobs

__all__ = ["ORIGIN", "WHOLE", "ServerWriter"]

ORIGIN = "noria.run_id"
"""The tag that holds a run's id in noria."""

WHOLE = "noria.exported"
"""The tag that says that all of a run has arrived."""

_API = "/api/2.0/mlflow/"
_MOST_METRICS = 1000
_MOST_PAIRS = 100
_CHUNK = 1 << 20


class ServerWriter:
    """Writes to an MLflow server.

    Parameters
    ----------
    url : str
        Its address: see `noria.exchange.rest.Rest`.
    blobs : Blobs
        Where the files are.

    Raises
    ------
    WrongArgument, SourceNotFound, WorkFailed, NotAllowed
        See `noria.exchange.server.MlflowServer`.
    """

    def __init__(self, url: str, blobs: Blobs) -> None:
        self._reader = MlflowServer(url)
        self._rest: Rest = self._reader.rest
        self._blobs = blobs
        self.identity = self._reader.identity
        self.skips: Skips = self._reader.skips
        self._known = {one.name: one for one in self._reader.experiments()}
        self._keys: dict[int, str | None] = {}
        self._runs: dict[str, tuple[str, bool]] = {}
        self._models: dict[str, str] = {}
        # Of runs that have to do with logged models: a value of a model is a value of the run, too.
        self._values: dict[tuple[str, str, int, int], list[float]] = {}

    def close(self) -> None:
        """Close the connection."""
        self._rest.close()

    def begin(self, experiment: Experiment) -> bool:
        """Find the experiment of this name, or make it; then see which runs are there."""
        there = self._known.get(experiment.name)
        self._runs, self._models, self._values = {}, {}, {}
        if there is None:
            tags = [{"key": name, "value": value} for name, value in experiment.tags.items()]
            made = self._rest.post(f"{_API}experiments/create", {"name": experiment.name, "tags": tags})
            self._keys[experiment.id] = str(made["experiment_id"])
            return False
        if there.deleted:
            self._keys[experiment.id] = None
            if experiment.deleted is None:
                self.skips.add("an experiment of this name is deleted there: restore it first", experiment.name)
            return True
        self._keys[experiment.id] = there.key
        self._look(there)
        return True

    def add_run(self, experiment: Experiment, run: LeavingRun) -> bool:
        """Bring a run."""
        key = self._keys[experiment.id]
        if key is None:
            if experiment.deleted is None:
                self.skips.add("a run belongs to an experiment that is deleted there", run.id)
            return True
        there, whole = self._runs.get(run.id, ("", False))
        if run.models:
            for name, points in run.points.items():
                for number, at_ms, step in points:
                    self._values.setdefault((run.id, name, at_ms, step), []).append(number)
        if whole:
            return True
        tags = {name: value for name, value in run.tags.items() if name != WHOLE} | {ORIGIN: run.id}
        if not there:
            body = {
                "experiment_id": key,
                "user_id": run.user_id,
                "run_name": run.tags["mlflow.runName"],
                "start_time": run.started_ms,
                "tags": [{"key": name, "value": tags[name]} for name in ("mlflow.runName", ORIGIN)],
            }
            info = _object(_object(self._rest.post(f"{_API}runs/create", body).get("run")).get("info"))
            there, place = str(info["run_id"]), str(info.get("artifact_uri", ""))
            self._runs[run.id] = (there, False)
        else:
            answer = self._rest.get(f"{_API}runs/get", {"run_id": there})
            place = str(_object(_object(answer.get("run")).get("info")).get("artifact_uri", ""))
        self._log(there, run, tags)
        self._log_datasets(there, run)
        self._send(place, run.files, run.id)
        ending: dict[str, object] = {"run_id": there, "status": run.status}
        if run.ended_ms is not None:
            ending["end_time"] = run.ended_ms
        self._rest.post(f"{_API}runs/update", ending, again=True)
        self._rest.post(f"{_API}runs/set-tag", {"run_id": there, "key": WHOLE, "value": "true"}, again=True)
        if run.deleted_ms is not None and experiment.deleted is None:
            self._rest.post(f"{_API}runs/delete", {"run_id": there}, again=True)
        return False

    def add_model(self, experiment: Experiment, model: LeavingModel) -> bool:
        """Bring a logged model; a server older than 3.0 has none."""
        key = self._keys[experiment.id]
        if key is None or model.deleted:
            if model.deleted:
                self.skips.add("a logged model is deleted, and a server takes no deleted ones", model.id)
            return True
        if model.id in self._models:
            return True
        run, _whole = self._runs.get(model.source_run_id, ("", False))
        body = {
            "experiment_id": key,
            "name": model.name,
            "model_type": model.type,
            "source_run_id": run,
            "params": [{"key": name, "value": value} for name, value in model.params.items()],
            "tags": [{"key": name, "value": value} for name, value in {**model.tags, ORIGIN: model.id}.items()],
        }
        try:
            answer = self._rest.post(f"{_API}logged-models", body)
        except Missing:
            self.skips.add("the server is too old for logged models", model.id)
            return False
        info = _object(_object(answer.get("model")).get("info"))
        there = str(info["model_id"])
        self._send(str(info.get("artifact_uri", "")), model.files, model.id)
        if model.status != "PENDING":
            status = {"model_id": there, "status": f"LOGGED_MODEL_{model.status}"}
            self._rest.post(f"{_API}logged-models/{quote(there, safe='')}", status, again=True, method="PATCH")
        if run:
            self._rest.post(f"{_API}runs/outputs", {"run_id": run, "models": [{"model_id": there, "step": 0}]})
        for one in model.metrics:
            of, _whole = self._runs.get(one.run_id, ("", False))
            # The stock database keeps no NaN of a model and answers 0; the run's own value is the true one.
            values = self._values.get((one.run_id, one.name, one.at_ms, one.step), [])
            number = one.value if one.value in values or not values else values[-1]
            if of and number == number:  # the route takes no NaN
                value = {"run_id": of, "key": one.name, "value": _number(number), "timestamp": one.at_ms}
                more = {"step": one.step, "model_id": there}
                if one.dataset_name and one.dataset_digest:
                    more |= {"dataset_name": one.dataset_name, "dataset_digest": one.dataset_digest}
                self._rest.post(f"{_API}runs/log-metric", {**value, **more}, again=True)
        self._models[model.id] = there
        return False

    def end(self, experiment: Experiment) -> None:
        """Put an experiment away when it is deleted here."""
        key = self._keys[experiment.id]
        if experiment.deleted is not None and key is not None:
            self._rest.post(f"{_API}experiments/delete", {"experiment_id": key}, again=True)

    def _look(self, there: ForeignExperiment) -> None:
        for batch in self._reader.runs(there.key):
            for run in batch:
                if ORIGIN in run.tags:
                    self._runs[run.tags[ORIGIN]] = (run.id, WHOLE in run.tags)
        for model in self._reader.models(there.key):
            # One that is pending was cut off; it is made anew.
            if ORIGIN in model.tags and model.status != "PENDING":
                self._models[model.tags[ORIGIN]] = model.id

    def _log(self, there: str, run: LeavingRun, tags: Mapping[str, str]) -> None:
        metrics = [
            {"key": name, "value": _number(value), "timestamp": at_ms, "step": step}
            for name, points in run.points.items()
            for value, at_ms, step in points
        ]
        params = [{"key": name, "value": value} for name, value in run.params.items()]
        labels = [{"key": name, "value": value} for name, value in tags.items()]
        for field, rows, most in (
            ("metrics", metrics, _MOST_METRICS),
            ("params", params, _MOST_PAIRS),
            ("tags", labels, _MOST_PAIRS),
        ):
            for start in range(0, len(rows), most):
                body = {"run_id": there, field: rows[start : start + most]}
                try:
                    self._rest.post(f"{_API}runs/log-batch", body, again=True)
                except WorkFailed as error:
                    if error.code != "N-EXCHANGE-063":
                        raise
                    self.skips.add(f"the server refuses some {field}", f"run {run.id}: {error.why}")

    def _log_datasets(self, there: str, run: LeavingRun) -> None:
        datasets = []
        for one in run.datasets:
            tags = dict(one.tags) | ({CONTEXT: one.context} if one.context is not None else {})
            fields = {"name": one.name, "digest": one.digest, "source_type": one.source_type, "source": one.source}
            fields |= {name: text for name, text in (("schema", one.schema), ("profile", one.profile)) if text}
            labels = [{"key": name, "value": value} for name, value in tags.items()]
            datasets.append({"tags": labels, "dataset": fields})
        if datasets:
            self._rest.post(f"{_API}runs/log-inputs", {"run_id": there, "datasets": datasets}, again=True)

    def _send(self, place: str, files: Sequence[RunArtifact], owner: str) -> None:
        parts = urlsplit(place)
        if files and parts.scheme != "mlflow-artifacts":
            self.skips.add(
                "the server does not take files itself: start it with --serve-artifacts", f"{owner}: {place}"
            )
            return
        for file in files:
            route = quote(f"{parts.path.strip('/')}/{file.path}", safe="/")
            try:
                path = self._blobs.path(file.digest)
            except NoriaError as error:
                self.skips.add("a file is damaged or missing here", f"{owner}/{file.path}: {error.what}")
                continue
            with path.open("rb") as content:
                self._rest.put(f"/api/2.0/mlflow-artifacts/artifacts/{route}", _pieces(content), file.size)


def _number(value: float) -> float | str:
    """Write a number as the protocol does: what JSON has no sign for is a text."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_CHUNK):
        yield piece


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
