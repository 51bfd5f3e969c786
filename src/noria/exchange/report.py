"""What an import or an export did: counted, with everything that was left out or is not equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

__all__ = ["KINDS", "Report", "Tally"]

KINDS = (
    "experiments",
    "runs",
    "params",
    "tags",
    "points",
    "inputs",
    "logged models",
    "files",
    "registered models",
    "versions",
)
"""What is counted, in the order of the report."""

_MOST_DIFFERENCES = 1000


@dataclass
class Tally:
    """How many there are at the source, how many were new, and how many were at the destination already."""

    found: int = 0
    new: int = 0
    known: int = 0


@dataclass
class Report:
    """The end of an import or export.

    Parameters
    ----------
    source, destination : str
        From where to where.
    dry : bool
        Nothing was written.
    tallies : mapping of kind to Tally
        See `KINDS`.
    skipped : mapping of reason to (count, first)
        What was left out.
    differences : list of str
        What is not equal at both ends; at most a thousand are told one by one.
    """

    source: str
    destination: str
    dry: bool = False
    tallies: dict[str, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})
    skipped: dict[str, tuple[int, str]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    more_differences: int = 0
    file_bytes: int = 0

    def __getitem__(self, kind: str) -> Tally:
        return self.tallies[kind]

    def differs(self, text: str) -> None:
        """Note what is not equal."""
        if len(self.differences) < _MOST_DIFFERENCES:
            self.differences.append(text)
        else:
            self.more_differences += 1

    def skip(self, found: Mapping[str, tuple[int, str]]) -> None:
        """Add what was left out."""
        for reason, (count, first) in found.items():
            before, known_first = self.skipped.get(reason, (0, first))
            self.skipped[reason] = (before + count, known_first)

    @property
    def is_whole(self) -> bool:
        """Nothing was left out, and nothing differs."""
        return not self.skipped and not self.differences

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON."""
        return {
            "source": self.source,
            "destination": self.destination,
            "dry_run": self.dry,
            "whole": self.is_whole,
            "counts": {kind: asdict(tally) for kind, tally in self.tallies.items()},
            "file_bytes": self.file_bytes,
            "skipped": [
                {"reason": reason, "count": count, "first": first} for reason, (count, first) in self.skipped.items()
            ],
            "differences": self.differences,
            "more_differences": self.more_differences,
        }
