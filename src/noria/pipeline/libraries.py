"""Versions of the installed distributions that code imports, read without importing them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noria.pipeline.cachefile import CacheFile
from noria.store.blobs import digest_json

if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = ["ABSENT", "INSTALLED", "LAYOUT", "Libraries"]

LAYOUT = "1"
ABSENT = "not installed"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENDINGS = (".dist-info", ".egg-info")
_OWN = "noria"
INSTALLED = ("site-packages", "dist-packages")
"""Names of the folders that distributions are installed in."""


class Libraries:
    """Which distribution gives which import name, and at which version.

    Parameters
    ----------
    cache : CacheFile
        Keeps the answer until a distribution is installed, removed or changed.
    """

    def __init__(self, cache: CacheFile) -> None:
        self._cache = cache
        self._known: _Installed | None = None

    def versions(self, tops: Collection[str]) -> dict[str, str]:
        """Give the versions of the distributions behind import names, and of what those require.

        Parameters
        ----------
        tops : collection of str
            Top-level import names, such as ``sklearn``.

        Returns
        -------
        dict of str to str
            Distribution -> version, sorted; an import name that nothing provides is ``not installed``.
        """
        installed = self._look()
        versions: dict[str, str] = {}
        work: list[str] = []
        for top in tops:
            names = installed.providers.get(top)
            if names:
                work += names
            else:
                versions[top] = ABSENT
        while work:
            name = work.pop()
            if name in versions or name == _OWN or name not in installed.versions:
                continue
            versions[name] = installed.versions[name]
            work += installed.requires[name]
        return dict(sorted(versions.items()))

    def _look(self) -> _Installed:
        if self._known is None:
            fingerprint = _fingerprint()
            entry = self._cache.get("installed")
            if isinstance(entry, list) and entry[0] == fingerprint:
                self._known = _Installed(*entry[1:])
            else:
                self._known = _survey()
                self._cache.put("installed", [fingerprint, *vars(self._known).values()])
        return self._known


@dataclass(frozen=True)
class _Installed:
    providers: dict[str, list[str]]
    versions: dict[str, str]
    requires: dict[str, list[str]]


def _folders() -> list[str]:
    # What lies inside a folder of packages was put on the path by one of them, once it was imported (Ray brings
    # psutil so): it is no installation, and whether it counts must not hang on what else the process did.
    return [entry or "." for entry in sys.path if not any(part in INSTALLED for part in Path(entry).parent.parts)]


def _fingerprint() -> str:
    # The names of the metadata folders hold the versions, so an upgrade renames one.
    found: list[object] = []
    for folder in _folders():
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(_ENDINGS))
        except OSError:
            continue
        if names:
            found.append([folder, names])
    return digest_json(found)


def _survey() -> _Installed:
    from importlib.metadata import Distribution  # noqa: PLC0415 - only after something was installed

    found = _Installed({}, {}, {})
    for distribution in Distribution.discover(path=_folders()):
        # `distribution.metadata` parses the whole text, description included, as an e-mail, at every access.
        text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
        head = [line.partition(": ") for line in text.partition("\n\n")[0].splitlines()]
        fields = {field: value.strip() for field, _, value in reversed(head)}
        name = _normal(fields.get("Name", ""))
        if not name or name in found.versions:
            continue  # an earlier folder of sys.path wins, as it does for imports
        requirements = [value for field, _, value in head if field == "Requires-Dist"]
        required = {_normal(match.group()) for one in requirements if (match := _wanted(one))}
        found.versions[name] = fields.get("Version", "")
        found.requires[name] = sorted(required)
        for top in _tops(distribution):
            found.providers.setdefault(top, []).append(name)
    return found


def _wanted(requirement: str) -> re.Match[str] | None:
    # Requirements of an extra are not reached by importing the library itself.
    return None if re.search(r";.*\bextra\s*==", requirement) else _NAME.match(requirement)


def _tops(distribution: Distribution) -> Iterator[str]:
    listed = distribution.read_text("top_level.txt")
    if listed:
        yield from listed.split()
        return
    # `distribution.files` builds an object a line, which takes seconds for the largest; the names are enough.
    record = distribution.read_text("RECORD") or ""
    seen: set[str] = set()
    for line in record.splitlines():
        path = line.partition(",")[0]
        top, slash, rest = path.partition("/")
        if not slash:
            top = top.partition(".")[0] if top.endswith((".py", ".so")) else ""
        elif not rest.endswith((".py", ".so", ".pyi")):
            continue
        if top.isidentifier() and top not in seen:
            seen.add(top)
            yield top


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
