"""Folds that are drawn more than once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pytest
from loans import FILE, rows, start, turn

from noria.datasets.settings import DataSettings
from noria.registry.catalog import Registry
from noria.steps.fitting import judged_rows
from noria.training.settings import ModelSettings

if TYPE_CHECKING:
    from noria.steps.outputs import SplitOutput


def test_every_division_judges(tmp_path: Path) -> None:
    start(tmp_path, FILE.replace("folds = 2", "folds = 2\nrepeats = 3"))
    made = turn(tmp_path)
    outcome = made.run()
    assert outcome.ok, outcome.error
    registry = Registry(made.database, made.blobs)
    selection = json.loads(registry.file(registry.get("loans", 1), "selection.json"))
    assert len(selection["winner"]["scores"]) == 6
    assert len(set(selection["winner"]["scores"])) == 6


def dated(table: str) -> str:
    head, *lines = table.splitlines()
    days = (f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}" for n in range(len(lines)))
    return "\n".join([f"day,{head}", *(f"{day},{line}" for day, line in zip(days, lines, strict=True)), ""])


@pytest.mark.parametrize("split", ["valid = 0.2", 'method = "time"'])
def test_one_division_cannot_be_repeated(split: str, tmp_path: Path) -> None:
    text = FILE.replace("folds = 2", "folds = 2\nrepeats = 3").replace("test = 0.25", f"test = 0.25\n{split}")
    start(tmp_path, text.replace('key = ["id"]', 'key = ["id"]\ntime = "day"'), dated(rows()))
    outcome = turn(tmp_path).run()
    assert not outcome.ok
    assert outcome.error is not None
    assert "repeats = 3 in [model]" in outcome.error.what
    assert "leave repeats out" in (outcome.error.mend or "")


@pytest.mark.parametrize(
    ("metric", "count"), [("log_loss", 5), ("accuracy", 5), ("balanced_accuracy", 2), ("macro_f1", 2), (None, 2)]
)
def test_each_fold_judges_every_class_where_they_count_alike(metric: str | None, count: int) -> None:
    """Else a model that finds none of a rare class would be told as better than it is."""
    kind = np.array(["a"] * 50 + ["b"] * 40 + ["c"] * 2, dtype=object)
    split = {"about": {"method": "random", "task": "classification", "seed": 7}, "train": pa.table({"kind": kind})}
    roles = DataSettings.model_validate({"source": "x.csv", "target": "kind"})
    asked = ModelSettings.model_validate({"metric": metric, "folds": 5})
    made = judged_rows(cast("SplitOutput", split), roles, asked, kind)
    assert len(made) == count
    assert (count == 5) or all("c" in kind[valid] for _, valid in made)
