"""The loop from alert to promotion, with real rooms; only the training of the pipeline is stood in for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from streams import START, answers, people, reference

from noria.automation.decisions import Decisions
from noria.automation.loop import Loop, Turn
from noria.automation.response import Contest
from noria.automation.rooms import Rooms
from noria.datasets.catalog import Datasets
from noria.datasets.marks import RECENT
from noria.errors import StepFailed
from noria.monitoring.alerts import Alerts
from noria.monitoring.settings import MonitorSettings
from noria.registry.aliases import Aliases
from noria.registry.approvals import Approvals
from noria.registry.catalog import Registry
from noria.registry.promotion import promote
from noria.registry.verdicts import Verdicts
from noria.runs.trigger_settings import Trigger

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = START + timedelta(days=1)


@dataclass
class Result:
    run_id: str
    version: int | None
    gates_passed: bool


class Project:
    """A model in production, its log, and a pipeline whose outcome the test chooses."""

    def __init__(self, database: Database, blobs: Blobs, **settings: object) -> None:
        self.database = database
        self.registry = Registry(database, blobs)
        self.aliases = Aliases(database)
        self.datasets = Datasets(database, blobs)
        self.rng = np.random.default_rng(5)
        self.reference = reference(self.rng)
        source = people(self.rng, 300)
        source = source.append_column("status", pa.array(["good"] * 300)).add_column(0, "id", pa.array(range(300)))
        self.datasets.commit("credit", source, source="credit.csv")
        self.log = answers(self.rng, 0)
        self.settings = {"window": "400 rows", "retrain_rows": 300, **settings}
        self.passes, self.fails, self.token, self.triggers = True, False, "a", ()
        self.runs: list[str] = []
        self.contest: Contest | None = None
        self.contests: list[tuple[list[datetime], float]] = []
        self.promote(self.register(True))

    def register(self, passed: bool) -> int:
        count = len(self.registry.versions("credit"))
        version = self.registry.register(
            "credit",
            {"model.json": str(count).encode()},
            run_id=f"run{count}",
            dataset="credit@1",
            data_digest="d",
            task="classification",
            family="logistic",
            created=NOW,
        )
        gate = {"gate": "auc", "passed": passed, "message": "as told"}
        Verdicts(self.database).record("credit", version.model_digest, version.run_id, [gate], NOW)
        return version.number

    def promote(self, number: int) -> None:
        promote(self.registry, "credit", number, actor="test", reason="first", at=NOW)

    def run_pipeline(self, trigger: str) -> Result:
        self.runs.append(trigger)
        if self.fails:
            raise StepFailed("step train died", code="N-PIPELINE-009")
        return Result("r1", self.register(self.passes), self.passes)

    def read(self, since: datetime | None, until: datetime | None) -> pa.Table:
        return self.log if since is None else self.log.filter(pc.greater_equal(self.log["ts"], pa.scalar(since)))

    def add(self, n: int, **kwargs: object) -> None:
        count = self.log.num_rows
        kwargs = {"start": START + timedelta(seconds=count), "prefix": f"p{count:06d}-", **kwargs}
        self.log = pa.concat_tables([self.log, answers(self.rng, n, **kwargs)])

    def judge(self, previous: int, present: int, rows: pa.Table, level: float) -> Contest | None:
        self.contests.append((rows["ts"].to_pylist(), round(level, 6)))
        return self.contest

    def loop(self) -> Loop:
        rooms = Rooms(
            database=self.database,
            registry=self.registry,
            aliases=self.aliases,
            datasets=self.datasets,
            read=self.read,
            reference=lambda number: self.reference,
            run_pipeline=self.run_pipeline,
            data_token=lambda: self.token,
            contest=self.judge,
        )
        return Loop(
            rooms,
            model="credit",
            dataset="credit",
            target="status",
            settings=MonitorSettings(**self.settings),
            triggers=[Trigger(**each) for each in self.triggers],
        )

    def tick(self, now: datetime = NOW) -> Turn:
        return self.loop().tick(now)

    @property
    def champion(self) -> int | None:
        return self.aliases.current("credit", "champion")


@pytest.fixture
def project(database: Database, blobs: Blobs) -> Project:
    return Project(database, blobs, on_drift="retrain", on_regression="rollback")


def actions(turn: Turn) -> list[str]:
    return [decision.action for decision in turn.decisions]


def test_a_quiet_stream_changes_nothing(project: Project) -> None:
    project.add(800, labelled=1)
    turn = project.tick()
    assert len(turn.look.windows) == 2
    assert turn.decisions == ()
    assert project.champion == 1


def test_where_others_must_agree_the_loop_asks(project: Project) -> None:
    project.registry.approvals = lambda: 1
    project.add(400, labelled=0.5)
    project.add(400, shift=1.0, labelled=1)
    turn = project.tick()
    assert actions(turn) == ["retrain", "promote"]
    assert turn.decisions[-1].outcome == "version 2 waits for 1 to agree; version 1 stays until then"
    assert project.champion == 1
    approvals = Approvals(project.registry)
    (asked,) = approvals.list()
    approvals.approve(asked.id, actor="ann", reason="looked at it", at=NOW)
    assert project.champion == 2


def test_drift_retrains_and_promotes(project: Project) -> None:
    project.add(400, labelled=0.5)
    project.add(400, shift=1.0, labelled=1)
    turn = project.tick()
    assert actions(turn) == ["retrain", "promote"]
    assert project.runs == ["alert:drift"]
    assert project.champion == 2
    retrain = turn.decisions[0]
    assert retrain.evidence["labelled_rows"] == 400
    assert retrain.evidence["gates_passed"] is True
    # The rows that came back are a dataset in the shape of the source, and the next look closes the alert.
    rows = project.datasets.read(project.datasets.get("credit-collected"))
    assert rows.column_names == ["id", "age", "income", "grade", "visits", "status", RECENT]
    assert rows.num_rows > 500
    # Those of the window that drifted are the new time; those before it are not.
    assert rows[RECENT].to_pylist() == [False] * (rows.num_rows - 400) + [True] * 400
    assert set(rows["status"].to_pylist()) == {"good", "bad"}
    after = project.tick(NOW + timedelta(minutes=1))
    assert [alert.kind for alert in after.look.resolved] == ["drift"]
    assert after.decisions == ()


def test_drift_without_labels_is_held_and_said_once(project: Project) -> None:
    project.add(400, shift=1.0)
    assert actions(project.tick()) == ["hold"]
    assert actions(project.tick()) == []
    assert project.runs == []
    (made,) = Decisions(project.database).list("credit")
    assert "fewer than 300 labelled rows" in made.reason


def test_a_challenger_that_fails_leaves_the_champion_and_is_not_tried_again_on_the_same_data(project: Project) -> None:
    project.passes = False
    project.add(400, shift=1.0, labelled=1)
    turn = project.tick()
    assert actions(turn) == ["retrain"]
    assert "failed its gates" in turn.decisions[0].outcome
    assert project.champion == 1
    later = NOW + timedelta(days=2)
    held = project.tick(later)
    assert [decision.reason for decision in held.decisions] == ["the last challenger failed its gates on the same data"]
    project.add(400, shift=1.0, labelled=1)
    assert actions(project.tick(later)) == ["retrain"]


def test_retraining_cools_down(project: Project) -> None:
    project.passes = False
    project.add(400, shift=1.0, labelled=1)
    project.tick()
    project.add(400, shift=1.0, labelled=1)
    assert actions(project.tick(NOW + timedelta(hours=5))) == ["hold"]
    assert actions(project.tick(NOW + timedelta(hours=7))) == ["retrain"]


def test_broken_input_is_never_trained_on(project: Project) -> None:
    project.add(400, shift=1.0, missing=0.4, labelled=1)
    turn = project.tick()
    assert sorted(actions(turn)) == ["hold", "tell"]
    assert project.runs == []


def test_a_fall_rolls_back_only_to_a_better_version(project: Project) -> None:
    project.promote(project.register(True))
    project.add(400, skill=0.1, labelled=1, version=2)
    project.contest = Contest(1, "better", {"difference": 0.2})
    turn = project.tick()
    assert actions(turn) == ["rollback"]
    assert project.champion == 1
    assert turn.decisions[0].evidence["contest"]["difference"] == 0.2


def test_rows_that_did_not_raise_the_alert_decide_on_a_rollback(project: Project) -> None:
    """The window that raised it was picked for being bad: on it alone the earlier version must win by far."""
    project.settings |= {"on_drift": "alert", "resolve_after": 9}
    project.promote(project.register(True))
    project.add(400, skill=0.1, labelled=1, version=2)
    project.contest = Contest(1, "inconclusive", {"n": 400})
    turn = project.tick()
    last = project.log["ts"].to_pylist()[-1]
    assert "stricter" in turn.decisions[0].evidence["contest"]["on"]
    for n, looks in ((399, 400), (1, 400), (300, 400), (100, 800)):
        project.add(n, skill=0.1, labelled=1, version=2)
        project.tick()
        moments, level = project.contests[-1]
        if project.log.num_rows == 799:
            assert (max(moments), level) == (last, 0.9975)
        else:
            assert (len(moments), min(moments) > last) == (looks, True)
            assert level == {400: 0.975, 800: 0.9875}[looks]


def test_a_fall_with_a_worse_predecessor_retrains(project: Project) -> None:
    project.promote(project.register(True))
    project.add(400, skill=0.1, labelled=1, version=2)
    project.contest = Contest(1, "worse")
    assert actions(project.tick()) == ["retrain", "promote"]
    assert project.champion == 3


def test_a_muted_alert_is_left_alone(project: Project) -> None:
    project.settings["retrain_rows"] = 10_000
    project.add(400, shift=1.0, labelled=1)
    project.tick()
    (alert,) = Alerts(project.database).open("credit")
    Alerts(project.database).mute(alert.id, until=NOW + timedelta(days=1), actor="me", reason="known", now=NOW)
    project.settings["retrain_rows"] = 10
    assert actions(project.tick(NOW + timedelta(hours=1))) == []
    assert actions(project.tick(NOW + timedelta(days=2))) == ["retrain", "promote"]


def test_a_run_that_fails_is_written_down_and_lets_go(project: Project) -> None:
    project.fails = True
    project.add(400, shift=1.0, labelled=1)
    turn = project.tick()
    assert "step train died" in turn.decisions[0].outcome
    project.fails = False
    assert actions(project.tick(NOW + timedelta(days=1))) == ["retrain", "promote"]


def test_a_schedule_fires_once_for_many_loops(project: Project) -> None:
    project.triggers = ({"cron": "0 3 * * *"},)
    project.tick(NOW)
    assert project.runs == []
    three = NOW + timedelta(hours=3, seconds=20)
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(lambda _: project.tick(three), range(4)))
    assert project.runs == ["cron:0 3 * * * UTC"]
    assert sorted(action for turn in turns for action in actions(turn)) == ["promote", "run"]
    project.tick(three + timedelta(minutes=5))
    assert len(project.runs) == 1


def test_changed_data_fires_once_a_change(project: Project) -> None:
    project.triggers = ({"data": "changed"},)
    for token in "aabbbca":
        project.token = token
        project.tick(NOW)
    assert project.runs == ["data:changed"] * 3


def test_a_trigger_cools_down(project: Project) -> None:
    project.triggers = ({"data": "changed", "cooldown": "1h"},)
    for minutes, token in ((0, "a"), (1, "b"), (2, "c"), (70, "c")):
        project.token = token
        project.tick(NOW + timedelta(minutes=minutes))
    assert len(project.runs) == 2
