"""``noria users``: who may come in where a team does."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.security.audit import Who
    from noria.security.users import User, Users
    from noria.workspace import Workspace

__all__ = ["account", "users"]

_project = click.option("--project", default=None, help="Only there; every project of this database when left out.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")


@click.group()
def users() -> None:
    """Who may come in: add, list, role, disable, passwd.

    Roles are viewer (reads), editor (writes runs, artifacts and versions too), deployer (promotes, rolls back and mutes
    too) and admin (names users too). To approve is a flag of its own: --reviewer.
    """


@users.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything, everywhere: --role admin.")
@click.option("--role", default=None, help="viewer, editor, deployer or admin; none when left out.")
@_project
@click.option("--reviewer", is_flag=True, help="May approve.")
@_stdin
@as_json
def add(
    name: str,
    admin: bool,
    role: str | None,
    project: str | None,
    reviewer: bool,
    password_stdin: bool,
    json_output: bool,
) -> None:
    """Add a user, and print the invitation with which he chooses his password.

    The invitation is good once and for a day, at the page /join of the server. With --password-stdin there is none.
    """
    from noria.security.identity import EVERYWHERE
    from noria.security.invites import INVITE_HOURS, Invites

    if admin and role not in (None, "admin"):
        raise click.UsageError(f"--admin and --role {role} contradict each other")
    opened, kept = _opened()
    at, by = datetime.now(UTC), account()
    password = _read_password() if password_stdin else None
    kept.check_role(role := "admin" if admin else role or "none")
    user = kept.add(name, by=by, at=at, password=password)
    if role != "none" or reviewer:
        user = kept.grant(user.name, role, by=by, at=at, project=project or EVERYWHERE, reviewer=reviewer)
    code = None if password_stdin else Invites(opened.database).make(user, by=by, at=at)
    if json_output:
        print_json({**user.to_json(), "invitation": code})
        return
    click.echo(f"{user.name} is added: {_roles(user)}", err=True)
    if code is not None:
        _print_code(code, INVITE_HOURS)


@users.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List users with their roles."""
    _, kept = _opened()
    found = kept.list()
    if json_output:
        print_json([user.to_json() for user in found])
        return
    if not found:
        click.echo("no user yet: noria users add NAME --admin", err=True)
        return
    rows = [(user.name, _state(user), _roles(user), f"{user.created:%Y-%m-%d %H:%M}") for user in found]
    print_table(("name", "state", "roles", "added"), rows)


@users.command()
@click.argument("name")
@click.argument("role")
@_project
@click.option("--reviewer/--no-reviewer", default=None, help="May approve, or may not; as it was when left out.")
@as_json
def role(name: str, role: str, project: str | None, reviewer: bool | None, json_output: bool) -> None:
    """Give a user a role: viewer, editor, deployer, admin or none."""
    from noria.security.identity import EVERYWHERE

    _, kept = _opened()
    at = datetime.now(UTC)
    user = kept.grant(name, role, by=account(), at=at, project=project or EVERYWHERE, reviewer=reviewer)
    if json_output:
        print_json(user.to_json())
        return
    click.echo(f"{user.name}: {_roles(user)}", err=True)


@users.command()
@click.argument("name")
@as_json
def disable(name: str, json_output: bool) -> None:
    """Shut a user out: sessions end, tokens are of no use."""
    _set_active(name, False, json_output)


@users.command()
@click.argument("name")
@as_json
def enable(name: str, json_output: bool) -> None:
    """Let a user in again who was shut out."""
    _set_active(name, True, json_output)


@users.command()
@click.argument("name")
@_stdin
@as_json
def passwd(name: str, password_stdin: bool, json_output: bool) -> None:
    """Set a user's password, asked for without showing it; every session of his ends."""
    _, kept = _opened()
    user = kept.get(name)
    password = (
        _read_password() if password_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    kept.set_password(user.name, password, by=account(), at=datetime.now(UTC))
    if json_output:
        print_json(kept.get(name).to_json())
        return
    click.echo(f"the password of {user.name} is set", err=True)


@users.command()
@click.argument("name")
@as_json
def invite(name: str, json_output: bool) -> None:
    """Print a new invitation: with it a user who has forgotten his password chooses another."""
    from noria.security.invites import INVITE_HOURS, Invites

    opened, kept = _opened()
    user = kept.get(name)
    code = Invites(opened.database).make(user, by=account(), at=datetime.now(UTC))
    if json_output:
        print_json({"name": user.name, "invitation": code})
        return
    _print_code(code, INVITE_HOURS)


def account() -> Who:
    """Give who is at the command line, for the record."""
    from noria.security.audit import Who

    return Who(f"{getpass.getuser()} (command line)")


def _opened() -> tuple[Workspace, Users]:
    from noria.security.users import Users

    opened = workspace()
    return opened, Users(opened.database)


def _set_active(name: str, active: bool, json_output: bool) -> None:
    _, kept = _opened()
    kept.set_active(name, active, by=account(), at=datetime.now(UTC))
    user = kept.get(name)
    if json_output:
        print_json(user.to_json())
        return
    click.echo(f"{user.name} is {_state(user)}", err=True)


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _print_code(code: str, hours: int) -> None:
    click.echo(
        f"the invitation, good once and for {hours} hours; to be entered at the page /join of `noria ui --team`:",
        err=True,
    )
    click.echo(code)


def _state(user: User) -> str:
    return "disabled" if not user.active else "active" if user.joined else "invited"


def _roles(user: User) -> str:
    told = [
        f"{held.role or 'no role'}{', reviewer' if held.reviewer else ''} in {_place(place)}"
        for place, held in sorted(user.grants.items())
        if held.role or held.reviewer
    ]
    return "; ".join(told) or "no role"


def _place(project: str) -> str:
    return "every project" if project == "*" else project
