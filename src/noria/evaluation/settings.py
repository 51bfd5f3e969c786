"""The sections ``[evaluate]`` and ``[[gates]]`` of noria.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from noria.errors import WrongSetting
from noria.evaluation.measures import MEASURES, known

__all__ = ["ConformalSettings", "CostSettings", "EvaluateSettings", "Gate", "ThresholdSettings"]

_WITHOUT_INTERVAL = ("davies_bouldin", "calinski_harabasz")
"""Metrics of all rows together, which cannot be resampled; see `noria.evaluation.clustering`."""

_OF_CLASS = ("recall", "precision", "f1")


class CostSettings(BaseModel):
    """What a wrong call costs, in any unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    false_positive: float = Field(gt=0, allow_inf_nan=False, description="Of a negative row that is called positive.")
    false_negative: float = Field(gt=0, allow_inf_nan=False, description="Of a positive row that is not.")


class ThresholdSettings(BaseModel):
    """From which probability on a row is called positive: one of three wishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cost: CostSettings | None = Field(None, description="The least cost: { false_positive = 1, false_negative = 5 }.")
    capacity: float | None = Field(None, gt=0, lt=1, description="At most this share of the rows is called positive.")
    recall: float | None = Field(None, gt=0, le=1, description="At least this share of the positives is called so.")

    @model_validator(mode="after")
    def _wishes_one_thing(self) -> ThresholdSettings:
        given = [name for name in ("cost", "capacity", "recall") if getattr(self, name) is not None]
        if len(given) != 1:
            told = (
                "asks for nothing" if not given else f"asks for {' and '.join(given)}, which one threshold cannot serve"
            )
            raise ValueError(f"the threshold {told}: write one of cost, capacity and recall")
        return self


class ConformalSettings(BaseModel):
    """How far the truth may lie from an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(0.9, gt=0, lt=1, description="Share of rows that shall have the truth inside.")
    by: str | None = Field(
        None,
        description="A feature with categories: each of its groups gets a width of its own, so that none is missed.",
    )


class EvaluateSettings(BaseModel):
    """``[evaluate]``: what is chosen and looked at besides the metrics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: ThresholdSettings | None = Field(
        None,
        description="From which probability on a row of two classes is called positive, chosen on out-of-fold answers: "
        "{ cost = { false_positive = 1, false_negative = 5 } }, { capacity = 0.1 } or { recall = 0.9 }. "
        "Left out: the likelier class.",
    )
    protected: tuple[str, ...] | None = Field(
        None,
        description="Columns nobody may be treated differently for, features or not: decisions and errors are judged "
        "for each of their groups. Left out: those that [data.columns] marks with protected = true.",
    )
    conformal: ConformalSettings | None = Field(
        None,
        description="Intervals around values and sets of classes, from out-of-fold answers: { level = 0.9 }; checked "
        "on the test rows and served on request.",
    )


class Gate(BaseModel):
    """``[[gates]]``: one thing a version must show before it may be promoted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    require: Literal["approval"] | None = Field(
        None, description="approval: a promotion waits until another person agrees; without a metric."
    )
    metric: str | None = Field(
        None,
        validate_default=True,
        description="The metric judged, on the locked test rows; or parity_ratio, equalised_odds_gap, "
        "calibration_slope, latency_ms, size_kb, fold_sd, data_drift, data_age_days.",
    )
    min: float | None = Field(None, allow_inf_nan=False, description="The least it may be.")
    max: float | None = Field(None, allow_inf_nan=False, description="The most it may be.")
    against: Literal["champion"] | None = Field(
        None, description="Must not be worse than the champion: paired bootstrap on the same test rows, at 95 %."
    )
    margin: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="With against: the loss that does not matter, in units of the metric; "
        "left out: 0.01, and 2 % of the champion's value for a metric in the target's units.",
    )
    slice: Literal["worst"] | None = Field(
        None, description="With min or max: judge the worst slice of the test rows instead of all of them."
    )
    by: str | None = Field(
        None, description="With parity_ratio and equalised_odds_gap: the protected column; left out, every one."
    )
    of_class: bool | int | float | str | None = Field(
        None, description="With recall, precision or f1, and min or max: judge this class against all others."
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None:
            if info.data.get("require") is None:
                raise PydanticCustomError("missing", "Field required")
            return None
        try:
            return known(name)
        except WrongSetting as error:
            raise ValueError(f"{error.what} ({error.mend})") from error

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Gate:
        bounded = self.min is not None or self.max is not None
        if self.require is not None:
            others = (self.metric, self.min, self.max, self.against, self.margin, self.slice, self.by, self.of_class)
            if any(other is not None for other in others):
                raise ValueError("require stands alone: write another [[gates]] for the metric")
            return self
        assert self.metric is not None  # noqa: S101 - told above
        if self.against is None and not bounded:
            raise ValueError('the gate asks for nothing: write min, max or against = "champion"')
        if self.against is not None and bounded:
            raise ValueError("the gate asks for two things: write one [[gates]] for the bound and one for the champion")
        if self.against is not None and self.slice is not None:
            raise ValueError("a slice is judged by min or max, not against the champion")
        if self.against is not None and self.metric in _WITHOUT_INTERVAL:
            raise ValueError(
                f"{self.metric} has no interval, so a version cannot be shown to be no worse than the champion by it: "
                'take metric = "silhouette", or write min or max'
            )
        if self.of_class is not None and self.metric not in _OF_CLASS:
            raise ValueError(f"of_class goes with metric = {', '.join(map(repr, _OF_CLASS))}")
        if self.of_class is not None and (self.against is not None or self.slice is not None):
            raise ValueError("a class is judged by min or max, neither against the champion nor on a slice")
        measure = MEASURES.get(self.metric)
        if self.by is not None and (measure is None or not measure.by):
            raise ValueError('by names a protected column, for metric = "parity_ratio" or "equalised_odds_gap"')
        if measure is not None and (self.against is not None or self.slice is not None):
            raise ValueError(f"{self.metric} is judged by min or max, neither against the champion nor on a slice")
        if self.margin is not None and self.against is None:
            raise ValueError('margin needs against = "champion"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing lies between min = {self.min:g} and max = {self.max:g}")
        return self
