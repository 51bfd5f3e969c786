"""``noria report``: one version told whole, or this run beside the one another commit recorded."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from noria.cli.opening import as_json, print_json, workspace
from noria.errors import NotFound, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noria.workspace import Workspace

__all__ = ["report"]


@click.command()
@click.argument("version", default="latest")
@click.option("--against", metavar="REF", help="A git commit, branch or tag: compare noria.lock with the one there.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Write one self-contained page."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the Markdown here instead of printing it."
)
@as_json
def report(version: str, against: str | None, html_file: Path | None, out: Path | None, json_output: bool) -> None:
    """Tell how VERSION (a number or an alias; the latest when left out) was made and how good it is, as Markdown.

    With --against REF: compare what the last run recorded in noria.lock with what the lock says at REF: metrics,
    gates, data, parameters. Nothing is trained; made for the comment on a pull request.
    """
    from noria.store.files import write_atomic

    ws = workspace()
    if against is not None:
        if html_file is not None:
            raise WrongArgument(
                "--html tells one version; a comparison is Markdown",
                mend=f"noria report --against {against} --out report.md",
                code="N-REPORT-001",
            )
        base, head = _locks(ws.root, against)
        if json_output:
            print_json({"base": base, "head": head})
            return
        from noria.evaluation.compare import markdown

        text = markdown(base, head, project=ws.project.name, base_name=against)
    else:
        from noria.evaluation import report as told
        from noria.steps.facts import facts

        known = facts(ws.registry, ws.verdicts, ws.registry.get(ws.project.name, _which(version, ws)))
        if json_output:
            print_json(known)
            return
        if html_file is not None:
            write_atomic(html_file.absolute(), told.html(known))
            click.echo(f"wrote {html_file}", err=True)
            return
        text = told.markdown(known)
    if out is not None:
        write_atomic(out.absolute(), text)
        click.echo(f"wrote {out}", err=True)
    else:
        click.echo(text)


def _which(text: str, ws: Workspace) -> int | str:
    from noria.registry.version import parse_ref

    return parse_ref(text, model=ws.project.name).which if text != "latest" else "latest"


def _locks(root: Path, ref: str) -> tuple[Mapping[str, object] | None, Mapping[str, object]]:
    """Read the lock at a commit and the one here."""
    from noria.steps.lock import LOCK, load_lock, read_lock

    head = load_lock(root)
    if head is None:
        raise NotFound(f"there is no {LOCK} here", mend="noria run        writes it", code="N-REPORT-002")
    if _git(root, "rev-parse", "--git-dir").returncode != 0:
        raise NotFound(
            f"{root} is not in git, so there is no other commit to compare with",
            mend='git init && git add -A && git commit -m "Begin"',
            code="N-REPORT-005",
        )
    known = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if known.returncode != 0:
        raise NotFound(
            f"git knows no commit {ref!r} here",
            why=known.stderr.strip(),
            mend="git fetch origin       brings what a shallow clone lacks\ngit branch --all       lists what there is",
            code="N-REPORT-003",
        )
    found = _git(root, "show", f"{known.stdout.strip()}:./{LOCK}")
    return (read_lock(found.stdout, f"{LOCK} at {ref}") if found.returncode == 0 else None), head


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotFound(
            "git is not installed, so no other commit can be read",
            why=str(error),
            mend="install git",
            code="N-REPORT-004",
        ) from error
