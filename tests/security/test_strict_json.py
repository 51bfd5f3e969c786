"""JSON that could be read in two ways is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.security.strict_json import BadJson, decode

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(PLAIN, st.booleans())
def test_what_is_plain_comes_through_unaltered(value: object, ascii_only: bool) -> None:
    read = decode(json.dumps(value, ensure_ascii=ascii_only).encode())
    assert read == value
    assert repr(read) == repr(value)


@given(st.dictionaries(st.text('ab\\"é', max_size=3), PLAIN, min_size=1, max_size=3), st.data(), st.integers(0, 3))
@settings(max_examples=200)
def test_a_repeated_key_is_refused_wherever_it_stands(
    value: dict[str, object], data: st.DataObject, depth: int
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    members = [*value.items(), (key, data.draw(PLAIN))]
    body = "{" + ",".join(f"{json.dumps(k)}:{json.dumps(v)}" for k, v in data.draw(st.permutations(members))) + "}"
    body = "[" * depth + body + "]" * depth
    with pytest.raises(BadJson, match="twice"):
        decode(body.encode())


def test_the_same_key_spelt_with_an_escape_is_the_same_key() -> None:
    with pytest.raises(BadJson, match="twice"):
        decode(b'{"age": 1, "\\u0061ge": 2}')


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b'{"a":1', b"[1,]", b"{'a':1}", b"nul", b"NaN", b"[Infinity]", b"[-Infinity]", b"1e999",
        b"[-1e999]", b"9223372036854775808", b"-9223372036854775809", b"[" + b"9" * 5000 + b"]", b'"\\u0000"',
        b'{"\\u0000": 1}', b'"\\ud800"', b'"a\x00"', b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), b'"\xff"',
        b'"\xed\xa0\x80"', b"{} {}", b"[" * 51 + b"]" * 51, b"[" * 100_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_json_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(BadJson):
        decode(body)


def test_the_limits_can_be_reached() -> None:
    assert decode(b"[" * 50 + b"]" * 50) is not None
    assert decode(b"[9223372036854775807,-9223372036854775808]") == [2**63 - 1, -(2**63)]
    with pytest.raises(BadJson, match="too many"):
        decode(b"[" + b"0," * 100 + b"0]", max_items=100)
    assert decode(b"[1e5, 0.1, -0.0, 1E-2, 5e-324]") == [1e5, 0.1, 0.0, 0.01, 5e-324]
