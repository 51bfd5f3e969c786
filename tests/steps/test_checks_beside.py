"""Checks that look beyond the rows: other tables, another version, both sides of the split, what was set aside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from loans import FILE, rows, start, turn

from noria.cli.check import check
from noria.cli.data import data
from noria.errors import CheckFailed, NoriaError, WrongSetting
from noria.project.file import load
from noria.registry.promotion import promote
from noria.workspace import Workspace

GRADES = "grade,label\nA,good\nB,fair\n"
LOOKED_UP = """[data.checks]
references = { grade = { to = "grades.grade", severity = "quarantine" } }
[tables.grades]
source = "grades.csv"
"""
DRIFT = '[data.checks]\ndrift = { against = "@previous", columns = ["income"] }\nseverities = { drift = "warn" }\n'


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose grades are looked up in a table that lacks C."""
    root = start(tmp_path / "graded", FILE + LOOKED_UP)
    (root / "grades.csv").write_text(GRADES)
    monkeypatch.chdir(root)
    return root


def call(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments, catch_exceptions=False)


def test_rows_without_a_counterpart_are_set_aside_and_can_be_looked_at(graded: Path, tmp_path: Path) -> None:
    assert load(graded).warnings == ()  # the table is asked for
    first = turn(graded).run()
    assert first.ok, first.error
    told = call("quarantine", "-n", "3")
    assert "grade must be found in grades.grade" in told.stdout
    assert "set aside" in told.stderr
    assert "example.org" not in told.stdout  # personal
    found = json.loads(call("quarantine", "loans@1", "--json").stdout)
    assert found["rows"] == rows().count(",C,")
    assert {row["grade"] for row in found["shown"]} == {"C"}
    assert call("quarantine", "-o", str(tmp_path / "aside.csv")).exit_code == 0
    header, line, *_ = (tmp_path / "aside.csv").read_text().splitlines()
    assert header.endswith('"breaks"')
    assert "grade must be found" in line
    assert turn(graded).run().nothing_to_do
    # A table that changes is read again, and the check runs again; nothing is read anew for the rows themselves.
    (graded / "grades.csv").write_text(GRADES + "C,poor\n")
    again = turn(graded).run()
    assert again.ran[0] == "check"
    assert json.loads(call("quarantine", "--json").stdout) == {"ref": "loans@1", "rows": 0, "reasons": {}, "shown": []}


def test_a_stored_version_is_held_against_what_is_said_now(graded: Path) -> None:
    assert turn(graded).run().ok
    told = call("check", "--json")
    assert [one["check"] for one in json.loads(told.stdout)["findings"]] == ["reference"]
    said = FILE.replace("email = { pii = true }", "email = { pii = true }\nincome = { min = 99 }")
    (graded / "noria.toml").write_text(said)
    with pytest.raises(CheckFailed, match="failed on loans@1") as failed:
        call("check", "1")
    assert "income must be at least 99" in failed.value.why


@pytest.mark.parametrize(
    ("text", "says"),
    [('[data.checks]\nreferences = { grade = "grads.grade" }\n', "grads"),
     ('[tables.grades]\nsource = "grades.csv"\nchecks = { drift = { against = "@1" } }\n', "no versions of their own")],
)  # fmt: skip
def test_what_leads_nowhere_is_told_with_its_line(graded: Path, text: str, says: str) -> None:
    (graded / "noria.toml").write_text(FILE + text)
    with pytest.raises(WrongSetting) as wrong:
        load(graded)
    assert says in wrong.value.render()


def test_drift_against_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = start(tmp_path / "moving", FILE + DRIFT)
    monkeypatch.chdir(root)
    assert turn(root).run().ok
    told = CliRunner().invoke(check, ["--json"], catch_exceptions=False)
    assert json.loads(told.stdout)["data"]["findings"] == []  # the newest version holds these rows: nothing before it
    (root / "loans.csv").write_text(richer(9.0))
    told = CliRunner().invoke(check, ["--json"], catch_exceptions=False)
    (found,) = json.loads(told.stdout)["data"]["findings"]
    assert (found["check"], found["column"], found["severity"]) == ("drift", "income", "warn")
    assert "income has moved since loans@1" in found["message"]
    run = turn(root).run()
    assert run.ok
    opened = Workspace(root)
    assert opened.datasets.get("loans").number == 2
    (root / "noria.toml").write_text(FILE + DRIFT.replace('"warn"', '"error"'))
    failed = turn(root).run()
    assert isinstance(failed.error, NoriaError)
    assert "income has moved" in failed.error.render()
    opened.close()


def richer(by: float) -> str:
    """The rows, with so much more income."""
    head, *lines = rows().splitlines()
    cells = (line.split(",") for line in lines)
    return "\n".join([head, *(",".join([c[0], f"{float(c[1]) + by:.2f}", *c[2:]]) for c in cells), ""])


def test_drift_against_what_the_model_in_production_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILE + DRIFT.replace("@previous", "@prod")
    root = start(tmp_path / "moving", text)
    monkeypatch.chdir(root)
    told = CliRunner().invoke(check, [], catch_exceptions=False)
    assert "drift: there is no @prod yet to compare with" in told.stdout
    assert not (root / ".noria" / "noria.db").exists()  # a check makes no store
    notes: list[str] = []

    def run() -> tuple[str, ...]:
        notes.clear()
        done = turn(root).run(on_event=lambda event: notes.append(event.text) if event.kind == "note" else None)
        assert done.ok, done.error
        return done.ran

    run()
    assert "drift: no version of loans is in production yet to compare with" in notes
    (root / "loans.csv").write_text(richer(9.0))
    run()  # a version that nobody promotes
    (root / "loans.csv").write_text(richer(9.5))
    run()
    assert not any("has moved" in note for note in notes)
    opened = Workspace(root)
    promote(opened.registry, "loans", 1, actor="ann", reason="it is good", at=datetime.now(UTC))
    assert call("show", "@prod").stderr.startswith("loans@1  ")
    assert call("show", "@champion").stderr.startswith("loans@1  ")
    assert "check" in run()  # what it is measured against has moved, so it is measured anew
    assert "drift: measured against loans@1, which loans@1 learned from" in notes
    assert any("income has moved since loans@1" in note for note in notes)
    assert turn(root).run().nothing_to_do
    told = CliRunner().invoke(check, ["--json"], catch_exceptions=False)
    (found,) = json.loads(told.stdout)["data"]["findings"]
    assert "income has moved since loans@1" in found["message"]
    # A tag of the data is what its owner means by the word.
    opened.datasets.tag("loans@2", "prod")
    assert call("show", "@prod").stderr.startswith("loans@2  ")
    assert "check" in run()
    assert not any("has moved" in note for note in notes)
    opened.close()
    (root / "noria.toml").write_text(text.replace("@prod", "@gold"))
    failed = turn(root).run()
    assert isinstance(failed.error, NoriaError)
    assert "no version or tag 'gold'" in failed.error.render()


def test_columns_that_belong_together_are_looked_up_in_a_run(graded: Path) -> None:
    both = '{ columns = ["grade", "bad"], to = ["grades.grade", "grades.label"], severity = "quarantine" }'
    text = FILE + LOOKED_UP.replace('{ grade = { to = "grades.grade", severity = "quarantine" } }', f"{{ g = {both} }}")
    (graded / "noria.toml").write_text(text)
    (graded / "grades.csv").write_text("grade,label\nA,no\nB,yes\nA,yes\nB,no\nC,no\n")
    assert load(graded).warnings == ()
    told = CliRunner().invoke(check, [], catch_exceptions=False)
    assert "grade and bad must be found in grades (grade, label), as grade = C, bad = yes" in told.stdout
    first = turn(graded).run()
    assert first.ok, first.error
    aside = rows().splitlines()
    count = sum(",C," in line and line.endswith("yes") for line in aside)
    assert json.loads(call("quarantine", "loans@1", "--json").stdout)["rows"] == count
    (graded / "grades.csv").write_text("grade,lable\nA,no\n")
    with pytest.raises(WrongSetting, match=r"names 'grades.label'") as wrong:
        CliRunner().invoke(check, [], catch_exceptions=False)
    assert "did you mean 'lable'" in wrong.value.mend


def test_rows_on_both_sides_are_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, *lines = rows().splitlines()
    text = FILE.replace('key = ["id"]\n', "").replace('"income" }', '"income" }\ndrop_duplicates = false')
    doubled = [head + ",b,c", *(f"{line},{n * 7 % 101},{n * 13 % 97}" for n, line in enumerate(lines))]
    root = start(tmp_path / "doubled", text, "\n".join([*doubled, *doubled[1:], ""]))
    monkeypatch.chdir(root)
    told = CliRunner().invoke(check, [], catch_exceptions=False)
    assert "test rows equal a training row in every feature" in told.stdout
    assert "drop_duplicates = true" in told.stdout


def test_suggested_checks_are_added_and_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = start(tmp_path / "plain")
    monkeypatch.chdir(root)
    assert turn(root).run().ok
    printed = CliRunner().invoke(check, ["--suggest"], catch_exceptions=False).stdout
    assert 'unique = ["id"]' in printed
    assert 'grade = { type = "category", values = ["A", "B", "C"] }' in printed
    assert CliRunner().invoke(check, ["--suggest", "--write"], catch_exceptions=False).exit_code == 0
    text = (root / "noria.toml").read_text()
    assert all(line in text for line in FILE.splitlines())
    assert load(root).checked.data.columns["email"].pii
    assert CliRunner().invoke(check, [], catch_exceptions=False).exit_code == 0
    assert "says already" in CliRunner().invoke(check, ["--suggest"], catch_exceptions=False).stderr
    assert CliRunner().invoke(check, ["--write"]).exit_code != 0
