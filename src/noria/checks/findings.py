"""What the checks found, and which rows are left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from noria.checks.settings import Severity

__all__ = ["Finding", "Report", "raise_for"]

_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold, or looks wrong.

    Parameters
    ----------
    check : str
        Kind: rows, missing, type, range, values, match, unique, rule, reference, drift, freshness; target, duplicates,
        constant, empty-column, mixed, infinite, spelling, leakage, identifier; straddling-key, -group, -time, -row,
        -near.
    column : str, optional
        Column it is about.
    severity : str
        error stops the run, warn tells, quarantine sets rows aside.
    failed_rows : int
        Rows that broke it; all rows where it is about the whole.
    message : str
        What was found, with the figures.
    mend : str
        What to do about it.
    """

    check: str
    column: str | None
    severity: Severity
    failed_rows: int
    message: str
    mend: str = ""

    def to_json(self) -> dict[str, object]:
        """Give the fields as JSON."""
        return {
            "check": self.check,
            "column": self.column,
            "severity": self.severity,
            "failed_rows": self.failed_rows,
            "message": self.message,
            "mend": self.mend,
        }


@dataclass(frozen=True)
class Report:
    """What came of a suite.

    Parameters
    ----------
    findings : tuple of Finding
        The gravest first.
    rows : int
        Rows looked at.
    kept : pyarrow.Table
        Rows that go on: without those set aside, and without those that have no target. Columns have the schema's
        types.
    quarantined : pyarrow.Table, optional
        Rows set aside, as they came.
    dropped : int
        Rows without a target, left out.
    """

    findings: tuple[Finding, ...]
    rows: int
    kept: pa.Table
    quarantined: pa.Table | None = None
    dropped: int = 0

    @property
    def passed(self) -> bool:
        """Nothing of severity error was found."""
        return not any(finding.severity == "error" for finding in self.findings)

    def summary(self) -> str:
        """Say it in one line.

        Examples
        --------
        >>> import pyarrow as pa
        >>> Report((), 3, pa.table({"a": [1, 2, 3]})).summary()
        '3 rows, nothing found'
        """
        parts = [f"{self.rows:,} rows"]
        for severity, noun in (("error", "error"), ("warn", "warning")):
            count = sum(finding.severity == severity for finding in self.findings)
            if count:
                parts.append(f"{count} {noun}{'s' if count > 1 else ''}")
        if self.quarantined is not None and self.quarantined.num_rows:
            parts.append(f"{self.quarantined.num_rows:,} rows set aside")
        if self.dropped:
            parts.append(f"{self.dropped:,} without a target left out")
        return ", ".join(parts) if len(parts) > 1 else f"{parts[0]}, nothing found"

    def to_json(self) -> dict[str, object]:
        """Give findings and counts as JSON; not the rows."""
        return {
            "passed": self.passed,
            "rows": self.rows,
            "kept_rows": self.kept.num_rows,
            "quarantined_rows": self.quarantined.num_rows if self.quarantined is not None else 0,
            "dropped_rows": self.dropped,
            "findings": [finding.to_json() for finding in self.findings],
        }

    def raise_if_failed(self, what: str) -> None:
        """Stop where something of severity error was found.

        Raises
        ------
        CheckFailed
            With each failed check and its mend.
        """
        raise_for(self.findings, what)


def raise_for(findings: Sequence[Finding], what: str) -> None:
    """Stop where something of severity error was found.

    Raises
    ------
    CheckFailed
        With each failed check and its mend.
    """
    failed = [finding for finding in findings if finding.severity == "error"]
    if failed:
        more = f"\n… and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise CheckFailed(
            f"{len(failed)} check{'s' if len(failed) > 1 else ''} failed on {what}",
            why="\n".join(f"- {finding.message}" for finding in failed[:_SHOWN]) + more,
            mend="\n".join(dict.fromkeys(finding.mend for finding in failed[:_SHOWN] if finding.mend)),
            code="N-CHECKS-001",
        )
