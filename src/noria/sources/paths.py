"""Paths and globs of a project found on disk."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from noria.errors import SourceNotFound, WrongData, did_you_mean
from noria.sources.globs import fixed_part, translated

__all__ = ["matching", "resolved", "shown_name"]


def resolved(location: str, root: Path) -> Path:
    """Give the path a location means: absolute, under the home folder, or under the project."""
    path = Path(location).expanduser()
    return path if path.is_absolute() else root / path


def matching(location: str, root: Path) -> list[Path]:
    """List the files a path or glob names, sorted by path.

    Raises
    ------
    SourceNotFound
        None is there; names near to it are told.
    WrongData
        It is a folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.csv", "a.csv"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in matching("*.csv", Path(folder))]
    ['a.csv', 'b.csv']
    """
    exact = resolved(location, root)
    try:
        if exact.is_file():
            return [exact]
        is_folder = exact.is_dir()
    except OSError:  # a name too long, or links that lead in a circle
        raise _missing(location, exact) from None
    if is_folder:
        raise _folder(location, exact)
    if glob.has_magic(location):
        found = _walked(str(exact)) if "**" in location else [Path(name) for name in glob.glob(str(exact))]
        # Hidden files (.part, .~lock) are other programs' work in progress.
        files = sorted(path for path in found if path.is_file() and not path.name.startswith("."))
        if files:
            return _once(files)
    raise _missing(location, exact)


def shown_name(path: Path) -> str:
    r"""Write a file's name so that it stays on one line, whatever is in it.

    Examples
    --------
    >>> shown_name(Path("data/a.csv")), shown_name(Path("a\nb.csv"))
    ('a.csv', 'a\\nb.csv')
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path.name)


def _walked(pattern: str) -> list[Path]:
    """Match a pattern with ``**``; links to folders are not followed, as they may lead in a circle."""
    wanted, found = translated(pattern), []
    for folder, inside, names in os.walk(fixed_part(pattern) or "."):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        found += [Path(folder, name) for name in names if wanted.match(os.path.join(folder, name))]
    return found


def _once(paths: list[Path]) -> list[Path]:
    """Leave out further names of the same file: its rows are there once."""
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        found = path.stat()
        kept = seen.setdefault((found.st_dev, found.st_ino), path)
        if kept is not path and kept.is_symlink() and not path.is_symlink():
            seen[found.st_dev, found.st_ino] = path
    return sorted(seen.values())


def _missing(location: str, path: Path) -> SourceNotFound:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    near = sorted(shown_name(entry) for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    hint = did_you_mean(path.name, near)
    return SourceNotFound(
        f"no file matches {location!r}" if glob.has_magic(location) else f"there is no file {location!r}",
        why=f"in {folder}: {', '.join(near[:12])}{' …' if len(near) > 12 else ''}"
        if near
        else f"{folder} holds no files",
        mend=hint or "correct [data] source; a relative path starts at the folder of noria.toml",
        code="N-SOURCE-010",
    )


def _folder(location: str, path: Path) -> WrongData:
    try:
        inside = sorted({entry.suffix for entry in path.iterdir() if entry.is_file() and entry.suffix})
        folders = sum(entry.is_dir() for entry in path.iterdir())
    except OSError:  # nobody may look into it
        inside, folders = [], 0
    ending = inside[0] if inside else ".csv"
    why = f"it holds files ending in {', '.join(inside[:6])}" if inside else f"it holds {folders} folders and no files"
    return WrongData(
        f"source {location} is a folder",
        why=why,
        mend=f'name the files in it: source = "{location.rstrip("/")}/*{ending}"'
        f"\nfiles that are no tables, such as images, are kept by: noria data add {location}",
        code="N-SOURCE-012",
    )
