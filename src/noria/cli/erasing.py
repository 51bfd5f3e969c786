"""``noria data erase``, ``erasures``, ``expire`` and ``lineage``: whose rows are where, and how they go."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import click

from noria.cli.opening import as_json, many, print_json, print_table, workspace
from noria.cli.versions import table_version
from noria.errors import WrongArgument, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from noria.governance.erased import Erasure
    from noria.governance.lineage import Used
    from noria.governance.search import Places
    from noria.workspace import Workspace

__all__ = ["erase", "erasures", "expire", "lineage", "places_of"]


@click.command()
@click.option("--subject", help="Who, as the data name them; - reads it from standard input.")
@click.option("--column", help="Column that names people; [data] group, or the key, when left out.")
@click.option("--reason", help="Why; kept with the certificate. Needed to go through with it.")
@click.option("--actor", default=getpass.getuser, show_default="you", help="Who does it.")
@click.option("--yes", is_flag=True, help="Go through with it; without it nothing is changed.")
@click.option("--finish", is_flag=True, help="Do what is left of every erasure, also of those of colleagues.")
@click.option("--remote", metavar="ADDRESS", help="With --finish: instead of what [store] remote in noria.toml says.")
@as_json
def erase(
    subject: str | None,
    column: str | None,
    reason: str | None,
    actor: str,
    yes: bool,
    finish: bool,
    remote: str | None,
    json_output: bool,
) -> None:
    """Take all rows of one person out of everything stored, and let none in again.

    Dataset versions keep their numbers and digests; the rows in them, in what steps have kept, in messages of brokers
    and in the log of answers go for good, with the labels; on the remote as well, or as soon as it can be reached.
    Versions of models that learned from them are named. What comes in later is held against a list of pseudonyms,
    which colleagues get with their next push or pull.
    """
    from noria.governance import erasure

    if finish:
        _finish(remote, json_output=json_output)
        return
    if remote is not None:
        raise WrongArgument(
            "--remote goes with --finish: a person is erased from the remote that [store] names",
            mend=f"noria data erase --finish --remote {remote}     once the erasure is done here",
            code="N-GOVERNANCE-015",
        )
    who = sys.stdin.readline().rstrip("\n") if subject == "-" else subject
    if not who:
        raise WrongArgument("no person is named", mend="noria data erase --subject ID", code="N-GOVERNANCE-010")
    opened = workspace()
    named = column or _column(opened)
    if not yes:
        plan = erasure.look(places_of(opened), named, who)
        if json_output:
            print_json({"column": named, **plan.to_json()})
            return
        if plan.is_empty:
            click.echo(f"nothing stored names that person in column {named}; --column NAME looks in another", err=True)
            return
        _show(plan.to_json())
        if opened.project.settings.store.remote:
            click.echo("  versions on the remote that have such rows are written anew as well", err=True)
        click.echo(f'nothing was changed: noria data erase --subject … --column {named} --reason "…" --yes', err=True)
        return
    if not reason:
        raise WrongArgument(
            "a reason is needed", mend='noria data erase --subject ID --reason "asked for on …" --yes',
            code="N-GOVERNANCE-011",
        )  # fmt: skip
    done = erasure.erase(places_of(opened), named, who, actor=actor, reason=reason, at=datetime.now(UTC))
    if json_output:
        print_json(done.to_json())
        return
    _end(done)
    click.echo("the source still has the rows; noria leaves them out from now on", err=True)


def _finish(address: str | None, *, json_output: bool) -> None:
    from noria.governance.erasure import finish
    from noria.store.remotes import open_remote

    opened = workspace()
    remote = None if address is None else open_remote(address)
    done = finish(places_of(opened), at=datetime.now(UTC), remote=remote)
    if json_output:
        print_json([each.to_json() for each in done.erasures])
    else:
        for each in done.erasures:
            _end(each)
    if done.erasures and remote is None:
        return  # their certificates tell what came of it there
    if not json_output:
        _written_there(done.there.versions)
    if done.there.waits:
        _left_there(address or opened.project.settings.store.remote, done.there.waits, address)
    elif not json_output and not done.erasures and not done.there.versions:
        click.echo("nothing is left to do", err=True)


def _end(erasure: Erasure) -> None:
    certificate = erasure.certificate or {}
    _show(certificate)
    there = cast("Mapping[str, object]", certificate.get("remote", {}))
    _written_there(cast("Sequence[str]", there.get("versions", ())))
    if there.get("waits"):
        _left_there(there["address"], there["waits"])
    state = "is done" if erasure.done else "is not done yet"
    click.echo(f"erasure {erasure.id[:8]} {state}: {erasure.subject} in {erasure.column}")


def _written_there(refs: Sequence[str]) -> None:
    for ref in refs:
        click.echo(f"  written anew on the remote: {ref}")


def _left_there(address: object, why: object, named: str | None = None) -> None:
    option = "" if named is None else f" --remote {named}"
    click.echo(
        f"  left: {address}, where its versions still are as they were: {why}\n"
        f"        the next noria data push or pull{option} does it, or: noria data erase --finish{option}",
        err=True,
    )


@click.command()
@click.argument("ref", required=False)
@click.option("--where", metavar="COLUMN=VALUE", help="Which rows: every dataset version that has them is named.")
@as_json
def lineage(ref: str | None, where: str | None, json_output: bool) -> None:
    """Say where a dataset version came from, and which models saw it, or certain rows of it."""
    from noria.governance.lineage import of_rows, of_version

    opened = workspace()
    if where is None:
        found: tuple[Used, ...] = (of_version(table_version(opened, ref), opened.registry, opened.aliases),)
    else:
        column, sign, value = where.partition("=")
        if not sign or not column or ref is not None:
            raise WrongArgument(
                f"--where {where!r} does not say which rows" if ref is None else "rows are looked for in all versions",
                mend="noria data lineage --where customer_id=C007",
                code="N-GOVERNANCE-013",
            )
        found = of_rows(opened.datasets, opened.registry, opened.aliases, opened.store, column, value)
    if json_output:
        print_json([each.to_json() for each in found])
        return
    if not found and where is not None:
        _refuse_unknown_column(opened, where.partition("=")[0])
        click.echo(f"no dataset version has rows with {where}", err=True)
        return
    print_table(
        ("version", "rows", "from", "brought by", "seen by"),
        [_seen(each) for each in found],
        right=(1,),
    )


def _refuse_unknown_column(opened: Workspace, column: str) -> None:
    datasets = opened.datasets
    versions = [version for name in datasets.names() for version in datasets.versions(name)]
    known = sorted({name for version in versions for name in version.schema.names})
    if versions and column not in known:
        raise WrongArgument(
            f"no dataset version has a column {column!r}",
            why=f"columns: {', '.join(known[:40])}",
            mend=did_you_mean(column, known) or "noria data show",
            code="N-GOVERNANCE-014",
        )


@click.command()
@as_json
def erasures(json_output: bool) -> None:
    """List the people who were erased, by pseudonym, with what was taken out."""
    from noria.governance.erased import history

    opened = workspace()
    found = history(opened.database, opened.project.name)
    if json_output:
        print_json([each.to_json() for each in found])
        return
    if not found:
        click.echo("nobody was erased", err=True)
        return
    print_table(
        ("erasure", "when", "column", "subject", "state", "by", "reason"),
        [(*_about(each), _state(each), each.actor, each.reason) for each in found],
    )


@click.command()
@click.option("--yes", is_flag=True, help="Go through with it; without it nothing is changed.")
@as_json
def expire(yes: bool, json_output: bool) -> None:
    """Let go of answers and logs that are older than [retention] allows; noria up does so once a day."""
    from noria.governance import retention

    opened = workspace()
    settings = opened.project.settings.retention
    found = retention.expire(
        settings, log=opened.predictions, database=opened.database, store=opened.store, now=datetime.now(UTC),
        dry=not yes,
    )  # fmt: skip
    if json_output:
        print_json(vars(found))
        return
    if settings.predictions is None and settings.logs is None:
        click.echo('everything is kept for ever: [retention] predictions = "90d"', err=True)
        return
    click.echo(
        f"{found.predictions:,} answers of {found.days} days, {found.labels:,} labels, logs of {found.logs} runs"
    )
    if not yes and any(vars(found).values()):
        click.echo("nothing was changed: noria data expire --yes", err=True)


def _seen(found: Used) -> tuple[str, str, str, str, str]:
    version = found.version
    models = [f"{use.model} ({', '.join(use.aliases)})" if use.aliases else use.model for use in found.models]
    by = f"run {version.run_id[:8]}" if version.run_id else "–"
    return version.ref, f"{found.rows:,}", version.source, by, ", ".join(models) or "no model"


def _state(each: Erasure) -> str:
    if each.done:
        return "done"
    waits = cast("Sequence[str]", (each.certificate or {}).get("waits_for", ()))
    return f"waits for the {' and '.join(waits)}" if waits else "to be finished"


def _about(each: Erasure) -> tuple[str, str, str, str]:
    return each.id[:8], f"{each.begun:%Y-%m-%d %H:%M}", each.column, each.subject


def _column(opened: Workspace) -> str:
    data = opened.project.settings.data
    if data.group is not None:
        return data.group
    if len(data.key) == 1:
        return data.key[0]
    raise WrongArgument(
        "which column names a person is not known",
        why="[data] has no group, and " + ("no key" if not data.key else "a key of several columns"),
        mend="noria data erase --column NAME …",
        code="N-GOVERNANCE-012",
    )


def places_of(opened: Workspace) -> Places:
    """Say where a project may hold rows of people."""
    from noria.governance.search import Places

    return Places(
        project=opened.project.name,
        store=opened.store,
        database=opened.database,
        blobs=opened.blobs,
        datasets=opened.datasets,
        registry=opened.registry,
        artifacts=opened.artifacts,
        log=opened.predictions,
        remote=opened.project.settings.store.remote,
        names=opened.project.settings.clean.rename,
    )


def _show(found: Mapping[str, object]) -> None:
    for ref, rows in cast("Mapping[str, int]", found["versions"]).items():
        click.echo(f"  {many(rows, 'row')} of {ref}")
    click.echo(f"  {found['results']} tables that steps have kept")
    click.echo(f"  {found['predictions']} answers, {found['labels']} labels")
    if found["messages"]:
        click.echo(f"  {found['messages']} messages of brokers")
    for ref in cast("Sequence[str]", found["models"]):
        click.echo(f"  learned from them: {ref}")
    if found["models"]:
        click.echo("  left: those versions, with the few rows that prove each: noria run, then promote", err=True)
    for text in cast("Sequence[str]", found["left"]):
        click.echo(f"  left: {text}", err=True)
