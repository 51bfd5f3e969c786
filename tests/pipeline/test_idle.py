"""A run with nothing to do costs next to nothing: it starts no process and loads no heavy library."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Workshop

DRIVE = """
import os, sys
from pathlib import Path
from noria.pipeline.discovery import discover
from noria.pipeline.engine import Engine
from noria.pipeline.graph import Graph
from noria.store.blobs import Blobs
from noria.store.database import Database

root = Path(sys.argv[1])
url = f"sqlite:///{root}/.noria/noria.db"
engine = Engine(database=Database(url), blobs=Blobs(root / ".noria" / "objects"), root=root, database_url=url)
graph = Graph(discover(root / "pipeline.py"))
outcome = engine.run(graph, run_id="idle")
assert outcome.ok and len(outcome.cached) == 10, outcome
assert all(one.state == "cached" for one in engine.plan(graph))
heavy = {"numpy", "pandas", "pyarrow", "pydantic", "sklearn", "duckdb", "alembic", "subprocess", "importlib.metadata"}
print(sorted(heavy & set(sys.modules)))
try:
    os.waitpid(-1, os.WNOHANG)
    print("has children")
except ChildProcessError:
    print("no children")
print((root / ".noria" / "logs" / "idle").exists())
"""


def test_nothing_to_do_loads_nothing_and_starts_nothing(workshop: Workshop) -> None:
    steps = "".join(f"@step\ndef s{n}({f's{n - 1}' if n else ''}): return {n}\n" for n in range(10))
    workshop.pipeline("import pandas, sklearn\n" + steps)
    assert workshop.run().ok
    script = [sys.executable, "-c", DRIVE, str(workshop.root)]
    said = subprocess.run(script, capture_output=True, text=True, check=False)
    # importlib.metadata and subprocess may come with SQLAlchemy; they are not ours
    loaded, children, logs = said.stdout.splitlines() if said.returncode == 0 else (said.stderr, "", "")
    assert set(eval(loaded)) <= {"importlib.metadata", "subprocess"}
    assert (children, logs) == ("no children", "False")
