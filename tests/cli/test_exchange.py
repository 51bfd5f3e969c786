"""``noria import`` and ``noria export`` as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noria.cli.main import main

META = "experiment_id: '1'\nlifecycle_stage: active\nname: one\n"
RUN = "run_id: '00000000000000000000000000000001'\nstatus: 3\nstart_time: 5\nend_time: 6\nrun_name: r\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside an ``mlruns`` folder with one run."""
    (tmp_path / "noria.toml").write_text('[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\n')
    run = tmp_path / "mlruns" / "1" / f"{1:032d}"
    for path, text in (
        (run.parent / "meta.yaml", META),
        (run / "meta.yaml", RUN),
        (run / "metrics" / "auc", "1 0.5 0\n2 nan 1\n"),
        (run / "params" / "depth", "3"),
        (run / "artifacts" / "a.txt", "hello"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(*arguments: str) -> int:
    """Call the command line; gives its exit status."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_import_then_export(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("import", "mlflow", "mlruns", "--dry-run") == 0
    assert "would be new" in capsys.readouterr().out
    assert called("import", "mlflow", "mlruns") == 0
    assert "nothing was left out; counts were compared" in capsys.readouterr().out
    assert called("import", "mlflow", "mlruns", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["runs"] == {"found": 1, "new": 0, "known": 1}
    assert told["counts"]["points"] == {"found": 2, "new": 0, "known": 2}
    assert told["whole"] is True
    assert called("export", "mlflow", "back", "-e", "one") == 0
    assert (project / "back" / "1" / f"{1:032d}" / "artifacts" / "a.txt").read_text() == "hello"


def test_something_left_out_leaves_with_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "mlruns" / "1" / f"{1:032d}" / "artifacts" / "link").symlink_to("/etc/passwd")
    assert called("import", "mlflow", "mlruns") == 1
    assert "left out, 1 times: a symbolic link is not followed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("import", "mlflow", "nowhere"), 3, "N-EXCHANGE-032"),
        (("import", "mlflow", "noria.toml"), 2, "N-EXCHANGE-031"),
        (("import", "mlflow", "http://127.0.0.1:1"), 1, "N-EXCHANGE-064"),
        (("import", "mlflow", "sqlite:///nowhere.db"), 3, "N-EXCHANGE-044"),
        (("import", "mlflow", "gopher://x"), 2, "N-EXCHANGE-030"),
        (("import", "mlflow", "mlruns", "-e", "oen"), 3, "N-EXCHANGE-020"),
        (("export", "mlflow", "mlruns"), 4, "N-EXCHANGE-090"),
        (("export", "mlflow", "sqlite:///x.db"), 2, "N-EXCHANGE-092"),
        (("export", "mlflow", "http://127.0.0.1:1"), 1, "N-EXCHANGE-064"),
    ],
)
def test_what_is_wrong_is_told_with_its_mend(
    arguments: tuple[str, ...], status: int, code: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(*arguments) == status
    told = capsys.readouterr().err
    assert f"error[{code}]" in told
    assert "mend:" in told
