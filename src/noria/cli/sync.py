"""``noria sync``: send what runs could not send themselves."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from noria.cli.opening import as_json, print_json, print_table

__all__ = ["sync"]


@click.command()
@click.option("--to", default="", help="A server for runs that name no place; this project when left out.")
@click.option("--dry-run", is_flag=True, help="Send nothing; say what waits.")
@as_json
def sync(to: str, dry_run: bool, json_output: bool) -> None:
    """Send the runs that wait in the outboxes of this project and this user.

    Leaves with 1 when something could not be sent. What has been sent already is not recorded twice.
    """
    from noria.errors import StoreUnavailable
    from noria.tracking.http_sink import checked_server
    from noria.tracking.outbox import outboxes, project_of
    from noria.tracking.sync import sync as send

    project = project_of()
    token = os.environ.get("NORIA_TRACKING_TOKEN", "")
    named = to or os.environ.get("NORIA_TRACKING_URI", "")
    place = checked_server(named, token) if named else str(project) if project is not None else ""
    done = send(outboxes(project), to=place, token=token, dry_run=dry_run)
    stuck = [left for left in done if left.state in ("nowhere", "unreachable", "refused", "damaged")]
    if json_output:
        print_json([{**asdict(left), "path": str(left.path), "notes": list(left.notes)} for left in done])
    elif not done:
        click.echo("nothing waits", err=True)
    else:
        print_table(
            ("run", "name", "to", "state", "records", "why"),
            [(left.run[:8], left.name, left.target, left.state, left.records, left.why) for left in done],
            right=(4,),
        )
        for left in done:
            for text in left.notes:
                click.echo(f"run {left.run[:8]}: {text}", err=True)
    if stuck and not dry_run:
        raise StoreUnavailable(
            f"{len(stuck)} of {len(done)} journals could not be sent",
            why="\n".join(f"{left.path}: {left.why or left.state}" for left in stuck),
            mend="noria sync     once the server answers; --to URL for runs that name no place\n"
            "rm FILE        for what is not wanted any more",
            code="N-CLI-033",
        )
