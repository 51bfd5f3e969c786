"""The face of the command line: light to open, and every failure told with its mend and its status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from noria import errors
from noria.cli import main as face
from noria.cli.main import COMMANDS, main, noria

HEAVY = ("sqlalchemy", "pydantic", "numpy", "pandas", "pyarrow", "rich", "alembic")


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    out, err = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def breaking(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `noria plan` raise something."""

    def fail() -> None:
        raise error

    monkeypatch.setattr("noria.cli.plan.workspace", fail)


def test_help_loads_no_command_and_no_library() -> None:
    script = (
        "import sys\nfrom noria.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in sys.modules if name in {HEAVY!r} or name.startswith('noria.cli.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # `unheard` is no command: it stands before all of them, and imports nothing.
    assert done.stderr.strip() == "['noria.cli.unheard', 'noria.cli.main']"
    for name in ("init", "run", "models", "fsck"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", [name for group in COMMANDS.values() for name in group])
def test_every_command_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = say(capsys, name, "--help")
    assert status == 0
    assert out.startswith("Usage: noria " + name)
    assert "\\b" not in out


@pytest.mark.parametrize("arguments", [(), ("models",), ("data",)])
def test_a_group_alone_is_answered_by_its_help(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = say(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(" ".join(("Usage: noria", *arguments)))
    assert "error[" not in err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = say(capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"noria \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize(("typed", "meant"), [("modles", "models"), ("rnu", "run"), ("monitro", "monitor")])
def test_a_slip_is_answered_with_what_was_meant(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = say(capsys, typed)
    assert (status, out) == (2, "")
    assert f"did you mean {meant!r}" in err


def test_a_wrong_option_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = say(capsys, "runs", "list", "--limitt", "3")
    assert status == 2
    assert "--limit" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.WorkFailed, 1),
        (errors.WrongSetting, 2),
        (errors.RunNotFound, 3),
        (errors.Conflict, 4),
        (errors.NotAllowed, 5),
    ],
)
def test_each_family_has_its_status(
    kind: type[errors.NoriaError], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking(monkeypatch, kind("something happened", why="because", mend="noria run", code="N-TEST-001"))
    assert say(capsys, "plan") == (
        status, "", "error[N-TEST-001]: something happened\n  because\n  mend: noria run\n",
    )  # fmt: skip


def test_an_error_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    breaking(monkeypatch, errors.NotFound("nothing there", mend="noria run", code="N-TEST-001"))
    status, out, err = say(capsys, "plan", "--json")
    assert (status, out) == (3, "")
    assert json.loads(err) == {"code": "N-TEST-001", "what": "nothing there", "why": "", "mend": "noria run"}


def test_a_bug_of_ours_leaves_a_report_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["noria", "plan"])
    breaking(monkeypatch, ZeroDivisionError("division by zero"))
    status, _, err = say(capsys, "plan")
    assert status == face._BUG == 70
    assert "Traceback" not in err
    report = next(tmp_path.iterdir())
    assert str(report) in err
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert text.startswith("noria plan")
    assert "ZeroDivisionError: division by zero" in text


def test_a_report_of_an_argument_that_is_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["noria", "plan", "\udcff"])
    breaking(monkeypatch, ZeroDivisionError("division by zero"))
    status, _, err = say(capsys, "plan")
    assert (status, "Traceback" in err) == (face._BUG, False)
    assert "\\udcff" in next(tmp_path.iterdir()).read_text()


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    breaking(monkeypatch, KeyboardInterrupt())
    assert say(capsys, "plan") == (130, "", "\ninterrupted\n")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "noria", "schema"], stdout=_closed_pipe(), stderr=subprocess.PIPE, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def _closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_completion_needs_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    found = noria.shell_complete(noria.make_context("noria", [], resilient_parsing=True), "m")
    assert [item.value for item in found] == ["monitor", "models"]


def test_without_a_project_it_says_how_to_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["run"], ["plan"], ["runs", "list"], ["models", "list"], ["fsck"], ["serve"]):
        status, out, err = say(capsys, *command)
        assert (status, out) == (3, ""), command
        assert "noria init" in err
    assert list(tmp_path.iterdir()) == []
