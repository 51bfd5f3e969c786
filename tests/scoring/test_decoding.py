"""The quick way through a request says what the exact one says, and leaves to it what it must."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import NoriaError
from noria.scoring.column import SignatureColumn
from noria.scoring.decoding import RowReader
from noria.scoring.rows import Rows
from noria.scoring.signature import Checked, InputRefused, Signature
from noria.security.strict_json import BadJson, decode
from noria.serving import mlflow, native

SIGNATURE = Signature(
    (
        SignatureColumn("amount", "float", missing="impute", min=-10.5, max=10.0),
        SignatureColumn("free", "float"),
        SignatureColumn("age", "int", min=18, max=75, range="refuse"),
        SignatureColumn("count", "int", missing="flag", range="clip", min=0, max=9),
        SignatureColumn("owner", "bool", missing="impute"),
        SignatureColumn("grade", "category", unseen="flag", categories=("A", "B")),
        SignatureColumn("code", "category", integers=True, categories=("1", "2"), unseen="ignore"),
        SignatureColumn("größe", "text", missing="impute"),
        SignatureColumn("opened", "timestamp", missing="impute"),
    ),
    carried=(SignatureColumn("id", "int", missing="impute"), SignatureColumn("at", "timestamp", missing="impute")),
)
GOOD: Mapping[str, object] = {
    "amount": 1.5, "free": 3, "age": 30, "count": 4, "owner": True, "grade": "A", "code": "1", "größe": "L",
    "opened": "2026-01-01T00:00:00Z",
}  # fmt: skip
ANY = (
    st.none()
    | st.booleans()
    | st.integers(-20, 80)
    | st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, 1e300, 3.0, 9.3e18, -9.3e18])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["A", "B", "C", "1", "", 'say "hi"', "back\\slash", "\x00", "30", "2026-01-01T00:00:00"])
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
)
ROW = st.builds(
    lambda changes, without, more: {k: v for k, v in {**GOOD, **changes}.items() if k not in without} | more,
    st.dictionaries(st.sampled_from([*GOOD]), ANY, max_size=3),
    st.just(frozenset()) | st.frozensets(st.sampled_from([*GOOD]), max_size=1),
    st.just({}) | st.dictionaries(st.sampled_from(["id", "at", "other"]), ANY, max_size=2),
)
BODY = st.one_of(
    ROW,
    st.lists(ROW, max_size=4),
    st.fixed_dictionaries({"records": st.lists(ROW, max_size=3)}, optional={"request_id": st.just("mine") | ANY}),
)


def written(value: object, *, ascii_only: bool) -> bytes:
    # Surrogates can be written as escapes only.
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


def outcome(ask: Callable[[], tuple[Checked, str | None]]) -> object:
    try:
        checked, request = ask()
    except InputRefused as refused:
        return (refused.what, refused.problems)
    except NoriaError as error:
        return (type(error), error.what)
    # As text, so that 1, 1.0 and True are three.
    return (repr(checked.columns), repr(checked.carried), checked.flags, checked.rows, request)


def exactly(body: bytes, parse: Callable[[object], object]) -> tuple[Checked, str | None]:
    made = parse(decode(body))
    records, request = made[:2] if isinstance(made, tuple) else (made, None)
    return SIGNATURE._check_each(list(records)), request


def as_served(body: bytes) -> tuple[Checked, str | None]:
    records, request, _ = native.read(body, SIGNATURE.reader) or native.parse(decode(body))
    return SIGNATURE.check(records), request


@given(BODY, st.booleans())
def test_whatever_comes_both_ways_say_the_same(value: object, ascii_only: bool) -> None:
    body = written(value, ascii_only=ascii_only)
    assert outcome(lambda: as_served(body)) == outcome(lambda: exactly(body, native.parse))


@given(st.lists(ROW, max_size=3), st.sampled_from(["dataframe_records", "instances", "inputs"]))
def test_so_they_do_for_mlflow(rows: object, form: str) -> None:
    body = written({form: rows}, ascii_only=False)

    def served() -> tuple[Checked, str | None]:
        return SIGNATURE.check(mlflow.read(body, SIGNATURE.reader) or mlflow.parse(decode(body))), None

    assert outcome(served) == outcome(lambda: exactly(body, mlflow.parse))


@given(st.lists(st.tuples(st.sampled_from([*GOOD, "id"]), ANY), min_size=1, max_size=2), st.integers(0, 9))
def test_a_key_that_is_there_twice_is_always_refused(doubled: list[tuple[str, object]], place: int) -> None:
    pairs = [*GOOD.items()]
    pairs[place:place] = [*doubled, doubled[0]]
    body = "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value)}" for key, value in pairs) + "}"
    with pytest.raises(BadJson):
        as_served(body.encode())


@pytest.mark.parametrize(
    "wrong",
    [
        b'"amount": 1, "amount": 1', b'"amount": NaN', b'"amount": 1e999', b'"amount": "a\\u0000"',
        b'"am\\u006funt": 1, "amount": 2', b'"amount": ' + b"[" * 5000, b'"amount": 123456789012345678901234567890',
        b'"amount": "\xff"', b'"amount": 1}}', b'"amount": 1,', b'"amount": 01',
    ],
)  # fmt: skip
def test_what_strict_json_refuses_is_refused_in_its_words(wrong: bytes) -> None:
    rest = json.dumps({name: value for name, value in GOOD.items() if name != "amount"}, ensure_ascii=False)
    body = b"{" + wrong + b", " + rest.encode()[1:]
    with pytest.raises(BadJson) as exact:
        decode(body)
    with pytest.raises(BadJson) as served:
        as_served(body)
    assert served.value.what == exact.value.what


def test_plain_requests_are_read_without_the_exact_way() -> None:
    def never() -> list[object]:
        raise AssertionError("read a second time")

    reader = SIGNATURE.reader
    rows = [GOOD, {**GOOD, "amount": None, "age": 40.0, "code": 2}]
    many = reader.many(written(rows, ascii_only=False), never)
    one = reader.one(written({**GOOD, "id": 7, "at": None}, ascii_only=False), never)
    held = reader.within(written({"rows": rows, "request_id": "mine"}, ascii_only=False), "rows", never)
    assert many is not None
    assert one is not None
    assert held is not None
    assert SIGNATURE.check(many).columns["code"] == ["1", "2"]
    assert SIGNATURE.check(many).columns["age"] == [30, 40]
    assert SIGNATURE.check(one).carried == {"id": [7], "at": [None]}
    assert held[1] == "mine"
    assert len(held[0]) == 2


def test_what_types_cannot_tell_is_left_alone() -> None:
    column = SignatureColumn("age", "int")
    unread = [
        (RowReader([column], [SignatureColumn("id", "int")]), b'[{"age": 1, "id": 2}, {"age": 1}]'),
        (RowReader([SignatureColumn('a"ge', "int")]), b'[{"a\\"ge": 1}]'),
        (RowReader([column]), b"[]"),
        (RowReader([column]), b'[{"age": true}]'),
        (RowReader([]), b"[{}]"),
        (Signature((column,), extra="ignore").reader, b'[{"age": 1}]'),
    ]
    for reader, body in unread:
        assert reader.many(body, list) is None


def test_rows_give_their_records_and_only_alike_ones_are_put_side_by_side() -> None:
    rows = Rows.of([{"a": 1, "b": 2}, {"b": 3, "a": 4}])
    assert rows is not None
    assert rows.columns == {"a": [1, 4], "b": [2, 3]}
    assert list(rows) == [{"a": 1, "b": 2}, {"a": 4, "b": 3}]
    assert len(rows) == 2
    assert list(Rows({}, 2)) == [{}, {}]
    for unlike in ([], [{}], [1], [{"a": 1}, {"b": 1}], [{"a": 1}, 3], [{"a": 1}, {"a": 1, "b": 2}]):
        assert Rows.of(unlike) is None


def test_a_carried_column_that_may_not_lack_is_looked_at_in_single_rows_too() -> None:
    signature = Signature((SignatureColumn("age", "int"),), carried=(SignatureColumn("id", "int", missing="flag"),))
    assert signature.check([{"age": 1}]).flags == [("missing:id",)]
    assert signature.check([{"age": 1}, {"age": 2}]).flags == [("missing:id",)] * 2
