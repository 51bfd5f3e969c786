"""What clients say is taken in once, in whatever pieces and however often it is sent."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import Conflict, RunNotFound, WrongArgument
from noria.runs.experiments import Experiments
from noria.runs.ingestion import Ingestion, Taken
from noria.runs.inputs import Inputs
from noria.runs.log import MOST_LINES, RunLog
from noria.runs.operations import Batch, Dataset, Finish, Lines, Metrics, Operation, Params, Start, Tags, checked_name
from noria.runs.runs import Runs
from noria.store.database import Database

RUN = "a" * 32
JOURNAL = "b" * 16
AT = 1_760_000_000_000


def take(database: Database, *operations: Operation, first: int = 1, run: str = RUN, alive: bool = True) -> Taken:
    return Ingestion(database).take(run, Batch(JOURNAL, first, list(operations), alive))


def lines_of(database: Database, run: str = RUN) -> list[str]:
    return [line.line for line in RunLog(database).tail(run, 1_000)]


def test_a_run_from_its_first_word_to_its_last(database: Database) -> None:
    start = Start(AT, "first", experiment="tries", user="ada", trigger="train.py", git_commit="c" * 40, git_clean=True)
    taken = take(
        database,
        start,
        Params({"lr": 0.1, "layers": [1, 2], "name": "x", "none": None}),
        Tags({"team": "a"}),
        Metrics(AT, 0, {"loss": 1.0, "odd": "NaN"}),
        Metrics(AT + 5, 1, {"loss": "-Infinity"}),
        Lines(AT, ["one", "two"]),
        Dataset("train", "d1", schema="{}", context="training"),
        Finish(AT + 1_000, "finished"),
    )
    assert taken == Taken(8)
    run = Runs(database).get(RUN)
    assert (run.name, run.kind, run.status, run.user_id, run.trigger) == (
        "first",
        "logged",
        "finished",
        "ada",
        "train.py",
    )
    assert run.params == {"lr": 0.1, "layers": [1, 2], "name": "x", "none": None}
    assert run.metrics["loss"] == -math.inf
    assert math.isnan(run.metrics["odd"])
    assert run.seconds == 1.0
    assert Experiments(database).get(run.experiment_id).name == "tries"
    assert lines_of(database) == ["one", "two"]
    assert Inputs(database).datasets([RUN])[RUN][0].context == "training"


def test_what_is_sent_again_changes_nothing(database: Database) -> None:
    said = [Start(AT, "r"), Tags({"t": "old"}), Lines(AT, ["a"]), Tags({"t": "new"}), Lines(AT, ["b"])]
    assert take(database, *said) == Taken(5)
    Runs(database).set_tag(RUN, "t", "by hand")
    assert take(database, *said) == Taken(5)
    assert take(database, *said[2:], Lines(AT, ["c"]), first=3) == Taken(6)
    assert lines_of(database) == ["a", "b", "c"]
    assert Runs(database).get(RUN).tags == {"t": "by hand"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), max_size=12))
def test_any_way_of_sending_pieces_again_gives_the_same(database: Database, sends: list[tuple[int, int]]) -> None:
    run = uuid.uuid4().hex
    said: list[Operation] = [Start(AT, "r")]
    for number in range(30):
        said += [Lines(AT, [f"line {number}"])]
    reached = 0
    for begin, length in sends:
        # A client sends again from anywhere it is not sure of, and never leaves out what was not acknowledged.
        first = min(begin, reached)
        piece = said[first : first + length]
        if not piece or (reached == 0 and first != 0):
            continue
        taken = take(database, *piece, first=first + 1, run=run)
        reached = max(reached, first + len(piece))
        assert taken.acknowledged == reached
    take(database, *said[reached:] or said[-1:], first=min(reached, len(said) - 1) + 1, run=run)
    assert lines_of(database, run) == [f"line {number}" for number in range(30)]


def test_a_word_that_cannot_be_carried_out_costs_only_itself(database: Database) -> None:
    taken = take(
        database,
        Start(AT, "r"),
        Params({"lr": 0.1}),
        Params({"lr": 0.2}),
        Metrics(AT, 0, {"../up": 1.0}),
        Metrics(AT, 0, {"loss": 1.0}),
        Tags({"a\x00b": "c"}),
        Params({"kept": "a\x00b"}),
        Lines(AT, ["nul \x00 and half \ud83d a letter"]),
        Params({"after": 1}),
    )
    assert taken.acknowledged == 9
    assert [(one.number, one.code) for one in taken.refused] == [
        (3, "N-RUNS-013"),
        (4, "N-RUNS-050"),
        (6, "N-RUNS-050"),
        (7, "N-STORE-014"),
    ]
    run = Runs(database).get(RUN)
    assert run.params == {"lr": 0.1, "after": 1}
    assert run.metrics == {"loss": 1.0}
    assert lines_of(database) == ["nul ␀ and half ? a letter"]


def test_what_refuses_the_whole_batch(database: Database) -> None:
    with pytest.raises(RunNotFound):
        take(database, Tags({"a": "b"}))
    with pytest.raises(WrongArgument, match="no id of a run"):
        take(database, Start(AT, "r"), run="../x")
    take(database, Start(AT, "r"))
    Runs(database).delete([RUN])
    for alive in (True, False):
        with pytest.raises(WrongArgument, match="deleted"):
            take(database, Tags({"a": "b"}), first=2, alive=alive)
    experiments = Experiments(database)
    experiments.delete(experiments.ensure("gone"))
    with pytest.raises(Conflict, match="is deleted"):
        take(database, Start(AT, "r", experiment="gone"), run="c" * 32)
    with pytest.raises(RunNotFound):
        Runs(database).get("c" * 32)


def test_silence_is_death_and_a_word_takes_it_back(database: Database) -> None:
    runs = Runs(database)
    take(database, Start(AT, "r", process="elsewhere boot ns 1 2"))
    now = datetime.now(UTC)
    assert runs.mark_lost(now + timedelta(seconds=20)) == ()
    assert runs.mark_lost(now + timedelta(seconds=30)) == (RUN,)
    # What a dead process left is no sign of life …
    take(database, Lines(AT, ["left"]), first=2, alive=False)
    assert runs.get(RUN).status == "lost"
    # … but a beat of the living is, even one that says nothing.
    assert take(database, first=3) == Taken(2)
    assert runs.get(RUN).status == "running"


def test_what_a_dead_process_left_ends_as_it_said(database: Database) -> None:
    runs = Runs(database)
    take(database, Start(AT, "r"), Finish(AT + 1, "finished"), Finish(AT + 9, "lost"), alive=False)
    assert runs.get(RUN).status == "finished"
    take(database, Start(AT, "r"), Finish(AT + 9_000, "lost"), run="c" * 32, alive=False)
    lost = runs.get("c" * 32)
    assert (lost.status, lost.seconds) == ("lost", 9.0)


def test_a_run_goes_on_in_another_process(database: Database) -> None:
    take(database, Start(AT, "r"), Finish(AT + 1, "failed", {"what": "it broke"}))
    ingestion = Ingestion(database)
    again = [Start(AT + 50, "r", resume=True), Lines(AT, ["more"])]
    assert ingestion.take(RUN, Batch("c" * 16, 1, again)).acknowledged == 2
    run = Runs(database).get(RUN)
    assert (run.status, run.ended, run.error, run.seconds) == ("running", None, None, None)
    assert (run.started - datetime.fromtimestamp(AT / 1000, UTC)) == timedelta()


def test_the_last_lines_are_kept(database: Database) -> None:
    run = Runs(database).start("logged", "r")
    log = RunLog(database)
    log.append(run, [f"{number}" for number in range(MOST_LINES - 1)])
    log.append(run, ["x" * 5_000])
    log.append(run, [f"more {number}" for number in range(1_000)])
    tail = log.tail(run, 3)
    assert [line.number for line in tail] == [MOST_LINES + 998, MOST_LINES + 999, MOST_LINES + 1_000]
    assert [line.number for line in log.tail(run, 2, after=0)] == [1_001, 1_002]
    assert len(log.tail(run, 1, after=MOST_LINES - 1)[0].line) == 4_000


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/..", ".", "a\x00", "x" * 251, "a\n", 3, None])
def test_what_is_no_name(name: object) -> None:
    with pytest.raises(WrongArgument, match="cannot be the name"):
        checked_name(name)
