"""The ``[model]`` section of the project file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Required

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    ValidationInfo,
    field_validator,
)
from typing_extensions import TypedDict  # pydantic reads typing's own only from Python 3.12

from noria.duration import checked_duration, parse_duration
from noria.training.names import complaint

__all__ = ["Budget", "ModelSettings", "OwnEstimator"]


def _budget(written: str) -> str:
    if parse_duration(checked_duration(written)) <= timedelta(0):
        raise ValueError(f"{written!r} leaves no time: write 60s, 2m or 1h")
    return written


Budget = Annotated[str, AfterValidator(_budget)]


OwnEstimator = TypedDict(
    "OwnEstimator",
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
        "name": Annotated[str, Field(description="How tables call it; the class's name where left out.")],
        "space": Annotated[
            dict[str, list[JsonValue] | dict[str, float | int | bool]],
            Field(description="Parameters to search: a list of values, or { low, high, log, integer }."),
        ],
        "params": Annotated[dict[str, JsonValue], Field(description="Parameters that stay as they are.")],
        "encoding": Annotated[
            Literal["linear", "tree", "raw"],
            Field(
                description="The matrix it gets: complete scaled numbers (linear, the default), numbers with missing "
                "values and category codes (tree), or the columns as they are (raw)."
            ),
        ],
    },
    total=False,
)
"""An estimator of your own among the candidates: any class in scikit-learn's shape."""
OwnEstimator.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]


def _form(candidate: object) -> str:
    return "own" if isinstance(candidate, dict) else "name"


Candidate = Annotated[Annotated[str, Tag("name")] | Annotated[OwnEstimator, Tag("own")], Discriminator(_form)]


def _several(candidates: object) -> str:
    return "list" if isinstance(candidates, (list, tuple)) else "auto"


Candidates = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[list[Candidate], Tag("list")], Discriminator(_several)
]


class ModelSettings(BaseModel):
    """What is learned, which families try, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    task: Literal["regression", "classification", "clustering"] | None = Field(
        default=None, description="Told from the target where left out: no target is clustering."
    )
    candidates: Candidates = Field(
        default="auto",
        description="Families to try, or auto for all that are installed. Regression: linear, ridge, lasso, "
        "elastic_net, svr, random_forest, boosting, hist_boosting, keras_mlp, xgboost, catboost. Classification: "
        "logistic, svm, random_forest, boosting, hist_boosting, keras_mlp, xgboost, catboost. Clustering: kmeans, "
        "dbscan. A table names an estimator of your own. The baseline is always there.",
    )
    metric: str | None = Field(
        default=None, description="What is optimised and judged; the usual one of the task where left out."
    )
    folds: int = Field(default=5, ge=2, le=50, description="Folds of the cross-validation.")
    budget: Budget | None = Field(
        default=None,
        description="Time for the selection, the final fit included: 60s, 2m. 60s where neither it nor trials is set.",
    )
    trials: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Candidates to try, the baseline not counted. The stop that repeats exactly on the same machine.",
    )
    seed: int = Field(default=7, ge=0, lt=2**31, description="For everything that draws.")
    trusted: list[str] = Field(
        default_factory=list,
        description="Classes of your own, package.module.Class, that a model file may hold. Loading one runs its code.",
    )

    @field_validator("candidates")
    @classmethod
    def _known(cls, candidates: Literal["auto"] | list[Candidate], info: ValidationInfo) -> object:
        if candidates == []:
            raise ValueError('empty: write "auto", or at least one family')
        names = [] if candidates == "auto" else [one for one in candidates if isinstance(one, str)]
        if found := complaint(names, info.data.get("task")):
            raise ValueError(found)
        return candidates

    @property
    def budget_seconds(self) -> float | None:
        """Seconds of the budget; None when only trials stop the search."""
        if self.budget is not None:
            return parse_duration(self.budget).total_seconds()
        return None if self.trials is not None else 60.0

    @property
    def trusted_types(self) -> tuple[str, ...]:
        """Classes a model file may hold: those of `trusted`, and those named as candidates."""
        own = [one["class"].replace(":", ".") for one in self.candidates if not isinstance(one, str)]
        return tuple(dict.fromkeys([*self.trusted, *own]))
