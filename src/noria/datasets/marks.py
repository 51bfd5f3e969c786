"""The columns noria adds to rows that came back from production."""

from __future__ import annotations

__all__ = ["COLLECTED", "RECENT"]

COLLECTED = "_noria_collected"
"""True for rows that came back from production; a split spreads them over both sides in their share."""

RECENT = "_noria_recent"
"""True for those of them that came in since the alert that led to their collection: what the world is like now."""
