"""`noria check`: the effective file, the data, and a clear status for each thing that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noria.cli.main import main
from noria.project.begin import from_example
from noria.project.file import validate

TOML = '[project]\nname = "loans"\n\n[data]\nsource = "loans.csv"\ntarget = "bad"\nkey = ["id"]\n'
ROWS = "id,age,bad\n" + "".join(
    f"{number * 3},{20 + number % 40},{'yes' if number % 3 else 'no'}\n" for number in range(60)
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noria.toml").write_text(TOML)
    (tmp_path / "loans.csv").write_text(ROWS)
    return tmp_path


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["check", *arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_it_prints_a_file_that_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of() == 0
    told = capsys.readouterr()
    toml, _, table = told.out.partition("# the data")
    assert validate(toml)[0] == validate(TOML)[0]
    assert "test = 0.2  # default" in toml
    assert 'target = "bad"\n' in toml
    assert "key" in table
    assert "feature" in table
    assert "next: noria run" in told.err


@pytest.mark.parametrize("name", ["credit", "diagnosis", "sensors"])
def test_the_examples(name: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_example(here / name / "mine", name)
    monkeypatch.chdir(here / name / "mine")
    assert status_of() == 0


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["split"]["test"] == 0.2
    assert told["data"]["passed"] is True
    assert [column["use"] for column in told["data"]["columns"]] == ["key", "feature", "target"]


def test_the_file_alone(here: Path) -> None:
    (here / "loans.csv").unlink()
    assert status_of("--no-data") == 0
    assert status_of() == 3


def test_a_gate_on_a_class_that_the_data_do_not_have(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = TOML + '[[gates]]\nmetric = "recall"\nof_class = "{}"\nmin = 0.5\n'
    (here / "noria.toml").write_text(asked.format("Yes"))
    assert status_of() == 0
    capsys.readouterr()
    (here / "noria.toml").write_text(asked.format("yess"))
    assert status_of() == 2
    told = capsys.readouterr().err
    assert "a gate asks for class 'yess'" in told
    assert "did you mean 'yes'" in told
    (here / "noria.toml").write_text(asked.format("yes").replace('"bad"', '"age"'))  # numbers
    assert status_of() == 2
    assert "'recall' is for classification, the task here is regression" in capsys.readouterr().err


def test_data_that_break_a_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "noria.toml").write_text(TOML + '[data.checks]\nrules = ["age < 50"]\n')
    assert status_of() == 1
    told = capsys.readouterr()
    assert "age < 50" in told.err
    assert "[data.checks]" in told.out


BAD_DATA = {
    "no such column": (ROWS.replace("bad", "worse", 1), 2),
    "empty file": ("", 2),
    "no rows": ("id,age,bad\n", 2),
    "one class": (ROWS.replace("yes", "no"), 1),
    "a name twice": (ROWS.replace("age", "id", 1), 2),
    "bytes": ("\x00\x01\x02", 2),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_told_with_its_mend(case: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, status = BAD_DATA[case]
    (here / "loans.csv").write_text(text)
    got = status_of()
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "error[N-" in told
    assert got == status, told


def test_a_wrong_file_is_told_before_the_data(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "noria.toml").write_text(TOML + "[model]\nfold = 3\n")
    (here / "loans.csv").unlink()
    assert status_of() == 2
    assert "noria.toml:9: [model] fold: no such setting; did you mean 'folds'?" in capsys.readouterr().err


def test_a_wrong_file_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "noria.toml").write_text("nonsense")
    assert status_of("--json") == 2
    told = json.loads(capsys.readouterr().err)
    assert told["code"] == "N-PROJECT-006"
    assert told["what"].startswith("noria.toml:1: not TOML")


def test_what_has_no_effect_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "noria.toml").write_text(TOML + '[tables.bureau]\nsource = "b.csv"\n')
    assert status_of() == 0
    assert "no effect: noria.toml:8" in capsys.readouterr().err


def test_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noria.toml").unlink()
    assert status_of() == 3
    assert "noria init" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ("[prepare]\nagee = ['log']\n", 2, "agee"),
        ('[split]\nmethod = "time"\n', 2, "needs a column"),
        ("[clean]\ncast = { bad = 'int' }\n", 2, "leaves nothing of 'bad'"),
        ("[clean]\nna_values = ['yes', 'no']\n", 1, "missing in every row"),
        ("[data.columns]\nage = { use = false }\n", 2, "no column is left"),
        ("[data.columns]\nbad = { use = false }\n", 2, "what is predicted"),
        ("[monitor.notify]\nwebhook = 'not a url'\n", 2, "webhook"),
        ("[evaluate]\nprotected = ['agee']\n", 2, "did you mean 'age'"),
        ("[evaluate]\nconformal = { by = 'age' }\n", 2, "is of type int"),
        ("[model]\ntask = 'regression'\n[evaluate]\nthreshold = { recall = 0.9 }\n", 2, "decides between two"),
    ],
)
def test_what_a_run_would_refuse_is_told(
    changed: str, status: int, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "noria.toml").write_text(TOML + changed)
    assert status_of() == status
    told = capsys.readouterr()
    assert said in told.err
    assert "is sound" not in told.err
    assert not (here / ".noria" / "objects").exists()


def test_a_step_of_ones_own_may_change_all_that(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "noria.toml").write_text(TOML + "[data.columns]\nage = { use = false }\n")
    (here / "pipeline.py").write_text(
        "import noria\n"
        '@noria.step(replaces="clean")\ndef more(clean):\n    return clean.append_column("x", clean["id"])\n'
    )
    assert status_of() == 0, capsys.readouterr().err


def test_checks_are_proposed_before_the_first_run_and_nothing_is_stored(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "id,who,age,bad\n" + "".join(
        f"{number},person{number:04}@mail.example,{20 + number % 40},{'yes' if number % 3 else 'no'}\n"
        for number in range(1200)
    )
    (here / "loans.csv").write_text(rows)
    (here / "noria.toml").write_text(TOML + '[data.columns]\nwho = { pii = true, store = "pseudonym" }\n')
    assert status_of("--suggest") == 0
    told = capsys.readouterr()
    assert told.out.startswith("# from loans.csv: 1,200 rows; add it with: noria check --suggest --write")
    assert "age = { type =" in told.out
    assert "person" not in told.out + told.err
    assert status_of("--suggest", "--write") == 0
    assert status_of() == 0
    assert "rows = { min =" in (here / "noria.toml").read_text()
    stored = [path.name for path in (here / ".noria").rglob("*") if path.is_file()]
    assert stored == ["project.json"], "what is known of noria.toml itself"
    assert status_of("--suggest") == 0
    assert "says already what could be proposed from loans.csv" in capsys.readouterr().err


def test_a_proposal_without_data_says_what_is_missing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "loans.csv").unlink()
    assert status_of("--suggest") == 3
    assert "loans.csv" in capsys.readouterr().err
