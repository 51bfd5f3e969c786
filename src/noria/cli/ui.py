"""``noria ui``: the pages alone."""

from __future__ import annotations

import click

from noria.cli.opening import workspace

__all__ = ["ui"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=int, default=8765, show_default=True, help="0 takes a free one.")
@click.option("--open", "open_browser", is_flag=True, help="Open a browser on the home page.")
def ui(host: str, port: int, open_browser: bool) -> None:
    """Serve the pages of this project until Ctrl-C.

    `noria up` serves them too, together with scorer, scheduler and monitor.
    """
    from importlib import import_module

    # By name: the command line and the server are neighbours that know nothing of each other.
    server = import_module("noria.server.run")

    def tell(url: str) -> None:
        click.echo(f"pages at {url}   (Ctrl-C stops)")
        if open_browser:
            click.launch(url)

    server.serve(workspace(), host=host, port=port, on_listening=tell)
    click.echo("stopped", err=True)
