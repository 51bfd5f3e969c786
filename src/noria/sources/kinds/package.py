"""``package:NAME/path/in/it.csv``: a file that an installed package brings along."""

from __future__ import annotations

from noria.sources.kind import FILE_HINTS, Pull, Reference, Rows, taken_apart

__all__ = ["Package"]


class Package:
    """Files of installed packages."""

    name = "package"
    summary = "package:NAME/path/in/it.csv: a file of an installed package"

    def parse(self, text: str) -> Reference:
        """Take name, path and hints apart."""
        found = taken_apart(text, "package", hints=FILE_HINTS)
        return Reference("package", found.location.partition(":")[2].lstrip("/"), found.hints, text)

    def token(self, reference: Reference, pull: Pull) -> str:
        """Digest the file."""
        from noria.sources.change import digest_of  # noqa: PLC0415 - when asked
        from noria.sources.package import locate  # noqa: PLC0415 - as above

        return digest_of([locate(reference.location)], reference, pull.store)

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Read the file."""
        from noria.sources.files import read_file  # noqa: PLC0415 - pyarrow only when rows are read
        from noria.sources.package import locate  # noqa: PLC0415 - as above

        path = locate(reference.location)
        return Rows(*read_file(path, reference.hints, pull.na_values, shown=reference.text))
