"""Forms: whatever is sent comes through as it was meant, or is refused; never a 5xx, never another value."""

from __future__ import annotations

import enum
import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noria.errors import NoriaError
from noria.server.mlflow.dispatch import bodies
from noria.server.mlflow.forms import Form, Number, Reader, Required
from noria.server.mlflow.routes import MLFLOW_ROUTES, belongs, find

if TYPE_CHECKING:
    from protocol_client import Client


class Colour(enum.IntEnum):
    RED = 1
    BLUE = 2


class Inner(Form):
    key: Required
    value: Number = 0.0


class Everything(Form):
    text: str = ""
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""
    whole: int = 0
    few: Annotated[int, msgspec.Meta(ge=1, le=9)] | None = None
    number: Number = 0.0
    truth: bool = False
    colour: Colour = Colour.RED
    words: Annotated[tuple[str, ...], msgspec.Meta(max_length=3)] = ()
    inner_forms: tuple[Inner, ...] = ()


READER = Reader(Everything)
NAMES = [field.name for field in msgspec.structs.fields(Everything)]
LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=5)
ODD = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e5", "7.0", " 7", "7_0", "٣", "0x1", "RED", "2", "true", "1e999"]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | LETTERS | ODD
    | st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(-5, 12) | st.integers(-9, 9).map(float)
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["key", "value", "x"]) | LETTERS, inner, max_size=3)
    ),
    max_leaves=6,
)


def meant(kind: str, value: Any) -> Any:
    """Say what a value means for a field, from the words of the protocol alone; raise where it means nothing."""

    def whole(value: Any) -> int:
        if (type(value) is str and value.removeprefix("-").isascii() and value.removeprefix("-").isdigit()) or (
            type(value) is float and value == math.floor(value) and abs(value) <= 2**53
        ):
            value = int(value)
        if type(value) is not int or not -(2**63) <= value < 2**63:
            raise ValueError
        return value

    def number(value: Any) -> float:
        if type(value) not in (int, float, str) or (type(value) is str and ("_" in value or value != value.strip())):
            raise ValueError
        if type(value) is str and (not value.isascii() or value.lower() in ("nan", "inf", "-inf", "+inf", "infinity")):
            return {"NaN": math.nan, "Infinity": math.inf}[value]
        return float(value)

    if type(value) is str and (kind == "text" or (kind == "short" and len(value) <= 3)):
        return value
    if kind == "whole":
        return whole(value)
    if kind == "few" and 1 <= whole(value) <= 9:
        return whole(value)
    if kind == "number":
        return number(value)
    if kind == "truth" and type(value) is bool:
        return value
    if kind == "colour" and type(value) is not bool:
        return Colour[value] if value in ("RED", "BLUE") else Colour(int(value) if value in ("1", "2") else value)
    if kind == "words" and type(value) is list and len(value) <= 3 and all(type(one) is str for one in value):
        return tuple(value)
    if kind == "inner_forms" and type(value) is list:
        return tuple(inner(one) for one in value)
    raise ValueError(kind)


def inner(value: Any) -> Inner:
    if type(value) is not dict or not isinstance(value.get("key"), str) or not value["key"]:
        raise ValueError
    found = Inner(key=value["key"])
    if value.get("value") is not None:
        found.value = meant("number", value["value"])
    return found


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3), st.booleans())
@settings(max_examples=1000, deadline=None)
def test_a_value_comes_through_as_it_was_meant_or_not_at_all(fields: dict[str, Any], camel: bool) -> None:
    def spelt(name: str) -> str:
        first, *rest = name.split("_")
        return first + "".join(word.title() for word in rest) if camel else name

    body = json.dumps({spelt(name): value for name, value in fields.items()}).encode()
    expected: Everything | None
    try:
        expected = Everything(**{name: meant(name, value) for name, value in fields.items() if value is not None})
    except (ValueError, KeyError, TypeError, OverflowError):
        expected = None
    try:
        got = READER.body(body)
    except NoriaError as error:
        told = error.what
    else:
        assert expected is not None, got
        assert repr(got) == repr(expected)
        assert [type(getattr(got, name)) for name in NAMES] == [type(getattr(expected, name)) for name in NAMES]
        return
    # An integer that no field of the protocol could hold is refused wherever it stands.
    assert expected is None or "64 bits" in told


def test_two_spellings_of_one_field() -> None:
    with pytest.raises(NoriaError, match="inner_forms"):
        READER.body(b'{"inner_forms": [], "innerForms": []}')
    assert READER.body(b'{"unknown": {"deep": [1, 2]}, "text": "x"}').text == "x"
    with pytest.raises(NoriaError, match=r"inner_forms\[1\].key"):
        READER.body(b'{"inner_forms": [{"key": "a"}, {"value": 1}]}')


def test_queries() -> None:
    got = READER.query(b"words=a&words=b%20c&truth=TRUE&whole=-7&colour=BLUE&unknown=1&few=3&number=NaN")
    assert (got.words, got.truth, got.whole, got.colour, got.few) == (("a", "b c"), True, -7, Colour.BLUE, 3)
    assert math.isnan(got.number)
    for wrong in (
        b"whole=1&whole=2",
        b"truth=yes",
        b"whole=x",
        b"text=%ff",
        b"text=a%00",
        b"few=0",
        b"&".join([b"a=1"] * 3000),
    ):
        with pytest.raises(NoriaError):
            READER.query(wrong)


# ---- every route, over the whole server


def fill(path: str) -> str:
    return path.replace("{path:path}", "0/x/artifacts/y").replace("{tag_key:path}", "t").replace("{model_id}", "m-0")


def test_every_route_is_found_and_says_what_it_needs() -> None:
    seen = set()
    for method, path, handler, action in MLFLOW_ROUTES:
        assert action in ("view", "track", "register", "change", "open")
        assert (method in ("GET", "HEAD")) <= (action in ("view", "open")), path
        assert (method, path) not in seen
        seen.add((method, path))
        assert belongs(path)
        found = find(method, fill(path))
        assert isinstance(found, tuple)
        assert found[0].handler is handler
        assert (found[0].path, found[0].action) == (path, action)
        scope = {"path": fill(path), "method": method}
        body = bodies(scope)
        assert body is not None
        assert body.streamed == (method == "PUT")
    twins = {path.replace("/ajax-api/", "/api/") for _method, path, _handler, _action in MLFLOW_ROUTES}
    for path in twins - {"/health", "/version"}:
        assert ("ajax-api" + path.removeprefix("/api")).startswith("ajax-api/"), path
        assert any(row[1] == f"/ajax-api{path.removeprefix('/api')}" for row in MLFLOW_ROUTES), path


JSON_ROUTES = sorted({(method, fill(path)) for method, path, _h, _a in MLFLOW_ROUTES if method not in ("PUT", "HEAD")})
FIELDS = (
    "run_id", "experiment_id", "key", "value", "timestamp", "step", "metrics", "params", "tags", "datasets", "models",
    "filter", "order_by", "max_results", "page_token", "name", "new_name", "status", "run_view_type", "experiment_ids",
    "model_json", "path", "metric_key", "run_ids", "start_time", "end_time", "model_id", "view_type", "run_name",
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from protocol_client import PROJECT, Client

    from noria.server.site import Site
    from noria.workspace import Workspace

    root = tmp_path_factory.mktemp("fuzz")
    (root / "noria.toml").write_text(PROJECT)
    client = Client(Site(Workspace(root)))
    client.known = client.run()  # type: ignore[attr-defined]
    yield client
    client.site.close()
    client.site.workspace.close()


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_sent_is_our_failure(filled: Client, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(JSON_ROUTES))
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), JSON | st.text(max_size=4), max_size=4))
    if data.draw(st.booleans()):
        fields |= {"run_id": filled.known, "key": "k", "experiment_ids": ["0"], "max_results": 2}  # type: ignore[attr-defined]
    if method == "GET":
        query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        response = filled.ask(method, path, params=query)
    else:
        body = json.dumps(fields).encode()
        response = filled.ask(method, path, content=body, headers={"content-type": "application/json"})
    assert response.status_code in (200, 400, 404) or "mlflow-artifacts/" in path, response.text
    if response.status_code >= 400:
        assert set(response.json()) == {"error_code", "message"}
