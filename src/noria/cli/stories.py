"""The three stories of ``noria demo``: real rows, and what is done to choose among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["STORIES", "Story"]

Record = dict[str, object]
_SEED = 7


@dataclass(frozen=True)
class Story:
    """What one demo tells.

    Attributes
    ----------
    example : str
        Whose data it is.
    who : str
        What a row of live traffic is, in the plural.
    ordinary, changed : callable
        Choose the rows of the quiet time and of the changed time from the stream.
    change : str
        What changes, and what was done to the rows.
    batch : int
        Rows in one request.
    few : bool
        There are too few rows of each class to prove a fall, and perhaps a gain: the monitor says so instead of
        guessing, and whether the challenger takes over is left to the gates.
    """

    example: str
    who: str
    ordinary: Callable[[Sequence[Record]], list[Record]]
    changed: Callable[[Sequence[Record]], list[Record]]
    change: str
    batch: int = 1
    few: bool = False


_ORDINARY_CUSTOMERS = 420
_CONTRARY_SHARE = 4


def _new_channel(stream: Sequence[Record]) -> list[Record]:
    """Four in five: newcomers to their job who repaid, and people settled in theirs who did not. Each row once."""
    later = stream[_ORDINARY_CUSTOMERS:]
    contrary = [row for row in later if (_number(row["seniority"]) >= 5) == (row["status"] == "bad")]
    others = [row for row in later if (_number(row["seniority"]) >= 5) != (row["status"] == "bad")]
    chosen = contrary[:800] + others[: min(len(contrary), 800) // _CONTRARY_SHARE]
    return _shuffled(chosen)


_ORDINARY_PATIENTS = 80


def _early_findings(stream: Sequence[Record]) -> list[Record]:
    """Of the later patients those whose nuclei are smaller than the median of them all. Each row once."""
    later = stream[_ORDINARY_PATIENTS:]
    median = sorted(_number(row["mean_area"]) for row in later)[len(later) // 2]
    return [row for row in later if _number(row["mean_area"]) < median]


def _month(row: Record) -> str:
    return str(row["ts"])[:7]


STORIES = {
    "credit": Story(
        example="credit",
        who="customers",
        ordinary=lambda stream: list(stream[:_ORDINARY_CUSTOMERS]),
        changed=_new_channel,
        change="A new sales channel opens. Its customers are real rows, chosen so that four in five run against the\n"
        "rule the bank knew: newcomers to their job who repaid, people settled in theirs who did not.",
    ),
    "diagnosis": Story(
        example="diagnosis",
        who="patients",
        ordinary=lambda stream: list(stream[:_ORDINARY_PATIENTS]),
        changed=_early_findings,
        change="A screening programme begins to refer early findings: real patients, of the later ones those whose "
        "cell\nnuclei are smaller than the median.",
        few=True,
    ),
    "sensors": Story(
        example="sensors",
        who="hours",
        ordinary=lambda stream: [row for row in stream if _month(row) <= "2012-09"],
        changed=lambda stream: [row for row in stream if _month(row) > "2012-09"],
        change="Time passes; nothing is chosen or re-sampled. A model of the warm half of the year is left running\n"
        "into the winter: the heating season begins, and in January 2013 the air is the worst of five years.",
        batch=8,
    ),
}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _shuffled(rows: Sequence[Record]) -> list[Record]:
    """Mix what was chosen in two parts, so that every window holds both."""
    import random

    mixed = list(rows)
    random.Random(_SEED).shuffle(mixed)  # noqa: S311 - an order, not a secret
    return mixed
