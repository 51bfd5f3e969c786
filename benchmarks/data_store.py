"""A folder of many small files: added, compared, changed and checked out; a part of data.py.

DVC and noria see the same bytes in folders of their own. The disk line counts what each keeps beside the folder, in
blocks.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from data_measured import Line, Used, beside, call, keepers, remove, settle, show, size

BOUNDS = {"add": 6.0, "status, nothing changed": 1.4, "add, 10 changed": 2.0, "checkout, all": 27.0}
BOUND_MB = 140.0
FULL = 100_000


def make(folder: Path, files: int) -> None:
    rng = random.Random(0)
    for number in range(files):
        path = folder / f"{number // 1000:03d}" / f"{number % 1000:03d}.bin"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(rng.randbytes(1024))


def change(folder: Path, salt: int, count: int = 10) -> None:
    paths = sorted(folder.rglob("*.bin"))
    for path in random.Random(salt).sample(paths, count):
        path.write_bytes(random.Random(f"{salt}{path.name}").randbytes(1024))


def story(name: str, folder: Path, commands: dict[str, list[str]], files: int) -> dict[str, Used]:
    data, found = folder / "data", {}
    make(data, files)

    def measured(title: str, command: str) -> None:
        found[title] = call(commands[command], folder)
        show(f"  {name:6} {title:28} {found[title].cpu:6.2f} CPU s {found[title].peak:6,.0f} MB")

    settle()
    measured("add", "add")
    found["disk"] = Used(size(folder / f".{name.lower()}", blocks=True) / 1e6, 0)
    measured("status, nothing changed", "status")
    measured("add, nothing changed", "add")
    change(data, 1)
    settle()
    measured("status, 10 changed", "status")
    measured("add, 10 changed", "add")
    change(data, 2)
    settle()
    measured("checkout, 10 differ", "force")
    settle()
    measured("checkout, nothing to do", "checkout")
    # Moved away, not deleted: ext4 passes over inodes freed within the last minute, at a cost that is nobody's.
    data.rename(folder / "aside")
    time.sleep(1)
    measured("checkout, all", "checkout")
    remove(folder)
    return found


def lines(folder: Path, files: int) -> list[Line]:
    """Measure the folder."""
    told = {name: story(name, *made, files) for name, made in keepers(folder).items()}
    full = files == FULL
    made = [
        beside(f"{files:,} files: {title}", {name: found[title] for name, found in told.items()},
               bound=BOUNDS.get(title) if full else None)
        for title in told["noria"] if title != "disk"
    ]  # fmt: skip
    disk = told.get("DVC", {}).get("disk")
    what = f"{files:,} files: disk for {files * 1024 / 1e6:.0f} MB"
    bound, theirs = BOUND_MB if full else None, disk.cpu if disk else None
    return [*made, Line(what, told["noria"]["disk"].cpu, "MB", bound, theirs, "DVC")]
