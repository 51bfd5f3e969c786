"""``noria models``: versions, and which one is the champion."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.approving import approve, asked_for, reject, requests, tell_request
from noria.cli.compiling import compile_version
from noria.cli.converting import convert
from noria.cli.onnx import export_version
from noria.cli.opening import as_json, print_json, print_table, workspace

if TYPE_CHECKING:
    from noria.registry.aliases import AliasMove
    from noria.registry.verdicts import Judgement
    from noria.registry.version import ModelVersion
    from noria.workspace import Workspace

__all__ = ["models"]

_reason = click.option("--reason", help="Why; it is kept in the history. Asked for when left out.")
_actor = click.option("--actor", default=getpass.getuser, show_default="you", help="Who.")


@click.group()
def models() -> None:
    """Model versions: list, show, compare, promote, approve, compile, convert, export, rollback.

    A version is written NAME@3, NAME@champion or NAME@latest; in a project with one model 3 or champion is enough.
    """


models.add_command(approve)
models.add_command(reject)
models.add_command(requests)
models.add_command(compile_version)
models.add_command(convert)
models.add_command(export_version)


@models.command("list")
@click.argument("name", required=False)
@as_json
def list_(name: str | None, json_output: bool) -> None:
    """List versions, newest first, with their gates and aliases."""
    opened = workspace()
    names = (name,) if name else opened.registry.models()
    if name and not opened.registry.versions(name):
        opened.registry.get(name)  # tells that it is not there, and what is near
    if not names and not json_output:
        click.echo("no model yet: `noria run` trains and registers one", err=True)
        return
    found = [version for each in names for version in opened.registry.versions(each)]
    if json_output:
        print_json([_as_dict(opened, version) for version in found])
        return
    aliases = {each: opened.aliases.all(each) for each in names}
    print_table(
        ("version", "alias", "gates", "family", "metrics", "data", "commit", "created"),
        [
            (
                version.ref,
                ", ".join(alias for alias, number in aliases[version.model].items() if number == version.number),
                _gates(opened.verdicts.of(version)),
                version.family,
                _metrics(version, limit=3),
                version.dataset,
                _commit(version),
                f"{version.created:%Y-%m-%d %H:%M}",
            )
            for version in found
        ],
        spare=(("commit",), ("created",)),
        whole=("version", "data"),
    )


@models.command()
@click.argument("ref")
@as_json
def show(ref: str, json_output: bool) -> None:
    """Show one version: where it comes from, how good it is, what it accepts."""
    opened = workspace()
    version = _resolve(opened, ref)
    if json_output:
        print_json(_as_dict(opened, version) | {"signature": version.signature, "history": _history(opened, version)})
        return
    judgement = opened.verdicts.of(version)
    aliases = [alias for alias, number in opened.aliases.all(version.model).items() if number == version.number]
    facts = [
        ("version", version.ref + (f"  ({', '.join(aliases)})" if aliases else "")),
        ("model", f"{version.family}, {version.task}"),
        ("created", f"{version.created:%Y-%m-%d %H:%M} UTC by run {version.run_id}"),
        ("data", f"{version.dataset}  {version.data_digest[:12]}"),
        ("code", _commit(version) or "not in git"),
        ("digest", version.model_digest[:12]),
        ("answers", _answering(opened, version)),
        *_decides(version),
        ("params", ", ".join(f"{key}={value}" for key, value in sorted(version.params.items())) or "–"),
        ("files", ", ".join(sorted(version.files))),
    ]
    if version.origin != "noria":
        facts[-1:-1] = [("source", version.source), ("unsafe", version.unsafe or "–")]
    for name, value in facts:
        click.echo(f"{click.style(name.ljust(8), bold=True)} {value}")
    click.echo()
    print_table(("metric", "value", "95 % interval"), [_estimate(*item) for item in _by_weight(version)], right=(1,))
    click.echo()
    if judgement is None:
        click.echo("gates: never judged")
    else:
        print_table(
            ("gate", "verdict", ""),
            [
                (verdict.get("gate"), "passed" if verdict.get("passed") else "FAILED", verdict.get("message", ""))
                for verdict in judgement.verdicts
            ],
        )
    click.echo()
    print_table(("column", "type", "missing", "accepts"), [_column(column) for column in _columns(version)])
    moves = _moves(opened, version)
    if moves:
        click.echo()
        print_table(
            ("when", "alias", "from", "to", "who", "why"),
            [(f"{move.at:%Y-%m-%d %H:%M}", move.alias, move.old, move.new, move.actor, _why(move)) for move in moves],
        )


def _answering(opened: Workspace, version: ModelVersion) -> str:
    from noria.scoring.proof.files import CHECK, FOLDER, told_of

    if version.origin != "noria":
        return "never: it is another client's"
    path = FOLDER + CHECK
    found = {path: opened.registry.file(version, path)} if path in version.files else {}
    return told_of(found | dict.fromkeys(version.files.keys() - {path}, b""))


@models.command()
@click.argument("first")
@click.argument("second")
@as_json
def compare(first: str, second: str, json_output: bool) -> None:
    """Show what differs between two versions: metrics, data, code, parameters, libraries."""
    from noria.registry.comparison import compare as differences

    opened = workspace()
    one, other = _resolve(opened, first), _resolve(opened, second)
    found = differences(one, other, equal=True)
    if json_output:
        print_json(
            {
                "first": one.ref,
                "second": other.ref,
                "differences": [
                    {"kind": d.kind, "name": d.name, "first": d.first, "second": d.second, "change": d.change}
                    for d in found
                ],
            }
        )
        return
    if not found:
        click.echo(f"{one.ref} and {other.ref} differ in nothing that is recorded")
        return
    print_table(
        ("", "", one.ref, other.ref, "change"),
        [
            (d.kind, d.name, _plain(d.first), _plain(d.second), None if d.change is None else f"{d.change:+.4g}")
            for d in found
        ],
        right=(2, 3, 4),
    )


@models.command()
@click.argument("ref")
@click.option("--alias", default="champion", show_default=True, help="Which alias to move.")
@click.option("--override", metavar="REASON", help="Overrule failed gates; the reason is kept.")
@_reason
@_actor
@as_json
def promote(ref: str, alias: str, override: str | None, reason: str | None, actor: str, json_output: bool) -> None:
    """Make a version the champion; servers follow within a second.

    Refused when a gate failed or none was judged, unless --override says why it may be all the same. Where [deploy]
    approvals says so, this asks for it, and others agree: noria models approve.
    """
    from noria.registry.promotion import GATED_ALIASES, approvals_needed
    from noria.registry.promotion import promote as move

    opened = workspace()
    version = _resolve(opened, ref)
    if opened.aliases.current(version.model, alias) == version.number:
        click.echo(f"{version.ref} is {alias} already", err=True)
        if json_output:
            print_json({"model": version.model, "alias": alias, "old": version.number, "new": version.number})
        return
    needed = approvals_needed(opened.registry, version)
    if needed and alias in GATED_ALIASES:
        asked = opened.approvals.request(
            version.model,
            version.number,
            alias=alias,
            actor=actor,
            reason=asked_for(reason),
            override=override,
            at=datetime.now(UTC),
        )
        tell_request(asked, needed=needed, json_output=json_output)
        return
    moved = move(
        opened.registry,
        version.model,
        version.number,
        alias=alias,
        actor=actor,
        reason=asked_for(reason),
        override=override,
        at=datetime.now(UTC),
    )
    _tell(moved, json_output=json_output)


@models.command()
@click.argument("name", required=False)
@click.option("--alias", default="champion", show_default=True, help="Which alias to move.")
@_reason
@_actor
@as_json
def rollback(name: str | None, alias: str, reason: str | None, actor: str, json_output: bool) -> None:
    """Go back to the champion before the present one."""
    from noria.registry.promotion import rollback as back

    opened = workspace()
    model = name or opened.project.name
    moved = back(opened.registry, model, alias=alias, actor=actor, reason=asked_for(reason), at=datetime.now(UTC))
    _tell(moved, json_output=json_output)


def _resolve(opened: Workspace, text: str) -> ModelVersion:
    return opened.registry.resolve(text, model=opened.project.name)


def _tell(move: AliasMove, *, json_output: bool) -> None:
    if json_output:
        print_json(_move(move))
        return
    came = f", before version {move.old}" if move.old is not None else ""
    click.echo(f"{move.model}@{move.alias} is version {move.new}{came}")


def _as_dict(opened: Workspace, version: ModelVersion) -> dict[str, object]:
    judgement = opened.verdicts.of(version)
    aliases = opened.aliases.all(version.model)
    return {
        "model": version.model,
        "version": version.number,
        "aliases": [alias for alias, number in aliases.items() if number == version.number],
        "created": version.created.isoformat(),
        "run": version.run_id,
        "task": version.task,
        "family": version.family,
        "dataset": version.dataset,
        "data_digest": version.data_digest,
        "model_digest": version.model_digest,
        "code": {"commit": version.code_commit, "clean": version.code_clean},
        "environment": dict(version.environment),
        "params": dict(version.params),
        "metrics": dict(version.metrics),
        "gates": None if judgement is None else [dict(verdict) for verdict in judgement.verdicts],
        "passed": None if judgement is None else judgement.passed,
        "files": dict(version.files),
        "tags": dict(version.tags),
        "description": version.description,
        "stage": version.stage,
        "origin": version.origin,
        "source": version.source,
        "unsafe": version.unsafe,
        "user": version.user_id,
    }


def _moves(opened: Workspace, version: ModelVersion) -> list[AliasMove]:
    moves = opened.aliases.history(version.model)
    return [move for move in moves if version.number in (move.old, move.new)]


def _history(opened: Workspace, version: ModelVersion) -> list[dict[str, object]]:
    return [_move(move) for move in _moves(opened, version)]


def _move(move: AliasMove) -> dict[str, object]:
    return {**{name: getattr(move, name) for name in move.__dataclass_fields__}, "at": move.at.isoformat()}


def _why(move: AliasMove) -> str:
    return f"{move.kind}: {move.reason}" + (f" (gates overruled: {move.override})" if move.override else "")


def _gates(judgement: Judgement | None) -> str:
    if judgement is None:
        return "–"
    failed = len(judgement.failed)
    return "passed" if not failed else f"{failed} of {len(judgement.verdicts)} failed"


def _commit(version: ModelVersion) -> str:
    if version.code_commit is None:
        return ""
    return version.code_commit[:10] + ("" if version.code_clean else " + changes")


def _by_weight(version: ModelVersion) -> list[tuple[str, object]]:
    """Give the metrics, the one the version was chosen by first, then in the order of the catalogue."""
    from noria.evaluation.catalogue import DEFINITIONS

    order = [version.tags.get("metric", ""), *DEFINITIONS]
    ranks = {name: rank for rank, name in reversed(list(enumerate(order)))}
    return sorted(version.metrics.items(), key=lambda item: ranks.get(item[0], len(order)))


def _metrics(version: ModelVersion, *, limit: int) -> str:
    shown = _by_weight(version)[:limit]
    return "  ".join(f"{name} {_plain(value)}" for name, value in shown)


def _plain(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("value")
    if value is None:
        return None
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _estimate(name: str, value: object) -> tuple[object, ...]:
    if not isinstance(value, Mapping):
        return name, _plain(value), None
    low, high = _plain(value.get("low")), _plain(value.get("high"))
    return name, _plain(value), None if low is None or high is None else f"{low} to {high}"


def _decides(version: ModelVersion) -> list[tuple[str, str]]:
    threshold, positive = version.signature.get("threshold"), version.signature.get("positive")
    called = "the positive class" if positive is None else positive
    return [] if threshold is None else [("decides", f"{called} from a probability of {threshold:.4g} on")]


def _columns(version: ModelVersion) -> list[Mapping[str, object]]:
    columns = version.signature.get("columns", [])
    return columns if isinstance(columns, list) else []


def _column(column: Mapping[str, object]) -> tuple[object, ...]:
    categories = column.get("categories")
    accepts = ""
    if isinstance(categories, list):
        accepts = ", ".join(map(str, categories[:8])) + (
            f" and {len(categories) - 8} more" if len(categories) > 8 else ""
        )
    elif column.get("min") is not None:
        accepts = f"{_plain(column.get('min'))} to {_plain(column.get('max'))}"
    return column.get("name"), column.get("type"), column.get("missing"), accepts
