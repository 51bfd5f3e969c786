"""Files of folder versions with one person's rows: they are somebody's own, so they are named, with what to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import NoriaError
from noria.sources.content import COMPRESSED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.folders import Folders
    from noria.datasets.manifest import Entry
    from noria.governance.meant import Meant

__all__ = ["files_about"]

_ENDINGS = (".parquet", ".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json")
_MOST_BYTES = 256 << 20


def files_about(folders: Folders, columns: Collection[str], meant: Meant, *, remote: str | None) -> Iterator[str]:
    """Say which versions of folders have files with rows of a person, and how they go.

    Read are tables: Parquet, separated text and JSON, compressed or not; those that could not be read are named too.

    Parameters
    ----------
    folders : Folders
        Of the project.
    columns : collection of str
        That name people, as the project and as the source calls them.
    meant : Meant
        Who.
    remote : str, optional
        Where versions are shared.
    """
    known: dict[str, bool | None] = {}
    for version in folders.catalog.versions():
        found: dict[bool | None, list[str]] = {True: [], False: [], None: []}
        for path, entry in sorted(folders.files(version).items()):
            if _ending(path) is None:
                continue
            if entry.digest not in known:
                known[entry.digest] = _is_about(folders, version, path, entry, columns, meant)
            found[known[entry.digest]].append(path)
        if found[True]:
            yield _told(version, found[True], remote)
        if found[None]:
            yield (
                f"{_listed(found[None])} in {version.ref}: no table that could be looked into, or larger than "
                f"{_MOST_BYTES >> 20} MB; look there yourself: noria data checkout {version.ref} FOLDER"
            )


def _ending(path: str) -> str | None:
    """Give what a file of rows ends in, its compression included; None where it is no such file."""
    name = path.lower()
    packed = next((ending for ending in COMPRESSED if name.endswith(ending)), "")
    ending = next((ending for ending in _ENDINGS if name.removesuffix(packed).endswith(ending)), None)
    return None if ending is None else ending + packed


def _is_about(
    folders: Folders, version: FolderVersion, path: str, entry: Entry, columns: Collection[str], meant: Meant
) -> bool | None:
    """Say whether a file has rows of a person; None where nobody can tell."""
    from noria.sources.source import read  # noqa: PLC0415 - tables only where there are any

    if entry.size == 0:
        return False
    if entry.size > _MOST_BYTES:
        return None
    with tempfile.TemporaryDirectory() as aside:
        name = f"file{_ending(path)}"
        Path(aside, name).write_bytes(folders.read(version, path))
        try:
            table = read(name, root=Path(aside))
        except NoriaError:
            return None
        return any(meant.count(table[column]) > 0 for column in columns if column in table.column_names)


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return ", ".join(repr(path)[1:-1] for path in paths[:5]) + more


def _told(version: FolderVersion, paths: list[str], remote: str | None) -> str:
    there = (
        f"; noria data remove {version.ref} --remote --yes; noria data gc --remote --older-than 0s" if remote else ""
    )
    return (
        f"{_listed(paths)} in {version.ref}: take the rows out of {version.source}, "
        f"then: noria data add {version.source}; noria data remove {version.ref} --yes; "
        f"noria data gc --older-than 0s{there}"
    )
