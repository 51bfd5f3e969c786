"""What stands on a remote beside a version's files: its row, and what the files are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from noria.datasets.folder_version import FolderVersion
from noria.datasets.schema import from_json
from noria.datasets.version import DatasetVersion
from noria.errors import CorruptedBlob
from noria.store.blobs import Digest, canonical_json, digest_json
from noria.store.parcel import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PLACE", "Record", "object_of", "place_of", "read_record", "write_record"]

_LAYOUT = 1
_DIGEST = r"[0-9a-f]{64}"
_FILE = re.compile(
    rf"objects/(?P<a>[0-9a-f]{{2}})/(?P=a)[0-9a-f]{{62}}"
    rf"|objects/deltas/(?P<b>[0-9a-f]{{2}})/(?P=b)[0-9a-f]{{62}}\.{_DIGEST}"
    rf"|packs/{_DIGEST}\.pack"
)
PLACE = re.compile(r"versions/([^/]+)/([0-9]{1,9})(?:\.([0-9]{1,6}))?\.json")
"""How records are called: dataset, number and, where it took the place of another, its turn."""


@dataclass(frozen=True)
class Record:
    """A version as a remote has it.

    Parameters
    ----------
    version : DatasetVersion or FolderVersion
        Its row.
    held : Digest
        What holds its rows, or its list of files.
    entries : tuple of Entry
        The store's files it needs, those that others need first.
    """

    version: DatasetVersion | FolderVersion
    held: Digest
    entries: tuple[Entry, ...]

    def is_of(self, version: DatasetVersion | FolderVersion) -> bool:
        """Say whether a version is this one."""
        mine = self.version
        if isinstance(mine, FolderVersion) or isinstance(version, FolderVersion):
            return (
                isinstance(mine, FolderVersion)
                and isinstance(version, FolderVersion)
                and mine.content == version.content
            )
        return (mine.digest, mine.schema.names) == (version.digest, version.schema.names)


def place_of(name: str, number: int, turn: int = 1) -> str:
    """Say how the record of a version is called.

    Examples
    --------
    >>> place_of("credit", 3), place_of("credit", 3, 2)
    ('versions/credit/3.json', 'versions/credit/3.2.json')
    """
    return f"versions/{name}/{number}.json" if turn == 1 else f"versions/{name}/{number}.{turn}.json"


def object_of(entry: Entry) -> Digest | None:
    """Name the object that a file is of, whole or as what it adds to another; None where it is a pack of many."""
    folder, _, name = entry.path.rpartition("/")
    return Digest(name.partition(".")[0]) if folder.startswith("objects/") else None


def write_record(
    version: DatasetVersion | FolderVersion, held: Digest, entries: Sequence[Entry], *, name: str
) -> bytes:
    """Write a version down for others."""
    row = {**version.to_json(), "name": name}
    record = {
        "noria": _LAYOUT,
        "kind": row.pop("kind", "table"),
        "version": row,
        "held": held,
        "files": [entry.to_json() for entry in entries],
    }
    return canonical_json({**record, "digest": digest_json(record)}).encode()


def read_record(data: bytes, place: str, name: str | None = None) -> Record:
    """Take a record apart; what it says is held against what it may say.

    Parameters
    ----------
    data, place : bytes, str
        The record, and what it is called.
    name : str, optional
        Dataset the version is to have; the record's own, when left out.

    Raises
    ------
    CorruptedBlob
        It is none, or that of another version.
    """
    try:
        record = json.loads(data)
        if record.pop("digest") != digest_json(record):
            raise ValueError("its digest is another")
        if record["noria"] != _LAYOUT:
            raise ValueError(f"it is of layout {record['noria']}, which this noria does not know")
        row = record["version"]
        version = _VERSIONS[record["kind"]](row, name or _text(row["name"]))
        said = PLACE.fullmatch(place)
        if said is None or said.group(1, 2) != (_text(row["name"]), str(version.number)):
            raise ValueError("it is the record of another version")
        if version.created.tzinfo is None:
            raise ValueError("it does not say when it was made")
        return Record(version, _digest(record["held"]), tuple(_entry(file) for file in record["files"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise unreadable(place, error) from error


def unreadable(place: str, error: Exception) -> CorruptedBlob:
    """Say that a record is none."""
    return CorruptedBlob(
        f"the record {place} on the remote cannot be read",
        why=f"{type(error).__name__}: {error}",
        mend="delete it there, and push the version again from a machine that has it",
        code="N-DATA-082",
    )


def _table(row: dict[str, Any], name: str) -> DatasetVersion:
    return DatasetVersion(
        name=name,
        number=int(row["number"]),
        digest=_digest(row["digest"]),
        fingerprint=_text(row["fingerprint"]),
        rows=int(row["rows"]),
        columns=int(row["columns"]),
        schema=from_json(row["schema"]),
        profile=_digest(row["profile"]),
        created=datetime.fromisoformat(row["created"]),
        source=_text(row["source"]),
        token=_text(row["token"]),
        run_id=None if row["run_id"] is None else _text(row["run_id"]),
        parent=None if row["parent"] is None else int(row["parent"]),
        note=_text(row["note"]),
    )


def _folder(row: dict[str, Any], name: str) -> FolderVersion:
    return FolderVersion(
        name=name,
        number=int(row["number"]),
        manifest=_digest(row["manifest"]),
        content=_digest(row["content"]),
        files=int(row["files"]),
        size=int(row["bytes"]),
        created=datetime.fromisoformat(row["created"]),
        source=_text(row["source"]),
        parent=None if row["parent"] is None else int(row["parent"]),
        note=_text(row["note"]),
        single=row.get("single") is True,
    )


_VERSIONS: dict[str, Callable[[dict[str, Any], str], DatasetVersion | FolderVersion]] = {
    "table": _table,
    "folder": _folder,
}


def _entry(file: dict[str, Any]) -> Entry:
    parts = tuple((str(_digest(digest)), int(size)) for digest, size in file["parts"])
    path = _text(file["path"])
    if not _FILE.fullmatch(path):
        raise ValueError(f"{path!r} is no file of a store")
    return Entry(path, str(_digest(file["digest"])), parts)


def _digest(value: object) -> Digest:
    if not isinstance(value, str) or not re.fullmatch(_DIGEST, value):
        raise ValueError("a digest is none")
    return Digest(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is none")
    return value
