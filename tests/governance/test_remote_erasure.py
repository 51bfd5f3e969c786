"""Erasing from what colleagues share: nobody gets the rows, nobody brings them back, whoever is killed when."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.cli.erasing import places_of
from noria.datasets.remote_sweeping import sweep_there
from noria.datasets.sharing import Sharing
from noria.errors import Conflict, NoriaError, NotAllowed, WrongArgument, WrongSetting
from noria.governance.erased import history
from noria.governance.erasure import erase, finish, settle_there
from noria.governance.remote_erasure import RemoteErasure
from noria.security.pseudonyms import KEY_FILE
from noria.store.memory import GRANT
from noria.store.remote_folder import RemoteFolder
from noria.store.remote_lease import together_on
from noria.store.remotes import open_remote
from noria.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WHO = "C007"
ROWS, EACH = 60_000, 30
FILE = """
[project]
name = "loans"
[data]
source = "loans.csv"
key = ["id"]
group = "customer"
[store]
remote = "{remote}"
"""


@pytest.fixture(params=["folder", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return (tmp_path / "remote").as_uri()
    return f"{request.getfixturevalue('s3_bucket')}/{uuid.uuid4().hex}"


class Clone:
    """A colleague's project."""

    def __init__(self, home: Path, address: str) -> None:
        home.mkdir(exist_ok=True)
        (home / "noria.toml").write_text(FILE.format(remote=address))
        self.home = home
        self.ws = Workspace(home)
        self.datasets = self.ws.datasets
        self.places = places_of(self.ws)
        self.remote = open_remote(address)
        self.erasing = RemoteErasure(self.places, self.remote, at=NOW)
        self.sharing = Sharing(
            self.datasets, self.ws.blobs, self.remote, self.ws.store, guard=self.erasing.guard
        )  # fmt: skip

    def rows(self, ref: str, who: str = WHO) -> int:
        """Count a person's rows in a version."""
        return self.datasets.read(self.datasets.get(ref))["customer"].to_pylist().count(who)

    def push(self, *refs: str) -> None:
        for ref in refs:
            self.sharing.push(self.datasets.get(ref))

    def call(self, *args: str, monkeypatch: pytest.MonkeyPatch) -> Result:
        monkeypatch.chdir(self.home)
        return CliRunner().invoke(data, args, catch_exceptions=False)


@pytest.fixture
def clones(tmp_path: Path, address: str) -> Iterator[tuple[Clone, Clone]]:
    both = Clone(tmp_path / "mine", address), Clone(tmp_path / "theirs", address)
    yield both
    for clone in both:
        clone.ws.close()


def table(rows: int = ROWS, *, without: str = "", seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    people = [f"C{number % 2_000:03d}" for number in range(rows)]
    x, y = draw.normal(size=rows), draw.normal(size=rows)
    found = pa.table({"id": np.arange(rows), "customer": people, "x": x, "y": y})
    return found.filter(pa.array([name != without for name in people]))


def commit(clone: Clone, versions: int = 3) -> None:
    """Commit versions, each kept as what it adds to the one before; the last does not have the person."""
    made = table()
    for number in range(1, versions + 1):
        clone.datasets.commit("loans", made, source="loans.csv", key=["id"])
        x = made["x"].to_numpy().copy()
        x[:50] = number
        made = made.set_column(2, "x", pa.array(x))
        if number == versions - 1:
            made = made.filter(pa.array([name != WHO for name in made["customer"].to_pylist()]))
    newest = clone.datasets.get("loans")
    assert len(clone.ws.blobs.files(newest.digest)) == versions


def fresh(tmp_path: Path, address: str) -> Clone:
    return Clone(tmp_path / uuid.uuid4().hex, address)


def share_the_key(mine: Clone, theirs: Clone) -> None:
    (theirs.ws.store / KEY_FILE).write_bytes((mine.ws.store / KEY_FILE).read_bytes())
    (theirs.ws.store / KEY_FILE).chmod(0o600)


def bytes_there(clone: Clone) -> set[str]:
    """Name the parts the remote has."""
    return set(clone.remote.names("parts"))


def test_what_was_pushed_is_written_anew_and_nobody_gets_the_rows(
    clones: tuple[Clone, Clone], tmp_path: Path, address: str
) -> None:
    mine, theirs = clones
    commit(mine)
    mine.push("loans@1", "loans@2", "loans@3")
    theirs.sharing.pull("loans", 2)
    before = bytes_there(mine)
    done = erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert done.done == NOW
    assert done.certificate is not None
    assert done.certificate["remote"] == {"address": address, "versions": ["loans@1", "loans@2"], "waits": ""}
    # Of the old bytes none that held the person is there any more; the third was kept against them, and stands alone.
    assert len(before & bytes_there(mine)) <= 1  # the profile of the third
    assert mine.sharing.refs() == [("loans", 1), ("loans", 2), ("loans", 3)]
    got = fresh(tmp_path, address)
    for number in (1, 2, 3):
        got.sharing.pull("loans", number)
        assert got.rows(f"loans@{number}") == 0
        assert got.datasets.get(f"loans@{number}").digest == mine.datasets.get(f"loans@{number}").digest
    assert got.datasets.read(got.datasets.get("loans@1")).num_rows == ROWS - EACH
    assert got.datasets.read(got.datasets.get("loans@3")).num_rows == ROWS - EACH
    # Who had the old rows has them no more after a pull, and never brings them back.
    assert theirs.rows("loans@2") == EACH
    pulled = theirs.sharing.pull("loans", 2)
    assert pulled.new
    assert len(pulled.gone) == 2
    assert theirs.rows("loans@2") == 0
    assert not mine.sharing.pull("loans", 2).new
    got.ws.close()


def test_a_clone_that_still_has_the_rows_cannot_bring_them_back(clones: tuple[Clone, Clone]) -> None:
    mine, theirs = clones
    commit(mine, 2)
    mine.push("loans@1", "loans@2")
    theirs.sharing.pull("loans", 2)
    # Two of their own that nobody has seen: one with the person, one kept against the person's rows.
    theirs.datasets.commit("loans", table(seed=9), source="theirs", key=["id"])
    old = theirs.datasets.read(theirs.datasets.get("loans@2"))
    theirs.datasets.commit(
        "mild", old.filter(pa.array([name != WHO for name in old["customer"].to_pylist()])), source=""
    )
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    # Without the key nobody can tell: nothing with that column is brought.
    for ref in ("loans@3", "mild@1"):
        with pytest.raises(WrongSetting):
            theirs.push(ref)
    share_the_key(mine, theirs)
    with pytest.raises(NotAllowed, match=f"{EACH} rows of people who were erased"):
        theirs.push("loans@3")
    assert not theirs.sharing.push(theirs.datasets.get("loans@2")).new  # it is there, and stays what it is there
    assert mine.sharing.refs() == [("loans", 1), ("loans", 2)]
    with pytest.raises(NotAllowed, match="mild@1 needs rows that were erased"):
        theirs.push("mild@1")
    (learnt,) = history(theirs.ws.database, "loans")
    assert (learnt.done, learnt.actor) == (None, "a colleague")
    assert theirs.erasing.is_behind()
    (ended,) = finish(theirs.places, at=NOW).erasures
    assert ended.done == NOW
    assert [theirs.rows(f"loans@{number}") for number in (2, 3)] == [0, 0]
    theirs.push("loans@3", "mild@1")
    mine.sharing.pull("loans", 3)
    assert mine.rows("loans@3") == 0
    assert finish(theirs.places, at=NOW).erasures == ()


def test_versions_that_only_colleagues_have_are_reached_too(
    clones: tuple[Clone, Clone], tmp_path: Path, address: str
) -> None:
    mine, theirs = clones
    commit(theirs, 2)
    theirs.push("loans@1", "loans@2")
    mine.datasets.commit("mine", table(5_000), source="")
    before = set(mine.ws.blobs)
    done = erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert done.certificate is not None
    assert done.certificate["remote"]["versions"] == ["loans@1"]  # type: ignore[call-overload,index]
    assert len(set(mine.ws.blobs) - before) == 2, "only what is left of the own version, and its profile"
    assert mine.datasets.names() == ("mine",)
    got = fresh(tmp_path, address)
    got.sharing.pull("loans", 1)
    assert got.rows("loans@1") == 0
    assert got.datasets.profile(got.datasets.get("loans@1")).rows == ROWS - EACH
    got.sharing.pull("loans", 2)
    assert got.datasets.read(got.datasets.get("loans@2")).num_rows == ROWS - EACH
    got.ws.close()


def test_two_people_erased_by_two(clones: tuple[Clone, Clone], tmp_path: Path, address: str) -> None:
    mine, theirs = clones
    commit(mine, 2)
    mine.push("loans@1")
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    share_the_key(mine, theirs)
    theirs.sharing.pull("loans", 1)
    erase(theirs.places, "customer", "C008", actor="bob", reason="asked", at=NOW)
    mine.sharing.pull("loans", 1)
    got = fresh(tmp_path, address)
    got.sharing.pull("loans", 1)
    for clone in (mine, theirs, got):
        assert (clone.rows("loans@1"), clone.rows("loans@1", "C008"), clone.rows("loans@1", "C009")) == (0, 0, EACH)
    assert mine.erasing.learn() == 1
    got.ws.close()


def test_a_remote_that_is_away_is_owed_and_settled_by_the_next_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.store.parcel.time.sleep", lambda _: None)
    place = tmp_path / "remote"
    mine = Clone(tmp_path / "mine", place.as_uri())
    commit(mine, 2)
    mine.push("loans@1")
    place.rename(tmp_path / "unmounted")
    place.write_text("no folder")
    told = mine.call("erase", "--subject", WHO, "--reason", "asked", "--yes", monkeypatch=monkeypatch)
    assert "where its versions still are as they were: the remote folder" in told.stderr
    assert "is not done yet" in told.stdout
    assert mine.rows("loans@1") == 0
    assert "waits for the remote" in mine.call("erasures", monkeypatch=monkeypatch).stdout
    place.unlink()
    (tmp_path / "unmounted").rename(place)
    colleague = Clone(tmp_path / "early", place.as_uri())
    colleague.sharing.pull("loans", 1)
    assert colleague.rows("loans@1") == EACH  # nobody could tell the remote yet
    assert mine.call("push", "loans@2", monkeypatch=monkeypatch).exit_code == 0
    assert "done" in mine.call("erasures", monkeypatch=monkeypatch).stdout
    (ended,) = history(mine.ws.database, "loans")
    assert ended.done is not None
    assert ended.certificate is not None
    assert ended.certificate["remote"] == {"address": place.as_uri(), "versions": ["loans@1"], "waits": ""}
    colleague.sharing.pull("loans", 1)
    assert colleague.rows("loans@1") == 0
    (told_json,) = json.loads(mine.call("erasures", "--json", monkeypatch=monkeypatch).stdout)
    assert "waits_for" not in told_json
    for clone in (mine, colleague):
        clone.ws.close()


def test_somebody_who_pushes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.governance.remote_erasure._PATIENCE_SECONDS", 0.0)
    mine = Clone(tmp_path / "mine", (tmp_path / "remote").as_uri())
    commit(mine, 2)
    mine.push("loans@1")
    with together_on(mine.remote):
        done = erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
        assert done.certificate is not None
        assert "others are at work" in done.certificate["remote"]["waits"]  # type: ignore[call-overload,index]
    assert settle_there(mine.places, at=NOW).waits == ""
    mine.ws.close()


def test_a_colleague_whose_key_is_another_is_told(tmp_path: Path) -> None:
    remote = (tmp_path / "remote").as_uri()
    mine, theirs = Clone(tmp_path / "mine", remote), Clone(tmp_path / "theirs", remote)
    commit(mine, 2)
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    theirs.datasets.commit("own", table(100), source="")
    erase(theirs.places, "customer", "C008", actor="bob", reason="asked", at=NOW)
    with pytest.raises(WrongSetting, match="under another key of pseudonyms"):
        theirs.push("own@1")
    theirs.datasets.commit("free", pa.table({"x": [1, 2]}), source="")
    theirs.push("free@1")
    for clone in (mine, theirs):
        clone.ws.close()


KILLED = """
import os, sys
left = int(sys.argv[3])
def counted(name):
    real = getattr(os, name)
    def call(*args, **more):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return real(*args, **more)
    setattr(os, name, call)
for name in ("replace", "rename", "fsync", "link", "unlink", "open"):
    counted(name)
sys.path.insert(0, sys.argv[4])
from pathlib import Path
from test_remote_erasure import NOW, WHO, Clone, erase
mine = Clone(Path(sys.argv[1]), sys.argv[2])
erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
print(left)
"""


def run_killed(home: Path, address: str, after: int) -> subprocess.CompletedProcess[str]:
    """Erase in a process that dies at one of its calls of the system; 0 lets it live."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), address, str(after), str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode in (0, 9), ended.stderr
    return ended


def test_killed_at_any_moment_a_pull_gets_whole_versions_and_at_last_nobody(tmp_path: Path) -> None:
    place = tmp_path / "remote"
    mine = Clone(tmp_path / "mine", place.as_uri())
    commit(mine)
    mine.push("loans@1", "loans@2", "loans@3")
    mine.ws.close()
    states = tmp_path / "mine-before", tmp_path / "remote-before"
    shutil.copytree(mine.home, states[0])
    shutil.copytree(place, states[1])
    calls = -int(run_killed(mine.home, place.as_uri(), 0).stdout)
    killed = 0
    # Most of what may go wrong lies in the second half: the remote comes after the project.
    for share in (0.5, 0.68, 0.76, 0.84, 0.9, 0.95):
        for state, there in zip(states, (mine.home, place), strict=True):
            shutil.rmtree(there)
            shutil.copytree(state, there)
        killed += run_killed(mine.home, place.as_uri(), int(calls * share)).returncode == 9
        for lease in (place / "leases").glob("*"):
            lease.unlink()  # which would be waited for, for a quarter of an hour
        got = fresh(tmp_path, place.as_uri())
        for number in (1, 2, 3):
            with suppress(Conflict):  # it is being written anew
                got.sharing.pull("loans", number)
                assert got.datasets.read(got.datasets.get(f"loans@{number}")).num_rows in (ROWS, ROWS - EACH)
        again = Clone(mine.home, place.as_uri())
        done = erase(again.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
        assert done.done == NOW
        late = fresh(tmp_path, place.as_uri())
        for number in (1, 2, 3):
            late.sharing.pull("loans", number)
            assert late.rows(f"loans@{number}") == 0
            assert again.rows(f"loans@{number}") == 0
        assert not again.erasing.owed()
        for clone in (got, again, late):
            clone.ws.close()
            if clone is not again:
                shutil.rmtree(clone.home)
    assert killed >= 4  # not always as many calls of the system are made


def test_a_damaged_entry_of_the_list_is_told(tmp_path: Path) -> None:
    mine = Clone(tmp_path / "mine", (tmp_path / "remote").as_uri())
    commit(mine, 2)
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    (entry,) = (tmp_path / "remote" / "erased" / "people").rglob("*.json")
    assert WHO not in entry.read_text()
    entry.chmod(0o644)
    entry.write_text("{}")
    theirs = Clone(tmp_path / "theirs", (tmp_path / "remote").as_uri())
    with pytest.raises(NoriaError, match="cannot be read"):
        theirs.erasing.learn()
    for clone in (mine, theirs):
        clone.ws.close()


def test_colleagues_are_told_by_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = (tmp_path / "remote").as_uri()
    mine, theirs = Clone(tmp_path / "mine", remote), Clone(tmp_path / "theirs", remote)
    commit(mine, 2)
    assert mine.call("push", "loans@1", monkeypatch=monkeypatch).exit_code == 0
    assert theirs.call("pull", "loans@1", monkeypatch=monkeypatch).exit_code == 0
    looked = mine.call("erase", "--subject", WHO, monkeypatch=monkeypatch)
    assert "versions on the remote that have such rows are written anew as well" in looked.stderr
    done = mine.call("erase", "--subject", WHO, "--reason", "asked", "--yes", monkeypatch=monkeypatch)
    assert "written anew on the remote: loans@1" in done.stdout
    assert "is done" in done.stdout
    assert mine.call("erase", "--finish", monkeypatch=monkeypatch).stderr == "nothing is left to do\n"
    # A colleague without the key gets what is left, and is told whose rows are still here.
    theirs.datasets.commit("other", table(3_000), source="")
    (theirs.ws.store / "spool" / "abc").mkdir(parents=True)
    pulled = theirs.call("pull", "loans@1", monkeypatch=monkeypatch)
    assert "whose rows no run reads any more: 1" in pulled.stderr
    assert "noria data erase --finish" in pulled.stderr
    assert theirs.rows("loans@1") == 0
    assert "to be finished" in theirs.call("erasures", monkeypatch=monkeypatch).stdout
    with pytest.raises(WrongSetting, match="the key that tells them"):
        theirs.call("erase", "--finish", monkeypatch=monkeypatch)
    with pytest.raises(WrongSetting, match="the key that tells them"):
        theirs.call("erase", "--subject", "C008", "--reason", "asked", "--yes", monkeypatch=monkeypatch)
    assert not (theirs.ws.store / KEY_FILE).exists(), "no other key was made in its place"
    share_the_key(mine, theirs)
    finished = theirs.call("erase", "--finish", monkeypatch=monkeypatch)
    assert "2 rows of other@1" in finished.stdout
    assert "is done" in finished.stdout
    assert theirs.rows("other@1") == 0
    assert theirs.call("push", "other", monkeypatch=monkeypatch).exit_code == 0
    for clone in (mine, theirs):
        clone.ws.close()


def test_a_pull_waits_while_those_who_were_erased_here_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "remote"
    mine = Clone(tmp_path / "mine", place.as_uri())
    commit(mine, 2)
    mine.push("loans@1")
    record = next((place / "versions").rglob("*.json"))
    sound = record.read_bytes()
    record.chmod(0o644)
    record.write_text("{}")
    told = mine.call("erase", "--subject", WHO, "--reason", "asked", "--yes", monkeypatch=monkeypatch)
    assert "cannot be read" in told.stderr
    with pytest.raises(Conflict, match="would come back"):
        mine.call("pull", "loans", monkeypatch=monkeypatch)
    mine.datasets.commit("free", pa.table({"x": [1]}), source="")
    assert "are still on the remote" in mine.call("push", "free", monkeypatch=monkeypatch).stderr
    record.write_bytes(sound)
    finished = mine.call("erase", "--finish", monkeypatch=monkeypatch)
    assert "is done" in finished.stdout
    assert not mine.call("pull", "loans", monkeypatch=monkeypatch).exit_code
    mine.ws.close()


def test_a_pull_waits_too_while_others_are_to_be_taken_out_of_the_project_first(
    clones: tuple[Clone, Clone], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.governance.remote_erasure._PATIENCE_SECONDS", 0.0)
    mine, theirs = clones
    commit(theirs, 2)
    theirs.push("loans@1")
    mine.datasets.commit("own", table(5_000), source="")
    with together_on(mine.remote):  # so that the person is out of the project, and not of the remote
        assert erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW).done is None
    share_the_key(mine, theirs)
    erase(theirs.places, "customer", "C008", actor="bob", reason="asked", at=NOW)
    with pytest.raises(Conflict, match="would come back") as caught:
        mine.call("pull", "loans", monkeypatch=monkeypatch)
    assert caught.value.code == "N-GOVERNANCE-024"
    assert "others are to be taken out of this project first" in caught.value.why
    assert mine.erasing.is_behind()
    assert "loans" not in mine.datasets.names()
    mine.datasets.commit("free", pa.table({"x": [1]}), source="")
    assert "are still on the remote" in mine.call("push", "free", monkeypatch=monkeypatch).stderr
    assert mine.call("erase", "--finish", monkeypatch=monkeypatch).stdout.count("is done") == 2
    assert mine.call("pull", "loans", monkeypatch=monkeypatch).exit_code == 0
    assert (mine.rows("loans@1"), mine.rows("loans@1", "C008"), mine.rows("loans@1", "C009")) == (0, 0, EACH)


def test_a_remote_that_cannot_be_opened_while_a_colleagues_erasure_is_still_to_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_STORE", (tmp_path / "remote").as_uri())
    mine, theirs = Clone(tmp_path / "mine", "env:TEAM_STORE"), Clone(tmp_path / "theirs", "env:TEAM_STORE")
    commit(mine, 2)
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    share_the_key(mine, theirs)
    theirs.datasets.commit("own", table(5_000), source="")
    assert theirs.erasing.learn() == 1
    monkeypatch.delenv("TEAM_STORE")
    done = erase(theirs.places, "customer", "C008", actor="bob", reason="asked", at=NOW)
    assert done.done is None
    assert done.certificate is not None
    assert "TEAM_STORE, which is not set" in done.certificate["remote"]["waits"]  # type: ignore[call-overload,index]
    (learnt,) = (each for each in history(theirs.ws.database, "loans") if each.id != done.id)
    assert (learnt.done, learnt.certificate) == (None, None)
    monkeypatch.setenv("TEAM_STORE", (tmp_path / "remote").as_uri())
    assert [each.done for each in finish(theirs.places, at=NOW).erasures] == [NOW, NOW]
    for clone in (mine, theirs):
        clone.ws.close()


def test_what_only_the_remote_owes_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noria.store.parcel._LONGEST_WAIT", 0.0)
    place = tmp_path / "remote"
    mine = Clone(tmp_path / "mine", place.as_uri())
    assert mine.call("erase", "--finish", monkeypatch=monkeypatch).stderr == "nothing is left to do\n"
    commit(mine, 2)
    mine.push("loans@1", "loans@2")
    done = erase(replace(mine.places, remote=None), "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert done.done == NOW  # no remote was named then
    place.rename(tmp_path / "unmounted")
    place.write_text("no folder")
    away = mine.call("erase", "--finish", monkeypatch=monkeypatch)
    assert "where its versions still are as they were: the remote folder" in away.stderr
    assert "nothing is left" not in away.stderr
    place.unlink()
    (tmp_path / "unmounted").rename(place)
    finished = mine.call("erase", "--finish", monkeypatch=monkeypatch)
    assert finished.stdout == "  written anew on the remote: loans@1\n"
    (told,) = history(mine.ws.database, "loans")
    assert told.done == NOW
    assert told.certificate is not None
    assert told.certificate["remote"] == {"address": place.as_uri(), "versions": ["loans@1"], "waits": ""}
    got = fresh(tmp_path, place.as_uri())
    got.sharing.pull("loans", 1)
    assert got.rows("loans@1") == 0
    assert mine.call("erase", "--finish", monkeypatch=monkeypatch).stderr == "nothing is left to do\n"
    for clone in (mine, got):
        clone.ws.close()


def test_another_remote_than_the_projects_own_is_finished_by_its_address(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.governance.remote_erasure._PATIENCE_SECONDS", 0.0)
    other = f"{address}-other"
    mine, theirs = Clone(tmp_path / "mine", (tmp_path / "remote").as_uri()), Clone(tmp_path / "theirs", other)
    commit(theirs, 2)
    theirs.push("loans@1")
    mine.datasets.commit("own", table(5_000), source="")
    before = erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    with together_on(theirs.remote), pytest.raises(Conflict, match="would come back") as caught:
        mine.call("pull", "loans", "--remote", other, monkeypatch=monkeypatch)
    assert caught.value.mend == f"noria data erase --finish --remote {other}"
    with together_on(theirs.remote):
        waits = mine.call(*caught.value.mend.split()[2:], monkeypatch=monkeypatch)
    assert f"left: {other}, where its versions still are as they were: others are at work" in waits.stderr
    assert caught.value.mend in waits.stderr
    finished = mine.call(*caught.value.mend.split()[2:], monkeypatch=monkeypatch)
    assert finished.stdout == "  written anew on the remote: loans@1\n"
    assert mine.call("pull", "loans", "--remote", other, monkeypatch=monkeypatch).exit_code == 0
    assert mine.rows("loans@1") == 0
    (told,) = history(mine.ws.database, "loans")
    assert told == before, "the certificate is about the project's own remote"
    with pytest.raises(WrongArgument, match="--remote goes with --finish"):
        mine.call("erase", "--subject", "C008", "--remote", other, monkeypatch=monkeypatch)
    for clone in (mine, theirs):
        clone.ws.close()


class Counted(RemoteFolder):
    """A folder that remembers what it was asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []

    def names(self, prefix: str) -> Iterator[str]:
        self.asked.append(f"list {prefix}")
        yield from super().names(prefix)

    def get(self, name: str) -> bytes:
        self.asked.append(f"get {name}")
        return super().get(name)


def test_of_each_version_that_is_pushed_the_list_is_asked_for_once_and_everybody_on_it_read_once(
    tmp_path: Path,
) -> None:
    remote = (tmp_path / "remote").as_uri()
    mine, theirs = Clone(tmp_path / "mine", remote), Clone(tmp_path / "theirs", remote)
    commit(mine, 2)
    for who in (WHO, "C008"):
        erase(mine.places, "customer", who, actor="ada", reason="asked", at=NOW)
    theirs.datasets.commit("own", table(100), source="")
    erase(theirs.places, "customer", "C009", actor="bob", reason="asked", at=NOW)  # under a key of their own
    free = [theirs.datasets.commit("free", pa.table({"x": [number]}), source="") for number in range(3)]
    counted = Counted(tmp_path / "remote")
    erasing = RemoteErasure(theirs.places, counted, at=NOW)
    for version in free:
        erasing.guard(version)
    assert counted.asked.count("list erased/people") == 3
    read = [name for name in counted.asked if name.startswith("get erased/people")]
    assert len(read) == len(set(read)) == 2
    # Whoever is erased meanwhile is held against the next one all the same.
    mine.datasets.commit("numbers", pa.table({"x": [1, 2]}), source="")
    erase(mine.places, "x", "1", actor="ada", reason="asked", at=NOW)
    with pytest.raises(WrongSetting, match="under another key"):
        erasing.guard(free[0])
    for clone in (mine, theirs):
        clone.ws.close()


def test_a_file_that_is_a_tables_too_stays_whole_here_and_there(tmp_path: Path) -> None:
    remote = (tmp_path / "remote").as_uri()
    mine = Clone(tmp_path / "mine", remote)
    version = mine.datasets.commit("loans", table(), source="")
    (tmp_path / "own").mkdir()
    shutil.copy(mine.ws.blobs.path(version.digest), tmp_path / "own" / "rows.parquet")
    folder = mine.datasets.folders.add(tmp_path / "own").version
    assert mine.datasets.folders.files(folder)["rows.parquet"].digest == version.digest
    mine.push("loans@1")
    mine.sharing.push(folder)
    done = erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert done.done == NOW
    assert done.certificate is not None
    (told,) = done.certificate["left"]  # type: ignore[misc]
    assert told.startswith("rows.parquet in own@1")  # type: ignore[has-type]
    assert "noria data remove own@1 --remote --yes" in told  # type: ignore[has-type]
    assert mine.rows("loans@1") == 0
    assert mine.datasets.folders.is_whole(folder)
    got = fresh(tmp_path, remote)
    got.sharing.pull("loans", 1)
    got.sharing.pull("own", 1)
    assert got.rows("loans@1") == 0
    assert got.datasets.folders.is_whole(got.datasets.folders.catalog.get("own", 1))
    # What is told to do does away with it.
    mine.datasets.folders.catalog.remove(folder)
    mine.sharing.remove("own", 1)
    assert sweep_there(mine.sharing.catalog, grace_seconds=0).parts > 0
    with pytest.raises(NotAllowed):
        got.sharing.push(got.datasets.folders.catalog.get("own", 1))
    for clone in (mine, got):
        clone.ws.close()


def test_tables_larger_than_memory_are_written_anew_just_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRANT, "2kB")
    mine = Clone(tmp_path / "mine", (tmp_path / "remote").as_uri())
    version = mine.datasets.commit("loans", table(5_000), source="")
    mine.push("loans@1")
    erase(mine.places, "customer", WHO, actor="ada", reason="asked", at=NOW)
    got = fresh(tmp_path, (tmp_path / "remote").as_uri())
    got.sharing.pull("loans", 1)
    left = table(5_000, without=WHO)
    for clone in (mine, got):
        assert clone.datasets.read(clone.datasets.get("loans@1")).equals(left)
        assert clone.datasets.get("loans@1").digest == version.digest
        clone.ws.close()
