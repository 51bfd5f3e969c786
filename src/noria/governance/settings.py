"""The section ``[retention]`` of noria.toml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from noria.duration import checked_duration

__all__ = ["RetentionSettings"]

Duration = Annotated[str, AfterValidator(checked_duration)]


class RetentionSettings(BaseModel):
    """``[retention]``: how long what is known of people and runs is kept; `noria up` sees to it once a day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictions: Duration | None = Field(
        default=None,
        description='How long answers are kept, with what was asked and what turned out true, as in "90d"; whole days. '
        "For ever when left out. What monitoring has found in them stays.",
    )
    logs: Duration | None = Field(
        default=None, description='How long the text logs of runs are kept, as in "30d"; for ever when left out.'
    )
