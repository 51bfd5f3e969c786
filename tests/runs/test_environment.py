"""The environment is described without importing what it describes."""

from __future__ import annotations

import subprocess
import sys

from noria.runs.environment import environment


def test_main_libraries_have_their_versions() -> None:
    found = environment()
    libraries = found["libraries"]
    assert isinstance(libraries, dict)
    assert {"numpy", "scikit-learn", "lightgbm"} <= set(libraries)
    assert found["python"] == ".".join(str(part) for part in sys.version_info[:3])


def test_nothing_heavy_is_loaded() -> None:
    script = (
        "import sys, noria.runs.runs, noria.runs.code\n"
        "from noria.runs.environment import environment; environment()\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'pydantic', 'sklearn', 'tensorflow'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
