"""The wheel that an image is built with is one that pip takes."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

from noria.deployment.wheel import wheel


def test_it_is_the_same_twice() -> None:
    assert wheel() == wheel()


def test_pip_installs_it_and_it_serves(tmp_path: Path) -> None:
    name, data = wheel()
    (tmp_path / name).write_bytes(data)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path / "in"),
    ]
    done = subprocess.run([*command, str(tmp_path / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code = (
        "import noria.serving.standalone as s; from importlib.metadata import version; "
        "print(s.__file__, version('noria'))"
    )
    # First on the path: before the noria that these tests run with.
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path / "in")}
    )
    assert done.stdout.split() == [str(tmp_path / "in" / "noria/serving/standalone.py"), version("noria")], done.stderr


def test_it_says_nothing_of_here() -> None:
    with zipfile.ZipFile(io.BytesIO(wheel()[1])) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [name for name in names if "__pycache__" in name or "direct_url" in name or name.startswith("/")]
    assert [name for name in names if name.endswith("/RECORD")]
