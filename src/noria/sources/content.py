"""What a file really holds, whatever its name says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from noria.errors import WrongData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

__all__ = ["COMPRESSED", "check_content", "check_page", "empty", "lines_of"]

_PIECE = 1 << 22

COMPRESSED = (".gz", ".bz2", ".zst")
"""Endings of compressed files that are read as they are."""

_ENDINGS = {"gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}

# First bytes -> (what it is, format it should be read as, if any).
_MAGIC: tuple[tuple[bytes, str, str | None], ...] = (
    (b"PAR1", "a Parquet file", "parquet"),
    (b"PK\x03\x04", "a zip or Excel file", "xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls)", None),
    (b"%PDF", "a PDF document", None),
    (b"\x89PNG", "a PNG picture", None),
    (b"\xff\xd8\xff", "a JPEG picture", None),
    (b"GIF8", "a GIF picture", None),
    (b"SQLite format 3\x00", "a SQLite database", None),
    (b"\x7fELF", "a program", None),
    (b"ARROW1", "an Arrow file", None),
    (b"\x80\x04\x95", "a pickle", None),
    (b"\x89HDF", "an HDF5 file", None),
    (b"\x1f\x8b", "gzip-compressed", None),
    (b"BZh", "bzip2-compressed", None),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", None),
    (b"\xfd7zXZ", "xz-compressed", None),
)


def empty(shown: str) -> WrongData:
    """Tell of a file without content."""
    return WrongData(
        f"{shown} is empty",
        why="it has no header and no rows",
        mend="check what should have written it, or correct [data] source",
        code="N-SOURCE-022",
    )


def check_content(path: Path, format_: str, compressed: str, shown: str) -> None:
    """Hold the first bytes of a file against what its name says.

    Raises
    ------
    WrongData
        A Parquet file called .csv, a picture, a program: told by name.
    """
    with path.open("rb") as file:
        head = file.read(16)
    for magic, what, readable in _MAGIC:
        if not head.startswith(magic):
            continue
        if readable == format_ and not compressed:
            return
        if compressed and what.endswith("-compressed"):
            return
        mend = f"rename it so that its ending tells the format{f': .{readable}' if readable else ''}"
        if what.endswith("-compressed"):
            mend = f"rename it to {path.name}{_ENDINGS.get(what.partition('-')[0], '.gz')}"
        elif readable is None:
            mend = "export the table as CSV, Parquet or .xlsx"
        raise WrongData(f"{shown} is {what}, not {format_}", mend=mend, code="N-SOURCE-024")
    if format_ in {"parquet", "xlsx"}:
        raise WrongData(
            f"{shown} is not {'a Parquet' if format_ == 'parquet' else 'an Excel'} file",
            why=f"it begins with {head[:8]!r}",
            mend="check what wrote it; if it is text, rename it to .csv",
            code="N-SOURCE-024",
        )
    if compressed:
        raise WrongData(
            f"{shown} ends in {compressed} but is not compressed so",
            why=f"it begins with {head[:8]!r}",
            mend=f"rename it to {path.name.removesuffix(compressed)}",
            code="N-SOURCE-024",
        )


def lines_of(file: pa.NativeFile) -> Iterator[bytes]:
    """Cut a file into lines, without holding it; what follows the last line feed is the last one, if only nothing."""
    rest: list[bytes] = []  # of a line that goes on: joined once, however long it is
    while piece := file.read(_PIECE):
        first, *more = piece.split(b"\n")
        rest.append(first)
        if more:
            yield b"".join(rest)
            yield from more[:-1]
            rest = [more[-1]]
    yield b"".join(rest)


def check_page(text: str, shown: str) -> None:
    """Refuse a web page: often a login or error page saved in place of the file."""
    if re.match(r"^\ufeff?\s*<(!doctype|html|\?xml)", text, re.IGNORECASE):
        raise WrongData(
            f"{shown} is a web page or XML, not a table",
            why=text.strip().splitlines()[0][:100],
            mend="often a login or error page saved in place of the file: fetch it again",
            code="N-SOURCE-024",
        )
