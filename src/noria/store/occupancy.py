"""Who is at work in a store: many who add and read, or one who sweeps it."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from noria.errors import StoreBusy, StoreUnavailable
from noria.store.files import ensure_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["alone", "together"]

_PAUSE_SECONDS = 0.05


@contextmanager
def together(path: Path, *, patience_seconds: float = 600.0) -> Iterator[None]:
    """Work beside others, and keep the sweeper out; wait for it where it is at work.

    The kernel frees the lock if the process dies.

    Parameters
    ----------
    path : Path
        The lock file.
    patience_seconds : float
        How long to wait.

    Raises
    ------
    StoreBusy
        The sweeper was still at it.
    """
    with _held(path, fcntl.LOCK_SH, patience_seconds):
        yield


@contextmanager
def alone(path: Path, *, patience_seconds: float = 0.0) -> Iterator[None]:
    """Work with nobody else in the store.

    Parameters
    ----------
    path, patience_seconds : Path, float
        As `together` takes them.

    Raises
    ------
    StoreBusy
        Somebody is at work.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder, together(Path(folder) / "lock"):
    ...     with together(Path(folder) / "lock"):
    ...         try:
    ...             with alone(Path(folder) / "lock"):
    ...                 pass
    ...         except StoreBusy as error:
    ...             print(error.what)
    others are at work in the store
    """
    with _held(path, fcntl.LOCK_EX, patience_seconds):
        yield


@contextmanager
def _held(path: Path, kind: int, patience_seconds: float) -> Iterator[None]:
    ensure_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot write {path}: {error.strerror or error}",
            mend=f"make room or give yourself the right to write in {path.parent}",
            code="N-STORE-001",
        ) from error
    end = time.monotonic() + patience_seconds
    try:
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= end:
                    raise StoreBusy(
                        "others are at work in the store",
                        why=f"{path} is locked",
                        mend="try again when they are done",
                        code="N-STORE-041",
                    ) from error
            time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(handle)
