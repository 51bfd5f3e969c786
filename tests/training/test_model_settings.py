from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from noria.training.settings import ModelSettings


@pytest.mark.parametrize("text", ["60", "", "-3s", "0s", "3 days"])
def test_a_budget_is_some_time(text: str) -> None:
    with pytest.raises(ValidationError, match=r"duration|leaves no time"):
        ModelSettings(budget=text)


def test_defaults() -> None:
    made = ModelSettings()
    assert made.budget_seconds == 60
    assert ModelSettings(trials=10).budget_seconds is None
    assert ModelSettings(trials=10, budget="5s").budget_seconds == 5
    assert made.trusted_types == ()


def test_own_estimators_are_trusted_by_being_named() -> None:
    made = ModelSettings.model_validate({"candidates": ["svm", {"class": "mine.mod:Est"}], "trusted": ["mine.Scaler"]})
    assert made.trusted_types == ("mine.Scaler", "mine.mod.Est")


@pytest.mark.parametrize(
    ("section", "place", "says"),
    [
        ({"candidates": ["logistik"]}, "candidates", "did you mean 'logistic'"),
        ({"task": "clustering", "candidates": ["svm"]}, "candidates", "family for classification"),
        ({"candidates": []}, "candidates", "empty"),
        ({"candidates": "all"}, "candidates", "auto"),
        ({"candidates": [{"klass": "a:B"}]}, "candidates", "required"),
        ({"candidates": [{"class": "a.B"}]}, "candidates", "match"),
        ({"budget": "60"}, "budget", "30s"),
        ({"budget": 60}, "budget", "string"),
        ({"folds": 1}, "folds", "greater"),
        ({"folds": "5"}, "folds", "integer"),
        ({"trials": 0}, "trials", "greater"),
        ({"tasks": "regression"}, "tasks", "not permitted"),
    ],
)
def test_a_wrong_section_says_where_and_what(section: dict[str, object], place: str, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelSettings.model_validate(section)
    (first, *_) = caught.value.errors()
    assert first["loc"][0] == place
    assert says in first["msg"]


def test_every_field_is_described() -> None:
    schema = ModelSettings.model_json_schema()
    assert all(part.get("description") for part in schema["properties"].values())


def test_settings_load_no_heavy_library() -> None:
    code = (
        "import sys, noria.training.settings, noria.preparation.settings;"
        "print(sorted({'numpy', 'pandas', 'sklearn', 'lightgbm', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
