"""The ``[model]`` section of the project file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Required, cast

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
from noria.training.names import FAMILIES, complaint

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class OwnNetwork(TypedDict, total=False):
    """A Keras network of your own among the candidates; needs noria[keras]."""

    build: Required[
        Annotated[
            str,
            Field(
                pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
                description="A function build(meta, **params) that gives a keras.Model: package.module:function.",
            ),
        ]
    ]
    name: Annotated[str, Field(description="How tables call it; the function's or module's name where left out.")]
    space: Annotated[
        dict[str, list[JsonValue] | dict[str, float | int | bool]],
        Field(description="Parameters to search: a list of values, or { low, high, log, integer }."),
    ]
    params: Annotated[dict[str, JsonValue], Field(description="Parameters that stay as they are.")]
    encoding: Annotated[
        Literal["linear", "tree"],
        Field(
            description="The matrix it gets: complete scaled numbers (linear, the default), or numbers and category "
            "codes, where nothing is missing (tree)."
        ),
    ]


OwnNetwork.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]


def _form(candidate: object) -> str:
    if not isinstance(candidate, dict):
        return "name"
    return "network" if "build" in candidate else "own"


Candidate = Annotated[
    Annotated[str, Tag("name")] | Annotated[OwnEstimator, Tag("own")] | Annotated[OwnNetwork, Tag("network")],
    Discriminator(_form),
]


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
        description="Families to try, or auto for those that are usually good and are installed. "
        + " ".join(f"{task.capitalize()}: {', '.join(names[:-1])}." for task, names in FAMILIES.items())
        + " A table names an estimator or a Keras network of your own. The baseline is always there.",
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
    rows: Annotated[int, Field(ge=10, strict=True)] | None = Field(
        default=None,
        description="Most rows to learn from; of more a sample is taken, each class with its share and groups whole. "
        "All test rows judge. Left out: all rows.",
    )
    balance: Literal["none", "class_weight", "over", "under", "smote"] = Field(
        default="none",
        description="More weight for rare classes, in training rows only: class_weight, copies of their rows (over), "
        "fewer rows of the others (under), or made-up rows between neighbours (smote, needs noria[balance]). "
        "Probabilities are led back to how often the classes come.",
    )
    ensemble: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the mean of up to four candidates may be the model: where it errs less by more than "
        "chance gives (auto), wherever it errs less (always), or not at all (never). Of the probabilities of a mean "
        "there is no exact explanation. With balance, and in clustering, there is none.",
    )
    temperature: Literal["auto", "never"] = Field(
        default="auto",
        description="Whether, with log_loss or brier as metric, probabilities are brought to the temperature under "
        "which the rows that a model had not seen are likeliest, where that makes them err less. Not with balance.",
    )
    keras_backend: Literal["tensorflow", "torch", "jax"] = Field(
        default="tensorflow", description="What Keras networks are fitted on; it must be installed."
    )
    diagnose: Literal["auto", "never"] = Field(
        default="auto",
        description="Whether the winner is looked at once it is chosen: the gap between training and validation, a "
        "learning curve, the path of its penalty. A tenth of the budget is set aside for it (auto), or none (never). "
        "It changes nothing of the model.",
    )
    sampler: Literal["auto", "random", "tpe"] = Field(
        default="auto",
        description="How parameters are drawn after the portfolio: by chance, or by a tree-structured Parzen estimator "
        "that learns from what was tried (needs noria[tune]); auto is tpe where Optuna is installed.",
    )
    warm_start: bool | None = Field(
        default=None,
        description="Try what won in this project's last runs right after the defaults. Left out: yes with a budget, "
        "no with trials, so that these repeat exactly.",
    )
    repeats: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Times the folds are drawn anew, every candidate judged on all of them: with few rows one division "
        "favours somebody by chance. Not by time.",
    )
    prefer: Literal["best", "glass_box"] = Field(
        default="best",
        description="The candidate with the lowest mean error; or the best whose reasons can be read off (a linear "
        "model, one tree), where it errs no more than one standard error beyond that.",
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
    def starts_warm(self) -> bool:
        """Whether past winners are tried first."""
        return self.budget_seconds is not None if self.warm_start is None else self.warm_start

    @property
    def trusted_types(self) -> tuple[str, ...]:
        """Classes a model file may hold: those of `trusted`, and those named as candidates."""
        written = [cast("Mapping[str, object]", one) for one in self.candidates if not isinstance(one, str)]
        own = [str(one["class"]).replace(":", ".") for one in written if "class" in one]
        return tuple(dict.fromkeys([*self.trusted, *own]))
