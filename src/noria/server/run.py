"""Serve the pages of one project until told to stop."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from noria.errors import NoriaError, WrongArgument
from noria.security.bind import allowed_hosts, listen
from noria.security.credentials import Credentials
from noria.security.passwords import require_argon2
from noria.security.users import Users
from noria.server.app import application
from noria.server.presence import present
from noria.server.site import Site
from noria.workspace import Workspace

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from noria.security.team import Team

__all__ = ["main", "serve"]

_GRACE_SECONDS = 2


class _Server(uvicorn.Server):
    """Tells open streams to end as soon as a stop is asked for: they would otherwise be waited for."""

    site: Site

    def handle_exit(self, sig: int, frame: object) -> None:
        self.site.stopping.set()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def serve(
    workspace: Workspace,
    *,
    host: str,
    port: int,
    scorer_url: str | None = None,
    team: Team | None = None,
    on_listening: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve the pages until SIGINT or SIGTERM.

    Parameters
    ----------
    workspace : Workspace
        The project.
    host, port : str, int
        A loopback address, or any for a team; port 0 takes a free one.
    scorer_url : str, optional
        Where predictions are answered, to be shown.
    team : Team, optional
        Team mode: everybody must say who he is. Whether somebody may name users is looked up here.
    on_listening : callable
        Called once with the address of the pages.

    Raises
    ------
    PortInUse, NotAllowed
        The address cannot be had.
    MissingExtra
        Team mode without what hashes passwords.
    WrongArgument
        Certificate or key cannot be read.
    """
    if team is not None:
        require_argon2()
        team = replace(team, has_admin=Users(workspace.database).has_admin())
    bound = listen(host, port, team=team)
    # Before the first request, so that what is wrong is said here and not on a page.
    _ = workspace.project, workspace.database
    site = Site(workspace, scorer_url, None if team is None else Credentials(workspace.database))
    hosts = allowed_hosts(bound) if team is None else team.hosts(bound)
    _spare_collections()
    config = uvicorn.Config(
        application(site, hosts=hosts, scheme="http" if team is None else team.scheme),
        http=present(site.presence),
        loop="auto",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=30,
        # uvicorn would believe whatever a program on this machine writes into X-Forwarded-For.
        proxy_headers=team is not None and bool(team.proxy_addresses),
        forwarded_allow_ips=None if team is None else list(team.proxy_addresses),
        ssl_certfile=None if team is None else team.tls_cert,
        ssl_keyfile=None if team is None or team.tls_key is None else str(team.tls_key),
    )
    _load(config, team, bound)
    server = _Server(config)
    server.site = site
    number = bound.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    on_listening(f"http://{shown}:{number}" if team is None else team.shown(host, number))
    # uvicorn raises the signal again once everything has ended; then it has done its work.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        bound.close()


def _spare_collections() -> None:
    """Let the garbage collector pass over what stays, and look less often.

    A page of a thousand runs is a hundred thousand small objects, all of them alive until it is sent: to look through
    them again and again while they are made took a third of its time. Nothing here makes cycles in any number.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _load(config: uvicorn.Config, team: Team | None, bound: socket.socket) -> None:
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        bound.close()
        if team is None or team.tls_cert is None:
            raise
        raise WrongArgument(
            "certificate or key cannot be used",
            why=f"{team.tls_cert}, {team.tls_key}: {error}",
            mend="give both as PEM, the key without a password, and the one that belongs to the certificate",
            code="N-SERVER-080",
        ) from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the pages as a process of its own: what ``noria up`` starts."""
    parser = argparse.ArgumentParser(prog="noria.server")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scorer-url")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        workspace = Workspace(given.root)
        serve(workspace, host=given.host, port=given.port, scorer_url=given.scorer_url)
    except NoriaError as error:
        sys.stderr.write(error.render() + "\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
