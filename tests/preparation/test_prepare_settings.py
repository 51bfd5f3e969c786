from __future__ import annotations

import pytest
from pydantic import ValidationError

from noria.preparation.settings import PrepareSettings


def test_columns_may_have_rules_of_their_own() -> None:
    made = PrepareSettings.model_validate({"numeric": ["impute:mean"], "income": ["impute:iterative", "log"]})
    assert made.columns == {"income": ["impute:iterative", "log"]}
    assert made.numeric == ["impute:mean"]
    assert made.category


@pytest.mark.parametrize(
    "section",
    [
        {"numeric": ["imput:median"]},
        {"numeric": ["onehot"]},
        {"category": ["scale:standard"]},
        {"income": ["nonsense"]},
        {"income": []},
        {"income": "log"},
        {"numeric": "impute:median"},
        {"_noria_collected": ["drop"]},
    ],
)
def test_a_wrong_section_is_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PrepareSettings.model_validate(section)


def test_the_schema_describes_further_columns() -> None:
    schema = PrepareSettings.model_json_schema()
    further = schema["additionalProperties"]["oneOf"]
    assert {part.get("const", part.get("type")) for part in further} == {"auto", "array"}
    assert all(part["description"] for part in schema["properties"].values())
