"""XGBoost's JSON and CatBoost's binary: bit-equal, and refused when altered."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from noria.errors import UntrustedFormat
from noria.registry.boosters import _SEAL, dump_catboost, dump_xgboost, load_catboost, load_xgboost
from noria.training.catboost import CatBoost
from noria.training.family import Fitting
from noria.training.xgboost import XGBoost

Document = dict[str, dict[str, dict[str, dict[str, list[dict[str, list[int]]]]]]]


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    X[::7, 1] = np.nan
    X[:, 2] = rng.integers(0, 4, 200)
    return X, X[:, 0] + (X[:, 2] == 2)


@pytest.fixture(scope="module")
def booster(rows: tuple[np.ndarray, np.ndarray]) -> bytes:
    pytest.importorskip("xgboost")
    return dump_xgboost(XGBoost({}, Fitting("regression", 1)).fit(*rows).booster)


def test_xgboost_is_bit_equal(rows: tuple[np.ndarray, np.ndarray], booster: bytes) -> None:
    expected = XGBoost({}, Fitting("regression", 1)).fit(*rows).predict(rows[0])
    again = XGBoost({}, Fitting("regression", 1), load_xgboost(booster))
    np.testing.assert_array_equal(again.predict(rows[0]), expected)


def altered(booster: bytes, change: Callable[[dict[str, list[int]]], None]) -> bytes:
    document: Document = json.loads(booster)
    change(document["learner"]["gradient_booster"]["model"]["trees"][0])
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["left_children"].__setitem__(0, 10**6),
        lambda tree: tree["right_children"].__setitem__(0, 0),
        lambda tree: tree["split_indices"].__setitem__(0, 99),
        lambda tree: tree["split_conditions"].pop(),
        lambda tree: tree.pop("left_children"),
        lambda tree: tree.update(left_children="abc"),
    ],
)
def test_an_altered_tree_is_refused(booster: bytes, change: Callable[[dict[str, list[int]]], None]) -> None:
    with pytest.raises(UntrustedFormat):
        load_xgboost(altered(booster, change))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\x80\x04\x95", b'{"learner": 3}'])
def test_what_is_no_booster_is_refused(data: bytes) -> None:
    for load in (load_xgboost, load_catboost):
        with pytest.raises(UntrustedFormat):
            load(data)


def test_catboost_is_bit_equal_with_categories(rows: tuple[np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("catboost")
    X, y = rows
    fitting = Fitting("classification", 1, n_classes=2, categorical=(2,))
    head = CatBoost({}, fitting).fit(X, (y > 0).astype(int))
    data = dump_catboost(head.model)
    again = CatBoost({}, fitting, load_catboost(data))
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))
    # CatBoost itself reads such files past their end, and takes the process down.
    flipped = [data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in range(0, len(data), max(1, len(data) // 40))]
    for damaged in (data[: len(data) // 2], data[:-1], data[:20], data[11:40], *flipped):
        with pytest.raises(UntrustedFormat):
            load_catboost(damaged)


def test_a_catboost_file_of_an_older_version_is_read(rows: tuple[np.ndarray, np.ndarray]) -> None:
    pytest.importorskip("catboost")
    X, y = rows
    fitting = Fitting("regression", 1)
    head = CatBoost({}, fitting).fit(X, y)
    plain = dump_catboost(head.model)[len(_SEAL) + 32 :]
    assert plain.startswith(b"CBM1")
    again = CatBoost({}, fitting, load_catboost(plain))
    np.testing.assert_array_equal(again.predict(X), head.predict(X))
