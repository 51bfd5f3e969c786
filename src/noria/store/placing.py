"""Files put into somebody's folder: whole or not at all, and never over what has changed since it was looked at."""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

from noria.errors import StoreUnavailable
from noria.store.scanning import WORKING_PREFIX, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from noria.store.blobs import Digest
    from noria.store.contents import Contents
    from noria.store.stat_cache import Stamp

__all__ = ["Placing"]


class Placing:
    """Writes contents under names in a folder.

    Parameters
    ----------
    root : Path
        The folder.
    contents : Contents
        Where the bytes are.
    force : bool
        Overwrite what has changed since, and links.
    """

    def __init__(self, root: Path, contents: Contents, *, force: bool = False) -> None:
        self._root = str(root)
        self._contents = contents
        self._force = force
        self._folders = {""}
        self._placed: dict[str, Stamp] = {}
        self._lead = f"{WORKING_PREFIX}{secrets.token_hex(6)}-"

    def place(self, path: str, digest: Digest, before: Stamp | None, *, executable: bool) -> bool:
        """Write a content under a path; False where something else has come there since `before` was seen.

        Raises
        ------
        BlobNotFound, CorruptedBlob
            The content is not here or not what it was. The old file, if any, is untouched.
        StoreUnavailable
            The disk is full, or the folder may not be written. The old file, if any, is untouched.
        """
        folder = path.rpartition("/")[0]
        final = f"{self._root}/{path}"
        temporary = "/".join(filter(None, (self._root, folder, f"{self._lead}{len(self._placed)}")))
        try:
            if not self._enter(folder):
                return False
            handle = os.open(
                temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777 if executable else 0o666
            )
            try:
                self._contents.copy_to(digest, handle, temporary)
                placed = stamp(os.fstat(handle))
            finally:
                os.close(handle)
            if not self._still(final, before):
                os.unlink(temporary)
                return False
            os.rename(temporary, final)
        except OSError as error:
            _drop(temporary)
            raise _unwritable(final, error) from error
        except BaseException:
            _drop(temporary)
            raise
        self._placed[path] = placed
        return True

    def remove(self, path: str, before: Stamp) -> bool:
        """Remove a file, and the folders that are empty then; False where it has changed since."""
        final = f"{self._root}/{path}"
        try:
            if not self._still(final, before):
                return False
            os.unlink(final)
            folder = path.rpartition("/")[0]
            while folder:
                os.rmdir(f"{self._root}/{folder}")
                folder = folder.rpartition("/")[0]
        except FileNotFoundError:
            return True
        except OSError as error:
            if not os.path.lexists(final):
                return True  # the folder is not empty, or not ours to remove
            raise _unwritable(final, error) from error
        return True

    def set_executable(self, path: str, *, executable: bool) -> None:
        """Let the owner, and whoever may read the file, run it; or not."""
        final = f"{self._root}/{path}"
        try:
            mode = stat.S_IMODE(os.lstat(final).st_mode)
            os.chmod(final, mode | (mode & 0o444) >> 2 if executable else mode & ~0o111)
        except OSError as error:
            raise _unwritable(final, error) from error

    def sweep(self, path: str) -> None:
        """Remove what a write that was broken off has left."""
        _drop(f"{self._root}/{path}")

    def settled(self) -> dict[str, Stamp]:
        """Give the stamps of the files placed that nobody has changed since."""
        found = {}
        for path, placed in self._placed.items():
            try:
                now = stamp(os.lstat(f"{self._root}/{path}"))
            except OSError:
                continue
            # The rename has moved the time of change; content, size and inode are as they were written.
            if (now.size, now.modified, now.inode) == (placed.size, placed.modified, placed.inode):
                found[path] = now
        return found

    def _still(self, final: str, before: Stamp | None) -> bool:
        try:
            found = os.lstat(final)
        except FileNotFoundError:
            return True
        if self._force and not stat.S_ISDIR(found.st_mode):
            return True
        return before is not None and stamp(found) == before

    def _enter(self, folder: str) -> bool:
        """Make a folder; False where a link or a file stands in its place."""
        if folder in self._folders:
            return True
        above = folder.rpartition("/")[0]
        if not self._enter(above):
            return False
        whole = f"{self._root}/{folder}"
        try:
            found = os.lstat(whole)
        except FileNotFoundError:
            os.mkdir(whole)
        else:
            if not stat.S_ISDIR(found.st_mode):
                if not self._force:
                    return False
                os.unlink(whole)
                os.mkdir(whole)
        self._folders.add(folder)
        return True


def _drop(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _unwritable(path: str, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"cannot write {path!r}: {error.strerror or error}",
        mend="make room or give yourself the right to write there; what was there is untouched",
        code="N-STORE-046",
    )
