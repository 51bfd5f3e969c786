"""Who does the fits of a training, as ``[run]`` says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from noria.training.processes import Processes
from noria.training.work import Inline, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.training.family import Family

__all__ = ["hands_for"]


@contextmanager
def hands_for(executor: str, count: int | None) -> Iterator[Callable[[Family], Work]]:
    """Give for a family who does its fits, and let go of all in the end.

    Parameters
    ----------
    executor : str
        See `noria.project.settings.RunSettings`.
    count : int, optional
        Fits at once in other processes.
    """
    inline = Inline()
    work: Work = inline
    if executor == "auto":
        work = Processes(1)
    elif executor == "processes":
        work = Processes(count or len(os.sched_getaffinity(0)))
    elif executor.startswith("ray"):
        from noria.training.cluster import Cluster  # noqa: PLC0415 - an extra

        work = cluster = Cluster(executor)
        cluster.connect()
    try:
        yield lambda family: work if executor != "auto" or family.is_own else inline
    finally:
        work.close()
