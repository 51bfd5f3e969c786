"""A model version, loaded and ready to answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Literal, Protocol, cast, runtime_checkable

import numpy as np

from noria.errors import WrongSetting
from noria.evaluation.judged import place_of
from noria.preparation.frame import frame
from noria.registry import format as formats
from noria.scoring.answers import Answer, Answers, label_text
from noria.scoring.signature import Signature
from noria.training.model import Prediction

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from noria.registry.catalog import Registry
    from noria.registry.version import ModelVersion
    from noria.scoring.answers import Label
    from noria.scoring.signature import Checked, Policies
    from noria.training.model import FittedModel

__all__ = ["Scorer"]

_WARM_ROWS = 64


@runtime_checkable
class _Whole(Protocol):
    def answer(self, frame: pd.DataFrame) -> Prediction: ...


class Scorer:
    """Answers for one model version.

    Parameters
    ----------
    model : FittedModel
        What predicts.
    signature : Signature
        What it accepts.
    name, number : str, int
        Which version it is.

    Attributes
    ----------
    engine : str
        What does the arithmetic: ``sklearn``, ``lightgbm``, ``keras``, ``xgboost``, ``catboost``.
    classes : tuple of str
        Texts of the classes, in the order of the probabilities; empty outside classification.
    """

    def __init__(
        self, model: FittedModel, signature: Signature, *, name: str, number: int, engine: str = "sklearn"
    ) -> None:
        self.signature = signature
        self.name = name
        self.number = number
        self.engine = engine
        self._model = model
        self._labels = tuple(_native(label) for label in model.classes or ())
        self.classes = tuple(label_text(label) for label in self._labels) if signature.task == "classification" else ()
        self._positive = self._positive_column()
        self._call_seconds = self._row_seconds = 0.0

    @classmethod
    def load(
        cls,
        registry: Registry,
        version: ModelVersion,
        *,
        trusted: Collection[str] = (),
        policies: Policies | None = None,
    ) -> Scorer:
        """Read a version from the registry, every file's digest checked.

        Parameters
        ----------
        registry : Registry
            Where the version is.
        version : ModelVersion
            Which.
        trusted : collection of str
            Classes of the project's own that its models may hold; never read from a file.
        policies : Policies, optional
            What the deployment wants of unusual input; as learned when left out.

        Raises
        ------
        CorruptedBlob, BlobNotFound
            A file is not what was registered.
        UntrustedFormat
            A file holds something that noria does not load.
        WrongSetting
            The policies let missing values through, and the model cannot take them.
        """
        files = registry.files(version)
        learned = Signature.from_json(version.signature)
        signature = learned if policies is None else learned.under(policies)
        model = formats.load(files, trusted=trusted)
        head = str(json.loads(files["meta.json"])["head"])  # checked by the line above
        engine = "sklearn" if head == "skops" else head
        scorer = cls(model, signature, name=version.model, number=version.number, engine=engine)
        scorer._takes_missing([a.name for a, b in zip(signature.columns, learned.columns, strict=True) if a != b])
        return scorer

    def score(self, records: Sequence[Mapping[str, object]]) -> list[Answer]:
        """Check and answer records.

        Raises
        ------
        InputRefused
            A row does not fit the signature.
        """
        answers = self.answer(self.signature.check(records))
        return [answers.row(number) for number in range(len(answers))]

    def score_table(self, table: pa.Table) -> pa.Table:
        """Check and answer the rows of a table.

        Returns
        -------
        pyarrow.Table
            ``prediction``, ``score``, one ``p.CLASS`` a class, ``flags`` as text; one row for each of the table.
        """
        import pyarrow as pa  # noqa: PLC0415 - only where tables are

        answers = self.answer(self.signature.check_table(table))
        made: dict[str, object] = {
            "prediction": list(answers.predictions),
            "score": pa.array(answers.scores, pa.float64()),
        }
        for number, name in enumerate(answers.classes):
            made[f"p.{name}"] = [row[number] for row in answers.probabilities or ()]
        made["flags"] = [" ".join(flags) for flags in answers.flags]
        return pa.table(made)

    def answer(self, checked: Checked) -> Answers:
        """Answer rows that were checked."""
        if not checked.rows:
            return Answers((), (), self.classes, () if self.classes else None, ())
        X = frame(_table(checked, self.signature), self.signature.features)
        said = _ask(self._model, X)
        values = [_native(value) for value in said.values]
        if self.signature.task == "classification" and said.proba is not None:
            column = said.proba.max(axis=1) if self._positive is None else said.proba[:, self._positive]
            return Answers(values, column.tolist(), self.classes, said.proba.tolist(), checked.flags)
        scores: list[float | None] = (
            [float(value) for value in values] if self.signature.task == "regression" else [None] * len(values)
        )
        return Answers(values, scores, (), None, checked.flags)

    def warm(self) -> float:
        """Answer made-up rows, so that the first real one does not pay for what is loaded late.

        Returns
        -------
        float
            Seconds one row takes.
        """
        row = self.signature.example()
        for _ in range(2):
            started = time.perf_counter()
            self.score([row])
            self._call_seconds = time.perf_counter() - started
        started = time.perf_counter()
        self.score([row] * _WARM_ROWS)
        self._row_seconds = max(0.0, time.perf_counter() - started - self._call_seconds) / _WARM_ROWS
        return self._call_seconds

    @property
    def label_datatype(self) -> Literal["BYTES", "INT64", "BOOL"]:
        """What the Open Inference Protocol calls the type of the labels."""
        if self._labels and all(isinstance(label, bool) for label in self._labels):
            return "BOOL"
        return "INT64" if self._labels and all(isinstance(label, int) for label in self._labels) else "BYTES"

    def seconds(self, rows: int) -> float:
        """Estimate how long so many rows take, from what warming up took."""
        return self._call_seconds + self._row_seconds * rows

    def _takes_missing(self, columns: Sequence[str]) -> None:
        """Try missing values where only the deployment allows them, so that no request finds out."""
        allowed = {column.name for column in self.signature.columns if column.missing != "refuse"}
        row = self.signature.example()
        tried = row | dict.fromkeys(allowed.intersection(columns))
        if tried == row:
            return
        try:
            self.score([tried])
        except (TypeError, ValueError) as error:
            raise WrongSetting(
                f"[deploy.input] lets missing values through, and {self.name}@{self.number} cannot take them",
                why=str(error).splitlines()[0],
                mend='write missing = "auto" or "refuse", or add an "impute" rule to [prepare] and train again',
                code="N-SCORING-003",
            ) from error

    def _positive_column(self) -> int | None:
        if not self.classes:
            return None
        positive = self.signature.positive
        # By the model's own labels: the 0 or "false" of the project file may be the False of the data.
        place = None if positive is None else place_of(positive, self._labels)
        if place is not None:
            return place
        return 1 if len(self.classes) == 2 else None


def _ask(model: FittedModel, X: pd.DataFrame) -> Prediction:
    """Ask for labels and probabilities at once where the model can: preparing the rows is most of the work."""
    if isinstance(model, _Whole):
        return model.answer(X)
    proba = np.asarray(model.predict_proba(X), dtype=float) if model.task == "classification" else None
    return Prediction(model.predict(X), proba, model.classes)


def _table(checked: Checked, signature: Signature) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - loaded with the first model

    types = {
        "float": pa.float64(),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "category": pa.string(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us"),
    }
    names = [name for name, _ in signature.features]
    return pa.Table.from_arrays(
        [pa.array(checked.columns[name], type=types[kind]) for name, kind in signature.features], names=names
    )


def _native(value: object) -> Label:
    """Give numpy's scalars as Python's, which JSON knows."""
    return cast("Label", value.item() if isinstance(value, np.generic) else value)
