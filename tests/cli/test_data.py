"""``noria data`` over a real project folder."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.datasets.schema import infer
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
    assert re.search(r"\n0 +income +1.5 +–\n", call("diff", "1", "2").stdout), "the cell before and after"
    assert json.loads(call("diff", "loans@1", "loans", "--json").stdout)["cells"] == {"income": 1}
    assert call("diff", "1", "1").stdout == "the same rows\n"
    for same in ((), ("@previous",), ("1",), ("@1", "@2"), ("loans@previous", "loans")):
        assert call("diff", *same).output == call("diff", "1", "2").output, same


def test_what_comes_before_the_first_version_is_told(call: Callable[..., Result]) -> None:
    with pytest.raises(WrongArgument, match="a tag cannot be called previous"):
        call("tag", "2", "previous")
    assert call("show", "@previous").stdout == call("show", "1").stdout
    Workspace(Path()).datasets.commit("other", pa.table({"a": [1]}), source="b.csv")
    with pytest.raises(DatasetNotFound, match="no version before other@1"):
        call("show", "other@previous")


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


def test_the_profile_on_the_terminal_and_as_a_page(call: Callable[..., Result], tmp_path: Path) -> None:
    shown = call("profile")
    assert "tells of bad" in shown.stdout
    assert "▁" in shown.stdout or "█" in shown.stdout
    assert json.loads(call("profile", "--json").stdout)["profile"]["target"]["name"] == "bad"
    assert call("profile", "1", "--html", "out.html").exit_code == 0
    page = (tmp_path / "out.html").read_text()
    assert "loans@1" in page
    assert "<svg" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org/2000/svg)", page)
    assert json.loads(call("profile", "--target", "grade", "--json").stdout)["profile"]["target"]["name"] == "grade"
    with pytest.raises(WrongArgument, match="no column 'grad'"):
        call("profile", "--target", "grad")


def test_the_diff_as_a_page_shows_nothing_personal(call: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "noria.toml").write_text(PROJECT + "[data.columns]\nmail = { pii = true }\n")
    opened = Workspace(tmp_path)
    settings = opened.project.checked.data
    for number in range(2):
        rows = {"id": list(range(40)), "mail": [f"{number}x{n}@example.org" for n in range(40)],
                "income": [n * (1 + number) for n in range(40)], "bad": [True, False] * 20}  # fmt: skip
        table = pa.table(rows)
        opened.datasets.commit("loans", table, source="a.csv", schema=infer(table, settings))
    opened.close()
    assert call("diff", "3", "4", "--html", "out.html").exit_code == 0
    page = (tmp_path / "out.html").read_text()
    assert "loans@3 → loans@4" in page
    assert "example.org" not in page
    assert "(personal)" in page
    assert "income" in page
    assert "example.org" not in call("diff", "3", "4", "--json").stdout
    told = call("diff", "3", "4")
    assert "(personal)" in told.stdout
    assert "example.org" not in told.output
    assert "… and 35 more changed" in told.stderr
    assert "example.org" not in call("show", "4", "--json").stdout + call("profile", "4", "--json").stdout


def test_schemas_of_pandera(call: Callable[..., Result], tmp_path: Path) -> None:
    made = call("schema", "--pandera", "yaml").stdout
    (tmp_path / "theirs.yaml").write_text(made + "ordered: true\n")
    taken = call("schema", "--from-pandera", "theirs.yaml").stdout
    assert tomllib.loads(taken)["data"]["columns"]["grade"] == {"type": "text", "values": ["A", "B"]}
    assert "pa.DataFrameSchema(" in call("schema", "--pandera", "python").stdout
    assert call("schema", "--from-pandera", "theirs.yaml", "--write").exit_code == 0
    text = (tmp_path / "noria.toml").read_text()
    assert text.startswith(PROJECT)
    assert tomllib.loads(text)["data"]["columns"]["grade"]["values"] == ["A", "B"]
    assert "describes it already" in call("schema", "--from-pandera", "theirs.yaml", "--write").stderr
    assert call("schema", "--write").exit_code == 2
