"""The command ``noria``: finds the command's file, imports it, and turns every error into its mend."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

import click

from noria.cli.unheard import go_on_unheard, open_what_is_closed, talk_unheard
from noria.errors import NoriaError, WorkFailed, WrongArgument, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

__all__ = ["main", "noria"]

# name -> (module, attribute, one line of help). `--help` and completion read this table, so that they import nothing.
COMMANDS: dict[str, dict[str, tuple[str, str, str]]] = {
    "The loop": {
        "init": ("noria.cli.init", "init", "Start a project: from an example, or from a table of your own."),
        "check": ("noria.cli.check", "check", "Explain the effective noria.toml and look the data over."),
        "plan": ("noria.cli.plan", "plan", "Say what `noria run` would do, and why."),
        "run": ("noria.cli.run", "run", "Turn the wheel once: from data to a registered version."),
        "why": ("noria.cli.plan", "why", "Say why a step would run, or would not."),
        "collect": ("noria.cli.collect", "collect", "Take messages from MQTT brokers as they come."),
        "up": ("noria.cli.up", "up", "Keep it turning: UI, scorer, scheduler and monitor."),
        "serve": ("noria.cli.serve", "serve", "Answer predictions over HTTP, following the champion."),
        "deploy": ("noria.cli.deploying", "deploy", "Roll versions out, and take them to containers and clouds."),
        "score": ("noria.cli.score", "score", "Score a file, however large, here or by a running endpoint."),
        "predict": ("noria.cli.predict", "predict", "Show what a version says of a file."),
        "monitor": ("noria.cli.monitor", "monitor", "Show drift, realised performance and alerts."),
        "report": ("noria.cli.report", "report", "Compare this run with the one another commit recorded."),
        "explain-run": ("noria.cli.explain_run", "explain_run", "Tell why a run's model was chosen, in plain words."),
        "reproduce": ("noria.cli.reproduce", "reproduce", "Fit a run's model again from its record, and compare."),
        "demo": ("noria.cli.demo", "demo", "Play the whole story on real data, with its numbers."),
    },
    "The nouns": {
        "data": (
            "noria.cli.data",
            "data",
            "Dataset versions, tables and folders: add, show, diff, profile, tag.",
        ),
        "models": (
            "noria.cli.models",
            "models",
            "Model versions: list, show, compare, promote, approve, convert, rollback.",
        ),
        "runs": ("noria.cli.runs", "runs", "Runs: find, compare, export, tidy up."),
        "labels": ("noria.cli.labels", "labels", "What turned out true: add labels that came late."),
        "alerts": ("noria.cli.alerts", "alerts", "Alerts: list, mute."),
        "ui": ("noria.cli.ui", "ui", "Serve the pages alone."),
    },
    "The team": {
        "users": ("noria.cli.users", "users", "Who may come in: add, list, role, disable, passwd."),
        "webhooks": ("noria.cli.webhooks", "webhooks", "Who hears of the registry: add, list, test, remove."),
        "tokens": ("noria.cli.tokens", "tokens", "What programs show: create, list, revoke."),
    },
    "The workshop": {
        "check-estimator": (
            "noria.cli.check_estimator",
            "check_estimator",
            "Try a class of your own out as a candidate.",
        ),
        "schema": ("noria.cli.schema", "schema", "Print the JSON Schema of noria.toml."),
        "sync": ("noria.cli.sync", "sync", "Send runs that could not be sent when they ran."),
        "import": ("noria.cli.importing", "import_", "Take over what MLflow recorded."),
        "export": ("noria.cli.exporting", "export", "Give runs back in the form of MLflow."),
        "ci": ("noria.cli.ci", "ci", "Write a CI workflow that checks, runs and reports."),
        "fsck": ("noria.cli.fsck", "fsck", "Read everything stored and tell what is damaged."),
    },
}

_FLAT = {name: entry for group in COMMANDS.values() for name, entry in group.items()}
_BUG = 70
_WORKING = frozenset(("run", "up", "serve", "ui", "collect", "demo", "score", "init"))
"""What goes on when the reader of its output has gone; anything else then ends, quietly."""


class _Lazy(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_FLAT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _FLAT.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(import_module(entry[0]), entry[1])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _FLAT and not args[0].startswith("-"):
            hint = did_you_mean(args[0], _FLAT)
            ctx.fail(f"no command {args[0]!r}" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry[2]) for name, entry in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(name, help=entry[2]) for name, entry in _FLAT.items() if name.startswith(incomplete)]


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"noria {version('noria')}")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version.")
def noria() -> None:
    """From data to a watched model, and round again.

    Start with `noria init my-project --example credit`, then `noria run`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status.

    0 done · 1 the work failed · 2 misused · 3 not found · 4 conflict · 5 refused · 70 a bug of ours · 130 interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    open_what_is_closed()
    talk_unheard()
    if next((word for word in given if not word.startswith("-")), "") in _WORKING:
        go_on_unheard()
    stdout = sys.stdout
    try:
        status = noria.main(args=given, prog_name="noria", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        # `noria` or `noria models` alone asks what there is; the help is the answer, not the reason of a refusal.
        click.echo(error.format_message(), err=True)
        sys.exit(WrongArgument.exit_status)
    except click.UsageError as error:
        _tell(_misuse(error), as_json="--json" in given)
        sys.exit(WrongArgument.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except NoriaError as error:
        _tell(error, as_json="--json" in given)
        sys.exit(error.exit_status)
    except SystemExit:
        # The reader of our output has gone, as `noria runs list | head` makes it: no failure of ours. Click wraps
        # the stream and leaves with 1 for it.
        if sys.stdout is stdout:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            _confess(error)
            sys.exit(_BUG)
        _tell(_full(error), as_json="--json" in given)
        sys.exit(WorkFailed.exit_status)
    except Exception as error:  # noqa: BLE001 - the outermost face: a bug of ours is told, not thrown
        _confess(error)
        sys.exit(_BUG)
    sys.exit(status if isinstance(status, int) else 0)


def _misuse(error: click.UsageError) -> WrongArgument:
    text = error.format_message().rstrip(".")
    command = error.ctx.command_path if error.ctx is not None else "noria"
    usage = error.ctx.get_usage() if error.ctx is not None else ""
    return WrongArgument(
        text[:1].lower() + text[1:],
        why=" ".join(usage.split()).replace("Usage:", "usage:"),
        mend=f"{command} --help",
        code="N-CLI-001",
    )


def _full(error: OSError) -> WorkFailed:
    place = f" {error.filename}" if error.filename else ""
    return WorkFailed(
        f"there is no room left to write{place}",
        why=error.strerror or "",
        mend="make room on the disk, then call it again",
        code="N-CLI-081",
    )


def _tell(error: NoriaError, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({key: value for key, value in error.to_dict().items() if key != "type"}), err=True)
        return
    head, *rest = error.render().splitlines()
    label, _, text = head.partition(": ")
    click.echo(click.style(label, fg="red", bold=True) + ": " + text, err=True)
    for line in rest:
        click.echo(line, err=True)


def _confess(error: Exception) -> None:
    import tempfile
    from pathlib import Path

    from noria.store.files import write_atomic

    text = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = Path(tempfile.gettempdir()) / f"noria-bug-{stamp}-{os.getpid()}.txt"
    # An argument may be no UTF-8, and the report of that must not fail of it.
    report = f"noria {' '.join(sys.argv[1:])}\n\n{text}".encode(errors="backslashreplace")
    write_atomic(path, report, mode=0o600)
    label = click.style("bug", fg="red", bold=True)
    click.echo(
        f"{label}: noria failed where it should not: {type(error).__name__}: {error}\n"
        f"  the report is in {path}\n"
        "  mend: please send it to the maintainers; it holds the command line and where in noria it happened",
        err=True,
    )


if __name__ == "__main__":
    main()
