from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import WrongSetting
from noria.preparation.rules import KINDS, parse, parse_all


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("imput:median", "did you mean 'impute'"),
        ("impute:medain", "did you mean 'median'"),
        ("onehot:rar=0.1", "there is no option 'rar'"),
        ("onehot:rare=2", "share of rows"),
        ("onehot:rare=x", "not a number"),
        ("onehot:max=1", "at least 2"),
        ("clip:p99,p1", "the lower first"),
        ("clip:p1", "two percentiles"),
        ("scale:standard=3", "takes no value"),
        ("", "there is no rule"),
    ],
)
def test_a_wrong_rule_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        parse(text)
    assert says in caught.value.why


@pytest.mark.parametrize(
    ("texts", "feature"),
    [
        (["indicator"], "number"),
        (["onehot", "ordinal"], "string"),
        (["scale:standard"], "string"),
        (["onehot"], "number"),
        (["impute:median"], "string"),
    ],
)
def test_rules_that_do_not_fit_together_are_refused(texts: list[str], feature: str) -> None:
    with pytest.raises(WrongSetting):
        parse_all(texts, feature)


def test_percent_is_read_as_a_share() -> None:
    assert parse("onehot:rare=1%").number("rare", 0) == pytest.approx(0.01)


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(WrongSetting):
        assert parse(text).kind in KINDS
