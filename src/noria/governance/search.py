"""Where one person's rows are: in tables of datasets, of steps, of runs, and in the log of answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from noria.errors import WrongArgument
from noria.governance.folder_files import files_about
from noria.governance.meant import Meant
from noria.governance.messages import erase_messages
from noria.pipeline.records import Records
from noria.predictions.erasing import Erased
from noria.predictions.erasing import erase as erase_predictions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from noria.datasets.catalog import Datasets
    from noria.datasets.version import DatasetVersion
    from noria.predictions.log import PredictionLog
    from noria.registry.catalog import Registry
    from noria.runs.artifacts import Artifacts
    from noria.store.blobs import Blobs, Digest
    from noria.store.database import Database

__all__ = ["Places", "Plan", "Search", "let_go", "rows_meant"]

_PARQUET = b"PAR1"
_HALF_WRITTEN_SECONDS = 600


@dataclass(frozen=True)
class Places:
    """Everything of a project that may hold a person's rows."""

    project: str
    store: Path
    database: Database
    blobs: Blobs
    datasets: Datasets
    registry: Registry
    artifacts: Artifacts
    log: PredictionLog
    remote: str | None = None
    """Where versions are shared, if anywhere."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What columns are called in the source, where the project calls them otherwise: source's name to the project's."""


@dataclass(frozen=True)
class Plan:
    """Where a person's rows are.

    Attributes
    ----------
    versions : mapping of str to int
        Dataset versions with rows of the person, and how many.
    results : int
        Tables that steps of the pipeline kept.
    predictions, labels : int
        Answers about the person, and what turned out true.
    messages : int
        Messages of brokers with rows of the person.
    models : tuple of str
        Versions trained or judged on those dataset versions.
    left : tuple of str
        What noria does not take out, in words.
    """

    versions: Mapping[str, int]
    results: int
    predictions: int
    labels: int
    messages: int
    models: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the person is nowhere."""
        return not (self.versions or self.results or self.predictions or self.labels or self.messages or self.left)

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "versions": dict(self.versions),
            "results": self.results,
            "predictions": self.predictions,
            "labels": self.labels,
            "messages": self.messages,
            "models": list(self.models),
            "left": list(self.left),
        }


class Search:
    """A person's rows, found once: in tables of datasets, of steps, of runs.

    Parameters
    ----------
    places, column, subject
        As `noria.governance.erasure.look` takes them.
    anywhere : bool
        The column may be in no dataset version, as others have named it.
    """

    def __init__(self, places: Places, column: str, subject: str, *, anywhere: bool = False) -> None:
        self._places, self._column = places, column
        # What it is called where rows stand as the source gave them.
        self._columns = {column, *(name for name, called in places.names.items() if called == column)}
        self._meant = Meant(subject, places.store)
        self._versions: dict[str, tuple[DatasetVersion, int]] = {}
        self._gone: set[Digest] = set()
        self._left: list[str] = []
        has_column = False
        held: set[Digest] = set()
        for version in _all_versions(places.datasets):
            held.update(places.datasets.objects(version))
            if column not in version.schema.names:
                continue
            has_column = True
            rows = self._meant.count(places.datasets.read(version)[column])
            if rows:
                self._versions[version.ref] = (version, rows)
        if not has_column and not anywhere:
            raise WrongArgument(
                f"no dataset version has a column {column!r}",
                why="the column that names a person is asked for",
                mend="noria data erase --column NAME …     noria data show says which there are",
                code="N-GOVERNANCE-001",
            )
        others, files = _others(places), places.datasets.folders.named()
        results = Records(places.database).named()
        for digest in places.blobs:
            if digest in held or digest in files:
                continue
            if not self._holds(digest, is_named=digest in others or digest in results):
                continue
            if digest in others:
                self._left.append(others[digest])
            else:
                self._gone.add(digest)
        self._left += files_about(places.datasets.folders, self._columns, self._meant, remote=places.remote)

    def plan(self) -> Plan:
        """Say what there is."""
        found = self._predictions(dry=True)
        places = self._places
        models = tuple(
            version.ref
            for model in places.registry.models()
            for version in places.registry.versions(model)
            if version.dataset in self._versions
        )
        return Plan(
            {ref: rows for ref, (_, rows) in self._versions.items()},
            len(self._gone),
            found.predictions,
            found.labels,
            self.erase_messages(dry=True),
            models,
            tuple(self._left),
        )

    def carry_out(self, at: datetime) -> None:
        """Write the tables anew, then let the old ones go."""
        import pyarrow.compute as pc  # noqa: PLC0415 - heavy

        from noria.store.aside import filtered  # noqa: PLC0415 - as above

        places = self._places
        gone = set(self._gone)
        for version, _ in self._versions.values():
            table = places.datasets.read(version)
            marks = self._meant.marks(table[self._column])
            gone.update(places.datasets.rewrite(version, filtered(table, pc.invert(marks)), at=at))
        let_go(places, gone)
        # A process that was killed while it wrote may have left some of the rows.
        places.blobs.sweep(before=time.time() - _HALF_WRITTEN_SECONDS)

    def erase_messages(self, *, dry: bool = False) -> int:
        """Take the person's rows out of the messages of brokers; say how many messages held any."""
        return erase_messages(self._places.store, self._columns, self._meant, dry=dry)

    def erase_predictions(self) -> Erased:
        """Take the answers about the person out of the log."""
        return self._predictions(dry=False)

    def _predictions(self, *, dry: bool) -> Erased:
        places = self._places
        found = [
            erase_predictions(places.log, places.database, model, self._column, self._meant.marks, dry=dry)
            for model in places.registry.models()
        ]
        return Erased(
            sum(each.predictions for each in found),
            sum(each.labels for each in found),
            sum(each.growing for each in found),
        )

    def _holds(self, digest: Digest, *, is_named: bool) -> bool:
        import pyarrow as pa  # noqa: PLC0415 - heavy
        import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

        blobs = self._places.blobs
        first = blobs.starts_with(digest, len(_PARQUET))
        if first[:1] == b"{":  # perhaps a profile of which a killed erasure lost sight
            return not is_named and self._meant.is_in(blobs.get(digest))
        if first != _PARQUET:
            return False
        path = blobs.path(digest)
        try:
            with pq.ParquetFile(path) as table:
                if self._column not in table.schema_arrow.names:
                    return False
                return self._meant.count(table.read(columns=[self._column])[self._column]) > 0
        except pa.ArrowInvalid:
            return False
        finally:
            blobs.rebuilt.drop(digest)  # a search through everything must not fill the disk, nor leave such a copy


def let_go(places: Places, objects: Collection[Digest]) -> None:
    """Delete objects that held rows of people who were erased, and forget the steps that gave them.

    What is a file of a folder as well stays: it is somebody's own, and is named as left.
    """
    Records(places.database, places.project).forget_outputs(set(objects))
    versions = [version for name in places.datasets.names() for version in places.datasets.versions(name)]
    needed = {digest for version in versions for digest in places.datasets.objects(version)}
    needed |= places.datasets.folders.named()
    for digest in set(objects) - needed:
        places.blobs.erase(digest)


def _others(places: Places) -> dict[Digest, str]:
    """Name the objects that are somebody's own files, each with what can be done: they are not taken apart."""
    named: dict[Digest, str] = {}
    for model in places.registry.models():
        for version in places.registry.versions(model):
            named |= {
                digest: f"file {path} of {version.ref}: remove the version" for path, digest in version.files.items()
            }
    for owner, file in places.artifacts.named():
        named[file.digest] = f"file {file.path} of run {owner[:8]}: remove it, or the run"
    return named


def rows_meant(cells: pa.ChunkedArray, value: str, store: Path) -> int:
    """Count the values of a column that are one, as the source writes it or by its pseudonym.

    Parameters
    ----------
    cells : ChunkedArray
        A column.
    value : str
        Which.
    store : Path
        The folder ``.noria``, with the key of pseudonyms.
    """
    return Meant(value, store).count(cells)


def _all_versions(datasets: Datasets) -> Iterator[DatasetVersion]:
    for name in datasets.names():
        yield from datasets.versions(name)
