"""A search that begins where the project's last ones ended."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from loans import FILE, start, turn

from noria.registry.catalog import Registry
from noria.training.settings import ModelSettings


def selected(root: Path, text: str, version: int) -> dict[str, Any]:
    """Run the project with a file and give the selection behind a version."""
    start(root, text)
    made = turn(root)
    outcome = made.run()
    assert outcome.ok, outcome.error
    registry = Registry(made.database, made.blobs)
    return json.loads(registry.file(registry.get("loans", version), "selection.json"))


def tried(selection: dict[str, Any]) -> list[dict[str, Any]]:
    return [row["params"] for row in selection["table"] if row["family"] == "logistic"]


def test_what_won_before_is_tried_right_after_the_default(tmp_path: Path) -> None:
    first = selected(tmp_path, FILE.replace("trials = 1", 'trials = 12\nsampler = "random"\nensemble = "never"'), 1)
    won = first["winner"]["params"]
    default = FILE.replace("trials = 1", "trials = 2\nseed = 8")
    again = selected(tmp_path, default.replace("trials = 2", "trials = 2\nwarm_start = true"), 2)
    assert won in tried(again)
    assert len(tried(again)) == 2
    cold = selected(tmp_path, default, 3)
    assert won not in tried(cold)


@pytest.mark.parametrize(("written", "warm"), [('budget = "5s"', True), ("trials = 3", False), ("", True)])
def test_a_budget_starts_warm_and_trials_do_not(written: str, warm: bool) -> None:
    assert ModelSettings.model_validate(tomllib.loads(written)).starts_warm is warm
    told = tomllib.loads(f"{written}\nwarm_start = {str(not warm).lower()}")
    assert ModelSettings.model_validate(told).starts_warm is not warm
