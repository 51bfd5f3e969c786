"""A broker that asks for a password over TLS: who is let in, and what is told of who is not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pulling import missing, noria

from noria.errors import NoriaError, NotAllowed, WorkFailed, WrongArgument, WrongSetting
from noria.sources.collector import Collector
from noria.sources.reference import parse
from noria.sources.source import read

USER, SECRET = "sensor", "hunter2-Zq9!wG"


class Authority:
    """Signs certificates of its own, and keeps them in a folder."""

    def __init__(self, folder: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        folder.mkdir()
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / "ca.pem"
        self._own = self._signed("authority of noria's tests", self._key, days=30, is_authority=True)
        self._write(self.certificate, self._own)

    def issue(self, name: str, address: str = "127.0.0.1", *, days: int = 30) -> tuple[Path, Path]:
        """Give the files of a certificate and its key."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._write(certificate, self._signed(name, key, days=days, address=address))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def _signed(self, name: str, key: Any, *, days: int, address: str = "", is_authority: bool = False) -> Any:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import NameOID

        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(called)
            .issuer_name(called if is_authority else self._own.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if address:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
            )
        return made.sign(self._key, hashes.SHA256())

    @staticmethod
    def _write(path: Path, certificate: Any) -> None:
        from cryptography.hazmat.primitives import serialization

        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@dataclass(frozen=True)
class Broker:
    """A running broker: with TLS on one port, and without on another, of this machine."""

    secure: int
    open: int


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if find_spec("cryptography") is None:
        missing("cryptography")
    return Authority(tmp_path_factory.mktemp("certificates") / "ca")


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _serving(folder: Path, certificate: Path, key: Path) -> Iterator[Broker]:
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("mosquitto_passwd") is None:
        missing("mosquitto")
    if find_spec("paho") is None:
        missing("paho-mqtt")
    assert program is not None
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), USER, SECRET], check=True, capture_output=True)
    ports = Broker(_free(), _free())
    (folder / "broker.conf").write_text(
        f"user {os.environ.get('USER', 'root') if os.getuid() else 'root'}\n"
        f"allow_anonymous false\npassword_file {passwords}\n"
        f"listener {ports.secure} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
        f"listener {ports.open} 127.0.0.1\n"
    )
    with (folder / "log").open("wb") as log:
        broker = subprocess.Popen([program, "-c", str(folder / "broker.conf")], stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(broker, ports, folder / "log")
            yield ports
        finally:
            broker.kill()
            broker.wait()


def _wait(broker: subprocess.Popen[bytes], ports: Broker, log: Path) -> None:
    for _ in range(200):
        assert broker.poll() is None, log.read_text()
        try:
            for port in (ports.secure, ports.open):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with a sound certificate."""
    yield from _serving(tmp_path_factory.mktemp("guarded"), *authority.issue("broker"))


@pytest.fixture(scope="module")
def expired(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker whose certificate was good until yesterday."""
    yield from _serving(tmp_path_factory.mktemp("expired"), *authority.issue("expired", days=-1))


@pytest.fixture(scope="module")
def elsewhere(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with the certificate of another address."""
    yield from _serving(tmp_path_factory.mktemp("elsewhere"), *authority.issue("elsewhere", "127.0.0.9"))


def collected(source: str, root: Path) -> Collector:
    """Collect until nothing came for a moment."""
    collector = Collector(parse(source), store=root / ".noria", root=root, every_seconds=0.1)
    collector.run(threading.Event(), idle_seconds=1.5)
    return collector


def publish(port: int, topic: str, authority: Authority, *bodies: bytes) -> None:
    """Publish as a sensor does."""
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.tls_set(ca_certs=str(authority.certificate))
    client.username_pw_set(USER, SECRET)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for body in bodies:
        client.publish(topic, body, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("secret", ["env:BROKER_SECRET", "file:secret.txt"])
def test_messages_come_over_tls_with_a_password_by_reference(
    guarded: Broker, authority: Authority, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("BROKER_SECRET", SECRET)
    (tmp_path / "secret.txt").write_text(f"{SECRET}\n")
    (tmp_path / "secret.txt").chmod(0o600)
    (tmp_path / "certs").mkdir()
    shutil.copy(authority.certificate, tmp_path / "certs" / "ca.pem")
    source = f"mqtts://127.0.0.1:{guarded.secure}/{topic}/###user={USER}&password={secret}&ca=certs/ca.pem"
    assert collected(source, tmp_path).received == 0  # subscribed, and gone
    publish(guarded.secure, f"{topic}/a", authority, b'{"v": 1}', b'{"v": 2}')
    assert collected(source, tmp_path).received == 2
    assert read(source, root=tmp_path, store=tmp_path / ".noria")["v"].to_pylist() == [1, 2]
    kept = [path for path in (tmp_path / ".noria").rglob("*") if path.is_file()]
    assert kept
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)


def told(source: str, root: Path) -> NoriaError:
    with pytest.raises(NoriaError) as caught:
        collected(source, root)
    assert SECRET not in caught.value.render()
    assert "wrong-secret" not in caught.value.render()
    return caught.value


def test_who_is_not_let_in_is_told_why(
    guarded: Broker, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = f"ca={authority.certificate}"
    monkeypatch.setenv("BROKER_SECRET", SECRET)
    monkeypatch.setenv("WRONG", "wrong-secret")
    place = f"mqtts://127.0.0.1:{guarded.secure}/t"
    wrong = told(f"{place}##user={USER}&password=env:WRONG&{ca}", tmp_path)
    assert isinstance(wrong, WorkFailed)
    assert (wrong.code, wrong.mend) == ("N-SOURCE-093", "look at user=sensor and at what env:WRONG holds")
    nobody = told(f"{place}##{ca}", tmp_path)
    assert nobody.mend == "name user and password: #user=…&password=env:NAME"
    stranger = told(f"{place}##user={USER}&password=env:BROKER_SECRET", tmp_path)
    assert (stranger.code, stranger.mend) == ("N-SOURCE-097", "name the authority that signed it: #ca=certs/ca.pem")
    assert "self-signed" in stranger.why or "unable to get local issuer" in stranger.why
    plain = told(f"mqtts://127.0.0.1:{guarded.open}/t##user={USER}&password=env:BROKER_SECRET&{ca}", tmp_path)
    assert plain.code in ("N-SOURCE-098", "N-SOURCE-091")
    unset = told(f"{place}##user={USER}&password=env:NOT_SET&{ca}", tmp_path)
    assert isinstance(unset, WrongSetting)
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.txt").chmod(0o644)
    assert isinstance(told(f"{place}##user={USER}&password=file:secret.txt&{ca}", tmp_path), NotAllowed)
    for file in ("none.pem", "secret.txt"):
        absent = told(f"{place}##user={USER}&password=env:BROKER_SECRET&ca={file}", tmp_path)
        assert (type(absent), absent.code) == (WrongSetting, "N-SOURCE-099")


def test_a_certificate_that_has_expired_or_is_for_another_name(
    expired: Broker, elsewhere: Broker, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_SECRET", SECRET)
    hints = f"##user={USER}&password=env:BROKER_SECRET&ca={authority.certificate}"
    old = told(f"mqtts://127.0.0.1:{expired.secure}/t{hints}", tmp_path)
    assert (old.code, old.why) == ("N-SOURCE-097", "certificate has expired")
    assert "renewed" in old.mend
    other = told(f"mqtts://127.0.0.1:{elsewhere.secure}/t{hints}", tmp_path)
    assert other.code == "N-SOURCE-097"
    assert "127.0.0.1" in other.why


def test_a_secret_stays_out_of_the_file_and_off_the_open_net() -> None:
    for source in ("mqtts://broker/t", "mqtts://broker/t#/x", "mqtts://broker", f"mqtts://{USER}:{SECRET}@broker/t"):
        with pytest.raises(WrongArgument) as caught:
            parse(f"{source}##user={USER}&password={SECRET}")
        assert caught.value.what.endswith("holds a password")
        assert SECRET not in caught.value.render()
    for source in ("mqtts://broker/t", "mqtts://broker/t/#", "mqtts://broker/+/t"):
        for mark in ("#", "##"):
            if not (source.endswith("#") and mark == "##"):
                found = parse(f"{source}{mark}user={USER}")
                assert (found.location, found.hints) == (source, {"user": USER})
    with pytest.raises(WrongArgument, match="not encrypted on its way"):
        parse(f"mqtt://broker.example/t##user={USER}&password=env:BROKER_SECRET")
    with pytest.raises(WrongArgument, match="names a certificate, and is not encrypted"):
        parse("mqtt://broker.example/t##ca=ca.pem")


def test_the_command_tells_it_in_a_few_lines(guarded: Broker, authority: Authority, tmp_path: Path) -> None:
    source = f"mqtts://127.0.0.1:{guarded.secure}/t##user={USER}&password=env:BROKER_SECRET&ca=ca.pem"
    shutil.copy(authority.certificate, tmp_path / "ca.pem")
    (tmp_path / "noria.toml").write_text(f'[project]\nname = "p"\n[data]\nsource = "{source}"\n')
    for secret, status in (("wrong-secret", 1), (SECRET, 0)):
        ended = noria(tmp_path, "collect", "--until-idle", "1s", environment={"BROKER_SECRET": secret})
        assert ended.returncode == status, ended.stderr
        assert "Traceback" not in ended.stderr
        assert secret not in ended.stdout + ended.stderr
    assert "messages collected: 0" in ended.stderr
