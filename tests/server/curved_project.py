"""A project of runs with long curves and many params, made in bulk through the rooms' own functions."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import seeded_project

from noria.runs.recording import Point

if TYPE_CHECKING:
    from noria.workspace import Workspace

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MODELS = ("boosting", "logistic", "svm")
GAPS = {500: math.nan, 501: math.nan, 700: math.inf}
"""Steps of the first curve whose loss is not finite."""

_MOST = 2**63 - 1
EXTREMES = {
    "the ends of all numbers": [Point("m", 1.7e308, _MOST, _MOST), Point("m", -1.7e308, -_MOST, -_MOST)],
    "large and near": [Point("m", 1.7e308, 1, 1), Point("m", 1.6e308, 2, 2)],
    "the smallest there are": [Point("m", 5e-324, 1, 1), Point("m", 1e-323, 2, 2)],
    "steps that cannot be told apart": [Point("m", 1.0, 1, _MOST - 1), Point("m", 1.0, 1, _MOST)],
    "no number at all": [Point("m", math.nan, 1, 1), Point("m", math.nan, 2, 2)],
    "both infinities": [Point("m", math.inf, 1, 1), Point("m", -math.inf, 2, 2)],
    "beyond the calendar": [Point("m", 1.0, 10**16, 1), Point("m", 2.0, -(10**16), 2)],
    "neighbours": [Point("m", 1.0, 1, 1), Point("m", 1.0000000000000002, 2, 2)],
    "below zero": [Point("m", -1.0, 1, 1), Point("m", 0.0, 2, 2)],
}
"""Curves that no training makes and any client may log."""


def extreme(workspace: Workspace) -> dict[str, str]:
    """Log `EXTREMES`, a run each; give the ids by name."""
    ids = {}
    for name, points in EXTREMES.items():
        run = workspace.runs.start("train", name, tags={"sweep": "extreme"})
        params = {"a": points[0].value, "b": 3, "c": "nan", "d": "1e999", "e": 10**400}
        workspace.runs.log_batch(run, points=points, params=params)
        workspace.runs.finish(run, "finished")
        ids[name] = str(run)
    return ids


def curved(folder: Path, *, runs: int = 4, points: int = 2000, many: int = 60) -> tuple[Workspace, list[str]]:
    """Make runs with curves, and others that have params and metrics only; give the ids of the first.

    Parameters
    ----------
    folder : Path
        Of the new project.
    runs, points : int
        Runs with a curve of ``loss`` and one of ``accuracy``, and the points of each.
    many : int
        Further runs, tagged ``sweep = many``.
    """
    workspace = seeded_project.new_project(folder)
    chance = random.Random(7)
    ids = []
    for number in range(runs):
        run = workspace.runs.start("train", f"net {number + 1}", at=START + timedelta(hours=number))
        params = {"learning_rate": 10.0 ** -(number % 4 + 1), "layers": 2 + number, "optimizer": "adam", "batch": 64}
        workspace.runs.log_params(run, params)
        begun = int((START + timedelta(hours=number)).timestamp() * 1000)
        batch = []
        level = 2.3
        for step in range(points):
            level = max(0.02, level * (1 - 4 / points) + chance.gauss(0, 0.004))
            loss = GAPS.get(step, level + abs(chance.gauss(0, 0.05 * level))) if number == 0 else level
            batch.append(Point("loss", loss, begun + step * (90 + 7 * number), step))
            if step % 10 == 0:
                batch.append(Point("accuracy", 1 - level / 2.6, begun + step * (90 + 7 * number), step))
        workspace.runs.log_batch(run, points=batch)
        workspace.runs.finish(run, "finished", at=START + timedelta(hours=number, milliseconds=points * 100))
        ids.append(str(run))
    for number in range(many):
        run = workspace.runs.start(
            "train", f"trial {number}", tags={"sweep": "many"}, at=START - timedelta(hours=number)
        )
        depth, rate, model = 2 + number % 9, 10 ** chance.uniform(-4, -0.5), MODELS[number % 3]
        params = {"depth": depth, "rate": rate, "model": model, "seed": 7}
        if number % 10 == 3:
            del params["depth"]
        quality = 0.7 + 0.015 * depth - 0.02 * abs(math.log10(rate) + 2) + chance.gauss(0, 0.01)
        auc = math.nan if number % 20 == 7 else min(quality, 0.99)
        workspace.runs.log_params(run, params)
        workspace.runs.log_metrics(run, {"roc_auc": auc, "log_loss": 1 - quality + chance.gauss(0, 0.02)})
        workspace.runs.finish(run, "finished", at=START - timedelta(hours=number) + timedelta(minutes=3))
    return workspace, ids
