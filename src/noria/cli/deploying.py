"""``noria deploy``: roll a version out, and take it to where it answers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli import rollouts
from noria.cli.opening import as_json, print_json, print_table, workspace
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.deployment.target import Option
    from noria.serving.bundle import Bundle

__all__ = ["deploy"]


@click.group()
def deploy() -> None:
    """Roll a version out on live requests; take it to where it answers: containers, clusters, clouds."""


for _command in rollouts.COMMANDS:
    deploy.add_command(_command)


@deploy.command()
@as_json
def targets(json_output: bool) -> None:
    """List the targets, what each one writes and what it takes with --set."""
    from noria.deployment.targets import named, names

    found = [named(name) for name in names()]
    if json_output:
        print_json([{"name": each.name, "summary": each.summary, "options": _options(each.options)} for each in found])
        return
    print_table(("target", "writes"), [(each.name, each.summary) for each in found])
    click.echo("")
    rows = [
        (f"{each.name} --set {name}=…", option.default or None, option.meaning)
        for each in found
        for name, option in each.options.items()
    ]
    print_table(("option", "default", "meaning"), rows)


@deploy.command()
@click.argument("target")
@click.argument("ref", metavar="MODEL[@VERSION]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder, or an empty one.")
@click.option("--image", metavar="NAME", help="The container image; MODEL:VERSION when left out.")
@click.option("--replicas", type=int, default=2, show_default=True, help="How many answer at least.")
@click.option("--log", default="off", show_default=True, help="Where answers are logged: off, or stdout as JSON lines.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="An option of the target; may be repeated.")
@as_json
def export(
    target: str,
    ref: str,
    out: Path,
    image: str | None,
    replicas: int,
    log: str,
    given: tuple[str, ...],
    json_output: bool,
) -> None:
    """Write all that TARGET needs to answer with a version, and say what to type next.

    Nothing is sent anywhere. Without VERSION the champion is meant. The model is loaded and asked once before the
    folder is there: what could not answer is not written.
    """
    from noria.deployment.exporting import export as write
    from noria.deployment.exporting import wishes
    from noria.deployment.targets import named

    chosen = named(target)
    bundle = _bundle(ref)
    settled = wishes(chosen, bundle, image=image, replicas=replicas, log=log, options=dict(map(_pair, given)))
    written = write(chosen, bundle, out, settled)
    if json_output:
        told = {"target": target, "version": bundle.version.ref, "bundle": bundle.digest, "folder": str(out)}
        rest = {"commands": written.commands, "blanks": written.blanks, "notes": written.notes}
        print_json(told | {name: list(texts) for name, texts in rest.items()})
        return
    click.echo(f"{bundle.version.ref} for {target} is in {out}   bundle {bundle.digest[:12]}")
    for note in written.notes:
        click.echo(f"note: {note}")
    if written.blanks:
        click.echo(f"put in first: {', '.join(written.blanks)}")
    click.echo("next:")
    for command in (f"cd {shlex.quote(str(out))}", *written.commands):
        click.echo(f"  {command}")


def _bundle(ref: str) -> Bundle:
    from noria.registry.version import parse_ref
    from noria.serving.bundle import Bundle

    opened = workspace()
    settings = opened.project.settings.deploy
    asked = parse_ref(ref, model=opened.project.name)
    # What is deployed without a word is what answers already, not what was trained last.
    which = "champion" if asked.which == "latest" and ref.rpartition("@")[2] != "latest" else asked.which
    version = opened.registry.get(asked.model, which)
    endpoint = settings.endpoint if version.model == opened.project.name else None
    return Bundle.of(opened.registry, version, endpoint=endpoint or version.model, policies=settings.policies())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise WrongArgument(f"--set {text!r} is no KEY=VALUE", mend="--set cpu=1", code="N-CLI-060")
    return name, value


def _options(options: Mapping[str, Option]) -> dict[str, dict[str, str]]:
    return {name: {"default": each.default, "meaning": each.meaning} for name, each in options.items()}
