"""Looking at versions loads no data library: `noria models list` must be quick."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("numpy", "pandas", "pyarrow", "sklearn", "duckdb", "pydantic", "lightgbm")


def test_the_registry_is_light() -> None:
    modules = ["catalog", "aliases", "verdicts", "promotion", "comparison", "version", "tables"]
    code = "import sys\n" + "\n".join(f"import noria.registry.{name}" for name in modules)
    code += f"\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
