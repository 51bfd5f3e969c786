"""The steps after `clean` as a line, for tests of any of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from loans import Heard

from noria.datasets.marks import COLLECTED
from noria.datasets.settings import DataSettings
from noria.scoring.signature import Signature
from noria.steps.evaluate import evaluate
from noria.steps.gate import gate
from noria.steps.matrix import fitted
from noria.steps.outputs import CheckOutput, SplitOutput, TrainOutput
from noria.steps.register import register
from noria.steps.signing import signature_of
from noria.steps.split import split
from noria.steps.train import train
from noria.training.model import FittedModel
from noria.training.task import Task

MODEL = {"candidates": ["logistic"], "folds": 2, "trials": 1}
CLUSTERS = {"task": "clustering", "candidates": ["kmeans"], "trials": 1}


def people(n: int = 400, *, collected: int = 0) -> pa.Table:
    rng = np.random.default_rng(3)
    income = rng.normal(size=n)
    answer = np.where(income + rng.normal(size=n) > 0, "yes", "no")
    made = pa.table({"income": income, "age": rng.normal(size=n), "bad": answer})
    return made.append_column(COLLECTED, pa.array([k >= n - collected for k in range(n)])) if collected else made


class Line:
    """The steps after `clean`, called as the engine calls them."""

    def __init__(
        self,
        context: Heard,
        table: pa.Table,
        *,
        target: str | None = "bad",
        model: Mapping[str, object] = MODEL,
        group: str | None = None,
        positive: object = None,
        evaluate: Mapping[str, object] | None = None,
        columns: Mapping[str, object] | None = None,
        task: Task | None = None,
    ) -> None:
        self.context = context
        self.data: dict[str, object] = {
            "source": "ingest",
            "target": target,
            "group": group,
            "positive": positive,
            "columns": columns or {},
        }
        self.task = task or ("classification" if target else "clustering")
        self.split: SplitOutput = split(table, context, data=self.data, settings={}, task=task)
        model = model if target else CLUSTERS
        self.train: TrainOutput = train(self.split, context, data=self.data, model=model, prepare={})
        self.metric = {"classification": "roc_auc", "regression": "rmse"}.get(self.task, "silhouette")
        self.judge(evaluate or {})

    def judge(self, settings: Mapping[str, object]) -> None:
        """Evaluate, by this section ``[evaluate]``."""
        self.evaluation: Mapping[str, object] = evaluate(
            self.split, self.train, self.context, data=self.data, metric=self.metric, settings=settings
        )

    def gate(self, *gates: Mapping[str, object], champion: int | None = None) -> bool:
        """Judge; what was said is in the context."""
        self.gates = gate(
            self.split, self.train, self.evaluation, self.context, name="loans", gates=gates, champion=champion,
            data=self.data,
        )  # fmt: skip
        return self.gates["passed"]

    def model_and_signature(self) -> tuple[FittedModel, Signature]:
        """Give the trained model and what it accepts."""
        model = fitted(self.train["model"], {}, self.context.root)
        return model, signature_of(self.split, DataSettings.model_validate(self.data), model)

    def register(self) -> int:
        """Make a version."""
        kept: CheckOutput = {
            "table": self.split["train"],
            "report": {},
            "dataset": {"name": "loans", "number": 1, "digest": "d" * 64, "rows": 400},
        }
        made = register(
            kept, self.split, self.train, self.evaluation, self.gates, self.context, name="loans", data=self.data,
            metric=self.metric,
        )  # fmt: skip
        return made["version"]

    @property
    def notes(self) -> str:
        """Everything that was said."""
        return "\n".join(str(one["text"]) for one in self.context.said if one["kind"] == "note")
