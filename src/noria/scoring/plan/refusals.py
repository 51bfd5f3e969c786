"""Rows that a model cannot compute with; its library refuses them by a `ValueError`, and so these are such."""

from __future__ import annotations

from noria.errors import WrongData

__all__ = ["Incomplete", "TooLarge"]


class TooLarge(WrongData, ValueError):
    """A number is so large that the model's arithmetic cannot hold it; the library refuses such a row, too."""

    def __init__(self) -> None:
        super().__init__(
            "a number of the input is too large for the model to compute with",
            why="prepared for the model, it is beyond the range of floating-point numbers",
            mend='send the right unit, or write range = "refuse" or "clip" under [deploy.input]',
            code="N-SCORING-011",
        )


class Incomplete(WrongData, ValueError):
    """A value is missing where the model cannot do without; the library refuses such a row, too."""

    def __init__(self) -> None:
        super().__init__(
            "a value is missing that the model cannot do without",
            why="its preparation fills nothing in for that column",
            mend='send the value, or add an "impute" rule to [prepare] and train again',
            code="N-SCORING-013",
        )
