"""CI workflows that check, run and report: the text, filled in for one project."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HOSTS", "Host", "place", "workflow"]

Host = Literal["github", "gitlab"]
HOSTS: tuple[Host, ...] = ("github", "gitlab")

_FOLDER = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._ /-]*")
_TEMPLATES = Path(__file__).parent / "templates" / "ci"
_PLACES: dict[Host, str] = {"github": ".github/workflows/noria.yml", "gitlab": ".gitlab-ci.yml"}


def place(host: Host) -> str:
    """Give the path the host looks in, from the top of the repository.

    Examples
    --------
    >>> place("github")
    '.github/workflows/noria.yml'
    """
    return _PLACES[host]


def workflow(host: Host, *, folder: str = ".", schedules: Sequence[str] = ()) -> str:
    """Write the workflow of a project.

    Parameters
    ----------
    host : {"github", "gitlab"}
        Where the repository lives.
    folder : str
        The project's folder, from the top of the repository.
    schedules : sequence of str
        Five-field cron lines in UTC, from ``[[triggers]]``.

    Raises
    ------
    WrongArgument
        The folder's name holds signs that a shell or YAML would read as something else.

    Examples
    --------
    >>> "persist-credentials: false" in workflow("github")
    True
    """
    if not _FOLDER.fullmatch(folder):
        raise WrongArgument(
            f"the folder {folder!r} cannot be written into a workflow",
            why="letters, digits, dots, dashes, underscores, spaces and slashes can",
            mend="move the project to a folder with a plain name",
            code="N-PROJECT-028",
        )
    prefix = "" if folder == "." else f"{folder}/"
    template = Template((_TEMPLATES / f"{host}.yml").read_text(encoding="utf-8"))
    return template.substitute(
        folder=folder, cache=f"{prefix}.noria", report=f"{prefix}report.md", schedule=_schedule(host, schedules)
    )


def _schedule(host: Host, schedules: Sequence[str]) -> str:
    if host == "gitlab":
        return f" (yours: {', '.join(schedules)}, UTC)" if schedules else ""
    if not schedules:
        return ""
    return "  schedule: # UTC\n" + "".join(f'    - cron: "{line}"\n' for line in schedules)
