"""What files were when they were last read, so that a file that has not changed since is not read again."""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from noria.errors import StoreUnavailable
from noria.store.blobs import Digest
from noria.store.files import ensure_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["RACY_NS", "Stamp", "StatCache", "is_text"]

RACY_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again within the same tick of its clock."""

_TRIES = 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    folder TEXT, path TEXT, size INTEGER, modified INTEGER, changed INTEGER, inode INTEGER, digest TEXT,
    PRIMARY KEY (folder, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (folder TEXT PRIMARY KEY, note TEXT);
"""


class Stamp(NamedTuple):
    """What tells a changed file without reading it: size in bytes, times in nanoseconds, inode."""

    size: int
    modified: int
    changed: int
    inode: int


class StatCache:
    """Digests by folder, path and stamp, in a SQLite file that may be deleted at any time.

    Parameters
    ----------
    path : Path
        The file; made with the first use, and begun anew when it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = StatCache(Path(folder) / "stat.db")
    ...     stamp = Stamp(5, 0, 0, 7)
    ...     cache.record("images", {"a": (stamp, Digest("d")), "b": (stamp, Digest("e"))}, seen=RACY_NS)
    ...     cache.record("images", {"a": (Stamp(5, 1, 0, 7), Digest("f"))}, seen=RACY_NS)  # too young to be trusted
    ...     cache.known("images")
    {'b': (5, 0, 0, 7, 'e')}
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def known(self, folder: str) -> dict[str, tuple[int, int, int, int, str]]:
        """Give each path's stamp and digest."""
        query = "SELECT path, size, modified, changed, inode, digest FROM files WHERE folder = ?"
        return self._do(
            lambda connection: {row[0]: row[1:] for row in connection.execute(query, (folder,))}, writes=False
        )

    def record(
        self,
        folder: str,
        files: Mapping[str, tuple[Stamp, Digest]],
        *,
        seen: int,
        gone: Collection[str] = (),
    ) -> None:
        """Remember what was read.

        Parameters
        ----------
        folder : str
            Whose paths they are.
        files : mapping
            Path to stamp and digest. A name that is no text is not remembered.
        seen : int
            When reading began, in nanoseconds since 1970; what changed within two seconds before is not remembered.
        gone : collection of str
            Paths to forget.
        """
        old = seen - RACY_NS
        rows, dropped = [], set(gone)
        for path, (stamp, digest) in files.items():
            if stamp.modified > old or stamp.changed > old or not (path.isascii() or is_text(path)):
                dropped.add(path)
            else:
                rows.append((folder, path, *stamp, digest))

        def write(connection: sqlite3.Connection) -> None:
            if dropped:
                away = [(folder, path) for path in dropped if is_text(path)]
                connection.executemany("DELETE FROM files WHERE folder = ? AND path = ?", away)
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

        if rows or dropped:
            self._do(write)

    def forget(self, digests: Iterable[Digest]) -> None:
        """Forget files of these contents, so that they are read, and kept, again."""
        rows = [(digest,) for digest in digests]
        if rows and self.path.exists():
            self._do(lambda connection: connection.executemany("DELETE FROM files WHERE digest = ?", rows))

    def clear(self) -> None:
        """Forget every file; what is noted of folders stays."""
        if self.path.exists():
            self._do(lambda connection: connection.execute("DELETE FROM files"))

    def note(self, folder: str) -> str:
        """Give what was last noted of a folder, or nothing."""
        query = "SELECT note FROM notes WHERE folder = ?"
        row = self._do(lambda connection: connection.execute(query, (folder,)).fetchone(), writes=False)
        return str(row[0]) if row else ""

    def set_note(self, folder: str, note: str) -> None:
        """Note something of a folder."""
        statement = "INSERT OR REPLACE INTO notes VALUES (?, ?)"
        self._do(lambda connection: connection.execute(statement, (folder, note)))

    def _do(self, work: Callable[[sqlite3.Connection], T], *, writes: bool = True) -> T:
        for attempt in range(_TRIES):
            try:
                return self._attempt(work, writes=writes)
            except sqlite3.OperationalError as error:
                # Two who make the file at once: SQLite does not wait for the other's change of mode.
                if "locked" in str(error) and attempt < _TRIES - 1:
                    time.sleep(0.02 * (attempt + 1))
                    continue
                raise StoreUnavailable(
                    f"cannot use {self.path}: {error}",
                    mend="make room, or give yourself the right to write there; the file may be deleted",
                    code="N-STORE-043",
                ) from error
            except sqlite3.DatabaseError:
                if attempt == _TRIES - 1:
                    raise
                for ending in ("", "-wal", "-shm"):  # damaged: all it holds can be found out again
                    with suppress(FileNotFoundError):
                        self.path.with_name(self.path.name + ending).unlink()
        raise AssertionError("unreachable")

    def _attempt(self, work: Callable[[sqlite3.Connection], T], *, writes: bool) -> T:
        ensure_folder(self.path.parent)
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_SCHEMA)
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            result = work(connection)
            connection.execute("COMMIT")
            return result
        finally:
            connection.close()


def is_text(path: str) -> bool:
    r"""Say whether a name is text, and not bytes that stand as Python writes them.

    Examples
    --------
    >>> is_text("ü"), is_text("a\udcff")
    (True, False)
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
