"""The store of a project on this machine as the place where runs are told: no server needs to run."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING

import msgspec

from noria.errors import StoreBusy, StoreUnavailable, WrongData
from noria.runs.artifacts import Artifacts
from noria.runs.ingestion import Ingestion
from noria.runs.operations import Batch
from noria.runs.recording import open_run
from noria.tracking.sink import Arrived, Unreachable
from noria.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StoreSink"]


class StoreSink:
    """Writes into a project's own database and objects.

    Parameters
    ----------
    root : Path
        The folder that holds noria.toml.

    Raises
    ------
    NoriaError
        The project cannot be opened.
    """

    def __init__(self, root: Path) -> None:
        self._workspace = Workspace(root)

    def send(self, run: str, batch: bytes) -> Arrived:
        """Hand a batch over: see `noria.tracking.sink.Sink`."""
        try:
            said = msgspec.json.decode(batch, type=Batch)
        except msgspec.MsgspecError as error:
            raise WrongData(f"the batch cannot be read: {error}", code="N-TRACKING-031") from error
        try:
            taken = Ingestion(self._workspace.database).take(run, said)
        except (StoreUnavailable, StoreBusy) as error:
            raise Unreachable(error.what) from error
        return Arrived(taken.acknowledged, tuple(f"{one.what} [{one.code}]" for one in taken.refused))

    def put(self, run: str, path: str, file: Path) -> None:
        """Hand a file over: see `noria.tracking.sink.Sink`."""
        try:
            with self._workspace.database.reading() as connection:
                opened = open_run(connection, run, writable=False)
                if opened.deleted:
                    open_run(connection, run)
            digest = self._workspace.blobs.put_file(file)
            media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
            size = self._workspace.blobs.size(digest)
            Artifacts(self._workspace.database).add(run, path, digest, size, media_type)
        except (StoreUnavailable, StoreBusy) as error:
            raise Unreachable(error.what) from error

    def close(self) -> None:
        """Give the database's connections back."""
        self._workspace.close()
