"""Leases and results on both databases."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.pipeline.artifact import ArtifactRef
from noria.pipeline.records import EXPIRY, Action, Past, Records, StepRecord
from noria.pipeline.tables import leases
from noria.store.blobs import Digest
from noria.store.process import this_process

if TYPE_CHECKING:
    from noria.store.database import Database

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
KEY = Digest("a" * 64)
OUTPUT = ArtifactRef("json", Digest("b" * 64), (Digest("b" * 64),))


def finished(run_id: str = "r1", *, step: str = "train", key: Digest = KEY, at: datetime = NOW) -> StepRecord:
    return StepRecord(run_id, step, "finished", key=key, output=OUTPUT, seconds=1.5, started=at, ended=at)


def hold(database: Database, owner: str, beat: datetime) -> None:
    row = {"key": KEY, "owner": owner, "step": "train", "run_id": "other", "taken": beat, "beat": beat}
    with database.transaction() as connection:
        connection.execute(sa.delete(leases))
        connection.execute(sa.insert(leases), [row])


def test_claim_then_publish_then_found(database: Database) -> None:
    records = Records(database)
    assert records.claim(KEY, "train", "r1", fresh=False, now=NOW) == "taken"
    assert records.claim(KEY, "train", "r2", fresh=False, now=NOW) == "held"
    records.publish(finished(), {"params": {"depth": 3}}, keep=True)
    found = records.claim(KEY, "train", "r2", fresh=False, now=NOW)
    assert found == Action(KEY, "train", OUTPUT, NOW, 1.5, "r1")
    assert records.action(KEY) == found
    assert records.recent(["train"]) == {KEY: found}
    assert records.parts(KEY) == {"params": {"depth": 3}}
    assert records.claim(KEY, "train", "r2", fresh=True, now=NOW) == "taken"


def test_a_result_that_is_not_kept_is_not_found(database: Database) -> None:
    records = Records(database)
    records.claim(KEY, "train", "r1", fresh=False, now=NOW)
    records.publish(finished(), {}, keep=False)
    assert records.action(KEY) is None
    assert records.claim(KEY, "train", "r2", fresh=False, now=NOW) == "taken"


def test_freeing_gives_the_key_back(database: Database) -> None:
    records = Records(database)
    records.claim(KEY, "train", "r1", fresh=False, now=NOW)
    records.free("r1", KEY)
    assert records.claim(KEY, "train", "r2", fresh=False, now=NOW) == "taken"
    records.settle([], free="r2")
    assert records.claim(KEY, "train", "r3", fresh=False, now=NOW) == "taken"


@pytest.mark.parametrize("before", ["nothing", "a dead lease"])
def test_many_who_claim_at_once_get_it_once(database: Database, before: str) -> None:
    if before == "a dead lease":
        hold(database, "elsewhere boot pid:[1] 7 7", NOW - 2 * EXPIRY)
    records = Records(database)
    together = threading.Barrier(6)
    got: list[object] = []

    def claim(run_id: str) -> None:
        together.wait()
        got.append(records.claim(KEY, "train", run_id, fresh=False, now=NOW))

    threads = [threading.Thread(target=claim, args=(f"r{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(one) for one in got) == ["held"] * 5 + ["taken"]


def test_the_lease_of_a_dead_process_here_is_free(database: Database) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        place = " ".join(this_process().split(" ")[:3])
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        hold(database, f"{place} {process.pid} {start}", NOW - 10 * EXPIRY)
        records = Records(database)
        assert records.claim(KEY, "train", "r1", fresh=False, now=NOW) == "held"
        process.kill()
        process.wait()
    assert records.claim(KEY, "train", "r1", fresh=False, now=NOW) == "taken"


def test_a_process_id_given_out_again_is_another_process(database: Database) -> None:
    place = " ".join(this_process().split(" ")[:3])
    hold(database, f"{place} {os.getpid()} 1", NOW)
    assert Records(database).claim(KEY, "train", "r1", fresh=False, now=NOW) == "taken"


@pytest.mark.parametrize(("age", "said"), [(EXPIRY / 2, "held"), (EXPIRY + timedelta(seconds=1), "taken")])
def test_another_machine_s_lease_lives_by_its_heartbeat(database: Database, age: timedelta, said: str) -> None:
    hold(database, "elsewhere boot pid:[1] 7 7", NOW - age)
    assert Records(database).claim(KEY, "train", "r1", fresh=False, now=NOW) == said


def test_a_lease_from_before_the_restart_is_free(database: Database) -> None:
    host = this_process().split(" ")[0]
    hold(database, f"{host} another-boot pid:[1] 7 7", NOW)
    assert Records(database).claim(KEY, "train", "r1", fresh=False, now=NOW) == "taken"


def test_heartbeats_touch_only_one_s_own(database: Database) -> None:
    records = Records(database)
    records.claim(KEY, "train", "r1", fresh=False, now=NOW)
    later = NOW + timedelta(seconds=10)
    records.beat("r2", later)
    records.beat("r1", later)
    with database.reading() as connection:
        assert connection.execute(sa.select(leases.c.beat)).scalars().all() == [later]


def test_last_is_what_was_used_last_not_what_was_made_last(database: Database) -> None:
    records = Records(database)
    other = Digest("c" * 64)
    records.publish(finished("r1"), {"params": 1}, keep=True)
    records.publish(finished("r2", key=other, at=NOW + timedelta(hours=1)), {"params": 2}, keep=True)
    assert records.pasts(["train"])["train"].last == Action(other, "train", OUTPUT, NOW + timedelta(hours=1), 1.5, "r2")
    later = NOW + timedelta(hours=2)
    records.settle([StepRecord("r3", "train", "cached", key=KEY, output=OUTPUT, started=later, ended=later)])
    found = records.pasts(["train", "never"])
    assert found["train"].last is not None
    assert found["train"].last.key == KEY
    assert found["never"] == Past()


@pytest.mark.parametrize(
    ("state", "said"), [("failed", "failed"), ("running", "interrupted"), ("cancelled", "interrupted"), ("cached", "")]
)
def test_how_a_step_was_broken_off(database: Database, state: str, said: str) -> None:
    records = Records(database)
    assert records.pasts(["train"]) == {"train": Past()}
    records.settle([StepRecord("r1", "train", state, started=NOW)])  # type: ignore[arg-type]
    assert records.pasts(["train"])["train"].broken_off == said


def test_the_states_of_a_run_are_read_back(database: Database) -> None:
    records = Records(database)
    first = StepRecord("r1", "b", "failed", started=NOW, ended=NOW, error={"what": "no"}, reason="never run before")
    second = StepRecord("r1", "a", "skipped", ended=NOW, reason="b failed")
    records.settle([second, first, finished("r2")])
    assert records.states("r1") == [first, second]


def test_what_a_step_did_last_is_told_of_its_own_project(database: Database) -> None:
    one, other = Records(database, "credit"), Records(database, "diagnosis")
    one.publish(finished("r1"), {}, keep=True)
    other.publish(finished("r2", key=Digest("c" * 64), at=NOW + timedelta(seconds=1)), {}, keep=True)
    last = one.pasts(["train"])["train"].last
    assert last is not None
    assert last.key == KEY
    assert Records(database, "a third").pasts(["train"])["train"] == Past()
    assert other.action(KEY) is not None  # a result is everybody's
