"""What the command line costs before it does anything, beside Python itself and other commands that are installed.

    python benchmarks/cli_help.py > benchmarks/cli_help.txt

Promise: `noria --help` takes at most 0.12 s of CPU; it loads no command and no library but click.
Every line is the median of fresh processes, taken in turns; a ratio is to `python -c pass`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from pipeline_steps import Spent, line, machine, spend

REPEATS = 15
PEERS = ("mlflow", "dvc", "bentoml", "alembic", "uvicorn", "pytest", "ray")
PROJECT = '[project]\nname = "x"\n[data]\nsource = "x.csv"\ntarget = "y"\n'


def main() -> None:
    """Measure and print."""
    print(machine())
    print("command: python benchmarks/cli_help.py")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "noria.toml").write_text(PROJECT)
        inside = f"import os; os.chdir({folder!r}); from noria.cli.main import main; main(%r)"
        commands: dict[str, tuple[str, ...]] = {
            "python -c pass": ("-c", "pass"),
            "python -c 'import click'": ("-c", "import click"),
            "noria --help": ("-c", inside % ["--help"]),
            "noria --version": ("-c", inside % ["--version"]),
            "noria run --help": ("-c", inside % ["run", "--help"]),
            "noria models list, no models": ("-c", inside % ["models", "list"]),
        }
        commands |= {f"{name} --help": ("-c", _script(name)) for name in PEERS if find_spec(name) is not None}
        report(commands)


def report(commands: Mapping[str, tuple[str, ...]]) -> None:
    """Run each command again and again, in turns, and print what it took."""
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, arguments in commands.items():
            spent[name].append(spend(*arguments, quiet=True))
    bare = statistics.median(one.cpu for one in spent["python -c pass"])
    for name, taken in spent.items():
        ratio = statistics.median(one.cpu for one in taken) / bare
        print(f"{line(name, taken)}   {ratio:5.1f} x")


def _script(name: str) -> str:
    """Give the code that a command's starting script holds."""
    found = entry_points(group="console_scripts", name=name)
    module, _, attribute = next(iter(found)).value.partition(":")
    return f"import sys; sys.argv = [{name!r}, '--help']; from {module} import {attribute} as run; sys.exit(run())"


if __name__ == "__main__":
    main()
