"""A cheap token that changes when a source's rows do; no table library is loaded for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.pipeline.cachefile import CacheFile, settled, stamp
from noria.sources.paths import matching
from noria.sources.reference import parse
from noria.store.blobs import digest_file, digest_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["VOLATILE", "token"]

VOLATILE = "volatile"
"""Token of a source that cannot tell whether it changed: it has to be read to know."""

_CACHE = "sources.json"


def token(source: str, *, root: Path, cache: Path | None = None) -> str:
    """Say in a few bytes which state of the source this is.

    Parameters
    ----------
    source : str
        As in `noria.sources.source.read`.
    root : Path
        Folder that relative paths start from.
    cache : Path, optional
        Folder for what was found out before; an untouched file is then not opened again.

    Returns
    -------
    str
        Files: digest of names and contents. SQL: count and what moves with changes. HTTP: ETag or date.
        ``volatile`` for functions, and for whatever offers nothing to tell a change by.

    Raises
    ------
    SourceNotFound
        There is no such file, table, package or URL.

    Examples
    --------
    >>> import pathlib
    >>> token("python:rows.load", root=pathlib.Path("."))
    'volatile'
    """
    reference = parse(source)
    if reference.kind == "python":
        return VOLATILE
    if reference.kind == "sql":
        from noria.sources.sql import sql_token  # noqa: PLC0415 - SQLAlchemy only for SQL sources

        return sql_token(reference.location, root) or VOLATILE
    if reference.kind == "http":
        from noria.sources.http import url_token  # noqa: PLC0415 - the network only when asked for

        return url_token(reference.location) or VOLATILE
    if reference.kind == "package":
        from noria.sources.package import locate  # noqa: PLC0415 - rarely used

        paths: Sequence[Path] = [locate(reference.location)]
    else:
        paths = matching(reference.location, root)
    return digest_json([[path.name, dict(reference.hints), digest] for path, digest in _digests(paths, cache)])


def _digests(paths: Sequence[Path], cache: Path | None) -> list[tuple[Path, str]]:
    known = CacheFile(cache / _CACHE, "1") if cache is not None else None
    found = [(path, _digest(path, known)) for path in paths]
    if known is not None:
        known.save()
    return found


def _digest(path: Path, known: CacheFile | None) -> str:
    now = time.time_ns()
    seen = stamp(path)
    name = str(path)
    if known is not None:
        entry = known.get(name)
        if isinstance(entry, list) and len(entry) == 2 and entry[0] == seen:
            return str(entry[1])
    try:
        digest = digest_file(path)
    except OSError as error:
        raise WrongData(
            f"{path} cannot be read: {error.strerror or error}",
            mend="give yourself the right to read it",
            code="N-SOURCE-011",
        ) from error
    if known is not None and seen is not None and settled(seen, now) and stamp(path) == seen:
        known.put(name, [seen, digest])
    return digest
