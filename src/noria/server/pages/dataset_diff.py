"""What the page shows that holds two versions of a dataset against each other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.datasets import folder_diff_page
from noria.datasets.folder_version import FolderVersion
from noria.errors import DatasetNotFound, WrongArgument
from noria.server.pages.datasets import find
from noria.server.wording import size

if TYPE_CHECKING:
    from noria.datasets.comparing import Compared
    from noria.datasets.version import DatasetVersion
    from noria.plots.document import Document
    from noria.workspace import Workspace

__all__ = ["DiffView", "differences", "one"]

_MOST_CELLS = 100_000_000
"""Of both versions together: about ten seconds of a processor."""

_KEPT = 16
_compared: OrderedDict[tuple[object, ...], Compared] = OrderedDict()
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class DiffView:
    """Two versions and what lies between them; `document` is None where that is too much for a page."""

    name: str
    old: str
    new: str
    numbers: tuple[int, ...]
    old_number: int
    sizes: tuple[int, int]
    document: Document | None


def one(workspace: Workspace, ref: str, against: str) -> DiffView:
    """Compare a version with an earlier one.

    Parameters
    ----------
    workspace : Workspace
        The project.
    ref : str
        The newer version.
    against : str
        The older: a number or tag of the same dataset, or NAME@NUMBER; the one before when empty.

    Raises
    ------
    DatasetNotFound
        One of them is not there.
    WrongArgument
        One is a table, the other a folder.
    """
    old, new = _both(workspace, ref, against)
    if isinstance(old, FolderVersion) and isinstance(new, FolderVersion):
        changes = workspace.datasets.folders.diff(old, new)
        files = folder_diff_page.document(old, new, changes, written=size)
        numbers = tuple(each.number for each in workspace.datasets.folders.catalog.versions(new.name))
        return DiffView(new.name, old.ref, new.ref, numbers, old.number, (old.files, new.files), files)
    if isinstance(old, FolderVersion) or isinstance(new, FolderVersion):
        raise _unlike(old, new)
    numbers = tuple(each.number for each in workspace.datasets.versions(new.name))
    made = None if _is_too_much(old, new) else _document(workspace, old, new)
    return DiffView(new.name, old.ref, new.ref, numbers, old.number, (old.rows, new.rows), made)


def differences(workspace: Workspace, ref: str, against: str) -> dict[str, object]:
    """Give the same as JSON, as `noria data diff --json` does."""
    old, new = _both(workspace, ref, against)
    both = {"a": old.ref, "b": new.ref}
    if isinstance(old, FolderVersion) and isinstance(new, FolderVersion):
        return both | workspace.datasets.folders.diff(old, new).to_json()
    if isinstance(old, FolderVersion) or isinstance(new, FolderVersion):
        raise _unlike(old, new)
    if _is_too_much(old, new):
        raise WrongArgument(
            f"{old.ref} and {new.ref} are too large to be compared while somebody waits",
            why=f"{old.rows:,} and {new.rows:,} rows",
            mend=f"noria data diff {old.ref} {new.ref} --json",
            code="N-SERVER-047",
        )
    return both | _compare(workspace, old, new).found.to_json()


def _both(
    workspace: Workspace, ref: str, against: str
) -> tuple[DatasetVersion | FolderVersion, DatasetVersion | FolderVersion]:
    new = find(workspace, ref)
    if against:
        return find(workspace, against if "@" in against else f"{new.name}@{against}"), new
    datasets = workspace.datasets
    is_folder = isinstance(new, FolderVersion)
    known = datasets.folders.catalog.versions(new.name) if is_folder else datasets.versions(new.name)
    earlier = [version for version in known if version.number < new.number]
    if not earlier:
        raise DatasetNotFound(
            f"there is no version before {new.ref}",
            mend=f"choose another: /datasets/{new.ref}/diff?from=NUMBER",
            code="N-DATA-088",
        )
    return max(earlier, key=lambda version: version.number), new


def _unlike(old: DatasetVersion | FolderVersion, new: DatasetVersion | FolderVersion) -> WrongArgument:
    return WrongArgument(
        f"{old.ref} and {new.ref} are a table and a folder", mend="compare like with like", code="N-DATA-068"
    )


def _is_too_much(old: DatasetVersion, new: DatasetVersion) -> bool:
    return old.rows * old.columns + new.rows * new.columns > _MOST_CELLS


def _document(workspace: Workspace, old: DatasetVersion, new: DatasetVersion) -> Document:
    from noria.datasets.diff_page import document  # noqa: PLC0415 - loads numpy, which few pages need

    found = _compare(workspace, old, new)
    return document(old, new, found.found, found.spread, key=_key(workspace, old))


def _compare(workspace: Workspace, old: DatasetVersion, new: DatasetVersion) -> Compared:
    """Compare two versions once: what they hold does not change, unless rows are erased from it."""
    from noria.datasets.comparing import compare, personal  # noqa: PLC0415 - as above

    datasets, key = workspace.datasets, _key(workspace, old)
    hidden = personal(datasets, old, new)
    asked = (datasets.held(old), datasets.held(new), key, hidden)
    with _one_at_a_time:  # two at once would want twice the memory, and mostly the same
        found = _compared.get(asked) or compare(datasets, old, new, key=key)
        _compared[asked] = found
        _compared.move_to_end(asked)
        while len(_compared) > _KEPT:
            _compared.popitem(last=False)
    return found


def _key(workspace: Workspace, version: DatasetVersion) -> tuple[str, ...]:
    return tuple(workspace.project.settings.data.key) if version.name == workspace.project.name else ()
