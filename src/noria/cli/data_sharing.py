"""``noria data push`` and ``pull``: versions to a place colleagues can reach, and from there."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, many, print_json, workspace
from noria.cli.versions import found_version
from noria.errors import Conflict, WrongArgument, WrongSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from noria.datasets.folder_version import FolderVersion
    from noria.datasets.shared_tags import SharedTags, TagMove
    from noria.datasets.sharing import Shared, Sharing
    from noria.datasets.version import DatasetVersion
    from noria.governance.remote_erasure import RemoteErasure
    from noria.store.remote import Remote
    from noria.workspace import Workspace

__all__ = ["pull", "push", "remote_of"]

_SECONDS_BETWEEN = 2.0
_as = click.option("--as", "name", metavar="NAME", help="Give the version to a dataset of another name.")
_remote = click.option("--remote", metavar="ADDRESS", help="Instead of what [store] remote in noria.toml says.")


@click.command()
@click.argument("refs", nargs=-1, metavar="[REF]…")
@_as
@_remote
@as_json
def push(refs: tuple[str, ...], name: str | None, remote: str | None, json_output: bool) -> None:
    """Bring versions to the remote: NAME@NUMBER, or NAME for its newest; the newest of each dataset without any.

    What is there already is not sent again; call it again to go on where it was cut off. A version there is never
    replaced: another one of the same name and number is a conflict, and leaves with 4. So does a tag that was moved
    here and there; one that was moved here only moves there.
    """
    opened = workspace()
    sharing, erasing = _sharing(opened, remote)
    _one(refs, name)
    if why := _settled(opened, erasing, note=remote is None):
        click.echo(f"people who were erased here are still on the remote: {why}", err=True)
    versions = [found_version(opened, ref) for ref in refs] if refs else _newest(opened)
    _tell(
        (sharing.push(version, name=name) for version in versions),
        "pushed",
        [] if name else list(dict.fromkeys(version.name for version in versions)),
        _tags(opened, sharing).push,
        json_output=json_output,
    )


@click.command()
@click.argument("refs", nargs=-1, metavar="[REF]…")
@_as
@_remote
@as_json
def pull(refs: tuple[str, ...], name: str | None, remote: str | None, json_output: bool) -> None:
    """Bring versions from the remote: NAME@NUMBER, NAME@TAG or NAME for its newest; the newest of each without any.

    Every byte is checked before it counts. Call it again to go on where it was cut off. Tags that were moved there
    move here; one that was moved here and there is a conflict, and leaves with 4.
    """
    opened = workspace()
    sharing, erasing = _sharing(opened, remote)
    _one(refs, name)
    if why := _settled(opened, erasing, note=remote is None):
        raise Conflict(
            "people who were erased here are still on the remote, and would come back",
            why=why,
            mend="noria data erase --finish" + (f" --remote {remote}" if remote else ""),
            code="N-GOVERNANCE-024",
        )
    tags = _tags(opened, sharing)
    wanted = [_parted(ref, tags) for ref in refs] or [(called, None) for called in dict(sharing.refs())]
    _tell(
        (_pulled(opened, sharing, *one, name=name) for one in wanted),
        "pulled",
        [] if name else list(dict.fromkeys(called for called, _ in wanted)),
        tags.pull,
        json_output=json_output,
    )


def _sharing(opened: Workspace, address: str | None) -> tuple[Sharing, RemoteErasure]:
    from noria.cli.erasing import places_of
    from noria.datasets.sharing import Sharing
    from noria.governance.remote_erasure import RemoteErasure

    remote, tell = remote_of(opened, address), _progress()
    erasing = RemoteErasure(places_of(opened), remote, at=datetime.now(UTC), tell=tell)
    sharing = Sharing(opened.datasets, opened.blobs, remote, opened.store, tell=tell, guard=erasing.guard)
    return sharing, erasing


def remote_of(opened: Workspace, address: str | None = None) -> Remote:
    """Open the remote of a project.

    Raises
    ------
    WrongSetting
        It has none.
    """
    from noria.store.remotes import open_remote

    address = address or opened.project.settings.store.remote
    if address is None:
        raise WrongSetting(
            "no remote is set, so there is nowhere to share versions",
            mend='[store]\nremote = "s3://bucket/prefix"     in noria.toml; or file:///folder, or --remote ADDRESS',
            code="N-DATA-084",
        )
    return open_remote(address)


def _settled(opened: Workspace, erasing: RemoteErasure, *, note: bool) -> str:
    """Learn whom colleagues have erased, and do there what was erased here; give the reason where that has to wait."""
    from noria.cli.erasing import places_of
    from noria.governance.erasure import settle_there

    new = erasing.learn()
    if new:
        click.echo(f"people whom colleagues have erased, and whose rows no run reads any more: {new}", err=True)
    if erasing.is_behind():
        click.echo(
            "noria data erase --finish     takes people whom colleagues have erased out of this project", err=True
        )
        # Nothing is done there before that: those who are out of this project already would come back.
        return "others are to be taken out of this project first" if erasing.may_return() else ""
    return settle_there(places_of(opened), at=datetime.now(UTC), remote=erasing.remote, note=note).waits


def _pulled(opened: Workspace, sharing: Sharing, dataset: str, number: int | None, *, name: str | None) -> Shared:
    from noria.cli.erasing import places_of
    from noria.governance.search import let_go

    done = sharing.pull(dataset, number, name=name)
    if done.gone:
        let_go(places_of(opened), done.gone)
    return done


def _newest(opened: Workspace) -> list[DatasetVersion | FolderVersion]:
    catalog = opened.datasets.folders.catalog
    folders = [version for name in catalog.names() if (version := catalog.latest(name)) is not None]
    return [*(opened.datasets.get(name) for name in opened.datasets.names()), *folders]


def _one(refs: tuple[str, ...], name: str | None) -> None:
    if name is not None and len(refs) != 1:
        raise WrongArgument(
            f"--as takes one version, not {len(refs)}",
            mend=f"noria data push NAME@NUMBER --as {name}",
            code="N-DATA-085",
        )


def _tags(opened: Workspace, sharing: Sharing) -> SharedTags:
    from noria.datasets.shared_tags import SharedTags

    return SharedTags(opened.datasets, opened.database, sharing.catalog)


def _parted(ref: str, tags: SharedTags) -> tuple[str, int | None]:
    name, separator, number = ref.rpartition("@")
    if not separator:
        return ref, None
    if not name or not number or number in ("latest", "previous"):  # which mean versions that are here
        raise WrongArgument(
            f"{ref!r} is no version on a remote",
            mend="NAME@NUMBER, NAME@TAG, or NAME for the newest",
            code="N-DATA-086",
        )
    return name, int(number) if number.isdecimal() else tags.number(name, number)


def _progress() -> Callable[[int, int], None]:
    told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _SECONDS_BETWEEN:
            told = time.monotonic()
            click.echo(f"  {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", err=True)

    return tell


def _tell(
    shared: Iterable[Shared],
    did: str,
    names: Sequence[str],
    share_tags: Callable[[str], list[TagMove]],
    *,
    json_output: bool,
) -> None:
    from noria.datasets.shared_tags import conflict_of

    told: list[dict[str, object]] = []
    for one in shared:
        told.append({"ref": one.ref, "new": one.new, "files": one.files, "bytes": one.bytes})
        if not json_output:
            size = f": {many(one.files, 'file')}, {many(one.bytes, 'byte')}" if one.files else ""
            click.echo(f"{did} {one.ref}{size}" if one.new or one.files else f"{one.ref} is there already")
    empty = not told
    moves = [move for name in names for move in share_tags(name)]
    for move in moves:
        told.append(vars(move))
        if not json_output and move.state != "conflict":
            _tell_tag(move, did)
    if json_output:
        print_json(told)
    elif empty:
        click.echo(
            "no dataset has been recorded yet: noria run, or noria data add FOLDER"
            if did == "pushed"
            else "the remote is empty",
            err=True,
        )
    conflicts = [move for move in moves if move.state == "conflict"]
    if conflicts:
        raise conflict_of(conflicts)


def _tell_tag(move: TagMove, did: str) -> None:
    ref = f"{move.name}@{move.tag}"
    if move.state == "waits":
        click.echo(f"{ref} is not {did}: {move.why}", err=True)
        return
    now = move.there if did == "pushed" else move.here
    was = f" (was {move.name}@{move.before})" if move.before is not None else ""
    click.echo(f"{did} {ref}: {'no more' if now is None else f'{move.name}@{now}'}{was}")
