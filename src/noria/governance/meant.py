"""Who is meant: one person as the source names them, as their pseudonym does, or only known by it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from noria.security.pseudonyms import is_pseudonym, known

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

__all__ = ["Meant"]

_BLOCK = 1 << 16


class Meant:
    """Finds one value in columns, however it is written there.

    Parameters
    ----------
    value : str
        As the source writes it, or its pseudonym: then values as sources write them are found by theirs.
    store : Path
        The folder ``.noria``, with the key of pseudonyms.
    """

    def __init__(self, value: str, store: Path) -> None:
        names = known(store)
        self._texts = {value, *([str(names.of(value))] if names else [])}
        self._names = names if is_pseudonym(value) else None

    def marks(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        """Say of each cell whether it is meant."""
        import pyarrow as pa  # noqa: PLC0415 - heavy
        import pyarrow.compute as pc  # noqa: PLC0415 - heavy

        if self._names is not None:
            blocks = (cells.slice(start, _BLOCK).to_pylist() for start in range(0, len(cells), _BLOCK))
            found = ([name in self._texts for name in self._names.all_of(block)] for block in blocks)
            return pa.chunked_array([pa.array(block, pa.bool_()) for block in found], pa.bool_())
        if pa.types.is_floating(cells.type):
            # 7 as a number with a point is the 7 that a person types.
            wanted = [float(text) for text in self._texts if _is_number(text)]
            return pc.fill_null(pc.is_in(cells, pa.array(wanted, cells.type)), False)
        return pc.fill_null(pc.is_in(cells.cast(pa.string()), pa.array(sorted(self._texts), pa.string())), False)

    def count(self, cells: pa.ChunkedArray) -> int:
        """Count the cells that are meant."""
        import pyarrow.compute as pc  # noqa: PLC0415 - heavy

        return int(pc.sum(self.marks(cells)).as_py() or 0)

    def is_in(self, document: bytes) -> bool:
        """Say whether a text of a JSON document is what is meant."""
        return any(json.dumps(text, ensure_ascii=False).encode() in document for text in self._texts)

    def is_value(self, value: object) -> bool:
        """Say whether a value of JSON is meant."""
        if value is None or isinstance(value, (dict, list)):
            return False
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value) in self._texts or (self._names is not None and self._names.of(value) in self._texts)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
