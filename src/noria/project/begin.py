"""Make a project folder: from an example, or around a table of one's own."""

from __future__ import annotations

import re
from pathlib import Path

from noria.errors import StoreUnavailable, VersionExists, WrongArgument
from noria.project.example import example
from noria.project.requirement import requirements_text
from noria.sources.reference import prefix_of
from noria.store.files import ensure_folder, write_atomic

__all__ = ["check_name", "from_example", "from_text", "refuse_taken", "source_for", "source_from"]

_NEW = Path(__file__).parent / "templates" / "new"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SQLITE = re.compile(r"sql:sqlite:///(?=[^/?:])", re.IGNORECASE)  # and a path from here
_COPIED_UP_TO = 64 * 1024 * 1024


def check_name(folder: Path) -> str:
    """Give the project's name, which is its folder's.

    Raises
    ------
    WrongArgument
        The folder's name cannot be a project's.

    Examples
    --------
    >>> check_name(Path("work/credit-risk"))
    'credit-risk'
    """
    name = folder.name or folder.absolute().name
    if not _NAME.fullmatch(name):
        raise WrongArgument(
            f"{name!r} cannot be the name of a project",
            why="a name starts with a letter or digit and holds letters, digits, dots, dashes and underscores only",
            mend="noria init my-project …",
            code="N-PROJECT-021",
        )
    return name


def refuse_taken(folder: Path) -> None:
    """Refuse a folder that holds something already.

    Raises
    ------
    VersionExists
        The folder is not empty, or is a file.
    StoreUnavailable
        It cannot be looked into.
    """
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise StoreUnavailable(
            f"{folder} cannot be read: {error.strerror}",
            mend=f"check the permissions of {folder}",
            code="N-PROJECT-002",
        ) from None
    if taken:
        what = "is not empty" if folder.is_dir() else "is a file"
        raise VersionExists(
            f"{folder} {what}",
            why="noria init writes into a new folder only, so that it can overwrite nothing",
            mend=f"noria init {folder}-2 …      choose another name",
            code="N-PROJECT-022",
        )


def from_example(folder: Path, name: str) -> list[Path]:
    """Copy an example into a new folder.

    Parameters
    ----------
    folder : Path
        Must not exist, or be empty.
    name : str
        "credit", "diagnosis" or "sensors".

    Returns
    -------
    list of Path
        The files written.
    """
    source = example(name).folder
    refuse_taken(folder)
    written = []
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            target = folder / path.relative_to(source)
            write_atomic(target, path.read_bytes())
            written.append(target)
    return written + _surroundings(folder)


def from_text(folder: Path, text: str, *, data: Path | None = None) -> list[Path]:
    """Write a new project around a project file.

    Parameters
    ----------
    folder : Path
        Must not exist, or be empty.
    text : str
        Content of noria.toml.
    data : Path, optional
        A file to copy into ``data/``.
    """
    refuse_taken(folder)
    written = []
    ensure_folder(folder)
    if data is not None:
        target = folder / "data" / data.name
        write_atomic(target, data.read_bytes())
        written.append(target)
    write_atomic(folder / "noria.toml", text)
    return [folder / "noria.toml", *written, *_surroundings(folder)]


def source_for(data: Path) -> tuple[str, Path | None]:
    """Decide how a project names a local file: copied into it when small, by its full path when large.

    Returns
    -------
    tuple of str and (Path or None)
        What ``[data] source`` says, and the file to copy.
    """
    if data.stat().st_size <= _COPIED_UP_TO:
        return f"data/{data.name}", data
    return str(data.resolve()), None


def source_from(text: str, here: Path) -> str:
    """Say a source so that it means the same from the new project's folder as it does from this one.

    Examples
    --------
    >>> source_from("data/*.csv#delimiter=;", Path("/srv/data"))
    '/srv/data/data/*.csv#delimiter=;'
    >>> source_from("sql:sqlite:///a.db?table=loans", Path("/srv/data"))
    'sql:sqlite:////srv/data/a.db?table=loans'
    >>> source_from("sql:env:LOANS_DB?table=loans", Path("/srv/data"))
    'sql:env:LOANS_DB?table=loans'
    """
    beginning = _SQLITE.match(text)
    if beginning is not None:
        return f"{beginning[0]}{here / text[beginning.end() :]}"
    if prefix_of(text) != "file" or text.startswith(("~", "file:")):
        return text
    return str(here / text)


def _surroundings(folder: Path) -> list[Path]:
    written = []
    for name, text in (
        ("pipeline.py", (_NEW / "pipeline.py.txt").read_text(encoding="utf-8")),
        (".gitignore", (_NEW / "gitignore.txt").read_text(encoding="utf-8")),
        ("requirements.txt", requirements_text()),
    ):
        write_atomic(folder / name, text)
        written.append(folder / name)
    return written
