"""``noria tokens``: what programs show in place of a password."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.cli.users import account

__all__ = ["tokens"]


@click.group()
def tokens() -> None:
    """What programs show in place of a password: create, list, revoke."""


@tokens.command()
@click.argument("user")
@click.option("--label", required=True, help="What it is for; it is kept.")
@click.option("--project", default=None, help="Only there; wherever the user has a role when left out.")
@click.option("--role", default=None, help="No more than this role; as the user's when left out.")
@click.option("--action", "actions", multiple=True, help="Only this action; all of the role when left out.")
@click.option(
    "--expires", default="90d", show_default=True, help="How long it is good: 12h, 90d; never for without end."
)
@as_json
def create(
    user: str,
    label: str,
    project: str | None,
    role: str | None,
    actions: tuple[str, ...],
    expires: str,
    json_output: bool,
) -> None:
    """Make a token of a user and print it: once, as only its digest is kept.

    Actions are view, track (write runs and files), register (write versions), review (approve), change (promote, roll
    back, mute) and administer. MLflow clients take it from MLFLOW_TRACKING_TOKEN.
    """
    from noria.duration import parse_duration
    from noria.security.identity import Scope
    from noria.security.tokens import Tokens
    from noria.security.users import Users

    lasts = None if expires == "never" else parse_duration(expires)
    opened = workspace()
    owner = Users(opened.database).get(user)
    scope = Scope(project, role, frozenset(actions) or None)
    made, text = Tokens(opened.database).create(
        owner, label, by=account(), at=datetime.now(UTC), scope=scope, lasts=lasts
    )
    if json_output:
        print_json({**made.to_json(), "token": text})
        return
    until = "until it is revoked" if made.expires is None else f"until {made.expires:%Y-%m-%d %H:%M} UTC"
    click.echo(f"token {made.id} of {made.user}, good {until}; it is not shown again:", err=True)
    click.echo(text)


@tokens.command("list")
@click.option("--user", default=None, help="Only this user's.")
@as_json
def list_(user: str | None, json_output: bool) -> None:
    """List tokens, newest first; never the tokens themselves."""
    from noria.security.tokens import Tokens
    from noria.security.users import Users

    opened = workspace()
    owner = None if user is None else Users(opened.database).get(user)
    found = Tokens(opened.database).list(owner)
    now = datetime.now(UTC)
    if json_output:
        print_json([{**token.to_json(), "state": token.state(now)} for token in found])
        return
    if not found:
        click.echo('no token yet: noria tokens create NAME --label "…"', err=True)
        return
    rows = [
        (
            token.id,
            token.user,
            token.label,
            token.state(now),
            token.scope.project or "every project",
            token.scope.role,
            ", ".join(sorted(token.scope.actions)) if token.scope.actions is not None else None,
            None if token.expires is None else f"{token.expires:%Y-%m-%d %H:%M}",
            None if token.used is None else f"{token.used:%Y-%m-%d %H:%M}",
        )
        for token in found
    ]
    print_table(("id", "user", "for", "state", "project", "role", "actions", "until", "used"), rows)


@tokens.command()
@click.argument("token")
@as_json
def revoke(token: str, json_output: bool) -> None:
    """Make a token useless, named by its id; servers refuse it within a second."""
    from noria.security.tokens import Tokens

    now = datetime.now(UTC)
    revoked = Tokens(workspace().database).revoke(token, by=account(), at=now)
    if json_output:
        print_json({**revoked.to_json(), "state": revoked.state(now)})
        return
    click.echo(f"token {revoked.id} of {revoked.user} is revoked", err=True)
