"""A folder, or a file, that somebody works in: which version it came from, and what it was when last read."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from noria.errors import StoreUnavailable, WrongArgument, WrongData
from noria.store.blobs import Digest, digest_bytes, digest_file
from noria.store.scanning import Scan, scan, scan_file, stamp
from noria.store.stat_cache import is_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from noria.datasets.manifest import Entry
    from noria.store.stat_cache import Stamp, StatCache

__all__ = ["WorkingFolder", "changing", "hashed", "read_settled"]

_TRIES = 6


class WorkingFolder:
    """A folder on disk.

    Parameters
    ----------
    folder : Path
        Where.
    root : Path
        The project's folder: what lies inside is named from there, so that both may move together.
    cache : StatCache
        Knows files by their stamps.
    single : str, optional
        Name of the one file in it that is meant; the whole folder, when left out.

    Raises
    ------
    WrongArgument
        The folder's own name is no text.
    """

    def __init__(self, folder: Path, root: Path, cache: StatCache, *, single: str | None = None) -> None:
        self.path = folder.resolve()
        self.single = single
        whole = self.path if single is None else self.path / single
        self.key = whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)
        if not is_text(self.key):
            raise WrongArgument(
                f"the folder {os.fsencode(self.key)!r} has a name that is no text",
                mend="rename it; files in it may be called anything",
                code="N-DATA-065",
            )
        self._cache = cache
        self._known: dict[str, tuple[int, int, int, int, str]] | None = None
        self._fresh: dict[str, tuple[Stamp, Digest]] = {}
        self._begun = time.time_ns()

    @property
    def lock(self) -> Path:
        """Who adds it holds this with others, who checks out into it alone."""
        whole = self.path if self.single is None else self.path / self.single
        name = digest_bytes(str(whole).encode(errors="surrogateescape"))[:32]
        return self._cache.path.parent / "working" / name

    @property
    def base(self) -> tuple[tuple[str, int], ...]:
        """Names and numbers of the versions it was made from: one; more, where a checkout was broken off; or none."""
        try:
            return tuple((str(name), int(number)) for name, number in json.loads(self._cache.note(self.key)))
        except (ValueError, TypeError):
            return ()

    @property
    def unfinished(self) -> str:
        """Name the version whose checkout into it was broken off, if any."""
        base = self.base
        return "{}@{}".format(*base[-1]) if len(base) > 1 else ""

    def set_base(self, *versions: tuple[str, int]) -> None:
        """Remember what it is made from."""
        self._cache.set_note(self.key, json.dumps(versions))

    def scan(self, *, everything: bool = False) -> Scan:
        """Walk it, with what is ignored or without."""
        self._begun = time.time_ns()
        self._known = self._cache.known(self.key)
        return scan(self.path, everything=everything) if self.single is None else scan_file(self.path, self.single)

    def target(self, listed: Mapping[str, Entry]) -> dict[str, Entry]:
        """Give what a version lists, by the names that its files are to have here."""
        if self.single is None or len(listed) != 1:
            return dict(listed)
        return {self.single: next(iter(listed.values()))}

    def trusted(self, path: str, seen: Stamp) -> Digest | None:
        """Give the digest of a file that has not changed since it was last read, or None."""
        if self._known is None:
            self._known = self._cache.known(self.key)
        known = self._known.get(path)
        return Digest(known[4]) if known is not None and known[:4] == seen else None

    def digest(self, path: str, seen: Stamp) -> Digest | None:
        """Give the digest of a file, read only where its stamp leaves a doubt; None where it has just gone."""
        found = self.trusted(path, seen)
        if found is None:
            try:
                now, found = hashed(self.path / path)
            except FileNotFoundError:
                return None
            self.learnt(path, now, found)
        return found

    def learnt(self, path: str, seen: Stamp, digest: Digest) -> None:
        """Take what was found out about a file, to be remembered."""
        self._fresh[path] = (seen, digest)

    def remember(self, present: Collection[str] | None = None, *, seen: int | None = None) -> None:
        """Write down what was found out; nothing is lost where that cannot be written.

        Parameters
        ----------
        present : collection of str, optional
            The paths that are there: others are forgotten.
        seen : int, optional
            When it was found out, in nanoseconds since 1970; when the walk began, if left out.
        """
        gone = () if present is None or self._known is None else self._known.keys() - set(present)
        fresh, self._fresh = self._fresh, {}
        with suppress(StoreUnavailable):
            self._cache.record(self.key, fresh, seen=seen or self._begun, gone=gone)


def read_settled(path: Path, most: int) -> tuple[Stamp, bytes] | None:
    """Read a file that does not change meanwhile; None where it has `most` bytes or more.

    Raises
    ------
    FileNotFoundError
        It has gone, or is no file any more.
    WrongData
        It cannot be read, or does not stop changing.
    """
    for attempt in range(_TRIES):
        handle = _open(path)
        try:
            before = stamp(os.fstat(handle))
            if before.size >= most:
                return None
            data = os.read(handle, most)
            if len(data) == before.size and stamp(os.fstat(handle)) == before:
                return before, data
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            os.close(handle)
        time.sleep(0.01 * attempt)
    raise changing(path)


def changing(path: Path) -> WrongData:
    """Tell of a file that does not hold still."""
    return WrongData(
        f"{str(path)!r} changes while it is read",
        mend="stop what writes to it, and try again",
        code="N-DATA-056",
    )


def hashed(path: Path) -> tuple[Stamp, Digest]:
    """Name a file by its content, which does not change meanwhile.

    Raises
    ------
    FileNotFoundError, WrongData
        As `read_settled` raises them.
    """
    found = read_settled(path, 1 << 20)
    if found is not None:
        return found[0], digest_bytes(found[1])
    for _ in range(_TRIES):
        handle = _open(path)
        os.close(handle)
        before = stamp(path.lstat())
        digest = digest_file(path)
        if stamp(path.lstat()) == before:
            return before, digest
    raise changing(path)


def _open(path: Path) -> int:
    try:
        # Not through a link that has taken the file's place, nor waiting at a pipe.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise FileNotFoundError(path) from error
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> WrongData:
    return WrongData(
        f"cannot read {str(path)!r}: {error.strerror or error}",
        mend="give yourself the right to read it, or name it in .noriaignore",
        code="N-DATA-057",
    )
