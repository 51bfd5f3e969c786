"""Finding runs, held against a plain model in Python: every operator, every order, pages while rows come and go."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import WrongArgument
from noria.runs.inputs import DatasetInput, Inputs
from noria.runs.recording import Point
from noria.runs.runs import Runs
from noria.runs.search import Question
from noria.runs.tables import (
    experiments,
    input_datasets,
    metric_latest,
    metric_points,
    run_inputs,
    run_params,
    run_tags,
    runs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from noria.store.database import Database

START = datetime(2026, 11, 1, tzinfo=UTC)
VALUES = [math.nan, math.inf, -math.inf, -1.5, 0.0, 0.25, 0.25, 2.0]
TEXTS = ["svm", "SVM", "s_m", "10", "9", "ä", "", "it's", "a%b", "a" * 100 + "x", "a" * 100 + "y", "[x]*?"]
NAMES = ["a", "b", "key with space", "x/y.z-1"]
STATUSES = ["running", "finished", "failed", "killed", "lost", "scheduled"]


@dataclass
class Model:
    """A run as the plain model knows it."""

    id: str
    experiment: int
    started: int
    ended: int | None
    status: str
    name: str
    deleted: bool
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    dataset: tuple[str, str, str] | None = None


@st.composite
def models(draw: st.DrawFn) -> list[Model]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        made.append(_model(draw, number))
    return made


def _model(draw: st.DrawFn, number: int) -> Model:
    started = draw(st.integers(0, 3))
    return Model(
        id=f"{draw(st.integers(0, 15)):x}{number:031x}",
        experiment=draw(st.integers(0, 2)),
        started=started,
        ended=draw(st.none() | st.integers(started, 5)),
        status=draw(st.sampled_from(STATUSES)),
        name=draw(st.sampled_from(TEXTS)),
        deleted=draw(st.integers(0, 4)) == 0,
        metrics=draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3)),
        params=draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), max_size=3)),
        tags=draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), max_size=2)),
        dataset=draw(
            st.none() | st.tuples(st.sampled_from(["d", "e"]), st.sampled_from(["1", "2"]), st.sampled_from(["t", "v"]))
        ),
    )


def _empty(connection: sa.Connection) -> None:
    for table in (runs, metric_points, metric_latest, run_params, run_tags, input_datasets, run_inputs):
        connection.execute(sa.delete(table))
    connection.execute(sa.delete(experiments).where(experiments.c.id > 0))
    connection.execute(
        sa.insert(experiments),
        [
            {"id": number, "name": f"e{number}", "artifact_location": "", "created": START, "updated": START}
            for number in (1, 2)
        ],
    )


def _put(database: Database, model: Model) -> None:
    book = Runs(database)
    with database.transaction() as connection:
        row = {
            "id": model.id,
            "experiment_id": model.experiment,
            "kind": "logged",
            "name": model.name,
            "status": model.status,
            "started": START + timedelta(milliseconds=model.started),
            "ended": None if model.ended is None else START + timedelta(milliseconds=model.ended),
            "process": "",
            "trigger": "",
            "user_id": "",
        }
        connection.execute(sa.insert(runs), [row])
    status = model.status
    book.log_batch(
        model.id,
        points=[Point(name, value, 1) for name, value in model.metrics.items()],
        params=model.params,
        tags=model.tags,
    )
    if model.dataset is not None:
        name, digest, context = model.dataset
        Inputs(database).log_datasets(model.id, [DatasetInput(name, digest, context=context)])
    with database.transaction() as connection:  # writing to a lost run has made it a running one
        ended = None if model.ended is None else START + timedelta(milliseconds=model.ended)
        connection.execute(sa.update(runs).where(runs.c.id == model.id).values(status=status, ended=ended))
    if model.deleted:
        book.delete([model.id])


# ---- filters, with what they mean


def _like(pattern: str, *, ignore_case: bool) -> Callable[[str], bool]:
    expression = "".join({"%": "(?s:.*)", "_": "(?s:.)"}.get(letter, re.escape(letter)) for letter in pattern)
    read = re.compile(expression, (re.IGNORECASE if ignore_case else 0) | re.ASCII)
    return lambda text: read.fullmatch(text) is not None


Meaning = "Callable[[Model], bool]"
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def leaves(draw: st.DrawFn) -> tuple[str, Callable[[Model], bool]]:
    kind = draw(st.sampled_from(["metric", "param", "tag", "name", "status", "id", "started", "ended", "dataset"]))
    key = draw(st.sampled_from(NAMES))
    if kind == "metric":
        operator = draw(st.sampled_from(list(COMPARE)))
        value = draw(st.sampled_from([-1.5, 0, 0.25, 1e300, 2]))

        def metric(model: Model) -> bool:
            if key not in model.metrics:
                return False
            found = model.metrics[key]
            return operator == "!=" if math.isnan(found) else COMPARE[operator](found, value)

        return f"metrics.`{key}` {operator} {value}", metric
    if kind in ("started", "ended"):
        operator = draw(st.sampled_from(list(COMPARE)))
        offset = draw(st.sampled_from([-1, 0, 1, 1.5, 2, 4]))
        value = START.timestamp() * 1000 + offset

        def timed(model: Model) -> bool:
            at = model.started if kind == "started" else model.ended
            return at is not None and COMPARE[operator](at, offset)

        word = "start_time" if kind == "started" else "attributes.end_time"
        return f"{word} {operator} {value:.1f}", timed
    if kind == "dataset":
        part = draw(st.integers(0, 2))
        word = ("name", "digest", "context")[part]
        value = draw(st.sampled_from(["d", "1", "t", "zz"]))
        if draw(st.booleans()):
            return (
                f"dataset.{word} IN ({_quoted(value)}, '2')",
                lambda model: model.dataset is not None and model.dataset[part] in (value, "2"),
            )
        return (
            f"datasets.{word} = {_quoted(value)}",
            lambda model: model.dataset is not None and model.dataset[part] == value,
        )
    if kind == "status":
        value = draw(st.sampled_from(["FINISHED", "KILLED", "RUNNING", "lost", "BOGUS"]))
        meant = {"KILLED": {"killed", "lost"}, "lost": {"lost"}}.get(value, {value.lower()})
        if draw(st.booleans()):
            return f"status = {_quoted(value)}", lambda model: model.status in meant
        return f"attributes.status != {_quoted(value)}", lambda model: model.status not in meant
    if kind == "id":
        value = draw(st.sampled_from([f"{a:x}{b:031x}" for a in range(3) for b in range(3)]))
        inside = draw(st.booleans())
        word = "IN" if inside else "NOT IN"
        return f"run_id {word} ('x', {_quoted(value)})", lambda model: (model.id == value) == inside

    def read(model: Model) -> str | None:
        if kind == "name":
            return model.name
        return (model.params if kind == "param" else model.tags).get(key)

    word = "attributes.run_name" if kind == "name" else f'{kind}s."{key}"'
    operators = ["=", "!=", "LIKE", "ILIKE"] + ([] if kind == "name" else ["IS NULL", "IS NOT NULL"])
    operator = draw(st.sampled_from(operators))
    if operator == "IS NULL":
        return f"{word} IS NULL", lambda model: read(model) is None
    if operator == "IS NOT NULL":
        return f"{word} is not null", lambda model: read(model) is not None
    value = draw(st.sampled_from([*TEXTS, "%", "s%", "_VM", "%x", "a%", "[x]*?", "%'%", "S_m"]))
    if operator in ("=", "!="):
        return (
            f"{word} {operator} {_quoted(value)}",
            lambda model: (found := read(model)) is not None and (found == value) == (operator == "="),
        )
    likes = _like(value, ignore_case=operator == "ILIKE")
    return f"{word} {operator} {_quoted(value)}", lambda model: (found := read(model)) is not None and likes(found)


def _joined(
    parts: st.SearchStrategy[tuple[str, Callable[[Model], bool]]],
) -> st.SearchStrategy[tuple[str, Callable[[Model], bool]]]:
    def both(pair: tuple[list[tuple[str, Callable[[Model], bool]]], bool]) -> tuple[str, Callable[[Model], bool]]:
        items, every = pair
        text = (" AND " if every else " or ").join(f"({part})" for part, _ in items)
        choose = all if every else any
        return text, lambda model: choose(meaning(model) for _, meaning in items)

    def not_(item: tuple[str, Callable[[Model], bool]]) -> tuple[str, Callable[[Model], bool]]:
        return f"NOT ({item[0]})", lambda model: not item[1](model)

    return st.tuples(st.lists(parts, min_size=2, max_size=3), st.booleans()).map(both) | parts.map(not_)


FILTERS = st.just(("", lambda _model: True)) | st.recursive(leaves(), _joined, max_leaves=4)


# ---- orders, with what they mean


def _key(order: list[str]) -> Callable[[Model], tuple[object, ...]]:
    def key(model: Model) -> tuple[object, ...]:
        found: list[object] = []
        for text in order:
            word, _, direction = text.rpartition(" ")
            down = direction == "DESC"
            entity, _, name = word.partition(".")
            name = name.strip("`")
            if entity == "metrics":
                value = model.metrics.get(name)
                rank = 2 if value is None else 1 if math.isnan(value) else 0
                number = value if rank == 0 else 0.0
                found += [rank, -number if down else number]  # type: ignore[operator]
            elif entity in ("params", "tags"):
                text_ = (model.params if entity == "params" else model.tags).get(name)
                found += [text_ is None, _Text(text_ or "", down)]
            elif name == "start_time":
                found.append(-model.started if down else model.started)
            elif name == "end_time":
                found += [model.ended is None, (-1 if down else 1) * (model.ended or 0)]
            else:
                shown = {"run_name": model.name, "status": model.status.replace("lost", "killed"), "run_id": model.id}
                found.append(_Text(shown[name], down))
        return *found, -model.started, model.id

    return key


@dataclass(frozen=True)
class _Text:
    """Text by code point, perhaps backwards."""

    text: str
    down: bool

    def __lt__(self, other: _Text) -> bool:
        mine, theirs = self.text.encode(), other.text.encode()
        return theirs < mine if self.down else mine < theirs


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(
            [f"{entity}.`{name}`" for entity in ("metrics", "params", "tags") for name in NAMES[:2]]
            + [f"attributes.{name}" for name in ("start_time", "end_time", "run_name", "status", "run_id")]
        ),
        st.sampled_from(["ASC", "DESC"]),
    ),
    max_size=2,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: [f"{word} {direction}" for word, direction in pairs])

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _everything(book: Runs, question: Question, limit: int) -> list[str]:
    found: list[str] = []
    token = None
    while True:
        page = book.search(question, limit, token)
        assert len(page.rows) <= limit
        found += [run.id for run in page.rows]
        token = page.token
        if token is None:
            return found
        assert len(page.rows) == limit


@given(
    everything=models(),
    filter_=FILTERS,
    order=ORDERS,
    limit=st.integers(1, 5),
    lifecycle=st.sampled_from(["active", "deleted", "all"]),
    chosen=st.sampled_from([None, (0,), (0, 1), (2, 0, 1), (1, 77), ()]),
    way=st.sampled_from([(0, 0), (0, 10_000), (1_000_000, 1_000_000)]),
)
@QUICK
def test_what_is_found_is_what_the_model_finds(
    database: Database,
    everything: list[Model],
    filter_: tuple[str, Callable[[Model], bool]],
    order: list[str],
    limit: int,
    lifecycle: str,
    chosen: tuple[int, ...] | None,
    way: tuple[int, int],
) -> None:
    with database.transaction() as connection:
        _empty(connection)
    for model in everything:
        _put(database, model)
    wanted = [
        model
        for model in everything
        if (chosen is None or model.experiment in chosen)
        and (lifecycle == "all" or model.deleted == (lifecycle == "deleted"))
        and filter_[1](model)
    ]
    question = Question.read(filter_[0], order, experiments=chosen, lifecycle=lifecycle)  # type: ignore[arg-type]
    book = Runs(database)
    with pytest.MonkeyPatch.context() as patch:
        # What counts as few decides which way is taken: never, as it comes, or always the rarest condition first.
        patch.setattr("noria.runs.search._FEW", way[0])
        patch.setattr("noria.runs.search._LOOK", way[1])
        found = _everything(book, question, limit)
    assert found == [model.id for model in sorted(wanted, key=_key(order))]
    assert book.count(question) == len(wanted)


@given(everything=models(), more=models(), order=ORDERS, limit=st.integers(1, 3))
@QUICK
def test_pages_neither_repeat_nor_skip_while_runs_come_and_go(
    database: Database, everything: list[Model], more: list[Model], order: list[str], limit: int
) -> None:
    with database.transaction() as connection:
        _empty(connection)
    for model in everything:
        model.deleted = False
        _put(database, model)
    book = Runs(database)
    question = Question.read("", order, experiments=(0, 1, 2))
    found: list[str] = []
    gone: set[str] = set()
    arriving = iter([model for number, model in enumerate(more) if not _rename(model, number) and not model.deleted])
    token = None
    while True:
        page = book.search(question, limit, token)
        found += [run.id for run in page.rows]
        token = page.token
        if token is None:
            break
        new = next(arriving, None)
        if new is not None:
            _put(database, new)
        if page.rows and len(gone) < 3:
            gone.add(page.rows[-1].id)  # the very run that the next page begins after
            book.delete([page.rows[-1].id])
    assert len(found) == len(set(found))
    assert {model.id for model in everything} <= set(found)
    keys = {model.id: _key(order)(model) for model in [*everything, *more]}
    assert [keys[one] for one in found] == sorted(keys[one] for one in found)


def _rename(model: Model, number: int) -> None:
    model.id = f"f{number:030x}e"


def test_a_token_is_of_its_question(database: Database) -> None:
    book = Runs(database)
    for number in range(3):
        run = book.start("logged", "x")
        book.log_metrics(run, {"m": number})
    by_metric = Question.read("", ["metrics.m DESC"], experiments=(0,))
    token = book.search(by_metric, 1).token
    assert token is not None
    others = [
        Question.read("", ["metrics.m ASC"], experiments=(0,)),
        Question.read("metrics.m > 0", ["metrics.m DESC"], experiments=(0,)),
        Question.read("", ["metrics.m DESC"], experiments=(0, 1)),
        Question.read("", ["metrics.m DESC"], experiments=(0,), lifecycle="all"),
        Question.read("", [], experiments=(0,)),
    ]
    for other in others:
        with pytest.raises(WrongArgument, match="token"):
            book.search(other, 1, token)
    for made_up in ("", "!", "e30", "bnVsbA", "[]", token[:-2], token + "AAAA", "ä", "W" * 40_000, "WzEs" * 9):
        with pytest.raises(WrongArgument, match="token"):
            book.search(by_metric, 1, made_up)


def test_one_thing_is_not_ordered_by_twice() -> None:
    with pytest.raises(WrongArgument, match="twice"):
        Question.read("", ["metrics.m", "params.m", "metric.`m` DESC"])


def test_a_thousand_runs_come_whole_and_in_order(database: Database) -> None:
    book = Runs(database)
    with database.transaction() as connection:
        connection.execute(
            sa.insert(runs),
            [
                {
                    "id": f"{number:032x}",
                    "experiment_id": 0,
                    "kind": "logged",
                    "name": "x",
                    "status": "finished",
                    "started": START + timedelta(seconds=number),
                    "process": "",
                    "trigger": "",
                    "user_id": "",
                }
                for number in range(1200)
            ],
        )
    page = book.search(Question.read("", []), 1100)
    assert [int(run.id, 16) for run in page.rows] == list(range(1199, 99, -1))
