"""Whatever is wrong: the documented status, what and how to mend it, no traceback, and nothing stored is lost."""

from __future__ import annotations

import gzip
import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from noria.scoring.scorer import Scorer
from noria.store.blobs import digest_file
from noria.workspace import Workspace


class Told(Protocol):
    """What a command left behind; see the fixture ``command``."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> object: ...


Noria = Callable[..., Told]
Table = Callable[..., str]


def refused(told: Told, status: int, *parts: str, code: str = "") -> None:
    """Hold a refusal to its promises."""
    everything = told.out + told.err
    assert told.status == status, everything
    assert "Traceback" not in everything
    assert re.search(r"^error\[N-[A-Z]+-\d{3}\]: \S", told.err, re.MULTILINE), everything
    assert re.search(r"^  mend: \S", told.err, re.MULTILINE), everything
    assert f"error[{code}" in told.err
    for part in parts:
        assert part in told.err, everything


def refused_as_json(told: Told, status: int) -> dict[str, str]:
    """Hold a refusal under ``--json`` to its promises, and give the object."""
    assert told.status == status, told.err
    assert "Traceback" not in told.out + told.err
    error: dict[str, str] = json.loads(told.err)
    assert set(error) == {"code", "what", "why", "mend"}
    assert re.fullmatch(r"N-[A-Z]+-\d{3}", error["code"])
    assert error["what"]
    assert error["mend"]
    return error


def still_good(folder: Path) -> None:
    """The version that was good before is whole, loads and answers."""
    opened = Workspace(folder)
    scorer = Scorer.load(opened.registry, opened.registry.get("loans", 1))
    (answer,) = scorer.score([{"id": 1, "age": 20, "income": 900.0, "grade": "B"}])
    assert answer.prediction in ("bad", "good")
    opened.close()


def kept(folder: Path) -> dict[str, str]:
    """Digests of every object in the store."""
    return {path.name: digest_file(path) for path in (folder / ".noria" / "objects").glob("??/*")}


def edit(folder: Path, old: str, new: str, file: str = "noria.toml") -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def column(folder: Path, name: str, value: str) -> None:
    """Give a column one value in every row."""
    header, *lines = (folder / "loans.csv").read_text().splitlines()
    place = header.split(",").index(name)
    changed = [",".join(value if i == place else cell for i, cell in enumerate(line.split(","))) for line in lines]
    (folder / "loans.csv").write_text("\n".join([header, *changed]) + "\n")


# --- the data


def no_file(folder: Path) -> None:
    edit(folder, "loans.csv", "loan.csv")


def empty_file(folder: Path) -> None:
    (folder / "loans.csv").write_text("")


def only_a_header(folder: Path) -> None:
    (folder / "loans.csv").write_text("id,age,income,grade,status\n")


def one_row(folder: Path) -> None:
    (folder / "loans.csv").write_text("id,age,income,grade,status\n0,35,2000,A,bad\n")


def one_class(folder: Path) -> None:
    column(folder, "status", "bad")


def constant_target(folder: Path) -> None:
    column(folder, "income", "5")
    edit(folder, 'target = "status"\npositive = "bad"', 'target = "income"')
    edit(folder, 'metric = "roc_auc"\nfolds', 'task = "regression"\nmetric = "rmse"\nfolds')
    edit(folder, '"svm"', '"ridge"')
    edit(folder, '[[gates]]\nmetric = "roc_auc"\nmin = 0.6', "")


def doubled_columns(folder: Path) -> None:
    edit(folder, "id,age", "id,id", "loans.csv")


def no_target(folder: Path) -> None:
    edit(folder, "grade,status", "grade,state", "loans.csv")


def misspelt_target(folder: Path) -> None:
    edit(folder, '"status"', '"staus"')


def binary(folder: Path) -> None:
    (folder / "loans.csv").write_bytes(random.Random(1).randbytes(5000))


def cut_off(folder: Path) -> None:
    (folder / "loans.csv.gz").write_bytes(gzip.compress((folder / "loans.csv").read_bytes())[:800])
    edit(folder, "loans.csv", "loans.csv.gz")


def no_parquet(folder: Path) -> None:
    (folder / "loans.parquet").write_bytes(b"PAR1" + random.Random(1).randbytes(5000))
    edit(folder, "loans.csv", "loans.parquet")


def a_folder(folder: Path) -> None:
    (folder / "tables").mkdir()
    edit(folder, "loans.csv", "tables")


WRONG_DATA = [
    (no_file, 3, "N-SOURCE", "there is no file 'loan.csv'", "did you mean 'loans.csv'?"),
    (empty_file, 2, "N-SOURCE", "loans.csv is empty", ""),
    (only_a_header, 2, "N-SOURCE", "no rows", ""),
    (one_row, 1, "N-CHECKS", "only 1 row", "bring more rows"),
    (one_class, 1, "N-CHECKS", "only one class, 'bad'", "bring rows of the other classes"),
    (constant_target, 1, "N-CHECKS", "income", ""),
    (doubled_columns, 2, "N-SOURCE", "'id': columns 1, 2", ""),
    (no_target, 2, "N-DATA", "'status', which the data does not have", "did you mean 'state'?"),
    (misspelt_target, 2, "N-DATA", "'staus', which the data does not have", "did you mean 'status'?"),
    (binary, 2, "N-SOURCE", "loans.csv is not text", ""),
    (cut_off, 2, "N-SOURCE", "loans.csv.gz cannot be read", "cut off"),
    (no_parquet, 2, "N-SOURCE", "loans.parquet", ""),
    (a_folder, 2, "N-SOURCE", "tables is a folder", ""),
]


@pytest.mark.parametrize(
    ("spoil", "status", "code", "what", "hint"), WRONG_DATA, ids=[case[0].__name__ for case in WRONG_DATA]
)
def test_wrong_data(
    lived: Path, noria: Noria, spoil: Callable[[Path], None], status: int, code: str, what: str, hint: str
) -> None:
    before = kept(lived)
    spoil(lived)
    refused(noria("check"), status, what, hint, code=code)
    told = noria("run", "--json")
    assert refused_as_json(told, status)["code"].startswith(code)
    assert {path: digest for path, digest in kept(lived).items() if path in before} == before
    opened = Workspace(lived)
    assert [version.number for version in opened.registry.versions("loans")] == [2, 1]
    assert opened.aliases.current("loans") == 1
    opened.close()


def test_a_failed_run_is_mended_by_mending_the_data(project: Path, noria: Noria) -> None:
    good = (project / "loans.csv").read_text()
    one_class(project)
    refused(noria("run"), 1, "only one class", code="N-CHECKS")
    failed = noria("runs", "list", "--json").json
    assert [run["status"] for run in failed] == ["failed"]  # type: ignore[attr-defined]
    (project / "loans.csv").write_text(good)
    assert noria("run").status == 0


def test_a_column_without_values_is_told_and_left_out(project: Path, noria: Noria) -> None:
    column(project, "income", "")
    told = noria("check")
    assert told.status == 0, told.err
    assert "income has no values at all: it is left out of the model" in told.out
    assert noria("run").status == 0
    (project / "few.csv").write_text("id,age,grade\n1,30,A\n")
    told = noria("predict", "few.csv", "--model", "1")
    assert told.status == 0, told.err


# --- the project file


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("[model]", "[modle]", ("noria.toml:13: [modle]", "did you mean 'model'?")),
        ("folds = 3", "fold = 3", ("noria.toml:16: [model] fold", "did you mean 'folds'?")),
        ("folds = 3", 'folds = "three"', ("noria.toml:16: [model] folds", "whole number", '"three"')),
        ("test = 0.25", "test = 7", ("noria.toml:11: [split] test", "7")),
        ('["logistic"]', '["logstic"]', ("logstic", "did you mean 'logistic'?")),
        ('metric = "roc_auc"\nfolds', 'metric = "roc_acu"\nfolds', ("roc_acu", "did you mean 'roc_auc'?")),
        ("folds = 3", "folds = ", ("noria.toml:16",)),
        ("[project]", "[project", ("noria.toml:1",)),
    ],
)
def test_a_wrong_project_file(project: Path, noria: Noria, old: str, new: str, parts: tuple[str, ...]) -> None:
    edit(project, old, new)
    refused(noria("check"), 2, *parts, code="N-PROJECT")
    error = refused_as_json(noria("run", "--json"), 2)
    assert all(part in error["what"] + error["why"] for part in parts)
    assert not (project / ".noria" / "noria.db").exists()


def test_every_mistake_is_told_at_once(project: Path, noria: Noria) -> None:
    edit(project, "folds = 3", "fold = 3")
    edit(project, "test = 0.25", "test = 7")
    edit(project, "min = 0.6", 'min = "high"')
    refused(noria("check"), 2, "[split] test", "[model] fold", "min", code="N-PROJECT")


def test_a_project_file_that_is_not_text(project: Path, noria: Noria) -> None:
    with (project / "noria.toml").open("ab") as file:
        file.write(b"# caf\xe9\n")
    refused(noria("check"), 2, "noria.toml:26", "UTF-8", code="N-PROJECT")
    refused(noria("run"), 2, "UTF-8", code="N-PROJECT")


def test_outside_a_project(tmp_path: Path, command: Noria) -> None:
    for arguments in (("run",), ("check",), ("plan",), ("models", "list"), ("serve",), ("monitor",), ("fsck",)):
        refused(command(tmp_path, *arguments), 3, "no noria.toml", "noria init", code="N-PROJECT")
    refused_as_json(command(tmp_path, "runs", "list", "--json"), 3)


def test_a_new_project_from_nothing_good(lived: Path, noria: Noria) -> None:
    refused(noria("init", "new"), 2, "--example")
    refused(noria("init", "new", "--example", "credti"), 3, "no example 'credti'")
    refused(noria("init", "new", "--data", "lons.csv", "--target", "x"), 3, "lons.csv", "did you mean 'loans.csv'?")
    refused(noria("init", "new", "--data", "loans.csv", "--target", "staus"), 2, "did you mean 'status'?")
    assert not (lived / "new").exists()
    assert noria("init", "new", "--data", "loans.csv", "--target", "status").status == 0
    written = (lived / "new" / "noria.toml").read_bytes()
    refused(noria("init", "new", "--data", "loans.csv", "--target", "status"), 4, "new is not empty")
    assert (lived / "new" / "noria.toml").read_bytes() == written


# --- names


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (("rnu",), 2, ("did you mean 'run'?",)),
        (("models", "shwo", "1"), 2, ("show",)),
        (("run", "--fore", "train"), 2, ("--force",)),
        (("run", "--jobs", "many"), 2, ("many",)),
        (("models", "show"), 2, ("REF",)),
        (("why", "gaet"), 3, ("no step 'gaet'", "did you mean 'gate'?")),
        (("run", "--force", "trian"), 3, ("no step 'trian'", "did you mean 'train'?")),
        (("models", "show", "laons@1"), 3, ("no model is called 'laons'", "did you mean 'loans'?")),
        (("models", "show", "loans@7"), 3, ("has no version 7", "the newest is 2")),
        (("models", "show", "loans@chamipon"), 3, ("no alias 'chamipon'", "did you mean 'champion'?")),
        (("models", "promote", "2", "--alias", "champoin", "--reason", "r"), 2, ("did you mean 'champion'?",)),
        (("models", "promote", "2"), 2, ("--reason",)),
        (("models", "rollback", "--reason", "r"), 3, ("no champion to go back to",)),
        (("models", "compare", "1", "7"), 3, ("has no version 7",)),
        (("predict", "loans.csv", "--model", "champoin"), 3, ("did you mean 'champion'?",)),
        (("predict", "laons.csv"), 3, ("laons.csv", "did you mean 'loans.csv'?")),
        (("predict", "loans.csv", "--out", "scores.txt"), 2, (".csv or .parquet",)),
        (("labels", "add", "loans.csv", "--model", "laons"), 3, ("did you mean 'loans'?",)),
        (("labels", "add", "loans.csv", "--value", "stat"), 2, ("did you mean 'status'?",)),
        (("labels", "add", "loans.csv", "--at", "yesterday"), 2, ("'yesterday' is not a time",)),
        (("monitor", "--model", "laons"), 3, ("did you mean 'loans'?",)),
        (("serve", "--model", "laons", "--port", "0"), 3, ("did you mean 'loans'?",)),
        (("serve", "--host", "0.0.0.0", "--port", "0"), 5, ("0.0.0.0",)),
        (("runs", "show", "beef"), 3, ("no run 'beef'",)),
        (("data", "show", "laons"), 3, ("laons",)),
        (("data", "diff", "1", "9"), 3, ("no version 9",)),
        (("alerts", "mute", "99", "--reason", "r"), 3, ("99",)),
        (("demo", "sensor"), 2, ("sensors",)),
        (("ci", "init", "gitlabb"), 2, ("gitlab",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_misspelt(lived: Path, noria: Noria, arguments: tuple[str, ...], status: int, parts: tuple[str, ...]) -> None:
    refused(noria(*arguments), status, *parts)


@pytest.mark.parametrize("arguments", [("rnu", "--json"), ("run", "--jobs", "x", "--json"), ("why", "gaet", "--json")])
def test_misspelt_as_json(lived: Path, noria: Noria, arguments: tuple[str, ...]) -> None:
    told = noria(*arguments)
    assert refused_as_json(told, 3 if arguments[0] == "why" else 2)
    assert told.out == ""


# --- rows to score, labels, gates


def test_rows_that_do_not_fit(lived: Path, noria: Noria) -> None:
    lines = [line.split(",") for line in (lived / "loans.csv").read_text().splitlines()]
    (lived / "short.csv").write_text("\n".join(",".join(cells[:3]) for cells in lines))
    refused(noria("predict", "short.csv"), 2, "'grade'", "add to the file: grade", code="N-SCORING")
    lines[2][3] = "Q"
    (lived / "odd.csv").write_text("\n".join(",".join(cells) for cells in lines))
    refused(noria("predict", "odd.csv", "--out", "scores.csv"), 2, "row 1, column 'grade'", "--skip-bad")
    assert not (lived / "scores.csv").exists()
    told = noria("predict", "odd.csv", "--skip-bad")
    assert told.status == 0
    assert "1 rows do not fit" in told.err
    assert len(told.out.splitlines()) == 241
    (lived / "empty.csv").write_text("")
    refused(noria("predict", "empty.csv"), 2, "empty.csv is empty")


def test_labels_of_nobody(lived: Path, noria: Noria) -> None:
    (lived / "by_id.csv").write_text("prediction_id,status\nnobody,bad\n")
    told = noria("labels", "add", "by_id.csv", "--json")
    assert told.json == {"labels": 1, "predictions": 0, "unmatched": 0, "unknown": 1, "empty": 0}
    assert "not in the log" in noria("labels", "add", "by_id.csv").err
    (lived / "by_key.csv").write_text("id,status\n3,bad\n99999,good\n")
    told = noria("labels", "add", "by_key.csv")
    assert told.status == 0
    assert "2 labels belong to rows that were never scored" in told.err
    (lived / "neither.csv").write_text("customer,status\n3,bad\n")
    refused(noria("labels", "add", "neither.csv"), 2, "neither prediction_id nor the key column 'id'")
    assert noria("labels", "list", "--json").json == {"predictions": 0, "labelled": 0, "unknown": 1}


def test_a_version_that_fails_its_gates(lived: Path, noria: Noria) -> None:
    edit(lived, "min = 0.6", "min = 0.999")
    edit(lived, "test = 0.25", "test = 0.3")
    told = noria("run")
    refused(told, 1, "loans@3 did not pass 1 of 1 gates", "roc_auc >= 0.999 failed", code="N-GATE")
    assert "loans@3" in told.out
    # Asked again, nothing is done and the answer is the same.
    again = noria("run", "--json")
    assert refused_as_json(again, 1)["code"] == "N-GATE-001"
    assert again.json["nothing_to_do"] is True  # type: ignore[index]
    refused(noria("models", "promote", "3", "--reason", "r"), 1, 'gate "roc_auc >= 0.999" failed', "--override")
    refused_as_json(noria("models", "promote", "3", "--reason", "r", "--json"), 1)
    still_good(lived)
    told = noria("models", "promote", "3", "--reason", "r", "--override", "known to be strict", "--json")
    assert told.status == 0
    assert told.json["override"] == "known to be strict"  # type: ignore[index]


# --- ports, folders, two at a time


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (("serve", "--port", "{}"), "--port"),
        (("ui", "--port", "{}"), "--port"),
        (("up", "--port", "{}", "--scorer-port", "0"), "noria up --port"),
        (("up", "--scorer-port", "{}", "--port", "0"), "noria up --scorer-port"),
    ],
    ids=["serve", "ui", "up", "up-scorer"],
)
def test_a_port_in_use(lived: Path, noria: Noria, taken_port: int, arguments: tuple[str, ...], mend: str) -> None:
    told = noria(*(part.format(taken_port) for part in arguments))
    refused(told, 4, f"port {taken_port} on 127.0.0.1 is in use", mend)
    still_good(lived)


def test_a_second_up_in_the_same_project(lived: Path, noria: Noria) -> None:
    ports = ("--port", "0", "--scorer-port", "0")
    with subprocess.Popen(
        [sys.executable, "-m", "noria", "up", *ports], cwd=lived, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        while first.stdout.readline().strip() != b"ready":
            assert first.poll() is None
        refused(noria("up", *ports), 4, "noria up already runs in", f"process {first.pid} holds the lock")
        # A run beside it is no conflict.
        assert noria("run").status == 0
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)
    assert first.returncode == 0
    still_good(lived)


def test_a_file_where_the_store_should_be(project: Path, noria: Noria) -> None:
    (project / ".noria").write_text("mine")
    for arguments in (("run",), ("models", "list"), ("up", "--port", "0", "--scorer-port", "0"), ("ui", "--port", "0")):
        refused(noria(*arguments), 1, ".noria", code="N-STORE")
    assert (project / ".noria").read_text() == "mine"
    assert noria("check").status == 0  # reads, and writes nothing


@pytest.mark.skipif(sys.platform != "linux", reason="root gives up its powers by Linux's prctl")
def test_a_folder_that_may_only_be_read(lived: Path, noria: Noria) -> None:
    for path in (lived, *lived.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for arguments in (
        ("run",),
        ("models", "promote", "2", "--reason", "r"),
        ("up", "--port", "0", "--scorer-port", "0"),
    ):
        refused(noria(*arguments, powerless=True), 1, "noria.db", code="N-STORE")
    refused(noria("init", "new", "--example", "credit", powerless=True), 1, "new", code="N-STORE")
    assert noria("check", powerless=True).status == 0
    (lived / "loans.csv").chmod(0)
    refused(noria("check", powerless=True), 2, "loans.csv may not be read")
    (lived / "noria.toml").chmod(0)
    refused(noria("check", powerless=True), 1, "noria.toml", "permissions")
    (lived / "loans.csv").chmod(0o444)
    still_good(lived)


def test_a_full_disk(lived: Path, noria: Noria) -> None:
    # A limit on the size of files fails writes as a full disk does, also for root.
    limited = subprocess.run(
        ["/bin/bash", "-c", f"trap '' XFSZ; ulimit -f 2; exec {sys.executable} -m noria predict loans.csv --out s.csv"],
        cwd=lived, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert limited.returncode == 1, limited.stderr
    assert "error[N-STORE-" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert not (lived / "s.csv").exists()
    still_good(lived)


# --- damage


def stored(folder: Path, digest: str) -> Path:
    return folder / ".noria" / "objects" / digest[:2] / digest


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(data)


def shown(noria: Noria, number: int) -> dict[str, object]:
    told = noria("models", "show", str(number), "--json")
    assert told.status == 0
    return told.json  # type: ignore[return-value]


def test_a_damaged_model_file(lived: Path, noria: Noria) -> None:
    digest = shown(noria, 2)["files"]["plan/plan.npz"]  # type: ignore[index]
    damage(stored(lived, digest))
    refused(noria("predict", "loans.csv", "--model", "2"), 1, digest[:12], "noria fsck", code="N-STORE")
    refused(noria("models", "promote", "2", "--reason", "r"), 1, digest[:12], code="N-STORE")
    told = noria("fsck", "--json")
    assert told.status == 1
    assert told.json["damaged"] == [digest]  # type: ignore[index]
    assert {entry["owner"] for entry in told.json["versions_touched"]} == {"loans@2"}  # type: ignore[index]
    assert "Traceback" not in told.err
    still_good(lived)
    # The mend that it names: trained again from the same rows, the same bytes.
    assert "--force train" in noria("fsck").err
    told = noria("run", "--force", "check", "--force", "train", "--json")
    assert told.status == 0, told.err
    assert told.json["version"] == 2  # type: ignore[index]
    assert noria("fsck").status == 0
    assert noria("models", "promote", "2", "--reason", "whole again").status == 0


def test_a_damaged_dataset(lived: Path, noria: Noria) -> None:
    digest = str(shown(noria, 2)["data_digest"])
    damage(stored(lived, digest))
    refused(noria("data", "export", "-o", "copy.csv"), 1, digest[:12], code="N-STORE")
    assert not (lived / "copy.csv").exists()
    refused(noria("fsck"), 1, "1 objects are damaged", "--force check")
    still_good(lived)
    assert noria("run", "--force", "check").status == 0
    assert noria("fsck").status == 0
    assert noria("data", "export", "-o", "copy.csv").status == 0


def test_a_lost_profile(lived: Path, noria: Noria) -> None:
    from noria.workspace import Workspace

    digest = Workspace(lived).datasets.get("loans").profile
    stored(lived, digest).unlink()
    refused(noria("fsck"), 1, "1 are needed", "--force check")
    assert noria("run", "--force", "check").status == 0
    assert noria("fsck").status == 0
    assert noria("data", "show").status == 0


def test_a_damaged_report(lived: Path, noria: Noria) -> None:
    damage(stored(lived, str(shown(noria, 2)["files"]["report.html"])))
    refused(noria("models", "promote", "2", "--reason", "better"), 1, "changed on disk", code="N-STORE")
    refused(noria("fsck"), 1, "1 objects are damaged", "--force register")
    assert noria("run", "--force", "register").status == 0
    # The spoilt bytes are nobody's any more: reports of the same figures differ by their date.
    refused(noria("fsck"), 1, "1 objects are damaged, 0 are needed", "--clear")
    assert noria("fsck", "--clear").status == 0
    assert noria("fsck").status == 0
    assert noria("models", "promote", "2", "--reason", "whole again").status == 0


def test_every_object_damaged_in_turn(lived: Path, noria: Noria) -> None:
    """A run over any damaged object mends it or says what is damaged; none of them breaks version 1."""
    first = set(shown(noria, 1)["files"].values())  # type: ignore[attr-defined]
    objects = sorted(path for path in (lived / ".noria" / "objects").glob("??/*") if path.name not in first)
    for path in random.Random(5).sample(objects, 3):
        whole = path.read_bytes()
        damage(path)
        told = noria("run", "--json")
        if told.status:
            refused_as_json(told, 1)
        told = noria("fsck")
        assert told.status in (0, 1)
        assert "Traceback" not in told.err
        still_good(lived)
        path.chmod(0o644)
        path.write_bytes(whole)


def test_a_damaged_champion_does_not_stop_the_one_before(lived: Path, noria: Noria) -> None:
    digest = shown(noria, 1)["files"]["plan/plan.npz"]  # type: ignore[index]
    damage(stored(lived, digest))
    refused(noria("predict", "loans.csv"), 1, digest[:12], code="N-STORE")
    assert noria("models", "promote", "2", "--reason", "the other is damaged").status == 0
    told = noria("predict", "loans.csv")
    assert told.status == 0
    assert "scored by loans@2" in told.err
    refused(noria("models", "rollback", "--reason", "r"), 1, digest[:12], code="N-STORE")


def test_a_database_that_is_none(lived: Path, noria: Noria) -> None:
    path = lived / ".noria" / "noria.db"
    for spare in lived.glob(".noria/noria.db-*"):
        spare.unlink()
    whole = path.read_bytes()
    path.write_bytes(random.Random(1).randbytes(9000))
    for arguments in (("run",), ("models", "list"), ("serve", "--port", "0"), ("up", "--port", "0")):
        refused(noria(*arguments), 1, "noria.db", "backup", code="N-STORE")
    path.write_bytes(whole)
    still_good(lived)
