"""The sections ``[[gates]]`` of noria.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from noria.errors import WrongSetting
from noria.evaluation.catalogue import find

__all__ = ["Gate"]

_WITHOUT_INTERVAL = ("davies_bouldin", "calinski_harabasz")
"""Metrics of all rows together, which cannot be resampled; see `noria.evaluation.clustering`."""


class Gate(BaseModel):
    """``[[gates]]``: one thing a version must show before it may be promoted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str = Field(description="The metric judged, on the locked test rows.")
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

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return find(name).name
        except WrongSetting as error:
            raise ValueError(f"{error.what} ({error.mend})") from error

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Gate:
        bounded = self.min is not None or self.max is not None
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
        if self.margin is not None and self.against is None:
            raise ValueError('margin needs against = "champion"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing lies between min = {self.min:g} and max = {self.max:g}")
        return self
