"""What a steward makes of moved aliases, counters, clocks and of another one beside it, over a real database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from noria.automation.rollouts import RolloutWatch
from noria.errors import Conflict, NotAllowed, WrongArgument
from noria.monitoring.alerts import Alerts
from noria.security.audit import entries, first_broken
from noria.serving.deployments import DeploymentMoved, Deployments
from noria.serving.document import Document
from noria.serving.gates import Finding, Gates, Labelled
from noria.serving.orders import Orders
from noria.serving.rollout import Rollout
from noria.serving.steward import ACTOR, Steward, complete, go_back
from noria.serving.tally import Sample
from noria.serving.transitions import By, noted, paused

if TYPE_CHECKING:
    from tests.serving.conftest import House

NOW = datetime(2026, 3, 2, tzinfo=UTC)
GATES = Gates(min_requests=50, min_seconds=5.0, errors=0.05, deadline_seconds=300.0)
CANARY = Rollout("canary", (5, 25, 100), 60.0, gates=GATES)


def seconds(count: float) -> datetime:
    return NOW + timedelta(seconds=count)


def deployments_of(house: House) -> Deployments:
    return Deployments(house.database, endpoint="credit-risk", model="credit")


def orders_of(house: House, rollout: Rollout = CANARY) -> Orders:
    return Orders(house.registry, deployments_of(house), rollout, RolloutWatch())


def tally(house: House, process: str, document: Document, **arms: tuple[int, int]) -> None:
    """Write what a process counted: arm=(requests, failed)."""
    versions = {arm.name: arm.version for arm in document.arms}
    rows = [
        {
            "rollout": document.first, "arm": name, "version": versions[name], "requests": requests, "failed": failed,
            "rows": requests, "seconds": 1.0, "histogram": [0, 0, requests] + [0] * 13, "scores": [[100, requests]],
            "compared": 0, "agreed": 0, "gap": 0.0,
        }
        for name, (requests, failed) in arms.items()
    ]  # fmt: skip
    deployments_of(house).tallies.write(process, rows)


def begun(house: House, rollout: Rollout = CANARY) -> tuple[Steward, Document]:
    house.promote(1)
    steward = Steward(deployments_of(house), rollout, RolloutWatch())
    steward.look(NOW)
    house.promote(2)
    document = steward.look(NOW)
    assert document is not None
    assert document.phase == "rolling"
    return steward, document


def test_a_canary_grows_by_clock_and_gates_to_the_end(house: House) -> None:
    steward, document = begun(house)
    tally(house, "p", document, live=(1000, 0), canary=(60, 0))
    for moment, loaded, weight in ((59, {1, 2}, 500), (61, {1}, 500), (61, {1, 2}, 2500), (122, {1, 2}, 10_000)):
        found = steward.look(seconds(moment), loaded=loaded)
        assert found is not None
        assert next(arm.weight for arm in found.arms if arm.version == 2) == weight
    assert [each.change for each in steward.deployments.history()] == ["promote", "step", "start", "start"]
    assert house.aliases.current("credit") == 2


def test_a_broken_gate_goes_back_at_once_with_its_evidence_and_an_alert(house: House) -> None:
    steward, document = begun(house)
    tally(house, "p", document, live=(1000, 0), canary=(60, 30))
    assert steward.look(seconds(1)) == document  # it has not been tried for long enough
    found = steward.look(seconds(6))
    assert found is not None
    assert (found.change, found.champion.version, found.candidates, found.made_by) == ("rollback", 1, (), ACTOR)
    assert found.evidence[0]["text"] == "30 of 60 failed, 0 of 1000 of the champion's"
    assert house.aliases.current("credit") == 1
    (alert,) = Alerts(house.database).open("credit")
    assert (alert.kind, alert.version, alert.severity) == ("rollout", 2, "high")
    assert "broke the gate errors" in alert.text
    assert steward.look(seconds(7)) == found  # the alias that went with it is no new move
    house.promote(3)
    steward.look(seconds(8))
    assert Alerts(house.database).open("credit") == ()


def test_counters_of_two_processes_are_judged_together(house: House) -> None:
    steward, document = begun(house)
    tally(house, "p", document, live=(500, 0), canary=(30, 9))
    assert steward.look(seconds(10)) == document  # too few in one process
    tally(house, "q", document, live=(500, 0), canary=(30, 9))
    found = steward.look(seconds(10))
    assert found is not None
    assert found.change == "rollback"
    sums = steward.deployments.tallies.sums(document.first)
    assert (sums["canary"].requests, sums["canary"].failed, sums["live"].requests) == (60, 18, 1000)


def test_what_is_undecided_at_the_deadline_is_held_until_somebody_says_more(house: House) -> None:
    steward, document = begun(house)
    tally(house, "p", document, live=(1000, 0), canary=(3, 0))
    assert steward.look(seconds(299), loaded={1, 2}) == document
    held = steward.look(seconds(300), loaded={1, 2})
    assert held is not None
    assert (held.change, held.phase, held.arms) == ("hold", "paused", document.arms)
    (alert,) = Alerts(house.database).open("credit")
    assert (alert.kind, alert.severity) == ("rollout", "medium")
    tally(house, "p", document, live=(1000, 0), canary=(60, 0))
    assert steward.look(seconds(400), loaded={1, 2}) == held
    orders_of(house).resume(actor="ada", reason="more have come", at=seconds(400))
    assert Alerts(house.database).open("credit") == ()
    stepped = steward.look(seconds(461), loaded={1, 2})
    assert stepped is not None
    assert stepped.change == "step"


def test_a_paused_rollout_goes_back_when_a_gate_is_broken(house: House) -> None:
    steward, document = begun(house)
    orders_of(house).pause(actor="ada", reason="lunch", at=seconds(1))
    tally(house, "p", document, live=(1000, 0), canary=(60, 30))
    found = steward.look(seconds(1000), loaded={1, 2})
    assert found is not None
    assert found.change == "rollback"


def test_a_candidate_given_up_by_one_process_goes_back_for_all(house: House) -> None:
    steward, _ = begun(house, Rollout("canary", (5, 100), 1e6))
    found = steward.look(seconds(1), given_up=Finding("canary", 2, "answers", "breach", None, None, "it raised"))
    assert found is not None
    assert (found.change, found.champion.version) == ("rollback", 1)
    assert (
        steward.look(seconds(1), given_up=Finding("canary", 2, "answers", "breach", None, None, "once more")) == found
    )


def test_labels_break_a_gate(house: House) -> None:
    class Labels(RolloutWatch):
        def labelled(self, *_: object, **__: object) -> Labelled:
            return Labelled("roc_auc", -0.2, -0.25, -0.15, 400)

    house.promote(1)
    gates = Gates(min_requests=10, min_seconds=0.0, metric_loss=0.05)
    steward = Steward(deployments_of(house), Rollout("canary", (5, 100), 1e6, gates=gates), Labels())
    steward.look(NOW)
    house.promote(2)
    document = steward.look(NOW)
    assert document is not None
    tally(house, "p", document, live=(100, 0), canary=(20, 0))
    found = steward.look(seconds(1))
    assert found is not None
    assert "roc_auc -0.2000" in found.reason


def test_of_many_that_decide_at_once_one_does(house: House) -> None:
    _, document = begun(house)
    tally(house, "p", document, live=(1000, 0), canary=(60, 30))
    stewards = [Steward(deployments_of(house), CANARY, RolloutWatch()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: each.look(seconds(6)), stewards))
    assert {each.number for each in found if each is not None} == {document.number + 1}
    assert [each.change for each in deployments_of(house).history()] == ["rollback", "start", "start"]
    assert len(house.aliases.history("credit", "champion")) == 3


def test_a_number_is_written_once(house: House) -> None:
    _, document = begun(house)
    deployments = deployments_of(house)
    by = By("ada", "x", NOW)
    deployments.append(lambda _connection, _newest: noted(document, by), after=document.number)
    with pytest.raises(DeploymentMoved, match="changed meanwhile") as refused:
        deployments.append(lambda _connection, _newest: paused(document, by), after=document.number)
    assert f"found {document.number + 1}" in refused.value.why


def test_an_alias_moved_meanwhile_comes_first(house: House) -> None:
    _, document = begun(house)
    house.promote(3)
    by = By("ada", "x", NOW)
    for act in (
        lambda: go_back(deployments_of(house), document, by),
        lambda: complete(deployments_of(house), document, by),
    ):
        with pytest.raises(DeploymentMoved):
            act()
    assert house.aliases.current("credit") == 3
    assert deployments_of(house).current() == document


def test_every_document_is_in_the_chained_audit(house: House) -> None:
    begun(house)
    orders_of(house).rollback(actor="ada", reason="complaints", at=seconds(3), address="10.0.0.7")
    told = [(each.action, each.actor, each.address, each.detail["document"]) for each in entries(house.database)]
    assert told == [
        ("deployment rollback", "ada", "10.0.0.7", 3),
        ("deployment start", "t", "", 2),
        ("deployment start", "t", "", 1),
    ]
    assert first_broken(house.database) is None


def test_a_version_started_by_hand_becomes_the_champion_at_the_end(house: House) -> None:
    house.promote(1)
    orders = orders_of(house)
    with pytest.raises(NotAllowed, match="never judged"):
        orders.start([2], CANARY, actor="ada", reason="better", at=NOW)
    made = orders.start([2], CANARY, actor="ada", reason="better", at=NOW, override="a test")
    assert (made.phase, house.aliases.current("credit")) == ("rolling", 1)
    done = orders.promote(actor="ada", reason="enough", at=seconds(1))
    assert (done.champion.version, house.aliases.current("credit")) == (2, 2)
    assert orders.rollback(actor="ada", reason="no", at=seconds(2)).champion.version == 1
    assert house.aliases.current("credit") == 1
    with pytest.raises(Conflict, match="nothing to go back to"):
        orders.rollback(actor="ada", reason="again", at=seconds(3))
    assert [(move.kind, move.new) for move in house.aliases.history("credit")] == [
        ("move", 1), ("promote", 2), ("rollback", 1)
    ]  # fmt: skip


def test_orders_that_cannot_be_carried_out_say_why(house: House) -> None:
    orders = orders_of(house)
    with pytest.raises(WrongArgument, match="not deployed"):
        orders.pause(actor="ada", reason="x", at=NOW)
    house.promote(1)
    with pytest.raises(WrongArgument, match="without a reason"):
        orders.pause(actor="ada", reason="  ", at=NOW)
    with pytest.raises(Conflict, match="in no rollout"):
        orders.pause(actor="ada", reason="x", at=NOW)
    ab = Rollout("ab", key="grad")
    with pytest.raises(WrongArgument, match="no column 'grad'") as refused:
        orders.start([2], ab, actor="ada", reason="x", at=NOW, override="a test")
    assert "did you mean 'grade'?" in refused.value.why


def test_a_rollout_waits_for_who_must_agree(house: House) -> None:
    house.promote(1)
    house.registry.approvals = lambda: 1
    with pytest.raises(NotAllowed, match="somebody else has agreed"):
        orders_of(house).start([2], CANARY, actor="ada", reason="x", at=NOW, override="a test")
    house.promote(2)  # as an approval does it
    assert orders_of(house).pause(actor="ada", reason="x", at=NOW).phase == "paused"


def test_documents_are_read_as_they_were_written(house: House) -> None:
    _, document = begun(house)
    (newest, _) = deployments_of(house).history()
    assert newest == document
    with house.database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM serving_documents")).scalar() == 2


def test_samples_add_up() -> None:
    one = Sample("b", 2, 3, 1, 3, 0.5, [1, 2], {1: 3}, 2, 1, 0.25)
    two = Sample("b", 2, 1, 0, 4, 0.25, [1, 0], {1: 1, 4: 3}, 2, 2, 0.5)
    assert one + two == Sample("b", 2, 4, 1, 7, 0.75, [2, 2], {1: 4, 4: 3}, 4, 3, 0.75)
    assert (one + two).agreement == 0.75
    assert Sample("b", 2).agreement is None
