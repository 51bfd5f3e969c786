"""``noria export``: give runs back in another tracker's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.importing import print_report, progress
from noria.cli.opening import as_json, print_json, workspace

if TYPE_CHECKING:
    from noria.exchange.exporting import Destination
    from noria.store.blobs import Blobs

__all__ = ["export"]


@click.group()
def export() -> None:
    """Give runs back in the form of MLflow."""


@export.command()
@click.argument("destination")
@click.option("--experiment", "-e", "only", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@as_json
def mlflow(destination: str, only: tuple[str, ...], json_output: bool) -> None:
    """Bring experiments, runs, histories, files and logged models to DESTINATION.

    DESTINATION is a new folder, written as an mlruns folder, or the URL of an MLflow server (credentials as for
    `noria import`). A server gives runs ids of its own; each keeps its id here as the tag noria.run_id, and an export
    that is begun again goes on by it. Leaves with 1 when something was left out; the report says what.
    """
    from noria.exchange.exporting import export as bring

    ws = workspace()
    opened = _destination(destination, ws.blobs)
    try:
        report = bring(ws.database, opened, only=only, tell=progress())
    finally:
        opened.close()
    if json_output:
        print_json(report.to_dict())
    else:
        print_report(report, "new there")
    if not report.is_whole:
        click.get_current_context().exit(1)


def _destination(address: str, blobs: Blobs) -> Destination:
    from noria.errors import WrongArgument
    from noria.exchange.places import folder_of, is_server

    if is_server(address):
        from noria.exchange.server_writing import ServerWriter

        return ServerWriter(address, blobs)
    folder = folder_of(address)
    if folder is None:
        raise WrongArgument(
            f"{address!r} is no place that noria can export to",
            mend="name a new folder, or a server (http://…); a database is filled through its server",
            code="N-EXCHANGE-092",
        )
    from noria.exchange.mlruns_writing import MlrunsWriter

    return MlrunsWriter(folder, blobs)
