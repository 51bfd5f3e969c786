"""A cheap token that changes when a source's rows do; no table library is loaded for it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from noria.errors import WrongData
from noria.pipeline.cachefile import CacheFile, settled, stamp
from noria.sources.kind import VOLATILE, Pull
from noria.sources.outside import guarded
from noria.sources.reference import parse
from noria.store.blobs import digest_file, digest_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from noria.sources.kind import Reference

__all__ = ["VOLATILE", "digest_of", "token"]

_CACHE = "sources.json"


def token(source: str, *, root: Path, cache: Path | None = None, changed: str | None = None) -> str:
    """Say in a few bytes which state of the source this is.

    Parameters
    ----------
    source : str
        As in `noria.sources.source.read`.
    root : Path
        Folder that relative paths start from.
    cache : Path, optional
        The folder ``.noria/cache``, for what was found out before; an untouched file is then not opened again.
    changed : str, optional
        Column that moves with every change, where the project names one: a database is then asked for less.

    Returns
    -------
    str
        Files: digest of names and contents. SQL: count and what moves with changes. HTTP and object stores: ETags.
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
    pull = Pull(root, store=cache.parent if cache is not None else None, changed=changed)
    return guarded(reference, lambda kind: kind.token(reference, pull))


def digest_of(paths: Sequence[Path], reference: Reference, store: Path | None) -> str:
    """Digest names, hints and contents of files.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    reference : Reference
        What named them.
    store : Path, optional
        The folder ``.noria``, which keeps what was found out before.
    """
    found = _digests(paths, store / "cache" if store is not None else None)
    return digest_json([[os.fsencode(path.name).hex() if not path.name.isprintable() else path.name,
                         dict(reference.hints), digest] for path, digest in found])  # fmt: skip


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
