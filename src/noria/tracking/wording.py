"""From what people hand to a run to what can be written down: plain JSON, texts that every database keeps."""

from __future__ import annotations

from noria.errors import WrongArgument
from noria.runs.operations import number_to

__all__ = ["plain", "plain_text", "real", "whole"]

_INT64 = 1 << 63
_LONGEST = 100_000
_DEEPEST = 20


def real(name: str, value: object) -> float:
    """Give the number that something is: an int, a NumPy scalar, a tensor of one element.

    Raises
    ------
    WrongArgument
        It is none.

    Examples
    --------
    >>> real("loss", True)
    1.0
    """
    if not isinstance(value, (str, bytes, bytearray)):
        try:
            return float(value)  # type: ignore[arg-type] # whatever says that it is a number
        except (TypeError, ValueError, OverflowError, RuntimeError):
            pass
    raise WrongArgument(
        f"metric {name!r} is no number but a {type(value).__name__}: {_shown(value)}",
        mend="log a number; anything else is a param, a tag or a file",
        code="N-TRACKING-020",
    )


def whole(name: str, step: object) -> int:
    """Give the step that something is.

    Raises
    ------
    WrongArgument
        It is no whole number of 64 bits.

    Examples
    --------
    >>> whole("loss", 3.0)
    3
    """
    try:
        number = int(step)  # type: ignore[call-overload] # whatever says that it is a number
        if not isinstance(step, (str, bytes)) and number == step and -_INT64 <= number < _INT64:
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise WrongArgument(
        f"step {_shown(step)} of metric {name!r} is no whole number of 64 bits",
        mend="count steps from 0, or leave the step out",
        code="N-TRACKING-021",
    )


def plain(value: object, _depth: int = _DEEPEST) -> object:
    """Give what JSON can say about a value: the value itself where it can, else its text.

    Examples
    --------
    >>> plain({"lr": 0.1, "inf": float("inf"), 3: (1, {2})})
    {'lr': 0.1, 'inf': 'Infinity', '3': [1, '{2}']}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int):
        return int(value) if -_INT64 <= value < _INT64 else str(value)
    if isinstance(value, float):
        return number_to(float(value))
    if _depth and isinstance(value, dict):
        return {plain_text(key): plain(item, _depth - 1) for key, item in value.items()}
    if _depth and isinstance(value, (list, tuple)):
        return [plain(item, _depth - 1) for item in value]
    item = getattr(value, "item", None)  # a NumPy scalar
    if callable(item) and getattr(value, "ndim", None) == 0 and _depth:
        return plain(item(), 0)
    return plain_text(value)


def plain_text(value: object) -> str:
    r"""Give a value's text, of letters that every database keeps, at most 100,000 of them.

    Examples
    --------
    >>> plain_text("nul \x00, half a letter \ud800")
    'nul ␀, half a letter ?'
    """
    text = value if isinstance(value, str) else str(value)
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    if "\x00" in text:
        text = text.replace("\x00", "␀")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
