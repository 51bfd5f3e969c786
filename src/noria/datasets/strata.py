"""Drawing rows so that each layer of them keeps its share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["draw", "draw_groups", "strata"]

_BINS = 10
_MOST_CLASSES = 50


def strata(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Give each row the number of its layer: its class, or the tenth its number falls in; missing is one more.

    Examples
    --------
    >>> import pyarrow as pa
    >>> strata(pa.chunked_array([["a", "b", "a", None]])).tolist()
    [0, 1, 0, 2]
    """
    import pyarrow as pa  # noqa: PLC0415 - types only elsewhere
    import pyarrow.compute as pc  # noqa: PLC0415 - types only elsewhere

    kind = column.type
    numeric = pa.types.is_floating(kind) or (
        pa.types.is_integer(kind) and pc.count_distinct(column).as_py() > _MOST_CLASSES
    )
    if numeric:
        values = np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=float)
        edges = np.unique(np.nanquantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(values) else values
        codes = np.searchsorted(edges, values, side="right").astype(np.int64)
        codes[np.isnan(values)] = len(edges) + 1
        return codes
    encoded = column.combine_chunks().dictionary_encode()
    # Sorted, so that the layer's number does not hang on which row comes first.
    order = np.argsort(np.array([str(value) for value in encoded.dictionary.to_pylist()]), kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = len(order)
    return rank[np.asarray(encoded.indices.fill_null(len(order)).to_numpy(zero_copy_only=False), dtype=np.int64)]


def draw(layers: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a share of the rows, from each layer in proportion.

    Parameters
    ----------
    layers : ndarray of int64, shape (n_rows,)
        Layer of each row.
    share : float
        Between 0 and 1.
    rng : numpy.random.Generator
        Decides the draw.

    Returns
    -------
    ndarray of int64
        Sorted row numbers: ``round(share * n_rows)`` of them, at least one and not all.

    Notes
    -----
    Largest remainders decide which layers get one row more, so that the total is exact.
    """
    numbers, counts = np.unique(layers, return_counts=True)
    total = min(len(layers) - 1, max(1, round(share * len(layers))))
    exact = counts * total / len(layers)
    taken = np.floor(exact).astype(np.int64)
    rest = total - taken.sum()
    remainder = np.where(taken < counts, exact - taken, -1.0)
    taken[np.argsort(-remainder, kind="stable")[:rest]] += 1
    chosen = [
        rng.permutation(np.flatnonzero(layers == number))[:count] for number, count in zip(numbers, taken, strict=True)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def draw_groups(
    groups: NDArray[np.int64], layers: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw whole groups until each layer has about its share.

    Parameters
    ----------
    groups, layers : ndarray of int64, shape (n_rows,)
        Group and layer of each row.
    share : float
        Between 0 and 1.
    rng : numpy.random.Generator
        Decides the draw.

    Returns
    -------
    ndarray of int64
        Sorted row numbers. A group is in it whole or not at all.

    Notes
    -----
    Groups come in random order, large ones first among equals of a draw; each is taken where it brings the counts
    per layer nearer to what is wanted. Exact proportions are a knapsack; this is within one group of them.
    """
    _, group = np.unique(groups, return_inverse=True)
    _, layer = np.unique(layers, return_inverse=True)
    n_groups, n_layers = int(group.max()) + 1, int(layer.max()) + 1
    counts = np.zeros((n_groups, n_layers))
    np.add.at(counts, (group.reshape(-1), layer.reshape(-1)), 1)
    wanted = counts.sum(axis=0) * share
    got = np.zeros(n_layers)
    taken = np.zeros(n_groups, dtype=bool)
    # Greedy over a random order, the large groups first: small ones can still even things out.
    order = rng.permutation(n_groups)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    scale = np.maximum(wanted, 1.0)
    for number in order:
        now = (((wanted - got) / scale) ** 2).sum()
        then = (((wanted - got - counts[number]) / scale) ** 2).sum()
        if then < now:
            taken[number] = True
            got += counts[number]
    if not taken.any():
        taken[order[-1]] = True
    if taken.all():
        taken[order[-1]] = False
    return np.flatnonzero(taken[group.reshape(-1)]).astype(np.int64)
