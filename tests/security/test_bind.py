"""Addresses: loopback only, and a taken port told at once."""

from __future__ import annotations

import pytest

from noria.errors import NotAllowed, PortInUse, WrongArgument
from noria.security.bind import allowed_hosts, listen, require_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", "", "127.0.0.1.evil.example", "*"])
def test_an_address_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        listen(host, 0)
    assert refused.value.exit_status == 5
    assert refused.value.mend


def test_loopback_is_fine() -> None:
    assert [require_loopback(host) for host in ("127.0.0.1", "127.0.0.53", "::1", "[::1]", "localhost")] == [
        "127.0.0.1", "127.0.0.53", "::1", "::1", "localhost",
    ]  # fmt: skip


def test_a_taken_port_names_another() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as taken:
            listen("127.0.0.1", port)
        assert f"--port {port + 1}" in taken.value.mend
        assert allowed_hosts(first, ["Proxy.example:443"]) == {
            f"127.0.0.1:{port}", f"localhost:{port}", "proxy.example:443",
        }  # fmt: skip
    with pytest.raises(WrongArgument):
        listen("127.0.0.1", 70_000)
