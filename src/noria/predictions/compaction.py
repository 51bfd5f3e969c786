"""Turning finished segments into Parquet, in a process of its own: ``python -m noria.predictions.compaction FILE …``.

It takes Arrow and much memory for a moment. A server that answers has neither loaded, and must not stop for it.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import StoreUnavailable
from noria.predictions.segment import compact

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["apart"]


def apart(paths: Sequence[Path]) -> subprocess.Popen[bytes]:
    """Begin to compact segments beside this process.

    Whatever it does not come to stays as it is, readable, for the next start to tidy up.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "noria.predictions.compaction", *map(str, paths)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for the server; half a second later the child has done its work.
        start_new_session=True,
    )


class _WithoutPandas(MetaPathFinder):
    """Keeps pandas out: Arrow would load it, where it is there, to ask of each list whether it is one of its series.

    That is 60 MB and a third of the time that a segment takes.
    """

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        """Say that there is none."""
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


def _main(paths: Sequence[str]) -> int:
    # Answers go first; and looking for rings among millions of values that hold none is most of the work.
    os.nice(10)
    gc.disable()
    sys.meta_path.insert(0, _WithoutPandas())
    failed = 0
    for path in paths:
        try:
            compact(Path(path))
        except (OSError, StoreUnavailable):
            failed += 1
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
