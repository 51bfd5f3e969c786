"""``noria data push`` and ``pull`` between two projects, and what fsck says of versions kept by their changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from noria.cli.data import data
from noria.cli.fsck import fsck
from noria.errors import Conflict, CorruptedBlob, DatasetNotFound, WrongArgument, WrongSetting
from noria.workspace import Workspace

Call = Callable[..., Result]


def table(rows: int = 60_000, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    return pa.table({"id": np.arange(rows), "x": draw.normal(size=rows), "y": draw.normal(size=rows)})


def project(root: Path, remote: Path | None) -> Path:
    root.mkdir()
    store = f'[store]\nremote = "{remote.as_uri()}"\n' if remote is not None else ""
    data = '[data]\nsource = "a.csv"\ntarget = "y"\nkey = ["id"]\n'
    (root / "noria.toml").write_text(f'[project]\nname = "loans"\n{store}{data}')
    return root


def commit(root: Path, *tables: pa.Table, name: str = "loans") -> None:
    opened = Workspace(root)
    for one in tables:
        opened.datasets.commit(name, one, source="a.csv", key=["id"])
    opened.close()


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    root = project(tmp_path / "mine", tmp_path / "remote")
    commit(root, table(), pa.concat_tables([table(), table(60_050).slice(60_000)]))
    return root


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    def invoke(root: Path, *arguments: str) -> Result:
        monkeypatch.chdir(root)
        command = fsck if arguments[0] == "fsck" else data
        rest = arguments[1:] if arguments[0] == "fsck" else arguments
        return CliRunner().invoke(command, rest, catch_exceptions=False)

    return invoke


def test_a_colleague_with_an_empty_clone(mine: Path, tmp_path: Path, call: Call) -> None:
    assert call(mine, "push").stdout.startswith("pushed loans@2: 3 files, ")
    assert call(mine, "push").stdout == "loans@2 is there already\n"
    theirs = project(tmp_path / "theirs", tmp_path / "remote")
    assert json.loads(call(theirs, "pull", "--json").stdout)[0]["new"] is True
    assert call(theirs, "pull", "loans@2").stdout == "loans@2 is there already\n"
    assert "loans@2" in call(theirs, "log").stdout
    opened = Workspace(theirs)
    assert opened.datasets.read(opened.datasets.get("loans")).num_rows == 60_050
    opened.close()
    assert "objects read, 0 damaged" in call(theirs, "fsck").stdout


def test_the_same_number_of_two(mine: Path, tmp_path: Path, call: Call) -> None:
    theirs = project(tmp_path / "theirs", tmp_path / "remote")
    commit(theirs, table(seed=5))
    call(mine, "push", "loans@1", "loans@2")
    with pytest.raises(Conflict):
        call(theirs, "push")
    with pytest.raises(Conflict):
        call(theirs, "pull", "loans@1")
    assert call(theirs, "push", "loans@1", "--as", "loans-theirs").stdout.startswith("pushed loans-theirs@1")
    assert "pulled others@1" in call(theirs, "pull", "loans@1", "--as", "others").stdout
    assert set(json.loads(call(mine, "pull", "--json").stdout)[1]) == {"ref", "new", "files", "bytes"}


def test_what_cannot_be_shared(mine: Path, tmp_path: Path, call: Call) -> None:
    alone = project(tmp_path / "alone", None)
    with pytest.raises(WrongSetting, match="no remote is set"):
        call(alone, "push")
    empty = (tmp_path / "empty").as_uri()
    assert "the remote is empty" in call(alone, "pull", "--remote", empty).stderr
    assert "no dataset has been recorded" in call(alone, "push", "--remote", empty).stderr
    with pytest.raises(DatasetNotFound):
        call(mine, "pull", "others")
    with pytest.raises(DatasetNotFound):
        call(mine, "push", "loans@7")
    for arguments in (["pull", "loans@latest"], ["push", "--as", "x"], ["pull", "a", "b", "--as", "x"]):
        with pytest.raises(WrongArgument):
            call(mine, *arguments)
    with pytest.raises(WrongSetting) as caught:
        call(mine, "push", "--remote", "s3://key:secret@bucket")
    assert "secret" not in str(caught.value.to_dict())


def test_fsck_knows_what_a_version_is_kept_against(mine: Path, tmp_path: Path, call: Call) -> None:
    opened = Workspace(mine)
    delta, base = opened.blobs.files(opened.datasets.get("loans").digest)
    opened.close()
    assert json.loads(call(mine, "fsck", "--json").stdout)["damaged"] == []
    call(mine, "push")
    base.chmod(0o644)
    base.write_bytes(base.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptedBlob):
        call(mine, "fsck", "--clear")
    assert base.exists()
    assert delta.exists()
    # The remote has it whole.
    call(mine, "pull", "loans@2")
    assert json.loads(call(mine, "fsck", "--json").stdout)["damaged"] == []
    delta.unlink()
    with pytest.raises(CorruptedBlob):
        call(mine, "fsck")
    call(mine, "pull")
    assert json.loads(call(mine, "fsck", "--json").stdout)["versions_touched"] == []
