"""``noria serve``: answer predictions over HTTP."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import click

from noria.cli.opening import workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.workspace import Workspace

__all__ = ["serve", "start"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=int, default=8766, show_default=True, help="0 takes a free one.")
@click.option("--alias", default="champion", show_default=True, help="Which version to follow.")
@click.option("--model", help="Model to serve; the project's when left out.")
@click.option("--allow-host", multiple=True, metavar="NAME:PORT", help="A further Host header to answer for.")
def serve(host: str, port: int, alias: str, model: str | None, allow_host: tuple[str, ...]) -> None:
    """Answer predictions until Ctrl-C, following the champion: a promoted version takes over without a lost request.

    Speaks MLflow's /invocations, the Open Inference Protocol (/v2) and noria's own /predict/ENDPOINT; /metrics is for
    Prometheus. Every answer is logged for the monitor.
    """
    opened = workspace()
    name = model or opened.project.name
    if model is not None:
        opened.registry.get(model)  # a misspelt model is told at once; the project's own may come later
    endpoint = opened.project.settings.deploy.endpoint or name

    def tell(url: str) -> None:
        click.echo(f"serving {name}@{alias} at {url}/predict/{endpoint}   (Ctrl-C stops)")
        if opened.aliases.current(name, alias) is None:
            click.echo(f'no {alias} yet: noria models promote {name}@1 --reason "…"', err=True)

    start(opened, host=host, port=port, alias=alias, model=name, allow_hosts=allow_host, on_ready=tell)
    click.echo("stopped; every answer is logged", err=True)


def start(
    opened: Workspace,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    alias: str = "champion",
    model: str | None = None,
    allow_hosts: tuple[str, ...] = (),
) -> None:
    """Serve a project's model until told to stop."""
    from noria.serving.run import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    settings = opened.project.settings
    name = model or opened.project.name
    run(
        database=opened.database,
        blobs=opened.blobs,
        model=name,
        endpoint=settings.deploy.endpoint or name,
        predictions=opened.store / "predictions",
        alias=alias,
        host=host,
        port=port,
        rollout=settings.deploy.rollout(),
        trusted=opened.trusted,
        policies=settings.deploy.policies(),
        extra_hosts=allow_hosts,
        on_ready=on_ready,
    )
