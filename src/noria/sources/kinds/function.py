"""``python:module.function``: rows that a function of the user's own returns."""

from __future__ import annotations

from noria.sources.kind import VOLATILE, Increment, Pull, Reference, Rows

__all__ = ["Function"]


class Function:
    """Functions of the project, or of installed packages."""

    name = "python"
    summary = "python:module.function: what a function of your own returns"

    def parse(self, text: str) -> Reference:
        """Take the prefix off."""
        return Reference("python", text.partition(":")[2], {}, text)

    def token(self, reference: Reference, pull: Pull) -> str:
        """Nobody can tell without calling it."""
        del reference, pull
        return VOLATILE

    def read(self, reference: Reference, pull: Pull) -> Rows:
        """Call it."""
        from noria.sources.function import call  # noqa: PLC0415 - pyarrow only when rows are read

        return Rows(call(reference.location, pull.root))

    def place(self, reference: Reference, pull: Pull) -> str:
        """A function is its name."""
        del pull
        return reference.location

    def increment(self, reference: Reference, pull: Pull, *, column: str, since: object, lag: float) -> Increment:
        """Call it with ``since``: the greatest value of the column seen, or None."""
        from noria.sources.function import call_since  # noqa: PLC0415 - pyarrow only when rows are read

        return call_since(reference.location, pull.root, column=column, since=since, lag=lag)
