"""Files of the project that a step reads beside its inputs: they are in no key, so that a change of them goes unseen.

Seen are the files that Python itself opens; what a library opens below Python (a Parquet file by its path) is not. So
this warns and proves nothing.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reads"]

_CODE = frozenset({".py", ".pyc", ".so"})


class _Ear:
    """What the hook hears; a hook cannot be taken away again, so there is one in a process."""

    def __init__(self) -> None:
        self.listening = False
        self.installed = False
        self.read: list[str] = []
        self.written: set[str] = set()

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.listening or event not in ("open", "sqlite3.connect"):
            return
        path = arguments[0]
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        name = os.path.abspath(os.fsdecode(path))
        flags = arguments[2] if event == "open" and len(arguments) > 2 else os.O_RDONLY
        if isinstance(flags, int) and flags & os.O_ACCMODE != os.O_RDONLY:
            self.written.add(name)
        elif name not in self.written:
            self.read.append(name)


_EAR = _Ear()


@contextmanager
def reads(root: Path) -> Iterator[list[str]]:
    """Listen while a step runs.

    Parameters
    ----------
    root : Path
        The project's folder.

    Yields
    ------
    list of str
        Filled at the end: the files read in the folder, relative to it, but code, what lies in a hidden folder and
        what the step has written itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "limits.txt").write_text("18")
    ...     with reads(Path(folder)) as found:
    ...         _ = Path(folder, "limits.txt").read_text()
    ...     found
    ['limits.txt']
    """
    if not _EAR.installed:
        sys.addaudithook(_EAR.hear)
        _EAR.installed = True
    _EAR.read, _EAR.written, _EAR.listening = [], set(), True
    found: list[str] = []
    try:
        yield found
    finally:
        _EAR.listening = False
        home = Path(os.path.abspath(root))
        inside = {Path(name).relative_to(home) for name in _EAR.read if Path(name).is_relative_to(home)}
        found += sorted(
            str(path)
            for path in inside
            if path.suffix not in _CODE
            and not any(part.startswith(".") for part in path.parts)
            and (home / path).is_file()
        )
