"""How much memory a training takes, told before it begins; and a fair sample where that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["needed_bytes", "sample"]

_COPIES = 6
"""Of the prepared matrix at once: measured, 2.2 GB for a logistic regression on 800,000 rows of 53 columns."""


def needed_bytes(rows: int, width: int, stored: int) -> int:
    """Say how much memory a training takes at its peak, roughly.

    Parameters
    ----------
    rows, width : int
        Of the prepared matrix of doubles: each number is one column, each category one for each of its values.
    stored : int
        Bytes of the rows as they are in memory.

    Examples
    --------
    >>> needed_bytes(800_000, 53, 130_000_000) / 1e9
    2.4252
    """
    return rows * width * 8 * _COPIES + 3 * stored


def sample(
    rows: int,
    most: int,
    *,
    seed: int,
    classes: NDArray[np.generic] | None = None,
    groups: NDArray[np.generic] | None = None,
) -> NDArray[np.int64]:
    """Choose rows to learn from, in their order.

    Parameters
    ----------
    rows : int
        How many there are.
    most : int
        How many there may be.
    seed : int
        The same one, the same rows.
    classes : array of shape (rows,), optional
        Each keeps its share, and at least one row.
    groups : array of shape (rows,), optional
        Rows of one group stay together: whole groups are taken while there is room.

    Returns
    -------
    ndarray of int64
        Positions, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> chosen = sample(1000, 100, seed=7, classes=np.array(["yes"] * 900 + ["no"] * 100))
    >>> len(chosen), int((chosen >= 900).sum())
    (100, 10)
    """
    import numpy as np  # noqa: PLC0415 - settings are read without it

    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    rng = np.random.default_rng(seed)
    if groups is not None:
        return _whole_groups(groups, most, rng)
    if classes is None:
        return np.sort(rng.choice(rows, most, replace=False)).astype(np.int64)
    _, of_class = np.unique(classes, return_inverse=True)
    counts = np.bincount(of_class)
    wanted = _shares(counts, most)
    order = rng.permutation(rows)
    ranks = np.empty(rows, np.int64)
    for place in range(len(counts)):
        mine = order[of_class[order] == place]
        ranks[mine] = np.arange(len(mine))
    return np.flatnonzero(ranks < wanted[of_class]).astype(np.int64)


def _shares(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Divide rows among classes by how many each has: at least one each, and what that takes the others give."""
    import numpy as np  # noqa: PLC0415 - as above

    rare = np.zeros(len(counts), dtype=bool)
    exact = np.ones(len(counts))
    while not rare.all():
        exact = np.where(rare, 1.0, counts * ((most - rare.sum()) / counts[~rare].sum()))
        if not (exact < 1).any():
            break
        rare |= exact < 1
    exact = np.where(rare, 1.0, exact)
    wanted = np.floor(exact).astype(np.int64)
    # What rounding leaves goes to the classes that lost most by it.
    wanted[np.argsort(wanted - exact, kind="stable")[: max(0, most - int(wanted.sum()))]] += 1
    return wanted


def _whole_groups(groups: NDArray[np.generic], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    import numpy as np  # noqa: PLC0415 - as above

    _, of_group = np.unique(groups, return_inverse=True)
    counts = np.bincount(of_group)
    taken = np.zeros(len(counts), dtype=bool)
    room = most
    for place in rng.permutation(len(counts)):
        if counts[place] <= room:
            taken[place] = True
            room -= int(counts[place])
    return np.flatnonzero(taken[of_group]).astype(np.int64)
