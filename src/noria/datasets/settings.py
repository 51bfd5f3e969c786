"""The sections ``[data]``, ``[data.columns]`` and ``[split]`` of noria.toml."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from noria.duration import checked_duration
from noria.sources.settings import IncrementalSettings, SourceRef

__all__ = ["ColumnSettings", "DataSettings", "SplitSettings"]


def _plain(value: object) -> object:
    # TOML has dates of its own; as text they compare, print and travel as JSON.
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


def _own(value: str) -> str:
    if value.startswith("_noria_"):
        raise ValueError(f"{value!r}: names that begin with _noria_ are noria's own")
    return value


Bound = Annotated[int | float | str, BeforeValidator(_plain)]
Value = Annotated[bool | int | float | str, BeforeValidator(_plain)]
ColumnName = Annotated[str, AfterValidator(_own), Field(min_length=1)]


class ColumnSettings(BaseModel):
    """``[data.columns] NAME = { … }``: what is known of one column. What is left out is inferred."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["int", "float", "bool", "category", "text", "timestamp"] | None = Field(
        default=None, description="What the column holds; a value that is not of this type fails the check."
    )
    min: Bound | None = Field(default=None, description="Least value allowed; for timestamps an ISO date.")
    max: Bound | None = Field(default=None, description="Greatest value allowed; for timestamps an ISO date.")
    values: tuple[Value, ...] | None = Field(default=None, min_length=1, description="The only values allowed.")
    match: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None, description="Regular expression that each value must contain a match of; anchor it with ^ and $."
    )
    nullable: StrictBool | None = Field(default=None, description="false: no value may be missing.")
    severity: Literal["error", "warn", "quarantine"] | None = Field(
        default=None, description="What a value that breaks any of these does; left out: as [data.checks] says."
    )
    use: StrictBool | None = Field(
        default=None, description="false keeps the column out of the model; true keeps it in, whatever noria thinks."
    )
    pii: StrictBool | Literal["direct", "quasi", "sensitive"] | None = Field(
        default=None,
        description="Personal: left out of the model unless use = true, and never shown in profiles. direct (the same "
        "as true) names a person, quasi does so together with others, sensitive is what nobody may learn of them; "
        "false says that it only looks so.",
    )
    protected: StrictBool = Field(
        default=False,
        description="Nobody may be treated differently for it: left out of the model unless use = true.",
    )
    store: Literal["plain", "pseudonym", "drop"] = Field(
        default="plain",
        description="What of it is kept: pseudonym puts a keyed hash in its place and drop leaves the column out, both "
        "before anything reaches the disk.",
    )

    @property
    def is_personal(self) -> bool:
        """Whether it is personal in any way."""
        return bool(self.pii)

    @model_validator(mode="after")
    def _kept(self) -> ColumnSettings:
        if self.store == "plain":
            return self
        if self.use:
            raise ValueError(f'use = true needs the values: store = "{self.store}" leaves none for a model')
        said = [name for name in ("type", "min", "max", "values", "match") if getattr(self, name) is not None]
        if said:
            raise ValueError(f'{said[0]} asks for values that store = "{self.store}" does not keep')
        return self

    @model_validator(mode="after")
    def _ordered(self) -> ColumnSettings:
        if self.min is not None and self.max is not None:
            if isinstance(self.min, str) != isinstance(self.max, str):
                raise ValueError(f"min ({self.min!r}) and max ({self.max!r}) are of different kinds")
            if self.min > self.max:  # type: ignore[operator]
                raise ValueError(f"min ({self.min!r}) is greater than max ({self.max!r})")
        return self


class DataSettings(BaseModel):
    """``[data]``: where the rows come from and what their columns mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: SourceRef | None = Field(default=None, description="Where the rows come from; this or query.")
    query: str | None = Field(
        default=None, min_length=1, description="DuckDB SQL over the tables of [tables]; this or source."
    )
    incremental: IncrementalSettings | None = Field(
        default=None, description="Fetch only rows that are new or changed since the last version; sql: and python:."
    )
    target: ColumnName | None = Field(default=None, description="Column to be predicted; leave it out for clustering.")
    positive: Value | None = Field(
        default=None, description="Class whose probability is predicted and whose errors recall and precision count."
    )
    key: tuple[ColumnName, ...] = Field(
        default=(), description="Columns that identify a row: for diffs, duplicates and labels that come late."
    )
    time: ColumnName | None = Field(
        default=None, description="Column that says when: for splits by time, windows and freshness."
    )
    group: ColumnName | None = Field(
        default=None, description="Column whose rows belong together and never straddle a split, as of one customer."
    )
    columns: dict[ColumnName, ColumnSettings] = Field(
        default_factory=dict, description="What is known of single columns; the rest is inferred."
    )

    @model_validator(mode="after")
    def _whole(self) -> DataSettings:
        if self.source is not None and self.query is not None:
            raise ValueError("source and query exclude each other: name the tables of a query under [tables]")
        if self.source is None and self.query is None:
            raise ValueError('say where the rows come from: source = "data/loans.csv"')
        if self.incremental is not None and self.source is None:
            raise ValueError("incremental belongs to a source: write it under [tables.NAME] for the tables of a query")
        if self.positive is not None and self.target is None:
            raise ValueError("positive names a class, so a target is needed")
        self._kept_roles()
        for role, name in (("key", self.target if self.target in self.key else None), ("time", self._same(self.time)),
                           ("group", self._same(self.group))):  # fmt: skip
            if name is not None:
                raise ValueError(f"{name!r} is the target and cannot be the {role} as well")
        return self

    def stored(self) -> DataSettings:
        """Leave out the columns that are dropped before anything is stored: nothing after that knows them."""
        kept = {name: said for name, said in self.columns.items() if said.store != "drop"}
        return self.model_copy(update={"columns": kept})

    def _kept_roles(self) -> None:
        roles = [("target", self.target), ("time", self.time), ("group", self.group), *(("key", n) for n in self.key)]
        for role, name in roles:
            kept = self.columns[name].store if name in self.columns else "plain"
            # A pseudonym still says which rows are the same; it is no label and no time.
            if kept == "drop" or (kept == "pseudonym" and role in ("target", "time")):
                raise ValueError(f'{name!r} is the {role}: columns.{name}.store cannot be "{kept}"')

    def _same(self, name: str | None) -> str | None:
        return name if name is not None and name == self.target else None


class SplitSettings(BaseModel):
    """``[split]``: which rows are the locked test set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["random", "stratified", "group", "time", "hash"] | None = Field(
        default=None,
        description="random; stratified: the same share of each class on both sides; group: whole groups; time: the "
        "newest rows are the test; hash: decided by the key alone, so that a row never changes sides. "
        "Left out: stratified for classification, else random.",
    )
    test: float = Field(default=0.2, gt=0, lt=1, strict=True, description="Share of rows for the test.")
    valid: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        strict=True,
        description="Share of rows that judges the candidates, cut like the test, instead of [model] folds.",
    )
    seed: int = Field(default=7, ge=0, strict=True, description="Decides the draw; the same seed, the same rows.")
    gap: Annotated[str, AfterValidator(checked_duration)] | None = Field(
        default=None,
        description="Stretch before the test rows, and before the judged rows of each fold, that is left out of "
        'training, as in "7d"; only for method = "time".',
    )

    @model_validator(mode="after")
    def _sensible(self) -> SplitSettings:
        if self.gap is not None and self.method != "time":
            raise ValueError('gap is only for method = "time"')
        if self.valid is not None and self.test + self.valid >= 1:
            raise ValueError(f"test ({self.test}) and valid ({self.valid}) leave nothing to learn from")
        return self

    def resolved(self, task: str) -> SplitSettings:
        """Fill in the method for a task.

        Examples
        --------
        >>> SplitSettings().resolved("classification").method, SplitSettings().resolved("regression").method
        ('stratified', 'random')
        """
        if self.method is not None:
            return self
        return self.model_copy(update={"method": "stratified" if task == "classification" else "random"})
