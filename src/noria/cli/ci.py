"""``noria ci``: the loop in continuous integration."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from noria.cli.opening import as_json, print_json
from noria.errors import VersionExists

__all__ = ["ci"]


@click.group()
def ci() -> None:
    """Write a CI workflow that checks, runs and reports."""


@ci.command("init")
@click.argument("host", type=click.Choice(["github", "gitlab"]))
@click.option("--force", is_flag=True, help="Write over a file that is there and differs.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the workflow instead of writing it.")
@as_json
def init(host: str, force: bool, to_stdout: bool, json_output: bool) -> None:
    """Write the workflow for GitHub or GitLab.

    It installs requirements.txt, then runs `noria check`, `noria run` and `noria report`. Schedules under
    [[triggers]] that are in UTC are written into the GitHub workflow too.
    """
    from noria.cli.opening import workspace
    from noria.project.requirement import missing_wheel, requirements_text
    from noria.project.workflow import HOSTS, place, workflow
    from noria.store.files import write_atomic

    opened = workspace()
    top = _repository(opened.root)
    chosen = next(name for name in HOSTS if name == host)
    schedules = [t.cron for t in opened.project.settings.triggers if t.cron and t.timezone == "UTC"]
    text = workflow(chosen, folder=opened.root.relative_to(top).as_posix(), schedules=schedules)
    if to_stdout:
        click.echo(text, nl=False)
        return
    path = top / place(chosen)
    same = path.is_file() and path.read_text(encoding="utf-8") == text
    if path.exists() and not same and not force:
        raise VersionExists(
            f"{path} is there already and differs",
            why="it may hold changes of yours",
            mend=f"noria ci init {host} --stdout | diff {shlex.quote(str(path))} -      see what would change\n"
            f"noria ci init {host} --force      write over it",
            code="N-CLI-021",
        )
    if not same:
        write_atomic(path, text)
    if json_output:
        print_json({"path": str(path), "written": not same})
        return
    click.echo(f"{path} is as it should be" if same else f"wrote {path}")
    if not (opened.root / "requirements.txt").is_file():
        click.echo("it installs requirements.txt, which is not there yet; write into it:", err=True)
        click.echo(requirements_text(), err=True, nl=False)
    elif (wheel := missing_wheel(opened.root)) is not None:
        click.echo(f"it installs {wheel}, which is not there yet: the head of requirements.txt says how", err=True)
    click.echo(f"next: git add {path.relative_to(top).as_posix()} && git commit && git push", err=True)


def _repository(root: Path) -> Path:
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder
    return root
