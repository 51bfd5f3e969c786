"""Categories by their hash: a fixed number of columns, whatever comes."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["bucket", "hashed"]


@lru_cache(maxsize=65536)
def bucket(category: str, buckets: int) -> int:
    """Say which column a category is; the same on every machine and in every process.

    Examples
    --------
    >>> 0 <= bucket("Ghent", 16) < 16
    True
    """
    digest = blake2b(category.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


def hashed(categories: Sequence[object], buckets: int) -> NDArray[np.float64]:
    """Mark the bucket of each category, shape (n_rows, buckets); what is missing has none.

    Examples
    --------
    >>> hashed(["a", None, "a"], 4).sum(axis=1).tolist()
    [1.0, 0.0, 1.0]
    """
    made = np.zeros((len(categories), buckets))
    for row, category in enumerate(categories):
        if isinstance(category, str):
            made[row, bucket(category, buckets)] = 1.0
    return made
