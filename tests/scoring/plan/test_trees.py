from __future__ import annotations

import math
import threading
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.compiling.layout import FittedTree, Inputs, lay_out
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.bitvectors import bit_vectors
from noria.scoring.plan.descent import Descent
from noria.scoring.plan.links import Link
from noria.scoring.plan.readings import Reading
from noria.scoring.plan.trees import Trees
from noria.scoring.plan.unsound import Unsound

N_FEATURES = 5  # the last one holds categories
KNOWN = np.array([1.0, 2.0, 5.0])
THRESHOLDS = (-1.5, -0.0, 0.0, 0.5, 1.0)
VALUES = (
    *THRESHOLDS,
    *np.nextafter(THRESHOLDS, 9),
    *np.nextafter(THRESHOLDS, -9),
    math.nan,
    math.inf,
    -math.inf,
    1e300,
)
CATEGORIES = (*KNOWN, 0.0, 1.5, -3.0, 1e18, math.nan, math.inf)

sometimes = settings(max_examples=40, deadline=None)


def grown(rng: np.random.Generator, n_leaves: int) -> FittedTree:
    """Grow a tree at random, with every way of reading a feature."""
    left, right = [-1], [-1]
    for _ in range(n_leaves - 1):
        leaf = int(rng.choice([node for node, child in enumerate(left) if child < 0]))
        left[leaf], right[leaf] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    size = len(left)
    feature = rng.integers(0, N_FEATURES, size)
    reading = rng.choice([kind for kind in Reading if kind != Reading.MEMBER], size)
    reading[feature == N_FEATURES - 1] = Reading.MEMBER
    threshold = np.where(np.isin(reading, [Reading.MEMBER, Reading.IS_MISSING]), 0.5, rng.choice(THRESHOLDS, size))
    sets = {
        node: rng.random(len(KNOWN) + 2) < 0.5
        for node in range(size)
        if left[node] >= 0 and reading[node] == Reading.MEMBER
    }
    values = rng.normal(size=(size, 1))
    return FittedTree(np.array(left), np.array(right), feature, threshold, reading, values, sets)


def goes_right(tree: FittedTree, node: int, x: float) -> bool:
    """Say what the words of `Reading` say, without the arithmetic."""
    reading, threshold, missing = tree.reading[node], tree.threshold[node], math.isnan(x)
    if reading == Reading.MEMBER:
        place = len(KNOWN) + 1 if missing else KNOWN.tolist().index(x) if x in KNOWN else len(KNOWN)
        return bool(tree.sets[node][place])
    if reading == Reading.IS_MISSING:
        return missing
    if reading in (Reading.ZERO_LEFT, Reading.ZERO_RIGHT) and (missing or x == 0):
        return bool(reading == Reading.ZERO_RIGHT)
    if missing and reading == Reading.MISSING_RIGHT:
        return True
    if missing and reading == Reading.MISSING_ZERO:
        return bool(threshold < 0)
    return bool(x > threshold)


def walked(tree: FittedTree, row: np.ndarray) -> float:
    node = 0
    while tree.left[node] >= 0:
        right = goes_right(tree, node, float(row[tree.feature[node]]))
        node = int((tree.right if right else tree.left)[node])
    return float(tree.values[node, 0])


def forest(seed: int, leaves: list[int]) -> tuple[list[FittedTree], Trees]:
    rng = np.random.default_rng(seed)
    trees = [grown(rng, count) for count in leaves]
    inputs = Inputs(N_FEATURES, categories={N_FEATURES - 1: KNOWN})
    return trees, lay_out(trees, inputs, Additive(np.array([0.25]), Link.VALUE, divisor=3.0))


def table(seed: int, n_rows: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.choice(VALUES, (n_rows, N_FEATURES))
    X[:, -1] = rng.choice(CATEGORIES, n_rows)
    return X


@sometimes
@given(st.integers(0, 2**32), st.lists(st.sampled_from([1, 2, 3, 9, 32, 33, 64, 65, 90]), min_size=1, max_size=6))
def test_a_forest_answers_as_one_who_walks_through_it(seed: int, leaves: list[int]) -> None:
    trees, plan = forest(seed, leaves)
    X = table(seed, 40)
    wanted = []
    for row in X:
        total = 0.25
        for tree in trees:
            total += walked(tree, row)
        wanted.append(total / 3.0)
    assert plan.answer(X).tolist() == wanted


@sometimes
@given(st.integers(0, 2**32), st.lists(st.integers(2, 64), min_size=1, max_size=9), st.sampled_from([1, 2, 30, 99]))
def test_bit_vectors_find_the_leaves_of_the_descent(seed: int, leaves: list[int], n_rows: int) -> None:
    _, plan = forest(seed, leaves)
    X = table(seed, n_rows)
    quick = bit_vectors(plan.nodes, plan.readings)
    assert quick is not None
    places = Descent(plan.nodes, len(plan.readings.source)).leaves(plan.readings.columns(X))
    assert (quick.rows(X) == plan.nodes.payload[places]).all()


@sometimes
@given(st.integers(0, 2**32), st.lists(st.sampled_from([2, 20, 80]), min_size=1, max_size=5), st.integers(1, 60))
def test_a_row_has_the_same_answer_in_every_company(seed: int, leaves: list[int], n_rows: int) -> None:
    _, plan = forest(seed, leaves)
    X = table(seed, n_rows)
    made = plan.answer(X)
    order = np.random.default_rng(seed).permutation(n_rows)
    assert plan.answer(X[order]).tobytes() == made[order].tobytes()
    assert np.concatenate([plan.answer(row[None]) for row in X]).tobytes() == made.tobytes()


@pytest.mark.parametrize("leaves", [20, 80])
def test_many_rows_are_answered_in_parts(leaves: int) -> None:
    _, plan = forest(1, [leaves] * 300)
    X = table(1, 2000)
    made = plan.answer(X)
    assert made.tobytes() == np.concatenate([plan.answer(X[:1111]), plan.answer(X[1111:])]).tobytes()


@sometimes
@given(st.integers(0, 2**32), st.lists(st.sampled_from([1, 2, 20, 80]), min_size=1, max_size=5))
def test_what_was_kept_is_the_same_plan(seed: int, leaves: list[int]) -> None:
    _, plan = forest(seed, leaves)
    again = Trees.restore(plan.facts(), plan.arrays())
    X = table(seed, 30)
    assert again.answer(X).tobytes() == plan.answer(X).tobytes()
    assert again.facts() == plan.facts()
    assert {name: kept.tobytes() for name, kept in again.arrays().items()} == {
        name: kept.tobytes() for name, kept in plan.arrays().items()
    }


def test_two_threads_do_not_disturb_each_other() -> None:
    _, plan = forest(3, [80] * 50)
    X = table(3, 200)
    wanted = plan.answer(X)
    seen: list[bool] = []

    def ask() -> None:
        seen.append(all(plan.answer(row[None])[0] == value for row, value in zip(X, wanted, strict=True)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4


def test_answers_change_at_the_edges_alone() -> None:
    _, plan = forest(4, [30] * 5)
    edges = plan.edges()
    assert set(edges[0].tolist()) <= {*THRESHOLDS, np.nextafter(0, -1)}
    assert edges[N_FEATURES - 1].tolist()[: len(KNOWN)] == KNOWN.tolist()
    X = np.repeat(table(4, 1), 50, axis=0)
    X[:, 0] = np.linspace(0.51, 0.99, 50)
    assert len(set(plan.answer(X).tolist())) == 1


def _tree(n_outputs: int, link: Link, **more: object) -> Trees:
    tree = FittedTree(
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.array([0, 0, 0]),
        np.array([0.5, 0, 0]),
        np.array([Reading.PLAIN] * 3),
        np.array([[0.0], [-1.0], [2.0]]),
    )
    return lay_out([tree] * n_outputs, Inputs(1), Additive(np.zeros(n_outputs), link, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("link", "n_outputs", "wanted"),
    [
        (Link.LOGISTIC, 1, [1 - 1 / (1 + math.exp(-2.0)), 1 / (1 + math.exp(-2.0))]),
        (Link.SOFTMAX, 2, [0.5, 0.5]),
        (Link.ONE_VS_REST, 2, [1 / (1 + math.exp(-2.0))] * 2),
        (Link.SHARES, 2, [2.0, 2.0]),
    ],
)
def test_links_of_classes(link: Link, n_outputs: int, wanted: list[float]) -> None:
    plan = _tree(n_outputs, link, classes=(0, 2), n_classes=3)
    assert plan.answer(np.ones((1, 1)))[0].tolist() == [wanted[0], 0.0, wanted[1]]
    assert Trees.restore(plan.facts(), plan.arrays()).answer(np.ones((1, 1))).shape == (1, 3)


@pytest.mark.parametrize(
    ("link", "wanted"), [(Link.VALUE, -1.0), (Link.EXP, math.exp(-1.0)), (Link.SIGNED_SQUARE, -1.0)]
)
def test_links_of_values(link: Link, wanted: float) -> None:
    assert _tree(1, link).answer(np.zeros((1, 1))).tolist() == [wanted]


DAMAGES: Mapping[str, tuple[str, object]] = {
    "a child that is no node": ("left", lambda kept: np.where(np.arange(len(kept)) == 0, 10**6, kept)),
    "a circle": ("left", lambda kept: np.where(np.arange(len(kept)) == len(kept) - 1, 0, kept)),
    "a child above its parent": ("left", lambda kept: kept[::-1].copy()),
    "a node too few": ("left", lambda kept: kept[:-1]),
    "a column that is not there": ("column", lambda kept: np.where(np.arange(len(kept)) == 0, 99, kept)),
    "a leaf without a value": ("column", lambda kept: np.where(np.arange(len(kept)) == len(kept) - 1, 10**6, kept)),
    "a column below zero": ("column", lambda kept: kept - 1),
    "a threshold that is no number": ("threshold", lambda kept: kept * np.nan),
    "a feature that is not there": ("source", lambda kept: kept + N_FEATURES),
    "a feature below zero": ("source", lambda kept: kept - 1),
    "a way of reading that does not exist": ("reading", lambda kept: kept + 40),
    "a value that is no number": ("values", lambda kept: kept + np.inf),
    "values of another type": ("values", lambda kept: kept.astype(np.float32)),
    "values for other outputs": ("values", lambda kept: np.concatenate([kept] * 3, axis=1)),
    "a start too many": ("start", lambda kept: np.zeros(2)),
    "a start that is no number": ("start", lambda kept: kept * np.nan),
    "categories out of order": (f"categories.{N_FEATURES - 1}", lambda kept: kept[::-1].copy()),
    "a set too few": (f"right.{N_FEATURES - 1}", lambda kept: kept[:, 1:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_arrays_are_refused(damage: str) -> None:
    _, plan = forest(5, [20, 80, 3])
    name, change = DAMAGES[damage]
    kept = dict(plan.arrays())
    kept[name] = change(kept[name]).astype(kept[name].dtype if damage != "values of another type" else np.float32)  # type: ignore[operator]
    with pytest.raises(Unsound):
        Trees.restore(plan.facts(), kept)


@pytest.mark.parametrize("name", ["threshold", "column", "left", "source", "reading", "values", "start"])
def test_a_part_that_is_missing_is_refused(name: str) -> None:
    _, plan = forest(5, [20])
    with pytest.raises(Unsound, match=name):
        Trees.restore(plan.facts(), {key: kept for key, kept in plan.arrays().items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trees", 0),
        ("trees", 2),
        ("trees", True),
        ("features", 1),
        ("features", "5"),
        ("narrow", 1),
        ("narrow", True),
        ("link", "shares"),
        ("link", "nothing"),
        ("divisor", 0),
        ("divisor", math.inf),
        ("slope", math.nan),
        ("classes", [0]),
        ("classes", "01"),
        ("n_classes", 2),
        ("n_classes", -1),
        ("missing", None),
    ],
)
def test_damaged_facts_are_refused(name: str, value: object) -> None:
    _, plan = forest(5, [20])
    with pytest.raises(Unsound):
        Trees.restore({**plan.facts(), name: value}, plan.arrays())


@pytest.mark.parametrize("classes", [[0, 0], [1, 0], [0, 3], [-1, 0], [0, 1, 2], [0, True]])
def test_classes_that_do_not_fit_are_refused(classes: list[int]) -> None:
    plan = _tree(2, Link.SOFTMAX, classes=(0, 1), n_classes=3)
    with pytest.raises(Unsound):
        Trees.restore({**plan.facts(), "classes": classes}, plan.arrays())


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32), st.sampled_from(["left", "column", "source", "reading"]), st.integers(-(2**31), 2**31 - 1)
)
def test_no_damage_makes_a_plan_read_elsewhere_or_hang(seed: int, name: str, value: int) -> None:
    _, plan = forest(seed, [20, 70])
    kept = {key: array.copy() for key, array in plan.arrays().items()}
    place = seed % len(kept[name])
    near = int(kept[name][place]) + value % 5 - 2
    kept[name][place] = near if seed % 2 or name == "reading" else value
    try:
        damaged = Trees.restore(plan.facts(), kept)
    except Unsound:
        return
    told = set((plan.values.ravel() + 0.0).tolist())
    rows = damaged.nodes.payload[
        Descent(damaged.nodes, len(damaged.readings.source)).leaves(damaged.readings.columns(table(seed, 9)))
    ]
    assert set(damaged.values[rows].ravel().tolist()) <= told
    assert np.isfinite(damaged.answer(table(seed, 9))).all()
