"""What the splits of a CatBoost model ask, in the words of the JSON it is saved as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from noria.scoring.compiling.unsupported import Unsupported

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Features", "Split"]


class Split(NamedTuple):
    """A question, or a part of a combination.

    Attributes
    ----------
    kind : str
        Whether a number is above a border, a code is that one, a share of a combination is above a border; or the
        code itself, as a part of a combination.
    of : int
        Position in the matrix; of a share, its number among the model's.
    at : float
        The border or the code.
    """

    kind: Literal["number", "code", "share", "category"]
    of: int
    at: float = 0.0


class Features:
    """The features of a model.

    Parameters
    ----------
    told : mapping
        ``features_info`` of its JSON.
    codes : range
        Codes whose hashes it holds.

    Attributes
    ----------
    total : int
        Width of the matrix.
    high : list of int
        Positions whose missing values are above all borders.
    hashes : ndarray of int64, shape (n_codes,)
        Of the codes.
    shares : sequence of mapping
        What it says of each share.
    """

    def __init__(self, told: Mapping[str, Any], codes: range) -> None:
        floats = told.get("float_features") or []
        categories = told.get("categorical_features") or []
        self._floats = [int(one["flat_feature_index"]) for one in floats]
        self._categories = [int(one["flat_feature_index"]) for one in categories]
        self.total = len(floats) + len(categories)
        self.high = [int(one["flat_feature_index"]) for one in floats if one["nan_value_treatment"] == "AsTrue"]
        self.hashes: NDArray[np.int64] = _hashes(told.get("cat_features_hash") or (), codes)
        self._codes = dict(zip(self.hashes.tolist(), codes, strict=False))
        self.shares: Sequence[Mapping[str, Any]] = told.get("ctrs") or []
        if sorted([*self._floats, *self._categories]) != list(range(self.total)):
            raise Unsupported("it has features that are neither numbers nor categories")
        before = [*floats, *({"borders": one.get("values") or ()} for one in categories)]
        first = sum(len(one.get("borders") or ()) for one in before)
        # Splits are numbered through: those by numbers, those by one category, and then those by shares.
        borders = [(number, border) for number, one in enumerate(self.shares) for border in one["borders"]]
        self._by_number = dict(enumerate(borders, start=first))

    def split(self, told: Mapping[str, Any]) -> Split:
        """Read a tree's split.

        Raises
        ------
        Unsupported
            It asks what nothing here can answer.
        """
        match told["split_type"]:
            case "FloatFeature":
                return Split("number", self._floats[told["float_feature_index"]], _narrow(told["border"]))
            case "OneHotFeature":
                return self._code(told)
            case "OnlineCtr":
                number, border = self._by_number.get(told["split_index"], (-1, None))
                if border != told["border"]:
                    raise Unsupported("it numbers its splits in a way that is not known here")
                return Split("share", number, _narrow(border))
            case other:
                raise Unsupported(f"it splits by {other}")

    def parts(self, share: Split) -> list[Split]:
        """Name what is taken together for a share, in the order of its hash."""
        return [self._part(one) for one in self.shares[share.of]["elements"]]

    def _part(self, told: Mapping[str, Any]) -> Split:
        match told["combination_element"]:
            case "cat_feature_value":
                return Split("category", self._categories[told["cat_feature_index"]])
            case "float_feature":
                return Split("number", self._floats[told["float_feature_index"]], _narrow(told["border"]))
            case "cat_feature_exact_value":
                return self._code(told)
            case other:
                raise Unsupported(f"it combines categories with {other}")

    def _code(self, told: Mapping[str, Any]) -> Split:
        if told["value"] not in self._codes:
            raise Unsupported("it knows a category that is no code of a preparation")
        return Split("code", self._categories[told["cat_feature_index"]], self._codes[told["value"]])


def _narrow(border: float) -> float:
    return float(np.float32(border))


def _hashes(told: Sequence[Mapping[str, Any]], codes: range) -> NDArray[np.int64]:
    by_text = {str(one["value"]): int(one["hash"]) for one in told}
    if not by_text:
        return np.empty(0, dtype=np.int64)
    if any(str(code) not in by_text for code in codes):
        raise Unsupported("it does not tell the hashes of its categories")
    # It writes them without a sign, and computes with one.
    return np.array([by_text[str(code)] for code in codes], dtype=np.uint32).view(np.int32).astype(np.int64)
