"""XGBoost and CatBoost models as their own files, for those who have the ``boost`` extra."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from noria.errors import MissingExtra, UntrustedFormat
from noria.store.digest import digest_bytes

if TYPE_CHECKING:
    import catboost
    import xgboost

__all__ = ["dump_catboost", "dump_xgboost", "load_catboost", "load_xgboost"]

_SEAL = b"sealed CBM\n"
_DIGEST_BYTES = 32


def dump_xgboost(booster: xgboost.Booster) -> bytes:
    """Write an XGBoost booster as JSON, which says what it is."""
    return bytes(booster.save_raw("json"))


def load_xgboost(data: bytes) -> xgboost.Booster:
    """Read an XGBoost booster.

    Raises
    ------
    UntrustedFormat
        The file is not JSON, or not a booster.
    MissingExtra
        XGBoost is not installed.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    try:
        _check_xgboost(document)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        raise _broken("head.json", "it is not the JSON of an XGBoost booster") from None
    _demand("xgboost")
    import xgboost  # noqa: PLC0415 - heavy, and an extra

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(data))
    except xgboost.core.XGBoostError as error:
        raise _broken("head.json", str(error).strip().splitlines()[0]) from None
    booster.set_param({"nthread": 1})
    return booster


def _check_xgboost(document: dict[str, dict[str, dict[str, dict[str, list[dict[str, list[int]]]]]]]) -> None:
    """Compare the trees with what they may point at; whatever else is odd raises what a wrong key or type raises."""
    booster = document["learner"]["gradient_booster"]
    features = int(str(document["learner"]["learner_model_param"]["num_feature"]))
    for tree in booster["model"]["trees"]:
        left, right, split = tree["left_children"], tree["right_children"], tree["split_indices"]
        if tree.get("categories"):
            raise _broken("head.json", "a tree splits on categories, which noria never makes")
        if not len(left) == len(right) == len(split) == len(tree["split_conditions"]) == len(tree["default_left"]):
            raise _broken("head.json", "a tree has more of one part than of another")
        for node, children in enumerate(zip(left, right, strict=True)):
            # A leaf has -1 twice; inner nodes are written parents first, so a child before its parent is a ring.
            if children != (-1, -1) and not all(node < child < len(left) for child in children):
                raise _broken("head.json", "a tree points outside itself")
            if children != (-1, -1) and not 0 <= split[node] < features:
                raise _broken("head.json", "a tree asks for a feature that does not exist")


def dump_catboost(model: catboost.CatBoost) -> bytes:
    """Write a CatBoost model in its own binary format, behind a digest of it.

    CatBoost reads a file that is cut short, or changed, past its end: it takes the process down.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.cbm"
        model.save_model(str(path), format="cbm")
        content = path.read_bytes()
    return _SEAL + bytes.fromhex(digest_bytes(content)) + content


def load_catboost(data: bytes) -> catboost.CatBoost:
    """Read a CatBoost model.

    Raises
    ------
    UntrustedFormat
        The file is not a CatBoost model, or not as it was written.
    MissingExtra
        CatBoost is not installed.
    """
    if data.startswith(_SEAL):
        digest, data = data[len(_SEAL) : len(_SEAL) + _DIGEST_BYTES], data[len(_SEAL) + _DIGEST_BYTES :]
        if bytes.fromhex(digest_bytes(data)) != digest:
            raise _broken("head.cbm", "it is not as it was written")
    # Files of older versions have no seal: what they say of their own length is all that can be asked of them.
    if not data.startswith(b"CBM1") or int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise _broken("head.cbm", "it does not start as a CatBoost model does")
    _demand("catboost")
    import catboost  # noqa: PLC0415 - heavy, and an extra

    model = catboost.CatBoost()
    try:
        model.load_model(blob=data)
    except catboost.CatBoostError as error:
        raise _broken("head.cbm", str(error).splitlines()[0]) from None
    return model


def _demand(module: str) -> None:
    if find_spec(module) is None:
        raise MissingExtra(
            f"the model needs {module}, which is not installed", mend='pip install "noria[boost]"', code="N-REG-106"
        )


def _broken(name: str, why: str) -> UntrustedFormat:
    return UntrustedFormat(
        f"{name} is not a booster that noria loads",
        why=why,
        mend="the file was altered or is of another kind: train again, or restore it",
        code="N-REG-107",
    )
