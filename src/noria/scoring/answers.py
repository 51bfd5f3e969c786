"""What a model said of a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

__all__ = ["Answer", "Answers", "Region", "label_text"]

Label = str | int | float | bool


def label_text(value: object) -> str:
    """Write a class as text, so that the 1 of a CSV file and the 1.0 of another are one class.

    Examples
    --------
    >>> label_text("bad"), label_text(1), label_text(1.0), label_text(True)
    ('bad', '1', '1', 'True')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Answer:
    """What the model said of one row.

    Attributes
    ----------
    prediction : str, int, float or bool
        The class, the value, or the number of the cluster.
    score : float or None
        Probability of the positive class, of the likeliest class where there are more than two, or the value itself;
        None for clusters.
    probabilities : mapping of str to float, optional
        One for each class.
    flags : tuple of str
        What was unusual about the row.
    """

    prediction: Label
    score: float | None
    probabilities: Mapping[str, float] | None
    flags: tuple[str, ...]


class Region(msgspec.Struct, frozen=True):
    """Where the truth of a row lies, at the level the version was calibrated for.

    Attributes
    ----------
    level : float
        Share of rows with the truth inside.
    low, high : float, optional
        Of a value.
    classes : sequence of str, optional
        Of a class: those it may be.
    """

    level: float
    low: float | None = None
    high: float | None = None
    classes: Sequence[str] | None = None


class Answers(msgspec.Struct, frozen=True):
    """What the model said of a batch, column by column.

    Attributes
    ----------
    predictions : sequence
        One a row.
    scores : sequence of float or None
        One a row.
    classes : tuple of str
        Texts of the classes; empty outside classification.
    probabilities : sequence of sequence of float, optional
        One list a row, in the order of `classes`.
    flags : sequence of tuple of str
        One a row.
    """

    predictions: Sequence[Label]
    scores: Sequence[float | None]
    classes: tuple[str, ...]
    probabilities: Sequence[Sequence[float]] | None
    flags: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.predictions)

    def row(self, number: int) -> Answer:
        """Give one row's answer."""
        shares = (
            None if self.probabilities is None else dict(zip(self.classes, self.probabilities[number], strict=True))
        )
        return Answer(self.predictions[number], self.scores[number], shares, self.flags[number])
