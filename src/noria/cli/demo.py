"""``noria demo``: the whole story on real data. It succeeds only if everything told really happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from noria.cli.stage import Stage
from noria.cli.stories import STORIES, Story
from noria.cli.traffic import Caller, Stream, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from noria.automation.decisions import Decision
    from noria.monitoring.alerts import Alert
    from noria.steps.turn import TurnResult
    from noria.workspace import Workspace

__all__ = ["demo"]

Record = dict[str, object]
_TICK = "1s"
_PATIENCE = 150
_LABEL_BATCH = 200
_UNJUDGED = frozenset({"", "immature"})


@click.command()
@click.argument("example", type=click.Choice(sorted(STORIES)), default="credit")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where to play; a new folder when left out."
)
def demo(example: str, folder: Path | None) -> None:
    """Play the whole story of EXAMPLE on its real data, step by step, with its numbers.

    Leaves with 0 only if each thing told really happened. The folder stays, to be looked at.
    """
    story, stage = STORIES[example], Stage()
    place = _place(folder, example)
    _begin(stage, story, place)
    from noria.workspace import Workspace

    opened = Workspace(place)
    try:
        first = _train(stage, opened)
        _promote(stage, opened, first)
        with _running(stage, opened) as urls:
            _Live(stage, story, opened, urls["scorer"], first).play()
    finally:
        opened.close()
    _farewell(stage, place)


def _place(folder: Path | None, example: str) -> Path:
    if folder is not None:
        return folder.absolute()
    number = 1
    while (place := Path.cwd() / f"noria-demo-{example}-{number}").exists():
        number += 1
    return place


def _begin(stage: Stage, story: Story, place: Path) -> None:
    from noria.project.begin import from_example
    from noria.project.example import example

    stage.chapter(f"A new project · noria init {place.name} --example {story.example}")
    written = from_example(place, story.example)
    stage.say(example(story.example).title)
    stage.say(f"{len(written)} files in {place}; the data's source and licence are in README.md")
    if _git(place, "init", "-q", "-b", "main") and _git(place, "add", "-A"):
        _git(place, "-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "-q", "-m", "Begin")
        stage.say("committed to git, so that every run knows its code")


def _git(place: Path, *arguments: str) -> bool:
    try:
        done = subprocess.run(["git", *arguments], cwd=place, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _train(stage: Stage, opened: Workspace) -> TurnResult:
    from noria.cli.progress import shown
    from noria.steps.turn import Turn

    stage.chapter("Collect, check, clean, split, train, judge · noria run")
    sys.stdout.flush()
    turn = Turn(opened.project, opened.database, opened.blobs, store=opened.store)
    with shown() as (on_graph, on_event):
        result = turn.run(on_graph=on_graph, on_event=on_event)
    if result.error is not None:
        raise result.error
    _show_selection(stage, result)
    stage.say("On the locked test rows, with 95 % intervals:")
    for name, estimate in list(result.metrics.items())[:6]:
        stage.say(f"  {name:<18} {_interval(estimate)}")
    for verdict in result.verdicts:
        stage.claim(f"gate {verdict['message']}", bool(verdict["passed"]))
    stage.claim(f"{result.model}@{result.version} is registered", result.version == 1)
    again = turn.run()
    stage.claim("a second run finds nothing to do", again.nothing_to_do, f"{again.seconds * 1000:.0f} ms")
    return result


def _show_selection(stage: Stage, result: TurnResult) -> None:
    from noria.cli.run import candidate_lines, finalist_lines

    stage.say("The candidates; dummy knows only the target:")
    for line in candidate_lines(result, limit=7):
        stage.say(f"  {line}")
    if finalists := finalist_lines(result):
        stage.say("The choice in the end:")
        for line in finalists:
            stage.say(f"  {line}")


def _promote(stage: Stage, opened: Workspace, first: TurnResult) -> None:
    from noria.registry.promotion import promote

    stage.chapter(f'Into production · noria models promote {first.model}@{first.version} --reason "first model"')
    promote(
        opened.registry, first.model, cast("int", first.version), actor="demo", reason="first model",
        at=datetime.now(UTC),
    )  # fmt: skip
    current = opened.aliases.current(first.model, "champion")
    stage.claim(f"champion is {first.model}@{current}", current == first.version)


@contextmanager
def _running(stage: Stage, opened: Workspace) -> Iterator[Mapping[str, str]]:
    stage.chapter("Keep it turning · noria up")
    state, log = opened.store / "up.json", opened.store / "up.log"
    command = [sys.executable, "-m", "noria", "up", "--port", "0", "--scorer-port", "0", "--every", _TICK]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=opened.root, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        urls = stage.wait("noria up is up", lambda: _urls(process, state, log), seconds=60)
        stage.say(f"pages    {urls['pages']}\nscorer   {urls['scorer']}")
        yield urls
    finally:
        children = _children_of(process.pid)
        process.send_signal(signal.SIGINT)
        try:
            status = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    stage.chapter("Ctrl-C")
    left = [pid for pid in children if _alive(pid)]
    stage.claim("noria up has ended cleanly and left no process behind", status == 0 and not left, f"status {status}")


def _urls(process: subprocess.Popen[bytes], state: Path, log: Path) -> Mapping[str, str] | None:
    if process.poll() is not None:
        raise SystemExit(log.read_text(errors="replace"))
    text = log.read_text(errors="replace")
    if "ready" not in text.splitlines() or not state.exists():
        return None
    return cast("Mapping[str, str]", json.loads(state.read_text()))


class _Live:
    """The part of the story that plays on the running system."""

    def __init__(self, stage: Stage, story: Story, opened: Workspace, scorer: str, first: TurnResult) -> None:
        self.stage = stage
        self.story = story
        self.opened = opened
        self.scorer = scorer
        self.model = first.model
        self.first = cast("int", first.version)
        settings = opened.project.settings
        self.endpoint = settings.deploy.endpoint or opened.project.name
        self.target = cast("str", settings.data.target)
        self.metric = settings.model.metric
        self.caller = Caller(scorer, self.endpoint)

    def play(self) -> None:
        """Play it."""
        stream = _rows(self.opened)
        ordinary, changed = self.story.ordinary(stream), self.story.changed(stream)
        self._wait_for_champion(ordinary[0])
        self._quiet(ordinary)
        self._change(changed, ordinary)
        self.caller.close()

    def _wait_for_champion(self, record: Record) -> None:
        def ready() -> bool | None:
            return bool(self.caller.predict([self._question(record)], Tally())) or None

        self.stage.wait("the scorer answers with the champion", ready, seconds=60)

    def _quiet(self, rows: Sequence[Record]) -> None:
        stage = self.stage
        stage.chapter(f"{len(rows):,} held-out {self.story.who} arrive over HTTP, and their outcomes later")
        tally = self._send(rows)
        stage.claim(
            "every request was answered", not tally.failed,
            f"{tally.answered:,} answers, median {tally.percentile(0.5):.1f} ms, p99 {tally.percentile(0.99):.1f} ms",
        )  # fmt: skip
        if tally.refused:
            stage.say(
                f"{len(tally.refused)} of them with a 400, as their input does not fit the model: {tally.refused[0]}"
            )
        window = stage.wait("the monitor judges the window", self._judged_window, seconds=_PATIENCE)
        stage.say(window)
        alerts = self._alerts()
        stage.claim("no alarm", not alerts, "; ".join(alert.text for alert in alerts))

    def _change(self, rows: Sequence[Record], ordinary: Sequence[Record]) -> None:
        stage, story = self.stage, self.story
        stage.chapter(f"The world changes: {len(rows):,} {story.who}")
        stage.say(story.change)
        with Stream(self.scorer, self.endpoint, [self._question(row) for row in ordinary]) as background:
            background.pause()
            self._send(rows)
            drift = stage.wait("drift is found", lambda: self._alert("drift"), seconds=_PATIENCE)
            stage.claim("drift is found", True, drift.text)
            self._performance()
            background.go_on()
            stage.chapter("Automation answers")
            retrained = stage.wait("automation retrains", lambda: self._decision("retrain"), seconds=_PATIENCE)
            stage.say(f"{retrained.action}: {retrained.reason}\n→ {retrained.outcome}")
            passed = self._judge_challenger()
            if not story.few:
                stage.claim("the challenger passed every gate", passed)
            if passed:
                self._promoted()
            else:
                self._kept()
            self._let_flow(background)
        tally = background.tally
        stage.claim(
            "no request failed meanwhile", not tally.failed and tally.answered > 0,
            f"{tally.answered:,} answered, {len(tally.failed)} failed; by version: "
            + ", ".join(f"v{version} {count:,}" for version, count in sorted(tally.versions.items())),
        )  # fmt: skip

    def _performance(self) -> None:
        """Wait for the proof of a fall; where the rows are few, hear that it cannot be judged."""
        stage = self.stage
        if self.story.few:
            window = stage.wait("the changed window is judged", self._judged_window, seconds=_PATIENCE)
            stage.say(f"{window}\nThere are too few of each class to prove a fall: it is said, not guessed.")
            return
        worse = stage.wait(
            "performance falls outside its interval", lambda: self._alert("performance"), seconds=_PATIENCE
        )
        stage.claim(f"{self.metric} is proven worse than when the version was judged", True, worse.text)

    def _judge_challenger(self) -> bool:
        from noria.registry.verdicts import Verdicts

        challenger = self.opened.registry.get(self.model, "latest")
        judged = Verdicts(self.opened.database).of(challenger)
        self.stage.claim(
            f"a challenger was trained: {challenger.ref}, {challenger.family}", challenger.number > self.first
        )
        for verdict in judged.verdicts if judged is not None else ():
            self.stage.say(f"gate {verdict['message']}")
        return judged is not None and judged.passed

    def _promoted(self) -> None:
        stage = self.stage
        promoted = stage.wait("the challenger is promoted", lambda: self._decision("promote"), seconds=_PATIENCE)
        stage.say(f"{promoted.action}: {promoted.reason}\n→ {promoted.outcome}")
        current = self.opened.aliases.current(self.model, "champion")
        stage.claim(f"champion is now {self.model}@{current}", current is not None and current > self.first)

        def swapped() -> bool | None:
            tally = Tally()
            self.caller.predict([self._question(_rows(self.opened)[0])], tally)
            return (current in tally.versions) or None

        stage.wait(f"the scorer answers with version {current}", swapped, seconds=60)

    def _kept(self) -> None:
        current = self.opened.aliases.current(self.model, "champion")
        self.stage.claim(f"a gate was not passed, so {self.model}@{current} stays champion", current == self.first)

    def _let_flow(self, background: Stream) -> None:
        enough = background.tally.answered + 100
        self.stage.wait("requests flow on", lambda: (background.tally.answered >= enough) or None, seconds=60)

    def _send(self, rows: Sequence[Record]) -> Tally:
        """Ask for each row, then, later, say what turned out true."""
        tally, labels = Tally(), []
        for begin in range(0, len(rows), self.story.batch):
            some = rows[begin : begin + self.story.batch]
            identities = self.caller.predict([self._question(row) for row in some], tally)
            answered = zip(identities, some, strict=False)
            labels += [(one, row[self.target]) for one, row in answered if row[self.target] is not None]
        for begin in range(0, len(labels), _LABEL_BATCH):
            self.caller.label(labels[begin : begin + _LABEL_BATCH])
        return tally

    def _question(self, row: Record) -> Record:
        return {name: value for name, value in row.items() if name != self.target}

    def _judged_window(self) -> str | None:
        from noria.monitoring.records import Windows

        found = Windows(self.opened.database).judged(self.model)
        judged = [window for window in found if window.verdict not in _UNJUDGED]
        return judged[-1].summary() if judged else None

    def _alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.opened.alerts.list(self.model) if alert.state == "open")

    def _alert(self, kind: str) -> Alert | None:
        return next((alert for alert in self.opened.alerts.list(self.model) if alert.kind == kind), None)

    def _decision(self, action: str) -> Decision | None:
        from noria.automation.decisions import Decisions

        return next((one for one in Decisions(self.opened.database).list(self.model) if one.action == action), None)


def _rows(opened: Workspace) -> list[Record]:
    """Read the rows that come later, as JSON would carry them."""
    from noria.sources.source import read

    table = read("data/stream.csv.gz", root=opened.root)
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _interval(estimate: Mapping[str, float | None]) -> str:
    value, low, high = (estimate.get(part) for part in ("value", "low", "high"))
    if value is None:
        return "–"
    return f"{value:.4f}" + (f"  [{low:.4f}, {high:.4f}]" if low is not None and high is not None else "")


def _children_of(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                below = [int(word) for word in task.read_text().split()]
            except OSError:
                continue
            found += below
            todo += below
    return found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _farewell(stage: Stage, place: Path) -> None:
    stage.chapter("Done")
    stage.say(
        f"In {stage.seconds:.0f} seconds a model was trained, judged, served, watched, alarmed and retrained,\n"
        "and the one that the gates trust answers."
    )
    stage.say("Look at it:")
    shown = place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place
    stage.say(
        f"  cd {shown}\n  noria up            # pages: runs, versions, drift, decisions\n"
        "  noria monitor\n  noria models list"
    )
