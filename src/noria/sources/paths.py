"""Paths and globs of a project found on disk."""

from __future__ import annotations

import glob
from pathlib import Path

from noria.errors import SourceNotFound, WrongData, did_you_mean

__all__ = ["matching", "resolved"]


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
    if exact.is_file():
        return [exact]
    if exact.is_dir():
        inside = sorted({path.suffix for path in exact.iterdir() if path.is_file() and path.suffix})
        ending = inside[0] if inside else ".csv"
        raise WrongData(
            f"source {location} is a folder",
            why=f"it holds files ending in {', '.join(inside[:6])}" if inside else "it holds no files",
            mend=f'name the files in it: source = "{location.rstrip("/")}/*{ending}"',
            code="N-SOURCE-012",
        )
    if glob.has_magic(location):
        found = [Path(name) for name in glob.glob(str(exact), recursive=True)]
        # Hidden files (.part, .~lock) are other programs' work in progress.
        files = sorted(path for path in found if path.is_file() and not path.name.startswith("."))
        if files:
            return files
    raise _missing(location, exact)


def _missing(location: str, path: Path) -> SourceNotFound:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    near = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    hint = did_you_mean(path.name, near)
    return SourceNotFound(
        f"no file matches {location!r}" if glob.has_magic(location) else f"there is no file {location!r}",
        why=f"in {folder}: {', '.join(near[:12])}{' …' if len(near) > 12 else ''}"
        if near
        else f"{folder} holds no files",
        mend=hint or "correct [data] source; a relative path starts at the folder of noria.toml",
        code="N-SOURCE-010",
    )
