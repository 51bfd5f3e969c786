"""``noria models convert``: a safe version of a model that another client logged."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.compiling import planned
from noria.cli.opening import as_json, print_json, workspace
from noria.errors import NotAllowed

if TYPE_CHECKING:
    from noria.registry.conversion import Converted
    from noria.registry.version import ModelVersion
    from noria.scoring.column import ColumnType

__all__ = ["convert"]

_TYPES: dict[str, ColumnType] = {
    "double": "float", "float": "float", "long": "int", "integer": "int", "boolean": "bool", "string": "category",
    "datetime": "timestamp",
}  # fmt: skip
_BY_KIND: dict[str, ColumnType] = {"number": "float", "string": "category", "timestamp": "timestamp"}


@click.command()
@click.argument("ref")
@click.option("--python", default=sys.executable, show_default="this one", help="Opens the model; needs its libraries.")
@click.option("--timeout", default=120, show_default=True, type=click.IntRange(1, 3600), help="Seconds it may take.")
@click.option("--yes", is_flag=True, help="Run the code in the model without asking.")
@click.option("--actor", default=getpass.getuser, show_default="you", help="Who.")
@as_json
def convert(ref: str, python: str, timeout: int, yes: bool, actor: str, json_output: bool) -> None:
    """Make a safe version of a model that an MLflow client logged.

    A pickle is a program: to open it is to run it. It is run once, in a process of its own that gets no secrets of this
    one, bounded in time and memory; but it can read what you can read. The new version holds no code, answers as the
    old one does on its input example, and passes the gates like any other before it is promoted.
    """
    from noria.registry.conversion import convert as made_safe
    from noria.scoring.proof.files import told_of

    opened = workspace()
    version = opened.registry.resolve(ref, model=opened.project.name)
    if not yes:
        _ask(version)
    made = made_safe(opened.registry, version, python=python, seconds=timeout)
    new = opened.registry.register(
        version.model,
        made.files,
        run_id=version.run_id,
        dataset=version.dataset,
        data_digest=version.data_digest,
        task=made.task,
        family=made.family,
        created=datetime.now(UTC),
        evidence={"conversion.json": _told(version, made)},
        code_commit=version.code_commit,
        environment=_environment(),
        params=version.params,
        metrics=version.metrics,
        signature=_signature(made),
        tags={"converted.from": version.ref, "converted.checked": made.checked or "no"},
        user_id=actor,
    )
    answering = planned(opened.registry, new)
    if json_output:
        checked = made.checked or None
        print_json(
            {"model": new.model, "version": new.number, "from": version.ref, "checked": checked, "note": made.note}
        )
        return
    click.echo(f"{new.ref} is {version.ref} without code: {made.family}, {made.task}")
    click.echo(
        f"it answers alike on {made.checked}" if made.checked else f"not compared with the original: {made.note}"
    )
    click.echo(told_of(answering))


def _ask(version: ModelVersion) -> None:
    what = version.unsafe or "files of another client"
    click.echo(f"{version.ref} holds {what}.", err=True)
    click.echo("To convert it runs whatever code these files hold, as you, on this machine.", err=True)
    if not sys.stdin.isatty():
        raise NotAllowed(
            f"{version.ref} was not converted: nobody agreed that its code is run",
            mend=f"noria models convert {version.ref} --yes",
            code="N-CLI-050",
        )
    click.confirm("Run it?", abort=True, err=True)


def _told(version: ModelVersion, made: Converted) -> bytes:
    told = {
        "from": version.ref,
        "source": version.source,
        "files": dict(version.files),
        "unsafe": version.unsafe,
        "checked": made.checked,
        "note": made.note,
    }
    return json.dumps(told, indent=1, sort_keys=True).encode()


def _environment() -> dict[str, object]:
    from noria.runs.environment import environment

    return dict(environment())


def _signature(made: Converted) -> dict[str, object]:
    """Say what the version accepts, as far as client and model say it: nothing is known of ranges."""
    from noria.scoring.signature import Signature, SignatureColumn

    columns = tuple(
        SignatureColumn(
            name,
            # A number stays one however the client called it, since that is how the model takes it.
            _TYPES.get(made.types.get(name, ""), _BY_KIND[kind]) if kind != "string" else "category",
            # Whether the model takes a missing value nobody has said; [deploy.input] missing may let them through.
            missing="refuse",
            categories=made.categories.get(name),
        )
        for name, kind in made.columns
    )
    positive = made.classes[1] if made.classes is not None and len(made.classes) == 2 else None
    return Signature(columns, task=made.task, positive=positive).to_json()
