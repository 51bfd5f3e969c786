from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from noria.errors import WrongData, WrongSetting
from noria.training.task import encode, task_of


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 1], "classification"),
        ([0.0, 1.0, None], "classification"),
        ([0.5, 1.0], "regression"),
        (list(range(100)), "regression"),
    ],
)
def test_the_task_is_told_from_the_target(values: list[object], task: str) -> None:
    assert task_of(pa.table({"y": values}), "y") == task


def test_what_is_wanted_wins_where_it_can() -> None:
    table = pa.table({"y": [0, 1]})
    assert task_of(table, "y", "regression") == "regression"
    assert task_of(table, None) == "clustering"
    with pytest.raises(WrongSetting):
        task_of(table, None, "regression")
    with pytest.raises(WrongSetting):
        task_of(table, "y", "clustering")
    with pytest.raises(WrongData, match="'z'"):
        task_of(table, "z")


def test_labels_are_encoded_in_sorted_order() -> None:
    made = encode(np.array([True, False, True], dtype=object), "classification")
    assert made.classes == (False, True)
    assert made.values.tolist() == [1, 0, 1]
    assert encode(np.array([3.0, 1.0]), "classification").classes == (1, 3)
    assert encode(np.array(["b", "a"]), "classification").classes == ("a", "b")


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.array([]), "regression"),
        (np.array(["a", "a"]), "classification"),
        (np.array(["a", None], dtype=object), "classification"),
        (np.array([0.5, 1.5]), "classification"),
        (np.array([0, 1, "0.5"], dtype=object), "classification"),
        (np.array([0, True, 1, False], dtype=object), "classification"),
        (np.array([f"id{n}" for n in range(100)]), "classification"),
        (np.array(["a", "b"]), "regression"),
        (np.array([1.0, np.nan]), "regression"),
        (np.array([1.0, 1.0]), "regression"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(y: np.ndarray, task: str) -> None:
    with pytest.raises(WrongData):
        encode(y, task)
