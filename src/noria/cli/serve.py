"""``noria serve``: answer predictions over HTTP."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from noria.cli.opening import workspace
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.workspace import Workspace

__all__ = ["cores", "serve", "start", "start_many"]


_MOST_WORKERS = 256
_FAREWELL = "stopped; every answer is logged"


class _Workers(click.ParamType[int]):
    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number of processes."""
        if value == "auto":
            return cores("auto")
        if not str(value).isdigit() or not 1 <= int(str(value)) <= _MOST_WORKERS:
            self.fail(f"{value!r} is neither a number from 1 to {_MOST_WORKERS} nor auto", param, ctx)
        return int(str(value))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=int, default=8766, show_default=True, help="0 takes a free one.")
@click.option("--grpc-port", type=int, help="Answer the Open Inference Protocol over gRPC there, too.")
@click.option("--alias", default="champion", show_default=True, help="Which version to follow.")
@click.option("--model", help="Model to serve; the project's when left out.")
@click.option("--allow-host", multiple=True, metavar="NAME:PORT", help="A further Host header to answer for.")
@click.option("--workers", type=_Workers(), help="Processes on the one port, or auto: one a core. [deploy] workers.")
def serve(
    host: str,
    port: int,
    grpc_port: int | None,
    alias: str,
    model: str | None,
    allow_host: tuple[str, ...],
    workers: int | None,
) -> None:
    """Answer predictions until Ctrl-C, following the champion: a promoted version takes over without a lost request.

    Speaks MLflow's /invocations, TensorFlow Serving's /v1, the Open Inference Protocol (/v2) and noria's own
    /predict/ENDPOINT; /metrics is for Prometheus, /openapi.json describes it. Every answer is logged for the monitor.
    """
    opened = workspace()
    name = model or opened.project.name
    if model is not None:
        opened.registry.get(model)  # a misspelt model is told at once; the project's own may come later
    deploy = opened.project.settings.deploy
    endpoint = deploy.endpoint or name

    def serving(url: str) -> str:
        return f"serving {name}@{alias} at {url}/predict/{endpoint}   (Ctrl-C stops)"

    def warn() -> None:
        if opened.aliases.current(name, alias) is None:
            click.echo(f'no {alias} yet: noria models promote {name}@1 --reason "…"', err=True)

    def tell(url: str) -> None:
        click.echo(serving(url))
        warn()

    count = cores(deploy.workers) if workers is None else workers
    if count > 1:
        if grpc_port is not None:
            raise WrongArgument(
                "several processes cannot share a port of gRPC", mend="--workers 1", code="N-SERVING-092"
            )
        warn()
        start_many(
            opened, count, host=host, port=port, alias=alias, model=name, allow_hosts=allow_host, announce=serving
        )
    start(
        opened,
        host=host,
        port=port,
        alias=alias,
        model=name,
        allow_hosts=allow_host,
        on_ready=tell,
        grpc_port=grpc_port,
    )
    click.echo(_FAREWELL, err=True)


def start(
    opened: Workspace,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    alias: str = "champion",
    model: str | None = None,
    allow_hosts: tuple[str, ...] = (),
    grpc_port: int | None = None,
) -> None:
    """Serve a project's model until told to stop."""
    from noria.automation.rollouts import RolloutWatch
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
        max_in_flight=settings.deploy.max_in_flight,
        extra_hosts=allow_hosts,
        on_ready=on_ready,
        grpc_port=grpc_port,
        watch=RolloutWatch(),
    )


def start_many(
    opened: Workspace,
    workers: int,
    *,
    host: str,
    port: int,
    announce: Callable[[str], str],
    alias: str,
    model: str,
    allow_hosts: tuple[str, ...] = (),
) -> NoReturn:
    """Turn this process into the supervisor of several that serve a project's model; it does not come back.

    Parameters
    ----------
    announce : callable
        From the server's address to what is printed once all of them answer.
    """
    from noria.security.bind import listen_together
    from noria.serving.board import create
    from noria.serving.supervisor import become
    from noria.serving.worker import Work, command, environment

    settings = opened.project.settings
    sockets = listen_together(host, port, workers)
    address, bound = sockets[0].getsockname()[:2]
    work = Work(
        board=create(workers),
        fleet=uuid.uuid4().hex[:12],
        database=opened.database_url,
        objects=str(opened.store / "objects"),
        predictions=str(opened.store / "predictions"),
        model=model,
        endpoint=settings.deploy.endpoint or model,
        alias=alias,
        rollout=settings.deploy.rollout(),
        policies=settings.deploy.policies(),
        trusted=tuple(opened.trusted),
        importable=str(opened.root) if opened.trusted else "",
        extra_hosts=allow_hosts,
        max_in_flight=settings.deploy.max_in_flight,
    )
    _ = opened.database  # brought up to date once, not by each
    opened.close()
    os.environ.update(environment(work))
    url = f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"
    become(command("noria.cli.worker"), sockets, announce=announce(url), farewell=_FAREWELL)


def cores(workers: int | Literal["auto"]) -> int:
    """Say how many processes are meant: ``auto`` is one for each core that this process may use."""
    if workers != "auto":
        return workers
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
