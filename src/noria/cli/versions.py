"""Which version of a dataset a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from noria.errors import DatasetNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypeIs

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.version import DatasetVersion
    from noria.workspace import Workspace

__all__ = ["found_version", "is_table", "previous_version", "rows_told", "table_version", "to_json"]


def found_version(opened: Workspace, ref: str | None) -> DatasetVersion | FolderVersion:
    """Look up what a command was given: a name, NAME@NUMBER, NAME@TAG, or a number of the project's own dataset.

    Without a name, as in ``@gold`` or ``@previous``, the project's own dataset is meant; ``@prod`` or another alias of
    the model is what that version of it learned from, where the data has no such tag.
    """
    if ref is None:
        return opened.datasets.get(opened.project.settings.project.name)
    if ref.isascii() and ref.isdecimal():  # `noria data diff 1 2` means this project's dataset
        return opened.datasets.get(f"{opened.project.settings.project.name}@{ref}")
    if ref.startswith("@"):  # as [data.checks] drift says it
        ref = f"{opened.project.settings.project.name}{ref}"
        if (learned := _learned_from(opened, ref)) is not None:
            return learned
    name, _, which = ref.rpartition("@")
    if which == "previous":
        return previous_version(opened, opened.datasets.find(name))
    return opened.datasets.find(ref)


def _learned_from(opened: Workspace, ref: str) -> DatasetVersion | None:
    from noria.datasets.earlier import is_counted
    from noria.project.against import compared

    name, _, which = ref.rpartition("@")
    if is_counted(which) or which in opened.datasets.tags.all(name).get(name, {}):
        return None
    try:
        return compared(opened, name, ref, "").version
    except DatasetNotFound:
        return None  # looked for as a tag, it is told with those there are


def previous_version(opened: Workspace, version: DatasetVersion | FolderVersion) -> DatasetVersion | FolderVersion:
    """Look up the version before one, of those that are here."""
    datasets = opened.datasets
    known = datasets.versions(version.name) if is_table(version) else datasets.folders.catalog.versions(version.name)
    earlier = [each for each in known if each.number < version.number]
    if not earlier:
        raise DatasetNotFound(
            f"there is no version before {version.ref}", mend=f"noria data log {version.name}", code="N-DATA-088"
        )
    return max(earlier, key=lambda each: each.number)


def is_table(version: DatasetVersion | FolderVersion) -> TypeIs[DatasetVersion]:
    """Say whether a version is one of a table."""
    return hasattr(version, "schema")


def table_version(opened: Workspace, ref: str | None) -> DatasetVersion:
    """Look up the version of a table; a folder of files is refused."""
    version = found_version(opened, ref)
    return version if is_table(version) else opened.datasets.get(version.name)  # which says that it is no table


def rows_told(version: DatasetVersion, erased: Mapping[str, int], unit: str = "") -> str:
    """Say how many rows a version has, and how many it had to give up.

    Parameters
    ----------
    version : DatasetVersion
        Which.
    erased : mapping of str to int
        As `noria.datasets.catalog.Datasets.erased` gives it.
    unit : str
        What to say after the number.
    """
    gone = erased.get(version.ref, 0)
    return f"{version.rows - gone:,}{unit}" + (f" ({gone:,} erased)" if gone else "")


def to_json(version: DatasetVersion, erased: Mapping[str, int]) -> dict[str, object]:
    """Give a version as JSON, with the rows it has now and how many it had to give up."""
    gone = erased.get(version.ref, 0)
    return {**version.to_json(), "rows": version.rows - gone, "erased": gone}
