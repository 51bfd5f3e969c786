"""`noria users` and `noria tokens`: as people call them, and as scripts do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Protocol

import pytest

from noria.cli.main import main
from noria.errors import NotAllowed
from noria.security.invites import Invites
from noria.security.users import Users
from noria.workspace import Workspace

pytest.importorskip("argon2")

PASSWORD = "correct horse battery staple"
PROJECT = """
[project]
name = "lab"

[data]
source = "rows.csv"
target = "y"
"""


class Say(Protocol):
    """Calls `noria` and gives what it printed on standard output."""

    def __call__(self, *arguments: str, stdin: str = "", status: int = 0) -> str: ...


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "noria.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    def called(*arguments: str, stdin: str = "", status: int = 0) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        out, err = capsys.readouterr()
        assert left.value.code == status, err
        return out

    return called


def test_users_and_tokens_from_the_command_line(say: Say, project: Path) -> None:
    made = json.loads(say("users", "add", "ada", "--admin", "--json"))
    assert (made["joined"], made["grants"]) == (False, {"*": {"role": "admin", "reviewer": False}})
    again = json.loads(say("users", "invite", "ada", "--json"))
    assert again["invitation"] != made["invitation"]
    workspace = Workspace(project)
    users = Users(workspace.database)
    with pytest.raises(NotAllowed):
        Invites(workspace.database).take(made["invitation"], PASSWORD, address="", at=users.get("ada").created)
    say("users", "add", "bob", "--role", "editor", "--project", "lab", "--reviewer")
    say("users", "add", "ADA", status=4)
    say("users", "add", "eve", "--role", "owner", status=2)
    say("users", "add", "eve", "--admin", "--role", "viewer", status=2)
    say("users", "passwd", "bob", "--password-stdin", stdin="short\n", status=2)
    say("users", "passwd", "bob", "--password-stdin", stdin=PASSWORD + "\n")
    say("users", "disable", "ada", status=5)
    say("users", "role", "bob", "deployer", "--project", "lab")
    say("users", "disable", "nobody", status=3)
    listed = {user["name"]: user for user in json.loads(say("users", "list", "--json"))}
    assert listed["bob"]["grants"] == {"lab": {"role": "deployer", "reviewer": True}}
    assert listed["bob"]["joined"]
    token = json.loads(
        say("tokens", "create", "bob", "--label", "ci", "--role", "editor", "--expires", "12h", "--json")
    )
    assert token["token"].startswith(f"nor_{token['id']}_")
    for wrong in (("--role", "owner"), ("--action", "fly"), ("--expires", "soon"), ("--project", "a/b")):
        say("tokens", "create", "bob", "--label", "ci", *wrong, status=2)
    [kept] = json.loads(say("tokens", "list", "--json"))
    assert (kept["state"], kept["user"], kept["role"]) == ("good", "bob", "editor")
    assert token["token"] not in json.dumps(kept)
    assert json.loads(say("tokens", "revoke", kept["id"], "--json"))["state"] == "revoked"
    say("tokens", "revoke", "nothing", status=3)
    workspace.close()


def test_what_a_terminal_shows_holds_no_secret_twice(say: Say) -> None:
    assert say("users", "list") == ""
    code = say("users", "add", "ada", "--role", "viewer").strip()
    assert len(code) == 32, "the invitation alone stands on standard output"
    assert say("users", "add", "bob", "--password-stdin", stdin=PASSWORD + "\n") == ""
    token = say("tokens", "create", "ada", "--label", "nightly").strip()
    for listing in (say("users", "list"), say("tokens", "list")):
        assert "ada" in listing
        assert not any(secret in listing for secret in (code, token, PASSWORD))
    assert "invited" in say("users", "list")
