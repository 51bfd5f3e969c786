"""Which addresses noria listens on, and the socket to do it with."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import TYPE_CHECKING

from noria.errors import NotAllowed, PortInUse, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from noria.security.team import Team

__all__ = ["allowed_hosts", "is_loopback", "listen", "listen_together", "require_loopback"]


def require_loopback(host: str) -> str:
    """Give the address back when only this machine can reach it.

    Raises
    ------
    NotAllowed
        The address can be reached from elsewhere, and nobody is asked who he is.

    Examples
    --------
    >>> require_loopback("127.0.0.1")
    '127.0.0.1'
    """
    if not is_loopback(host):
        raise NotAllowed(
            f"will not listen on {host}: others could reach it, and nobody would be asked who he is",
            why="a server that anybody in the network can reach needs users, rights and TLS",
            mend=(
                "leave --host out and reach it through an SSH tunnel, or let a team in:\n"
                "noria users add NAME --admin\n"
                f"noria ui --host {host} --tls-cert FILE --tls-key FILE\n"
                f"noria ui --host {host} --behind-proxy NAME --proxy-address ADDRESS"
            ),
            code="N-SECURITY-020",
        )
    return host.strip("[]")


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address.

    Examples
    --------
    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, *, team: Team | None = None, contained: bool = False) -> socket.socket:
    """Open the listening socket, so that a taken port is told before anything else starts.

    Parameters
    ----------
    host : str
        A loopback address; any other only for a team.
    port : int
        0 takes a free one.
    team : Team, optional
        Team mode: everybody must say who he is.
    contained : bool
        The platform that runs the process decides who reaches it, as it does for a container: any address will do.

    Raises
    ------
    NotAllowed
        Others can reach the address, and it is not for a team that is ready for it.
    PortInUse
        Somebody listens there.
    """
    if not 0 <= port <= 65535:
        raise WrongArgument(f"{port} is not a port", mend="give a number from 0 to 65535", code="N-SECURITY-022")
    if team is not None and not is_loopback(host):
        team.check_address(host)
        address = host.strip("[]")
    else:
        address = host.strip("[]") if contained else require_loopback(host)
    return _opened(address, port, host)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Open several listening sockets on one port, among which the kernel deals connections out.

    Parameters
    ----------
    host : str
        A loopback address.
    port : int
        0 takes a free one.
    count : int
        How many.

    Raises
    ------
    NotAllowed, PortInUse
        As `listen`.
    """
    # Sockets that share a port do not mind whose the others are: that it is taken only one which shares nothing tells.
    with listen(host, port) as alone:
        address, bound = alone.getsockname()[:2]
    return [_opened(address, bound, host, shared=True) for _ in range(count)]


def _opened(address: str, port: int, host: str, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        opened.bind((address, port))
        opened.listen(2048)
    except OSError as error:
        opened.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise WrongArgument(
                f"{host[:80]!r} is no address of this machine",
                mend="give one of its addresses, or 0.0.0.0 for all",
                code="N-SECURITY-029",
            ) from error
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use",
                why="another process listens there, perhaps a noria that is still running",
                mend=f"take another: --port {port + 1 if port < 65535 else 0}, or --port 0 for any free one",
                code="N-SECURITY-021",
            ) from error
        raise NotAllowed(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            mend="ports below 1024 need a right you may not have; take a higher one: --port 8080",
            code="N-SECURITY-023",
        ) from error
    opened.setblocking(False)
    return opened


def allowed_hosts(bound: socket.socket, extra: Iterable[str] = ()) -> frozenset[str]:
    """Name the values of the ``Host`` header that mean this server.

    Parameters
    ----------
    bound : socket
        The listening socket.
    extra : iterable of str
        Further ``name:port`` values, for a proxy that passes its own on.
    """
    address, port = bound.getsockname()[:2]
    names = {"localhost", f"[{address}]" if ":" in address else address}
    own = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    return frozenset(own | {value.lower() for value in extra})
