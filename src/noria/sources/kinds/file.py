"""``data/2026-*.parquet``: files beside the project or anywhere on disk."""

from __future__ import annotations

from noria.sources.kind import Pull, Reference, Rows, taken_apart

__all__ = ["File"]


class File:
    """Files and globs of files."""

    name = "file"
    summary = "a file or glob: csv, tsv, parquet, json, jsonl, xlsx; also .gz .bz2 .zst"

    def parse(self, text: str) -> Reference:
        """Take path and hints apart."""
        return taken_apart(text, "file")

    def token(self, reference: Reference, pull: Pull) -> str:
        """Digest names and contents; a file that was not touched is not opened again."""
        from noria.sources.change import digest_of  # noqa: PLC0415 - when asked
        from noria.sources.paths import matching  # noqa: PLC0415 - as above

        return digest_of(matching(reference.location, pull.root), reference, pull.store)

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Read them one after the other, stacked."""
        from noria.sources.files import read_files  # noqa: PLC0415 - pyarrow only when rows are read

        return Rows(*read_files(reference, pull.root, pull.na_values))
