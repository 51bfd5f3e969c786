"""Who hears of the registry, on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from noria.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "credit"\n[data]\nsource = "data.csv"\ntarget = "status"\n'


def test_webhooks_are_added_listed_tried_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(("webhooks", *arguments))
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out, told.err

    url = "http://127.0.0.1:9/hook"
    status, out, _ = run("add", "ci", url, "--event", "promotion.*", "--secret", "env:KEY", "--json")
    added = json.loads(out)
    assert (status, added["url"], added["events"], added["secret"]) == (0, url, ["promotion.*"], "env:KEY")
    assert "not signed" in run("add", "chat", url)[2]
    assert [hook["name"] for hook in json.loads(run("list", "--json")[1])] == ["chat", "ci"]
    assert "promotion.*" in run("list")[1]
    assert run("add", "ci", url)[0] == 4
    status, _, err = run("add", "bad", url, "--event", "promotion.reqested")
    assert (status, "promotion.requested" in err) == (2, True)
    assert run("test", "chat")[0] == 5
    assert json.loads(run("deliveries", "ci", "--json")[1]) == []
    assert run("remove", "ci")[0] == 0
    assert run("remove", "ci")[0] == 3
