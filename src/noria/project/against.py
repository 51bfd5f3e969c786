"""Which version of the data ``[data.checks] drift`` compares with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from noria.datasets.catalog import Datasets
from noria.datasets.earlier import earlier, is_counted
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry

if TYPE_CHECKING:
    from noria.datasets.version import DatasetVersion
    from noria.store.blobs import Blobs
    from noria.store.database import Database

__all__ = ["Compared", "Records", "compared", "stands_at"]

IN_PRODUCTION = "prod"
"""Of the models' aliases, the one that data people call so."""

_NONE_YET = ("champion", "challenger")
"""Aliases that a model need not have yet."""


class Records(Protocol):
    """A store that is open: its records and its bytes."""

    @property
    def database(self) -> Database:
        """The records."""

    @property
    def blobs(self) -> Blobs:
        """The bytes."""


@dataclass(frozen=True)
class Compared:
    """What rows are held against.

    Parameters
    ----------
    version : DatasetVersion or None
        None where there is nothing yet.
    told : str
        What to say of it; empty where there is nothing to say.
    """

    version: DatasetVersion | None
    told: str = ""


def compared(records: Records | None, name: str, against: str, mark: str) -> Compared:
    """Find the version that ``drift.against`` means for some rows.

    ``@previous`` and ``@3`` are versions of the data. Any other word is a tag of theirs or, where no version of the
    data has that tag, an alias of the model: then the version is meant that this model learned from. ``@prod`` is
    the model in production.

    Parameters
    ----------
    records : Records or None
        The store; None where there is none yet.
    name : str
        The rows' own dataset, and the model's name.
    against : str
        As the project file says it.
    mark : str
        Fingerprint of the rows, see `noria.datasets.earlier.earlier`.

    Raises
    ------
    DatasetNotFound
        The dataset is there, and has no version of that number or tag; nor has the model such an alias.
    """
    nothing = Compared(None, f"drift: there is no {against} yet to compare with")
    if records is None:
        return nothing
    datasets = Datasets(records.database, records.blobs)
    other, _, which = against.partition("@")
    if is_counted(which):
        found = earlier(datasets, name, against, mark)
        return nothing if found is None else Compared(found)
    wanted = other or name
    tagged = datasets.tags.all(wanted).get(wanted, {}).get(which)
    if tagged is not None:
        return Compared(datasets.get(wanted, tagged))
    alias = "champion" if which == IN_PRODUCTION else which
    number = Aliases(records.database).current(wanted, alias)
    if number is not None:
        return _learned_from(records, datasets, wanted, number)
    if alias in _NONE_YET or not (other or datasets.versions(wanted)):
        if which == IN_PRODUCTION:
            return Compared(None, f"drift: no version of {wanted} is in production yet to compare with")
        return nothing
    return Compared(datasets.get(wanted, which))  # which tells the tags that there are


def stands_at(records: Records, name: str, against: str) -> str | None:
    """Name what a tag or an alias stands for now: a run that finds it moved checks again.

    Returns
    -------
    str or None
        None for what never moves, and for what is not there.
    """
    _, _, which = against.partition("@")
    if is_counted(which):
        return None
    from noria.errors import NotFound  # noqa: PLC0415 - beside its one use

    try:
        found = compared(records, name, against, "").version
    except NotFound:
        return None  # the step itself tells
    return found.ref if found is not None else None


def _learned_from(records: Records, datasets: Datasets, model: str, number: int) -> Compared:
    version = Registry(records.database, records.blobs).get(model, number)
    name, _, dataset = version.dataset.rpartition("@")
    if not name or not dataset.isdecimal():
        return Compared(None, f"drift: it is not known what {version.ref} learned from, so nothing is compared")
    found = datasets.get(name, dataset)
    return Compared(found, f"drift: measured against {found.ref}, which {version.ref} learned from")
