"""Classes of the user's own are loaded in one place, for preparation and training alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from noria.errors import WrongSetting
from noria.pipeline.own import importable
from noria.preparation.own import own_transformer
from noria.training.family import Fitting
from noria.training.own import own_family

MINE = '''
class Half:
    def fit(self, X, y=None):
        return self


class Whole(Half):
    """Takes anything by name."""

    def __init__(self, a=1, random_state=None, **more):
        self.given = {"a": a, "random_state": random_state, **more}

    def transform(self, X):
        return X

    predict = transform


class Narrow(Whole):
    def __init__(self, a=1):
        if a < 0:
            raise ValueError("a must not be negative")
        super().__init__(a)


def function():
    """No class."""
'''
Make = Callable[[str], object]


def transformer(path: str) -> object:
    return own_transformer(path, {"a": 2})


def estimator(path: str) -> object:
    return own_family({"class": path, "params": {"a": 2}})


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a module of its own."""
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "mine_of_own.py").write_text(MINE)
    (tmp_path / "broken_of_own.py").write_text("def (:\n")
    importable(tmp_path)


@pytest.mark.parametrize(("make", "noun", "code"), [(transformer, "a transformer", "N-PREP-003"),
                                                    (estimator, "an estimator", "N-TRAIN-011")])  # fmt: skip
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("mine_of_own.Whole", "{noun} of your own gives class = 'mine_of_own.Whole'"),
        ("mine_of_won:Whole", "mine_of_won:Whole cannot be imported"),
        ("broken_of_own:Whole", "broken_of_own:Whole cannot be imported"),
        ("mine_of_own:Whle", "mine_of_own has no 'Whle'"),
        ("mine_of_own:Half", "mine_of_own:Half is not {noun}"),
        ("mine_of_own:function", "mine_of_own:function is not {noun}"),
        ("sklearn.preprocessing:StandardScaler", ""),
    ],
)
def test_what_cannot_be_used_is_told_alike(make: Make, noun: str, code: str, path: str, says: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        make(path)
    assert wrong.value.code == code
    assert says.format(noun=noun) in wrong.value.what
    assert wrong.value.mend


def test_who_takes_any_name_is_given_it_and_a_seed_where_there_is_one() -> None:
    assert own_transformer("mine_of_own:Whole", {"b": 3}, seed=7).given == {"a": 1, "random_state": 7, "b": 3}
    family = own_family({"class": "mine_of_own:Whole", "params": {"random_state": 5}})
    assert family.build({"a": 4}, Fitting("regression", 9)).given == {"a": 4, "random_state": 5}  # type: ignore[attr-defined]
    narrow = own_family({"class": "mine_of_own:Narrow"})
    assert narrow.build({"a": 4}, Fitting("regression", 9)).given["random_state"] is None  # type: ignore[attr-defined]


def test_arguments_nobody_takes() -> None:
    with pytest.raises(WrongSetting, match="takes no parameter 'aa'") as wrong:
        own_transformer("mine_of_own:Narrow", {"aa": 1})
    assert "did you mean 'a'" in wrong.value.why
    with pytest.raises(WrongSetting, match="takes no parameter 'C'"):
        own_family({"class": "mine_of_own:Narrow", "space": {"C": [1.0, 2.0]}})
    with pytest.raises(WrongSetting, match="cannot be built with") as wrong:
        own_transformer("mine_of_own:Narrow", {"a": -1})
    assert "must not be negative" in wrong.value.why
