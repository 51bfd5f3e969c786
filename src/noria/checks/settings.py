"""The section ``[data.checks]`` of noria.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, model_validator

from noria.duration import checked_duration

__all__ = ["CheckSettings", "MissingSettings", "RowSettings", "RuleSettings", "Severity"]

Severity = Literal["error", "warn", "quarantine"]
Share = Annotated[float, Field(ge=0, le=1)]


class RowSettings(BaseModel):
    """``rows = { min = …, max = … }``: how many rows there must be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Annotated[StrictInt, Field(ge=0)] | None = Field(default=None, description="Fewest rows.")
    max: Annotated[StrictInt, Field(ge=1)] | None = Field(default=None, description="Most rows.")

    @model_validator(mode="after")
    def _ordered(self) -> RowSettings:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min}) is greater than max ({self.max})")
        return self


class MissingSettings(BaseModel):
    """``missing = { max = 0.3, columns = { income = 0.5 } }``: how many values may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max: Share | None = Field(default=None, description="Greatest share of missing values in any one column, 0 to 1.")
    columns: dict[str, Share] = Field(default_factory=dict, description="The same for single columns, in place of max.")


class RuleSettings(BaseModel):
    """``{ rule = "…", severity = "…" }``: a rule with a severity of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(min_length=1, description="SQL condition over the columns of one row.")
    severity: Severity | None = Field(default=None, description="What a broken rule does; left out: as for all checks.")
    name: str | None = Field(default=None, description="What to call it in findings.")


class CheckSettings(BaseModel):
    """``[data.checks]``: what must hold in the data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: RowSettings = Field(default=RowSettings(), description="How many rows there must be.")
    missing: MissingSettings = Field(default=MissingSettings(), description="How many values may be missing.")
    unique: tuple[str | tuple[str, ...], ...] = Field(
        default=(), description="Columns without repeated values; a list inside the list is one key of several columns."
    )
    rules: tuple[str | RuleSettings, ...] = Field(
        default=(),
        description='SQL conditions over the columns of one row, as in "amount <= limit". A row breaks a rule where '
        'it is false; where a value is missing the rule says nothing, unless it asks "… is not null".',
    )
    severity: Severity = Field(
        default="error",
        description="What a broken check does: error stops the run, warn tells, quarantine sets the rows aside.",
    )
    max_age: Annotated[str, AfterValidator(checked_duration)] | None = Field(
        default=None, description='How old the newest row may be, as in "2d"; needs [data] time.'
    )
