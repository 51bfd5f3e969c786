"""What can be asked about each sort of thing: its attributes and the prefixes of what was recorded about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["EXPERIMENTS", "LOGGED_MODELS", "MODELS", "RUNS", "VERSIONS", "Entity", "Kind", "Vocabulary"]

Entity = Literal["metric", "param", "tag", "attribute", "dataset"]
Kind = Literal["text", "number", "members"]
"""What an attribute holds: ``members`` is a text that also takes IN and NOT IN."""


@dataclass(frozen=True)
class Vocabulary:
    """What can be asked about one sort of thing.

    Parameters
    ----------
    noun : str
        What they are called, in the plural.
    attributes : mapping of str to (str, Kind)
        Every spelling, with the canonical name and what it holds.
    entities : mapping of str to Entity
        Every prefix.
    """

    noun: str
    attributes: Mapping[str, tuple[str, Kind]]
    entities: Mapping[str, Entity]


_ATTRIBUTE: dict[str, Entity] = {"attribute": "attribute", "attributes": "attribute", "attr": "attribute"}
_TAG: dict[str, Entity] = {"tag": "tag", "tags": "tag"}
_MEASURED: dict[str, Entity] = {
    "metric": "metric",
    "metrics": "metric",
    "param": "param",
    "params": "param",
    "parameter": "param",
    "parameters": "param",
}

RUNS = Vocabulary(
    "runs",
    {
        "run_id": ("id", "members"),
        "id": ("id", "members"),
        "run_name": ("name", "text"),
        "name": ("name", "text"),
        "status": ("status", "text"),
        "user_id": ("user_id", "text"),
        "user": ("user_id", "text"),
        "artifact_uri": ("artifact_uri", "text"),
        "start_time": ("started", "number"),
        "started": ("started", "number"),
        "created": ("started", "number"),
        "end_time": ("ended", "number"),
        "ended": ("ended", "number"),
        "kind": ("kind", "text"),
        "trigger": ("trigger", "text"),
        "git_commit": ("git_commit", "text"),
    },
    {**_ATTRIBUTE, **_TAG, **_MEASURED, "run": "attribute", "dataset": "dataset", "datasets": "dataset"},
)
EXPERIMENTS = Vocabulary(
    "experiments",
    {
        "name": ("name", "text"),
        "experiment_id": ("id", "members"),
        "creation_time": ("created", "number"),
        "last_update_time": ("updated", "number"),
    },
    {**_ATTRIBUTE, **_TAG},
)
LOGGED_MODELS = Vocabulary(
    "logged models",
    {
        "name": ("name", "members"),
        "model_id": ("id", "members"),
        "model_type": ("type", "members"),
        "status": ("status", "members"),
        "source_run_id": ("source_run_id", "members"),
        "creation_timestamp": ("created", "number"),
        "creation_time": ("created", "number"),
        "last_updated_timestamp": ("updated", "number"),
        "last_updated_time": ("updated", "number"),
    },
    {**_ATTRIBUTE, **_TAG, **_MEASURED},
)
MODELS = Vocabulary(
    "models",
    {"name": ("name", "members"), "timestamp": ("updated", "number"), "last_updated_timestamp": ("updated", "number")},
    {**_ATTRIBUTE, **_TAG},
)
VERSIONS = Vocabulary(
    "versions",
    {
        "name": ("model", "members"),
        "run_id": ("run_id", "members"),
        "source_path": ("source", "text"),
        "version_number": ("number", "number"),
        "creation_timestamp": ("created", "number"),
        "last_updated_timestamp": ("updated", "number"),
    },
    {**_ATTRIBUTE, **_TAG},
)
