"""Tables within the width of a terminal: by rule, and on a real one."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.cli.fitting import lay_out, shown_width
from noria.workspace import Workspace

CELLS = st.text(st.sampled_from("ab 数,"), max_size=30).map(lambda text: text.strip() or "–")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5), st.integers(45, 200))
def test_lines_fit_and_nothing_kept_is_cut(rows: list[tuple[str, ...]], width: int) -> None:
    titles = ("column", "number", "mean", "what it holds")
    made = lay_out(titles, rows, right=(2,), spare=[("mean",)], width=width)
    assert all(shown_width(line) <= width for line in (*made.head, *made.lines))
    kept = [at for at, title in enumerate(titles) if title not in made.left_out]
    shown = "".join(made.lines).replace(" ", "")
    for row in rows:
        assert sorted(shown.replace("–", "")) == sorted(
            "".join(each[at] for each in rows for at in kept).replace(" ", "").replace("–", "")
        ), row


def test_what_holds_nothing_goes_first() -> None:
    rows = [("a" * 20, "b" * 20, "–"), ("a", "b", "–")]
    made = lay_out(("one", "two", "three"), rows, right=(1, 2), spare=[("two",), ("three",)], width=42)
    assert made.left_out == ("three",)


def test_without_a_width_nothing_is_folded() -> None:
    made = lay_out(("one", "two"), [("a" * 300, "b c " * 100)], spare=[("two",)])
    assert len(made.lines) == 1
    assert made.left_out == ()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fitting")
    (root / "noria.toml").write_text('[project]\nname = "loans"\n[data]\nsource = "a.csv"\ntarget = "bad"\n')
    words = ["repayment after the first reminder", "in court", "written off by the collecting agency"]
    rows = {
        "id": list(range(300)),
        "the_reason_that_the_customer_service_noted_when_it_called": [words[n % 3] for n in range(300)],
        "amount": [1_000_000.5 * n for n in range(300)],
        "bad": [n % 7 == 0 for n in range(300)],
    }
    workspace = Workspace(root)
    workspace.datasets.commit("loans", pa.table(rows), source="data/of/the/year/a.csv")
    workspace.close()
    return root


def on_a_terminal(project: Path, width: int, *arguments: str) -> list[str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "noria", *arguments]
    with subprocess.Popen(
        command, cwd=project, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            said += part
        assert process.wait() == 0
    os.close(ours)
    return [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in said.decode().splitlines()]


@pytest.mark.parametrize("command", ["show", "profile", "log"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_version_fits_a_terminal(project: Path, width: int, command: str) -> None:
    lines = on_a_terminal(project, width, "data", command)
    assert max(map(shown_width, lines)) <= width
    told = "".join(lines).replace(" ", "")
    for name in ("amount", "bad") if command != "log" else ("loans@1",):
        assert name in told
    if width == 200 and command != "log":
        assert "mean" in lines[0]
        assert any("the_reason_that_the_customer_service_noted_when_it_called" in line for line in lines)


def test_into_a_pipe_goes_all_there_is(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "noria", "data", "show"], cwd=project, capture_output=True, text=True, check=True,
        env={**os.environ, "COLUMNS": "40"},
    )  # fmt: skip
    assert "mean" in done.stdout
    assert len(done.stdout.splitlines()) == 5
