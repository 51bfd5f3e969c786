"""A real server over TLS, and addresses that others can reach."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from noria.errors import NotAllowed, WrongArgument
from noria.security.bind import listen
from noria.security.team import Team as Mode

from .conftest import PASSWORD, PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("argon2")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = "subjectAltName=DNS:localhost,DNS:noria.example,IP:127.0.0.1"
    try:
        subprocess.run(
            [*command, "-subj", "/CN=localhost", "-addext", names, "-keyout", str(key), "-out", str(cert)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not here")
    return cert, key


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "noria.toml").write_text(PROJECT)
    return tmp_path


def noria(project: Path, *arguments: str, stdin: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "noria", *arguments],
        cwd=project, input=stdin, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


class Started:
    """`noria ui` in a process of its own."""

    def __init__(self, project: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "noria", "ui", "--port", "0", *arguments],
            cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.match(r"pages at (\S+)", line)
        if found is None:
            raise AssertionError(line + self.process.communicate(timeout=90)[1])
        self.url = found[1]

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=90)[1]


@pytest.fixture
def started(project: Path, certificate: tuple[Path, Path]) -> Iterator[Started]:
    cert, key = certificate
    noria(project, "users", "add", "ada", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    server = Started(project, "--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key),
                     "--allow-host", "noria.example")  # fmt: skip
    yield server
    if server.process.poll() is None:
        server.stop()


def test_over_tls_with_the_headers_of_clients(project: Path, started: Started, certificate: tuple[Path, Path]) -> None:
    port = int(started.url.rsplit(":", 1)[1])
    assert started.url == f"https://noria.example:{port}"
    made = noria(project, "tokens", "create", "ada", "--label", "a canary of a token", "--action", "view")
    token = made.stdout.strip()
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with httpx.Client(verify=trusted, base_url=f"https://localhost:{port}") as client:
        assert client.get("/api/health").status_code == 401
        for shown in (
            {"headers": {"Authorization": f"Bearer {token}"}},
            {"auth": ("ada", PASSWORD)},
            {"auth": ("ada", token)},
        ):
            answer = client.get("/api/2.0/mlflow/experiments/search?max_results=1", **shown)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
        body = {"experiment_id": "0", "start_time": 1}
        narrowed = {"Authorization": f"Bearer {token}"}
        assert client.post("/api/2.0/mlflow/runs/create", json=body, headers=narrowed).status_code == 403
        made_run = client.post(
            "/api/2.0/mlflow/runs/create", json={**body, "user_id": "root"}, auth=("ada", PASSWORD)
        )  # fmt: skip
        assert made_run.status_code == 200
        assert made_run.json()["run"]["info"]["user_id"] == "ada", "whoever asked, whatever name he writes"
        assert client.get("/api/health", headers={"host": "evil.example", **narrowed}).status_code == 421

        page = client.get("/login")
        form = re.search(r'name="token" value="([^"]+)"', page.text)
        assert form is not None
        fields = {"token": form[1], "name": "ada", "password": PASSWORD, "next": "/models"}
        origin = {"origin": f"https://localhost:{port}"}
        inside = client.post("/login", data=fields, headers=origin)
        assert (inside.status_code, inside.headers["location"]) == (303, "/models")
        assert client.get("/models").status_code == 200, "the cookie is sent back over TLS"

        # Another process revokes it; this one refuses it within a second.
        assert client.get("/api/health", headers=narrowed).status_code == 200
        client.cookies.clear()
        with client.stream("GET", "/events/runs", headers=narrowed, timeout=90) as stream:
            told_first = stream.iter_lines()
            assert next(told_first) == "event: changed"
            noria(project, "tokens", "revoke", token.split("_")[1])
            revoked = time.monotonic()
            assert not [line for line in told_first if line.startswith("event")]
            assert time.monotonic() - revoked < 20, "the stream outlives the right to read it"
        assert client.get("/api/health", headers=narrowed).status_code == 401
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://localhost:{port}/login")
    told = started.stop()
    assert "Traceback" not in told
    assert "canary" not in told
    for secret in (PASSWORD, token.split("_")[2]):
        assert secret not in told
        for path in project.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_proxy_is_believed_only_where_it_was_named(project: Path) -> None:
    noria(project, "users", "add", "ada", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    for trusted, counted_apart in (("127.0.0.1", True), ("198.51.100.9", False)):
        server = Started(project, "--behind-proxy", "noria.example", "--proxy-address", trusted)
        assert server.url == "https://noria.example"
        port = listening_port(server.process.pid)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"host": "noria.example"}) as client:
                assert client.get("/login", headers={"host": f"127.0.0.1:{port}"}).status_code == 421
                assert client.get("/api/health", auth=("ada", PASSWORD)).status_code == 200
                told = [
                    client.get(
                        "/api/health",
                        auth=("eve", f"guess {number}"),
                        headers={"x-forwarded-for": f"203.0.113.{number}", "x-forwarded-proto": "https"},
                    ).status_code
                    for number in range(7)
                ]
                assert told == ([401] * 7 if counted_apart else [401] * 5 + [429] * 2)
        finally:
            server.stop()


def listening_port(pid: int) -> int:
    inodes = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].split(":")[1], 16)
    raise AssertionError("it does not listen")


def test_it_stays_on_this_machine_until_a_team_is_ready(project: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    tls = ("--tls-cert", str(cert), "--tls-key", str(key))
    told = noria(project, "ui", "--host", "0.0.0.0", *tls, status=5).stderr
    assert "N-SECURITY-027" in told
    assert "noria users add NAME --admin" in told
    noria(project, "users", "add", "ada", "--admin")
    told = noria(project, "ui", "--host", "0.0.0.0", "--team", status=5).stderr
    assert "N-SECURITY-028" in told
    assert "--tls-cert FILE" in told
    told = noria(project, "serve", "--host", "0.0.0.0", status=5).stderr
    assert "N-SECURITY-020" in told, "the scorer asks nobody who he is"
    told = noria(project, "ui", "--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(cert), status=2).stderr
    assert "certificate or key cannot be used" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls_cert": Path(__file__)},
        {"tls_cert": Path(__file__), "tls_key": Path("/nowhere/key.pem")},
        {"tls_cert": Path(__file__), "tls_key": Path(__file__), "behind_proxy": "a.example"},
        {"proxy_addresses": ("127.0.0.1",)},
        {"behind_proxy": "https://a.example"},
        {"behind_proxy": "*"},
        {"behind_proxy": "a.example:x"},
        {"behind_proxy": ":443"},
        {"allow_hosts": ("a b",)},
    ],
)
def test_parts_that_do_not_go_together_are_told(wrong: dict[str, object]) -> None:
    with pytest.raises(WrongArgument):
        Mode(**wrong)  # type: ignore[arg-type]


def test_names_that_mean_the_server() -> None:
    here = Path(__file__)
    with listen("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert Mode(behind_proxy="Noria.Example").hosts(bound) == {"noria.example", "noria.example:443"}
        assert Mode(behind_proxy="noria.example:8443").hosts(bound) == {"noria.example:8443"}
        assert Mode(behind_proxy="[2001:db8::1]").hosts(bound) == {"[2001:db8::1]", "[2001:db8::1]:443"}
        assert Mode().hosts(bound) == {f"localhost:{port}", f"127.0.0.1:{port}"}
    team = Mode(tls_cert=here, tls_key=here, has_admin=True, allow_hosts=("noria.example", "other:1"))
    with listen("0.0.0.0", 0, team=team) as bound:
        port = bound.getsockname()[1]
        hosts = team.hosts(bound)
    assert {f"noria.example:{port}", "other:1", f"{socket.gethostname().lower()}:{port}"} <= hosts
    assert not any(host.startswith("0.0.0.0") for host in hosts)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "evil.example"])
@pytest.mark.parametrize("mode", [Mode(), Mode(has_admin=True), Mode(behind_proxy="a.example")])
def test_no_way_round(host: str, mode: Mode) -> None:
    with pytest.raises(NotAllowed):
        listen(host, 0, team=mode)


def test_an_address_of_another_machine_is_told() -> None:
    ready = Mode(behind_proxy="a.example", has_admin=True)
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with pytest.raises(WrongArgument, match="no address of this machine"):
            listen(host, 0, team=ready)
