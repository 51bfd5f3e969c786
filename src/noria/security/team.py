"""Team mode: where a server may be reached from, and under which names."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noria.errors import NotAllowed, WrongArgument

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Team"]

_WAYS = (
    "noria ui --host {host} --tls-cert FILE --tls-key FILE\n"
    "noria ui --host {host} --behind-proxy NAME --proxy-address ADDRESS"
)


@dataclass(frozen=True)
class Team:
    """How a server in team mode is reached.

    Parameters
    ----------
    tls_cert, tls_key : Path, optional
        Certificate and key: noria itself speaks TLS.
    behind_proxy : str, optional
        ``NAME[:PORT]`` under which a proxy that speaks TLS passes requests on; then only that ``Host`` is answered.
    proxy_addresses : tuple of str
        Addresses of that proxy; what others write into ``X-Forwarded-For`` does not count.
    allow_hosts : tuple of str
        Further ``NAME[:PORT]`` it answers for when it speaks TLS itself.
    has_admin : bool
        Whether somebody may name users.

    Raises
    ------
    WrongArgument
        The parts do not go together.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: str | None = None
    proxy_addresses: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    has_admin: bool = False

    def __post_init__(self) -> None:
        wrong = ""
        if (self.tls_cert is None) != (self.tls_key is None):
            wrong = "--tls-cert and --tls-key belong together"
        elif self.tls_cert is not None and self.behind_proxy is not None:
            wrong = "--behind-proxy says that the proxy speaks TLS, --tls-cert that noria does"
        elif self.proxy_addresses and self.behind_proxy is None:
            wrong = "--proxy-address needs --behind-proxy: without a proxy nobody's X-Forwarded-For counts"
        if wrong:
            raise WrongArgument(wrong, mend="noria ui --help", code="N-SECURITY-024")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise WrongArgument(
                    f"there is no file {path}", mend="give the certificate and its key as PEM", code="N-SECURITY-025"
                )
        for name in (*self.allow_hosts, *filter(None, (self.behind_proxy,))):
            host, _, port = name.rpartition(":") if name.rsplit("]", 1)[-1].count(":") == 1 else (name, "", "")
            if not host or any(char in host for char in "/@ ?#") or (port and not port.isdigit()) or "*" in host:
                raise WrongArgument(
                    f"{name[:80]!r} is no NAME or NAME:PORT",
                    mend="--behind-proxy noria.example.com",
                    code="N-SECURITY-026",
                )

    @property
    def scheme(self) -> str:
        """How browsers reach it."""
        return "https" if self.tls_cert is not None or self.behind_proxy is not None else "http"

    def check_address(self, host: str) -> None:
        """Refuse an address that others can reach, unless they must say who they are and nobody can listen.

        Raises
        ------
        NotAllowed
            There is no administrator yet, or passwords would cross the network in the clear.
        """
        if not self.has_admin:
            raise NotAllowed(
                f"will not listen on {host}: nobody could let anybody in",
                why="there is no active administrator",
                mend=f"noria users add NAME --admin\n{_WAYS.format(host=host)}",
                code="N-SECURITY-027",
            )
        if self.scheme != "https":
            raise NotAllowed(
                f"will not listen on {host} without TLS",
                why="passwords and tokens would cross the network in the clear",
                mend=_WAYS.format(host=host),
                code="N-SECURITY-028",
            )

    def hosts(self, bound: socket.socket) -> frozenset[str]:
        """Name the values of the ``Host`` header that mean this server.

        Parameters
        ----------
        bound : socket
            The listening socket.
        """
        address, port = bound.getsockname()[:2]
        if self.behind_proxy is not None:
            return frozenset(_spelt(self.behind_proxy, 443, 443))
        usual = 443 if self.scheme == "https" else 80
        names = {"localhost", f"[{address}]" if ":" in address else address}
        if address in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
            names = {"localhost", "127.0.0.1", "[::1]", socket.gethostname(), socket.getfqdn()}
        spelt = {spelling for name in (*names, *self.allow_hosts) for spelling in _spelt(name, port, usual)}
        return frozenset(spelt)

    def shown(self, host: str, port: int) -> str:
        """Give the address to tell people."""
        if self.behind_proxy is not None:
            return f"https://{self.behind_proxy}"
        name = self.allow_hosts[0] if self.allow_hosts else f"[{host}]" if ":" in host else host
        has_port = ":" in name.rsplit("]", 1)[-1]
        return f"{self.scheme}://{name if has_port else f'{name}:{port}'}"


def _spelt(name: str, port: int, usual: int) -> set[str]:
    """Give the ways a browser writes a name: without the port where it is the usual one."""
    name = name.lower()
    bare, _, given = name.rpartition(":") if ":" in name.rsplit("]", 1)[-1] else (name, "", str(port))
    return {f"{bare}:{given}"} | ({bare} if int(given) == usual else set())
