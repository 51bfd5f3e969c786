"""An ``mlruns`` folder: MLflow's file store, from 1.x on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from noria.errors import NoriaError, SourceNotFound, WrongData
from noria.exchange.reading import as_int, dataset_input, int64, latest_of, model_status, run_status
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
from noria.exchange.tree import Tree
from noria.runs.inputs import DatasetInput, ModelUse
from noria.security.strict_yaml import LIMIT, Node, parse

__all__ = ["MlrunsFolder"]

_TRASH = ".trash"
_REGISTERED = "models"
_NOT_RUNS = frozenset({"tags", "datasets", "traces", "models"})
_AT_ONCE = 200
_POINTS_AT_ONCE = 50_000
_LONGEST_LINE = 4096


class MlrunsFolder:
    """Reads an ``mlruns`` folder, and nothing outside it.

    The addresses of artifacts in it are not believed: they name the place where the folder once was, or any other. The
    files of a run are those in the run's own folder.

    Parameters
    ----------
    root : Path
        The folder.

    Raises
    ------
    SourceNotFound
        It is missing, or holds no experiment.
    """

    def __init__(self, root: Path) -> None:
        self.tree = Tree(root)
        self.identity = f"folder {self.tree.root}"
        self.skips = Skips()
        self._places = {key: place for place, key in self._experiment_folders()}
        if not self._places:
            self.tree.close()
            raise SourceNotFound(
                f"{root} is no mlruns folder",
                why="no folder in it has the meta.yaml of an experiment",
                mend="name the folder that holds one folder per experiment, usually ./mlruns",
                code="N-EXCHANGE-004",
            )

    def close(self) -> None:
        """Let go of the folder."""
        self.tree.close()

    def experiments(self) -> Sequence[ForeignExperiment]:
        """List all experiments, deleted ones too."""
        found = []
        for key, place in self._places.items():
            meta = self._meta(place)
            if meta is not None and isinstance(meta.get("name"), str):
                found.append(
                    ForeignExperiment(
                        key,
                        str(meta["name"]),
                        deleted=meta.get("lifecycle_stage") == "deleted" or place.startswith(_TRASH),
                        created_ms=as_int(meta.get("creation_time")),
                        updated_ms=as_int(meta.get("last_update_time")),
                        tags=self._texts(f"{place}/tags"),
                    )
                )
        return found

    def runs(self, experiment: str) -> Iterator[Sequence[ForeignRun]]:
        """Walk the runs of one experiment in batches, deleted ones too."""
        place = self._places[experiment]
        names = [name for name in self.tree.folders(place) if name not in _NOT_RUNS]
        for start in range(0, len(names), _AT_ONCE):
            batch = [self._run(experiment, f"{place}/{name}", name) for name in names[start : start + _AT_ONCE]]
            yield [run for run in batch if run is not None]

    def points(self, runs: Sequence[ForeignRun]) -> Iterator[Sequence[PointRow]]:
        """Walk every value of every metric of some runs, each once, in batches that fit in memory."""
        rows: list[PointRow] = []
        for run in runs:
            folder = f"{self._places[run.experiment]}/{run.id}/metrics"
            for name, _size in self.tree.walk(folder, self.skips):
                seen: set[tuple[int, int, float | None]] = set()
                for at_ms, value, step in self._lines(f"{folder}/{name}"):
                    key = at_ms, step, value if value == value else None
                    if key not in seen:
                        seen.add(key)
                        rows.append((run.id, name, value, at_ms, step))
                        if len(rows) >= _POINTS_AT_ONCE:
                            yield rows
                            rows = []
        if rows:
            yield rows

    def models(self, experiment: str) -> Iterator[ForeignModel]:
        """Walk the logged models of one experiment."""
        place = f"{self._places[experiment]}/models"
        for name in self.tree.folders(place):
            here = f"{place}/{name}"
            meta = self._meta(here)
            if meta is None:
                continue
            if meta.get("model_id") != name:
                self.skips.add("a logged model's folder has another name than the model", here)
                continue
            created = as_int(meta.get("creation_timestamp")) or as_int(meta.get("creation_timestamp_ms")) or 0
            updated = as_int(meta.get("last_updated_timestamp")) or as_int(meta.get("last_updated_timestamp_ms"))
            yield ForeignModel(
                id=name,
                experiment=experiment,
                name=_text(meta, "name"),
                type=_text(meta, "model_type"),
                status=model_status(meta.get("status")),
                source_run_id=_text(meta, "source_run_id"),
                created_ms=created,
                updated_ms=updated or created,
                deleted=meta.get("lifecycle_stage") == "deleted",
                artifact_uri=f"{here}/artifacts",
                params=self._texts(f"{here}/params"),
                tags=self._texts(f"{here}/tags"),
                metrics=latest_of(self._model_metrics(f"{here}/metrics")),
            )

    def registered(self) -> Iterator[ForeignRegistered]:
        """Walk the registered models."""
        for name in self.tree.folders(_REGISTERED):
            here = f"{_REGISTERED}/{name}"
            meta = self._meta(here)
            if meta is None:
                continue
            aliases = {alias: as_int(number) for alias, number in self._texts(f"{here}/aliases").items()}
            created = as_int(meta.get("creation_timestamp")) or 0
            yield ForeignRegistered(
                name=_text(meta, "name") or name,
                created_ms=created,
                updated_ms=as_int(meta.get("last_updated_timestamp")) or created,
                description=_text(meta, "description"),
                tags=self._texts(f"{here}/tags"),
                aliases={alias: number for alias, number in aliases.items() if number is not None},
                versions=tuple(self._versions(here)),
            )

    def files(self, owner: ForeignRun | ForeignModel) -> Iterator[ForeignFile]:
        """Walk the files of a run or of a logged model."""
        for path, size in self.tree.walk(owner.artifact_uri, self.skips):
            yield ForeignFile(path, size)

    def open(self, owner: ForeignRun | ForeignModel, path: str) -> IO[bytes]:
        """Open one of those files."""
        return self.tree.open(f"{owner.artifact_uri}/{path}")

    def _experiment_folders(self) -> Iterator[tuple[str, str]]:
        for parent in ("", _TRASH):
            for name in self.tree.folders(parent):
                place = f"{parent}/{name}".lstrip("/")
                if parent == "" and name in (_TRASH, _REGISTERED):
                    continue
                if "meta.yaml" in self.tree.names(place):
                    yield place, name

    def _run(self, experiment: str, here: str, name: str) -> ForeignRun | None:
        meta = self._meta(here)
        if meta is None:
            return None
        if (meta.get("run_id") or meta.get("run_uuid")) != name:
            self.skips.add("a run's folder has another name than the run", here)
            return None
        params, tags = self._texts(f"{here}/params"), self._texts(f"{here}/tags")
        datasets = tuple(self._datasets(self._places[experiment], here))
        models = tuple(self._model_uses(here))
        sizes = [list(entry) for entry in self.tree.walk(f"{here}/metrics", self.skips)]
        uses = [[dataset.name, dataset.digest] for dataset in datasets] + [[use.model_id, use.role] for use in models]
        return ForeignRun(
            id=name,
            experiment=experiment,
            name=tags.get("mlflow.runName") or _text(meta, "run_name") or _text(meta, "name"),
            user_id=_text(meta, "user_id"),
            status=run_status(meta.get("status")),
            started_ms=as_int(meta.get("start_time")),
            ended_ms=as_int(meta.get("end_time")),
            deleted=meta.get("lifecycle_stage") == "deleted",
            deleted_ms=as_int(meta.get("deleted_time")),
            artifact_uri=f"{here}/artifacts",
            params=params,
            tags=tags,
            datasets=datasets,
            models=models,
            mark=digest_mark(meta, params, tags, sizes, uses),
        )

    def _datasets(self, place: str, here: str) -> Iterator[DatasetInput]:
        for name in self.tree.folders(f"{here}/inputs"):
            used = self._meta(f"{here}/inputs/{name}")
            if used is None or used.get("source_type") not in ("DATASET", None):
                continue
            key = _text(used, "source_id")
            known = self._meta(f"{place}/datasets/{key}") if key.isalnum() else None
            if known is not None:
                yield dataset_input(known, _texts_of(used.get("tags")))

    def _model_uses(self, here: str) -> Iterator[ModelUse]:
        for name in self.tree.folders(f"{here}/inputs"):
            used = self._meta(f"{here}/inputs/{name}")
            if used is not None and used.get("source_type") == "MODEL":
                yield ModelUse(_text(used, "source_id"), "input")
        for name in self.tree.folders(f"{here}/outputs"):
            made = self._meta(f"{here}/outputs/{name}")
            if made is not None:
                yield ModelUse(name, "output", as_int(made.get("step")) or 0)

    def _versions(self, here: str) -> Iterator[ForeignVersion]:
        found = []
        for folder in self.tree.folders(here):
            number = as_int(folder.removeprefix("version-")) if folder.startswith("version-") else None
            meta = self._meta(f"{here}/{folder}") if number is not None else None
            if number is None or meta is None or meta.get("current_stage") == "Deleted_Internal":
                continue
            created = as_int(meta.get("creation_timestamp")) or 0
            found.append(
                ForeignVersion(
                    number=number,
                    created_ms=created,
                    updated_ms=as_int(meta.get("last_updated_timestamp")) or created,
                    description=_text(meta, "description"),
                    user_id=_text(meta, "user_id"),
                    stage=_text(meta, "current_stage") or "None",
                    source=_text(meta, "source"),
                    storage=_text(meta, "storage_location") or _text(meta, "source"),
                    run_id=_text(meta, "run_id"),
                    run_link=_text(meta, "run_link"),
                    model_id=_text(meta, "model_id"),
                    status=_text(meta, "status") or "READY",
                    tags=self._texts(f"{here}/{folder}/tags"),
                )
            )
        yield from sorted(found, key=lambda version: version.number)

    def _model_metrics(self, folder: str) -> Iterator[ForeignModelMetric]:
        for name, _size in self.tree.walk(folder, self.skips):
            for parts in self._split(f"{folder}/{name}"):
                try:
                    at_ms, value, step = int64(parts[0]), float(parts[1]), int64(parts[2])
                    run, dataset, digest = (*parts[3:6], "", "", "")[:3]
                except (ValueError, IndexError):
                    self.skips.add("a line of a metric cannot be read", f"{folder}/{name}")
                    continue
                yield ForeignModelMetric(name, value, at_ms, step, run, dataset, digest)

    def _lines(self, path: str) -> Iterator[tuple[int, float, int]]:
        for parts in self._split(path):
            try:
                # The oldest wrote no step. Beside a data set MLflow itself takes the step for 0, though it wrote it.
                yield int64(parts[0]), float(parts[1]), int64(parts[2]) if len(parts) > 2 else 0
            except (ValueError, IndexError):
                self.skips.add("a line of a metric cannot be read", path)

    def _split(self, path: str) -> Iterator[list[str]]:
        with self.tree.open(path) as file:
            while line := file.readline(_LONGEST_LINE):
                text = line.decode("utf-8", "replace").strip()
                if text:
                    yield text.split(" ")

    def _meta(self, folder: str) -> dict[str, Node] | None:
        try:
            return parse(self.tree.read(f"{folder}/meta.yaml", LIMIT))
        except (WrongData, SourceNotFound) as error:
            self.skips.add("a meta.yaml cannot be read", f"{folder}/meta.yaml: {error.what}")
            return None

    def _texts(self, folder: str) -> dict[str, str]:
        """Read a folder of files that hold one text each; their names may have folders in them."""
        found = {}
        for name, _size in self.tree.walk(folder):
            try:
                text = self.tree.read(f"{folder}/{name}", LIMIT).decode("utf-8")
            except (NoriaError, UnicodeDecodeError) as error:
                self.skips.add("a param or tag cannot be read", f"{folder}/{name}: {error}")
                continue
            if "\x00" in text:
                self.skips.add("a param or tag holds the character NUL", f"{folder}/{name}")
                continue
            found[name] = text
        return found


def _text(meta: Mapping[str, Node], name: str) -> str:
    value = meta.get(name)
    return value if isinstance(value, str) else ""


def _texts_of(node: Node) -> dict[str, str]:
    return (
        {key: value or "" for key, value in node.items() if isinstance(value, str | None)}
        if isinstance(node, dict)
        else {}
    )
