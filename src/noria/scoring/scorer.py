"""A model version, loaded and ready to answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, Protocol, cast, runtime_checkable

import numpy as np

from noria.errors import WrongData, WrongSetting
from noria.evaluation.judged import place_of
from noria.evaluation.prediction_sets import bounds, members, quantiles
from noria.scoring.answers import Answer, Answers, Region, label_text
from noria.scoring.framing import as_frame
from noria.scoring.plan.plan import Plan
from noria.scoring.plan.refusals import Incomplete
from noria.scoring.proof.files import FOLDER, load_plan, reason_of
from noria.scoring.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from noria.registry.version import ModelVersion
    from noria.scoring.answers import Label
    from noria.scoring.explanation import Explanation
    from noria.scoring.policies import Policies
    from noria.scoring.signature import Checked
    from noria.training.model import FittedModel, Prediction

__all__ = ["Scorer", "Shelf"]

_WARM_ROWS = 64


@runtime_checkable
class _Whole(Protocol):
    def answer(self, frame: pd.DataFrame) -> Prediction: ...


class Shelf(Protocol):
    """Where a version's files are: the registry, or a bundle."""

    def files(self, version: ModelVersion, folder: str = ...) -> dict[str, bytes]:
        """Read the files under a prefix, by default the model itself; the prefix is cut off the names."""

    def file(self, version: ModelVersion, path: str) -> bytes:
        """Read one file."""


class Scorer:
    """Answers for one model version.

    Parameters
    ----------
    model : FittedModel or Plan
        What predicts: a model through its own library, or its compiled plan.
    signature : Signature
        What it accepts.
    name, number : str, int
        Which version it is.
    engine : str
        What does the arithmetic: ``plan``, or ``sklearn``, ``lightgbm``, ``keras``, ``xgboost``, ``catboost``;
        of an ensemble those of its members, joined by ``+``.
    reason : str
        Why it is not a plan.

    Attributes
    ----------
    engine, reason : str
        As given.
    classes : tuple of str
        Texts of the classes, in the order of the probabilities; empty outside classification.
    """

    def __init__(
        self,
        model: FittedModel | Plan,
        signature: Signature,
        *,
        name: str,
        number: int,
        engine: str = "sklearn",
        reason: str = "",
    ) -> None:
        self.signature = signature
        self.name = name
        self.number = number
        self.engine = engine
        self.reason = reason
        self._plan = model if isinstance(model, Plan) else None
        self._model = cast("FittedModel", model)
        self._labels = tuple(_native(label) for label in model.classes or ())
        self.classes = tuple(label_text(label) for label in self._labels) if signature.task == "classification" else ()
        self._positive = self._positive_column()
        self._threshold = signature.threshold if len(self.classes) == 2 else None
        self._call_seconds = self._row_seconds = 0.0

    @classmethod
    def load(
        cls,
        registry: Shelf,
        version: ModelVersion,
        *,
        trusted: Collection[str] = (),
        policies: Policies | None = None,
        planned: bool = True,
    ) -> Scorer:
        """Read a version from the registry, every file's digest checked.

        Its compiled plan is taken where it has one, and proven again on this machine; then nothing of the model's own
        library is loaded.

        Parameters
        ----------
        registry : Shelf
            Where the version is.
        version : ModelVersion
            Which.
        trusted : collection of str
            Classes of the project's own that its models may hold; never read from a file.
        policies : Policies, optional
            What the deployment wants of unusual input; as learned when left out.
        planned : bool
            False answers with the model's own library although there is a plan, to hold the one against the other.

        Raises
        ------
        CorruptedBlob, BlobNotFound
            A file is not what was registered.
        UntrustedFormat
            A file holds something that noria does not load.
        Unsound
            The plan is damaged.
        WorkFailed
            This machine computes otherwise than the one the plan was proven on.
        WrongSetting
            The policies let missing values through, and the model cannot take them.
        """
        learned = Signature.from_json(version.signature)
        signature = learned if policies is None else learned.under(policies)
        found = {FOLDER + path: data for path, data in registry.files(version, FOLDER).items()}
        plan = load_plan(found) if planned else None
        if plan is not None:
            scorer = cls(plan, signature, name=version.model, number=version.number, engine="plan")
        else:
            from noria.registry import format as formats  # noqa: PLC0415 - heavy, where there is a plan for nothing

            files = registry.files(version)
            model = formats.load(files, trusted=trusted)
            engine, reason = formats.engine_of(files), reason_of(found)
            scorer = cls(model, signature, name=version.model, number=version.number, engine=engine, reason=reason)
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
        return self.answer_table(self.signature.check_table(table))

    def answer_table(self, checked: Checked, *, region: bool = False) -> pa.Table:
        """Answer rows that were checked, with a table as `score_table` makes it.

        Parameters
        ----------
        checked : Checked
            The rows.
        region : bool
            Whether to add ``low`` and ``high`` of values, or the ``set`` of classes as a list.

        Raises
        ------
        WrongData
            A region is wanted, and the version was not calibrated for it.
        """
        import pyarrow as pa  # noqa: PLC0415 - only where tables are

        made: dict[str, object] = {}
        values, proba = self._arrays(checked)
        if proba is not None:
            column = self._positive
            if values is None or self._threshold is not None:
                values = pa.array(self._labels).take(pa.array(self._best(proba)))
            made["prediction"] = values
            made["score"] = proba.max(axis=1) if column is None else np.ascontiguousarray(proba[:, column])
            for number, name in enumerate(self.classes):
                made[f"p.{name}"] = np.ascontiguousarray(proba[:, number])
        else:
            made["prediction"] = values
            as_score = values if self.signature.task == "regression" else [None] * checked.rows
            made["score"] = pa.array(as_score, pa.float64())
        if region:
            said = np.asarray(values, dtype=np.float64) if proba is None else proba
            found = self._regions(said, checked.columns)
            if proba is None:
                made["low"], made["high"] = (np.ascontiguousarray(side) for side in found.T)
            else:
                names = np.array(self.classes, dtype=object)
                made["set"] = pa.array([names[row].tolist() for row in found], pa.list_(pa.string()))
        made["flags"] = pa.array([" ".join(flags) if flags else "" for flags in checked.flags], pa.string())
        return pa.table(made)

    def _arrays(
        self, checked: Checked
    ) -> tuple[Sequence[Label] | NDArray[np.generic] | None, NDArray[np.float64] | None]:
        """Give predictions and probabilities; of the two a plan leaves out what follows from the other."""
        if self._plan is not None:
            said = self._plan.answer(checked.columns, checked.rows)
            if self.signature.task == "classification":
                return None, cast("NDArray[np.float64]", said)
            return said, None
        if not checked.rows:
            return [], np.empty((0, len(self.classes))) if self.classes else None
        asked = _ask(self._model, as_frame(checked.columns, self.signature))
        return [_native(value) for value in asked.values], asked.proba if self.classes else None

    def answer(self, checked: Checked) -> Answers:
        """Answer rows that were checked."""
        if not checked.rows:
            return Answers((), (), self.classes, () if self.classes else None, ())
        if self._plan is not None:
            return self._planned(self._plan.answer(checked.columns, checked.rows), checked)
        said = _ask(self._model, as_frame(checked.columns, self.signature))
        values = [_native(value) for value in said.values]
        if self.signature.task == "classification" and said.proba is not None:
            if self._threshold is not None:
                values = [self._labels[best] for best in self._best(said.proba).tolist()]
            column = said.proba.max(axis=1) if self._positive is None else said.proba[:, self._positive]
            return Answers(values, column.tolist(), self.classes, said.proba.tolist(), checked.flags)
        scores: list[float | None] = (
            [float(value) for value in values] if self.signature.task == "regression" else [None] * len(values)
        )
        return Answers(values, scores, (), None, checked.flags)

    def _planned(self, said: NDArray[np.generic], checked: Checked) -> Answers:
        rows = said.tolist()
        if self.signature.task != "classification":
            scores: list[float | None] = rows if self.signature.task == "regression" else [None] * len(rows)
            return Answers(rows, scores, (), None, checked.flags)
        labels, positive = self._labels, self._positive
        if len(rows) == 1:
            row = rows[0]
            if positive is None or self._threshold is None:
                best = row.index(max(row))
            else:
                best = positive if row[positive] >= self._threshold else 1 - positive
            score = row[best if positive is None else positive]
            return Answers((labels[best],), (score,), self.classes, rows, checked.flags)
        best_of = self._best(cast("NDArray[np.float64]", said)).tolist()
        column = said.max(axis=1) if positive is None else said[:, positive]
        return Answers([labels[best] for best in best_of], column.tolist(), self.classes, rows, checked.flags)

    def _best(self, proba: NDArray[np.float64]) -> NDArray[np.intp]:
        """Give the class that each row is called: by the version's threshold, else the likeliest."""
        if self._threshold is None or self._positive is None:
            return np.asarray(proba.argmax(axis=1))
        called = proba[:, self._positive] >= self._threshold
        return np.where(called, self._positive, 1 - self._positive)

    def explain(self, checked: Checked, answers: Answers) -> list[Explanation]:
        """Say which column has which part in the answers: of the positive class where there is one, else the likeliest.

        Raises
        ------
        Unexplained
            Nothing exact can be said of this model.
        """
        from noria.scoring.explanation import explanations  # noqa: PLC0415 - few requests ask for it
        from noria.scoring.plan.contributions import Unexplained  # noqa: PLC0415 - as above

        if self._plan is None:
            raise Unexplained(f"it answers through {self.engine} and not by a compiled plan: {self.reason}")
        if self.signature.task == "clustering":
            raise Unexplained("a cluster is no sum of parts")
        rows, positive = answers.probabilities, self._positive
        outputs = None if rows is None else [row.index(max(row)) if positive is None else positive for row in rows]
        return explanations(self._plan, checked, outputs)

    def regions(self, checked: Checked, answers: Answers) -> list[Region]:
        """Say between what the truth of each row lies, or which classes it may be.

        Raises
        ------
        WrongData
            The version was not calibrated for it.
        """
        if answers.probabilities is None:
            values = self._regions(np.array(answers.scores, dtype=np.float64), checked.columns)
            return [Region(self._level, low, high) for low, high in values.tolist()]
        proba = np.array(answers.probabilities, dtype=np.float64).reshape(len(answers), len(self.classes))
        names = np.array(self.classes, dtype=object)
        return [Region(self._level, classes=names[row].tolist()) for row in self._regions(proba, checked.columns)]

    @property
    def _level(self) -> float:
        return 0.0 if self.signature.regions is None else self.signature.regions.level

    def _regions(self, said: NDArray[np.float64], columns: Mapping[str, Sequence[object]]) -> NDArray[np.generic]:
        """Give bounds of values, shape (n_rows, 2), or which classes are in the set, shape (n_rows, n_classes)."""
        found = self.signature.regions
        if found is None:
            raise WrongData(
                f"{self.name}@{self.number} has no intervals and sets",
                why="they are found when the model is judged",
                mend="[evaluate]\nconformal = { level = 0.9 }",
                code="N-SCORING-005",
            )
        groups = None
        if found.by is not None:
            groups = [None if value is None else label_text(value) for value in columns[found.by]]
        quantile = quantiles(found, groups, len(said))
        return bounds(said, quantile) if said.ndim == 1 else members(said, quantile)

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
            why = "" if self._is_number(self.score([tried])[0]) else "its answer is not a number"
        except (TypeError, ValueError, Incomplete) as error:
            why = str(error).splitlines()[0]
        if why:
            raise WrongSetting(
                f"[deploy.input] lets missing values through, and {self.name}@{self.number} cannot take them",
                why=why,
                mend='write missing = "auto" or "refuse", or add an "impute" rule to [prepare] and train again',
                code="N-SCORING-003",
            )

    @staticmethod
    def _is_number(answer: Answer) -> bool:
        return answer.score is None or answer.score == answer.score

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
    from noria.training.model import Prediction  # noqa: PLC0415 - not where a plan answers

    proba = np.asarray(model.predict_proba(X), dtype=float) if model.task == "classification" else None
    return Prediction(model.predict(X), proba, model.classes)


def _native(value: object) -> Label:
    """Give numpy's scalars as Python's, which JSON knows."""
    return cast("Label", value.item() if isinstance(value, np.generic) else value)
