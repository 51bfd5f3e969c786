"""Where journals lie until what they hold has arrived."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["journals", "outbox", "outboxes", "project_of", "writable"]


def project_of(start: Path | None = None) -> Path | None:
    """Find the folder that holds noria.toml: this one, or the nearest above."""
    try:
        here = (start or Path.cwd()).resolve()
    except OSError:  # the folder is gone
        return None
    return next((folder for folder in (here, *here.parents) if (folder / "noria.toml").is_file()), None)


def outbox(project: Path | None) -> Path:
    """Name the folder for the journals of a project, or of this user outside any."""
    if project is not None:
        return project / ".noria" / "outbox"
    state = os.environ.get("XDG_STATE_HOME", "")
    root = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return root / "noria" / "outbox"


def writable(project: Path | None) -> Path:
    """Make the folder for journals; where it cannot be written, one among the temporary files.

    Raises
    ------
    OSError
        There is no place at all.
    """
    for folder in (outbox(project), outbox(None)):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="noria-outbox-"))


def outboxes(project: Path | None) -> list[Path]:
    """Name the folders in which journals may lie."""
    return list(dict.fromkeys([outbox(project), outbox(None)]))


def journals(folder: Path) -> list[Path]:
    """List the journals of a folder, the oldest first."""
    try:
        return sorted(folder.glob("*.journal"), key=lambda path: (path.stat().st_mtime, path.name))
    except OSError:
        return []
