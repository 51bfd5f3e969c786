"""Files that lie where a database says, believed only as far as a run's own folder goes.

A database that somebody else filled may name any folder of this machine as that of a run's files. So the address must
end in the run's own id, as MLflow makes it, and only what lies beneath is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from noria.errors import NoriaError, SourceNotFound
from noria.exchange.source import ForeignFile, ForeignModel, ForeignRun, Skips
from noria.exchange.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PlacedFiles"]


class PlacedFiles:
    """The files of runs and logged models that a database points to.

    Parameters
    ----------
    root : Path or None
        Where they lie, when not where the database says: the folder that a server was given as artifacts destination.
    here : Path
        What relative addresses are relative to.
    skips : Skips
        Where to tell what cannot be read.
    """

    def __init__(self, root: Path | None, here: Path, skips: Skips) -> None:
        self._root = Tree(root) if root is not None else None
        self._here = here
        self._skips = skips
        self._trees: dict[Path, Tree | None] = {}

    def close(self) -> None:
        """Let go of the folders."""
        for tree in (self._root, *self._trees.values()):
            if tree is not None:
                tree.close()

    def walk(self, owner: ForeignRun | ForeignModel) -> Iterator[ForeignFile]:
        """Walk the files of a run or of a logged model."""
        place = self._place(owner)
        if place is not None:
            for path, size in place[0].walk(place[1], self._skips):
                yield ForeignFile(path, size)

    def open(self, owner: ForeignRun | ForeignModel, path: str) -> IO[bytes]:
        """Open one of those files."""
        place = self._place(owner)
        if place is None:
            raise SourceNotFound(f"{owner.id} has no files here", mend="give --artifacts FOLDER", code="N-EXCHANGE-050")
        return place[0].open(f"{place[1]}/{path}")

    def _place(self, owner: ForeignRun | ForeignModel) -> tuple[Tree, str] | None:
        uri = owner.artifact_uri
        if not uri:
            return None
        scheme, path = _split(uri)
        own = ["models", owner.id, "artifacts"] if isinstance(owner, ForeignModel) else [owner.id, "artifacts"]
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if parts[-len(own) :] != own or ".." in parts:
            self._skips.add("files do not lie in a folder of the run's own, and are not read", f"{owner.id}: {uri}")
            return None
        if self._root is not None:
            return self._under_root(self._root, scheme, path, parts, own)
        if scheme != "file":
            self._skips.add(
                f"files lie in {scheme}: and are not read from there; import from the server, or give --artifacts",
                f"{owner.id}: {uri}",
            )
            return None
        base = self._here / Path(path[: path.rindex("/".join(own))] or ".")
        tree = self._tree(base)
        if tree is None and not base.parent.is_dir():
            # With its neighbours there, a missing folder is that of a run without files.
            self._skips.add("the folder of the files is not on this machine; give --artifacts", f"{owner.id}: {uri}")
        return None if tree is None else (tree, "/".join(own))

    def _under_root(
        self, root: Tree, scheme: str, path: str, parts: Sequence[str], own: Sequence[str]
    ) -> tuple[Tree, str]:
        if scheme == "file" and Path(path).is_relative_to(root.root):
            return root, Path(path).relative_to(root.root).as_posix()
        # The server's own layout: EXPERIMENT/RUN/artifacts, deeper where its destination was a folder of another.
        for start in range(len(parts) - len(own), -1, -1):
            tail = "/".join(parts[start:])
            if root.names(tail):
                return root, tail
        return root, "/".join(parts)

    def _tree(self, base: Path) -> Tree | None:
        if base not in self._trees:
            try:
                self._trees[base] = Tree(base)
            except NoriaError:
                self._trees[base] = None
        return self._trees[base]


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", unquote(parts.path)
    if not parts.scheme:
        return "file", uri
    return parts.scheme, unquote(parts.path)
