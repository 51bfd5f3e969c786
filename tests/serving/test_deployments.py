"""Documents and counters in both databases: a number is written once, whoever comes at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import NotFound
from noria.scoring.answers import Answers
from noria.security.audit import entries, first_broken
from noria.serving.deployments import DeploymentMoved, Deployments
from noria.serving.gates import Gates
from noria.serving.rollout import Rollout
from noria.serving.score_bins import score_bin
from noria.serving.tally import Tally
from noria.serving.transitions import By, begun, settled

if TYPE_CHECKING:
    import sqlalchemy as sa

    from noria.serving.document import Document
    from noria.store.database import Database

BY = By("ada", "because", datetime(2026, 3, 1, 12, 30, 15, 123456, UTC))


def made(database: Database) -> Deployments:
    found = Deployments(database, endpoint="risk", model="credit")
    found.append(lambda _connection, _newest: settled(None, 1, BY, fallback=0), after=0)
    return found


def test_documents_come_back_as_they_were_written(database: Database) -> None:
    deployments = made(database)
    gates = Gates(7, 1.5, 0.01, None, 0.25, None, 60.0)
    rollout = Rollout("canary", (5, 25, 100), 60.5, key="customer", gates=gates)
    first = deployments.get(1)
    second = begun(first, [2], rollout, By("bo", "better", BY.at, ({"gate": "psi", "value": 0.5},)))
    assert deployments.append(lambda _connection, _newest: second, after=1) == second
    assert deployments.current() == second
    assert deployments.history() == (second, first)
    assert deployments.fallback(second) == first
    assert deployments.fallback(first) is None
    assert Deployments(database, endpoint="risk", model="credit", alias="challenger").current() is None
    with pytest.raises(NotFound, match="no document 3"):
        deployments.get(3)


def test_of_many_that_write_a_number_one_does(database: Database) -> None:
    deployments = made(database)

    def write(version: int) -> int:
        def work(_connection: sa.Connection, newest: Document | None) -> Document:
            return settled(newest, version, BY, fallback=1)

        try:
            return deployments.append(work, after=1).champion.version
        except DeploymentMoved:
            return 0

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(write, range(2, 10)))
    assert sorted(written)[:-1] == [0] * 7
    current = deployments.current()
    assert current is not None
    assert (current.number, current.champion.version) == (2, max(written))
    assert len(entries(database)) == 2  # the audit knows nothing of what was refused
    assert first_broken(database) is None


def test_a_page_of_yesterday_is_told_so(database: Database) -> None:
    deployments = made(database)
    deployments.expect("1")
    for stale in ("0", "2", "", "x", "9" * 40):
        with pytest.raises(DeploymentMoved):
            deployments.expect(stale)


def test_counters_of_processes_add_up_and_are_written_over(database: Database) -> None:
    deployments = made(database)
    said = Answers(("good", "bad"), (0.25, 0.75), (), None, ((), ()))
    other = Answers(("good", "good"), (0.25, 0.5), (), None, ((), ()))
    for process in ("p", "q"):
        tally = Tally(2)
        for _ in range(3):
            tally.answered("live", 1, 0.0015, said)
            tally.answered("shadow", 2, 0.003, other)
            tally.compare("shadow", said, other)
            deployments.tallies.write(process, tally.take())  # the same rows again, grown
        tally.failed("shadow", 2, 0.1)
        deployments.tallies.write(process, tally.take())
        assert tally.take() == []  # nothing has changed
    sums = deployments.tallies.sums(2)
    live, shadow = sums["live"], sums["shadow"]
    assert (live.requests, live.failed, live.rows, live.seconds) == (6, 0, 12, pytest.approx(0.009))
    assert (shadow.requests, shadow.failed, shadow.rows, sum(shadow.histogram)) == (8, 2, 12, 8)
    assert dict(live.scores) == {score_bin(0.25): 6, score_bin(0.75): 6}
    assert (shadow.compared, shadow.agreed, shadow.gap) == (12, 6, pytest.approx(1.5))
    assert deployments.tallies.sums(3) == {}


def test_regression_agrees_by_value_and_clusters_count_by_name() -> None:
    tally = Tally(1)
    numbers = Answers((1.0, 2.0), (1.0, 2.0), (), None, ((), ()))
    near = Answers((1.0 + 1e-12, 2.1), (1.0 + 1e-12, 2.1), (), None, ((), ()))
    tally.answered("shadow", 2, 0.001, near)
    tally.compare("shadow", numbers, near)
    clusters = Answers((0, 1, 1), (None, None, None), (), None, ((), (), ()))
    tally.answered("b", 3, 0.001, clusters)
    rows = {row["arm"]: row for row in tally.take()}
    assert (rows["shadow"]["compared"], rows["shadow"]["agreed"]) == (2, 1)
    assert sorted(count for _, count in rows["b"]["scores"]) == [1, 2]  # type: ignore[attr-defined]
