"""LightGBM's text: what is refused before LightGBM, which trusts what it reads, sees it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from noria.errors import UntrustedFormat
from noria.registry.lightgbm import check, dumps, loads
from noria.training.boosting import LightGBM
from noria.training.family import Fitting


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, bytes, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    X[:, 3] = rng.integers(0, 6, 300)
    X[::7, 1] = np.nan
    y = X[:, 0] + (X[:, 3] == 2) * 2 + (X[:, 3] == 4)
    head = LightGBM({"leaf": 5}, Fitting("regression", 1, categorical=(3,), n_rows=300)).fit(X, y)
    assert head.booster is not None
    return X, dumps(head.booster), head.predict(X)


def test_round_trip_is_bit_equal(data: tuple[np.ndarray, bytes, np.ndarray]) -> None:
    X, text, expected = data
    assert b"cat_threshold" in text
    head = LightGBM({}, Fitting("regression", 1), loads(text))
    np.testing.assert_array_equal(head.predict(X), expected)
    check(dumps(loads(text)))


def changed(text: bytes, pattern: str, replacement: str) -> bytes:
    made, count = re.subn(pattern, replacement, text.decode(), count=1, flags=re.MULTILINE)
    assert count == 1
    return made.encode()


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"^left_child=\S+", "left_child=9999"),
        (r"^left_child=\S+", "left_child=0"),
        (r"^right_child=\S+", "right_child=-9999"),
        (r"^split_feature=\S+", "split_feature=77"),
        (r"^split_feature=\S+", "split_feature=-1"),
        (r"^num_leaves=\d+", "num_leaves=100000"),
        (r"^num_leaves=\d+", "num_leaves=-2"),
        (r"^leaf_value=\S+ ", "leaf_value="),
        (r"^threshold=\S+", "threshold=x"),
        (r"^max_feature_idx=\d+", "max_feature_idx=0"),
        (r"^cat_boundaries=0 \d+", "cat_boundaries=0 999999"),
        (r"^num_tree_per_iteration=1", "num_tree_per_iteration=50"),
        (r"^num_class=1", "num_class=3"),
        (r"^is_linear=0", "is_linear=1"),
        (r"end of trees", "the end"),
        (r"^tree$", "PK"),
    ],
)
def test_a_tree_that_points_outside_itself_is_refused(
    data: tuple[np.ndarray, bytes, np.ndarray], pattern: str, replacement: str
) -> None:
    with pytest.raises(UntrustedFormat):
        loads(changed(data[1], pattern, replacement))


def test_half_a_file_is_refused(data: tuple[np.ndarray, bytes, np.ndarray]) -> None:
    for share in (0, 0.1, 0.5, 0.9):
        with pytest.raises(UntrustedFormat):
            loads(data[1][: int(len(data[1]) * share)])


def test_what_is_not_text_is_refused() -> None:
    with pytest.raises(UntrustedFormat):
        loads(b"tree\n\xff\xfe")
    with pytest.raises(UntrustedFormat):
        loads(b"\x80\x04\x95")


def hidden(text: bytes, how: str) -> bytes:
    """Point a tree outside itself, with the sound line where only a reader unlike LightGBM would take it from."""
    sound = re.search(r"^left_child=.*$", text.decode(), flags=re.MULTILINE)
    assert sound is not None
    wild = f"left_child={' '.join(['9999'] * len(sound[0].split()))}"
    made = text.decode().replace(sound[0], wild if how == "after" else f"{wild}{how}{sound[0]}", 1)
    made = re.sub(r"^tree_sizes=.*\n", "", made, flags=re.MULTILINE)
    if how == "after":
        padding = "".join(f"pad{'x' * number}=1\n" for number in range(22))
        made = made.replace("\n\n\nTree=1", f"\n{padding}{sound[0]}\n\n\nTree=1", 1)
    return made.encode()


@pytest.mark.parametrize("how", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\n", "after"])
def test_a_sound_line_cannot_hide_a_wild_one(data: tuple[np.ndarray, bytes, np.ndarray], how: str) -> None:
    with pytest.raises(UntrustedFormat):
        check(hidden(data[1], how))


def test_sizes_that_lead_elsewhere_are_refused(data: tuple[np.ndarray, bytes, np.ndarray]) -> None:
    first = re.search(rb"^tree_sizes=(\d+)", data[1], flags=re.MULTILINE)
    assert first is not None
    with pytest.raises(UntrustedFormat):
        check(data[1].replace(first[0], b"tree_sizes=%d" % (int(first[1]) + 7), 1))
