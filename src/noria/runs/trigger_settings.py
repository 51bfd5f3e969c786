"""The entries ``[[triggers]]`` of noria.toml: what starts a run by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from noria.duration import checked_duration

__all__ = ["Trigger"]


class Trigger(BaseModel):
    """One entry of ``[[triggers]]``: a schedule, or data that changes.

    Examples
    --------
    >>> Trigger(cron="0 3 * * 1").key
    'cron:0 3 * * 1 UTC'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str | None = Field(
        default=None, description='Five fields of cron: minute hour day month weekday, as "0 3 * * 1".'
    )
    data: Literal["changed"] | None = Field(default=None, description='"changed": run when the source has new content.')
    timezone: str = Field(default="UTC", description="Zone the cron fields are in, as Europe/Amsterdam.")
    catch_up: Literal["skip", "once"] = Field(
        default="once", description="A time missed while noria was down: run once when it is back, or skip it."
    )
    cooldown: Annotated[str, AfterValidator(checked_duration)] = Field(
        default="0s", description="Least time between two runs of this trigger."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone {value!r}; write one as Europe/Amsterdam") from error
        return value

    @field_validator("cron")
    @classmethod
    def _sound_cron(cls, value: str | None) -> str | None:
        if value is None:
            return value
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only where a schedule is written

        if len(value.split()) != 5:
            raise ValueError(f"cron {value!r} needs five fields: minute hour day month weekday")
        try:
            next(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC)))
        except (CronSimError, StopIteration) as error:
            raise ValueError(f"cron {value!r} is no schedule: {error or 'it never comes'}") from error
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Trigger:
        if (self.cron is None) == (self.data is None):
            raise ValueError('write either cron = "0 3 * * 1" or data = "changed"')
        return self

    @property
    def key(self) -> str:
        """What tells this trigger from the others, the same in every process."""
        return f"cron:{self.cron} {self.timezone}" if self.cron is not None else f"data:{self.data}"
