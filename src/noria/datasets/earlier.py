"""Which earlier version a table is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noria.datasets.catalog import Datasets
    from noria.datasets.version import DatasetVersion

__all__ = ["earlier", "is_counted"]


def is_counted(which: str) -> bool:
    """Say whether a version is named by where it stands among the others, not by a tag.

    Examples
    --------
    >>> is_counted("previous"), is_counted("3"), is_counted("prod")
    (True, True, False)
    """
    return which == "previous" or which.isdecimal()


def earlier(datasets: Datasets, name: str, against: str, mark: str) -> DatasetVersion | None:
    """Find the version that stands somewhere among the others, for some rows.

    Parameters
    ----------
    datasets : Datasets
        The catalog.
    name : str
        The rows' own dataset.
    against : str
        ``@previous``, ``@3`` or ``other@3``.
    mark : str
        Fingerprint of the rows: a newest version that holds just these is not the one before them.

    Returns
    -------
    DatasetVersion or None
        None where there is none yet.

    Raises
    ------
    DatasetNotFound
        The dataset is there, and has no version of that number.
    """
    other, _, which = against.partition("@")
    wanted = other or name
    versions = datasets.versions(wanted)
    if which != "previous":
        # Before the first run of a project its first version is still to come.
        return datasets.get(wanted, which) if versions or other else None
    if not versions:
        return None
    newest = versions[0]
    if wanted != name or newest.fingerprint != mark:
        return newest
    return next((version for version in versions if version.number == newest.parent), None)
