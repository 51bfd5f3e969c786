"""Folds that are drawn more than once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from loans import FILE, rows, start, turn

from noria.registry.catalog import Registry


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
