"""``noria webhooks``: who hears of what happens in the registry."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.automation.hooks import Hook, Hooks

__all__ = ["webhooks"]


@click.group()
def webhooks() -> None:
    """Who hears of what happens in the registry: add, list, test, deliveries, remove.

    Messages are sent while noria up or noria ui runs, signed, and tried again for a day when nobody takes them.
    """


@webhooks.command()
@click.argument("name")
@click.argument("url")
@click.option("--event", "events", multiple=True, help="model_version.*, promotion.requested; all otherwise.")
@click.option("--model", default="", help="Only of this model.")
@click.option("--secret", default="", help="Where the key of the signature is: env:NAME or file:/path.")
@click.option("--allow-private", is_flag=True, help="Permit a private or loopback address.")
@click.option("--actor", default=getpass.getuser, show_default="you", help="Who.")
@as_json
def add(
    name: str,
    url: str,
    events: tuple[str, ...],
    model: str,
    secret: str,
    allow_private: bool,
    actor: str,
    json_output: bool,
) -> None:
    """Add an address that is told from now on; env:NAME where the address itself is a secret."""
    hook = _opened().add(
        name,
        url,
        now=datetime.now(UTC),
        events=events or ("*",),
        secret=secret,
        model=model,
        allow_private=allow_private,
        actor=actor,
    )
    if json_output:
        print_json(_as_dict(hook))
        return
    click.echo(f"{hook.name} hears of {', '.join(hook.events)}: try it with noria webhooks test {hook.name}")
    if not secret:
        click.echo("its messages are not signed: --secret env:NAME does that", err=True)


@webhooks.command("list")
@as_json
def list_(json_output: bool) -> None:
    """List the addresses."""
    found = _opened().list()
    if json_output:
        print_json([_as_dict(hook) for hook in found])
        return
    print_table(
        ("name", "address", "events", "model", "key", "who"),
        [
            (hook.name, hook.url, ", ".join(hook.events), hook.model or "all", hook.secret or "unsigned", hook.actor)
            for hook in found
        ],
    )


@webhooks.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take an address away; what is on its way to it is not sent."""
    _opened().remove(name)
    click.echo(f"{name} hears of nothing any more")


@webhooks.command()
@click.argument("name")
def test(name: str) -> None:
    """Send a message at once and tell what became of it."""
    _opened().test(name, now=datetime.now(UTC))
    click.echo(f"{name} took the message")


@webhooks.command()
@click.argument("name")
@as_json
def deliveries(name: str, json_output: bool) -> None:
    """List what was sent to an address, newest first."""
    found = _opened().deliveries(name)
    if json_output:
        told = [{field: getattr(one, field) for field in one.__dataclass_fields__} for one in found]
        times = ("created", "next_at")
        print_json([row | {field: row[field].isoformat() for field in times} for row in told])
        return
    print_table(
        ("when", "event", "state", "attempts", "error"),
        [(f"{one.created:%Y-%m-%d %H:%M:%S}", one.event, one.state, one.attempts, one.error) for one in found],
        right=(3,),
    )


def _opened() -> Hooks:
    from noria.automation.hooks import Hooks

    return Hooks(workspace().database)


def _as_dict(hook: Hook) -> dict[str, object]:
    fields = {field: getattr(hook, field) for field in hook.__dataclass_fields__ if field != "id"}
    return fields | {"events": list(hook.events), "created": hook.created.isoformat()}
