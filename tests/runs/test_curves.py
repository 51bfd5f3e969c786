"""A curve read by columns is the history, point for point, on both databases."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import pytest

from noria.errors import RunNotFound
from noria.runs.curves import read_curve
from noria.runs.recording import Point
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from noria.store.database import Database


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("<d", value)


def test_the_columns_are_the_history(database: Database) -> None:
    runs = Runs(database)
    run = runs.start("train", "curved")
    values = [0.1, math.nan, math.inf, -math.inf, 0.0, 1e-320, 1e308, math.nan, 7.0]
    points = [Point("loss", value, 1_000 + 10 * (at // 2), at - 4) for at, value in enumerate(values)]
    runs.log_batch(run, points=[*points, Point("other", 1.0, 5, 2**62)])
    found = read_curve(database, run, "loss")
    history = runs.history(run, "loss")
    assert len(history) == len(values)
    assert found.step == [point.step for point in history]
    assert found.at_ms == [point.at_ms for point in history]
    assert [bits(value) for value in found.value] == [bits(point.value) for point in history]
    assert sorted(map(bits, found.value)) == sorted(map(bits, values))
    assert read_curve(database, run, "other").step == [2**62]


def test_a_metric_that_was_never_logged_is_empty_and_a_run_that_is_not_there_is_told(database: Database) -> None:
    run = Runs(database).start("train", "bare")
    assert read_curve(database, run, "loss").value == []
    with pytest.raises(RunNotFound):
        read_curve(database, "f" * 32, "loss")
