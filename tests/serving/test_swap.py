"""A new champion takes over without a lost request; a broken one does not take over at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from noria.errors import NotAllowed, PortInUse
from noria.predictions.labels import Labels
from noria.predictions.matured import join
from noria.registry.aliases import AliasMove
from noria.security.bind import listen
from noria.serving.deployments import Deployments
from noria.serving.rollout import Rollout, Standing
from noria.serving.stats import Traffic
from noria.serving.steward import complete
from noria.serving.transitions import By

if TYPE_CHECKING:
    from tests.serving.conftest import House, Wait

    from noria.registry.aliases import MoveKind

RECORD = {"age": 30, "grade": "A"}
SINCE = datetime(2020, 1, 1, tzinfo=UTC)


def ask(client: httpx.Client, record: dict[str, object] | None = None) -> dict[str, object]:
    answer = client.post("/predict/credit-risk", json=record or RECORD)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_200_requests_across_swaps_are_all_answered_and_logged(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (server, client):

        def one(number: int) -> object:
            if number in (50, 100, 150):
                house.promote({50: 2, 100: 3, 150: 1}[number])
            return ask(client)["version"]

        with ThreadPoolExecutor(4) as pool:
            versions = list(pool.map(one, range(200)))
        wait(lambda: ask(client)["version"] == 1 and server.endpoint.swaps >= 1)
        asked = server.endpoint.log.counts()
    assert len(versions) == 200
    assert set(versions) <= {1, 2, 3}
    rows = house.log.read("credit")
    assert rows.num_rows >= 201
    assert len(set(rows["prediction_id"].to_pylist())) == rows.num_rows
    assert asked.dropped == 0
    counted = sum(minute.requests for minute in Traffic(house.database).minutes("credit", SINCE))
    assert counted == rows.num_rows


def test_a_broken_version_does_not_take_over(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        house.damage(2)
        house.promote(2)
        wait(lambda: server.endpoint.load_failures == 1)
        assert ask(client)["version"] == 1
        about = client.get("/").json()
        assert about["version"] == 1
        assert "changed on disk" in about["error"]["what"]
        assert client.get("/ping").status_code == 200
        house.roll_back(1)
        wait(lambda: client.get("/").json()["error"] is None)
        house.promote(3)
        wait(lambda: ask(client)["version"] == 3)
        assert client.get("/").json()["error"] is None
    loads = Traffic(house.database).loads("credit")
    assert [(load.version, load.ok) for load in loads] == [(3, True), (2, False), (1, True)]
    assert loads[1].error is not None
    assert loads[1].error["type"] == "CorruptedBlob"


def test_without_a_champion_it_says_so_and_waits(house: House, wait: Wait) -> None:
    with house.serving() as (_, client):
        answer = client.post("/predict/credit-risk", json=RECORD)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "no champion yet" in answer.json()["error"]
        assert client.get("/ping").status_code == 503
        assert client.get("/v2/health/ready").status_code == 503
        assert client.get("/v2/health/live").status_code == 200
        assert client.get("/v2/models/credit/ready").status_code == 503
        house.promote(2)
        wait(lambda: client.get("/ping").status_code == 200)
        assert ask(client)["version"] == 2


def test_a_rollback_needs_no_loading(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        house.promote(2)
        wait(lambda: ask(client)["version"] == 2)
        house.damage(1)
        house.promote(1)
        wait(lambda: ask(client)["version"] == 1)
    assert [load.version for load in Traffic(house.database).loads("credit")] == [2, 1]


def test_a_canary_grows_and_keeps_whom_it_has(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving(rollout=Rollout("canary", (50, 100), 1e6)) as (server, client):
        house.promote(2)
        wait(lambda: server.endpoint.share == 50)

        def arms() -> list[object]:
            bodies = [{"records": [RECORD], "request_id": f"r{n}"} for n in range(40)]
            return [ask(client, body)["arm"] for body in bodies]  # type: ignore[arg-type]

        first = arms()
        assert set(first) == {"live", "canary"}
        assert arms() == first
        deployments = Deployments(house.database, endpoint="credit-risk", model="credit")
        document = deployments.current()
        assert document is not None
        complete(deployments, document, By("t", "it has held", datetime.now(UTC)))
        wait(lambda: server.endpoint.next is None)
        assert ask(client)["version"] == 2
    arms_logged = set(house.log.read("credit")["arm"].to_pylist())
    assert arms_logged == {"live", "canary"}


@pytest.mark.parametrize(
    ("rollout", "arms"),
    [(Rollout("canary", (50, 100), 1e6), {"live", "canary"}), (Rollout("shadow", (), 1e6), {"live"})],
)
def test_a_server_begun_again_goes_on_with_the_rollout(
    house: House, wait: Wait, rollout: Rollout, arms: set[str]
) -> None:
    house.promote(1)
    house.promote(2)
    (_, move) = house.aliases.history("credit", "champion")
    house.promote(2)  # once more is no new beginning
    with house.serving(rollout=rollout) as (server, client):
        endpoint = server.endpoint
        assert endpoint.live is not None
        assert endpoint.next is not None
        assert (endpoint.live.number, endpoint.next.number) == (1, 2)
        assert endpoint.failure is None
        age = endpoint._clock() - endpoint.next.since
        assert age == pytest.approx((datetime.now(UTC) - move.at).total_seconds(), abs=1.0)
        bodies = [{"records": [RECORD], "request_id": f"r{n}"} for n in range(40)]
        assert {ask(client, body)["arm"] for body in bodies} == arms  # type: ignore[arg-type]
        house.roll_back(1)
        wait(lambda: endpoint.next is None)
        assert ask(client)["version"] == 1
    with house.serving(rollout=rollout) as (server, client):
        assert server.endpoint.next is None
        assert ask(client)["version"] == 1


def test_a_server_begun_again_answers_though_the_version_before_is_lost(house: House) -> None:
    house.promote(1)
    house.promote(2)
    house.damage(1)
    with house.serving(rollout=Rollout("canary", (5, 100), 1e6)) as (_, client):
        assert ask(client)["version"] == 2
        assert client.get("/").json()["error"] is None


@pytest.mark.parametrize(
    ("moves", "now", "expected"),
    [
        ([], 0, Standing()),
        ([(1, 0)], 5, Standing(1)),
        ([(1, 0), (2, 100)], 105, Standing(1, 2, 5.0)),
        ([(1, 0), (2, 100)], 120, Standing(2)),
        ([(1, 0), (2, 100), (3, 105)], 106, Standing(1, 3, 1.0)),  # 2 had not taken over yet
        ([(1, 0), (2, 100), (3, 200)], 201, Standing(2, 3, 1.0)),
        ([(1, 0), (2, 100), (1, 105)], 106, Standing(1)),
        ([(1, 0), (2, 100), (1, 130, "rollback")], 131, Standing(1)),
        ([(1, 0), (2, 100)], 99, Standing(1, 2, 0.0)),  # a clock that went back
    ],
)
def test_how_far_a_rollout_has_come_is_read_off_the_moves(
    moves: list[tuple[int, int] | tuple[int, int, MoveKind]], now: int, expected: Standing
) -> None:
    made = [
        AliasMove(at, "credit", "champion", kind[0] if kind else "promote", None, new,
                  SINCE + timedelta(seconds=at), "t", "t", None)
        for new, at, *kind in moves
    ]  # fmt: skip
    assert Rollout("canary", (5, 25, 100), 10.0).standing(made, SINCE + timedelta(seconds=now)) == expected
    assert Rollout().standing(made, SINCE + timedelta(seconds=now)) == Standing(made[-1].new if made else None)


@pytest.mark.parametrize("rollout", [Rollout("canary", (5, 100), 1e6), Rollout("shadow", (), 1e6)])
def test_a_rollback_is_at_once_whatever_the_rollout(house: House, wait: Wait, rollout: Rollout) -> None:
    house.promote(1, ago=timedelta(days=30))
    house.promote(2, ago=timedelta(days=20))
    with house.serving(rollout=rollout) as (server, client):
        assert ask(client)["version"] == 2
        house.roll_back(1)
        wait(lambda: server.endpoint.live is not None and server.endpoint.live.number == 1)
        assert server.endpoint.next is None
        assert {ask(client)["version"] for _ in range(20)} == {1}
        house.promote(3)  # what comes next grows again
        wait(lambda: server.endpoint.next is not None)
        assert server.endpoint.live is not None
        assert server.endpoint.live.number == 1


def test_a_failing_canary_costs_nobody_an_answer(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving(rollout=Rollout("canary", (99, 100), 1e6)) as (server, client):
        house.promote(2)
        wait(lambda: server.endpoint.next is not None)
        assert server.endpoint.next is not None
        server.endpoint.next.scorer._plan = replace(server.endpoint.next.scorer._plan, head=None)  # type: ignore[type-var,arg-type] # raises when asked
        assert {ask(client)["version"] for _ in range(20)} == {1}
        assert server.endpoint.next is None
        assert "failed as a canary" in client.get("/").json()["error"]["what"]
        wait(lambda: Traffic(house.database).rejected("credit", 2, SINCE))
    # A server begun again does not try it once more, though its time would have come by now.
    with house.serving(rollout=Rollout("canary", (99, 100), 0.001)) as (server, client):
        assert {ask(client)["version"] for _ in range(5)} == {1}
        house.promote(3)
        wait(lambda: ask(client)["version"] == 3)
        house.promote(2)  # promoted anew, it gets another chance
        wait(lambda: ask(client)["version"] == 2)


def test_a_shadow_is_logged_and_not_heard(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving(rollout=Rollout("shadow", (), 1e6)) as (server, client):
        house.promote(2)
        wait(lambda: server.endpoint.next is not None)
        assert {ask(client)["version"] for _ in range(5)} == {1}
    rows = house.log.read("credit").to_pylist()
    assert sorted((row["arm"], row["version"]) for row in rows) == [("live", 1)] * 5 + [("shadow", 2)] * 5


def test_late_labels_over_http(house: House) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        first = ask(client, {**RECORD, "id": 7})["predictions"][0]["id"]  # type: ignore[index]
        ask(client, {**RECORD, "id": 8})
        added = client.post(
            "/labels/credit-risk",
            json={"labels": [{"prediction_id": first, "value": "bad"}, {"key": {"id": 8}, "value": "good"},
                             {"key": {"id": 9}, "value": "good"}]},
        )  # fmt: skip
        assert added.json() == {"labels": 3, "predictions": 2, "unmatched": 1, "unknown": 0}
        for wrong in (
            [{"prediction_id": first, "value": "worse"}],
            [{"prediction_id": first}],
            [{"prediction_id": 3, "value": "bad"}],
            [{"key": {}, "value": "bad"}],
            [{"key": {"customer": 3}, "value": "bad"}],
            [{"prediction_id": first, "value": None}],
            [],
        ):
            refused = client.post("/labels/credit-risk", json={"labels": wrong})
            assert refused.status_code == 400, wrong
    joined = join(house.log.read("credit"), Labels(house.database).latest("credit"))
    assert joined["label"].to_pylist() == ["bad", "good"]


def test_labels_of_predictions_that_nobody_made_are_told_and_kept(house: House) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        nobody = {"prediction_id": "nobody", "value": "bad"}
        added = client.post("/labels/credit-risk", json=[nobody])
        assert added.json() == {"labels": 1, "predictions": 0, "unmatched": 0, "unknown": 1}
        for _ in range(20):  # each labelled before the log has had time to write it
            fresh = ask(client)["predictions"][0]["id"]  # type: ignore[index]
            added = client.post("/labels/credit-risk", json=[{"prediction_id": fresh, "value": "bad"}, nobody])
            assert added.json() == {"labels": 2, "predictions": 1, "unmatched": 0, "unknown": 1}
    assert Labels(house.database).rows("credit") == 41


def test_refused_labels_leave_nothing_behind(house: House) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        first = ask(client, {**RECORD, "id": 384})["predictions"][0]["id"]  # type: ignore[index]
        labels = [
            {"key": {"id": 384}, "value": "bad"},
            {"key": {"nope": 1}, "value": "bad"},
            {"prediction_id": first, "value": "good"},
        ]
        refused = client.post("/labels/credit-risk", json=labels)
        assert refused.status_code == 400
        assert "no column 'nope'" in refused.json()["error"]
    assert Labels(house.database).rows("credit") == 0


def test_what_a_process_says_of_itself(house: House) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        ask(client)
        client.post("/predict/credit-risk", json={"age": "x"})
        (running,) = Traffic(house.database).processes("credit")
        assert (running.state, running.version, running.url) == ("serving", 1, server.url)
    (stopped,) = Traffic(house.database).processes("credit", since=datetime.now(UTC) - timedelta(minutes=1))
    assert (stopped.state, stopped.logged, stopped.dropped) == ("stopped", 1, 0)
    minutes = Traffic(house.database).minutes("credit", SINCE)
    assert sum(minute.requests for minute in minutes) == 2
    assert sum(minute.refused for minute in minutes) == 1
    assert sum(map(sum, (minute.histogram for minute in minutes))) == 2


def test_a_taken_port_and_an_open_address_are_told(house: House) -> None:
    with house.serving() as (server, _), pytest.raises(PortInUse, match=str(server.port)):
        listen("127.0.0.1", server.port)
    with pytest.raises(NotAllowed), house.serving(host="0.0.0.0"):
        pass
