"""The whole of noria.toml: the rooms' own sections, joined. Nothing here decides what a section means."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, WithJsonSchema

from noria.checks.settings import CheckSettings
from noria.datasets.settings import DataSettings, SplitSettings
from noria.evaluation.settings import EvaluateSettings, Gate
from noria.governance.settings import RetentionSettings
from noria.monitoring.settings import MonitorSettings
from noria.preparation.clean_settings import CleanSettings
from noria.preparation.history_settings import HistorySettings
from noria.preparation.settings import PrepareSettings
from noria.runs.trigger_settings import Trigger
from noria.serving.settings import DeploySettings
from noria.sources.settings import IncrementalSettings, SourceRef
from noria.store.remotes import fault_of
from noria.training.settings import ModelSettings

__all__ = [
    "DataSection",
    "ProjectSettings",
    "Settings",
    "StepSettings",
    "StoreSettings",
    "TableSettings",
]


def _name(value: str) -> str:
    if not re.fullmatch(NAME, value):
        raise ValueError(
            "a name starts with a letter or digit and holds letters, digits, dots, dashes and underscores, at most 128"
        )
    return value


NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
StepName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$")]


class ProjectSettings(BaseModel):
    """``[project]``: what it is called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="Name of the model, of the dataset and, by default, of the endpoint.")


def _no_secret(value: str) -> str:
    if value == "sqlite" or value.startswith(("env:", "sqlite:///")):
        return value
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in {"postgresql", "postgresql+psycopg"}:
        raise ValueError('expected "sqlite", "env:NAME" or a postgresql:// address')
    if ":" in rest.partition("@")[0] and "@" in rest:
        raise ValueError('the address holds a password: keep it in an environment variable and write "env:NAME"')
    return value


def _remote(value: str) -> str:
    fault = "" if value.startswith("env:") else fault_of(value)
    if fault:
        raise ValueError(fault)
    return value


class StoreSettings(BaseModel):
    """``[store]``: where records are kept, and where versions are shared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: Annotated[str, AfterValidator(_no_secret)] = Field(
        default="sqlite",
        description='"sqlite" (a file in .noria), "env:NAME" for an address in an environment variable, or a '
        "postgresql:// address without a password.",
    )
    remote: Annotated[str, AfterValidator(_remote)] | None = Field(
        default=None,
        description="Where `noria data push` and `pull` share versions: s3://bucket/prefix, gs://…, az://…, "
        'file:///folder, or "env:NAME" for an address in an environment variable. Credentials come from the '
        "environment.",
    )


class DataSection(DataSettings):
    """``[data]``: the table to learn from, and what must hold in it."""

    checks: CheckSettings = Field(default_factory=CheckSettings, description="What must hold in the data.")


class TableSettings(BaseModel):
    """``[tables.NAME]``: a table that ``[data] query`` reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: SourceRef = Field(description="Where the rows come from, written as in [data] source.")
    key: tuple[str, ...] = Field(default=(), description="Columns that identify a row.")
    incremental: IncrementalSettings | None = Field(
        default=None, description="Fetch only rows that are new or changed since the last run; sql: and python:."
    )
    checks: CheckSettings = Field(default_factory=CheckSettings, description="What must hold in the table.")


class StepSettings(BaseModel):
    """``[steps.NAME]``: values for a step of one's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    params: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values for the step's parameters; part of its cache key."
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How often a failed step is tried again, after pauses of 1, 2, 4 … at most 30 seconds; "
        "not where a setting is wrong or something is not allowed.",
    )


def _executor(value: str) -> str:
    if value in ("auto", "inline", "processes", "ray") or value.startswith("ray://"):
        return value
    raise ValueError('expected "auto", "inline", "processes", "ray", or the address of a cluster: ray://host:10001')


class RunSettings(BaseModel):
    """``[run]``: where the fits of a search are done. What comes out is the same; no step runs again for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    executor: Annotated[str, AfterValidator(_executor)] = Field(
        default="auto",
        description="Where candidates are fitted on folds: inline (in the step's process), processes (several at once, "
        "each in one of its own: what hangs or runs out of memory does not take the others along), ray or "
        "ray://host:10001 (a cluster; needs noria[ray]), or auto: classes of your own in a process of their own, the "
        "others inline.",
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="Fits at once, with processes; as many as there are processors where left out."
    )


class Settings(BaseModel):
    """A project file, every default filled in."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="noria.toml")

    SECTIONS: ClassVar[tuple[str, ...]] = (
        "project", "data", "tables", "clean", "history", "split", "prepare", "model", "evaluate", "gates", "deploy",
        "monitor", "triggers", "steps", "run", "retention", "store",
    )  # fmt: skip

    project: ProjectSettings = Field(description="What the project is called.")
    data: DataSection = Field(description="The table to learn from.")
    tables: dict[TableName, TableSettings] = Field(
        default_factory=dict, description="The tables of [data] query, by name."
    )
    clean: CleanSettings = Field(
        default_factory=CleanSettings, description="Row by row, before the split; never looks at statistics."
    )
    history: HistorySettings = Field(
        default_factory=lambda: HistorySettings.model_validate({}),
        description='NAME = ["forward:6h", "lag:1,24", "mean:6", "std:1d"]: columns made of earlier rows of a column '
        "of numbers, by [data] group and time; never of later ones. forward carries the last known value on, "
        "interpolate also draws gaps behind straight, indicator marks what was missing; lag counts rows; mean, std, "
        "min, max, sum and count are over so many rows or so long before.",
    )
    split: SplitSettings = Field(default_factory=SplitSettings, description="Which rows are the locked test set.")
    prepare: PrepareSettings = Field(
        default_factory=lambda: PrepareSettings.model_validate({}),
        description="Fitted inside each training fold only, saved with the model.",
    )
    model: ModelSettings = Field(default_factory=ModelSettings, description="The candidates and how one is chosen.")
    evaluate: EvaluateSettings = Field(
        default_factory=lambda: EvaluateSettings.model_validate({}),
        description="What is chosen and looked at besides the metrics.",
    )
    gates: tuple[Gate, ...] = Field(default=(), description="What a version must pass before it may be promoted.")
    deploy: DeploySettings = Field(default_factory=DeploySettings, description="Where and how the model answers.")
    monitor: MonitorSettings = Field(
        default_factory=MonitorSettings, description="What is watched, and what an alert does."
    )
    triggers: tuple[Trigger, ...] = Field(default=(), description="What starts a run by itself.")
    steps: dict[StepName, StepSettings] = Field(
        default_factory=dict, description="Values for the steps in pipeline.py, by name."
    )
    run: RunSettings = Field(default_factory=RunSettings, description="Where the fits of a search are done.")
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="How long answers and logs are kept."
    )
    store: StoreSettings = Field(default_factory=StoreSettings, description="Where records are kept.")
