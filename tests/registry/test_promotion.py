"""Aliases: moved only from where they were read, only past the gates, and back again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from noria.errors import AliasMoved, AliasNotFound, CorruptedBlob, GateFailed, ModelNotFound, NotAllowed, WrongArgument
from noria.registry.aliases import Aliases
from noria.registry.catalog import Registry
from noria.registry.comparison import compare
from noria.registry.promotion import previous, promote, rollback
from noria.registry.verdicts import Verdicts

if TYPE_CHECKING:
    from noria.store.blobs import Blobs
    from noria.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PASSED = [{"gate": "roc_auc >= 0.75", "passed": True, "message": "0.78"}]
FAILED = [*PASSED, {"gate": "roc_auc worst slice >= 0.65", "passed": False, "message": "0.61 on age < 25"}]
WHO = {"actor": "ann", "at": NOW}


@pytest.fixture
def registry(database: Database, blobs: Blobs) -> Registry:
    made = Registry(database, blobs)
    for number in (1, 2, 3, 4):
        version = made.register(
            "m",
            {"w": b"%d" % number},
            run_id=f"r{number}",
            dataset="d@1",
            data_digest="d",
            task="regression",
            family="linear" if number < 4 else "ridge",
            created=NOW,
            metrics={"rmse": {"value": 1.0 / number}},
            params={"alpha": number},
        )
        if number < 4:
            Verdicts(database).record("m", version.model_digest, version.run_id, PASSED if number < 3 else FAILED, NOW)
    return made


def test_promote_then_roll_back_step_by_step(registry: Registry, database: Database) -> None:
    aliases = Aliases(database)
    assert aliases.generation("m") == 0
    promote(registry, "m", 1, reason="first", **WHO)
    promote(registry, "m", 2, reason="better", **WHO)
    promote(registry, "m", 3, reason="try", override="the slice has 12 rows", **WHO)
    assert aliases.current("m") == 3
    assert previous(aliases, "m") == 2
    seen = aliases.generation("m")
    assert rollback(registry, "m", reason="errors", **WHO).new == 2
    assert aliases.generation("m") > seen
    assert rollback(registry, "m", reason="still", **WHO).new == 1
    with pytest.raises(AliasNotFound, match="to go back to"):
        rollback(registry, "m", reason="further", **WHO)
    promote(registry, "m", 2, reason="mended", **WHO)
    assert previous(aliases, "m") == 1
    moves = aliases.history("m", "champion")
    assert [(move.kind, move.old, move.new) for move in moves] == [
        ("promote", None, 1),
        ("promote", 1, 2),
        ("promote", 2, 3),
        ("rollback", 3, 2),
        ("rollback", 2, 1),
        ("promote", 1, 2),
    ]
    assert moves[2].override == "the slice has 12 rows"
    assert registry.get("m", "champion").number == 2


def test_a_failed_gate_stops_a_promotion(registry: Registry) -> None:
    with pytest.raises(GateFailed) as failed:
        promote(registry, "m", 3, reason="hope", **WHO)
    assert "worst slice" in failed.value.why
    assert "roc_auc >= 0.75" not in failed.value.why
    assert "--override" in failed.value.mend
    with pytest.raises(NotAllowed, match="never judged"):
        promote(registry, "m", 4, reason="hope", **WHO)
    promote(registry, "m", 4, reason="look at it", alias="challenger", **WHO)


def test_reasons_are_asked_for(registry: Registry) -> None:
    with pytest.raises(WrongArgument):
        promote(registry, "m", 1, reason="  ", **WHO)
    with pytest.raises(WrongArgument):
        promote(registry, "m", 3, reason="x", override="", **WHO)
    with pytest.raises(AliasNotFound):
        rollback(registry, "m", reason="x", **WHO)
    with pytest.raises(ModelNotFound):
        promote(registry, "other", 1, reason="x", **WHO)


def test_a_misspelt_alias_is_no_new_one(registry: Registry, database: Database) -> None:
    with pytest.raises(WrongArgument, match="did you mean 'champion'"):
        promote(registry, "m", 1, reason="first", alias="champoin", **WHO)
    assert Aliases(database).all("m") == {}
    promote(registry, "m", 1, reason="for the audit", alias="audited", **WHO)
    assert Aliases(database).all("m") == {"audited": 1}


def test_a_new_judging_replaces_the_old_one(registry: Registry, database: Database) -> None:
    version = registry.get("m", 3)
    Verdicts(database).record("m", version.model_digest, "r9", PASSED, NOW)
    assert promote(registry, "m", 3, reason="judged again", **WHO).override is None
    assert [judgement.passed for judgement in Verdicts(database).history("m", version.model_digest)] == [False, True]


def test_a_damaged_version_never_becomes_champion(registry: Registry) -> None:
    promote(registry, "m", 1, reason="first", **WHO)
    path = registry.blobs.path(registry.get("m", 2).files["model/w"])
    path.chmod(0o644)
    path.write_bytes(b"?")
    with pytest.raises(CorruptedBlob):
        promote(registry, "m", 2, reason="better", **WHO)
    assert registry.get("m", "champion").number == 1


def test_compare_and_swap(registry: Registry, database: Database) -> None:
    aliases = Aliases(database)
    aliases.move("m", "champion", 1, actor="a", reason="r", at=NOW, expect=None)
    with pytest.raises(AliasMoved, match="meanwhile"):
        aliases.move("m", "champion", 2, actor="a", reason="r", at=NOW, expect=None)
    with pytest.raises(AliasMoved) as moved:
        aliases.move("m", "champion", 2, actor="a", reason="r", at=NOW, expect=3)
    assert moved.value.why == "expected version 3, found version 1"
    with pytest.raises(ModelNotFound):
        aliases.move("m", "champion", 9, actor="a", reason="r", at=NOW)
    assert aliases.all("m") == {"champion": 1}


def test_of_many_at_once_exactly_one_moves_it(registry: Registry, database: Database) -> None:
    aliases = Aliases(database)
    for expect in (None, 1):

        def attempt(_: int, expect: int | None = expect) -> int:
            try:
                aliases.move("m", "champion", 1 if expect is None else 2, actor="a", reason="r", at=NOW, expect=expect)
            except AliasMoved:
                return 0
            return 1

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(attempt, range(6))) == 1
    assert len(aliases.history("m")) == 2


def test_comparison_names_what_differs(registry: Registry) -> None:
    found = compare(registry.get("m", 1), registry.get("m", 4))
    assert {(difference.kind, difference.name) for difference in found} == {
        ("metric", "rmse"),
        ("model", "family"),
        ("param", "alpha"),
    }
    assert found[0].change == pytest.approx(-0.75)
    assert compare(registry.get("m", 1), registry.get("m", 1)) == ()
