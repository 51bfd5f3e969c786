"""How alike two models' answers are."""

from __future__ import annotations

import numpy as np
import pytest

from noria.errors import WrongData
from noria.evaluation.judged import Prediction
from noria.evaluation.sameness import sameness


def test_values_are_compared_relative_to_their_size() -> None:
    big = Prediction(np.array([1e9, 1.0]))
    assert sameness(big, Prediction(np.array([1e9 + 100, 1.0]))).grade == "close"
    assert sameness(big, Prediction(np.array([1e9, 1.0 + 3e-6]))).grade == "different"


def test_missing_values_are_equal_to_missing_ones_only() -> None:
    known, missing = Prediction(np.array([1.0, 2.0])), Prediction(np.array([1.0, np.nan]))
    assert sameness(missing, missing).grade == "bit-equal"
    assert sameness(known, missing).grade == "different"


def test_probabilities_decide_even_where_labels_stay() -> None:
    labels = np.array(["a", "b"], dtype=object)
    one = Prediction(labels, np.array([[0.9, 0.1], [0.2, 0.8]]), ("a", "b"))
    other = Prediction(labels, np.array([[0.8, 0.2], [0.2, 0.8]]), ("a", "b"))
    found = sameness(one, other)
    assert (found.grade, found.differing, found.n) == ("different", 1, 2)
    assert found.largest == pytest.approx(0.1)


def test_labels_alone_are_compared_as_they_are() -> None:
    found = sameness(Prediction(np.array([0, 1, -1, 2])), Prediction(np.array([0, 1, 2, 2])))
    assert (found.grade, found.largest, found.differing) == ("different", 0.25, 1)


def test_answers_of_other_rows_or_classes_are_refused() -> None:
    with pytest.raises(WrongData, match="different rows or classes"):
        sameness(Prediction(np.array([1.0])), Prediction(np.array([1.0, 2.0])))
