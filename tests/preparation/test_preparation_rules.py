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


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("outliers", {"reach": 1.5, "action": "clip"}),
        ("outliers:zscore", {"reach": 3.0, "action": "clip"}),
        ("outliers:forest=2%,drop", {"reach": 0.02, "action": "drop"}),
        ("dates:month,hour,cyclic", {"fields": "month,hour", "cyclic": 1.0}),
        ("hash:buckets=8", {"buckets": 8.0}),
        ("tfidf:max=20,rare=1%", {"max": 20.0, "rare": 0.01}),
    ],
)
def test_further_rules_are_read(text: str, options: dict[str, object]) -> None:
    assert parse(text).options == options


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("outliers:forest,clip", "no bounds"),
        ("outliers:mad", "no 'mad'"),
        ("outliers:iqr,hide", "cannot be 'hide'"),
        ("outliers:iqr=-1", "above zero"),
        ("outliers:forest=0.7", "at most 0.5"),
        ("dates", "at least one part"),
        ("dates:cyclic", "at least one part"),
        ("dates:month,month", "each once"),
        ("dates:moth", "did you mean 'month'"),
        ("hash:buckets=1", "at least 2"),
        ("woe:smooth=0", "above zero"),
    ],
)
def test_a_further_wrong_rule_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        parse(text)
    assert says in caught.value.why


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (["outliers:iqr,null"], "makes values missing"),
        (["outliers:iqr,null", "impute:knn"], "nothing can stand before it"),
        (["impute:median", "outliers:iqr,null"], "makes values missing"),
    ],
)
def test_values_made_missing_are_filled_in(rules: list[str], says: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        parse_all(rules, "number")
    assert says in caught.value.why


def test_mode_is_the_most_frequent() -> None:
    assert parse("impute:mode") == parse("impute:most_frequent")


def test_every_rule_is_explained_and_its_example_is_right() -> None:
    for name, kind in KINDS.items():
        assert kind.help.endswith("."), name
        assert parse(kind.example or name if name != "dates" else kind.example).kind == name
        for choice in kind.choices:
            assert parse(f"{name}:{choice}").kind == name
