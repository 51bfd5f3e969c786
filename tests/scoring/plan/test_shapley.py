"""Explanations of trees, held to the definition: every subset of columns, every path, no cleverness."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.compiling.layout import FittedTree, Inputs, lay_out
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.contributions import Players, Unexplained
from noria.scoring.plan.links import Link
from noria.scoring.plan.readings import Reading
from noria.scoring.plan.trees import Trees
from noria.scoring.plan.unsound import Unsound

N_FEATURES = 5

sometimes = settings(max_examples=40, deadline=None)
each_its_own = Players(np.arange(N_FEATURES), N_FEATURES)


def grown(rng: np.random.Generator, n_leaves: int) -> FittedTree:
    """Grow a tree at random; as in boosters, two children need not cover what their parent does to the last bit."""
    left, right, cover = [-1], [-1], [float(rng.integers(1, 1000))]
    for _ in range(n_leaves - 1):
        leaf = int(rng.choice([node for node, child in enumerate(left) if child < 0]))
        left[leaf], right[leaf] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
        share = rng.choice([0.0, 0.1, 0.5, 0.7, 1.0])
        cover += [cover[leaf] * share, cover[leaf] * (1 - share)]
    size = len(left)
    reading = rng.choice([Reading.PLAIN, Reading.MISSING_RIGHT], size)
    return FittedTree(
        np.array(left),
        np.array(right),
        rng.integers(0, N_FEATURES, size),
        rng.normal(size=size).round(1),
        reading,
        rng.normal(size=(size, 1)),
        cover=np.array(cover),
    )


def expected(tree: FittedTree, row: np.ndarray, known: set[int], of: list[int], node: int = 0) -> float:
    """Answer a row of which only some columns are known: elsewhere both ways, by their covers."""
    if tree.left[node] < 0:
        return float(tree.values[node, 0])
    x, down = row[tree.feature[node]], (int(tree.left[node]), int(tree.right[node]))
    if of[int(tree.feature[node])] in known:
        missing_right = tree.reading[node] == Reading.MISSING_RIGHT
        right = bool(missing_right) if math.isnan(x) else bool(x > tree.threshold[node])
        return expected(tree, row, known, of, down[right])
    covers = [float(np.float32(tree.cover[one])) for one in down]  # type: ignore[index]
    total = sum(covers)
    shares = [one / total for one in covers] if total else [0.5, 0.5]
    return sum(share * expected(tree, row, known, of, one) for share, one in zip(shares, down, strict=True))


def by_definition(trees: list[FittedTree], row: np.ndarray, of: list[int], n: int) -> list[float]:
    """Average, over all orders in which columns become known, what each adds."""

    def value(known: set[int]) -> float:
        return sum(expected(tree, row, known, of) for tree in trees)

    made = []
    for player in range(n):
        others = [one for one in range(n) if one != player]
        total = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for known in combinations(others, size):
                total += weight * (value({*known, player}) - value(set(known)))
        made.append(total)
    return made


def rows(seed: int, n_rows: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_FEATURES)).round(1)
    X[rng.random(X.shape) < 0.15] = np.nan
    return X


@sometimes
@given(
    st.integers(0, 2**32),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.sampled_from([[0, 1, 2, 3, 4], [0, 1, 1, 1, 2], [0, 0, 0, 0, 0], [3, 2, 3, 1, 0]]),
)
def test_they_are_what_the_definition_says(seed: int, leaves: list[int], of: list[int]) -> None:
    rng = np.random.default_rng(seed)
    trees = [grown(rng, count) for count in leaves]
    plan = lay_out(trees, Inputs(N_FEATURES), Additive(np.array([0.25]), Link.VALUE))
    X = rows(seed, 3)
    n = max(of) + 1
    made = plan.contributions(X, Players(np.array(of), n))
    for row, parts in zip(X, made.parts, strict=True):
        assert parts[:, 0] == pytest.approx(by_definition(trees, row, of, n), rel=1e-12, abs=1e-12)
    nothing_known = sum(expected(tree, X[0], set(), of) for tree in trees)
    assert made.base[0] == pytest.approx(0.25 + nothing_known, rel=1e-12, abs=1e-12)


@sometimes
@given(st.integers(0, 2**32), st.lists(st.integers(1, 200), min_size=1, max_size=5), st.sampled_from([1.0, 3.0]))
def test_with_the_base_they_sum_to_the_answer(seed: int, leaves: list[int], divisor: float) -> None:
    rng = np.random.default_rng(seed)
    trees = [grown(rng, count) for count in leaves]
    plan = lay_out(trees, Inputs(N_FEATURES), Additive(np.array([0.25]), Link.VALUE, divisor=divisor))
    X = rows(seed, 20)
    made = plan.contributions(X, each_its_own)
    # The rounding of sums of some hundred terms, each of the size of a leaf.
    assert np.abs(made.base + made.parts.sum(axis=1) - plan.answer(X)[:, None]).max() < 1e-12


def test_rows_are_explained_alike_however_they_are_put_together() -> None:
    rng = np.random.default_rng(1)
    plan = lay_out([grown(rng, 30) for _ in range(4)], Inputs(N_FEATURES), Additive(np.zeros(1), Link.VALUE))
    X = rows(1, 9)
    together = plan.contributions(X, each_its_own).parts
    assert (
        np.concatenate([plan.contributions(row[None], each_its_own).parts for row in X]).tobytes() == together.tobytes()
    )


def test_covers_are_kept_and_looked_at() -> None:
    rng = np.random.default_rng(1)
    plan = lay_out([grown(rng, 9)], Inputs(N_FEATURES), Additive(np.zeros(1), Link.VALUE))
    X = rows(1, 3)
    arrays = dict(plan.arrays())
    again = Trees.restore(plan.facts(), arrays)
    assert again.contributions(X, each_its_own).parts.tobytes() == plan.contributions(X, each_its_own).parts.tobytes()
    for wrong in (arrays["covers"][1:], -arrays["covers"], arrays["covers"] * np.float32(np.nan)):
        with pytest.raises(Unsound):
            Trees.restore(plan.facts(), {**arrays, "covers": wrong})
    del arrays["covers"]
    with pytest.raises(Unexplained):
        Trees.restore(plan.facts(), arrays).contributions(X, each_its_own)
