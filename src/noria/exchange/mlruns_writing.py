"""Writing an ``mlruns`` folder that the stock client reads.

Nothing here is made durable file by file: an export can be made again, and a folder of a hundred thousand small files
would take hours. A run's meta.yaml comes last, and without it nobody takes the folder for a run.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import NoriaError, StoreUnavailable, VersionExists
from noria.exchange.leaving import millis
from noria.exchange.reading import CONTEXT
from noria.exchange.source import Skips
from noria.exchange.tree import is_sound_path
from noria.security.strict_yaml import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.exchange.leaving import LeavingModel, LeavingRun
    from noria.runs.artifacts import RunArtifact
    from noria.runs.experiments import Experiment
    from noria.store.blobs import Blobs

__all__ = ["MlrunsWriter"]

_RUN_STATUS = {"RUNNING": 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
_MODEL_STATUS = {"PENDING": 1, "READY": 2, "UPLOAD_FAILED": 3}
_LOCAL = 4
_LONGEST_NAME_BYTES = 250


class MlrunsWriter:
    """Writes a new ``mlruns`` folder.

    Parameters
    ----------
    root : Path
        The folder; it must not be there, or be empty.
    blobs : Blobs
        Where the files are.

    Raises
    ------
    VersionExists
        Something lies there.
    StoreUnavailable
        It cannot be made.
    """

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self.root = root.resolve()
        self.identity = f"folder {self.root}"
        self.skips = Skips()
        self._blobs = blobs
        try:
            if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
                raise VersionExists(
                    f"{root} is there already, and not empty",
                    mend="name a new folder, or remove that one",
                    code="N-EXCHANGE-090",
                )
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Nothing is held open."""

    def begin(self, experiment: Experiment) -> bool:
        """Write an experiment's own files."""
        place = self._place(experiment)
        self._put(
            place / "meta.yaml",
            write(
                {
                    "artifact_location": (self.root / str(experiment.id)).as_uri(),
                    "creation_time": millis(experiment.created),
                    "experiment_id": str(experiment.id),
                    "last_update_time": millis(experiment.updated),
                    "lifecycle_stage": "active" if experiment.deleted is None else "deleted",
                    "name": experiment.name,
                }
            ),
        )
        self._texts(place / "tags", experiment.tags, f"experiment {experiment.name}")
        return False

    def add_run(self, experiment: Experiment, run: LeavingRun) -> bool:
        """Write a run."""
        place = self._place(experiment)
        here = place / run.id
        if not is_sound_path(run.id) or "/" in run.id:
            self.skips.add("a run has an id that is no name of a folder", ascii(run.id))
            return False
        for folder in ("metrics", "params", "tags", "artifacts"):
            self._folder(here / folder)
        self._texts(here / "params", run.params, f"run {run.id}")
        self._texts(here / "tags", run.tags, f"run {run.id}")
        lines = {
            name: "".join(f"{at_ms} {value} {step}\n" for value, at_ms, step in points)
            for name, points in run.points.items()
        }
        self._texts(here / "metrics", lines, f"run {run.id}")
        self._inputs(place, here, run)
        self._files(here / "artifacts", run.files, run.id)
        meta: dict[str, object] = {
            "artifact_uri": f"{(self.root / str(experiment.id)).as_uri()}/{run.id}/artifacts",
            "end_time": run.ended_ms,
            "entry_point_name": "",
            "experiment_id": str(experiment.id),
            "lifecycle_stage": "active" if run.deleted_ms is None else "deleted",
            "run_id": run.id,
            "run_name": run.name,
            "run_uuid": run.id,  # what 2.x reads
            "source_name": "",
            "source_type": _LOCAL,
            "source_version": "",
            "start_time": run.started_ms,
            "status": _RUN_STATUS[run.status],
            "tags": [],
            "user_id": run.user_id,
        }
        if run.deleted_ms is not None:
            meta["deleted_time"] = run.deleted_ms
        self._put(here / "meta.yaml", write(meta))
        return False

    def add_model(self, experiment: Experiment, model: LeavingModel) -> bool:
        """Write a logged model."""
        here = self._place(experiment) / "models" / model.id
        if not is_sound_path(model.id) or "/" in model.id:
            self.skips.add("a logged model has an id that is no name of a folder", ascii(model.id))
            return False
        for folder in ("metrics", "params", "tags", "artifacts"):
            self._folder(here / folder)
        self._texts(here / "params", model.params, model.id)
        self._texts(here / "tags", model.tags, model.id)
        lines: dict[str, str] = {}
        for one in model.metrics:
            data = f" {one.dataset_name} {one.dataset_digest}" if one.dataset_name and one.dataset_digest else ""
            line = f"{one.at_ms} {one.value} {one.step} {one.run_id}{data}\n"
            lines[one.name] = lines.get(one.name, "") + line
        self._texts(here / "metrics", lines, model.id)
        self._files(here / "artifacts", model.files, model.id)
        place = (self.root / str(experiment.id) / "models").as_uri()
        meta: dict[str, object] = {
            "artifact_location": f"{place}/{model.id}/artifacts",
            "creation_timestamp": model.created_ms,
            "experiment_id": str(experiment.id),
            "last_updated_timestamp": model.updated_ms,
            "model_id": model.id,
            "model_type": model.type or None,
            "name": model.name,
            "source_run_id": model.source_run_id or None,
            "status": _MODEL_STATUS.get(model.status, 1),
            "status_message": None,
        }
        if model.deleted:
            meta["lifecycle_stage"] = "deleted"
        self._put(here / "meta.yaml", write(meta))
        return False

    def end(self, experiment: Experiment) -> None:
        """Nothing is left to do: a deleted experiment was written where deleted ones are."""

    def _place(self, experiment: Experiment) -> Path:
        return (self.root if experiment.deleted is None else self.root / ".trash") / str(experiment.id)

    def _inputs(self, place: Path, here: Path, run: LeavingRun) -> None:
        for one in run.datasets:
            # MLflow's own names, so that a client that goes on with the run finds the data set there.
            key = _md5(one.name + one.digest)
            known = place / "datasets" / key / "meta.yaml"
            if not known.exists():
                fields = {"digest": one.digest, "name": one.name, "profile": one.profile, "schema": one.schema}
                self._put(known, write({**fields, "source": one.source, "source_type": one.source_type}))
            tags = dict(one.tags) | ({CONTEXT: one.context} if one.context is not None else {})
            self._used(here / "inputs" / _md5(key + run.id), "DATASET", "RUN", key, {"tags": tags})
        for use in run.models:
            if not is_sound_path(use.model_id) or "/" in use.model_id:
                continue
            if use.role == "input":
                self._used(here / "inputs" / _md5(use.model_id + run.id), "MODEL", "RUN", use.model_id, {"tags": {}})
            else:
                more = {"step": use.step, "tags": {}}
                self._used(here / "outputs" / use.model_id, "RUN_OUTPUT", "MODEL_OUTPUT", use.model_id, more)

    def _used(self, folder: Path, source: str, destination: str, key: str, more: Mapping[str, object]) -> None:
        fields = {"destination_id": key, "destination_type": destination, "source_id": key, "source_type": source}
        self._put(folder / "meta.yaml", write({**fields, **more}))

    def _texts(self, folder: Path, texts: Mapping[str, str], owner: str) -> None:
        """Write one file for each text; names with ``/`` have folders, as MLflow makes them."""
        for name, text in texts.items():
            path = folder / name
            if not is_sound_path(name) or any(len(part.encode()) > _LONGEST_NAME_BYTES for part in name.split("/")):
                self.skips.add("a metric, param or tag has a name that is no name of a file", f"{owner}: {name[:80]!r}")
            elif path.is_dir() or any(parent.is_file() for parent in path.parents if parent.is_relative_to(folder)):
                self.skips.add("one name begins another, as a file and a folder cannot", f"{owner}: {name!r}")
            else:
                self._put(path, text)

    def _files(self, folder: Path, files: Sequence[RunArtifact], owner: str) -> None:
        for file in files:
            path = folder / file.path
            if not is_sound_path(file.path):
                self.skips.add("a file has a name that is none on a disk", f"{owner}: {file.path!r}")
                continue
            try:
                kept = self._blobs.path(file.digest)
            except NoriaError as error:
                self.skips.add("a file is damaged or missing here", f"{owner}/{file.path}: {error.what}")
                continue
            self._folder(path.parent)
            try:
                shutil.copyfile(kept, path)
            except OSError as error:
                raise self._unwritable(error) from error

    def _folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _put(self, path: Path, text: str) -> None:
        self._folder(path.parent)
        try:
            path.write_bytes(text.encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"cannot write to {self.root}: {error.strerror or error}",
            mend="make room or give yourself the right to write there, remove what was begun, and export again",
            code="N-EXCHANGE-091",
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
