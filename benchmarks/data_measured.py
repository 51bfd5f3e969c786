"""What the parts of data.py share: commands that are measured, DVC beside noria, and the lines they make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NORIA = [sys.executable, "-m", "noria.cli.main"]
PROJECT = '[project]\nname = "bench"\n[data]\nsource = "none.csv"\ntarget = "y"\n'

# A process starts as large as the one it is forked from: a small one stands between, so that the peak is the command's.
LAUNCHER = """
import os, subprocess, sys
done = subprocess.Popen(sys.argv[1:], stdout=2)
_, status, used = os.wait4(done.pid, 0)
done.returncode = os.waitstatus_to_exitcode(status)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(done.returncode)
"""


@dataclass(frozen=True)
class Line:
    """One promise, or a figure beside them: what noria takes, and what another does."""

    what: str
    noria: float
    unit: str = "CPU s"
    bound: float | None = None
    peer: float | None = None
    by: str = ""


@dataclass(frozen=True)
class Used:
    """What a command took, and the last line it printed."""

    cpu: float
    peak: float
    told: str = ""


def peers_python() -> Path | None:
    """Find the Python of the peers' environment: that of NORIA_BENCH_DATA, or of ``make .venv-data/.ready``."""
    python = Path(os.environ.get("NORIA_BENCH_DATA") or ROOT / ".venv-data" / "bin" / "python")
    return python if python.exists() else None


def call(command: list[str], folder: Path | None = None) -> Used:
    """Run a command and measure its whole process tree: user and system CPU, and its largest process."""
    launched = [sys.executable, "-S", "-c", LAUNCHER, *command]
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(launched, cwd=folder, capture_output=True, env=environment, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    used, peak = done.stdout.split()
    return Used(float(used), float(peak), (done.stderr.strip().splitlines() or [""])[-1])


def keepers(root: Path) -> dict[str, tuple[Path, dict[str, list[str]]]]:
    """Make a project for noria and one for DVC, if that is here; give their folders and how each is called."""
    mine, theirs = root / "noria", root / "dvc"
    made = {
        "noria": (mine, {
            "add": [*NORIA, "data", "add", "data"],
            "status": [*NORIA, "data", "status", "data"],
            "checkout": [*NORIA, "data", "checkout", "data"],
            "force": [*NORIA, "data", "checkout", "data", "--force"],
        })
    }  # fmt: skip
    mine.mkdir()
    (mine / "noria.toml").write_text(PROJECT)
    call([*NORIA, "data", "list"], mine)  # makes the database
    python = peers_python()
    if python is not None:
        dvc = str(python.parent / "dvc")
        theirs.mkdir()
        call([dvc, "init", "--no-scm", "-q"], theirs)
        made["DVC"] = (theirs, {
            "add": [dvc, "add", "-q", "data"],
            "status": [dvc, "status"],
            "checkout": [dvc, "checkout", "-q"],
            "force": [dvc, "checkout", "-q", "--force"],
        })  # fmt: skip
    return made


def settle() -> None:
    """Wait: nobody trusts a time stamp that is too fresh."""
    time.sleep(3)


def size(folder: Path, *, blocks: bool = False) -> int:
    """Count bytes below a folder, or those of the blocks they take."""
    found = [path.lstat() for path in folder.rglob("*")]
    return sum(each.st_blocks * 512 for each in found) if blocks else sum(each.st_size for each in found)


def beside(what: str, told: dict[str, Used], *, bound: float | None = None) -> Line:
    """Make a line of what noria and DVC took for the same."""
    dvc = told.get("DVC")
    return Line(what, told["noria"].cpu, bound=bound, peer=dvc.cpu if dvc else None, by="DVC")


def show(text: str) -> None:
    """Say on the way how far it is, beside the table."""
    print(text, file=sys.stderr, flush=True)


def remove(folder: Path) -> None:
    """Delete a folder whose files may be read-only."""
    shutil.rmtree(folder, ignore_errors=True)
