"""What a fit was computed with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from noria.runs.machine import _processor, machine

X86 = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu sse4_2 avx2 fma\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd sve\n"


def test_the_processor_is_named_with_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "x86").write_text(X86)
    (tmp_path / "arm").write_text(ARM)
    assert _processor(tmp_path / "x86") == ("Some CPU @ 2 GHz", frozenset({"fpu", "sse4_2", "avx2", "fma"}))
    assert _processor(tmp_path / "arm") == (os.uname().machine, frozenset({"fp", "asimd", "sve"}))
    assert _processor(tmp_path / "none") == (os.uname().machine, frozenset())


def test_pools_are_those_that_are_loaded() -> None:
    found = machine()
    assert found["threads"] == len(os.sched_getaffinity(0))
    script = "from noria.runs.machine import machine; print(machine()['pools'])"
    bare = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert bare.stdout.strip() == "[]"
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sklearn.linear_model; {script}"], capture_output=True, text=True, check=True
    )
    assert "blas" in loaded.stdout
