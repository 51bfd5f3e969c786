"""What git says about a project's folder, and what is said without git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from noria.runs.code import GitState, git_state

UNKNOWN = GitState(None, clean=False, branch=None)


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "noria.toml").write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_clean_folder(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert git_state(repository / "project") == GitState(commit, clean=True, branch="main")


def test_an_edit_and_a_new_file_make_it_unclean(repository: Path) -> None:
    project = repository / "project"
    (project / "new.py").write_text("x")
    assert not git_state(project).clean
    (project / "new.py").unlink()
    (project / "noria.toml").write_text("y")
    assert not git_state(project).clean


def test_what_lies_beside_the_project_does_not_count(repository: Path) -> None:
    (repository / "other.txt").write_text("x")
    assert git_state(repository / "project").clean


def test_ignored_files_do_not_count(repository: Path) -> None:
    (repository / ".git" / "info" / "exclude").write_text("*.log\n")
    (repository / "project" / "a.log").write_text("x")
    assert git_state(repository / "project").clean


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert git_state(tmp_path) == GitState(None, clean=False, branch="main")


def test_without_a_branch(repository: Path) -> None:
    git(repository, "checkout", "--detach")
    assert git_state(repository).branch is None
    assert git_state(repository).commit is not None


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == UNKNOWN


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path) == UNKNOWN


def test_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert git_state(tmp_path / "gone") == UNKNOWN


def test_the_lock_of_the_run_before_is_no_change_of_the_code(repository: Path) -> None:
    (repository / "project" / "noria.lock").write_text("[run]\n")
    assert git_state(repository / "project").clean
