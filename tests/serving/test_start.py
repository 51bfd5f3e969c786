"""What a serving process loads: each library that it does not need costs every worker memory and time to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "alembic", "click", "duckdb", "jinja2", "joblib", "keras", "lightgbm", "pandas", "pyarrow", "pydantic", "rich",
    "scipy", "skops", "sklearn", "starlette", "tensorflow",
)  # fmt: skip
ANSWERING = """
import sys
from pathlib import Path
import noria.serving.run
from noria.predictions.log import PredictionLog
from noria.serving import native
from noria.serving.http import as_json
from tests.predictions.conftest import SIGNATURE, make

read = native.read(b'[{"age": 30, "grade": null}]', SIGNATURE.reader)
assert SIGNATURE.check(read[0]).columns == {"age": [30], "grade": [None]}
log = PredictionLog(Path(sys.argv[1]))
log.append(make(1, 3))
log.flush()
assert log.counts().written == 3
print([name for name in sys.argv[2:] if name in sys.modules], flush=True)
log.close()
"""


def test_a_process_that_reads_checks_and_logs_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ANSWERING, str(tmp_path), *HEAVY],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
    )
    # uvicorn brings click.
    assert done.stdout.strip() == "['click']"
