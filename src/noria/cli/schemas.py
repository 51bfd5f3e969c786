"""``noria data schema``: what the columns are, for noria.toml and for pandera, and back from there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace
from noria.cli.versions import table_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.datasets.schema import Schema
    from noria.exchange.pandera import Imported
    from noria.workspace import Workspace

__all__ = ["schema"]


@click.command()
@click.argument("ref", required=False)
@click.option("--bounds", is_flag=True, help="Write the least and greatest number seen as well.")
@click.option("--pandera", type=click.Choice(["yaml", "python"]), help="Write it for pandera instead.")
@click.option("--from-pandera", type=click.Path(dir_okay=False), help="Read pandera's YAML, print it for noria.toml.")
@click.option("--write", is_flag=True, help="With --from-pandera: add it to noria.toml, keeping all it says.")
@as_json
def schema(
    ref: str | None, bounds: bool, pandera: str | None, from_pandera: str | None, write: bool, json_output: bool
) -> None:
    """Print what the columns are, as [data.columns] to be pasted into noria.toml: frozen, and checked from then on."""
    opened = workspace()
    if from_pandera is not None:
        _taken_over(opened, from_pandera, write)
        return
    if write:
        raise click.UsageError("--write goes with --from-pandera")
    version = table_version(opened, ref)
    if json_output:
        print_json(version.schema.to_json())
        return
    if pandera is not None:
        from noria.exchange.pandera import to_python, to_yaml

        mine = version.name == opened.project.settings.project.name
        unique = opened.project.settings.data.checks.unique if mine else ()
        click.echo({"yaml": to_yaml, "python": to_python}[pandera](version.schema, unique=unique), nl=False)
        return
    click.echo(_toml(version.schema, bounds))


def _taken_over(opened: Workspace, file: str, write: bool) -> None:
    from pathlib import Path

    from noria.errors import SourceNotFound, WrongData
    from noria.exchange.pandera import from_yaml
    from noria.project.amending import amended, laid_out
    from noria.project.file import load
    from noria.project.toml import read_text
    from noria.store.files import write_atomic

    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise SourceNotFound(
            f"{file} cannot be read: {error.strerror}", mend="name the file that pandera wrote", code="N-EXCHANGE-072"
        ) from None
    except UnicodeDecodeError:
        raise WrongData(f"{file} is not UTF-8", mend="save it as UTF-8", code="N-EXCHANGE-071") from None
    found = from_yaml(text)
    settings = load(opened.root).checked.data if write else None
    known = set(settings.columns) if settings is not None else set()
    said = settings.checks.model_fields_set if settings is not None else set()
    tables = {"data.checks": _checks(found, said), "data.columns": _columns(found, known)}
    for note in found.notes:
        click.echo(f"left out: {note}", err=True)
    for name in sorted(known & set(found.columns)):
        click.echo(f"left out: {name}: noria.toml describes it already", err=True)
    if not write:
        click.echo(laid_out(tables))
        return
    path = opened.root / "noria.toml"
    write_atomic(path, amended(read_text(path), tables))
    click.echo("added to noria.toml; nothing that stood there was changed", err=True)
    click.echo("next: noria check", err=True)


def _checks(found: Imported, said: set[str]) -> dict[str, str]:
    made = {}
    if found.unique and "unique" not in said:
        made["unique"] = json.dumps([key if isinstance(key, str) else list(key) for key in found.unique])
    if found.rules and "rules" not in said:
        made["rules"] = json.dumps(list(found.rules), ensure_ascii=False)
    for name, values in (("unique", found.unique), ("rules", found.rules)):
        if values and name in said:
            click.echo(f"left out: {name}: noria.toml says it already; pandera has {list(values)}", err=True)
    return made


def _columns(found: Imported, known: set[str]) -> dict[str, str]:
    return {name: _inline(entry) for name, entry in found.columns.items() if name not in known and entry}


def _inline(entry: Mapping[str, object]) -> str:
    parts = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items() if value is not None]
    return "{ " + ", ".join(parts).replace("\x7f", "\\u007f") + " }"


def _toml(schema: Schema, bounds: bool) -> str:
    from noria.project.toml import write_key

    lines = ["[data.columns]"]
    for column in schema.columns:
        parts = [f'type = "{column.type}"']
        # Not the bounds of times: the next row would break them.
        if bounds and column.type in {"int", "float"} and not column.reason:
            parts += [f"{bound} = {json.dumps(value)}" for bound in ("min", "max")
                      if (value := getattr(column, bound)) is not None]  # fmt: skip
        if column.values is not None and len(column.values) <= 20 and not column.pii:
            parts.append(f"values = {json.dumps(list(column.values), ensure_ascii=False)}")
        if not column.nullable:
            parts.append("nullable = false")
        if column.pii:
            parts.append("pii = true")
        lines.append(f"{write_key(column.name)} = {{ {', '.join(parts)} }}")
    return "\n".join(lines)
