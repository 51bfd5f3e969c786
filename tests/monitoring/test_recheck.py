"""Answers computed again by the library: what a sound plan passes, and what a wrong one does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from tests.serving.conftest import House

from noria.monitoring.alerts import Alerts
from noria.monitoring.recheck import is_sampled, raise_alert, recheck
from noria.predictions.entry import Entry
from noria.predictions.log import PredictionLog
from noria.scoring.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.log.close()
    made.database.close()


def logged(house: House, rows: int = 400) -> pa.Table:
    """Answer rows with the plans of two versions, missing values among them, and read the log back."""
    rng = np.random.default_rng(0)
    log = PredictionLog(house.root / "predictions")
    for number in (1, 2):
        scorer = Scorer.load(house.registry, house.registry.get("credit", number))
        assert scorer.engine == "plan"
        records = [
            {"age": int(rng.integers(18, 76)), "grade": [None, "A", "B"][int(rng.integers(3))]} for _ in range(rows)
        ]
        checked = scorer.signature.check(records)
        ids = [f"{number}-{row}" for row in range(rows)]
        at = NOW + timedelta(seconds=number)
        log.append(Entry("credit", number, "live", at, 1.0, ids, scorer.answer(checked), checked, scorer.signature))
    log.close()
    return log.read("credit")


def library(house: House, number: int) -> Scorer:
    scorer = Scorer.load(house.registry, house.registry.get("credit", number), planned=False)
    assert scorer.engine == "sklearn"
    return scorer


def test_what_a_proven_plan_answered_is_what_its_library_answers(house: House) -> None:
    table = logged(house)
    first, second = recheck(table, lambda number: library(house, number), every=1)
    assert (first.version, first.rows, first.different, first.prediction_id) == (1, 400, 0, "")
    assert (second.version, second.rows, second.different) == (2, 400, 0)
    assert max(first.worst, second.worst) < 1e-12
    assert first.first == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("by", [1e-7, float("nan")])
def test_one_wrong_answer_is_found_and_told(house: House, by: float) -> None:
    table = logged(house)
    wrong = table["p.bad"].to_pylist()
    wrong[123] += by
    table = table.set_column(table.column_names.index("p.bad"), "p.bad", pa.array(wrong))
    found = recheck(table, lambda number: library(house, number), every=1)[0]
    assert (found.different, found.prediction_id) == (1, table["prediction_id"][123].as_py())
    raise_alert(house.database, "credit", found, NOW)
    raise_alert(house.database, "credit", found, NOW)
    (alert,) = Alerts(house.database).open("credit")
    assert (alert.kind, alert.version, alert.windows) == ("answers", 1, 2)
    assert alert.text.startswith("1 of 400 answers of version 1 computed again differ")


def test_a_sample_is_a_sample(house: House) -> None:
    table = logged(house)
    found = recheck(table, lambda number: library(house, number), every=10)
    chosen = [each for each in table["prediction_id"].to_pylist() if is_sampled(each, 10)]
    assert sum(one.rows for one in found) == len(chosen)
    assert 40 < len(chosen) < 130
    assert recheck(table.slice(0, 0), lambda number: library(house, number), every=1) == []
