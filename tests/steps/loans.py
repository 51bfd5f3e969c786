"""A small project, and a context that remembers what a step said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from noria.pipeline.context import StepContext
from noria.steps.turn import Turn
from noria.store.blobs import Blobs
from noria.workspace import Workspace

FILE = """\
[project]
name = "loans"
[data]
source = "loans.csv"
target = "bad"
positive = "yes"
key = ["id"]
[data.columns]
email = { pii = true }
[clean]
rename = { Inc = "income" }
[split]
test = 0.25
[prepare]
numeric = ["impute:median", "scale:standard"]
[model]
task = "classification"
candidates = ["logistic"]
folds = 2
trials = 1
[[gates]]
metric = "roc_auc"
min = 0.5
[deploy]
endpoint = "loans"
[monitor]
window = "100 rows"
"""

Notes = list[dict[str, object]]


def rows(n: int = 240) -> str:
    """A table in which income tells the answer, mostly."""
    rng = np.random.default_rng(5)
    income = rng.normal(30, 8, n)
    bad = np.where(income + rng.normal(0, 6, n) < 28, "yes", "no")
    grade = rng.choice(["A", "B", "C"], n)
    lines = [f"{i},{income[i]:.2f},{grade[i]},p{i}@example.org,{bad[i]}" for i in range(n)]
    return "\n".join(["id,Inc,grade,email,bad", *lines, ""])


def start(root: Path, text: str = FILE, table: str | None = None) -> Path:
    """Write a project."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "noria.toml").write_text(text)
    (root / "loans.csv").write_text(table if table is not None else rows())
    return root


def turn(root: Path) -> Turn:
    """Open a project and its pipeline anew, as a command does."""
    opened = Workspace(root)
    return Turn(opened.project, opened.database, opened.blobs, store=opened.store, jobs=2)


class Heard(StepContext):
    """A context that remembers what a step said."""

    def __init__(self, root: Path, url: str) -> None:
        self.said: Notes = []
        hear: Callable[..., None] = lambda message: self.said.append(dict(message))  # noqa: E731 - typed
        super().__init__("step", "r1", root, 7, Blobs(root / ".noria" / "objects"), url, hear)
