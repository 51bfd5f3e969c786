"""`noria init`: a project from an example or a table; nothing is overwritten, and what is missing is asked for."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from noria.cli.main import main
from noria.project.file import load
from noria.sources.source import read

CUSTOMERS = "customer_id,age,plan,spent,churned\n" + "".join(
    f"{number * 7},{20 + number % 50},{'abc'[number % 3]},{number % 13 * 1.5},{'yes' if number % 4 == 0 else 'no'}\n"
    for number in range(1, 201)
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["init", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize("name", ["credit", "diagnosis", "sensors"])
def test_an_example_is_copied_whole(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("mine", "--example", name) == 0
    folder = here / "mine"
    for file in ("noria.toml", "pipeline.py", ".gitignore", "requirements.txt", "README.md", "data/stream.csv.gz"):
        assert (folder / file).is_file(), file
    project = load(folder)
    assert (folder / str(project.values["data"]["source"])).is_file()  # type: ignore[index]
    told = capsys.readouterr()
    assert "noria run" in told.err
    assert str(Path("mine") / "noria.toml") in told.out


def test_a_table_of_ones_own(here: Path) -> None:
    (here / "customers.csv").write_text(CUSTOMERS)
    assert status_of("churn", "--data", "customers.csv", "--target", "churned") == 0
    project = load(here / "churn")
    data = project.settings.data
    assert (project.name, data.target, data.positive, data.key) == ("churn", "churned", "yes", ("customer_id",))
    assert project.settings.model.task == "classification"
    assert (here / "churn" / "data" / "customers.csv").read_text() == CUSTOMERS


@pytest.mark.parametrize("source", ["parts/*.csv", "sql:sqlite:///customers.db?table=customers"])
def test_a_source_that_is_not_copied_is_found_from_the_new_folder(source: str, here: Path) -> None:
    (here / "parts").mkdir()
    (here / "parts" / "a.csv").write_text(CUSTOMERS)
    with sqlite3.connect(here / "customers.db") as connection:
        pd.read_csv(here / "parts" / "a.csv").to_sql("customers", connection, index=False)
    connection.close()
    assert status_of("churn", "--data", source, "--target", "churned") == 0
    project = load(here / "churn")
    assert read(str(project.settings.data.source), root=here / "churn").num_rows == 200


def test_the_task_can_be_said(here: Path) -> None:
    (here / "customers.csv").write_text(CUSTOMERS)
    assert status_of("spend", "--data", "customers.csv", "--target", "spent", "--task", "regression") == 0
    assert load(here / "spend").settings.model.task == "regression"
    assert status_of("groups", "--data", "customers.csv", "--target", "none") == 0
    assert load(here / "groups").settings.model.task == "clustering"


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["taken", "--example", "credit"], 4, "N-PROJECT-022"),
        (["file", "--example", "credit"], 4, "N-PROJECT-022"),
        (["new", "--example", "credti"], 3, "N-PROJECT-020"),
        (["-bad", "--example", "credit"], 2, ""),
        (["b@d", "--example", "credit"], 2, "N-PROJECT-021"),
        (["new"], 2, "N-CLI-011"),
        ([], 2, "N-CLI-011"),
        (["new", "--data", "customers.csv"], 2, "N-CLI-011"),
        (["new", "--data", "customers.csv", "--target", "churn"], 2, "N-PROJECT-024"),
        (["new", "--data", "customers.csv", "--target", "plan", "--task", "regression"], 2, "N-PROJECT-026"),
        (["new", "--data", "nowhere.csv", "--target", "x"], 3, ""),
        (["new", "--data", "empty.csv", "--target", "x"], 2, ""),
        (["new", "--data", "constant.csv", "--target", "y"], 2, "N-PROJECT-027"),
        (["new", "--example", "credit", "--target", "x"], 2, "N-CLI-010"),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(
    arguments: list[str], status: int, code: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "taken").mkdir()
    (here / "taken" / "note.txt").write_text("mine")
    (here / "file").write_text("mine")
    (here / "customers.csv").write_text(CUSTOMERS)
    (here / "empty.csv").write_text("")
    (here / "constant.csv").write_text("x,y\n" + "1,a\n2,a\n3,a\n")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert status_of(*arguments) == status
    told = capsys.readouterr().err
    assert code in told
    assert "Traceback" not in told
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
    assert not (here / "new").exists()


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    # Nobody may make a folder here, root included.
    assert status_of("/proc/new", "--example", "credit") == 1
    told = capsys.readouterr().err
    assert "/proc/new" in told
    assert "Traceback" not in told


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("mine", "--example", "diagnosis", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == "mine"
    assert "mine/noria.toml" in told["files"]


def test_on_a_terminal_it_asks(here: Path) -> None:
    (here / "customers.csv").write_text(CUSTOMERS)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "noria", "init"]
    asked = subprocess.Popen(command, cwd=here, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(slave)
    os.write(master, b"churn\ncustomer.csv\ncustomers.csv\nchurn\nchurned\n")
    out, err = asked.communicate(timeout=60)
    os.close(master)
    assert asked.returncode == 0, err
    assert "churn/noria.toml" in out
    assert "'customer.csv' is no example and no file" in err
    assert "the data has no column 'churn'; did you mean 'churned'?" in err
    assert err.count("Which column shall be predicted?") == 2
    assert load(here / "churn").settings.data.target == "churned"


@pytest.mark.parametrize(
    ("source", "status", "mend"),
    [
        ("nope.csv", 3, "correct --data; a relative path starts at the folder you are in: "),
        ("nope*.csv", 3, "correct --data; a relative path starts at the folder you are in: "),
        ("custommers.csv", 3, "did you mean 'customers.csv'?"),
        ("folder", 2, "name the files in it: --data 'folder/*.csv'"),
        ("empty.csv", 2, "correct --data"),
        ("rows.zip", 2, "--data 'rows.zip#format=csv'"),
        ("python:nope.rows", 3, "write nope.py in "),
    ],
)
def test_a_table_that_is_not_there_is_mended_on_the_command_line(
    source: str, status: int, mend: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "customers.csv").write_text(CUSTOMERS)
    (here / "folder").mkdir()
    for name in ("empty.csv", "rows.zip"):
        (here / name).touch()
    assert status_of("churn", "--data", source, "--target", "churned") == status
    told = capsys.readouterr().err
    assert mend in told
    for nowhere in ("noria.toml", "[data]", "source ="):
        assert nowhere not in told
    assert not (here / "churn").exists()
