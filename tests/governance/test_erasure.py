"""Erasing a person: nothing stored is about them, nothing else is touched, and no kill on the way harms either."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from loans import turn

from noria.cli.data import data
from noria.cli.fsck import fsck
from noria.errors import Conflict, WrongArgument, WrongSetting
from noria.governance.erased import history, without_erased
from noria.governance.erasure import erase, look
from noria.governance.meant import Meant
from noria.governance.messages import erase_messages
from noria.governance.search import Places
from noria.pipeline.records import Records
from noria.predictions.entry import Entry
from noria.scoring.answers import Answers
from noria.scoring.signature import Signature
from noria.security.pseudonyms import KEY_FILE, known
from noria.server.pages.datasets import one
from noria.sources.messages import read_spool
from noria.sources.spool import Message, Spool
from noria.store.blobs import Digest
from noria.workspace import Workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WHO = "C007"


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "people"))


def places(root: Path) -> Places:
    opened = Workspace(root)
    return Places(
        "loans", opened.store, opened.database, opened.blobs, opened.datasets, opened.registry, opened.artifacts,
        opened.predictions,
    )  # fmt: skip


def pseudonym(root: Path) -> str:
    names = known(root / ".noria")
    assert names is not None
    return str(names.of(WHO))


def rows_about(root: Path) -> int:
    """Count a person's rows in whatever Parquet lies anywhere below the store."""
    found = 0
    for path in (root / ".noria").rglob("*"):
        if not path.is_file() or path.read_bytes()[:4] != b"PAR1":
            continue
        for name, column in zip(*(lambda t: (t.column_names, t.columns))(pq.read_table(path)), strict=True):
            if name.endswith("customer"):
                found += column.to_pylist().count(pseudonym(root))
    return found


def answered(root: Path, customers: list[str | None]) -> None:
    """Log answers about people, as a server does."""
    opened = Workspace(root)
    signature = Signature.from_json(opened.registry.get("loans").signature)
    records = [{"income": 30.0, "customer": who, "id": number} for number, who in enumerate(customers)]
    checked = signature.check(records)
    answers = Answers(
        ["no"] * len(records), [0.1] * len(records), ("no", "yes"), [[0.9, 0.1]] * len(records), checked.flags
    )
    ids = [f"p{number}" for number in range(len(records))]
    log = opened.predictions
    assert log.append(Entry("loans", 1, "live", NOW, 1.0, ids, answers, checked, signature))
    log.close()
    opened.labels.add("loans", [(each, "yes") for each in ids], NOW, "test")


def test_no_name_reaches_the_disk(root: Path) -> None:
    answered(root, [WHO, "C008", None])
    for path in (root / ".noria").rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert b"example.org" not in held, path
            assert WHO.encode() not in held, path
    logged = Workspace(root).predictions.read("loans")
    assert logged["k.customer"].to_pylist() == [pseudonym(root), *logged["k.customer"].to_pylist()[1:2], None]
    assert "k.email" not in logged.column_names


def test_labels_find_people_by_their_own_names(root: Path) -> None:
    answered(root, [WHO, "C008"])
    opened = Workspace(root)
    added = opened.labels.add_by_key("loans", opened.predictions, ["customer"], [({"customer": WHO}, "no")], NOW, "x")
    assert (added.predictions, added.unmatched) == (1, 0)


def test_a_person_is_gone_everywhere_and_nobody_else(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(root, [WHO, "C008", WHO])
    opened = Workspace(root)
    before = opened.datasets.get("loans")
    plan = look(places(root), "customer", WHO)
    assert plan.versions == {"loans@1": 3}
    assert (plan.predictions, plan.labels, plan.models) == (2, 2, ("loans@1",))
    assert rows_about(root) > 5  # a look changes nothing
    done = erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert rows_about(root) == 0
    assert done.done == NOW
    assert done.certificate == {**plan.to_json(), "left": []}
    after = Workspace(root).datasets.get("loans")
    assert (after.digest, after.fingerprint, after.rows) == (before.digest, before.fingerprint, 240)
    assert Workspace(root).datasets.read(after).num_rows == 237
    assert Workspace(root).predictions.read("loans").num_rows == 1
    assert Workspace(root).labels.rows("loans") == 1
    assert pseudonym(root) not in json.dumps(Workspace(root).datasets.profile(after).to_json())
    monkeypatch.chdir(root)
    assert CliRunner().invoke(fsck, [], catch_exceptions=False).exit_code == 0


def test_nobody_erased_comes_in_again(root: Path) -> None:
    erase(places(root), "customer", pseudonym(root), actor="ada", reason="asked", at=NOW)
    assert turn(root).run().ok
    opened = Workspace(root)
    assert opened.datasets.get("loans").number == 2
    assert opened.datasets.read(opened.datasets.get("loans")).num_rows == 237
    assert rows_about(root) == 0
    (root / ".noria" / KEY_FILE).unlink()
    (root / "loans.csv").write_text((root / "loans.csv").read_text() + "999,30.0,C007,x@example.org,no\n")
    ended = turn(root).run()
    assert not ended.ok


def test_asking_again_adds_what_came_since(root: Path) -> None:
    first = erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    answered(root, [WHO])
    again = erase(places(root), "customer", WHO, actor="bob", reason="asked again", at=NOW)
    assert again.id == first.id
    assert again.certificate is not None
    assert (again.certificate["predictions"], again.certificate["versions"]) == (1, {"loans@1": 3})
    assert again.certificate["models"] == ["loans@1"]
    assert len(history(Workspace(root).database, "loans")) == 1


def test_what_cannot_be_done_is_told(root: Path) -> None:
    with pytest.raises(WrongArgument, match="no dataset version has a column 'name'"):
        look(places(root), "name", WHO)
    assert look(places(root), "customer", "nobody").is_empty
    opened = Workspace(root)
    Records(opened.database, "loans").claim(Digest("0" * 64), "train", "r2", fresh=True, now=datetime.now(UTC))
    with pytest.raises(Conflict, match="a run is going on"):
        erase(places(root), "customer", WHO, actor="ada", reason="asked", at=datetime.now(UTC))
    assert history(opened.database, "loans") == ()


def test_a_lost_key_lets_nobody_in(root: Path) -> None:
    erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    opened = Workspace(root)
    table = opened.datasets.read(opened.datasets.get("loans"))
    with pytest.raises(WrongSetting, match="the key that tells them"):
        without_erased(table, opened.database, root, "loans")


@pytest.fixture
def call(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(root)
    return lambda *args, **more: CliRunner().invoke(data, args, catch_exceptions=False, **more)


def test_the_command(call: Callable[..., Result], root: Path) -> None:
    looked = call("erase", "--subject", "-", input=f"{WHO}\n")
    assert "3 rows of loans@1" in looked.stdout
    assert "nothing was changed" in looked.stderr
    assert rows_about(root) > 0
    assert "nothing stored" in call("erase", "--subject", "C999").stderr
    done = call("erase", "--subject", WHO, "--reason", "asked", "--actor", "ada", "--yes")
    assert "is done" in done.stdout
    assert rows_about(root) == 0
    (listed,) = json.loads(call("erasures", "--json").stdout)
    assert (listed["actor"], listed["reason"], listed["versions"]) == ("ada", "asked", {"loans@1": 3})
    assert pseudonym(root) in call("erasures").stdout
    assert WHO not in call("erasures").stdout


def test_what_is_left_of_a_version_is_what_is_told(call: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    assert json.loads(call("log", "--json").stdout)[0]["erased"] == 0
    erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert turn(root).run().ok  # version 2 is without them from the start
    newest, oldest = (line.split() for line in call("log").stdout.splitlines() if line.startswith("loans@"))
    assert (newest[:2], newest[2].isdecimal()) == (["loans@2", "237"], True)
    assert oldest[:4] == ["loans@1", "237", "(3", "erased)"]
    assert [(one["rows"], one["erased"]) for one in json.loads(call("log", "--json").stdout)] == [(237, 0), (237, 3)]
    assert "loans@1  237 rows (3 erased), 4 columns" in call("show", "loans@1").stderr
    assert json.loads(call("show", "loans@1", "--json").stdout)["rows"] == 237
    assert "loans@1  237 rows (3 erased)" in call("profile", "loans@1").stderr
    assert "(3 erased)" not in call("list").stdout  # of the newest version nobody is gone
    assert "wrote 237 rows of loans@1" in call("export", "loans@1", "-o", str(tmp_path / "left.csv")).stderr
    opened = Workspace(root)
    view = one(opened, opened.datasets.get("loans", 1))
    assert (view.rows, view.erased) == (237, 3)
    assert [(line.rows, line.erased, line.change) for line in view.versions] == [(237, 0, 0), (237, 3, None)]


def test_files_of_somebodys_own_stay_whole_and_are_named(root: Path, tmp_path: Path) -> None:
    rows = Workspace(root).datasets.read(Workspace(root).datasets.get("loans"))
    folder = tmp_path / "own"
    folder.mkdir()
    # Large enough to be an object of its own: smaller files lie in packs.
    pq.write_table(pa.concat_tables([rows] * 200), folder / "rows.parquet", compression="none", use_dictionary=False)
    assert (folder / "rows.parquet").stat().st_size > 1 << 20
    datasets = Workspace(root).datasets
    kept = datasets.folders.add(folder, name="own").version
    before = datasets.folders.read(kept, "rows.parquet")
    done = erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert Workspace(root).datasets.folders.read(kept, "rows.parquet") == before
    assert done.certificate is not None
    (told,) = done.certificate["left"]  # type: ignore[misc]
    assert told.startswith("rows.parquet in own@1: take the rows out of ")  # type: ignore[has-type]
    assert "noria data remove own@1 --yes" in told  # type: ignore[has-type]


def test_small_files_of_folders_are_looked_into(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "people.csv").write_text(f"customer,age\n{WHO},31\nC008,40\n")
    (folder / "others.csv").write_text("customer,age\nC008,40\n")
    (folder / "notes.json").write_text("no table at all")
    (folder / "picture.bin").write_bytes(WHO.encode())
    (folder / "packed.csv.gz").write_bytes(gzip.compress(f"customer,age\n{WHO},31\n".encode(), mtime=0))
    (folder / "theirs.jsonl").write_text(json.dumps({"Kunde": WHO}) + "\n")
    Workspace(root).datasets.folders.add(folder, name="own")
    told, beside = look(places(root), "customer", WHO).left
    assert told == (
        f"packed.csv.gz, sub/people.csv in own@1: take the rows out of {folder}, then: noria data add {folder}; "
        "noria data remove own@1 --yes; noria data gc --older-than 0s"
    )
    assert beside.startswith("notes.json in own@1: no table that could be looked into")
    assert "noria data checkout own@1 FOLDER" in beside
    renamed = look(replace(places(root), names={"Kunde": "customer"}), "customer", WHO).left[0]
    assert renamed.startswith("packed.csv.gz, sub/people.csv, theirs.jsonl in own@1")
    there = replace(places(root), remote="file:///nowhere")
    assert "noria data remove own@1 --remote --yes" in look(there, "customer", WHO).left[0]


def collected(root: Path, bodies: list[object]) -> Spool:
    """Keep messages as a broker sends them."""
    spool = Spool(root / ".noria" / "spool" / "abc")
    messages = [
        Message(number, number, "plant/a", NOW, body if isinstance(body, bytes) else json.dumps(body).encode())
        for number, body in enumerate(bodies, start=spool.last + 1)
    ]
    spool.append(messages)
    return spool


def test_messages_of_brokers_lose_the_person_before_and_after_a_run_reads_them(root: Path) -> None:
    spool = collected(
        root, [{"customer": WHO, "v": 1}, [{"customer": WHO}, {"customer": "C008"}], {"customer": "C009"}]
    )
    collected(root, [{"Kunde": WHO}, b"no json", {"deep": {"x": WHO}}])
    there = replace(places(root), names={"Kunde": "customer"})
    assert look(there, "customer", WHO).messages == 3
    done = erase(there, "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert done.certificate is not None
    assert done.certificate["messages"] == 3
    assert [message.number for message in spool.messages()] == [1, 2, 3, 4, 5, 6]
    bodies = [message.body for message in spool.messages()]
    assert bodies == [
        b"[]",
        b'[{"customer": "C008"}]',
        b'{"customer": "C009"}',
        b"[]",
        b"no json",
        b'{"deep": {"x": "C007"}}',
    ]
    assert spool.last == 6
    # What the source sends again after that is refused when a run reads it.
    collected(root, [{"customer": WHO, "v": 2}, {"customer": "C008", "v": 3}])
    table = read_spool(spool, "mqtt://b/plant", note=lambda _: None, progress=lambda _done, _text: None)
    kept, left_out = without_erased(table, there.database, there.store, there.project)
    assert left_out == 1
    assert kept["customer"].to_pylist() == ["C008", "C009", None, "C008"]
    # And asked for again, it goes from the disk as well, known by the pseudonym alone.
    again = erase(there, "customer", pseudonym(root), actor="ada", reason="asked", at=NOW)
    assert again.certificate is not None
    assert again.certificate["messages"] == 4
    assert WHO.encode() not in b"".join(message.body for message in spool.messages() if message.number != 6)


def test_a_collector_goes_on_while_messages_are_rewritten(root: Path) -> None:
    spool = collected(root, [{"customer": WHO, "v": number} for number in range(50)])
    for number in range(200):
        collected(root, [{"customer": f"C{number % 9:03d}", "v": number}])

    def collect() -> None:
        for number in range(200):
            collected(root, [{"customer": "C001", "v": number}])
            spool.tidy()

    thread = threading.Thread(target=collect)
    thread.start()
    meant = Meant(WHO, root / ".noria")
    for _ in range(5):
        erase_messages(root / ".noria", {"customer"}, meant, dry=False)
    thread.join()
    assert erase_messages(root / ".noria", {"customer"}, meant, dry=True) == 0
    assert [message.number for message in spool.messages()] == list(range(1, 451))


def test_which_models_saw_a_person(call: Callable[..., Result], root: Path) -> None:
    (found,) = json.loads(call("lineage", "--where", f"customer={WHO}", "--json").stdout)
    assert (found["version"], found["rows"], found["source"]) == ("loans@1", 3, "loans.csv")
    assert [use["version"] for use in found["models"]] == ["loans@1"]
    Workspace(root).aliases.move("loans", "champion", 1, actor="t", reason="t", at=NOW)
    assert "loans@1 (challenger, champion)" in call("lineage").stdout
    assert call("lineage", "1").stdout == call("lineage", "loans@1").stdout
    assert call("lineage", "@1").stdout == call("lineage", "loans@1").stdout
    assert "no dataset version has rows" in call("lineage", "--where", "customer=nobody").stderr
    with pytest.raises(WrongArgument, match="no dataset version has a column 'custmer'") as caught:
        call("lineage", "--where", f"custmer={WHO}")
    assert caught.value.mend == "did you mean 'customer'?"
    for wrong in (("--where", WHO), ("loans@1", "--where", "id=1")):
        with pytest.raises(WrongArgument):
            call("lineage", *wrong)


KILLED = """
import os, sys
left = int(sys.argv[2])
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
sys.path[:0] = sys.argv[3:]
from test_erasure import NOW, WHO, places
from noria.governance.erasure import erase
from pathlib import Path
erase(places(Path(sys.argv[1])), "customer", WHO, actor="ada", reason="asked", at=NOW)
print(left)
"""


def run_killed(root: Path, after: int) -> subprocess.CompletedProcess[str]:
    """Erase in a process that dies at one of its calls of the system; 0 lets it live."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "steps")]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(after), *folders],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode in (0, 9), ended.stderr
    return ended


@pytest.fixture(scope="session")
def calls(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many calls there are to be killed at."""
    copy = Path(shutil.copytree(finished, tmp_path_factory.mktemp("calls") / "people"))
    answered(copy, [WHO, "C008"])
    return -int(run_killed(copy, 0).stdout)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
def test_a_kill_on_the_way_loses_nobody_elses_rows(root: Path, calls: int, share: float) -> None:
    answered(root, [WHO, "C008"])
    assert run_killed(root, max(1, int(calls * share))).returncode == 9
    opened = Workspace(root)
    assert opened.datasets.read(opened.datasets.get("loans")).num_rows in (237, 240)
    erase(places(root), "customer", WHO, actor="ada", reason="asked", at=NOW)
    assert rows_about(root) == 0
    opened = Workspace(root)
    assert opened.datasets.read(opened.datasets.get("loans")).num_rows == 237
    assert opened.predictions.read("loans").num_rows == 1
    assert opened.labels.rows("loans") == 1
    (kept,) = history(opened.database, "loans")
    assert kept.done == NOW
    assert kept.certificate is not None
    assert (kept.certificate["versions"], kept.certificate["predictions"]) == ({"loans@1": 3}, 1)
