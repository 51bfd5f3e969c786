"""What each standard step gives the next: the shapes of their outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.datasets.splits import Method
    from noria.training.task import Task

__all__ = ["About", "CheckOutput", "GateOutput", "RegisterOutput", "SplitOutput", "TrainOutput"]


class CheckOutput(TypedDict):
    """Of ``check``: the rows kept, the findings, the dataset version."""

    table: pa.Table
    report: Mapping[str, object]
    dataset: Mapping[str, object]


class About(TypedDict):
    """What ``split`` decided."""

    task: Task
    features: list[str]
    left_out: dict[str, str]
    method: Method
    train_rows: int
    test_rows: int
    collected_rows: int
    collected_test_rows: int
    gap: NotRequired[str]
    valid: NotRequired[float]
    seed: NotRequired[int]
    test_digest: NotRequired[str]
    told_by: NotRequired[str]


class SplitOutput(TypedDict):
    """Of ``split``: both tables, the schema, what was decided, what is on both sides."""

    train: pa.Table
    test: pa.Table
    schema: Mapping[str, object]
    about: About
    findings: NotRequired[list[dict[str, object]]]
    sampled: NotRequired[NDArray[np.intp]]


class TrainOutput(TypedDict):
    """Of ``train``: model files, candidates, what it was computed with, what models that had not seen a row said of it.

    ``oof`` has the columns ``row``, counted among the training rows of ``split``, and ``value``, or ``p0``, ``p1`` … in
    the order of the model's classes. Rows that no fold judged are not in it. Clustering has none.
    """

    model: Mapping[str, bytes]
    selection: Mapping[str, object]
    oof: NotRequired[pa.Table]
    machine: NotRequired[Mapping[str, object]]


class GateOutput(TypedDict):
    """Of ``gate``: whether all passed, and for which model; the verdicts are records."""

    passed: bool
    model_digest: str


class RegisterOutput(TypedDict):
    """Of ``register``: the version and what ``noria.lock`` says of it."""

    version: int
    model_digest: str
    family: str
    params: dict[str, object]
    metric: str
    metrics: dict[str, dict[str, float | None]]
    dataset: dict[str, object]
    split: About
    selection: list[dict[str, object]]
    finalists: list[dict[str, object]]
