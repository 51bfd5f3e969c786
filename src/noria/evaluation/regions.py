"""How far the truth may lie from an answer: what a version's signature keeps of conformal prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Regions"]


@dataclass(frozen=True)
class Regions:
    """How far the truth may lie from an answer.

    Attributes
    ----------
    level : float
        Share of rows that shall have the truth inside.
    quantile : float
        How far it may lie: in the target's units, or as probability that is gathered.
    by : str or None
        Column whose groups have quantiles of their own.
    quantiles : mapping of str to float
        By group; one that is not here has the one of all.
    """

    level: float
    quantile: float
    by: str | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Give it as JSON."""
        return {**vars(self), "quantiles": dict(self.quantiles)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Regions:
        """Read what `to_json` gave."""
        return cls(**data)
