"""The section ``[history]`` of noria.toml: what a row knows of the rows before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from noria.duration import parse_duration
from noria.errors import WrongSetting, did_you_mean

__all__ = ["MEASURES", "HistorySettings", "Look", "looks"]

MEASURES = ("mean", "std", "min", "max", "sum", "count")
"""What a window of earlier rows is summed up by."""

_WORDS = ("forward", "interpolate", "indicator", "lag", *MEASURES)
_MOST_ROWS = 10_000


@dataclass(frozen=True)
class Look:
    """One parsed rule: one look at the rows before.

    Parameters
    ----------
    word : str
        ``forward``, ``interpolate``, ``indicator``, ``lag``, or one of `MEASURES`.
    rows : int or None
        How many rows back, or in the window; None where `microseconds` says how far.
    microseconds : int or None
        How far back in time.
    text : str
        As written after the colon, for the name of the column.
    """

    word: str
    rows: int | None = None
    microseconds: int | None = None
    text: str = ""


def looks(texts: list[str]) -> tuple[Look, ...]:
    """Read the rules of one column.

    Raises
    ------
    WrongSetting
        A word does not exist, or what follows it is neither a number of rows nor a duration.

    Examples
    --------
    >>> [(look.word, look.rows) for look in looks(["forward", "lag:1,24", "mean:6"])]
    [('forward', None), ('lag', 1), ('lag', 24), ('mean', 6)]
    """
    made: list[Look] = []
    for text in texts:
        word, _, rest = (part.strip() for part in text.partition(":"))
        if word not in _WORDS:
            hint = did_you_mean(word, _WORDS)
            raise _wrong(text, f"there is no {word!r}; {hint}".rstrip("; "), ", ".join(_WORDS))
        parts = [part.strip() for part in rest.split(",") if part.strip()]
        if word == "indicator" and parts:
            raise _wrong(text, "it marks what was filled in, and says no more", "indicator")
        if word in ("forward", "interpolate", "indicator") and not parts:
            made.append(Look(word))
            continue
        if not parts or (word in ("forward", "interpolate") and len(parts) > 1):
            raise _wrong(text, "it does not say how far to look", f"{word}:3 or {word}:6h")
        made += [_far(text, word, part) for part in parts]
    if len({look.word for look in made} & {"forward", "interpolate"}) > 1:
        raise _wrong(", ".join(texts), "forward and interpolate fill the same values", "one of them")
    words = {look.word for look in made}
    if "indicator" in words and not words & {"forward", "interpolate"}:
        raise _wrong("indicator", "it marks what was filled in, and nothing is", "forward before it")
    if len(set(made)) < len(made):
        raise _wrong(", ".join(texts), "a rule stands there twice", "each once")
    return tuple(made)


def _far(text: str, word: str, part: str) -> Look:
    if part.isdecimal():
        if not 0 < int(part) <= _MOST_ROWS:
            raise _wrong(text, f"{part} rows are not between 1 and {_MOST_ROWS:,}", f"{word}:3")
        return Look(word, rows=int(part), text=part)
    if word == "lag":
        raise _wrong(text, "a lag counts rows", "lag:1")
    try:
        far = parse_duration(part)
    except WrongSetting as error:
        raise _wrong(text, error.what, f"{word}:3 or {word}:6h") from None
    return Look(word, microseconds=round(far.total_seconds() * 1_000_000), text=part.replace(" ", ""))


def _wrong(text: str, why: str, use: str) -> WrongSetting:
    return WrongSetting(f"[history] rule {text!r} cannot be used", why=why, mend=f"use {use}", code="N-PREP-020")


def _check(texts: list[str]) -> list[str]:
    try:
        looks(texts)
    except WrongSetting as error:
        raise ValueError("; ".join(filter(None, (error.what, error.why, error.mend)))) from None
    return texts


class HistorySettings(BaseModel):
    """Columns made of earlier rows, of the same group and in the order of [data] time; never of later ones.

    Each key is the name of a column of numbers with its rules: forward, forward:6h or forward:3 carry the last known
    value on; interpolate does so too, and fills the gaps that lags and windows look back on between two known values;
    indicator marks what was missing; lag:1,24 rows back; mean, std, min, max, sum and count over the rows before, as in
    mean:6 or std:1d.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Annotated[list[str], AfterValidator(_check)]]

    by: str | None = Field(
        default=None,
        description="Column whose rows follow one another, as of one pump; [data] group where left out. With it the "
        "history of a pump may go on from training to test, where [data] group would keep its rows on one side.",
    )

    @model_validator(mode="after")
    def _columns(self) -> HistorySettings:
        for name, rules in self.columns.items():
            if name.startswith("_noria_"):
                raise ValueError(f"{name}: names starting with _noria_ are reserved")
            if not rules:
                raise ValueError(f"{name}: write at least one rule, or leave the column out")
        return self

    @property
    def columns(self) -> dict[str, list[str]]:
        """Rules by column."""
        return dict(self.__pydantic_extra__ or {})
