"""``noria data`` over a real project folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.datasets.settings import DataSettings
from noria.errors import DatasetNotFound, VersionExists, WrongArgument
from noria.sources.source import read
from noria.workspace import Workspace

PROJECT = '[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\nkey = ["id"]\n'


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call a command in a project with two versions."""
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    opened = Workspace(tmp_path)
    for income in (1.5, None):
        rows = {"id": list(range(40)), "income": [income, *(number / 2 for number in range(39))],
                "grade": ["A", "B"] * 20, "bad": [True, False] * 20}  # fmt: skip
        opened.datasets.commit("loans", pa.table(rows), source="a.csv")
    opened.close()
    return lambda *args: CliRunner().invoke(data, args, catch_exceptions=False)


def test_list_log_and_show(call: Callable[..., Result]) -> None:
    assert "loans           2    40        4" in call("list").stdout
    assert [entry["number"] for entry in json.loads(call("log", "--json").stdout)] == [2, 1]
    assert call("log").stdout.splitlines()[1].startswith("loans@2")
    shown = call("show", "loans@2")
    assert "income  float        2.5%        39" in shown.stdout
    assert "A 20, B 20" in shown.stdout
    assert "id is left out" not in shown.stderr  # it is the key, everybody knows
    assert json.loads(call("show", "1", "--json").stdout)["profile"]["columns"][1]["missing"] == 0


def test_diff(call: Callable[..., Result]) -> None:
    assert "0 rows added, 0 removed, 1 changed, 39 the same" in call("diff", "1", "2").stdout
    assert json.loads(call("diff", "loans@1", "loans", "--json").stdout)["cells"] == {"income": 1}
    assert call("diff", "1", "1").stdout == "the same rows\n"


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_export_is_read_back(call: Callable[..., Result], tmp_path: Path, ending: str) -> None:
    call("export", "loans@2", "-o", f"out.{ending}")
    table = read(f"out.{ending}", root=tmp_path)
    assert table.num_rows == 40
    assert table["income"].null_count == 1
    with pytest.raises(VersionExists, match="exists already"):
        call("export", "-o", f"out.{ending}")
    assert call("export", "--force", "-o", f"out.{ending}").exit_code == 0
    with pytest.raises(WrongArgument, match=r"\.docx"):
        call("export", "-o", "out.docx")


def test_the_schema_can_be_pasted(call: Callable[..., Result]) -> None:
    for more in ((), ("--bounds",)):
        made = tomllib.loads(call("schema", *more).stdout)["data"]
        columns = DataSettings.model_validate({"source": "a.csv", **made}).columns
        assert columns["grade"].values == ("A", "B")
        assert columns["bad"].nullable is False
        assert (columns["income"].max is not None) == bool(more)


def test_what_is_not_there(call: Callable[..., Result]) -> None:
    with pytest.raises(DatasetNotFound, match="no version 9"):
        call("show", "9")
