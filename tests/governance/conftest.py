"""A project whose rows belong to people."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "steps"))

from loans import FILE, turn

PEOPLE = (
    FILE.replace('key = ["id"]\n', 'key = ["id"]\ngroup = "customer"\n')
    .replace("email = { pii = true }", 'email = { pii = true, store = "drop" }\ncustomer = { store = "pseudonym" }')
    .replace("test = 0.25", 'method = "group"\ntest = 0.25')
)


def rows(n: int = 240) -> str:
    """Each of 80 customers has three rows."""
    rng = np.random.default_rng(5)
    income = rng.normal(30, 8, n)
    bad = np.where(income + rng.normal(0, 6, n) < 28, "yes", "no")
    lines = [f"{i},{income[i]:.2f},C{i % 80:03d},p{i % 80}@example.org,{bad[i]}" for i in range(n)]
    return "\n".join(["id,Inc,customer,email,bad", *lines, ""])


def begin(root: Path) -> Path:
    """Write a project and run it once."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "noria.toml").write_text(PEOPLE)
    (root / "loans.csv").write_text(rows())
    assert turn(root).run().ok
    return root


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a run. Leave no change behind."""
    return begin(tmp_path_factory.mktemp("people"))
