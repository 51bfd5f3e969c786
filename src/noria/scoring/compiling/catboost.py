"""Models of CatBoost read into plans, from the JSON they are saved as."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.scoring.compiling.catboost_features import Features
from noria.scoring.compiling.catboost_shares import combinations
from noria.scoring.compiling.seen import seen
from noria.scoring.compiling.unsupported import Unsupported
from noria.scoring.plan.additive import Additive
from noria.scoring.plan.combinations import FIRST_CODE
from noria.scoring.plan.links import Link
from noria.scoring.plan.oblivious import Oblivious
from noria.scoring.plan.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Mapping

    import catboost
    from numpy.typing import NDArray

__all__ = ["compile_catboost"]

_LINKS = {"RMSE": Link.VALUE, "Logloss": Link.LOGISTIC, "MultiClass": Link.SOFTMAX}

_CODES = range(FIRST_CODE, 1023)
"""Codes whose hashes are asked for; a preparation gives at most 250."""


def compile_catboost(estimator: object, n_classes: int) -> Oblivious:
    """Read a model of CatBoost, or noria's estimator around one.

    Parameters
    ----------
    estimator : object
        Fitted.
    n_classes : int
        Classes of the model, 0 for a regression.

    Raises
    ------
    Unsupported
        Its objective, the shape of its trees or its splits are not known here.
    """
    import catboost  # noqa: PLC0415 - heavy, and an extra

    model = getattr(estimator, "model", estimator)
    if not isinstance(model, catboost.CatBoost) or not model.is_fitted():
        raise Unsupported(f"{type(estimator).__name__} holds no fitted model of CatBoost")
    return _Reader(model).read(n_classes)


class _Reader:
    """A model's JSON, and what it calls its features."""

    def __init__(self, model: catboost.CatBoost) -> None:
        self._model = model
        self._json = _json_of(model)
        self._features = Features(self._json["features_info"], _CODES)

    def read(self, n_classes: int) -> Oblivious:
        trees = self._json.get("oblivious_trees")
        if trees is None:
            raise Unsupported("its trees are not oblivious")
        scale, bias = self._json["scale_and_bias"]
        if scale != 1:
            raise Unsupported(f"its sums are multiplied by {scale}")
        bias = np.asarray(bias, dtype=np.float64)
        additive = self._additive(n_classes, len(bias))
        questions, asked = self._asked([tree.get("splits") or [] for tree in trees])
        values = [np.asarray(tree["leaf_values"], dtype=np.float64).reshape(-1, len(bias)) for tree in trees]
        weights = [tree.get("leaf_weights") for tree in trees]
        known = None if None in weights else np.concatenate([*weights, [1.0]]).astype(np.float32)
        # The library adds the bias when all trees are added: here it is one more of them.
        return Oblivious(questions, asked, np.concatenate([*values, bias[None]]), additive, known)

    def _additive(self, n_classes: int, n_outputs: int) -> Additive:
        told = self._json["model_info"]["params"]
        objective = (told if isinstance(told, dict) else json.loads(told))["loss_function"]["type"]
        if objective not in _LINKS:
            raise Unsupported(f"its objective is {objective!r}")
        link = _LINKS[objective]
        if link.classifies != (n_classes > 0):
            raise Unsupported(f"its objective is {objective!r} and the model has {n_classes} classes")
        classes = seen(self._model, n_classes) if n_classes else ()
        if len(classes) != (0 if not link.classifies else 2 if link.two_classes else n_outputs):
            raise Unsupported(f"its objective is {objective!r} and it saw {len(classes)} classes")
        return Additive(np.zeros(n_outputs), link, classes=classes, n_classes=n_classes)

    def _asked(self, trees: list[list[Mapping[str, Any]]]) -> tuple[Questions, NDArray[np.int64]]:
        """Give every split once, and those of each tree by their numbers."""
        features = self._features
        splits = [[features.split(one) for one in tree] for tree in trees]
        found = {one for tree in splits for one in tree}
        shares = sorted(one for one in found if one.kind == "share")
        parts = [part for one in shares for part in features.parts(one) if part.kind != "category"]
        numbers = sorted(one for one in {*found, *parts} if one.kind == "number")
        codes = sorted(one for one in {*found, *parts} if one.kind == "code")
        place = {one: number for number, one in enumerate([*numbers, *codes, *shares])}
        questions = Questions(
            features.total,
            np.array([one.of for one in numbers], dtype=np.int64),
            np.array([one.at for one in numbers], dtype=np.float32),
            np.array(features.high, dtype=np.int64),
            np.array([one.of for one in codes], dtype=np.int64),
            np.array([one.at for one in codes], dtype=np.int64),
            combinations(self._json["ctr_data"], features, shares, place) if shares else None,
        )
        levels = max(map(len, splits), default=0)
        asked = np.full((levels, len(splits) + 1), len(place), dtype=np.int64)
        for tree, those in enumerate(splits):
            asked[: len(those), tree] = [place[one] for one in those]
        return questions, asked


def _json_of(model: catboost.CatBoost) -> dict[str, Any]:
    import catboost  # noqa: PLC0415 - heavy, and an extra
    import pandas as pd  # noqa: PLC0415 - heavy

    categorical, names = set(model.get_cat_feature_indices()), model.feature_names_
    pool = None
    if categorical:  # with rows at hand, it writes the hash of every category in them
        codes = {name: list(_CODES) if n in categorical else [0.0] * len(_CODES) for n, name in enumerate(names)}
        pool = catboost.Pool(pd.DataFrame(codes), cat_features=sorted(categorical))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json", pool=pool)
        return dict(json.loads(path.read_bytes()))
