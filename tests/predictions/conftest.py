"""Entries as the server makes them, without a server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from noria.predictions.entry import Entry
from noria.scoring.answers import Answers
from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Signature

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNATURE = Signature(
    (SignatureColumn("age", "int"), SignatureColumn("grade", "category", missing="impute")),
    carried=(SignatureColumn("id", "int", missing="impute"),),
    positive="bad",
)

MakeEntry = Callable[..., Entry]


@pytest.fixture
def entry() -> MakeEntry:
    return make


def make(
    first: int,
    rows: int = 1,
    *,
    model: str = "credit",
    at: datetime = NOW,
    version: int = 1,
    signature: Signature = SIGNATURE,
) -> Entry:
    numbers = range(first, first + rows)
    records = [{"age": 20 + number % 50, "grade": None, "id": number} for number in numbers]
    checked = signature.check(records)
    answers = Answers(
        predictions=["bad" if number % 2 else "good" for number in numbers],
        scores=[number % 10 / 10 for number in numbers],
        classes=("bad", "good"),
        probabilities=[[number % 10 / 10, 1 - number % 10 / 10] for number in numbers],
        flags=checked.flags,
    )
    return Entry(model, version, "live", at, 1.5, [f"p{number}" for number in numbers], answers, checked, signature)
