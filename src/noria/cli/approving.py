"""``noria models approve``, ``reject`` and ``requests``: promotions with four eyes."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.registry.promotion import approvals_needed

if TYPE_CHECKING:
    from noria.registry.approvals import PromotionRequest

__all__ = ["approve", "asked_for", "reject", "requests", "tell_request"]

_reason = click.option("--reason", help="Why; it is kept. Asked for when left out.")
_actor = click.option("--actor", default=getpass.getuser, show_default="you", help="Who.")
_alias = click.option("--alias", default="champion", show_default=True, help="Which alias was asked for.")


@click.command()
@click.argument("ref")
@_alias
@_reason
@_actor
@as_json
def approve(ref: str, alias: str, reason: str | None, actor: str, json_output: bool) -> None:
    """Agree that a version becomes the champion; with the last who must, it does.

    Whoever asked for it, trained or registered the version cannot.
    """
    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    found = opened.approvals.open_for(version.model, version.number, alias)
    done, move = opened.approvals.approve(found.id, actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    if move is not None and not json_output:
        came = f", before version {move.old}" if move.old is not None else ""
        click.echo(f"{move.model}@{move.alias} is version {move.new}{came}")
        return
    tell_request(done, needed=approvals_needed(opened.registry, version), json_output=json_output)


@click.command()
@click.argument("ref")
@_alias
@_reason
@_actor
@as_json
def reject(ref: str, alias: str, reason: str | None, actor: str, json_output: bool) -> None:
    """Refuse that a version becomes the champion, or take your own request back."""
    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    found = opened.approvals.open_for(version.model, version.number, alias)
    done = opened.approvals.reject(found.id, actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    tell_request(done, needed=approvals_needed(opened.registry, version), json_output=json_output)


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Those that are decided, too.")
@as_json
def requests(name: str | None, everything: bool, json_output: bool) -> None:
    """List what waits for approval, newest first."""
    opened = workspace()
    needed = opened.registry.approvals()
    found = opened.approvals.list(name, everything=everything)
    if json_output:
        print_json([_as_dict(one, needed) for one in found])
        return
    if not found:
        click.echo("nothing waits for approval", err=True)
        return
    print_table(
        ("version", "alias", "state", "agreed", "who", "why", "asked"),
        [
            (
                one.ref,
                one.alias,
                one.state,
                f"{len(one.approved_by)} of {max(needed, 1)}",
                one.actor,
                one.reason,
                f"{one.at:%Y-%m-%d %H:%M}",
            )
            for one in found
        ],
    )


def asked_for(reason: str | None) -> str:
    """Give a reason, asked for where somebody sits at the terminal."""
    if reason is None and sys.stdin.isatty():
        return str(click.prompt("why"))
    return reason or ""


def tell_request(found: PromotionRequest, *, needed: int, json_output: bool) -> None:
    """Print how a request stands."""
    if json_output:
        print_json(_as_dict(found, needed))
        return
    if found.state != "open":
        click.echo(f"{found.ref} as {found.alias}: {found.state}")
        return
    missing = max(needed, 1) - len(found.approved_by)
    others = "another person" if missing == 1 else f"{missing} others"
    click.echo(f"{found.ref} becomes {found.alias} when {others} agreed: noria models approve {found.ref}")


def _as_dict(found: PromotionRequest, needed: int) -> dict[str, object]:
    return {
        "id": found.id,
        "model": found.model,
        "version": found.number,
        "alias": found.alias,
        "state": found.state,
        "who": found.actor,
        "reason": found.reason,
        "override": found.override,
        "at": found.at.isoformat(),
        "decided": None if found.decided is None else found.decided.isoformat(),
        "needed": needed,
        "votes": [
            {"who": vote.actor, "approves": vote.approves, "reason": vote.reason, "at": vote.at.isoformat()}
            for vote in found.votes
        ],
    }
