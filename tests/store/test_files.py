"""The one place that writes files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import StoreBusy, StoreUnavailable, WrongArgument
from noria.store.files import contained, ensure_folder, lock_file, write_atomic


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "note.txt"
    write_atomic(path, "first")
    write_atomic(path, b"second", mode=0o600)
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["note.txt"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """The kernel's own full device stands for a full disk: /dev/full answers every write with ENOSPC."""
    script = (
        "import resource, sys; from pathlib import Path; from noria.store.files import write_atomic\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from noria.errors import StoreUnavailable\n"
        "try: write_atomic(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except StoreUnavailable as error: print(error.render())\n"
    )
    path = tmp_path / "note.txt"
    write_atomic(path, "old")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        ensure_folder(tmp_path / "file" / "below")


@given(st.text(min_size=1))
def test_no_path_leaves_its_folder(relative: str) -> None:
    root = Path("/srv/project")
    try:
        joined = contained(root, relative)
    except WrongArgument:
        return
    assert os.path.normpath(joined).startswith("/srv/project")


@pytest.mark.parametrize("relative", ["/etc/passwd", "../x", "a/../../x", "", "a\x00b"])
def test_paths_that_climb_are_refused(relative: str) -> None:
    with pytest.raises(WrongArgument):
        contained(Path("/srv"), relative)


def test_one_holder_at_a_time_and_death_frees(tmp_path: Path) -> None:
    path = tmp_path / "up.lock"
    script = (
        "import sys, time; from pathlib import Path; from noria.store.files import lock_file\n"
        "with lock_file(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreBusy) as caught, lock_file(path):
        pass
    assert str(holder.pid) in caught.value.why
    holder.kill()
    holder.communicate()
    with lock_file(path):
        assert path.read_text() == str(os.getpid())
