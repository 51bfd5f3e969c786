"""What a folder of files holds, counted by the folders in it."""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Contents", "Part", "contents", "shared_folder", "shown_within"]

_PARTS, _FILES = 50, 10


@dataclass(frozen=True)
class Part:
    """A folder, or the files that lie in none (`name` is empty): how many files in it, and their bytes together."""

    name: str
    files: int
    size: int


@dataclass(frozen=True)
class Contents:
    """What lies in one place of a folder version.

    Attributes
    ----------
    within : str
        The place, ``a/b/``; empty for the whole.
    files, size : int
        How many files lie there, however deep, and their bytes together.
    folders : tuple of Part
        The folders in it, those with the most bytes first; past fifty the others are one, named ``…``.
    loose : tuple of (str, int)
        The largest files that lie in it and in no folder of it, with their bytes.
    loose_files : int
        How many of those there are.
    largest : tuple of (str, int)
        The largest files, however deep.
    """

    within: str
    files: int
    size: int
    folders: tuple[Part, ...]
    folder_count: int
    loose: tuple[tuple[str, int], ...]
    loose_files: int
    loose_size: int
    largest: tuple[tuple[str, int], ...]


def contents(files: Mapping[str, int], within: str = "") -> Contents:
    """Count files by the folders of one place.

    Parameters
    ----------
    files : mapping of str to int
        Path -> bytes.
    within : str
        Only what lies under this folder.

    Examples
    --------
    >>> found = contents({"a/1": 5, "a/b/2": 7, "c/3": 1, "top": 2})
    >>> found.folders
    (Part(name='a', files=2, size=12), Part(name='c', files=1, size=1))
    >>> found.loose, found.largest[0]
    ((('top', 2),), ('a/b/2', 7))
    >>> contents({"a/1": 5, "a/b/2": 7}, "a").folders
    (Part(name='b', files=1, size=7),)
    """
    start = f"{within.strip('/')}/" if within.strip("/") else ""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    loose: dict[str, int] = {}
    for path, size in files.items():
        if not path.startswith(start):
            continue
        head, slash, _ = path[len(start) :].partition("/")
        if slash:
            part = counts[head]
            part[0] += 1
            part[1] += size
        else:
            loose[path] = size
    parts = sorted((Part(name, *part) for name, part in counts.items()), key=lambda part: (-part.size, part.name))
    kept, rest = parts[:_PARTS], parts[_PARTS:]
    if rest:
        kept.append(Part("…", sum(part.files for part in rest), sum(part.size for part in rest)))
    within_it = files if not start else {path: size for path, size in files.items() if path.startswith(start)}
    return Contents(
        within=start,
        files=sum(part.files for part in parts) + len(loose),
        size=sum(part.size for part in parts) + sum(loose.values()),
        folders=tuple(kept),
        folder_count=len(parts),
        loose=_largest(loose),
        loose_files=len(loose),
        loose_size=sum(loose.values()),
        largest=_largest(within_it),
    )


def shared_folder(paths: Iterable[str]) -> str:
    """Name the folder that all files lie in, ``a/b``; empty where there is none.

    Examples
    --------
    >>> shared_folder(["a/b/1", "a/b/c/2"]), shared_folder(["a/1", "b/2"]), shared_folder(["a/1"]), shared_folder([])
    ('a/b', '', 'a', '')
    """
    folders = {path.rpartition("/")[0] for path in paths}
    return os.path.commonpath(folders) if folders and "" not in folders else ""


def shown_within(path: str) -> tuple[tuple[str, str], ...]:
    """Give each folder on the way to a place: its name, and its path.

    Examples
    --------
    >>> shown_within("a/b/")
    (('a', 'a'), ('b', 'a/b'))
    """
    names = [name for name in path.split("/") if name]
    return tuple((name, "/".join(names[: at + 1])) for at, name in enumerate(names))


def _largest(files: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(heapq.nsmallest(_FILES, files.items(), key=lambda item: (-item[1], item[0])))
