"""``noria monitor`` and ``noria alerts`` as a user calls them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from streams import START, answers, reference

from noria.cli.main import main
from noria.monitoring.settings import MonitorSettings
from noria.monitoring.watch import look
from noria.workspace import Workspace

TOML = """
[project]
name = "credit"
[data]
source = "credit.csv"
target = "status"
positive = "bad"
[monitor]
window = "400 rows"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project whose monitor has found drift in the second of two windows."""
    (tmp_path / "noria.toml").write_text(TOML)
    (tmp_path / "credit.csv").write_text("id,status\n1,good\n2,bad\n")
    monkeypatch.chdir(tmp_path)
    opened = Workspace(tmp_path)
    rng = np.random.default_rng(8)
    known = reference(rng)
    for number, shift in enumerate((0.0, 1.0)):
        start = START + timedelta(hours=number)
        log = answers(rng, 400, start=start, shift=shift, labelled=1, prefix=f"{number}-")
        look(
            opened.database,
            model="credit",
            serving=1,
            read=lambda since, until, log=log: log,
            reference=lambda version: known,
            settings=MonitorSettings(window="400 rows"),
            now=START + timedelta(days=1),
        )
    return opened


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_the_terminal_shows_windows_alerts_and_what_moved(
    project: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("monitor") == 0
    shown = capsys.readouterr().out
    assert "drifted: age" in shown
    assert "uncalibrated" in shown
    assert "roc_auc" in shown
    assert "open alerts" in shown
    assert "100%" in shown


def test_json_has_the_same(project: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("monitor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [window["state"] for window in found["windows"]] == ["clean", "drifted"]
    assert [alert["kind"] for alert in found["alerts"]] == ["drift"]
    assert found["champion"] is None


def test_alerts_are_listed_and_muted(project: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("alerts", "list", "--open", "--json") == 0
    (alert,) = json.loads(capsys.readouterr().out)
    assert call("alerts", "mute", str(alert["id"]), "--for", "2d", "--reason", "a campaign") == 0
    assert "a campaign" in capsys.readouterr().out
    assert call("alerts", "list") == 0
    assert "muted until" in capsys.readouterr().out


def test_wrong_use_is_told(project: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("alerts", "mute", "99", "--reason", "x") == 3
    assert call("alerts", "mute", "9" * 30, "--reason", "x") == 3
    assert call("alerts", "mute", "1", "--for", "soon", "--reason", "x") == 2
    assert call("alerts", "mute", "1", "--reason", " ") == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_project_without_answers_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noria.toml").write_text(TOML)
    (tmp_path / "credit.csv").write_text("id,status\n1,good\n2,bad\n")
    monkeypatch.chdir(tmp_path)
    assert call("monitor") == 0
    assert "--now" in capsys.readouterr().err
    assert call("alerts", "list") == 0
