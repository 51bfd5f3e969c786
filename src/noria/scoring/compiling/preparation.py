"""Fitted scikit-learn preparations read into blocks and stages.

What an encoder makes of a category is not worked out again from its rules: the fitted encoder itself is asked about
each category it knows, about a missing value and about one nobody has seen, and the answers are kept as a table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.blocks import Categories, Dates, Numbers
from noria.scoring.plan.outside import Outside
from noria.scoring.plan.powers import BoxCox, YeoJohnson
from noria.scoring.plan.stages import Bound, Impute, Quantiles, Scale, SignedLog, Stretch
from noria.scoring.plan.vocabularies import Hashes, Vocabularies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from noria.scoring.plan.blocks import Block
    from noria.scoring.plan.stages import Stage
    from noria.training.model import Column

__all__ = ["compile_preparation"]

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder", "WeightOfEvidence", "Frequency")
_FILLERS = ("Strings", "SimpleImputer")
_UNSEEN = "\u2060a category nobody has seen\u2060"
_NONE = np.empty(0)


def compile_preparation(preparation: Any, columns: Sequence[Column]) -> tuple[tuple[Block, ...], tuple[Stage, ...]]:  # noqa: ANN401 - scikit-learn is untyped
    """Read a fitted preparation.

    Parameters
    ----------
    preparation : ColumnTransformer, Pipeline or transformer
        Fitted; a frame of the columns to a matrix.
    columns : sequence of (name, kind)
        The columns of that frame.

    Returns
    -------
    blocks, stages : tuple
        What makes the matrix, and what is done to it whole.

    Raises
    ------
    Unsupported
        One of its parts has no counterpart.
    """
    steps = _steps(preparation)
    names = [name for name, _ in columns]
    kinds = dict(columns)
    # Behind a step that gives all columns as they are, a matrix has no names: parts say positions, and mean these.
    while len(steps) > 1 and _name(steps[0]) == "Numbers" and not steps[0].empty_.any():
        steps = steps[1:]
    if not steps or _name(steps[0]) != "ColumnTransformer":
        return (_block(steps, names, kinds),), ()
    transformer, *rest = steps
    blocks = []
    for label, part, wanted in transformer.transformers_:
        chosen = _chosen(wanted, names)
        if not chosen or (isinstance(part, str) and part == "drop"):
            continue
        if label == "remainder" and not isinstance(part, str) and _name(part) != "FunctionTransformer":
            raise Unsupported("its preparation does something to all remaining columns")
        blocks.append(_block([] if isinstance(part, str) else _steps(part), chosen, kinds))
    if not blocks:
        raise Unsupported("its preparation leaves no column")
    width = sum(block.width for block in blocks)
    return tuple(blocks), tuple(_stages(rest, width))


def _block(steps: Sequence[Any], names: list[str], kinds: Mapping[str, str]) -> Block:
    kind = {kinds[name] for name in names}
    if len(kind) > 1:
        raise Unsupported("one part of its preparation takes columns of different kinds")
    place = next((number for number, step in enumerate(steps) if _name(step) in _ENCODERS), None)
    if place is not None:
        known, tables = _tabulated(steps[: place + 1], names, string=kind == {"string"})
        width = sum(table.shape[1] for table in tables)
        return Categories(tuple(names), known, tables, tuple(_stages(steps[place + 1 :], width)))
    if kind == {"string"}:
        return _read_anew(steps, names)
    if kind == {"timestamp"}:
        return _dates(steps, names)
    return Numbers(tuple(names), tuple(_stages(steps, len(names))))


def _dates(steps: Sequence[Any], names: list[str]) -> Block:
    if not steps or _name(steps[0]) not in ("DateParts", "DateFields"):
        raise Unsupported("timestamps go into the model as they are")
    chosen = (tuple(steps[0].fields), bool(steps[0].cyclic)) if _name(steps[0]) == "DateFields" else ()
    begun = Dates(tuple(names), (), *chosen)
    return replace(begun, stages=tuple(_stages(steps[1:], begun.width)))


def _read_anew(steps: Sequence[Any], names: list[str]) -> Block:
    """Read what makes numbers of a text that no table can hold: its hash, its words."""
    if not steps:
        raise Unsupported("texts go into the model as they are")
    encoder, *rest = steps
    begun: Hashes | Vocabularies
    if _name(encoder) == "Hashed":
        begun = Hashes(tuple(names), int(encoder.buckets))
    elif _name(encoder) == "Words":
        rarities = tuple(_floats(one) for one in encoder.idf_)
        begun = Vocabularies(tuple(names), tuple(tuple(one) for one in encoder.words_), rarities)
    elif _name(encoder) in ("FunctionTransformer", *_FILLERS):
        raise Unsupported("texts go into the model as they are")
    else:
        raise Unsupported(f"its preparation has a step {_name(encoder)}, which has no counterpart")
    return replace(begun, stages=tuple(_stages(rest, begun.width)))


def _tabulated(
    steps: Sequence[Any], names: list[str], *, string: bool
) -> tuple[tuple[tuple[str | float, ...], ...], tuple[NDArray[np.float64], ...]]:
    """Ask fillers and encoder about each category of each column, a missing one and an unseen one."""
    *fillers, encoder = steps
    for step in fillers:
        if _name(step) not in _FILLERS or getattr(step, "add_indicator", False):
            raise Unsupported(f"{_name(step)} stands before {_name(encoder)}")
    known = tuple(_known(categories, string=string) for categories in encoder.categories_)
    if len(known) != len(names):
        raise Unsupported("its encoder is for other columns")
    rows = max(map(len, known)) + 2
    asked: dict[str, list[object]] = {}
    for name, categories in zip(names, known, strict=True):
        unseen: object = _UNSEEN if string else _strange([float(one) for one in categories])
        listed: list[object] = [*categories, None, unseen]
        asked[name] = listed + [unseen] * (rows - len(listed))
    made = _asked(steps, asked, string=string)
    tables, first = [], 0
    widths = _widths(encoder, len(names), made.shape[1])
    if type(encoder).__name__ == "TargetEncoder" and widths[0] > 1:
        widths = [widths[0]] * len(names)
    for categories, width in zip(known, widths, strict=True):
        tables.append(np.ascontiguousarray(made[: len(categories) + 2, first : first + width]))
        first += width
    return known, tuple(tables)


def _asked(steps: Sequence[Any], asked: Mapping[str, list[object]], *, string: bool) -> NDArray[np.float64]:
    import pandas as pd  # noqa: PLC0415 - heavy

    made: Any = pd.DataFrame(
        {name: pd.Series(values, dtype="str" if string else "float64") for name, values in asked.items()}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a category is unknown is what we ask about
        try:
            for step in steps:
                if not hasattr(step, "feature_names_in_") and hasattr(made, "to_numpy"):
                    made = made.to_numpy()
                made = step.transform(made)
        except ValueError as error:
            raise Unsupported(f"{_name(steps[-1])} refuses a category: {str(error).splitlines()[0]}") from None
    dense = made.toarray() if hasattr(made, "toarray") else made
    return np.asarray(dense, dtype=np.float64)


def _widths(encoder: Any, columns: int, total: int) -> list[int]:  # noqa: ANN401 - as above
    if _name(encoder) == "OneHotEncoder":
        return [int(width) for width in encoder._n_features_outs]  # the only place that says so
    if total % columns:
        raise Unsupported(f"{_name(encoder)} makes {total} columns of {columns}")
    return [total // columns] * columns


def _known(categories: Sequence[Any], *, string: bool) -> tuple[str | float, ...]:
    found: list[str | float] = []
    for one in categories:
        if one is None or (isinstance(one, float) and np.isnan(one)):
            continue  # the row of the missing value tells
        if string != isinstance(one, str):
            raise Unsupported("its encoder knows categories of another kind than the column's")
        found.append(one if isinstance(one, str) else float(one))
    return tuple(found)


def _strange(known: list[float]) -> float:
    return (max(known) if known else 0.0) + 0.123456789


def _stages(steps: Sequence[Any], width: int) -> list[Stage]:
    made: list[Stage] = []
    for step in steps:
        for stage in _stage(step, width):
            made.append(stage)
            width = stage.width(width)
    return made


def _stage(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    name = _name(step)
    reader = _READERS.get(name)
    if isinstance(step, str) and step == "passthrough":
        return []
    if reader is None:
        raise Unsupported(f"its preparation has a step {name}, which has no counterpart")
    return reader(step, width)


def _imputed(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    fill = np.asarray(step.statistics_, dtype=np.float64)
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise Unsupported("its imputer takes a number for missing")
    if np.isnan(fill).any():
        raise Unsupported("its imputer leaves columns out")
    marks = np.asarray(step.indicator_.features_ if step.add_indicator else (), dtype=np.int64)
    return [Impute(fill, marks)]


def _standard(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    center = _floats(step.mean_) if step.with_mean else _NONE
    return [Scale(center, _floats(step.scale_) if step.with_std else _NONE)]


def _robust(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    center = _floats(step.center_) if step.with_centering else _NONE
    return [Scale(center, _floats(step.scale_) if step.with_scaling else _NONE)]


def _min_max(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    made: list[Stage] = [Stretch(_floats(step.scale_), _floats(step.min_))]
    if step.clip:
        low, high = (np.full(width, float(edge)) for edge in step.feature_range)
        made.append(Bound(low, high))
    return made


def _clip(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    return [Bound(_floats(step.low_), _floats(step.high_))]


def _max_abs(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    made: list[Stage] = [Scale(_NONE, _floats(step.scale_))]
    if getattr(step, "clip", False):
        made.append(Bound(np.full(width, -1.0), np.full(width, 1.0)))
    return made


def _power(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    powers = _floats(step.lambdas_)
    made: list[Stage] = [YeoJohnson(powers) if step.method == "yeo-johnson" else BoxCox(powers)]
    return [*made, *_standard(step._scaler, width)] if step.standardize else made


def _outliers(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    low, high = _floats(step.low_), _floats(step.high_)
    match step.action:
        case "clip":
            return [Bound(low, high)]
        case "drop":
            return []
        case _:
            return [Outside(low, high, step.action == "flag")]


def _positive(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    return [Bound(_floats(step.low_), np.full(width, np.inf))]


def _quantiles(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    return [Quantiles(_floats(step.quantiles_), _floats(step.references_), step.output_distribution == "normal")]


def _numbers(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    if not step.empty_.any():
        return []
    # Columns that were empty are zero whatever comes: held between zero and zero, and zero where nothing comes.
    empty = np.asarray(step.empty_, dtype=bool)
    return [
        Bound(np.where(empty, 0.0, -np.inf), np.where(empty, 0.0, np.inf)),
        Impute(np.where(empty, 0.0, np.nan), np.empty(0, dtype=np.int64)),
    ]


def _same(step: Any, width: int) -> list[Stage]:  # noqa: ANN401 - as above
    if step.func is not None:
        raise Unsupported("its preparation calls a function")
    return []


_READERS: Mapping[str, Callable[[Any, int], list[Stage]]] = {
    "SimpleImputer": _imputed,
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "PowerTransformer": _power,
    "Positive": _positive,
    "Outliers": _outliers,
    "QuantileTransformer": _quantiles,
    "Clip": _clip,
    "SignedLog": lambda step, width: [SignedLog()],
    "Numbers": _numbers,
    "FunctionTransformer": _same,
}


def _steps(part: Any) -> list[Any]:  # noqa: ANN401 - as above
    if _name(part) != "Pipeline":
        return [part]
    return [inner for _, step in part.steps if step is not None and step != "passthrough" for inner in _steps(step)]


def _chosen(wanted: Any, names: list[str]) -> list[str]:  # noqa: ANN401 - as above
    if isinstance(wanted, slice):
        raise Unsupported("its preparation names columns by a range")
    chosen = [names[one] if isinstance(one, (int, np.integer)) else str(one) for one in wanted]
    if not set(chosen) <= set(names):
        raise Unsupported("its preparation names columns that are no features")
    return chosen


def _floats(values: Any) -> NDArray[np.float64]:  # noqa: ANN401 - as above
    return np.ascontiguousarray(values, dtype=np.float64)


def _name(step: object) -> str:
    return step if isinstance(step, str) else type(step).__name__
