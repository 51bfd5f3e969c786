"""CatBoost's statistics of categories, read into what its splits say of every combination that training had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.combinations import Combinations, chained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.compiling.catboost_features import Features, Split

__all__ = ["combinations"]

_NOTHING = 2**64 - 1
"""Marks a place of its hash table that holds nothing."""


def combinations(
    tables: Mapping[str, Mapping[str, Any]],
    features: Features,
    shares: Sequence[Split],
    place: Mapping[Split, int],
) -> Combinations:
    """Read the tables that some splits look into.

    Parameters
    ----------
    tables : mapping
        ``ctr_data`` of a model's JSON.
    features : Features
        Its features.
    shares : sequence of Split
        Splits by shares, in the order of their answers.
    place : mapping of Split to int
        Numbers of the other splits.

    Raises
    ------
    Unsupported
        A share is of a kind that is not known here.
    """
    columns = sorted({part.of for one in shares for part in features.parts(one) if part.kind == "category"})
    named = [str(features.shares[one.of]["identifier"]) for one in shares]
    used = sorted(set(named))
    chains = {name: _chain(features.parts(one), columns, place) for name, one in zip(named, shares, strict=True)}
    in_order = sorted(set(chains.values()), key=lambda chain: (-len(chain), chain))
    padded = np.full((len(in_order[0]), len(in_order)), -1, dtype=np.int64)
    for number, chain in enumerate(in_order):
        padded[: len(chain), number] = chain
    of = np.array([used.index(name) for name in named], dtype=np.int64)
    offset = np.array([named[:number].count(name) for number, name in enumerate(named)], dtype=np.int64)
    codes = chained(np.zeros(len(features.hashes), dtype=np.uint64), features.hashes.astype(np.uint64))
    keys, rows, absent, said = [], [], [], []
    begin = 0
    for number, name in enumerate(used):
        mine = [one for one, other in zip(shares, named, strict=True) if other == name]
        known, answers = _answers(tables[name], [(features.shares[one.of], one.at) for one in mine])
        if len(chains[name]) == 1 and not np.isin(known, codes).all():
            raise Unsupported("it knows a category that is no code of a preparation")
        several, which = np.unique(answers, axis=0, return_inverse=True)
        begins = begin + which.ravel() * len(mine)
        keys.append(chained(known, np.full(len(known), number + 1, dtype=np.uint64)))
        rows.append(begins[:-1])
        absent.append(begins[-1])
        said.append(several.ravel())
        begin += several.size
    key = np.concatenate(keys)
    order = np.argsort(key)
    if len(key) > 1 and (np.diff(key[order]) == 0).any():
        raise Unsupported("two of its combinations have the same hash")
    spare = np.zeros(int(offset.max()) + 1, dtype=np.bool_)  # a row that is read too far ends here
    return Combinations(
        np.array(columns, dtype=np.int64),
        features.hashes,
        padded,
        np.array([in_order.index(chains[name]) for name in used], dtype=np.int64),
        key[order].astype(np.int64),
        np.concatenate(rows)[order].astype(np.int64),
        np.array(absent, dtype=np.int64),
        of,
        offset,
        np.concatenate([*said, spare]),
    )


def _chain(parts: Sequence[Split], columns: list[int], place: Mapping[Split, int]) -> tuple[int, ...]:
    kinds = [("category", "number", "code").index(part.kind) for part in parts]
    if kinds != sorted(kinds):
        raise Unsupported("the parts of its combinations come in an order that is not known here")
    return tuple(columns.index(part.of) if part.kind == "category" else len(columns) + place[part] for part in parts)


def _answers(
    table: Mapping[str, Any], splits: Sequence[tuple[Mapping[str, Any], float]]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Give the combinations of a table, and what the splits say of each and, last, of any other."""
    stride, flat = int(table["hash_stride"]), table["hash_map"]
    known = np.array([int(one) for one in flat[::stride]], dtype=np.uint64)
    counts = np.array([flat[place::stride] for place in range(1, stride)], dtype=np.float64).T
    held = known != _NOTHING
    counts = np.concatenate([counts[held], np.zeros((1, stride - 1))])
    made = [_share(one, counts, float(table["counter_denominator"])) > np.float32(border) for one, border in splits]
    return known[held], np.stack(made, axis=1)


def _share(told: Mapping[str, Any], counts: NDArray[np.float64], denominator: float) -> NDArray[np.float32]:
    """Compute a share as the library does, in float32."""
    border = int(told["target_border_idx"])
    match told["ctr_type"]:
        case "Borders":
            good, total = counts[:, border + 1 :].sum(axis=1), counts.sum(axis=1)
        case "Buckets":
            good, total = counts[:, border], counts.sum(axis=1)
        case "Counter":
            good, total = counts[:, 0], np.full(len(counts), denominator)
        case other:
            raise Unsupported(f"it keeps statistics of the kind {other!r}")
    one, more, shift, scale = (
        np.float32(told[name]) for name in ("prior_numerator", "prior_denomerator", "shift", "scale")
    )
    return np.asarray(((good.astype(np.float32) + one) / (total.astype(np.float32) + more) + shift) * scale)
