"""What a candidate gave on a fold, kept by whoever runs the search: one that was killed need not find it again."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WORTH_SECONDS", "Found", "Keeper"]

WORTH_SECONDS = 0.05
"""A fold that takes less is done again sooner than it is kept."""

_LAYOUT = 1


class Keeper(Protocol):
    """Keeps bytes under what they are of."""

    def recall(self, part: Mapping[str, object]) -> bytes | None:
        """Give the bytes, or None."""

    def keep(self, part: Mapping[str, object], data: bytes, *, seconds: float) -> None:
        """Keep them."""


@dataclass(frozen=True)
class Found:
    """What a candidate found on a fold.

    Parameters
    ----------
    error : float
        By the metric.
    answers : ndarray of float64
        About the rows of the fold: probabilities, shape (n_rows, n_classes), or values, shape (n_rows,).
    seconds : float
        That it took.
    rounds : tuple of (int, int), or None
        Rounds of a booster or network, and the rows they were found on.
    notes : tuple of str
        What the libraries had to say.
    curve : mapping of str to tuple of float
        Losses of a network, epoch by epoch.

    Examples
    --------
    >>> found = Found(0.25, np.array([0.5, 1.0]), 1.5, (80, 400), ("did not converge",))
    >>> back = Found.read(found.to_bytes())
    >>> back.error, back.answers.tolist(), back.seconds, back.rounds, back.notes
    (0.25, [0.5, 1.0], 1.5, (80, 400), ('did not converge',))
    >>> Found.read(b"of another layout") is None
    True
    """

    error: float
    answers: NDArray[np.float64]
    seconds: float
    rounds: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    curve: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Give a line of JSON, and the answers after it."""
        about = {"layout": _LAYOUT, "error": self.error, "seconds": self.seconds, "rounds": self.rounds}
        file = io.BytesIO()
        np.save(file, self.answers, allow_pickle=False)
        told = {"notes": self.notes, **({"curve": dict(self.curve)} if self.curve else {})}
        return json.dumps({**about, **told}).encode() + b"\n" + file.getvalue()

    @classmethod
    def read(cls, data: bytes) -> Found | None:
        """Read it back; None where it is of another layout."""
        try:
            line, _, rest = data.partition(b"\n")
            about = json.loads(line)
            answers = np.load(io.BytesIO(rest), allow_pickle=False)
            rounds = None if about["rounds"] is None else (int(about["rounds"][0]), int(about["rounds"][1]))
            if about["layout"] != _LAYOUT or answers.dtype != np.float64:
                return None
            curve = {str(name): tuple(map(float, losses)) for name, losses in about.get("curve", {}).items()}
            return cls(float(about["error"]), answers, float(about["seconds"]), rounds, tuple(about["notes"]), curve)
        except (ValueError, LookupError, TypeError, EOFError, AttributeError):
            return None
