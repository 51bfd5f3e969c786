"""What changed between two versions of a folder of files, as a document."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from noria.datasets.folder_changes import shown_path
from noria.plots.document import Cell, Column, Document, Paragraph, Section, Table, Tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from noria.datasets.folder_changes import FolderChanges
    from noria.datasets.folder_version import FolderVersion
    from noria.plots.document import Block

__all__ = ["document"]

_PATHS, _FOLDERS = 100, 50


def document(
    old: FolderVersion, new: FolderVersion, found: FolderChanges, *, written: Callable[[int], str]
) -> Document:
    """Lay the difference of two folders out.

    Parameters
    ----------
    old, new : FolderVersion
        What was compared.
    found : FolderChanges
        What became of each path.
    written : callable
        Writes a number of bytes.
    """
    grown = new.size - old.size
    sign = "+" if grown > 0 else "−" if grown < 0 else ""
    tiles = (
        Tile("Added", f"{len(found.added):,}", written(sum(found.added.values()))),
        Tile("Removed", f"{len(found.removed):,}", written(sum(found.removed.values()))),
        Tile("Changed", f"{len(found.changed):,}", written(sum(now for _, now in found.changed.values()))),
        Tile("Size", f"{sign}{written(abs(grown))}", f"{written(old.size)} → {written(new.size)}"),
    )
    subtitle = (
        f"{old.files:,} files of {old.created:%Y-%m-%d %H:%M} from {old.source}, "
        f"{new.files:,} files of {new.created:%Y-%m-%d %H:%M} from {new.source}"
    )
    return Document(f"{old.ref} → {new.ref}", subtitle, tiles, tuple(_sections(found, written)))


def _sections(found: FolderChanges, written: Callable[[int], str]) -> Iterable[Section]:
    if not found:
        yield Section("Files", (Paragraph("The same files, with the same contents.", "muted"),))
        return
    yield Section("By folder", _folders(found))
    changed = {path: f"{written(before)} → {written(now)}" for path, (before, now) in found.changed.items()}
    for title, paths in (
        ("Changed files", changed),
        ("Added files", {path: written(size) for path, size in found.added.items()}),
        ("Removed files", {path: written(size) for path, size in found.removed.items()}),
    ):
        if paths:
            yield Section(title, _paths(paths))


def _folders(found: FolderChanges) -> tuple[Block, ...]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    kinds: tuple[Iterable[str], ...] = (found.added, found.removed, found.changed)
    for place, paths in enumerate(kinds):
        for path in paths:
            counts[path.rpartition("/")[0]][place] += 1
    ordered = sorted(counts.items(), key=lambda item: (-sum(item[1]), item[0]))
    rows = tuple((Cell(_folder(name), "strong"), *map(_count, each)) for name, each in ordered[:_FOLDERS])
    heads = (Column("Folder"), Column("Added", True), Column("Removed", True), Column("Changed", True))
    blocks: list[Block] = [Table(heads, rows)]
    if len(ordered) > _FOLDERS:
        blocks.append(Paragraph(f"The {_FOLDERS} of {len(ordered):,} folders in which most changed.", "muted"))
    return tuple(blocks)


def _folder(name: str) -> str:
    return f"{shown_path(name)}/" if name else "(at the top)"


def _count(count: int) -> Cell:
    return Cell(f"{count:,}" if count else "–")


def _paths(paths: Mapping[str, str]) -> tuple[Block, ...]:
    shown = sorted(paths)[:_PATHS]
    rows = tuple((Cell(shown_path(path)), Cell(paths[path])) for path in shown)
    blocks: list[Block] = [Table((Column("Path"), Column("Size", True)), rows)]
    if len(paths) > len(shown):
        blocks.insert(0, Paragraph(f"The first {len(shown)} of {len(paths):,}.", "muted"))
    return tuple(blocks)
