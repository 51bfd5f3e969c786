"""What was kept long enough goes, with its labels; the rest stays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from noria.cli.data import data
from noria.errors import WrongSetting
from noria.governance.retention import expire
from noria.governance.settings import RetentionSettings
from noria.predictions.entry import Entry
from noria.predictions.labels import Labels
from noria.predictions.log import PredictionLog
from noria.project.file import load
from noria.scoring.answers import Answers
from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Signature
from noria.store.database import Database

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SIGNATURE = Signature((SignatureColumn("age", "int"),), task="regression")


def answer(log: PredictionLog, labels: Labels, model: str, at: datetime, rows: int = 2) -> None:
    ids = [f"{model}-{at:%Y%m%d%H}-{number}" for number in range(rows)]
    checked = SIGNATURE.check([{"age": 30}] * rows)
    said = Answers([1.0] * rows, [1.0] * rows, (), None, checked.flags)
    assert log.append(Entry(model, 1, "live", at, 1.0, ids, said, checked, SIGNATURE))
    labels.add(model, [(each, 2.0) for each in ids], at, "test")


def test_old_days_go_and_their_labels(tmp_path: Path, database: Database) -> None:
    log, labels = PredictionLog(tmp_path / "predictions"), Labels(database)
    for days in (0, 1, 29, 30, 31, 400):
        answer(log, labels, "loans", NOW - timedelta(days=days))
    answer(log, labels, "others", NOW - timedelta(days=31))
    log.close()
    old, new = tmp_path / "logs" / "old", tmp_path / "logs" / "new"
    for run in (old, new):
        run.mkdir(parents=True)
        (run / "train.log").write_text("…")
    ago = (NOW - timedelta(days=8)).timestamp()
    os.utime(old / "train.log", (ago, ago))
    os.utime(old, (ago, ago))
    settings = RetentionSettings(predictions="30d", logs="7d")

    def go(*, dry: bool = False) -> dict[str, int]:
        return vars(expire(settings, log=log, database=database, store=tmp_path, now=NOW, dry=dry))

    expected = {"predictions": 6, "labels": 6, "days": 3, "logs": 1}
    assert go(dry=True) == expected
    assert (log.read("loans").num_rows, labels.rows("loans"), old.exists()) == (12, 12, True)
    assert go() == expected
    assert (log.read("loans").num_rows, labels.rows("loans"), old.exists(), new.exists()) == (8, 8, False, True)
    assert (log.read("others").num_rows, labels.rows("others")) == (0, 0)
    assert not list((tmp_path / "predictions").glob("*/2025-*"))
    assert go() == dict.fromkeys(expected, 0)


def test_what_is_being_written_stays(tmp_path: Path, database: Database) -> None:
    log = PredictionLog(tmp_path / "predictions")
    answer(log, Labels(database), "loans", NOW - timedelta(days=40))
    log.flush()
    settings = RetentionSettings(predictions="30d")
    assert expire(settings, log=log, database=database, store=tmp_path, now=NOW).predictions == 0
    log.close()
    assert log.read("loans").num_rows == 2
    assert expire(settings, log=log, database=database, store=tmp_path, now=NOW).predictions == 2


@given(st.lists(st.dates(date(2025, 11, 1), date(2026, 3, 10)), max_size=6, unique=True), st.integers(1, 100))
def test_nothing_younger_goes(days: list[date], kept: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for day in days:
            (root / "predictions" / "m" / day.isoformat()).mkdir(parents=True)
        database = Database(f"sqlite:///{root}/none.db")
        expire(
            RetentionSettings(predictions=f"{kept}d"), log=PredictionLog(root / "predictions"), database=database,
            store=root, now=NOW,
        )  # fmt: skip
        left = {path.name for path in (root / "predictions").glob("m/*")}
        assert left == {day.isoformat() for day in days if NOW.date() - day <= timedelta(days=kept)}
        database.close()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = '[project]\nname = "p"\n[data]\nsource = "a.csv"\ntarget = "y"\n'
    (tmp_path / "noria.toml").write_text(project)
    monkeypatch.chdir(tmp_path)
    call: Callable[..., object] = lambda *args: CliRunner().invoke(data, args, catch_exceptions=False)  # noqa: E731
    assert "kept for ever" in call("expire").stderr  # type: ignore[attr-defined]
    (tmp_path / "noria.toml").write_text(project + '[monitor]\nlabels_after = "5d"\n[retention]\npredictions = "30d"\n')
    old = tmp_path / ".noria" / "predictions" / "p" / "2020-01-01"
    old.mkdir(parents=True)
    assert json.loads(call("expire", "--json").stdout)["days"] == 1  # type: ignore[attr-defined]
    assert old.exists()
    call("expire", "--yes")
    assert not old.exists()


def test_answers_are_kept_until_their_labels_can_be_there(tmp_path: Path) -> None:
    project = '[project]\nname = "p"\n[data]\nsource = "a.csv"\ntarget = "y"\n[monitor]\nlabels_after = "30d"\n'
    (tmp_path / "noria.toml").write_text(project + '[retention]\npredictions = "10d"\n')
    with pytest.raises(WrongSetting, match="at least 32d"):
        load(tmp_path)
