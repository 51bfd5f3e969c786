from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.scoring.plan.additive import Additive
from noria.scoring.plan.combinations import Combinations, chained
from noria.scoring.plan.contributions import Players, Unexplained
from noria.scoring.plan.heads import restore_head
from noria.scoring.plan.links import Link
from noria.scoring.plan.oblivious import Oblivious
from noria.scoring.plan.questions import Questions
from noria.scoring.plan.unsound import Unsound

NONE = np.empty(0, dtype=np.int64)
HASHES = (11, -7, 2**31 - 1, -(2**31))  # of the codes -1, 0, 1 and 2
CODES = (-1.0, 0.0, 1.0, 2.0, 3.0, 1.9, -4.0, 1e12, math.nan)
NUMBERS = (-1.0, 0.0, 0.5, np.nextafter(0.5, 1), 2.0, math.nan, math.inf, -math.inf, 1e300)


def key_of(table: int, parts: list[int]) -> int:
    """Take parts into a hash, and the number of the table."""
    made = np.zeros(1, dtype=np.uint64)
    for part in [*parts, table + 1]:
        made = chained(made, np.array([part]).astype(np.uint64))
    return int(made[0])


def combined() -> Combinations:
    """Make two tables: of both categories with the first split, and of the second category alone."""
    known = {
        key_of(0, [HASHES[1], HASHES[2], 1]): 2,
        key_of(0, [HASHES[1], HASHES[2], 0]): 0,
        key_of(0, [HASHES[0], HASHES[3], 1]): 0,
        key_of(1, [HASHES[2]]): 5,
    }
    keys = np.array(sorted(known), dtype=np.uint64)
    return Combinations(
        columns=np.array([1, 2]),
        hashes=np.array(HASHES),
        chains=np.array([[0, 1], [1, -1], [2, -1]]),
        tables=np.array([0, 1]),
        keys=keys.astype(np.int64),
        rows=np.array([known[int(one)] for one in keys]),
        absent=np.array([4, 6]),
        of=np.array([0, 0, 1]),
        offset=np.array([0, 1, 0]),
        #              0: no yes    2: yes yes  4: no   5: yes 6: no
        said=np.array([False, True, True, True, False, True, False, False]),
    )


def says(row: np.ndarray) -> list[bool]:
    """Answer the questions without the arithmetic."""
    with np.errstate(over="ignore"):
        number = float(np.float32(row[0]))
    codes = [-1 if math.isnan(one) else int(one) for one in row[1:]]
    above = [number > 0.5, number > 2.0] if not math.isnan(number) else [False, False]
    is_code = codes[0] == 1
    both = {(0, 1, True): (True, True), (0, 1, False): (False, True), (-1, 2, True): (False, True)}
    of_both = both.get((codes[0], codes[1], above[0]), (False, True))  # the row behind the first begins with these
    return [*above, is_code, *of_both, codes[1] == 1]


def questions() -> Questions:
    border = np.array([0.5, 2.0], dtype=np.float32)
    return Questions(3, np.array([0, 0]), border, NONE, np.array([1]), np.array([1]), combined())


def plan(link: Link = Link.VALUE) -> Oblivious:
    rng = np.random.default_rng(0)
    asked = np.array([[3, 0, 5, 6], [1, 4, 6, 6], [2, 6, 6, 6]])
    outputs = {Link.VALUE: 1, Link.LOGISTIC: 1, Link.SOFTMAX: 3}[link]
    classes = {Link.VALUE: (), Link.LOGISTIC: (0, 1), Link.SOFTMAX: (0, 1, 2)}[link]
    additive = Additive(np.zeros(outputs), link, classes=classes, n_classes=len(classes))
    values, weights = rng.normal(size=(8 + 4 + 2 + 1, outputs)), rng.integers(0, 5, 15).astype(np.float32)
    return Oblivious(questions(), asked, values, additive, weights)


rows = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=40
)


@settings(max_examples=80, deadline=None)
@given(rows)
def test_leaves_are_those_of_a_walk(drawn: list[tuple[float, ...]]) -> None:
    X = np.array(drawn)
    made = plan()
    truths = np.array([[*says(row), False] for row in X]).T
    assert (made.questions.truths(X) == truths).all()
    depths, first = made.depths(), [0, 8, 12, 14]
    for row, answer in enumerate(made.answer(X).tolist()):
        total = 0.0
        for tree in range(4):
            asked = made.asked[: depths[tree], tree]
            total += float(made.values[first[tree] + sum(int(truths[one, row]) << n for n, one in enumerate(asked)), 0])
        assert answer == total
        assert made.answer(X[row : row + 1])[0] == answer


def test_missing_values_that_are_high_are_above_every_border() -> None:
    border = np.array([0.5, np.finfo(np.float32).max], dtype=np.float32)
    asked = Questions(2, np.array([0, 1]), border, np.array([1]), NONE, NONE)
    assert asked.truths(np.array([[np.nan, np.nan]])).ravel().tolist() == [False, True, False]
    assert np.isfinite(asked.edges()[1]).all()


def test_questions_name_what_they_hang_on() -> None:
    alone, first, second, both = frozenset([0]), frozenset([1]), frozenset([2]), frozenset([0, 1, 2])
    assert questions().columns() == [alone, alone, first, both, both, second]
    assert questions().edges()[1].tolist() == [1.0]


def test_many_rows_are_answered_as_few() -> None:
    rng = np.random.default_rng(1)
    X = np.stack([rng.choice(NUMBERS, 40_000), rng.choice(CODES, 40_000), rng.choice(CODES, 40_000)], axis=1)
    made = plan(Link.SOFTMAX)
    whole = made.answer(X)
    assert whole[39_990:].tobytes() == made.answer(X[39_990:]).tobytes()


@pytest.mark.parametrize("link", [Link.VALUE, Link.LOGISTIC, Link.SOFTMAX])
def test_parts_add_up_to_what_the_link_takes(link: Link) -> None:
    X = np.array([[number, one, other] for number in NUMBERS[:6] for one in CODES for other in CODES])
    made = plan(link)
    found = made.contributions(X, Players(np.arange(3), 3))
    sums = found.base + found.parts.sum(axis=1)
    if link is Link.VALUE:
        assert sums[:, 0] == pytest.approx(made.answer(X), abs=1e-12)
    else:
        shares = np.exp(sums / (2 if link is Link.LOGISTIC else 1))
        assert shares / shares.sum(axis=1, keepdims=True) == pytest.approx(made.answer(X), abs=1e-12)


def test_columns_of_one_origin_are_one_player() -> None:
    X = np.array([[0.7, 0.0, 1.0]])
    apart = plan().contributions(X, Players(np.array([0, 1, 1]), 2))
    assert apart.parts.shape == (1, 2, 1)
    assert apart.base + apart.parts.sum(axis=1) == pytest.approx(plan().answer(X)[:, None], abs=1e-12)


def test_without_weights_nothing_is_explained() -> None:
    made = plan()
    bare = Oblivious(made.questions, made.asked, made.values, made.additive)
    with pytest.raises(Unexplained):
        bare.contributions(np.zeros((1, 3)), Players(np.arange(3), 3))
    assert Oblivious.restore(bare.facts(), bare.arrays()).weights is None


def test_what_was_kept_is_built_again() -> None:
    made = plan(Link.SOFTMAX)
    X = np.array([[0.7, 0.0, 1.0], [math.nan, 5.0, 1.0]])
    again = restore_head("oblivious", made.facts(), made.arrays())
    assert again.answer(X).tobytes() == made.answer(X).tobytes()


def _put(name: str, place: int | tuple[int, ...], value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def _cut(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda arrays: arrays.update({name: arrays[name][:-1]})


ARRAYS = tuple(plan().arrays())


@pytest.mark.parametrize(
    "change",
    [
        *(_cut(name) for name in ARRAYS if name not in ("high", "columns", "hashes", "chains", "start")),
        _cut("start"),
        *(lambda arrays, name=name: arrays.pop(name) for name in ARRAYS if name not in ("weights", "keys")),
        *(lambda arrays, name=name: arrays.update({name: arrays[name].astype("uint8")}) for name in ARRAYS),
        _put("column", 0, 3),
        _put("column", 0, -1),
        _put("border", 0, np.nan),
        _put("category", 0, 3),
        _put("columns", 1, 3),
        _put("chains", (1, 0), 5),
        _put("chains", (0, 0), -1),
        _put("chains", (2, 1), 0),
        _put("tables", 0, 2),
        _put("of", 0, 2),
        _put("offset", 1, 2),
        _put("offset", 1, -1),
        _put("rows", 0, 7),
        _put("rows", 0, -1),
        _put("absent", 0, 7),
        _put("asked", (0, 0), 7),
        _put("asked", (0, 0), -1),
        _put("asked", (0, 0), 6),
        _put("asked", (2, 1), 0),
        _put("values", (0, 0), np.inf),
        _put("weights", 0, -1),
        lambda arrays: arrays.update(keys=arrays["keys"][::-1]),
        lambda arrays: arrays.update(asked=np.zeros((17, 4), dtype=np.int32)),
        lambda arrays: arrays.update(asked=arrays["asked"][:, :0], values=arrays["values"][:0]),
        lambda arrays: arrays.update(keys=arrays["keys"][:0], rows=arrays["rows"][:0]),
    ],
)
def test_a_damaged_plan_is_refused(change: Callable[[dict[str, np.ndarray]], None]) -> None:
    made = plan()
    arrays = dict(made.arrays())
    change(arrays)
    with pytest.raises(Unsound):
        Oblivious.restore(made.facts(), arrays)


def test_a_damaged_plan_never_reads_elsewhere() -> None:
    """Whatever is put into one place: it is refused, or answers."""
    made = plan()
    rng = np.random.default_rng(5)
    X = np.array([[number, one, other] for number in NUMBERS for one in CODES for other in CODES])
    for _ in range(600):
        arrays = dict(made.arrays())
        name = str(rng.choice(ARRAYS))
        if not arrays[name].size:
            continue
        damaged = arrays[name].copy()
        damaged.ravel()[rng.integers(damaged.size)] = rng.integers(-3, 9)
        arrays[name] = damaged
        try:
            head = Oblivious.restore(made.facts(), arrays)
        except Unsound:
            continue
        assert head.answer(X).shape == (len(X),)


@pytest.mark.parametrize("features", [0, 2, "3", None])
def test_a_matrix_that_is_too_narrow_is_refused(features: object) -> None:
    made = plan()
    with pytest.raises(Unsound):
        Oblivious.restore({**made.facts(), "features": features}, made.arrays())
