"""What "auto" chooses, and that it looks at nothing but the rows it is given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from noria.preparation.choosing import choose
from noria.preparation.recipe import Encoding, preparation
from noria.preparation.rules import parse_all
from noria.preparation.settings import PrepareSettings

AUTO = PrepareSettings.model_validate({"numeric": "auto", "category": "auto"})


def chosen(values: object, kind: str, encoding: Encoding = "linear", task: str = "classification") -> tuple[str, ...]:
    frame = pd.DataFrame({"c": values})
    made = choose(frame, [("c", kind)], AUTO, encoding=encoding, task=task)
    assert made.choices[0].why
    return made.choices[0].rules


RNG = np.random.default_rng(0)
STANDARD = "scale:standard"
EVEN = RNG.normal(size=500)


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        (EVEN.clip(-2.5, 2.5), ("impute:median", "scale:standard")),
        (np.where(np.arange(500) % 20 == 0, np.nan, EVEN.clip(-2, 2)), ("impute:median", "indicator", STANDARD)),
        (np.exp(1.5 * EVEN), ("impute:median", "log", "scale:standard")),
        (np.r_[EVEN.clip(-2, 2)[:495], [90, -80, 70, -90, 85]], ("impute:median", "outliers:iqr=3,clip", STANDARD)),
        (-(RNG.random(500) ** 3), ("impute:median", "scale:power")),
        ((EVEN > 0).astype(float), ("impute:most_frequent",)),
        (np.ones(20), ("impute:median",)),
        (np.full(20, np.nan), ("impute:median", "indicator")),
    ],
)  # fmt: skip
def test_numbers(values: np.ndarray, rules: tuple[str, ...]) -> None:
    found = chosen(values, "float")
    assert found == rules
    assert chosen(values, "float", "tree") == ()
    assert chosen(values, "float", "raw") == ()


def texts(values: list[str | None]) -> pd.Series[str]:
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("values", "linear", "tree"),
    [
        (["a", "b", None] * 30, ("impute:constant", "onehot:rare=0.01"), ()),
        ([f"t{n % 60}" for n in range(600)], ("target",), ()),
        ([f"t{n % 300}" for n in range(900)], ("target",), ("target",)),
        ([f"id{n}" for n in range(400)], ("hash:buckets=16",), ("hash:buckets=16",)),
        ([f"paid number {n} too late" for n in range(200)], ("tfidf:max=100",), ("tfidf:max=100",)),
    ],
)
def test_categories(values: list[str | None], linear: tuple[str, ...], tree: tuple[str, ...]) -> None:
    assert chosen(texts(values), "category") == linear
    assert chosen(texts(values), "category", "tree") == tree


def test_without_a_target_nothing_is_its_mean() -> None:
    assert chosen(texts([f"t{n % 60}" for n in range(600)]), "category", task="clustering") == ("frequency",)


def test_times() -> None:
    hours = pd.date_range("2026-01-01", periods=1000, freq="h")
    assert chosen(hours, "timestamp") == ("dates:days,dow,hour,cyclic", "impute:median", "scale:standard")
    years = pd.date_range("2020-01-01", periods=900, freq="D")
    assert chosen(years, "timestamp", "tree") == ("dates:days,month,dow,cyclic",)
    assert chosen(pd.Series([pd.NaT] * 9), "timestamp", "tree") == ("dates:days",)


COLUMNS = [("a", "float"), ("b", "float"), ("g", "category"), ("t", "timestamp")]


def rows(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "a": rng.lognormal(size=n), "b": rng.normal(size=n),
            "g": texts([f"t{k}" for k in rng.integers(0, 50, n)]),
            "t": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
        }
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["linear", "tree", "raw"])
def test_what_is_chosen_can_be_followed_and_is_the_same_again(encoding: Encoding) -> None:
    frame = rows()
    made = choose(frame, COLUMNS, AUTO, encoding=encoding, task="classification")
    assert made == choose(frame, COLUMNS, AUTO, encoding=encoding, task="classification")
    assert {one.column for one in made.choices} == {"a", "b", "g", "t"}
    for one in made.choices:
        parse_all(one.rules)
    matrix = preparation(COLUMNS, made, encoding=encoding, task="classification").fit_transform(
        frame, np.arange(400) % 2
    )
    assert len(matrix) == 400


def test_what_is_written_stays_as_it_is() -> None:
    settings = PrepareSettings.model_validate(
        {"numeric": ["impute:mean"], "category": "auto", "a": ["log"], "b": "auto"}
    )
    made = choose(rows(), COLUMNS, settings, encoding="linear", task="classification")
    assert made.columns["a"] == ["log"]
    assert [one.column for one in made.choices] == ["b", "g"]
    assert made.numeric == ["impute:mean"]


def test_nothing_is_chosen_where_nothing_is_left_open() -> None:
    made = choose(rows(), COLUMNS, PrepareSettings.model_validate({}), encoding="linear", task="classification")
    assert made.choices == ()
    assert made.columns == {}
