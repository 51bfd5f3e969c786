"""The ``[prepare]`` section of the project file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from noria.errors import WrongSetting
from noria.preparation.rules import CATEGORY_DEFAULT, NUMERIC_DEFAULT, Feature, parse_all

__all__ = ["PrepareSettings"]


def _check(texts: list[str], feature: Feature | None = None) -> list[str]:
    try:
        parse_all(texts, feature)
    except WrongSetting as error:
        raise ValueError("; ".join(filter(None, (error.what, error.why, error.mend)))) from None
    return texts


Rules = Annotated[list[str], AfterValidator(_check)]


class PrepareSettings(BaseModel):
    """How columns become numbers; fitted inside each training fold only, saved with the model.

    Any further key is the name of one column with rules of its own.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Rules]

    numeric: Annotated[list[str], AfterValidator(lambda rules: _check(rules, "number"))] = Field(
        default=list(NUMERIC_DEFAULT),
        description="Rules for number and yes/no columns, in order: impute:mean|median|most_frequent|constant=V|knn|"
        "iterative, indicator, scale:standard|robust|minmax|quantile, log, clip:p1,p99, drop. Families that split on "
        "values (forests, boosting) take missing values as they are and leave these out, unless a column has rules "
        "of its own.",
    )
    category: Annotated[list[str], AfterValidator(lambda rules: _check(rules, "string"))] = Field(
        default=list(CATEGORY_DEFAULT),
        description="Rules for category and text columns, in order: impute:most_frequent|constant=V, one of "
        "onehot:rare=0.01,max=50 | ordinal | target, drop. Forests and boosting take categories as they are, unless "
        "`target` is asked for or a column has rules of its own.",
    )

    @model_validator(mode="after")
    def _columns(self) -> PrepareSettings:
        for name, rules in (self.__pydantic_extra__ or {}).items():
            if name.startswith("_noria_"):
                raise ValueError(f"{name}: names starting with _noria_ are reserved")
            if not rules:
                raise ValueError(f"{name}: write at least one rule, or leave the column out")
        return self

    @property
    def columns(self) -> dict[str, list[str]]:
        """Rules of single columns, by column name."""
        return dict(self.__pydantic_extra__ or {})
