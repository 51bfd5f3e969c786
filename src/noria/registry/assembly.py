"""A model of noria's own kind, put together from parts that were left by a process nobody trusts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from noria.errors import UntrustedFormat, WrongArgument
from noria.registry import boosters, lightgbm, skops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from noria.training.family import Estimator, Fitting
    from noria.training.model import FeatureKind, FittedModel, TabularModel, Transformer
    from noria.training.task import Label, Task

__all__ = ["assemble", "differences", "known_categories"]

_MOST_COLUMNS = 100_000
_MOST_SHOWN = 3
_CLOSE = 1e-5
"""XGBoost answers in single precision."""


def assemble(facts: Mapping[str, object], parts: Mapping[str, bytes], *, types: Mapping[str, str]) -> TabularModel:
    """Make a model of parts, each read by the same rules as noria's own files.

    Parameters
    ----------
    facts : mapping
        What the process said of them; nothing in it is believed without a look.
    parts : mapping of str to bytes
        ``head.skops``, ``head.txt`` or ``head.json``; ``preparation.skops``.
    types : mapping of str to str
        Kinds of the columns: ``number``, ``string`` or ``timestamp``; a column that is not in it is a number.

    Raises
    ------
    UntrustedFormat
        A part is no model file, or holds what noria does not load.
    WrongArgument
        The model does what a model of noria's cannot.
    """
    from noria.training.model import TabularModel  # noqa: PLC0415 - loads numpy

    names = _texts(facts.get("columns"))
    task, classes = _task(facts)
    columns = tuple((name, cast("FeatureKind", types.get(name, "number"))) for name in names)
    named = facts.get("named") is True
    if not named and any(kind != "number" for _name, kind in columns):
        raise _cannot("it takes columns by their place, and not all of them are numbers")
    kind, family = str(facts.get("kind")), str(facts.get("family"))[:80]
    head = _head(kind, parts, task, classes)
    return TabularModel(
        task=task,
        family=family,
        columns=columns,
        preparation=_preparation(parts.get("preparation.skops"), names, named=named),
        head=head,
        classes=classes,
        params={},
    )


def known_categories(model: TabularModel) -> dict[str, tuple[str, ...]]:
    """Name the categories that the encoders of a model know, by column of texts.

    An encoder may fail of a category it has not seen: asked for one, the model would fail too instead of refusing it.
    """
    names = model.feature_names
    texts = {name for name, kind in model.columns if kind == "string"}
    found: dict[str, tuple[str, ...]] = {}
    for columns, encoder in _encoders(model.preparation, list(names)):
        for column, known in zip(columns, encoder, strict=False):
            name = names[column] if isinstance(column, int) and 0 <= column < len(names) else column
            if isinstance(name, str) and name in texts:
                found[name] = tuple(str(one) for one in known)
    return found


def _encoders(part: object, columns: list[object]) -> Iterator[tuple[list[object], list[Sequence[object]]]]:
    """Find the lists of categories in a preparation, each with the columns they are of."""
    known = getattr(part, "categories_", None)
    if known is not None:
        yield columns, list(known)
    elif hasattr(part, "transformers_"):
        for _name, inner, chosen in part.transformers_:
            named = [chosen] if isinstance(chosen, (str, int)) else chosen
            # A slice or a mask says it in another way; clients write names.
            if isinstance(named, list) and not any(isinstance(one, bool) for one in named):
                yield from _encoders(inner, named)
    else:
        for _name, step in getattr(part, "steps", ()):
            # What fills gaps keeps its columns; whatever else changes them, nothing is known behind it.
            yield from _encoders(step, columns)
            if type(step).__name__ not in ("SimpleImputer", "FunctionTransformer"):
                return


def differences(model: FittedModel, probe: Mapping[str, object]) -> str:
    """Say where a model answers otherwise than the probe says; empty where it does not."""
    import numpy as np  # noqa: PLC0415 - heavy
    import pandas as pd  # noqa: PLC0415 - heavy

    try:
        frame = pd.DataFrame(cast("list[list[object]]", probe["rows"]), columns=_texts(probe.get("columns")))
        expected = cast("list[object]", probe["answers"])
        if model.task == "classification":
            got, sure = list(model.predict(frame)), [True] * len(expected)
            if "proba" in probe:
                proba = model.predict_proba(frame)
                away = float(np.abs(proba - np.asarray(probe["proba"], dtype=float)).max())
                if not away <= _CLOSE:
                    return f"probabilities differ by up to {away:.3g}"
                # Where two classes are equally likely the order of rounding decides, not the model.
                ranked = np.sort(proba, axis=1)
                sure = list(ranked[:, -1] - ranked[:, -2] > 2 * _CLOSE)
            kept = [(one, other) for one, other, clear in zip(got, expected, sure, strict=True) if clear]
            return _unequal([one for one, _ in kept], [other for _, other in kept])
        answers = np.asarray(model.predict(frame), dtype=float)
        wished = np.asarray(expected, dtype=float).reshape(answers.shape)
        close = np.isclose(answers, wished, rtol=_CLOSE, atol=_CLOSE, equal_nan=True)
        worst = int((~close).sum())
    except (ValueError, TypeError, KeyError, IndexError) as error:
        return f"it cannot be asked about the same rows: {type(error).__name__}: {error}"[:300]
    return f"{worst} of {len(close)} answers differ" if worst else ""


def _unequal(got: Sequence[object], expected: Sequence[object]) -> str:
    wrong = [(one, other) for one, other in zip(got, expected, strict=True) if not _same(one, other)]
    shown = "; ".join(f"{one!r} for {other!r}" for one, other in wrong[:_MOST_SHOWN])
    return f"{len(wrong)} of {len(expected)} answers differ: {shown}" if wrong else ""


def _same(one: object, other: object) -> bool:
    plain = one.item() if hasattr(one, "item") else one
    return bool(plain == other)


def _task(facts: Mapping[str, object]) -> tuple[Task, tuple[Label, ...] | None]:
    task = facts.get("task")
    if task not in ("classification", "regression", "clustering"):
        raise _odd(f"it is for {str(task)[:40]!r}")
    if task != "classification":
        return task, None
    found = facts.get("classes")
    if not isinstance(found, list) or len(found) < 2:
        raise _cannot("it knows fewer than two classes")
    classes: list[Label] = []
    for label in found:
        if isinstance(label, float) and math.isfinite(label) and label.is_integer():
            label = int(label)
        if not isinstance(label, (str, int)):
            raise _cannot(f"its classes are no texts and no whole numbers: {str(label)[:40]!r}")
        classes.append(label)
    return "classification", tuple(classes)


def _preparation(content: bytes | None, names: list[str], *, named: bool) -> Transformer:
    import numpy as np  # noqa: PLC0415 - heavy
    from sklearn.pipeline import Pipeline  # noqa: PLC0415 - heavy

    from noria.preparation.transforms import Numbers  # noqa: PLC0415 - loads scikit-learn

    as_numbers = Numbers().fit(np.zeros((1, len(names))))
    if content is None:
        return cast("Transformer", as_numbers)
    made = skops.loads(content, name="preparation.skops")
    if not isinstance(made, Pipeline):
        raise _odd("its preparation is no pipeline")
    if named:
        return cast("Transformer", made)
    # It learned without names, and says so at each answer when it gets some.
    return cast("Transformer", Pipeline([("numbers", as_numbers), *made.steps]))


def _head(kind: str, parts: Mapping[str, bytes], task: Task, classes: tuple[Label, ...] | None) -> Estimator:
    from noria.training.boosting import LightGBM  # noqa: PLC0415 - loads numpy
    from noria.training.xgboost import XGBoost  # noqa: PLC0415 - loads numpy

    if kind == "lightgbm":
        return LightGBM({}, _fitting(task, classes), lightgbm.loads(parts.get("head.txt", b"")))
    if kind == "xgboost":
        return XGBoost({}, _fitting(task, classes), boosters.load_xgboost(parts.get("head.json", b"")))
    if kind != "skops":
        raise _odd(f"its head is of the kind {kind[:40]!r}")
    head = skops.loads(parts.get("head.skops", b""), name="head.skops")
    if not hasattr(head, "predict"):
        raise _cannot(f"{type(head).__name__} does not predict")
    # noria hands a plain matrix on, and a head that learned with names would complain of it at each answer.
    if "feature_names_in_" in vars(head):
        delattr(head, "feature_names_in_")
    if classes is not None and not hasattr(head, "predict_proba") and "classes_" in vars(head):
        import numpy as np  # noqa: PLC0415 - heavy

        # Asked for positions, as noria's own heads are.
        setattr(head, "classes_", np.arange(len(classes)))  # noqa: B010 - of a type nobody knows
    return cast("Estimator", head)


def _fitting(task: Task, classes: tuple[Label, ...] | None) -> Fitting:
    from noria.training.family import Fitting  # noqa: PLC0415 - loads numpy

    return Fitting(task=task, seed=0, n_classes=len(classes or ()))


def _texts(value: object) -> list[str]:
    if (
        not isinstance(value, list)
        or not 0 < len(value) <= _MOST_COLUMNS
        or not all(isinstance(name, str) for name in value)
        or len(set(value)) != len(value)
    ):
        raise _odd("it does not say which columns it takes")
    return value


def _cannot(why: str) -> WrongArgument:
    return WrongArgument(
        "the model cannot be converted",
        why=why,
        mend="train it with noria, or serve it with the client that logged it",
        code="N-REGISTRY-056",
    )


def _odd(why: str) -> UntrustedFormat:
    return UntrustedFormat(
        "what opened the model left something else than a model",
        why=why,
        mend="look at what the model does when it is opened, before you open it again",
        code="N-REGISTRY-057",
    )
