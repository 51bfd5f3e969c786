"""The section ``[monitor]`` of noria.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from noria.duration import checked_duration
from noria.errors import WrongSetting
from noria.monitoring.span import parse_span

__all__ = ["MonitorSettings", "NotifySettings"]


def _window(text: str) -> str:
    try:
        parse_span(text)
    except WrongSetting as error:
        raise ValueError(f"{error.what}: {error.mend}") from error
    return text


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://", "env:")):
        raise ValueError(f'expected a URL or env:NAME, got {text!r}: write "https://example.org/hook"')
    return text


Address = Annotated[str, AfterValidator(_address)]
Window = Annotated[str, AfterValidator(_window)]
Duration = Annotated[str, AfterValidator(checked_duration)]


class NotifySettings(BaseModel):
    """``[monitor.notify]``: whom to tell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: Address | None = Field(
        default=None,
        description="URL that gets a JSON message per alert and decision; env:NAME reads it from the environment.",
    )
    secret: str | None = Field(
        default=None,
        description="Key of the HMAC-SHA256 signature of each message; env:NAME reads it from the environment.",
    )
    allow_private: bool = Field(default=False, description="Permit a webhook on a private or loopback address.")


class MonitorSettings(BaseModel):
    """``[monitor]``: what is watched, and what an alert does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: Window = Field(
        default="1d", description="Length of a window of predictions: a duration or a number of rows."
    )
    labels_after: Duration = Field(
        default="30d",
        description="How long labels take to come in. A window is judged by its labels after this time, "
        "or as soon as 90 % have come.",
    )
    on_drift: Literal["alert", "retrain"] = Field(default="alert", description="What drift does.")
    on_regression: Literal["alert", "rollback", "retrain"] = Field(
        default="alert",
        description="What proven worse performance does; rollback only where the version before does better.",
    )
    min_rows: int = Field(default=100, ge=10, description="A smaller window is judged together with those before it.")
    level: float = Field(
        default=0.01, gt=0, lt=0.5, description="False discovery rate of the drift test in one window."
    )
    regression_level: float = Field(
        default=0.05, gt=0, lt=0.5, description="One-sided level at which performance counts as proven worse."
    )
    margin: float | None = Field(
        default=None,
        ge=0,
        description="Loss that does not matter, in units of the metric; "
        "left out: 0.01, and 2 % of the reference for a metric in the target's units.",
    )
    persistence: int = Field(
        default=1, ge=1, le=3, description="Drifted windows out of the last three that open an alert."
    )
    resolve_after: int = Field(default=3, ge=1, description="Clean windows in a row that close an alert.")
    cooldown: Duration = Field(default="6h", description="Time between two automatic retrainings.")
    retrain_rows: int = Field(default=200, ge=1, description="Labelled rows of the new period that retraining needs.")
    notify: NotifySettings = Field(default=NotifySettings(), description="Whom to tell.")
