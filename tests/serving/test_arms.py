"""The arms of a document at work in a real server: who is asked, who is heard, what is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from noria.serving.deployments import Deployments
from noria.serving.document import assign
from noria.serving.gates import Gates
from noria.serving.orders import Orders
from noria.serving.rollout import Rollout, bucket
from noria.serving.stats import Traffic
from noria.serving.steward import Steward

if TYPE_CHECKING:
    import httpx
    from tests.serving.conftest import House, Wait

    from noria.serving.document import Document

RECORD = {"age": 30, "grade": "A"}
NO_GATES_YET = Gates(min_requests=10_000, errors=0.1)


def deployments_of(house: House) -> Deployments:
    return Deployments(house.database, endpoint="credit-risk", model="credit")


def start(house: House, *versions: int, rollout: Rollout) -> Document:
    orders = Orders(house.registry, deployments_of(house), Rollout())
    return orders.start(versions, rollout, actor="ada", reason="a test", at=datetime.now(UTC), override="a test")


def asked(client: httpx.Client, body: dict[str, object]) -> tuple[object, object]:
    answer = client.post("/predict/credit-risk", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return told["version"], told["arm"]


def follows(house: House, made: Document) -> bool:
    (process,) = Traffic(house.database).processes("credit")
    return process.document == made.number


def test_an_entity_stays_with_its_arm_whatever_the_request(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        shares = (("old", 34), ("b", 33), ("c", 33))
        made = start(house, 2, 3, rollout=Rollout("ab", shares=shares, key="id"))
        wait(lambda: follows(house, made))
        for customer in range(60):
            arm = assign(made.arms, bucket(str(customer), made.salt))
            for _ in range(2):
                assert asked(client, {**RECORD, "id": customer}) == (arm.version, arm.name)
        rows = [{**RECORD, "id": 7}, {**RECORD, "id": 8}]
        arm = assign(made.arms, bucket("7", made.salt))
        assert asked(client, {"records": rows})[0] == arm.version  # a request is answered by one version
        assert {asked(client, {"records": [RECORD], "request_id": f"r{n}"})[0] for n in range(60)} == {1, 2, 3}
    logged = house.log.read("credit")
    assert set(logged["arm"].to_pylist()) == {"old", "b", "c"}


def test_a_shadow_is_compared_with_what_was_heard(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        made = start(house, 2, rollout=Rollout("shadow", hold_seconds=1e6))
        wait(lambda: follows(house, made))
        heard = [asked(client, {"age": 20 + n, "grade": "A"}) for n in range(30)]
        assert set(heard) == {(1, "live")}
        wait(lambda: not server.endpoint._shadows)
    sums = deployments_of(house).tallies.sums(made.first)
    shadow, live = sums["shadow"], sums["live"]
    assert (shadow.version, shadow.requests, shadow.compared, live.requests) == (2, 30, 30, 30)
    assert shadow.agreement is not None
    rows = house.log.read("credit").to_pylist()
    said = {(row["arm"], row["prediction_id"].removesuffix("-shadow")): row for row in rows}
    ids = {identity for _, identity in said}
    same = sum(said["live", each]["prediction"] == said["shadow", each]["prediction"] for each in ids)
    assert shadow.agreed == same
    gap = sum(abs(said["live", each]["score"] - said["shadow", each]["score"]) for each in ids)
    assert shadow.gap == pytest.approx(gap)
    assert sum(shadow.scores.values()) == sum(shadow.histogram) == 30


def test_blue_green_keeps_the_old_version_loaded_also_in_a_process_that_begins_anew(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (_, client):
        made = start(house, 2, rollout=Rollout("blue-green", hold_seconds=1.0))
        wait(lambda: follows(house, made))
        assert {asked(client, RECORD)[0] for _ in range(10)} == {1}
        wait(lambda: asked(client, RECORD)[0] == 2)
        assert house.aliases.current("credit") == 2
    with house.serving() as (_, client):
        assert asked(client, RECORD)[0] == 2
        house.damage(1)
        loads = len(Traffic(house.database).loads("credit"))
        house.roll_back(1)
        wait(lambda: asked(client, RECORD)[0] == 1)
    assert len(Traffic(house.database).loads("credit")) == loads


def test_failures_of_a_gated_canary_are_answered_by_the_champion_until_the_gate_breaks(
    house: House, wait: Wait
) -> None:
    house.promote(1)
    gates = Gates(min_requests=20, min_seconds=0.5, errors=0.05)
    with house.serving() as (server, client):
        made = start(house, 2, rollout=Rollout("canary", (50, 100), 1e6, gates=gates))
        wait(lambda: follows(house, made))
        assert server.endpoint.next is not None
        scorer = server.endpoint.next.scorer
        scorer._plan = replace(scorer._plan, head=None)  # type: ignore[type-var,arg-type] # raises when asked
        began = datetime.now(UTC)
        wait(lambda: asked(client, RECORD) == (1, "live") and house.aliases.current("credit") == 1
             and server.endpoint.next is None)  # fmt: skip
        assert datetime.now(UTC) - began < timedelta(seconds=20)
    newest = deployments_of(house).history()[0]
    assert (newest.change, newest.made_by) == ("rollback", "deployment")
    assert newest.evidence[0]["gate"] == "errors"


def test_what_only_the_candidate_refuses_is_answered_and_counted_against_it(house: House, wait: Wait) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        made = start(house, 2, rollout=Rollout("canary", (99, 100), 1e6, gates=NO_GATES_YET))
        wait(lambda: follows(house, made))
        assert server.endpoint.next is not None
        scorer = server.endpoint.next.scorer
        columns = tuple(scorer.signature.columns)
        narrow = [
            type(each)(**{**vars(each), "categories": ("B",)}) if each.name == "grade" else each for each in columns
        ]
        scorer.signature = type(scorer.signature)(tuple(narrow), scorer.signature.carried)
        assert {asked(client, RECORD) for _ in range(30)} == {(1, "live")}
        assert client.post("/predict/credit-risk", json={"age": 30, "grade": "Z"}).status_code == 400
    sums = deployments_of(house).tallies.sums(made.first)
    assert sums["canary"].failed == sums["canary"].requests >= 20
    assert sums["live"].failed <= 1


def test_an_old_version_that_answers_alone_counts_nothing(house: House) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        asked(client, RECORD)
        assert server.endpoint.tally is None
    assert deployments_of(house).tallies.sums(1) == {}


def test_a_shadow_that_stands_in_for_a_lost_champion_is_heard(house: House) -> None:
    house.promote(1)
    house.promote(2)
    house.damage(1)
    with house.serving(rollout=Rollout("shadow", hold_seconds=1e6)) as (_, client):
        assert asked(client, RECORD) == (2, "live")
    assert set(house.log.read("credit")["arm"].to_pylist()) == {"live"}


def test_a_store_that_was_away_is_followed_again(house: House, wait: Wait, monkeypatch: pytest.MonkeyPatch) -> None:
    house.promote(1)
    with house.serving() as (server, client):
        away = [True]

        def look(self: Steward, *given: object, **more: object) -> Document | None:
            if away:
                raise RuntimeError("a bug")
            return real(self, *given, **more)  # type: ignore[arg-type]

        real = Steward.look
        monkeypatch.setattr(Steward, "look", look)
        house.promote(2)
        assert asked(client, RECORD)[0] == 1
        away.clear()
        wait(lambda: asked(client, RECORD)[0] == 2)
        assert server.endpoint.swaps == 1
