"""Remotes: a plain folder and a real S3 server, under one contract."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noria.errors import MissingExtra, NotAllowed, WrongSetting
from noria.store.endpoints import endpoint_of
from noria.store.remote import NotThere, Remote, RemoteUnavailable
from noria.store.remotes import fault_of, open_remote
from noria.testing.remotes import RemoteContract

if TYPE_CHECKING:
    from collections.abc import Callable


class TestFolder(RemoteContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Remote:
        return open_remote((tmp_path / "shared folder").as_uri())


class TestS3(RemoteContract):
    @pytest.fixture
    def remote(self, s3_bucket: str) -> Remote:
        return open_remote(f"{s3_bucket}/{uuid.uuid4().hex}/team")


class TestOther(RemoteContract):
    """A remote that the environment names, as az://container on Azurite; credentials stand there, too."""

    @pytest.fixture
    def remote(self) -> Remote:
        address = os.environ.get("NORIA_TEST_REMOTE")
        if address is None:
            pytest.skip("no remote is named: NORIA_TEST_REMOTE=az://container")
        return open_remote(f"{address}/{uuid.uuid4().hex}/team")


@pytest.mark.parametrize(
    ("scheme", "named", "found"),
    [
        ("s3", {"AWS_ENDPOINT_URL": "http://h:1"}, "http://h:1"),
        ("az", {"AZURE_STORAGE_ENDPOINT": "http://h:2/account"}, "http://h:2/account"),
        ("gs", {"STORAGE_EMULATOR_HOST": "h:3"}, "http://h:3"),
        ("gs", {"STORAGE_EMULATOR_HOST": "https://h:4"}, "https://h:4"),
        ("gs", {"AWS_ENDPOINT_URL": "http://h:1"}, None),
    ],
)
def test_a_server_of_ones_own(
    scheme: str, named: dict[str, str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert endpoint_of(scheme) == found


def test_a_server_of_ones_own_is_asked_without_tls_only_where_it_is_named_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no emulator of it answers here: that the request leaves, for the place that was named."""
    pytest.importorskip("obstore")
    monkeypatch.setattr("noria.store.cloud._RETRY", {"max_retries": 0})
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(RemoteUnavailable, match=r"127\.0\.0\.1:9/bucket"):
        open_remote("gs://bucket/prefix").put_new("a", b"x")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9/account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "bm9ib2R5")
    with pytest.raises(RemoteUnavailable, match=r"127\.0\.0\.1:9/account/bucket"):
        open_remote("az://bucket/prefix").put_new("a", b"x")


def test_another_key_is_refused(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-anybody")
    with pytest.raises(NotAllowed) as caught:
        open_remote(s3_bucket).get("parts/ab/x")
    assert "not-for-anybody" not in str(caught.value.to_dict())


def test_a_bucket_that_is_not_there(s3_bucket: str) -> None:
    with pytest.raises(NotThere):
        open_remote("s3://none-such/prefix").get("parts/ab/x")


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setattr("noria.store.cloud._RETRY", {"max_retries": 0})
    for name, value in (("ENDPOINT_URL", "http://127.0.0.1:9"), ("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(f"AWS_{name}", value)
    remote = open_remote("s3://bucket/prefix")
    asked: list[Callable[[], object]] = [
        lambda: remote.get("a"),
        lambda: remote.put_new("a", b""),
        lambda: remote.size("a"),
        lambda: list(remote.names("a")),
    ]
    for ask in asked:
        with pytest.raises(RemoteUnavailable, match="s3://bucket/prefix"):
            ask()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bucket",
        "http://x/y",
        "s3://",
        "s3://key:secret@bucket/x",
        "s3://bucket?secret=1",
        "file://host/x",
        "file:x",
    ],
)
def test_what_is_no_address(address: str) -> None:
    assert fault_of(address)
    with pytest.raises(WrongSetting) as caught:
        open_remote(address)
    assert "key:secret" not in str(caught.value.to_dict())


def test_an_address_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="TEAM_STORE"):
        open_remote("env:TEAM_STORE")
    monkeypatch.setenv("TEAM_STORE", tmp_path.as_uri())
    assert open_remote("env:TEAM_STORE").address == tmp_path.as_uri()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(MissingExtra, match="obstore"):
        open_remote("s3://bucket")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    remote = open_remote((tmp_path / "file").as_uri())
    with pytest.raises(RemoteUnavailable):
        remote.put_new("a/b", b"x")
    with pytest.raises(NotThere):
        remote.get("a/b")


@pytest.mark.parametrize("address", ["/srv/shared data", "~/shared", "./shared", "."])
def test_a_folder_that_is_written_as_a_path_is_written_as_an_address_in_the_mend(address: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        open_remote(address)
    told = caught.value.mend.removeprefix("a folder is written ")
    assert fault_of(told) == ""
    assert open_remote(told).address == Path(address).expanduser().absolute().as_uri()
