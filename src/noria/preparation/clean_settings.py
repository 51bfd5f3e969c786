"""The section ``[clean]`` of noria.toml."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, field_validator, model_validator

__all__ = ["Bounds", "CleanSettings"]


def _plain(value: object) -> object:
    # TOML has dates of its own; as text they compare, print and travel as JSON.
    return value.isoformat() if isinstance(value, (date, datetime)) else value


class Bounds(BaseModel):
    """``[clean.bounds] COLUMN = { … }``: values that cannot be, whatever the others are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Annotated[int | float | str, BeforeValidator(_plain)] | None = Field(
        default=None, description="Least value that can be; for timestamps an ISO date."
    )
    max: Annotated[int | float | str, BeforeValidator(_plain)] | None = Field(
        default=None, description="Greatest value that can be; for timestamps an ISO date."
    )
    do: Literal["null", "clip", "drop"] = Field(
        default="null", description="What becomes of others: missing, the bound, or the whole row left out."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.min is None and self.max is None:
            raise ValueError("say min, max or both")
        if self.min is not None and self.max is not None:
            if isinstance(self.min, str) != isinstance(self.max, str):
                raise ValueError(f"min ({self.min!r}) and max ({self.max!r}) are of different kinds")
            if self.min > self.max:  # type: ignore[operator]
                raise ValueError(f"min ({self.min!r}) is greater than max ({self.max!r})")
        return self


class CleanSettings(BaseModel):
    """``[clean]``: row by row, before the split; never looks at statistics or at the target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop_duplicates: StrictBool | Literal["key:first", "key:last"] = Field(
        default=False,
        description="true drops rows that repeat another row in every column; key:first and key:last keep the first or "
        "last row of each [data] key.",
    )
    na_values: tuple[str, ...] = Field(
        default=(),
        description='Cells that mean "missing", beside the usual ones (the empty cell, NA, N/A, NaN, null).',
    )
    trim: StrictBool = Field(
        default=True, description="Cut blanks around text; a cell of nothing but blanks is missing."
    )
    rename: dict[str, str] = Field(
        default_factory=dict,
        description="Name in the source = the name that everything else in this file uses.",
    )
    cast: dict[str, Literal["int", "float", "bool", "category", "text", "timestamp"]] = Field(
        default_factory=dict,
        description="Type to turn a column into; what cannot be turned becomes missing and is counted.",
    )
    bounds: dict[str, Bounds] = Field(
        default_factory=dict,
        description='Values that cannot be, by column, as in { min = 18, max = 110, do = "null" }. Bounds that the '
        "data themselves show belong in [prepare]: outliers, clip.",
    )

    @field_validator("na_values", mode="before")
    @classmethod
    def _written_out(cls, value: object) -> object:
        # -999 for "missing" is written as a number; cells are compared as text.
        if isinstance(value, (list, tuple)):
            return [
                str(item) if isinstance(item, (int, float)) and not isinstance(item, bool) else item for item in value
            ]
        return value

    @model_validator(mode="after")
    def _names(self) -> CleanSettings:
        new = list(self.rename.values())
        twice = sorted({name for name in new if new.count(name) > 1})
        if twice:
            raise ValueError(f"rename gives the name {twice[0]!r} to two columns")
        for name in new:
            if not name.strip() or name.startswith("_noria_"):
                raise ValueError(f"rename: {name!r} cannot be a column's name")
        return self
