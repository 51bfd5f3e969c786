"""What makes each group of a clustering different."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from noria.evaluation.explanation_drawings import profile_drawings
from noria.evaluation.profiles import profiles

X = pd.DataFrame(
    {
        "age": [20.0, 22.0, np.nan, 60.0, 62.0, 61.0],
        "idle": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
        "grade": pd.Series(["A", "A", None, "B", "B", "B"], dtype="str"),
        "city": pd.Series(["x", "x", "x", "y", "y", "y"], dtype="str"),
        "at": pd.to_datetime(pd.date_range("2026-01-01", periods=6)),
        "same": 1.0,
    }
)
LABELS = np.array([0, 0, 0, 1, 1, -1])


def test_the_largest_standardised_differences_come_first() -> None:
    noise, first, second = profiles(X, LABELS)
    assert (noise.group, noise.rows, noise.share) == (-1, 1, pytest.approx(1 / 6))
    age = next(mark for mark in first.marks if mark.name == "age")
    known = X["age"].dropna()
    assert age.difference == pytest.approx((21 - 61) / known.std(ddof=0))
    assert age.text == "age 21, others 61"
    sizes = [abs(mark.difference) for mark in first.marks]
    assert sizes == sorted(sizes, reverse=True)
    assert "grade = A 67%, others 0%" in [mark.text for mark in first.marks]
    assert "idle" not in [mark.name for mark in first.marks]
    assert second.group == 1
    assert len(profiles(X, LABELS, most=2)[0].marks) <= 2


def test_personal_columns_are_left_out() -> None:
    told = str([each.to_json() for each in profiles(X, LABELS, personal=["city", "age"])])
    assert "city" not in told
    assert "age" not in told


def test_a_drawing_for_each_group_that_has_marks() -> None:
    groups = [each.to_json() for each in profiles(X, LABELS)]
    drawn = profile_drawings(groups)
    assert len(drawn) == 3
    assert drawn[1].data["labels"][0]
    assert profile_drawings([{"group": 0, "rows": 3, "share": 1.0, "marks": []}]) == []
