"""``noria data tag`` and ``remove``: names for versions, and versions that go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, many, print_json, print_table, workspace
from noria.cli.versions import found_version, is_table
from noria.errors import WrongArgument

if TYPE_CHECKING:
    from noria.workspace import Workspace

__all__ = ["remove", "tag"]


@click.command()
@click.argument("ref", required=False)
@click.argument("name", required=False)
@click.option("--remove", "away", is_flag=True, help="Take the tag away.")
@click.option(
    "--take",
    type=click.Choice(("theirs", "mine")),
    help="Where it was moved here and on the remote: theirs counts here, or mine there with the next push.",
)
@as_json
def tag(ref: str | None, name: str | None, away: bool, take: str | None, json_output: bool) -> None:
    """Give a version a name, such as prod: NAME@prod means it from then on. Without NAME, list the tags.

    A tag that is there already is moved.
    """
    opened = workspace()
    if take is not None:
        _take(opened, ref, name, take, json_output=json_output)
        return
    if ref is None or (name is None and not away):
        found = opened.datasets.tags.all(None if ref is None else ref.partition("@")[0])
        if json_output:
            print_json(found)
        elif not found:
            if ref is not None:
                found_version(opened, ref)  # a name that there is none of is told
            click.echo("no version has a tag yet: noria data tag REF NAME", err=True)
        else:
            print_table(
                ("dataset", "tag", "version"),
                [(dataset, one, number) for dataset, tags in found.items() for one, number in tags.items()],
                right=(2,),
            )
        return
    if name is None:
        raise WrongArgument("which tag is to go?", mend="noria data tag DATASET TAG --remove", code="N-DATA-066")
    if away:
        dataset = ref.partition("@")[0]
        opened.datasets.tags.remove(dataset, name)
        print_json({"name": dataset, "removed": name}) if json_output else click.echo(f"{dataset}@{name} is no more")
        return
    version, before = opened.datasets.tag(found_version(opened, ref).ref, name)
    if json_output:
        print_json({"name": version.name, "tag": name, "number": version.number, "before": before})
        return
    moved = f" (was {version.name}@{before})" if before not in (None, version.number) else ""
    click.echo(f"{version.name}@{name} is {version.ref}{moved}")


def _take(opened: Workspace, ref: str | None, name: str | None, whose: str, *, json_output: bool) -> None:
    from noria.cli.data_sharing import remote_of
    from noria.datasets.remote_catalog import RemoteCatalog
    from noria.datasets.shared_tags import SharedTags

    if ref is None or name is None:
        raise WrongArgument("which tag?", mend=f"noria data tag DATASET TAG --take {whose}", code="N-DATA-066")
    tags = SharedTags(opened.datasets, opened.database, RemoteCatalog(remote_of(opened)))
    dataset = ref.partition("@")[0]
    done = tags.take(dataset, name, "theirs" if whose == "theirs" else "mine")
    if json_output:
        print_json(vars(done))
        return
    now = "no more" if done.here is None else f"{dataset}@{done.here}"
    click.echo(f"{dataset}@{name} is {now}" + ("" if whose == "theirs" else f"; to tell: noria data push {dataset}"))


@click.command()
@click.argument("ref")
@click.option("--yes", is_flag=True, help="Really remove it.")
@click.option("--remote", is_flag=True, help="From the remote instead of from here; nobody brings it there again.")
@as_json
def remove(ref: str, yes: bool, remote: bool, json_output: bool) -> None:
    """Remove a version of a folder; what only it holds goes with `noria data gc`, a day later.

    Its number is not given again. A tagged version stays.
    """
    opened = workspace()
    if remote:
        _remove_there(opened, ref, yes=yes, json_output=json_output)
        return
    version = found_version(opened, ref)
    if is_table(version) or "@" not in ref:
        raise WrongArgument(
            f"{ref} names no version of a folder",
            why="" if not is_table(version) else "versions of tables stay: runs and models name them",
            mend="noria data erase --subject ID     takes the rows of one person out of all of them"
            if is_table(version)
            else f"say which: noria data remove {version.name}@NUMBER     noria data log {version.name} lists them",
            code="N-DATA-067",
        )
    if yes:
        opened.datasets.folders.catalog.remove(version)
    if json_output:
        print_json({"ref": version.ref, "removed": yes})
    elif yes:
        click.echo(f"{version.ref} is removed")
    else:
        click.echo(
            f"{version.ref}, {many(version.files, 'file')}, would be removed by: noria data remove {ref} --yes",
            err=True,
        )


def _remove_there(opened: Workspace, ref: str, *, yes: bool, json_output: bool) -> None:
    from noria.cli.data_sharing import remote_of
    from noria.datasets.sharing import Sharing

    found = remote_of(opened)
    name, _, number = ref.rpartition("@")
    if not name or not number.isdecimal():
        raise WrongArgument(f"{ref} names no version of a folder", mend="write NAME@NUMBER", code="N-DATA-067")
    if yes:
        Sharing(opened.datasets, opened.blobs, found, opened.store).remove(name, int(number))
    if json_output:
        print_json({"ref": ref, "remote": found.address, "removed": yes})
    elif yes:
        click.echo(f"{ref} is removed from {found.address}; what only it needs goes with noria data gc --remote")
    else:
        click.echo(f"{ref} would be removed from {found.address} by: noria data remove {ref} --remote --yes", err=True)
