"""``noria ui``: the pages alone."""

from __future__ import annotations

from pathlib import Path

import click

from noria.cli.opening import workspace

__all__ = ["ui"]

_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others than loopback for a team."
)
@click.option("--port", type=int, default=8765, show_default=True, help="0 takes a free one.")
@click.option("--team", is_flag=True, help="Ask everybody who he is; so does every option below.")
@click.option("--tls-cert", type=_FILE, help="Speak TLS with this certificate (PEM, with its chain).")
@click.option("--tls-key", type=_FILE, help="The certificate's key (PEM).")
@click.option("--allow-host", multiple=True, metavar="NAME[:PORT]", help="With TLS: a further name it is reached by.")
@click.option(
    "--behind-proxy", metavar="NAME[:PORT]", help="The name of the proxy that speaks TLS and passes requests on."
)
@click.option("--proxy-address", multiple=True, metavar="ADDRESS", help="Of that proxy: its X-Forwarded-For counts.")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser on the home page.")
def ui(
    host: str,
    port: int,
    team: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    allow_host: tuple[str, ...],
    behind_proxy: str | None,
    proxy_address: tuple[str, ...],
    open_browser: bool,
) -> None:
    """Serve the pages of this project until Ctrl-C.

    `noria up` serves them too, together with scorer, scheduler and monitor.
    """
    from importlib import import_module

    from noria.security.bind import is_loopback
    from noria.security.team import Team

    # By name: the command line and the server are neighbours that know nothing of each other.
    server = import_module("noria.server.run")
    asked = any((team, tls_cert, tls_key, allow_host, behind_proxy, proxy_address)) or not is_loopback(host)
    mode = Team(tls_cert, tls_key, behind_proxy, proxy_address, allow_host) if asked else None

    def tell(url: str) -> None:
        click.echo(f"pages at {url}   (Ctrl-C stops)")
        if mode is not None:
            from noria.security.users import Users

            click.echo("team mode: everybody must say who he is", err=True)
            if not Users(opened.database).has_admin():
                click.echo("nobody can yet: noria users add NAME --admin", err=True)
        if open_browser:
            click.launch(url)

    opened = workspace()
    server.serve(opened, host=host, port=port, team=mode, on_listening=tell)
    click.echo("stopped", err=True)
