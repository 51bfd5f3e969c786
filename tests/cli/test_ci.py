"""The workflow `noria ci init` writes is valid by the host's own schema, and pinned."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from noria.cli.main import main
from noria.errors import WrongArgument
from noria.project.example import example
from noria.project.workflow import workflow

SCHEMAS = {"github": ["vendor.github-workflows"], "gitlab": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository."""
    root = tmp_path / "ml" / "credit"
    root.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    text = (example("credit").folder / "noria.toml").read_text()
    (root / "noria.toml").write_text(text + '\n[[triggers]]\ncron = "0 3 * * 1"\n')
    (root / "requirements.txt").write_text("noria\n")
    monkeypatch.chdir(root)
    return tmp_path


def status_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize("host", ["github", "gitlab"])
@pytest.mark.parametrize(("folder", "schedules"), [(".", []), ("ml/credit", ["0 3 * * 1"])])
def test_the_host_would_accept_it(host: str, folder: str, schedules: list[str], tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(workflow(host, folder=folder, schedules=schedules))  # type: ignore[arg-type]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[host], str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    uses = [line for line in workflow("github").splitlines() if "uses:" in line]
    assert len(uses) == 4
    for line in uses:
        assert re.search(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_it_may_read_and_nothing_else() -> None:
    text = workflow("github")
    assert "persist-credentials: false" in text
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    assert "secrets." not in text
    # What a stranger may name (a branch) reaches the shell as a variable only.
    assert not re.search(r"run:.*\$\{\{", text)


def test_it_is_written_to_the_top_of_the_repository(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("ci", "init", "github") == 0
    path = project / ".github" / "workflows" / "noria.yml"
    text = path.read_text()
    assert 'cron: "0 3 * * 1"' in text
    assert 'working-directory: "ml/credit"' in text
    assert str(path) in capsys.readouterr().out
    assert status_of("ci", "init", "github") == 0
    assert "as it should be" in capsys.readouterr().out


def test_a_changed_workflow_is_not_written_over(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("ci", "init", "gitlab") == 0
    path = project / ".gitlab-ci.yml"
    path.write_text(path.read_text() + "\n# mine\n")
    assert status_of("ci", "init", "gitlab") == 4
    assert "N-CLI-021" in capsys.readouterr().err
    assert path.read_text().endswith("# mine\n")
    assert status_of("ci", "init", "gitlab", "--force") == 0
    assert not path.read_text().endswith("# mine\n")


def test_the_mend_can_be_typed_in_a_folder_with_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "über uns"
    folder.mkdir()
    (folder / "noria.toml").write_text('[project]\nname = "x"\n[data]\nsource = "x.csv"\ntarget = "y"\n')
    monkeypatch.chdir(folder)
    (folder / ".gitlab-ci.yml").write_text("mine")
    assert status_of("ci", "init", "gitlab") == 4
    assert f"diff '{folder / '.gitlab-ci.yml'}' -" in capsys.readouterr().err


def test_a_push_to_what_git_init_calls_the_first_branch_starts_it() -> None:
    assert "branches: [main, master]" in workflow("github")


def test_a_wheel_that_is_asked_for_and_not_there_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "ml" / "credit" / "requirements.txt").write_text("./wheels/noria-0.1.0-py3-none-any.whl\n")
    assert status_of("ci", "init", "github") == 0
    assert "it installs ./wheels/noria-0.1.0-py3-none-any.whl, which is not there yet" in capsys.readouterr().err
    (project / "ml" / "credit" / "wheels").mkdir()
    (project / "ml" / "credit" / "wheels" / "noria-0.1.0-py3-none-any.whl").touch()
    assert status_of("ci", "init", "github") == 0
    assert "not there yet" not in capsys.readouterr().err


def test_printing_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("ci", "init", "github", "--stdout") == 0
    assert capsys.readouterr().out.startswith("# Written by `noria ci init github`")
    assert not (project / ".github").exists()


def test_a_folder_that_a_shell_would_read_differently() -> None:
    with pytest.raises(WrongArgument, match="cannot be written"):
        workflow("gitlab", folder="a$(b)")
