"""What a client says about its run, as it travels and as it is kept until it has arrived.

Each operation may be said twice without harm: points are a set, params are written once, and whoever takes operations
in remembers how many of a journal it has (see `noria.runs.ingestion`). Light on purpose: training code loads this.
"""

from __future__ import annotations

import math
import posixpath
import re
from typing import Annotated, Literal

import msgspec

from noria.errors import WrongArgument

__all__ = [
    "MOST_OPERATIONS",
    "Batch",
    "Dataset",
    "Ending",
    "Finish",
    "Lines",
    "Metrics",
    "Number",
    "Operation",
    "Params",
    "Start",
    "Tags",
    "checked_name",
    "number_from",
    "number_to",
]

MOST_OPERATIONS = 20_000
"""In one batch."""

_INT64 = 1 << 63

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no words for the last three."""

Ending = Literal["finished", "failed", "killed", "lost"]

Time = Annotated[int, msgspec.Meta(ge=-62_000_000_000_000, le=253_000_000_000_000)]
"""Milliseconds since 1970, within the calendar."""

Int64 = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]
Short = Annotated[str, msgspec.Meta(max_length=1_000)]
Text = Annotated[str, msgspec.Meta(max_length=100_000)]


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="do"):
    """One operation: a JSON object whose member ``do`` names it."""


class Start(_Said, frozen=True, tag="start"):
    """The run begins; with `resume`, one that is there goes on."""

    at_ms: Time
    name: Short
    kind: Short = "logged"
    experiment: Annotated[str, msgspec.Meta(max_length=500)] = ""
    trigger: Short = ""
    user: Short = ""
    process: Short = ""
    git_commit: Short | None = None
    git_clean: bool | None = None
    resume: bool = False


class Metrics(_Said, frozen=True, tag="metrics"):
    """Numbers, at one step and time."""

    at_ms: Int64
    step: Int64
    values: dict[str, Number]


class Params(_Said, frozen=True, tag="params"):
    """Settings: JSON values, written once."""

    values: dict[str, object]


class Tags(_Said, frozen=True, tag="tags"):
    """Labels; the last word counts."""

    values: dict[str, Text]


class Lines(_Said, frozen=True, tag="lines"):
    """What the run printed or noted."""

    at_ms: Time
    lines: list[Text]


class Dataset(_Said, frozen=True, tag="dataset"):
    """A data set that the run read: see `noria.runs.inputs.DatasetInput`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    digest: Annotated[str, msgspec.Meta(max_length=64)]
    source_type: Short = ""
    source: Annotated[str, msgspec.Meta(max_length=65_536)] = ""
    schema: Annotated[str, msgspec.Meta(max_length=1_048_576)] | None = None
    profile: Annotated[str, msgspec.Meta(max_length=1_048_576)] | None = None
    context: Short | None = None


class Finish(_Said, frozen=True, tag="finish"):
    """How the run ended."""

    at_ms: Time
    status: Ending
    error: dict[str, Text] | None = None


Operation = Start | Metrics | Params | Tags | Lines | Dataset | Finish


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operations of one journal, one after the other.

    Parameters
    ----------
    journal : str
        Chosen by the client, once for each process that writes about the run.
    first : int
        The number of the first operation within the journal, counted from 1. A client may leave numbers out.
    operations : list of Operation
        None: the client only says that it lives.
    alive : bool
        Whether the process that writes is running; else this is what a dead one left.
    """

    journal: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8,32}$")]
    first: Annotated[int, msgspec.Meta(ge=1, le=1 << 62)]
    operations: Annotated[list[Operation], msgspec.Meta(max_length=MOST_OPERATIONS)]
    alive: bool = True


_NAME = re.compile(r"[\w.\- :/]{1,250}")


def checked_name(name: object, what: str = "metric") -> str:
    """Give the name of a metric, param or tag back when it is one.

    Raises
    ------
    WrongArgument
        It is none; the same names are taken from MLflow clients.

    Examples
    --------
    >>> checked_name("loss/train 1")
    'loss/train 1'
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        plain = posixpath.normpath(name)
        if plain == name and not name.startswith(("/", "..")) and name != ".":
            return name
    raise WrongArgument(
        f"{str(name)[:80]!r} cannot be the name of a {what}",
        why="a name has 1 to 250 letters, digits and . - _ : / or spaces, and reads as a path that stays where it is",
        mend="give it another name",
        code="N-RUNS-050",
    )


def number_to(value: float) -> Number:
    """Write a number as it travels.

    Examples
    --------
    >>> number_to(0.5), number_to(float("nan")), number_to(float("-inf"))
    (0.5, 'NaN', '-Infinity')
    """
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number_from(value: Number) -> float:
    """Read a number that travelled.

    Examples
    --------
    >>> number_from("-Infinity")
    -inf
    """
    return float(value)
