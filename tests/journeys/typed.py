"""A page of the documentation, done as its reader would: typed line by line into one shell."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
TYPED = ("noria", "python", "pip", "cd", "curl", "docker")
LEFT_OUT = ("pip", "docker")
"""What is installed is there already; what needs a daemon is shown: `tests/deployment/test_oci.py` runs an image."""

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"[Ww]rite `([\w-]+\.py)`")
_NUMBER = re.compile(r"(?<![\w@.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
_TRIAL = re.compile(r"-\d+(?= wins of )")
_LONGEST = 600.0
_SERVERS = {"up": {"--port": 8765, "--scorer-port": 8766}, "serve": {"--port": 8766}}


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, what is in it, and the text of the page before it."""

    language: str
    text: str
    before: str

    @property
    def lines(self) -> list[str]:
        """What is typed, one command each; none where the block shows what comes."""
        lines = [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]
        return lines if self.language == "text" and lines[0].split()[0] in TYPED else []


@dataclass(frozen=True)
class Told:
    """What a line came to."""

    line: str
    status: int
    out: str


def fences(page: str) -> list[Fence]:
    """Read the fenced blocks of a tutorial, in order."""
    text = (TUTORIALS / page).read_text(encoding="utf-8")
    return [Fence(found[1], found[2], text[: found.start()]) for found in _FENCE.finditer(text)]


def with_sections(settings: str, block: str) -> str:
    """Put the sections of a block in the place of those of the same name."""
    new = _sections(block)
    names = {name for name, _ in new}
    kept: list[str] = []
    for name, text in _sections(settings):
        if name in names:
            kept += [told.rstrip() + "\n\n" for other, told in new if other == name]
            new = [one for one in new if one[0] != name]
        elif name not in {other for other, _ in _sections(block)}:
            kept.append(text)
    return "".join(kept) + "".join("\n" + text for _, text in new)


def _sections(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    return [(re.match(r"\[*[^]]*\]*|", part)[0], part) for part in parts if part]  # type: ignore[index]


def shows(shown: str, out: str) -> None:
    """Hold what a page shows against what came: every line, in this order; ``…`` stands for anything.

    Whole numbers are the same; others lie within a tenth of each other, as rounding differs between machines, and so
    may the trial of a family that wins.
    """
    rest = _lines(out)
    for line in _lines(shown):
        if line in ("", "…"):
            continue
        found = next((number for number, came in enumerate(rest) if _alike(line, came)), None)
        assert found is not None, f"the page shows {line!r}, and there came\n" + "\n".join(rest)
        rest = rest[found + 1 :]


def _lines(text: str) -> list[str]:
    return [_TRIAL.sub("", " ".join(line.split())) for line in text.splitlines()]


def _alike(shown: str, came: str) -> bool:
    text = _NUMBER.sub("\0", shown)
    meant = {"…": ".*", "\0": f"({_NUMBER.pattern})"}
    found = re.fullmatch("".join(meant.get(part, re.escape(part)) for part in re.split("([\0…])", text)), came)
    return found is not None and all(
        _near(was, now) for was, now in zip(_NUMBER.findall(shown), found.groups(), strict=True)
    )


def _near(shown: str, came: str) -> bool:
    if "." in shown or "e" in shown:
        return math.isclose(float(shown.replace(",", "")), float(came.replace(",", "")), rel_tol=0.1, abs_tol=0.02)
    return shown == came


@dataclass
class Server:
    """What was started and stays."""

    process: subprocess.Popen[bytes]
    ports: dict[int, int]
    log: Path

    def wait_until_it_answers(self) -> None:
        """Wait until somebody listens on each of the ports."""
        for port in self.ports.values():
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)

    def stop(self) -> int:
        """Press Ctrl-C; give the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(120)


@dataclass
class Shell:
    """A shell in which a page is typed; `noria` and `python` are those that run the tests."""

    folder: Path
    told: list[Told] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the shell."""
        own = self.folder / ".bin"
        own.mkdir()
        for name, what in (("noria", "-m noria "), ("python", "")):
            (own / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {what}"$@"\n')
            (own / name).chmod(0o755)
        self.environ = {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}"}
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=self.folder, env=self.environ, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Shell:
        """Give the shell itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the shell and whatever was started in it."""
        for server in self.servers:
            server.stop()
        self.process.communicate()

    def type(self, line: str, status: int | None = 0) -> Told:
        """Type a line and wait; it must leave with that status, if one is given."""
        into, out = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        into.write(f"{{ {line}\n}} </dev/null; printf '\\n%s %s\\n' '<done>' $?\n")
        into.flush()
        patience = threading.Timer(_LONGEST, os.killpg, (self.process.pid, signal.SIGKILL))
        patience.start()
        lines = []
        for came in out:
            if came.startswith("<done> "):
                break
            lines.append(came)
        patience.cancel()
        assert self.process.poll() is None, f"{line} did not end\n{''.join(lines)}"
        done = Told(line, int(came.split()[1]), "".join(lines))
        self.told.append(done)
        assert status in (None, done.status), f"{line} left with {done.status}\n{done.out}"
        return done

    @property
    def here(self) -> Path:
        """The folder that the shell is in."""
        told = self.type("pwd")
        self.told.pop()
        return Path(told.out.strip())

    def start(self, words: list[str]) -> Server:
        """Start what stays until Ctrl-C, on ports that are free, and wait until it answers."""
        known = _SERVERS.get(words[1]) or {"--port": int(words[words.index("--port") + 1])}
        ports = {said: _free_port() for said in known.values()}
        given = [word for word in words if word not in known and word not in map(str, ports)]
        line = [*given, *(word for option, said in known.items() for word in (option, str(ports[said])))]
        log = self.folder / f"server-{len(self.servers)}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(self.folder / ".bin" / line[0]), *line[1:]], cwd=self.here, env=self.environ, stdout=file,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.servers.append(Server(process, ports, log))
        self.servers[-1].wait_until_it_answers()
        return self.servers[-1]

    def ask(self, url: str, body: object = None) -> str:
        """Ask the server that was started last, by the address that the page names."""
        for said, port in self.servers[-1].ports.items():
            url = url.replace(f"127.0.0.1:{said}", f"127.0.0.1:{port}")
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{url} answered {refused.code}: {refused.read().decode()}") from None

    def walk(self, page: str, leave: Callable[[str], bool] = lambda line: False) -> None:
        """Do what a page says: type its lines, write its files, and hold what it shows against what came.

        Parameters
        ----------
        page : str
            Name of a tutorial.
        leave : callable
            Says of a line that it is not typed.
        """
        for fence in fences(page):
            for line in fence.lines:
                words = shlex.split(line, comments=True)
                if words[0] in LEFT_OUT or leave(line):
                    continue
                if words[:2] in (["noria", "up"], ["noria", "serve"]) or words[1:3] == ["-m", "noria.serving"]:
                    self.start(words)
                elif words[0] == "curl":
                    body = json.loads(words[words.index("-d") + 1])
                    self.told.append(Told(line, 0, self.ask(words[1], body)))
                else:
                    self.type(line)
            if fence.language == "python":
                (self.here / _NAMED.findall(fence.before)[-1]).write_text(fence.text)
            elif fence.language == "toml":
                settings = self.here / "noria.toml"
                settings.write_text(with_sections(settings.read_text(), fence.text))
            elif fence.language == "text" and not fence.lines:
                shows(fence.text, self.told[-1].out)

    def last(self, start: str) -> Told:
        """Find what the last line that starts so came to."""
        return next(told for told in reversed(self.told) if told.line.startswith(start))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
