"""The rank statistic against scikit-learn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from noria.checks.leakage import area_under_curve, look_for_leaks


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=50))
def test_area_under_curve(rows: list[tuple[int, bool]]) -> None:
    score, positive = np.array([float(row[0]) for row in rows]), np.array([row[1] for row in rows])
    if positive.all() or not positive.any():
        assert area_under_curve(score, positive) == 0.5
    else:
        assert area_under_curve(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_a_gap_does_not_hide_a_column_that_tells_the_class() -> None:
    bad = np.random.default_rng(1).random(1000) < 0.3
    paid = ["late" if each else "paid" for each in bad]
    table = pa.table({"y": ["bad" if each else "good" for each in bad], "state": [None, *paid[1:]]})
    (found,) = look_for_leaks(table, ["state"], target="y", task="classification")
    assert "each of its values goes with one class only" in found.message
