"""A folder that all can reach, as a remote."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noria.errors import StoreUnavailable
from noria.store.files import TEMPORARY_PREFIX, ensure_folder, sync_folder
from noria.store.remote import Found, RemoteUnavailable, checked_name, not_there

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RemoteFolder"]


class RemoteFolder:
    """Files under a folder.

    Parameters
    ----------
    root : Path
        The folder; made with the first write.

    Examples
    --------
    >>> import pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     remote = RemoteFolder(pathlib.Path(folder))
    ...     remote.put_new("a/b", b"one"), remote.put_new("a/b", b"two"), remote.get("a/b")
    (True, False, b'one')
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.address = root.as_uri()

    def put_new(self, name: str, data: bytes) -> bool:
        """Write bytes under a new name; see `Remote`."""
        path = self._root / checked_name(name)
        temporary = ""
        try:
            if path.exists():
                return False
            ensure_folder(path.parent)
            handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), 0o444)
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # unlike a rename, it does not replace what somebody else has just written
            except FileExistsError:
                return False
            sync_folder(path.parent)
        except (OSError, StoreUnavailable) as error:
            raise self._failed(error) from error
        finally:
            if temporary:
                os.unlink(temporary)
        return True

    def get(self, name: str) -> bytes:
        """Read bytes; see `Remote`."""
        try:
            return (self._root / checked_name(name)).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise not_there(self.address, name) from error
        except OSError as error:
            raise self._failed(error) from error

    def size(self, name: str) -> int | None:
        """Say how many bytes a name has; see `Remote`."""
        path = self._root / checked_name(name)
        try:
            return path.stat().st_size if path.is_file() else None
        except OSError as error:
            raise self._failed(error) from error

    def names(self, prefix: str) -> Iterator[str]:
        """Walk names; see `Remote`."""
        for folder, _, files in os.walk(self._root / checked_name(prefix)):
            yield from (
                os.path.relpath(os.path.join(folder, name), self._root)
                for name in files
                if not name.startswith(TEMPORARY_PREFIX)
            )

    def walk(self, prefix: str) -> Iterator[Found]:
        """Walk names with their sizes and ages; see `Remote`."""
        for name in self.names(prefix):
            try:
                found = (self._root / name).stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._failed(error) from error
            yield Found(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def delete(self, name: str) -> None:
        """Let go of a name; see `Remote`."""
        path = self._root / checked_name(name)
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError | StoreUnavailable) -> RemoteUnavailable:
        return RemoteUnavailable(
            f"the remote folder {self.address} fails: {getattr(error, 'strerror', '') or error}",
            mend="look whether it is mounted, has room, and lets you write",
            code="N-STORE-063",
        )
