"""Rows that a model cannot be asked about: which, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from noria.errors import WrongData, did_you_mean

__all__ = ["InputRefused", "Problem", "extra_column", "no_column"]

_MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Problem:
    """One fault of a batch: where, and what."""

    row: int
    column: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, object]:
        """Give it as the answer shows it."""
        return {"row": self.row, "column": self.column, "code": self.code, "message": self.message}

    def __str__(self) -> str:
        return (
            f"row {self.row}" + (f", column {self.column!r}" if self.column is not None else "") + f": {self.message}"
        )


class InputRefused(WrongData):
    """Rows that the model cannot be asked about.

    Attributes
    ----------
    problems : tuple of Problem
        The first hundred faults.
    rows : frozenset of int
        Every row that has one.
    """

    def __init__(
        self, problems: Sequence[Problem], *, mend: str = "noria models show MODEL says what it accepts"
    ) -> None:
        shown = tuple(problems[:_MOST_PROBLEMS])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"the input does not fit the model: {problems[0]}{more}",
            why="\n".join(map(str, shown[:10])),
            mend=mend,
            code="N-SCORING-001",
        )
        self.problems = shown
        self.rows = frozenset(problem.row for problem in problems)


def extra_column(number: int, name: str, known: frozenset[str]) -> Problem:
    """Tell of a column that the model does not know."""
    hint = did_you_mean(name, known)
    return Problem(number, name[:128], "extra_column", "the model has no such column" + (f"; {hint}" if hint else ""))


def no_column(number: int, name: str, present: Mapping[str, object] | set[str]) -> Problem:
    """Tell of a column that should be there."""
    hint = did_you_mean(name, present)
    return Problem(number, name, "missing_column", "the column is not there" + (f"; {hint}" if hint else ""))
