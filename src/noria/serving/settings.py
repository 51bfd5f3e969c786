"""The section ``[deploy]`` of noria.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from noria.duration import checked_duration, parse_duration
from noria.errors import WrongArgument
from noria.scoring.signature import Policies
from noria.security.names import checked_name
from noria.serving.rollout import Rollout

__all__ = ["DeploySettings", "InputSettings"]


def _endpoint(text: str) -> str:
    try:
        return checked_name("endpoint", text)
    except WrongArgument as error:
        raise ValueError(f"{error.what}: {error.why}") from error


def _rising(steps: tuple[int, ...]) -> tuple[int, ...]:
    if list(steps) != sorted(set(steps)) or not all(0 < step <= 100 for step in steps):
        raise ValueError("percentages must rise, each from 1 to 100")
    return steps


class InputSettings(BaseModel):
    """``[deploy.input]``: what happens to input that training has not seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    missing: Literal["auto", "refuse", "impute", "flag"] = Field(
        default="auto",
        description="A missing value: auto imputes in columns that had missing values in training, refuses elsewhere.",
    )
    unseen: Literal["refuse", "ignore", "flag"] = Field(
        default="refuse", description="A category that training has not seen."
    )
    range: Literal["flag", "refuse", "clip"] = Field(
        default="flag", description="A number outside the range of training."
    )
    extra: Literal["refuse", "ignore"] = Field(default="refuse", description="A column the model does not know.")


class DeploySettings(BaseModel):
    """``[deploy]``: where the model answers and how a new version takes over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None, description="Name in the address /predict/NAME; the project's name when left out."
    )
    strategy: Literal["direct", "canary", "shadow", "blue-green"] = Field(
        default="direct",
        description="How a new champion takes over: direct and blue-green at once, canary by growing shares of the "
        "requests, shadow answers beside the old one for a while without being heard.",
    )
    steps: Annotated[tuple[Annotated[int, Field(strict=True)], ...], AfterValidator(_rising)] = Field(
        default=(5, 25, 100), description="Percentages of a canary, each held for `hold`."
    )
    hold: Annotated[str, AfterValidator(checked_duration)] = Field(
        default="10m", description="How long each step of a canary, or a shadow, lasts: 30s, 10m, 1h."
    )
    approvals: Annotated[int, Field(strict=True, ge=0, le=5)] = Field(
        default=0,
        description="How many others must agree before a version becomes the champion: 0 for none. Whoever asks for "
        "it, trained or registered the version is not one of them.",
    )
    input: InputSettings = Field(
        default_factory=InputSettings, description="What happens to input that training has not seen."
    )

    def policies(self) -> Policies:
        """Give [deploy.input] as the scorer takes it."""
        return Policies(**self.input.model_dump())

    def rollout(self) -> Rollout:
        """Give the same as the server takes it."""
        return Rollout(self.strategy, self.steps, parse_duration(self.hold).total_seconds())
