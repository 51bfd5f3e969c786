"""How another machine installs the noria that runs here."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["WHEELS", "missing_wheel", "requirement", "requirements_text"]

WHEELS = "wheels"
"""Folder of a project for what no index and no repository holds."""

_HEAD = (
    "# What a fresh machine installs to run this project, `noria ci init` included. Pin what your own steps need here "
    "too.\n"
)
_WHEEL = (
    "# noria was installed here from a file or a folder, which another machine does not have; the name `noria` on the\n"
    "# public index belongs to another project. Put its wheel beside this file and commit it:\n"
    "#   python -m pip wheel --no-deps --wheel-dir wheels FOLDER_OF_NORIA\n"
)


def requirement(version: str, origin: Mapping[str, object] | None) -> str:
    """Write the requirement that gives another machine the noria that is installed here.

    Parameters
    ----------
    version : str
        The installed one.
    origin : mapping or None
        The installer's record of where it came from, ``direct_url.json``; None for a package index.

    Returns
    -------
    str
        Exact: the version, the commit, or a wheel to be put into the project. Never the bare name, which the public
        index would answer with somebody else's package.

    References
    ----------
    PEP 610, Recording the Direct URL Origin of installed distributions.

    Examples
    --------
    >>> requirement("0.1.0", {"url": "https://x.org/noria", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    'noria @ git+https://x.org/noria@c0ffee'
    >>> requirement("0.1.0", {"url": "file:///tmp/noria", "dir_info": {"editable": True}})
    './wheels/noria-0.1.0-py3-none-any.whl'
    """
    if origin is None:
        return f"noria=={version}"
    url = str(origin.get("url", ""))
    if url.startswith("file:"):
        return f"./{WHEELS}/noria-{version}-py3-none-any.whl"
    control = cast("Mapping[str, str]", origin.get("vcs_info") or {})
    if control:
        return f"noria @ {control['vcs']}+{url}@{control['commit_id']}"
    hashes = cast("Mapping[str, str]", cast("Mapping[str, object]", origin.get("archive_info") or {}).get("hashes", {}))
    return f"noria @ {url}" + (f"#sha256={hashes['sha256']}" if "sha256" in hashes else "")


def requirements_text() -> str:
    """Write a new project's ``requirements.txt``."""
    line = _own()
    return _HEAD + (_WHEEL if line.startswith("./") else "") + line + "\n"


def missing_wheel(root: Path) -> str | None:
    """Name a wheel that the project's ``requirements.txt`` asks for and that is not there."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    asked = [line.strip() for line in lines if line.strip().startswith(f"./{WHEELS}/")]
    return next((name for name in asked if not (root / name).is_file()), None)


def _own() -> str:
    installed = distribution("noria")
    record = installed.read_text("direct_url.json")
    return requirement(installed.version, None if record is None else json.loads(record))
