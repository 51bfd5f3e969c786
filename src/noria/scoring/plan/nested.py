"""How a head keeps the heads inside it: their facts in a list, their arrays under "0/", "1/" and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.plan.unsound import Unsound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.head import Arrays, Facts, Head

__all__ = ["arrays_of", "edges_of", "facts_of", "only", "parts_of"]


def facts_of(heads: Sequence[Head]) -> list[Facts]:
    """Give kind and facts of each, for the fact "heads"."""
    return [{"kind": head.kind, "facts": head.facts()} for head in heads]


def arrays_of(heads: Sequence[Head]) -> dict[str, NDArray[np.generic]]:
    """Give the arrays of all, each under the number of its head."""
    return {f"{n}/{name}": found for n, head in enumerate(heads) for name, found in head.arrays().items()}


def edges_of(heads: Sequence[Head]) -> dict[int, NDArray[np.float64]]:
    """Give where any of them jumps."""
    found: dict[int, list[NDArray[np.float64]]] = {}
    for head in heads:
        for position, values in head.edges().items():
            found.setdefault(position, []).append(values)
    return {position: np.unique(np.concatenate(values)) for position, values in found.items()}


def parts_of(facts: Facts, arrays: Arrays) -> Iterator[tuple[str, Facts, Arrays]]:
    """Take apart what `facts_of` and `arrays_of` put together: kind, facts and arrays of each head."""
    kept = facts.get("heads", [])
    if not isinstance(kept, list):
        raise Unsound("'heads' is not a list")
    for n, part in enumerate(kept):
        kind, inner = (part.get("kind"), part.get("facts")) if isinstance(part, Mapping) else (None, None)
        if not isinstance(kind, str) or not isinstance(inner, Mapping):
            raise Unsound(f"head {n} does not say what it is")
        own = f"{n}/"
        yield kind, inner, {name[len(own) :]: found for name, found in arrays.items() if name.startswith(own)}


def only(heads: Sequence[Head]) -> Head:
    """Take the one head there must be."""
    if len(heads) != 1:
        raise Unsound(f"it holds {len(heads)} heads, not one")
    return heads[0]
