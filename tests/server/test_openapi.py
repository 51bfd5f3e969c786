"""The document of noria's own interface says what is there; nothing that may be asked brings the server down."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_browser import Browser

from noria.server.app import TABLES
from noria.server.openapi import document

OWN = sorted(
    {
        (method, path.replace(":path}", "}"))
        for table in TABLES
        for method, path, _handler, _action in table
        if path.startswith("/api/") and not re.match(r"/api/[0-9]", path)
    }
)


def test_every_route_of_ours_is_described_and_no_other() -> None:
    described = document(TABLES)
    found = sorted((method.upper(), path) for path, one in described["paths"].items() for method in one)  # type: ignore[attr-defined]
    assert found == OWN
    assert len(found) > 10
    names = [one["operationId"] for path in described["paths"].values() for one in path.values()]  # type: ignore[attr-defined]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere(filled: Browser) -> None:
    answer = filled.get("/api/openapi.json")
    assert answer.json()["openapi"] == "3.1.0"
    schemas = answer.json()["components"]["schemas"]
    references = set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', answer.text))
    assert references
    assert references <= set(schemas)


def test_every_operation_says_what_it_is_for() -> None:
    for path in document(TABLES)["paths"].values():  # type: ignore[attr-defined]
        for one in path.values():
            assert one["summary"].endswith(".")
            assert one["x-action"]


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["../..", "%00", "a@b@c", "@", "\x00", "9" * 400, "credit-risk@1", "-1", "'"]
)


@pytest.mark.parametrize("path", [path for method, path in OWN if method == "GET"])
@given(
    parts=st.lists(TEXTS, min_size=3, max_size=3),
    query=st.dictionaries(
        st.sampled_from(["where", "order", "experiment", "limit", "token", "columns", "deleted", "x"]),
        TEXTS,
        max_size=4,
    ),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered_or_refused(
    filled: Browser, path: str, parts: list[str], query: dict[str, str]
) -> None:
    given_parts = iter(parts)
    asked = re.sub(r"\{\w+\}", lambda _: quote(next(given_parts), safe="") or "x", path)
    answer = filled.get(asked, params=query)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"]
