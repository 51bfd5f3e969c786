"""Secrets are named, never written: looked up where they are, and never shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from noria.errors import NoriaError, NotAllowed, WrongSetting
from noria.sources.credential import hidden, is_reference, looked_up

SECRET = "hunter2-7Q2x"


def test_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    assert looked_up("env:DB_PASSWORD", root=tmp_path, whose="x") == SECRET
    monkeypatch.setenv("DB_PASSWORD", "")
    with pytest.raises(WrongSetting, match="not set"):
        looked_up("env:DB_PASSWORD", root=tmp_path, whose="x")


def test_of_a_file_that_others_may_not_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    assert looked_up("file:secret", root=tmp_path, whose="x") == SECRET
    assert looked_up(f"file:{path}", root=Path("/"), whose="x") == SECRET
    for mode in (0o640, 0o604, 0o644):
        path.chmod(mode)
        with pytest.raises(NotAllowed, match="others may read") as caught:
            looked_up("file:secret", root=tmp_path, whose="x")
        assert caught.value.mend == "chmod 600 secret"
        assert SECRET not in caught.value.render()
    path.chmod(0o600)
    for content in (b"", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(WrongSetting):
            looked_up("file:secret", root=tmp_path, whose="x")
    with pytest.raises(WrongSetting, match="cannot be read"):
        looked_up("file:none", root=tmp_path, whose="x")


# A keyring of its own: the one of whoever runs the tests is left alone.
_BACKEND = """
import sys
from pathlib import Path
from keyring.backend import KeyringBackend
class Mine(KeyringBackend):
    priority = 1
    def get_password(self, service, user): return {("loans", "me"): "hunter2-7Q2x"}.get((service, user))
    def set_password(self, service, user, password): pass
    def delete_password(self, service, user): pass
import keyring
keyring.set_keyring(Mine())
from noria.sources.credential import looked_up
from noria.errors import NoriaError
print(looked_up("keyring:loans/me", root=Path("."), whose="x"))
try:
    looked_up("keyring:loans/you", root=Path("."), whose="x")
except NoriaError as error:
    print(error.mend)
"""


def test_of_the_keyring() -> None:
    pytest.importorskip("keyring")
    done = subprocess.run([sys.executable, "-c", _BACKEND], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [SECRET, "keyring set loans you"]


def test_a_keyring_that_is_not_there() -> None:
    code = (
        "import sys; sys.modules['keyring'] = None\nfrom pathlib import Path\n"
        "from noria.sources.credential import looked_up\nlooked_up('keyring:a/b', root=Path('.'), whose='x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "noria[keyring]"' in done.stderr
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    pytest.importorskip("keyring")
    done = subprocess.run(
        [sys.executable, "-c", code.partition("\n")[2]], capture_output=True, text=True, env=environment
    )
    assert "N-SOURCE-073" in done.stderr or "use env:NAME or file:PATH" in done.stderr


@pytest.mark.parametrize("text", ["env:A", "file:/run/secret", "keyring:service/user"])
def test_what_names_a_secret(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize("text", ["hunter2", "env:", "env:1A", "keyring:service", ""])
def test_what_is_one(text: str) -> None:
    assert not is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{SECRET}@host/db",
        f"https://host/a.csv?token={SECRET}&x=1",
        f"mysql://me@host/db?Password={SECRET}",
        f"two postgresql://a:{SECRET}@h and mqtts://b:{SECRET}@h",
    ],
)
def test_what_is_shown_of_an_address(text: str) -> None:
    assert SECRET not in hidden(text)
    assert "***" in hidden(text)


def test_no_secret_in_a_run_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the terminal, not in a log of a step, not in the records."""
    from pulling import noria

    (tmp_path / "noria.toml").write_text(
        '[project]\nname = "p"\n[data]\nsource = "sql:env:LOANS_DB?table=loans"\ntarget = "y"\n'
    )
    done = noria(
        tmp_path, "run", environment={"LOANS_DB": f"postgresql://nobody:{SECRET}@127.0.0.1:1/none?password={SECRET}"}
    )
    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []
    assert NoriaError
