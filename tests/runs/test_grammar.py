"""The filter language: what it reads, what it refuses, and that it never takes long."""

from __future__ import annotations

import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongArgument
from noria.runs import grammar
from noria.runs.grammar import And, Comparison, Condition, Not, Or, OrderKey, parse, parse_order
from noria.runs.vocabulary import EXPERIMENTS, LOGGED_MODELS, MODELS, RUNS, VERSIONS, Vocabulary


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", None),
        ("  \n ", None),
        ("metrics.m > 0.5", Comparison("metric", "m", ">", 0.5)),
        ("metric.m>=.5", Comparison("metric", "m", ">=", 0.5)),
        ("metrics.m = -1e3", Comparison("metric", "m", "=", -1000.0)),
        ("metrics.m <> 3", Comparison("metric", "m", "!=", 3)),
        ("metrics.`a b` == 3", Comparison("metric", "a b", "=", 3)),
        ('metrics."a.b/c" < 3', Comparison("metric", "a.b/c", "<", 3)),
        ("metrics.a.b < 3", Comparison("metric", "a.b", "<", 3)),
        ("params.kind = 'svm'", Comparison("param", "kind", "=", "svm")),
        ('parameters.kind != "s v"', Comparison("param", "kind", "!=", "s v")),
        ("params.kind like 'it''s%'", Comparison("param", "kind", "LIKE", "it's%")),
        ("tags.t ILIKE '%x'", Comparison("tag", "t", "ILIKE", "%x")),
        ("tag.t IS NULL", Comparison("tag", "t", "IS NULL", None)),
        ("params.t is Not nulL", Comparison("param", "t", "IS NOT NULL", None)),
        ("tags.mlflow.user = 'a'", Comparison("tag", "mlflow.user", "=", "a")),
        ("status = 'FINISHED'", Comparison("attribute", "status", "=", "FINISHED")),
        ("attr.run_name = 'x'", Comparison("attribute", "name", "=", "x")),
        ("run.status = 'x'", Comparison("attribute", "status", "=", "x")),
        ("created > 5", Comparison("attribute", "started", ">", 5)),
        ("run_id IN ('a','b')", Comparison("attribute", "id", "IN", ("a", "b"))),
        ("attribute.run_id NOT IN ('a')", Comparison("attribute", "id", "NOT IN", ("a",))),
        ("dataset.name = 'd'", Comparison("dataset", "name", "=", "d")),
        ("datasets.context IN ('t')", Comparison("dataset", "context", "IN", ("t",))),
        ("start_time > 1700000000123", Comparison("attribute", "started", ">", 1700000000123)),
    ],
)
def test_it_reads(text: str, wanted: Condition | None) -> None:
    assert parse(text) == wanted


def test_and_binds_closer_than_or() -> None:
    a, b, c = (Comparison("metric", name, ">", 1) for name in "abc")
    text = {"a": "metrics.a > 1", "b": "metrics.b > 1", "c": "metrics.c > 1"}
    assert parse("{a} or {b} AND {c}".format(**text)) == Or((a, And((b, c))))
    assert parse("({a} or {b}) and {c}".format(**text)) == And((Or((a, b)), c))
    assert parse("not {a} and not ({b} or {c})".format(**text)) == And((Not(a), Not(Or((b, c)))))


def test_people_may_write_bare_names() -> None:
    wanted = And((Comparison("metric", "auc", ">", 0.8), Comparison("param", "model", "=", "svm")))
    assert parse("auc > .8 and model = svm", lenient=True) == wanted
    assert parse("status = failed", lenient=True) == Comparison("attribute", "status", "=", "failed")
    assert parse("depth = '3'", lenient=True) == Comparison("param", "depth", "=", "3")
    assert parse("params.depth = 3", lenient=True) == Comparison("param", "depth", "=", "3")
    assert parse("`val loss` < 1", lenient=True) == Comparison("metric", "val loss", "<", 1)
    with pytest.raises(WrongArgument, match="no attribute 'auc'"):
        parse("auc > .8")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("metrics.m", "comparison is expected"),
        ("metrics.m >", "not the end"),
        ("metrics.m > 'x'", "number without quotes"),
        ("metrics.m > '5'", "number without quotes"),
        ("metrics.m LIKE '5'", "cannot be compared by LIKE"),
        ("params.p = 5", "text in quotes"),
        ("params.p > '5'", "cannot be compared by >"),
        ("params.p IN ('5')", "cannot be compared by IN"),
        ("run_name IN ('5')", "cannot be compared by IN"),
        ("status > 'x'", "cannot be compared by >"),
        ("statsu = 'x'", "did you mean 'status'"),
        ("metrics.m = 1 metrics.n = 2", "'metrics.n' is not expected"),
        ("metrics.m = 1 and", "not the end"),
        ("(metrics.m = 1", 'a "\\)" is missing'),
        ("metrics.m = 1)", "'\\)' is not expected"),
        ("params.p = 'x", "never closed"),
        ("metrics.`m > 1", "never closed"),
        ("metrics. = 1", "name is expected"),
        ("run_id IN ()", "text in quotes"),
        ("run_id IN ('a' 'b')", 'goes on with ","'),
        ("run_id IN 'a'", "list in parentheses"),
        ("dataset.colour = 'x'", "has name, digest and context"),
        ("params.p IS 'x'", "comparison is expected"),
        ("and", "name is expected"),
        ("metrics.m > 1_0", "number without quotes"),
        ("metrics.m > nan", "number without quotes"),
        ("; DROP TABLE runs", "no attribute"),
        ("metrics.m ! 1", "comparison is expected"),
    ],
)
def test_it_refuses(text: str, why: str) -> None:
    with pytest.raises(WrongArgument, match=why) as caught:
        parse(text)
    assert "at letter" in caught.value.what


@pytest.mark.parametrize("vocabulary", [RUNS, EXPERIMENTS, LOGGED_MODELS, MODELS, VERSIONS])
def test_every_attribute_of_every_vocabulary_can_be_asked_for(vocabulary: Vocabulary) -> None:
    for spelling, (name, kind) in vocabulary.attributes.items():
        value = "5" if kind == "number" else "'5'"
        for prefix in ("", "attributes."):
            found = parse(f"{prefix}{spelling.upper() if not prefix else spelling} = {value}", vocabulary)
            assert isinstance(found, Comparison)
            assert found.key == name
        assert parse_order(f"{spelling} DESC", vocabulary) == OrderKey("attribute", name, descending=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metrics.m", OrderKey("metric", "m")),
        ("metrics.`a b` desc", OrderKey("metric", "a b", descending=True)),
        ('params."x" ASC', OrderKey("param", "x")),
        ("start_time DESC", OrderKey("attribute", "started", descending=True)),
    ],
)
def test_it_reads_an_order(text: str, wanted: OrderKey) -> None:
    assert parse_order(text) == wanted


@pytest.mark.parametrize("text", ["", "metrics.m up", "metrics.m DESC DESC", "dataset.name", "1", "metrics.", "m, n"])
def test_it_refuses_an_order(text: str) -> None:
    with pytest.raises(WrongArgument):
        parse_order(text)


def test_it_is_bounded() -> None:
    for text in (
        "(" * 5000,
        "not " * 2000,
        "metrics.m = 1" + " " * 10_000,
        "metrics.m = 1 and " * 1001 + "metrics.m = 1",
    ):
        with pytest.raises(WrongArgument):
            parse(text)
    assert parse("(" * 50 + "metrics.m = 1" + ")" * 50) == Comparison("metric", "m", "=", 1)


PIECES = ["metrics.m", "params.`x`", "tags.t", "status", "(", ")", "=", ">", "!=", "like", "in", "not", "and", "or"]
PIECES += ["is", "null", "'a'", '"', "'", "`", "5", "-.5e9", ",", " ", "\x00", "ä", ".", "''", "1e999", "9" * 30]


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join), st.booleans())
def test_whatever_is_written_is_read_or_refused(text: str, lenient: bool) -> None:
    for vocabulary in (RUNS, EXPERIMENTS, LOGGED_MODELS):
        with contextlib.suppress(WrongArgument):
            parse(text, vocabulary, lenient=lenient)


@pytest.mark.parametrize("unit", ["'", "''", "`a` ", "( ", "not ", "a.b = 'c' and ", "1", "in (", "''''"])
def test_the_work_grows_with_the_length_and_no_faster(unit: str) -> None:
    def steps(text: str) -> int:
        taken = 0

        def count(frame: object, event: str, arg: object) -> object:
            nonlocal taken
            taken += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)  # type: ignore[arg-type]
        try:
            parse(text)
        except WrongArgument:
            pass
        finally:
            sys.settrace(before)
        return taken

    short, long = (unit * (size // len(unit)) for size in (1_000, 8_000))
    assert steps(long) <= 12 * steps(short) + 2_000
    assert grammar._LONGEST >= 8_000
