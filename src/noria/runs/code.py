"""Which code a run used: the commit, and whether anything was changed since."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GitState", "git_state"]

_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class GitState:
    """Where a folder stands in git.

    Parameters
    ----------
    commit : str or None
        The whole commit id; None outside a repository or before its first commit.
    clean : bool
        Nothing in the folder differs from the commit, untracked files included.
    branch : str or None
        None when no branch is checked out.
    """

    commit: str | None
    clean: bool
    branch: str | None


# What the run before wrote for the next commit is no change of the code.
_NOT_CODE = ":(exclude)noria.lock"


def git_state(root: Path) -> GitState:
    """Ask git about a folder; without git, or outside a repository, all is unknown.

    Examples
    --------
    >>> git_state(Path("/proc"))
    GitState(commit=None, clean=False, branch=None)
    """
    import subprocess  # noqa: PLC0415 - a fifth of the cost of a run with nothing to do

    try:
        # One process answers all three. --no-optional-locks: asking must not disturb somebody's commit.
        answer = subprocess.run(
            ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--", ".", _NOT_CODE],
            cwd=root,
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return GitState(None, clean=False, branch=None)
    if answer.returncode != 0:
        return GitState(None, clean=False, branch=None)
    commit = branch = None
    clean = True
    for line in answer.stdout.decode(errors="replace").splitlines():
        if line.startswith("# branch.oid "):
            found = line.removeprefix("# branch.oid ")
            commit = None if found == "(initial)" else found
        elif line.startswith("# branch.head "):
            found = line.removeprefix("# branch.head ")
            branch = None if found == "(detached)" else found
        elif not line.startswith("#"):
            clean = False
    return GitState(commit, clean=clean and commit is not None, branch=branch)
