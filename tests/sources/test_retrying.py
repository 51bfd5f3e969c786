"""Trying again: longer pauses, never in step, and not for ever."""

from __future__ import annotations

import random

import pytest

from noria.errors import WorkFailed
from noria.sources.retrying import TRIES, Transient, retried


def failing(times: int, after: float = 0.0) -> tuple[list[int], object]:
    tries: list[int] = []

    def attempt() -> str:
        tries.append(len(tries))
        if len(tries) <= times:
            raise Transient(WorkFailed(f"busy {len(tries)}"), after)
        return "rows"

    return tries, attempt


def test_pauses_grow_and_are_drawn() -> None:
    for seed in range(50):
        slept: list[float] = []
        tries, attempt = failing(TRIES - 1)
        assert retried(attempt, sleep=slept.append, draw=random.Random(seed).random) == "rows"  # type: ignore[arg-type]
        assert len(tries) == TRIES
        assert 0.25 <= slept[0] <= 0.75
        assert 0.5 <= slept[1] <= 1.5
    pauses = set()
    for seed in range(50):
        retried(failing(1)[1], sleep=pauses.add, draw=random.Random(seed).random)  # type: ignore[arg-type]
    assert len(pauses) > 40


def test_it_gives_up_with_the_last_error() -> None:
    notes: list[str] = []
    tries, attempt = failing(99)
    with pytest.raises(WorkFailed, match=f"busy {TRIES}"):
        retried(attempt, sleep=lambda _seconds: None, note=notes.append)  # type: ignore[arg-type]
    assert len(tries) == TRIES
    assert len(notes) == TRIES - 1
    assert "tried again in" in notes[0]


def test_the_other_side_is_heard_but_not_for_ever() -> None:
    for asked, pause in ((5.0, 5.0), (3600.0, 20.0)):
        slept: list[float] = []
        retried(failing(1, asked)[1], sleep=slept.append)  # type: ignore[arg-type]
        assert slept == [pause]


def test_anything_else_is_raised_at_once() -> None:
    slept: list[float] = []

    def attempt() -> None:
        raise WorkFailed("no such page")

    with pytest.raises(WorkFailed):
        retried(attempt, sleep=slept.append)
    assert slept == []
