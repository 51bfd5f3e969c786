"""A project whose rows come from a query over tables, or from a function."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loans import FILE, rows, start, turn

from noria.errors import CheckFailed, WrongSetting
from noria.project.file import load
from noria.project.inspection import inspect
from noria.project.origin import origin_of
from noria.steps.turn import Turn
from noria.workspace import Workspace

QUERY = "SELECT l.*, b.score FROM loans l JOIN bureau b ON l.grade = b.grade ORDER BY l.id"
TABLES = f"""query = "{QUERY}"
target = "bad"
positive = "yes"
key = ["id"]
[tables.loans]
source = "loans.csv"
[tables.bureau]
source = "bureau.csv"
key = ["grade"]
checks = {{ rules = ["score > 0"] }}
"""
JOINED = FILE.replace('source = "loans.csv"\ntarget = "bad"\npositive = "yes"\nkey = ["id"]\n', TABLES)
BUREAU = "grade,score\nA,700\nB,650\nC,600\n"


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    """A project with two tables."""
    root = start(tmp_path / "joined", JOINED)
    (root / "bureau.csv").write_text(BUREAU)
    return root


def read(root: Path) -> list[str]:
    project, notes = load(root), []  # type: ignore[var-annotated]
    table = origin_of(project).read(root=root, rename=project.checked.clean.rename, note=notes.append)
    assert {"id", "income", "grade", "score", "bad"} <= set(table.column_names)
    assert table.num_rows == 240
    return notes


def test_a_query_is_one_source_among_others(joined: Path) -> None:
    first = turn(joined).run()
    assert first.ok, first.error
    opened = Workspace(joined)
    version = opened.datasets.get("loans")
    assert version.source == "a query over loans, bureau"
    assert "score" in opened.datasets.read(version).column_names
    assert turn(joined).run().nothing_to_do
    (joined / "bureau.csv").write_text(BUREAU.replace("600", "610"))
    again = turn(joined).run()
    assert again.ran[0] == "ingest"
    assert opened.datasets.get("loans").number == version.number + 1


def test_a_table_nobody_asks_for_changes_no_key(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(FILE + '[tables.other]\nsource = "x.csv"\n')
    project = load(tmp_path)
    assert "only [data] query reads tables" in project.warnings[0]
    before = {step.name: json.dumps(dict(step.params), sort_keys=True) for step in turn(finished).graph()}
    (tmp_path / "loans.csv").write_text(rows())
    after = Turn(project, Workspace(tmp_path).database, Workspace(tmp_path).blobs, store=tmp_path / ".noria").graph()
    assert {step.name: json.dumps(dict(step.params), sort_keys=True) for step in after} == before


def test_tables_are_checked_before_they_are_joined(joined: Path) -> None:
    read(joined)
    (joined / "bureau.csv").write_text(BUREAU + "A,650\n")
    found = inspect(load(joined), now=datetime.now(UTC))
    assert found.report.rows > 240
    assert any(note.startswith("table bureau: warn") and "grade" in note for note in found.notes)
    (joined / "bureau.csv").write_text(BUREAU.replace("600", "-1"))
    with pytest.raises(CheckFailed, match="table bureau"):
        inspect(load(joined), now=datetime.now(UTC))
    (joined / "noria.toml").write_text(JOINED.replace('["score > 0"]', '[{ rule = "skore > 0" }]'))
    with pytest.raises(WrongSetting) as wrong:
        read(joined)
    assert "[tables.bureau.checks]" in wrong.value.render()


def test_rows_of_a_table_can_be_set_aside(joined: Path) -> None:
    (joined / "noria.toml").write_text(
        JOINED.replace('["score > 0"]', '[{ rule = "score > 0", severity = "quarantine" }]')
    )
    (joined / "bureau.csv").write_text(BUREAU + "D,-1\n")
    assert any("table bureau: quarantine" in note for note in read(joined))


def test_what_cannot_tell_whether_it_changed_is_read_each_time(tmp_path: Path) -> None:
    root = start(tmp_path / "own", FILE.replace('"loans.csv"', '"python:rows.load"'))
    (root / "rows.py").write_text("import pandas as pd\ndef load():\n    return pd.read_csv('loans.csv')\n")
    assert turn(root).run().ok
    same = turn(root).run()
    assert same.ran == ("ingest",)
    (root / "loans.csv").write_text(rows(250))
    changed = turn(root).run()
    assert changed.ran[:2] == ("ingest", "check")
    assert turn(root).run().ran == ("ingest",)
