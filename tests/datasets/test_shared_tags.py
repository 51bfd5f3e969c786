"""Tags between colleagues: what one moved the other gets, what both moved is told, nothing is moved back in silence."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from test_sharing import Clone

from noria.cli.data import data
from noria.datasets.shared_tags import SharedTags, TagMove
from noria.errors import Conflict, CorruptedBlob, DatasetNotFound


class Tagged(Clone):
    """A colleague's project with its tags."""

    def __init__(self, home: Path, address: str) -> None:
        super().__init__(home, address)
        self.tags = SharedTags(self.datasets, self.database, self.sharing.catalog)

    def here(self) -> dict[str, int]:
        return self.datasets.tags.all("credit").get("credit", {})


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[tuple[Tagged, Tagged]]:
    address = (tmp_path / "remote").as_uri()
    mine, theirs = Tagged(tmp_path / "mine", address), Tagged(tmp_path / "theirs", address)
    for number in (1, 2, 3):
        mine.datasets.commit("credit", pa.table({"x": [number]}), source="")
    for number in (1, 2):
        mine.sharing.push(mine.datasets.get(f"credit@{number}"))
        theirs.sharing.pull("credit", number)
    yield mine, theirs
    for clone in (mine, theirs):
        clone.database.close()


def states(moves: list[TagMove]) -> list[tuple[str, str]]:
    return [(move.tag, move.state) for move in moves]


def test_a_tag_goes_there_and_comes_and_moves_and_goes_away(clones: tuple[Tagged, Tagged]) -> None:
    mine, theirs = clones
    mine.datasets.tags.set("credit", "prod", 1)
    assert states(mine.tags.push("credit")) == [("prod", "moved")]
    assert mine.tags.push("credit") == []
    assert states(theirs.tags.pull("credit")) == [("prod", "moved")]
    assert theirs.here() == {"prod": 1}
    assert theirs.tags.pull("credit") == theirs.tags.push("credit") == []
    theirs.datasets.tags.set("credit", "prod", 2)
    assert mine.tags.pull("credit") == []  # not pushed yet
    (moved,) = theirs.tags.push("credit")
    assert (moved.before, moved.there) == (1, 2)
    assert mine.tags.number("credit", "prod") == 2
    assert states(mine.tags.pull("credit")) == [("prod", "moved")]
    assert mine.here() == {"prod": 2}
    mine.datasets.tags.remove("credit", "prod")
    mine.tags.push("credit")
    theirs.tags.pull("credit")
    assert theirs.here() == {}
    with pytest.raises(DatasetNotFound, match="no credit@prod"):
        theirs.tags.number("credit", "prod")
    theirs.datasets.tags.set("credit", "prod", 1)
    theirs.tags.push("credit")
    mine.tags.pull("credit")
    assert mine.here() == {"prod": 1}


def test_what_both_moved_is_told_and_nobody_loses_silently(clones: tuple[Tagged, Tagged]) -> None:
    mine, theirs = clones
    mine.datasets.tags.set("credit", "prod", 1)
    mine.tags.push("credit")
    theirs.tags.pull("credit")
    mine.datasets.tags.set("credit", "prod", 2)
    theirs.datasets.tags.remove("credit", "prod")
    mine.tags.push("credit")
    assert states(theirs.tags.push("credit")) == states(theirs.tags.pull("credit")) == [("prod", "conflict")]
    assert (theirs.here(), mine.here()) == ({}, {"prod": 2})
    theirs.tags.take("credit", "prod", "theirs")
    assert theirs.here() == {"prod": 2}
    assert theirs.tags.push("credit") == []
    theirs.datasets.tags.set("credit", "prod", 1)
    mine.datasets.tags.remove("credit", "prod")
    mine.tags.push("credit")
    assert states(theirs.tags.push("credit")) == [("prod", "conflict")]
    theirs.tags.take("credit", "prod", "mine")
    assert states(theirs.tags.push("credit")) == [("prod", "moved")]
    mine.tags.pull("credit")
    assert mine.here() == {"prod": 1}
    # Moved on one side only, the other is not asked; moved to the same on both, there is nothing to tell.
    mine.datasets.tags.set("credit", "prod", 2)
    theirs.datasets.tags.set("credit", "prod", 2)
    mine.tags.push("credit")
    assert theirs.tags.push("credit") == []
    mine.datasets.tags.set("credit", "prod", 1)
    mine.tags.push("credit")
    assert states(theirs.tags.push("credit")) == [("prod", "waits")]


def test_a_tag_of_a_version_that_the_other_side_has_not_waits(clones: tuple[Tagged, Tagged]) -> None:
    mine, theirs = clones
    mine.datasets.tags.set("credit", "prod", 3)
    (waits,) = mine.tags.push("credit")
    assert (waits.state, waits.why) == ("waits", "credit@3 is not there: noria data push credit@3")
    mine.sharing.push(mine.datasets.get("credit@3"))
    mine.tags.push("credit")
    (waits,) = theirs.tags.pull("credit")
    assert (waits.state, waits.why) == ("waits", "credit@3 is not here: noria data pull credit@3")
    theirs.datasets.commit("credit", pa.table({"x": [99]}), source="")
    assert states(theirs.tags.pull("credit")) == [("prod", "waits")]  # its third version is another one
    assert theirs.here() == {}


def test_of_many_who_move_it_at_once_one_wins_and_the_others_are_told(tmp_path: Path) -> None:
    address = (tmp_path / "remote").as_uri()
    all_ = [Tagged(tmp_path / f"clone{number}", address) for number in range(6)]
    for number in range(1, 7):
        all_[0].datasets.commit("credit", pa.table({"x": [number]}), source="")
        all_[0].sharing.push(all_[0].datasets.get("credit"))
    for number, clone in enumerate(all_, start=1):
        clone.sharing.pull("credit", number)
        clone.datasets.tags.set("credit", "prod", number)
    said: list[TagMove] = []
    threads = [threading.Thread(target=lambda one=clone: said.extend(one.tags.push("credit"))) for clone in all_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(move.state for move in said) == ["conflict"] * 5 + ["moved"]
    (won,) = [move for move in said if move.state == "moved"]
    assert all_[0].tags.number("credit", "prod") == won.here
    for clone in all_:
        clone.database.close()


def test_a_tag_there_that_cannot_be_read(clones: tuple[Tagged, Tagged], tmp_path: Path) -> None:
    mine, theirs = clones
    mine.datasets.tags.set("credit", "prod", 1)
    mine.tags.push("credit")
    (entry,) = (tmp_path / "remote" / "tags").rglob("*.json")
    entry.chmod(0o644)
    for wrong in ("", "{}", '{"number": "1"}', '{"number": true}', "[]"):
        entry.write_text(wrong)
        with pytest.raises(CorruptedBlob, match="cannot be read"):
            theirs.tags.pull("credit")


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = (tmp_path / "remote").as_uri()

    def call(home: str, *args: str) -> str:
        (tmp_path / home).mkdir(exist_ok=True)
        toml = f'[project]\nname = "p"\n[data]\nsource = "a.csv"\n[store]\nremote = "{remote}"\n'
        (tmp_path / home / "noria.toml").write_text(toml)
        monkeypatch.chdir(tmp_path / home)
        done = CliRunner().invoke(data, args, catch_exceptions=False)
        return done.stdout + done.stderr

    for number in (1, 2):
        (tmp_path / "mine" / "own").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / "own" / "a").write_text(str(number))
        call("mine", "add", "own")
    call("mine", "tag", "own@1", "prod")
    assert "own@prod is not pushed: own@1 is not there: noria data push own@1" in call("mine", "push")
    assert "pushed own@prod: own@1\n" in call("mine", "push", "own@1")
    assert "pulled own@prod: own@1\n" in call("theirs", "pull", "own@prod")
    call("theirs", "pull")
    call("theirs", "tag", "own@2", "prod")
    call("mine", "tag", "own@2", "prod")
    assert "(was own@1)" in call("mine", "push")
    call("mine", "tag", "own", "prod", "--remove")
    call("mine", "push")
    with pytest.raises(Conflict) as caught:
        call("theirs", "push")
    assert caught.value.why == "own@prod is own@2 here, no more there"
    assert caught.value.mend.startswith("noria data tag own prod --take theirs")
    call("theirs", "tag", "own", "prod", "--take", "mine")
    moves = json.loads(call("theirs", "push", "--json"))
    assert moves[-1]["tag"] == "prod"
    assert moves[-1]["state"] == "moved"
    assert "would remove 0 parts and 0 records" in call("mine", "gc", "--remote", "--older-than", "0s", "--dry-run")
    assert "own@1 would be removed" in call("mine", "remove", "own@1", "--remote")
    assert "own@1 is removed" in call("mine", "remove", "own@1", "--remote", "--yes")
    assert "; 1 versions there keep all they need" in call("mine", "gc", "--remote", "--older-than", "0s")
