"""The ``[prepare]`` section of the project file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Required

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag, model_validator
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12

from noria.errors import WrongSetting
from noria.preparation.rules import CATEGORY_DEFAULT, NUMERIC_DEFAULT, Written, parse_all
from noria.preparation.vocabulary import Feature

__all__ = ["OwnTransformer", "PrepareSettings"]


OwnTransformer = TypedDict(
    "OwnTransformer",
    {
        "class": Required[
            Annotated[
                str,
                Field(
                    pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
                    description="Where it is: package.module:Class. Modules beside noria.toml can be named.",
                ),
            ]
        ],
        "args": Annotated[dict[str, JsonValue], Field(description="What it is built with.")],
    },
    total=False,
)
"""A transformer of your own among the rules: any class in scikit-learn's shape."""
OwnTransformer.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]


def _form(rule: object) -> str:
    return "own" if isinstance(rule, dict) else "text"


RuleText = Annotated[Annotated[str, Tag("text")] | Annotated[OwnTransformer, Tag("own")], Discriminator(_form)]


def _check(texts: Sequence[Written], feature: Feature | None = None) -> None:
    try:
        parse_all(texts, feature)
    except WrongSetting as error:
        raise ValueError("; ".join(filter(None, (error.what, error.why, error.mend)))) from None


def _checked(texts: list[RuleText]) -> list[RuleText]:
    _check(texts)
    return texts


def _numeric(texts: list[RuleText]) -> list[RuleText]:
    _check(texts, "number")
    return texts


def _category(texts: list[RuleText]) -> list[RuleText]:
    _check(texts, "string")
    return texts


def _several(rules: object) -> str:
    return "auto" if isinstance(rules, str) else "list"


Auto = Annotated[Literal["auto"], Tag("auto")]
Rules = Annotated[Auto | Annotated[list[RuleText], AfterValidator(_checked), Tag("list")], Discriminator(_several)]
NumericRules = Annotated[
    Auto | Annotated[list[RuleText], AfterValidator(_numeric), Tag("list")], Discriminator(_several)
]
CategoryRules = Annotated[
    Auto | Annotated[list[RuleText], AfterValidator(_category), Tag("list")], Discriminator(_several)
]


class PrepareSettings(BaseModel):
    """How columns become numbers; fitted inside each training fold only, saved with the model.

    Any further key is the name of one column with rules of its own, or "auto".
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Rules]

    numeric: NumericRules = Field(
        default=list(NUMERIC_DEFAULT),
        description="Rules for number and yes/no columns, in order: impute:mean|median|mode|constant=V|knn|iterative|"
        "drop_rows, indicator, outliers:iqr|zscore|forest,clip|null|flag|drop, clip:p1,p99, log, scale:standard|robust|"
        "minmax|maxabs|quantile|power|boxcox, products, drop, or { class, args } of your own. auto: chosen for each "
        "column from the training rows. Families that split on values (forests, boosting) take missing values as they "
        "are and leave these out, unless one is of your own or a column has rules of its own.",
    )
    category: CategoryRules = Field(
        default=list(CATEGORY_DEFAULT),
        description="Rules for category and text columns, in order: impute:mode|constant=V|drop_rows, one of "
        "onehot:rare=0.01,max=50 | ordinal | target | woe | frequency | count | hash:buckets=16 | tfidf:max=100, drop, "
        "or { class, args } of your own. auto: chosen for each column from the training rows. Forests and boosting "
        "take categories as they are, unless another encoder than onehot or ordinal is asked for or a column has "
        "rules of its own.",
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
    def columns(self) -> dict[str, list[Written] | Literal["auto"]]:
        """Rules of single columns, by column name."""
        return dict(self.__pydantic_extra__ or {})  # type: ignore[arg-type]  # a TypedDict is a mapping

    @property
    def is_open(self) -> bool:
        """Whether any column's rules are left to be chosen."""
        return "auto" in (self.numeric, self.category, *(self.__pydantic_extra__ or {}).values())

    @property
    def trusted_types(self) -> tuple[str, ...]:
        """Classes of the user's own that the rules name, as a model file spells them."""
        lists = [self.numeric, self.category, *(self.__pydantic_extra__ or {}).values()]
        return tuple(dict.fromkeys(_own_classes(lists)))


def _own_classes(lists: Sequence[object]) -> Iterator[str]:
    for rules in lists:
        for rule in rules if isinstance(rules, list) else []:
            if isinstance(rule, dict):
                yield str(rule["class"]).replace(":", ".")
