"""The section ``[deploy]`` of noria.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from noria.duration import checked_duration, parse_duration
from noria.errors import WrongArgument
from noria.scoring.policies import ColumnPolicy, Policies
from noria.security.names import checked_name
from noria.serving.gates import Gates
from noria.serving.rollout import Rollout

__all__ = ["ColumnInput", "DeploySettings", "GateSettings", "InputSettings"]


def _endpoint(text: str) -> str:
    try:
        return checked_name("endpoint", text)
    except WrongArgument as error:
        raise ValueError(f"{error.what}: {error.why}") from error


def _rising(steps: tuple[int, ...]) -> tuple[int, ...]:
    if list(steps) != sorted(set(steps)) or not all(0 < step <= 100 for step in steps):
        raise ValueError("percentages must rise, each from 1 to 100")
    return steps


class ColumnInput(BaseModel):
    """``[deploy.input.columns.NAME]``: what one column may hold, where it is not what holds for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    missing: Literal["refuse", "impute", "flag"] | None = Field(default=None, description="A missing value.")
    unseen: Literal["refuse", "ignore", "flag"] | None = Field(
        default=None, description="A category that is none of the known ones."
    )
    range: Literal["flag", "refuse", "clip"] | None = Field(default=None, description="A number outside the range.")
    min: float | None = Field(default=None, description="The range begins here, whatever training saw.")
    max: float | None = Field(default=None, description="The range ends here, whatever training saw.")

    @model_validator(mode="after")
    def _ordered(self) -> ColumnInput:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g}, above max {self.max:g}")
        return self


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
    columns: dict[str, ColumnInput] = Field(
        default_factory=dict, description="What differs for single columns, by name."
    )


class GateSettings(BaseModel):
    """``[deploy.gates]``: what a new version must hold to beside the old one while it is tried.

    A gate that is broken goes back to what answered before, at once and by itself. What is left out is not looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_requests: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=100, description="Requests that the new version must have answered before it is judged."
    )
    min_time: Annotated[str, AfterValidator(checked_duration)] = Field(
        default="30s", description="Time that it must have been tried before it is judged."
    )
    errors: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None,
        description="By how much the share of its failed requests may exceed the old version's: 0.01. With it a "
        "failure is answered by the old version and counted; without it the first failure ends the rollout.",
    )
    p99_ratio: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="How many times the old version's 99th percentile of latency its own may be."
    )
    psi: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Largest population stability index between the scores of both: 0.25."
    )
    metric_loss: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="By how much its metric on labelled answers may be worse than the old version's, proven by the "
        "interval of the difference.",
    )
    deadline: Annotated[str, AfterValidator(checked_duration)] = Field(
        default="1h", description="When a step that is still undecided is held, and an alert is raised."
    )


class DeploySettings(BaseModel):
    """``[deploy]``: where the model answers and how a new version takes over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None, description="Name in the address /predict/NAME; the project's name when left out."
    )
    strategy: Literal["direct", "canary", "shadow", "ab", "blue-green"] = Field(
        default="direct",
        description="How a new champion takes over: direct at once, canary by growing shares of the requests, shadow "
        "and blue-green after answering beside the old one for `hold` without being heard (blue-green keeps the old "
        "one loaded), ab not by itself: both answer for as long as wanted.",
    )
    steps: Annotated[tuple[Annotated[int, Field(strict=True)], ...], AfterValidator(_rising)] = Field(
        default=(5, 25, 100), description="Percentages of a canary, each held for `hold`."
    )
    hold: Annotated[str, AfterValidator(checked_duration)] = Field(
        default="10m", description="How long each step of a canary, or a shadow, lasts: 30s, 10m, 1h."
    )
    split: Annotated[int, Field(strict=True, ge=1, le=99)] = Field(
        default=50, description="Percentage that the new version answers in an A/B test."
    )
    key: str | None = Field(
        default=None,
        description="Column of the request whose value decides which version answers, so that a customer stays with "
        "one; the id of the request when left out.",
    )
    gates: GateSettings = Field(
        default_factory=GateSettings, description="What a new version must hold to while it is tried."
    )
    workers: Annotated[int, Field(strict=True, ge=1, le=256)] | Literal["auto"] = Field(
        default=1, description="Processes that answer on one port; auto: one a core."
    )
    max_in_flight: Annotated[int, Field(strict=True, ge=1)] = Field(
        default=256, description="Requests at work at once in each process; further ones are answered 503."
    )
    recheck: Annotated[int, Field(strict=True, ge=0)] = Field(
        default=1000,
        description="One answer in so many is computed once more, by the model's own library and beside the server; a "
        "difference raises an alert. 0: none.",
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
        given = self.input
        columns = {name: ColumnPolicy(**one.model_dump()) for name, one in given.columns.items()}
        return Policies(given.missing, given.unseen, given.range, given.extra, columns)

    def rollout(self) -> Rollout:
        """Give the same as the server takes it."""
        # A file that never asked for blue-green to hold goes on as before: at once.
        hold = self.hold if self.strategy != "blue-green" or "hold" in self.model_fields_set else "0s"
        gates = self.gates
        return Rollout(
            self.strategy,
            self.steps,
            parse_duration(hold).total_seconds(),
            shares=(("a", 100 - self.split), ("b", self.split)),
            key=self.key or "",
            gates=Gates(
                gates.min_requests,
                parse_duration(gates.min_time).total_seconds(),
                gates.errors,
                gates.p99_ratio,
                gates.psi,
                gates.metric_loss,
                parse_duration(gates.deadline).total_seconds(),
            ),
        )
