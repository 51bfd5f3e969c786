"""The section ``[data.checks]`` of noria.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from noria.duration import checked_duration

__all__ = [
    "CheckSettings",
    "DriftSettings",
    "Kind",
    "Lookup",
    "MissingSettings",
    "ReferenceSettings",
    "RowSettings",
    "RuleSettings",
    "Severity",
]

Severity = Literal["error", "warn", "quarantine"]
Kind = Literal[
    "rows", "missing", "unique", "rules", "references", "drift", "max_age", "type", "range", "values", "match"
]
"""What a severity can be said of."""
Share = Annotated[float, Field(ge=0, le=1)]

_OF_THE_WHOLE: tuple[Kind, ...] = ("rows", "drift", "max_age")


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


def _place(value: str) -> str:
    table, dot, column = value.partition(".")
    if not (table if not dot else table and column):
        raise ValueError(f'{value!r}: write "table.column", or a column of the same table')
    return value


Place = Annotated[str, AfterValidator(_place)]


class ReferenceSettings(BaseModel):
    """``{ to = "customers.id", severity = "warn" }``: where the values of a column must be found.

    Of several columns at once: ``{ columns = ["branch", "number"], to = ["accounts.branch", "accounts.number"] }``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Place | tuple[Place, ...] = Field(
        description='"table.column" with a table of [tables], or a column of the same table; a list, of one table, '
        "where columns is one."
    )
    columns: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Columns whose values must be found together, in one row; left out: the one it stands under.",
    )
    severity: Severity | None = Field(default=None, description="What a broken one does; left out: as for all.")

    @property
    def places(self) -> tuple[str, ...]:
        """Where the values are looked for, one place a column."""
        return (self.to,) if isinstance(self.to, str) else self.to

    @model_validator(mode="after")
    def _alike(self) -> ReferenceSettings:
        columns = self.columns or ("the column it stands under",)
        if len(columns) != len(self.places):
            raise ValueError(
                f"columns and to must name as many: {len(columns)} ({', '.join(columns)}) and {len(self.places)} "
                f"({', '.join(self.places) or 'none'})"
            )
        tables = {_parted(place)[0] for place in self.places}
        if len(tables) > 1:
            named = ", ".join(sorted(table or "the same table" for table in tables))
            raise ValueError(f"what belongs together is looked for in the rows of one table, not of several: {named}")
        for names in (columns, self.places):
            if twice := [name for place, name in enumerate(names) if name in names[:place]]:
                raise ValueError(f"{twice[0]!r} is named twice")
        return self


@dataclass(frozen=True)
class Lookup:
    """Columns whose values are looked for, in one row of one table.

    Parameters
    ----------
    columns : tuple of str
        Whose values.
    table : str
        Of ``[tables]``; empty for the same table.
    there : tuple of str
        Columns they are looked for in, one each.
    severity : str
        What a row without a counterpart does.
    """

    columns: tuple[str, ...]
    table: str
    there: tuple[str, ...]
    severity: Severity

    @property
    def to(self) -> str:
        """Name the place, for people.

        Examples
        --------
        >>> Lookup(("a",), "t", ("k",), "error").to, Lookup(("a", "b"), "t", ("k", "l"), "error").to
        ('t.k', 't (k, l)')
        """
        if len(self.there) == 1:
            return f"{self.table}.{self.there[0]}" if self.table else self.there[0]
        return f"{self.table or 'the same table'} ({', '.join(self.there)})"


def _parted(place: str) -> tuple[str, str]:
    table, dot, column = place.partition(".")
    return (table, column) if dot else ("", place)


_TAG = r"([0-9]+[A-Za-z_.-]|[A-Za-z_])[A-Za-z0-9._-]*"
_VERSION = rf"^([A-Za-z0-9_][A-Za-z0-9._-]*)?@([1-9][0-9]{{0,8}}|{_TAG})$"


class DriftSettings(BaseModel):
    """``drift = { against = "@previous", psi = 0.2 }``: how far values may move from another version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    against: Annotated[str, Field(pattern=_VERSION)] = Field(
        description='"@previous": the version before; "@3": version 3; "@gold": the one with that tag; "@prod": what '
        'the model in production learned from, where no version has that tag; "other@3": of another dataset.'
    )
    psi: Annotated[float, Field(gt=0)] = Field(
        default=0.2, description="Population stability index from which a column has moved."
    )
    level: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.01, description="Chance of a false alarm that is borne, over all columns together."
    )
    columns: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Which columns; left out: all but key and time."
    )

    @field_validator("against", mode="before")
    @classmethod
    def _a_version(cls, value: object) -> object:
        if isinstance(value, str) and not re.search(_VERSION, value):
            raise ValueError(
                f'{value!r} names no version: write "@previous", "@3" or "other@3", "@prod" for what the model in '
                'production learned from, or a tag such as "@gold"'
            )
        return value


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
    references: dict[str, Place | ReferenceSettings] = Field(
        default_factory=dict,
        description='Columns whose values must be found in another table, as in { customer_id = "customers.id" }; '
        'of several columns at once under any name: { account = { columns = ["branch", "number"], '
        'to = ["accounts.branch", "accounts.number"] } }. Missing says nothing.',
    )
    drift: DriftSettings | None = Field(default=None, description="How far columns may move from another version.")
    severity: Severity = Field(
        default="error",
        description="What a broken check does: error stops the run, warn tells, quarantine sets the rows aside.",
    )
    severities: dict[Kind, Severity] = Field(
        default_factory=dict,
        description='The same for single kinds of checks, as in { missing = "warn", unique = "quarantine" }. '
        "What is not about single rows cannot set any aside.",
    )
    max_age: Annotated[str, AfterValidator(checked_duration)] | None = Field(
        default=None, description='How old the newest row may be, as in "2d"; needs [data] time.'
    )

    @model_validator(mode="after")
    def _sensible(self) -> CheckSettings:
        for kind in _OF_THE_WHOLE:
            if self.severities.get(kind) == "quarantine":
                raise ValueError(
                    f'severities.{kind} = "quarantine": {kind} is about the whole, no row can be set aside'
                )
        return self

    def severity_of(self, kind: Kind) -> Severity:
        """Give what a broken check of a kind does; where no row can be set aside, it is an error.

        Examples
        --------
        >>> checks = CheckSettings(severity="quarantine", severities={"values": "warn"})
        >>> checks.severity_of("values"), checks.severity_of("range"), checks.severity_of("rows")
        ('warn', 'quarantine', 'error')
        """
        said = self.severities.get(kind, self.severity)
        return "error" if kind in _OF_THE_WHOLE and said == "quarantine" else said

    @property
    def tables_named(self) -> dict[str, list[str]]:
        """The tables that values are looked up in, each with the columns wanted of it.

        Examples
        --------
        >>> CheckSettings(references={"customer": "customers.id", "parent": "id"}).tables_named
        {'customers': ['id']}
        """
        found: dict[str, list[str]] = {}
        for lookup in self.lookups:
            if lookup.table:
                known = found.setdefault(lookup.table, [])
                known += [column for column in lookup.there if column not in known]
        return found

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """What is looked up, in the order of ``references``."""
        made = []
        for name, entry in self.references.items():
            said = ReferenceSettings(to=entry) if isinstance(entry, str) else entry
            parted = [_parted(place) for place in said.places]
            made.append(
                Lookup(
                    said.columns or (name,), parted[0][0], tuple(column for _, column in parted),
                    said.severity or self.severity_of("references"),
                )
            )  # fmt: skip
        return tuple(made)
