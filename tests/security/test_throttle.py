"""Attempts: counted before the password is looked at, by account and address, with growing waits."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.security.throttle import FREE_ATTEMPTS, Throttle, TooManyAttempts
from noria.store.database import Database
from noria.store.migrations import upgrade
from noria.workspace import MIGRATIONS

from .conftest import AT


@pytest.fixture(scope="module")
def counted() -> Iterator[Throttle]:
    database = Database("sqlite://")
    upgrade(database, MIGRATIONS)
    yield Throttle(database)
    database.close()


def let_through(throttle: Throttle, seconds: Sequence[float], account: str = "ada") -> list[bool]:
    told = []
    for second in seconds:
        try:
            throttle.attempt(account, "203.0.113.7", now=AT + timedelta(seconds=second))
            told.append(True)
        except TooManyAttempts:
            told.append(False)
    return told


def test_waits_double(database: Database) -> None:
    throttle = Throttle(database)
    assert let_through(throttle, range(1000)) == [
        second < FREE_ATTEMPTS or second in (4 + 60, 4 + 60 + 120, 4 + 60 + 120 + 240, 4 + 60 + 120 + 240 + 480)
        for second in range(1000)
    ]
    with pytest.raises(TooManyAttempts) as told:
        throttle.attempt("ada", "203.0.113.7", now=AT + timedelta(seconds=1000))
    assert told.value.retry_seconds == 904 + 960 - 1000


def test_another_account_and_another_address_are_free(database: Database) -> None:
    throttle = Throttle(database)
    assert let_through(throttle, [0] * 9).count(True) == FREE_ATTEMPTS
    assert let_through(throttle, [0], account="bob") == [True]
    throttle.attempt("ada", "198.51.100.1", now=AT)
    with pytest.raises(TooManyAttempts):
        throttle.allow("ada", "203.0.113.7", now=AT)
    throttle.allow("ada", "198.51.100.1", now=AT)
    throttle.clear("ada", "203.0.113.7")
    assert let_through(throttle, [0]) == [True]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("no address", "no address", True),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(counted: Throttle, first: str, second: str, same: bool) -> None:
    account = uuid.uuid4().hex
    for _ in range(FREE_ATTEMPTS):
        counted.attempt(account, first, now=AT)
    if same:
        with pytest.raises(TooManyAttempts):
            counted.attempt(account, second, now=AT)
    else:
        counted.attempt(account, second, now=AT)


def test_the_longest_wait_is_an_hour_and_a_day_forgets(database: Database) -> None:
    throttle = Throttle(database)
    seconds = [*range(0, 10, 2), *range(60, 40_000, 120)]
    passed = [second for second, free in zip(seconds, let_through(throttle, seconds), strict=True) if free]
    waits = [after - before for before, after in itertools.pairwise(passed)]
    assert max(waits) <= 3600 + 120
    assert min(waits[-5:]) >= 3600
    day_later = passed[-1] + 2 * 86_400
    assert let_through(throttle, [day_later] * 6) == [True] * FREE_ATTEMPTS + [False]


def test_a_clock_set_back_locks_nobody_out(database: Database) -> None:
    throttle = Throttle(database)
    let_through(throttle, [0] * FREE_ATTEMPTS)
    assert let_through(throttle, [-400 * 86_400]) == [True]


def test_a_hundred_at_once_are_a_hundred(database: Database) -> None:
    told: list[bool] = []
    threads = [threading.Thread(target=lambda: told.extend(let_through(Throttle(database), [0] * 5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 40
    assert told.count(True) == FREE_ATTEMPTS


@given(st.lists(st.integers(0, 4000), max_size=30))
def test_never_more_than_five_in_a_minute(counted: Throttle, seconds: list[int]) -> None:
    seconds = sorted(seconds)
    told = let_through(counted, seconds, account=uuid.uuid4().hex)
    passed = [second for second, free in zip(seconds, told, strict=True) if free]
    for first in passed:
        assert sum(first <= second < first + 60 for second in passed) <= FREE_ATTEMPTS
