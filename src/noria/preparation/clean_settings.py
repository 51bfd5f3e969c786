"""The section ``[clean]`` of noria.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator

__all__ = ["CleanSettings"]


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
