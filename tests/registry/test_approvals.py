"""Promotions with four eyes: who may agree, when the alias moves, and that no other door leads past it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import Conflict, GateFailed, NoriaError, NotAllowed, NotFound, WrongArgument
from noria.registry.aliases import Aliases
from noria.registry.approvals import Approvals, person
from noria.registry.catalog import Registry
from noria.registry.models import Models
from noria.registry.promotion import assign, promote, rollback
from noria.registry.verdicts import Verdicts
from noria.runs.runs import Runs

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSED = [{"gate": "roc_auc >= 0.75", "passed": True, "message": "0.78"}]
FAILED = [{"gate": "roc_auc >= 0.75", "passed": False, "message": "0.61"}]


class House:
    """A model with two versions that passed and one that failed; two others must agree."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self.needed = 2
        self.database = database
        self.registry = Registry(database, blobs, approvals=lambda: self.needed)
        self.approvals = Approvals(self.registry)
        self.aliases = Aliases(database)
        for number in (1, 2, 3):
            run = Runs(database).start("training", "train", user_id="tom")
            version = self.registry.register(
                "m", {"w": b"%d" % number}, run_id=run, dataset="d@1", data_digest="d", task="regression",
                family="linear", created=NOW, user_id="reg",
            )  # fmt: skip
            verdicts = FAILED if number == 3 else PASSED
            Verdicts(database).record("m", version.model_digest, run, verdicts, NOW)

    def ask(self, number: int = 1, actor: str = "ann", **rest: str) -> int:
        return self.approvals.request("m", number, actor=actor, reason="better", at=NOW, **rest).id

    def agree(self, key: int, actor: str) -> int | None:
        """Give the version that is champion after it."""
        self.approvals.approve(key, actor=actor, reason="looked at it", at=NOW)
        return self.aliases.current("m")


@pytest.fixture
def house(database: Database, blobs: Blobs) -> House:
    return House(database, blobs)


def test_the_alias_moves_when_enough_agree(house: House) -> None:
    key = house.ask()
    assert house.aliases.current("m") is None
    assert house.agree(key, "bob") is None
    assert house.approvals.get(key).state == "open"
    assert house.agree(key, "cid") == 1
    done = house.approvals.get(key)
    assert (done.state, done.approved_by, done.decided) == ("promoted", ("bob", "cid"), NOW)
    (move,) = house.aliases.history("m")
    assert (move.kind, move.actor, move.reason) == ("promote", "ann", "better (approved by bob, cid)")


@pytest.mark.parametrize("actor", ["ann", "Ann (page)", "ANN", "tom", "tom (command line)", "reg", " ", "ａｎｎ"])
def test_who_asked_trained_or_registered_does_not_approve(house: House, actor: str) -> None:
    key = house.ask()
    with pytest.raises(NotAllowed, match="approve"):
        house.agree(key, actor)
    assert house.approvals.get(key).votes == ()


def test_nobody_counts_twice(house: House) -> None:
    key = house.ask()
    house.agree(key, "bob")
    with pytest.raises(Conflict, match="already"):
        house.agree(key, "Bob (page)")
    assert house.aliases.current("m") is None


def test_one_who_rejects_is_enough_and_who_asked_may_take_it_back(house: House) -> None:
    key = house.ask()
    house.agree(key, "bob")
    with pytest.raises(WrongArgument):
        house.approvals.reject(key, actor="cid", reason=" ", at=NOW)
    assert house.approvals.reject(key, actor="bob", reason="on second thought", at=NOW).state == "rejected"
    with pytest.raises(Conflict, match="no longer open"):
        house.agree(key, "cid")
    again = house.ask()
    assert again != key
    assert house.approvals.reject(again, actor="ann", reason="not yet", at=NOW).state == "rejected"
    assert house.approvals.list() == ()
    assert [one.id for one in house.approvals.list("m", everything=True)] == [again, key]


def test_the_same_is_asked_for_once(house: House) -> None:
    assert house.ask() == house.ask(actor="bob")
    assert house.approvals.open_for("m", 1).actor == "ann"
    with pytest.raises(NotFound):
        house.approvals.open_for("m", 2)
    with pytest.raises(NotFound):
        house.approvals.get(99)


def test_no_other_door_leads_past_it(house: House) -> None:
    for door in (
        lambda: promote(house.registry, "m", 1, actor="ann", reason="r", at=NOW),
        lambda: promote(house.registry, "m", 3, actor="ann", reason="r", override="I know better", at=NOW),
        lambda: assign(house.registry, "m", "champion", 1, actor="ann", reason="r", at=NOW),
    ):
        with pytest.raises(NotAllowed, match="somebody else has agreed") as caught:
            door()
        assert "noria models promote" in (caught.value.mend or "")
    assert house.aliases.current("m") is None
    promote(house.registry, "m", 1, actor="ann", reason="r", at=NOW, alias="challenger")


def test_gates_hold_when_it_is_asked_for_and_when_it_is_agreed(house: House) -> None:
    with pytest.raises(GateFailed):
        house.ask(3)
    key = house.ask(1)
    house.agree(key, "bob")
    version = house.registry.get("m", 1)
    Verdicts(house.database).record("m", version.model_digest, version.run_id, FAILED, NOW)
    with pytest.raises(GateFailed):
        house.agree(key, "cid")
    assert house.agree(house.ask(3, override="twelve rows"), "bob") is None
    assert house.agree(house.approvals.open_for("m", 3).id, "cid") == 3
    assert house.aliases.history("m")[-1].override == "twelve rows"


def test_a_rollback_waits_for_nobody(house: House) -> None:
    house.needed = 1
    for number in (1, 2):
        house.agree(house.ask(number), "bob")
    assert rollback(house.registry, "m", actor="ann", reason="errors", at=NOW).new == 1


def test_a_version_that_goes_takes_its_request_along(house: House) -> None:
    first, second = house.ask(1), house.ask(2)
    models = Models(house.database)
    models.delete_version("m", 1, actor="x")
    assert (house.approvals.get(first).state, house.approvals.get(second).state) == ("void", "open")
    with pytest.raises(Conflict):
        house.agree(first, "bob")
    models.rename("m", "n")
    assert house.approvals.get(second).ref == "n@2"
    models.delete("n", actor="x")
    assert house.approvals.list() == ()


def test_of_many_who_agree_at_once_each_counts_and_it_moves_once(house: House) -> None:
    house.needed = 3
    key = house.ask()

    def agree(actor: str) -> str:
        try:
            house.agree(key, actor)
        except NoriaError as error:
            return error.code or ""
        return "ok"

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(agree, [f"p{number}" for number in range(6)]))
    assert sorted(said) == ["N-REGISTRY-046"] * 3 + ["ok"] * 3
    assert house.aliases.current("m") == 1
    assert len(house.aliases.history("m")) == 1
    assert len(house.approvals.get(key).approved_by) == 3


def test_a_person_is_one_however_written() -> None:
    assert len({person(name) for name in ("Ann", "ann (page)", "ANN (command line)", " ann ")}) == 1
    assert person("ann (other)") != person("ann")
