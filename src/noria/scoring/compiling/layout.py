"""Fitted trees of any library laid out as the arrays of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.nodes import Nodes
from noria.scoring.plan.readings import Categories, Reading, Readings
from noria.scoring.plan.trees import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.additive import Additive

__all__ = ["FittedTree", "Inputs", "lay_out"]


@dataclass(frozen=True)
class FittedTree:
    """One tree as its library keeps it, the root first.

    Parameters
    ----------
    left, right : ndarray of int, shape (n_nodes,)
        Children; below zero for a leaf.
    feature : ndarray of int, shape (n_nodes,)
        What a node tests.
    threshold : ndarray of float, shape (n_nodes,)
        What is greater goes right.
    reading : ndarray of int, shape (n_nodes,)
        A `Reading` each; a `MEMBER` node needs an entry in `sets`.
    values : ndarray, shape (n_nodes, n_values)
        What leaves say.
    sets : mapping of int to ndarray of bool
        For a node, which of its feature's categories go right, then any other, then a missing one.
    cover : ndarray of float, shape (n_nodes,), optional
        Training's rows, or their weight, at each node: what explanations need.
    """

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    threshold: NDArray[np.floating]
    reading: NDArray[np.integer]
    values: NDArray[np.floating]
    sets: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    cover: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class Inputs:
    """How the library reads a matrix.

    Parameters
    ----------
    n_features : int
        Its width.
    narrow, near_zero, whole : bool
        As `Readings` and `Categories` say.
    categories : mapping of int to ndarray
        Known categories of a feature, ascending.
    """

    n_features: int
    narrow: bool = False
    near_zero: bool = False
    whole: bool = False
    categories: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)


def lay_out(trees: Sequence[FittedTree], inputs: Inputs, additive: Additive) -> Trees:
    """Put trees one behind the other, level by level.

    Raises
    ------
    Unsupported
        There are no trees.
    """
    if not trees:
        raise Unsupported("it has no trees")
    offsets = np.cumsum([0] + [len(tree.left) for tree in trees])
    order, left = _level_order(trees, offsets)
    leaf = left == np.arange(len(left))
    readings, column = _readings(trees, offsets, inputs)
    values, payload = _distinct(np.concatenate([tree.values for tree in trees])[order[leaf]])
    column = column[order]
    column[leaf] = payload
    threshold = np.where(leaf, np.inf, np.concatenate([tree.threshold for tree in trees])[order])
    nodes = Nodes.build(threshold.astype(np.float32 if inputs.narrow else np.float64), column, left, len(trees))
    covers = [tree.cover for tree in trees if tree.cover is not None]
    cover = np.concatenate(covers)[order].astype(np.float32) if len(covers) == len(trees) else None
    return Trees(nodes, readings, values, additive, cover)


def _level_order(trees: Sequence[FittedTree], offsets: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Give the nodes in their new order, and in that order where their left children stand."""
    lefts, rights = _children(trees, offsets)
    level = offsets[:-1]
    order, places = [], []
    placed, seen = len(level), 0
    while len(level):
        inner = lefts[level] >= 0
        place = np.arange(seen, seen + len(level))
        place[inner] = placed + 2 * np.arange(int(inner.sum()))
        order.append(level)
        places.append(place)
        seen += len(level)
        level = np.stack([lefts[level[inner]], rights[level[inner]]], axis=1).ravel()
        placed += len(level)
    return np.concatenate(order), np.concatenate(places).astype(np.int32)


def _children(trees: Sequence[FittedTree], offsets: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    shifts = np.repeat(offsets[:-1], np.diff(offsets))
    left = np.concatenate([tree.left for tree in trees]).astype(np.intp)
    right = np.concatenate([tree.right for tree in trees]).astype(np.intp)
    return np.where(left < 0, -1, left + shifts), right + shifts


def _readings(
    trees: Sequence[FittedTree], offsets: NDArray[np.intp], inputs: Inputs
) -> tuple[Readings, NDArray[np.int32]]:
    """Give a column to every way in which nodes read a feature, and to every node its column."""
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int32)
    reading = np.concatenate([tree.reading for tree in trees]).astype(np.int8)
    inner = np.concatenate([tree.left for tree in trees]) >= 0
    by_number = inner & (reading != Reading.MEMBER)
    ways, which = np.unique(np.stack([feature[by_number], reading[by_number]]), axis=1, return_inverse=True)
    column = np.zeros(len(feature), dtype=np.int32)
    column[by_number] = which.ravel()
    sets: dict[tuple[int, bytes], int] = {}
    for tree, offset in zip(trees, offsets.tolist(), strict=False):
        for node, right in tree.sets.items():
            key = (int(tree.feature[node]), right.tobytes())
            column[offset + node] = ways.shape[1] + sets.setdefault(key, len(sets))
    by_set = np.array([of for of, _ in sets], dtype=np.int32)
    source = np.concatenate([ways[0].astype(np.int32), by_set])
    kinds = np.concatenate([ways[1].astype(np.int8), np.full(len(by_set), Reading.MEMBER, dtype=np.int8)])
    categories = {of: _categories(of, sets, inputs) for of in sorted({of for of, _ in sets})}
    return Readings(inputs.n_features, source, kinds, categories, inputs.narrow, inputs.near_zero), column


def _categories(feature: int, sets: Mapping[tuple[int, bytes], int], inputs: Inputs) -> Categories:
    right = [np.frombuffer(kept, dtype=np.bool_) for of, kept in sets if of == feature]
    return Categories(inputs.categories[feature], np.stack(right, axis=1), inputs.whole)


def _distinct(values: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.int32]]:
    """Keep what leaves say once each: most leaves of a forest are of one class alone, and say the same."""
    kept = np.ascontiguousarray(values)
    rows = kept.view(np.dtype((np.void, kept.itemsize * kept.shape[1]))).ravel()  # bytes: -0.0 is not 0.0
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    return kept[first], which.astype(np.int32)
