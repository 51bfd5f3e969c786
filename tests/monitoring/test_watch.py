"""The whole look: windows judged once, alerts opened, grown, resolved, labels judged when they are in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from streams import START, answers, reference

from noria.monitoring.alerts import Alerts
from noria.monitoring.records import Windows
from noria.monitoring.settings import MonitorSettings
from noria.monitoring.watch import Look, look

if TYPE_CHECKING:
    from datetime import datetime

    from noria.store.database import Database

LATER = START + timedelta(days=30)


class Stream:
    """A log that grows, and looks at it."""

    def __init__(self, database: Database, **settings: object) -> None:
        self.database = database
        self.rng = np.random.default_rng(3)
        self.reference = reference(self.rng)
        self.log = answers(self.rng, 0)
        self.reads: list[datetime | None] = []
        self.settings = MonitorSettings(**{"window": "400 rows", **settings})

    def add(self, n: int, **kwargs: object) -> None:
        count = self.log.num_rows
        kwargs = {"start": START + timedelta(seconds=count), "prefix": f"p{count:06d}-", **kwargs}
        self.log = pa.concat_tables([self.log, answers(self.rng, n, **kwargs)])

    def read(self, since: datetime | None, until: datetime | None) -> pa.Table:
        self.reads.append(since)
        if since is None:
            return self.log
        return self.log.filter(pc.greater_equal(self.log["ts"], pa.scalar(since)))

    def look(self, now: datetime = LATER, *, serving: int | None = 1, **kwargs: object) -> Look:
        return look(
            self.database,
            model="credit",
            serving=serving,
            read=self.read,
            reference=lambda version: self.reference,
            settings=self.settings,
            now=now,
            **kwargs,
        )


def test_ordinary_customers_raise_no_alarm(database: Database) -> None:
    stream = Stream(database)
    stream.add(900, labelled=1)
    found = stream.look()
    assert [(w.rows, w.state) for w in found.windows] == [(400, "clean"), (400, "clean")]
    assert {w.verdict for w in found.windows} <= {"fine", "suspect"}
    assert found.opened == ()
    assert not found.windows[0].drift["calibrated"]


def test_a_shifted_window_opens_one_alert_that_grows_and_is_resolved(database: Database) -> None:
    stream = Stream(database, resolve_after=2)
    stream.add(400)
    stream.add(400, shift=1.0)
    (alert,) = stream.look().opened
    assert alert.kind == "drift"
    assert "age" in alert.text
    assert alert.since == START + timedelta(seconds=400)
    stream.add(400, shift=1.0)
    assert stream.look().opened == ()
    assert [a.windows for a in Alerts(database).open()] == [2]
    stream.add(400)
    assert stream.look().resolved == ()
    stream.add(400)
    (resolved,) = stream.look().resolved
    assert resolved.id == alert.id
    assert Alerts(database).open() == ()


def test_a_window_is_judged_once(database: Database) -> None:
    stream = Stream(database)
    stream.add(400, shift=1.0)
    assert len(stream.look().windows) == 1
    again = stream.look()
    assert again.windows == ()
    assert again.opened == ()
    assert len(Windows(database).list("credit")) == 1


def test_gaps_are_broken_input_not_drift(database: Database) -> None:
    stream = Stream(database)
    stream.add(400, missing=0.4)
    (alert,) = stream.look().opened
    assert alert.kind == "input"
    assert "income" in alert.text


def test_late_labels_prove_a_fall(database: Database) -> None:
    stream = Stream(database)
    stream.add(400, skill=0.2, labelled=1)
    labels, stream.log = (
        stream.log["label"],
        stream.log.set_column(stream.log.column_names.index("label"), "label", pa.nulls(400, pa.string())),
    )
    soon = START + timedelta(hours=1)
    (window,) = stream.look(soon).windows
    assert window.verdict == "immature"
    stream.log = stream.log.set_column(stream.log.column_names.index("label"), "label", labels)
    (alert,) = stream.look(soon).opened
    assert alert.kind == "performance"
    (window,) = Windows(database).list("credit")
    assert window.verdict == "worse"
    assert window.matured == 1
    assert stream.look(soon).opened == ()


def test_windows_of_time_are_half_open_and_wait_for_their_end(database: Database) -> None:
    stream = Stream(database, window="1h")
    stream.add(500, every=timedelta(seconds=10))  # 3600 s hold 360 rows
    assert stream.look(START + timedelta(minutes=59)).windows == ()
    (window,) = stream.look(START + timedelta(hours=1, seconds=5)).windows
    assert (window.starts, window.ends, window.rows) == (START, START + timedelta(hours=1), 360)


def test_event_time_follows_the_streams_own_clock(database: Database) -> None:
    stream = Stream(database, window="1h")
    stream.add(500)
    events = [START - timedelta(days=900) + timedelta(seconds=10 * i) for i in range(500)]
    stream.log = stream.log.append_column("x.at", pa.array(events, pa.timestamp("us", tz="UTC")))
    (window,) = stream.look(time_column="at").windows
    assert window.starts == START - timedelta(days=900)
    assert window.rows == 360


def test_small_windows_of_time_are_judged_together(database: Database) -> None:
    stream = Stream(database, window="40s")
    stream.add(120, shift=1.5)
    found = stream.look()
    assert [w.state for w in found.windows] == ["small", "small", "drifted"]
    assert found.windows[2].pooled == 3


def test_windows_of_rows_are_judged_as_asked_for(database: Database) -> None:
    stream = Stream(database, window="60 rows")
    stream.add(120, shift=1.5)
    assert [w.state for w in stream.look().windows] == ["drifted", "drifted"]


def test_a_replaced_version_keeps_no_alert(database: Database) -> None:
    stream = Stream(database)
    stream.add(400, shift=1.0)
    stream.look()
    (resolved,) = stream.look(serving=2).resolved
    assert "no longer answers" in resolved.resolution


def test_only_the_version_that_answers_alarms(database: Database) -> None:
    stream = Stream(database)
    stream.add(400, shift=1.0, version=2, arm="canary")
    found = stream.look(serving=1)
    assert found.windows[0].state == "drifted"
    assert found.opened == ()


def test_an_incomplete_window_is_shown_on_demand_and_not_kept(database: Database) -> None:
    stream = Stream(database)
    stream.add(250, shift=1.0)
    found = stream.look(partial=True)
    assert [(w.rows, w.state) for w in found.provisional] == [(250, "drifted")]
    assert found.opened == ()
    assert Windows(database).list("credit") == ()
    stream.add(150)
    assert [w.rows for w in stream.look().windows] == [400]


def test_the_next_look_reads_only_what_is_new(database: Database) -> None:
    stream = Stream(database, window="1h", labels_after="0s")
    stream.add(400, labelled=1, every=timedelta(seconds=9))
    stream.look()
    stream.look()
    assert stream.reads[0] is None
    assert stream.reads[1] > START + timedelta(minutes=59)


def test_windows_that_wait_for_labels_are_read_again_only_when_one_has_come(database: Database) -> None:
    stream = Stream(database, window="1h")
    stream.add(400, labelled=0.5, every=timedelta(seconds=9))
    now, count = START + timedelta(hours=2), 200
    stream.look(now, label_rows=lambda: count)
    stream.look(now, label_rows=lambda: count)
    assert stream.reads[-1] > START + timedelta(minutes=59)
    count += 1
    stream.look(now, label_rows=lambda: count)
    assert stream.reads[-1] == START
    stream.look(now, label_rows=lambda: count)
    assert stream.reads[-1] > START
    # Once labels are due, the window is judged whatever has come.
    stream.look(START + timedelta(days=31), label_rows=lambda: count)
    assert stream.reads[-1] == START
    assert Windows(database).list("credit")[0].verdict in ("fine", "suspect")


def test_a_corrected_label_is_judged_though_all_labels_were_in(database: Database) -> None:
    stream = Stream(database, window="1h", labels_after="1d")
    stream.add(400, labelled=1, every=timedelta(seconds=9))
    now, labels, corrections = START + timedelta(hours=2), 400, 0

    def again(now: datetime) -> Look:
        return stream.look(now, label_rows=lambda: labels, corrections=lambda: corrections)

    again(now)
    (window,) = Windows(database).list("credit")
    assert (window.verdict, window.matured) == ("fine", 1.0)
    labels += 50  # of other predictions: nothing that this window waits for
    again(now)
    assert stream.reads[-1] > START + timedelta(minutes=59)
    place = stream.log.column_names.index("label")
    turned = pc.if_else(pc.equal(stream.log["label"], "bad"), "good", "bad")
    stream.log, whole = stream.log.set_column(place, "label", turned), stream.log
    labels, corrections = labels + 400, 400
    (alert,) = again(now).opened
    assert alert.kind == "performance"
    assert stream.reads[-1] == START
    stream.log = whole
    again(now)
    assert stream.reads[-1] > START + timedelta(minutes=59)
    labels, corrections = labels + 400, 800
    again(now)
    assert Windows(database).list("credit")[0].verdict == "fine"


def test_a_window_is_settled_unread_once_it_is_too_late_for_labels(database: Database) -> None:
    stream = Stream(database, window="1h", labels_after="1d")
    stream.add(400, labelled=1, every=timedelta(seconds=9))
    news = {"label_rows": lambda: 400, "corrections": lambda: 0}
    stream.look(START + timedelta(hours=2), **news)
    stream.look(START + timedelta(days=3), **news)
    assert not Windows(database).list("credit")[0].settled
    stream.look(START + timedelta(days=3, hours=2), **news)
    assert Windows(database).list("credit")[0].settled
    assert stream.reads[-1] > START + timedelta(minutes=59)


def test_a_heat_map_has_every_feature_and_window(database: Database) -> None:
    stream = Stream(database)
    stream.add(400)
    stream.add(400, shift=1.0)
    stream.look()
    history = Windows(database).history("credit")
    assert history.names[0] == "age"
    assert set(history.names) == {"age", "income", "grade", "visits", "prediction"}
    assert history.flagged[0] == (False, True)
    assert history.effects[0][1] > 0.3


def test_looks_at_once_judge_each_window_once(database: Database) -> None:
    stream = Stream(database)
    for _ in range(5):
        stream.add(400, shift=1.0, skill=0.2, labelled=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stream.look(), range(4)))
    assert sum(len(each.windows) for each in found) == 5
    assert sorted(alert.kind for each in found for alert in each.opened) == ["drift", "performance"]
    assert [(a.kind, a.windows) for a in Alerts(database).open()] == [("drift", 5), ("performance", 5)]


def test_no_rows_no_windows(database: Database) -> None:
    assert Stream(database).look() == Look()


def test_what_was_judged_together_is_remembered_together(database: Database) -> None:
    stream = Stream(database, window="1h")
    stream.add(98, every=timedelta(seconds=30))
    stream.add(2, start=START + timedelta(hours=1), prefix="q")
    found = stream.look(START + timedelta(hours=3))
    assert [(w.rows, w.state, w.pooled) for w in found.windows] == [(98, "small", 1), (2, "clean", 2)]
    assert [counts.rows for counts in Windows(database).calibration("credit", 1, "live")] == [100]


def test_rows_of_one_device_are_no_many_witnesses(database: Database) -> None:
    verdicts = []
    for group in (None, "device"):
        stream = Stream(database)
        stream.add(400, labelled=1)
        stream.log = stream.log.append_column("k.device", pa.array(["d1"] * 400))
        (window,) = stream.look(partial=True, group_column=group).provisional or Windows(database).judged("credit")
        verdicts.append(window.verdict)
        with database.transaction() as connection:
            for table in ("windows", "monitor_cursors"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
    assert verdicts[0] != "insufficient"
    assert verdicts[1] == "insufficient"
