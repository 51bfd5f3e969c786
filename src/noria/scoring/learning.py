"""The signature of a model, learned from the data it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from noria.scoring.column import SignatureColumn
from noria.scoring.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Literal

    import pyarrow as pa

    from noria.evaluation.regions import Regions
    from noria.scoring.column import ColumnType, MissingPolicy, RangePolicy, UnseenPolicy

__all__ = ["learn"]

_MOST_CATEGORIES = 10_000


def learn(
    table: pa.Table,
    columns: Sequence[tuple[str, str]],
    *,
    carried: Sequence[tuple[str, str]] = (),
    task: str = "classification",
    target: str | None = None,
    positive: str | int | bool | None = None,
    threshold: float | None = None,
    regions: Regions | None = None,
    missing: MissingPolicy | Literal["auto"] = "auto",
    unseen: UnseenPolicy = "refuse",
    range: RangePolicy = "flag",
    extra: Literal["refuse", "ignore"] = "refuse",
    pseudonyms: Collection[str] = (),
) -> Signature:
    """Learn what a model accepts from the data it was trained on.

    Parameters
    ----------
    table : pyarrow.Table
        The training data, with all columns named below.
    columns : sequence of (name, type)
        The features in the model's order; types of the dataset's schema.
    carried : sequence of (name, type)
        Key, time and group columns that a client may send along.
    task, target, positive, threshold, regions
        See `Signature`.
    missing : str
        ``auto`` imputes where training had missing values and refuses elsewhere.
    unseen, range, extra : str
        See `SignatureColumn` and `Signature`.
    pseudonyms : collection of str
        Those of `carried` that hold pseudonyms; a client sends what they stand for, a text or a whole number.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signature = learn(pa.table({"age": [18, 75], "grade": ["A", None]}), [("age", "int"), ("grade", "category")])
    >>> signature.check([{"age": 30, "grade": "A"}]).columns
    {'age': [30], 'grade': ['A']}
    >>> signature.check([{"age": "30", "grade": "C"}])
    Traceback (most recent call last):
    noria.scoring.refusal.InputRefused: the input does not fit the model: row 0, column 'age': expected an \
integer, got '30' (and 1 more)
      row 0, column 'age': expected an integer, got '30'
      row 0, column 'grade': 'C' is none of training's categories: 'A'
      mend: noria models show MODEL says what it accepts
    """
    return Signature(
        columns=tuple(_learned(table, name, kind, missing, unseen, range) for name, kind in columns),
        carried=tuple(_carried(name, cast("ColumnType", kind), pseudonym=name in pseudonyms) for name, kind in carried),
        task=task,
        target=target,
        positive=positive,
        threshold=threshold,
        regions=regions,
        extra=extra,
    )


def _carried(name: str, kind: ColumnType, *, pseudonym: bool) -> SignatureColumn:
    if not pseudonym:
        return SignatureColumn(name, kind, missing="impute")
    return SignatureColumn(name, "category", missing="impute", unseen="ignore", integers=True, pseudonym=True)


def _learned(
    table: pa.Table,
    name: str,
    kind: str,
    missing: MissingPolicy | Literal["auto"],
    unseen: UnseenPolicy,
    ranged: RangePolicy,
) -> SignatureColumn:
    import pyarrow as pa  # noqa: PLC0415 - only where a table is given
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    empty = column.null_count
    low = high = None
    categories: tuple[str, ...] | None = None
    if kind in ("int", "float"):
        finite = column.cast(pa.float64(), safe=False)
        finite = finite.filter(pc.is_finite(finite))
        empty = table.num_rows - len(finite)
        if len(finite):
            low, high = pc.min(finite).as_py(), pc.max(finite).as_py()
    elif kind == "category":
        distinct = column.cast(pa.string()).unique()
        if len(distinct) <= _MOST_CATEGORIES:
            categories = tuple(sorted(value for value in distinct.to_pylist() if value is not None))
    policy: MissingPolicy = ("impute" if empty else "refuse") if missing == "auto" else missing
    return SignatureColumn(
        name=name,
        type=cast("ColumnType", kind),
        missing=policy,
        unseen=unseen,
        range=ranged,
        categories=categories,
        integers=kind == "category" and pa.types.is_integer(column.type),
        min=low,
        max=high,
    )
